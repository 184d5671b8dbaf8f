"""A driver's way through a charge at the sandbox operator: our real services, our real adapters, HTTP between them.

The sandbox keeps its own books; nothing of ours writes there. Both clocks stand until a journey moves them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask

from adapters.ocpi import callbacks
from adapters.sandbox.city import City
from bots.wording import messages, wording
from core.ledger import available, topped_up
from core.money import Money, round_once
from core.outbox import Fate, OutboxRow, Result
from core.payments import Topup, TopupState
from core.services.catalogue import CatalogueService
from core.services.charging import ChargingService
from core.services.desk import SupplierDeskService
from core.services.notify import tell
from core.services.outbox import Handler, OutboxService
from core.session import ChargingSession
from core.station import ConnectorRef
from core.tariff import Tariff
from core.user import Channel, Identity
from storage.engine import open_engine
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.adapters.cec.customer import Customer
from tests.adapters.ocpi.partner import serving
from tests.adapters.sandbox.guest import BEFORE_EIGHT
from tests.adapters.sandbox.process import SandboxProcess
from tests.adapters.sandbox.test_ocpi import OcpiGuest
from tests.databases import database_in
from tests.world import NoQueue, SetClock

Site = Customer | OcpiGuest


class Trip:
    """Lin at the operator's guns, over one protocol."""

    def __init__(self, site: Site) -> None:
        self.site, self.database = site, site.database
        self.clock = SetClock(BEFORE_EIGHT)
        self.said: list[str] = []
        handlers: dict[str, Handler] = {}
        self.outbox = OutboxService(self.database, self.clock, NoQueue(), handlers)
        suppliers: dict[str, Any] = {site.supplier_id: site.supplier}
        self.charging = ChargingService(
            self.database, self.clock, suppliers, tell=tell, ring=self.outbox.ring, key=b"of a journey"
        )
        handlers |= {"start": self.charging.send_start, "stop": self.charging.send_stop, "say": self._hear}
        site.desk = SupplierDeskService(self.database, NoChangeStream(), self.clock, self.charging)
        self.lin = ""
        self.paid_in = 0

    def _hear(self, row: OutboxRow) -> Result:
        """As the chat would show it; `pytest -s` prints what the driver reads, in both languages."""
        self.said.append(row.dedupe_key.split(":", 2)[2].split(":")[0])
        body = json.loads(row.body)
        for language in ("zh-CN", "en"):
            said = messages.said(
                wording(language), body["code"], body["params"],
                time_zone="Asia/Shanghai", subject=row.subject, repeat=False,
            )  # fmt: skip
            print(f"  {self.clock.now():%H:%M:%S} {said.title} | {said.text.replace(chr(10), ' | ')}")
        return Result(Fate.SENT)

    def begin(self) -> None:
        """Another journey: the time is that of the site, and Lin has money."""
        self.clock.time = self.site._at
        self.said.clear()
        with self.database.write() as unit:
            self.lin = unit.users.register(Identity(Channel.TELEGRAM, "1001"), "en", self.clock.now())[0].id
        self.pay_in(Money(20_000, "CNY"))

    def pay_in(self, amount: Money) -> None:
        self.paid_in += 1
        number, at = f"T{self.paid_in}", self.clock.now()
        order = Topup(
            number, self.lin, number, "sandbox", amount, TopupState.PAID, at, at + timedelta(hours=2),
            psp_transaction=number, paid_at=at,
        )  # fmt: skip
        with self.database.write() as unit:
            unit.payments.add_topup(order)
            unit.ledger.post(topped_up("sandbox", number, self.lin, amount), at)

    # --- what Lin does ----------------------------------------------------------------------------------------

    def free_gun(self) -> ConnectorRef:
        """A gun that nobody has used, its price known as of now."""
        ref = self.site.free_gun()
        self.site.desk.prices(self.site.supplier_id, [(ref, self._tariff(ref))])
        return ref

    def _tariff(self, ref: ConnectorRef) -> Tariff:
        if isinstance(self.site, Customer):
            [(_, tariff)] = self.site.supplier.prices([ref])  # type: ignore[misc]  # a Rejected would be a failure
            return tariff
        with self.database.read() as unit:
            tariff_id = unit.catalogue.tariff_ids(self.site.supplier_id, [ref])[ref]
            return unit.catalogue.tariffs([tariff_id])[tariff_id]

    def start(self, ref: ConnectorRef, *, kwh: int = 30) -> ChargingSession:
        quote = self.charging.quote(self.lin, ref, Decimal(kwh))
        session = self.charging.start(self.lin, quote.id, f"tap-{quote.id}")
        self.run_jobs()
        return self.now(session)

    def stop(self, session: ChargingSession) -> ChargingSession:
        self.charging.stop(self.lin, session.id)
        self.work_outbox()
        return self.now(session)

    # --- what happens -----------------------------------------------------------------------------------------

    def pass_time(self, *, minutes: float, steps: int = 1) -> None:
        """At both clocks, the jobs running after each step."""
        for _ in range(steps):
            self.site.pass_time(minutes=minutes / steps)
            self.clock.advance(minutes=minutes / steps)
            self.run_jobs()

    def wait_days(self, days: float) -> None:
        """Our clock alone: the operator has nothing more to say."""
        self.clock.advance(days=days)
        self.run_jobs()

    def run_jobs(self) -> None:
        self.work_outbox()
        self.charging.follow_due()
        self.charging.book_unbooked()
        self.work_outbox()

    def work_outbox(self) -> None:
        with self.database.read() as unit:
            due = unit.outbox.due(self.clock.now(), 100)
        for row_id in due:
            self.outbox.deliver(row_id)

    def bill_comes(self, session: ChargingSession) -> ChargingSession:
        """The record is pushed over HTTP, and is booked by the time the push is answered or soon after."""
        self.site.record(session.start_seq)
        self.charging.book_unbooked()
        for _ in range(3):
            self.clock.advance(seconds=2)  # one message a second to one chat
            self.work_outbox()
        return self.now(session)

    # --- looking ----------------------------------------------------------------------------------------------

    def now(self, session: ChargingSession) -> ChargingSession:
        return self.charging.session([self.lin], session.id)

    def free(self) -> Money:
        with self.database.read() as unit:
            return unit.ledger.balance(available(self.lin, "CNY"))

    def truth(self, session: ChargingSession) -> Money:
        """What the operator's own books say the charge costs (I11)."""
        return round_once(self.site.booked(session.start_seq).total_cost, "CNY")

    def check(self) -> None:
        with self.database.read() as unit:
            assert list(unit.ledger.breaches(self.clock.now())) == []


@contextmanager
def over_cec(sandbox: SandboxProcess, city: City, folder: Path) -> Iterator[Trip]:
    customer = Customer(sandbox, city, folder, "cec-2016")
    trip = Trip(customer)
    with customer.listening():
        CatalogueService(customer.database, NoChangeStream(), trip.clock).load(
            customer.supplier, doubt_shrinking=False
        )
        yield trip


@contextmanager
def over_ocpi(sandbox: SandboxProcess, city: City, folder: Path) -> Iterator[Trip]:
    database = SqlDatabase(open_engine(database_in(folder)))
    web = Flask("guest")
    with serving(web) as our_url:
        guest = OcpiGuest(sandbox, city, database, our_url)
        trip = Trip(guest)
        web.register_blueprint(callbacks.blueprint([guest.config], guest.house, guest.desk))
        sandbox.pull("customer")
        guest.register()
        guest.arrive()
        guest.load()
        yield trip
        guest.leave()
        sandbox.pull("customer")
    database.close()
