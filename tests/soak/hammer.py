"""One of the hammer's hands: a process that does at random what drivers and jobs do, until it is killed.

    python -m tests.soak.hammer SEED LOG

Settings come from the environment, as for every process of the product. What was done goes to LOG, a line each.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import requests

import bootstrap
from core.errors import KilowatchError
from core.ledger import LedgerError
from core.money import Money
from core.payments import PaymentUnavailable
from core.services import Services
from core.station import ConnectorRef, ConnectorStatus
from core.user import Channel, Identity
from storage.errors import StorageUnavailable

DRIVERS = 40
GUNS = 80
KWH = Decimal(2)


class Hand:
    """Everything a driver can tap and a job can do."""

    def __init__(self, services: Services, seed: int) -> None:
        self.services, self.random = services, random.Random(seed)
        self.guns = free_guns(services)
        self.pay = requests.Session()
        self.pay.trust_env = False
        self.keys: list[str] = []
        self.operations: list[tuple[int, Callable[[], object]]] = [
            (6, self.top_up),
            (14, self.charge),
            (6, self.stop),
            (2, self.refund),
            (1, self.refund_everything),
            (10, lambda: deliver(services, 5)),
            (10, lambda: services.charging.follow_due(within_s=5)),
            (6, services.charging.book_unbooked),
            (4, self.look_at_payments),
            (4, lambda: services.notices.work("sandbox")),
            (1, services.books.report),
        ]

    def driver(self) -> str:
        """The same few people for all hands."""
        number = self.random.randrange(DRIVERS)
        return self.services.accounts.greet(Identity(Channel.TELEGRAM, f"{1000 + number}"), "en").user.id

    def key(self) -> str:
        """Mostly a new one; sometimes an old one again, as a second tap or a retry has it."""
        if self.keys and self.random.random() < 0.2:
            return self.random.choice(self.keys)
        self.keys = [*self.keys[-20:], f"k{self.random.randrange(10**12)}"]
        return self.keys[-1]

    def top_up(self) -> None:
        amount = Money(self.random.randrange(1_000, 10_000), "CNY")
        order, request = self.services.wallet.topup(self.driver(), amount, "sandbox", self.key())
        url = str(request.fields["url"])
        with suppress(requests.RequestException):
            self.pay.post(url, data={"choice": self.random.choice(["pay", "pay", "pay", "refuse"])}, timeout=5)
        if self.random.random() < 0.5:
            self.services.wallet.look_at_topup(order.id)

    def charge(self) -> None:
        driver = self.driver()
        quote = self.services.charging.quote(driver, self.random.choice(self.guns), KWH)
        self.services.charging.start(driver, quote.id, self.key())

    def stop(self) -> None:
        driver = self.driver()
        with self.services.database.read() as unit:
            busy = unit.sessions.busy_of(driver)
        if busy is not None:
            self.services.charging.stop(driver, busy.id)

    def refund(self) -> None:
        self.services.wallet.refund(self.driver(), Money(self.random.randrange(1, 3_000), "CNY"), self.key())

    def refund_everything(self) -> None:
        self.services.wallet.refund(self.driver(), None, self.key())

    def look_at_payments(self) -> None:
        topups, refunds = self.services.wallet.due()
        for topup_id in topups[:5]:
            self.services.wallet.look_at_topup(topup_id)
        for refund_id in refunds[:5]:
            self.services.wallet.look_at_refund(refund_id)

    def once(self) -> str:
        """One operation; what it was and how it ended."""
        weights, operations = zip(*self.operations, strict=True)
        operation = self.random.choices(operations, weights)[0]
        name = getattr(operation, "__name__", "").replace("<lambda>", "job")
        try:
            operation()
        except LedgerError:
            raise  # the books would be wrong: that is what we are here to find
        except (KilowatchError, PaymentUnavailable, StorageUnavailable) as refusal:
            return f"{name} {type(refusal).__name__}"
        return f"{name} ok"


def deliver(services: Services, most: int) -> None:
    """What is due in the outbox, as the worker does it."""
    with services.database.read() as unit:
        due = unit.outbox.due(services.clock.now(), most)
    for row_id in due:
        services.outbox.deliver(row_id)


def free_guns(services: Services) -> list[ConnectorRef]:
    """The same few guns for all hands, so that they get in each other's way."""
    found: list[ConnectorRef] = []
    with services.database.read() as unit:
        for station in sorted(unit.catalogue.stations(), key=lambda one: one.id):
            found += [gun.ref for gun in station.connectors if gun.status is ConnectorStatus.FREE]
    return found[:GUNS]


def main() -> None:
    seed, log = int(sys.argv[1]), Path(sys.argv[2])
    hand = Hand(bootstrap.build_services(bootstrap.start_process(), stations=False), seed)
    # One write per line: what was logged before a kill is whole.
    book = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        os.write(book, f"{hand.once()}\n".encode())


if __name__ == "__main__":
    main()
