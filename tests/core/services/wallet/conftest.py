"""A wallet over a real database, a provider in memory, the real outbox; the books are checked after every test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from core.money import Money
from core.outbox import NewRow, OutboxState
from core.payments import OrderReport, Refund, Topup
from core.ports import Case, CaseKind, PaymentProvider, Wallet
from core.services.outbox import OutboxService
from core.services.wallet import WalletService
from core.user import Channel, Identity
from storage.unit_of_work import SqlDatabase
from tests.paying import FakePayments
from tests.world import NoQueue, SetClock


def yuan(amount: int | str) -> Money:
    return Money(round(float(amount) * 100), "CNY")


@dataclass
class House:
    database: SqlDatabase
    clock: SetClock = field(default_factory=SetClock)
    keys: int = 0

    def __post_init__(self) -> None:
        self.sandbox = FakePayments(self.clock)
        self.card = FakePayments(self.clock, channel="card", currencies=frozenset({"EUR", "CNY"}))
        providers: dict[str, PaymentProvider] = {"sandbox": self.sandbox, "card": self.card}
        handlers: dict = {}
        self.outbox = OutboxService(self.database, self.clock, NoQueue(), handlers)
        self.wallet = WalletService(self.database, self.clock, providers, self.outbox.ring)
        handlers |= {
            "refund": self.wallet.send_refund,
            "complete_authorisation": self.wallet.complete_authorisation,
        }
        self.lin, self.wei = self.person("11"), self.person("12")

    def person(self, telegram_id: str) -> str:
        with self.database.write() as unit:
            identity = Identity(Channel.TELEGRAM, telegram_id)
            user, _ = unit.users.register(identity, "zh-CN", self.clock.now())
            unit.chats.used(identity, self.clock.now())
            return user.id

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    # --- what people do ---------------------------------------------------------------------------------------

    def order(self, amount: int, who: str = "", provider: FakePayments | None = None) -> Topup:
        channel = (provider or self.sandbox).channel
        topup, _ = self.wallet.topup(who or self.lin, yuan(amount), channel, self.key())
        return topup

    def tops_up(self, amount: int, who: str = "", provider: FakePayments | None = None) -> Topup:
        """Ordered, paid, told by a notice. A minute passes."""
        provider = provider or self.sandbox
        order = self.order(amount, who, provider)
        self.wallet.paid(provider.channel, provider.pays(order.id))
        self.clock.advance(minutes=1)
        return self.topup(order.id)

    def notice(self, report: OrderReport) -> Topup | None:
        return self.wallet.paid("sandbox", report)

    def works_off(self) -> None:
        """The outbox, until nothing in it is due."""
        while True:
            with self.database.read() as unit:
                due = unit.outbox.due(self.clock.now(), 50)
            if not [self.outbox.deliver(row) for row in due if self._is_ours(row)]:
                return

    def _is_ours(self, row_id: int) -> bool:
        with self.database.read() as unit:
            row = unit.outbox.get(row_id)
        return row is not None and row.kind != "say"

    # --- what is there ----------------------------------------------------------------------------------------

    def topup(self, topup_id: str) -> Topup:
        with self.database.read() as unit:
            found = unit.payments.topup(topup_id)
        assert found is not None
        return found

    def refund(self, refund_id: str) -> Refund:
        with self.database.read() as unit:
            found = unit.payments.refund(refund_id)
        assert found is not None
        return found

    def money(self, who: str = "") -> Wallet | None:
        """The person's yuan."""
        return next((one for one in self.wallet.wallets(who or self.lin) if one.available.currency == "CNY"), None)

    def cases(self, kind: CaseKind) -> list[Case]:
        with self.database.read() as unit:
            return unit.cases.listed(kind=kind)

    def said(self) -> list[str]:
        """The codes of the messages written so far."""
        with self.database.read() as unit:
            rows = unit.outbox.in_states([OutboxState.PENDING], 100)
        return [json.loads(row.body)["code"] for row in reversed(rows) if row.kind == "say"]

    def writes(self, row: NewRow) -> None:
        with self.database.write() as unit:
            unit.outbox.add(row, self.clock.now())


def wallet_of(available: int | str, held: int | str = 0, refunding: int | str = 0) -> Wallet:
    return Wallet(yuan(available), yuan(held), yuan(refunding))


@pytest.fixture
def house(database: SqlDatabase) -> Iterator[House]:
    house = House(database)
    yield house
    with database.read() as unit:
        assert list(unit.ledger.breaches(house.clock.now())) == []
