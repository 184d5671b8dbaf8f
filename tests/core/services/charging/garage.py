"""A small world for charging: the real services on a real database, one fake supplier, a clock we set.

garage = Garage(database)
session = garage.start()           # Lin's yes, and whatever follows from it at once
garage.pass_time(minutes=10)       # in steps, the jobs running all the while
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import event

from core.geo import Point
from core.ledger import available, topped_up
from core.money import Money
from core.outbox import Fate, MessageClass, OutboxRow, Result
from core.payments import Topup, TopupState
from core.ports import Booking, Database, ListsStations, UnitOfWork, Wallet
from core.services.catalogue import CatalogueService
from core.services.charging import ChargingService
from core.services.desk import SupplierDeskService
from core.services.outbox import Handler, OutboxService
from core.session import ChargingSession, FrozenQuote, SessionEvent
from core.station import ConnectorRef
from core.user import Channel, Identity
from storage.engine import open_engine
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.fakes import FakeSupplier
from tests.world import NoQueue, SetClock

KEY = b"a key for tests, thirty-two byte"
HERE = Point(22.5410, 114.0580)


def yuan(amount: str | Decimal | int) -> Money:
    return Money(int(Decimal(amount) * 100), "CNY")


def quick_database(path: Path) -> SqlDatabase:
    """A database in a file, for tests that kill processes and not machines: it need not wait for the disk."""
    engine = open_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda db, _: db.execute("PRAGMA synchronous = OFF"))
    return SqlDatabase(engine)


@dataclass
class Told:
    """core.services.charging.means.Tell, remembering what was said, once for each key."""

    said: dict[str, tuple[str, str, Mapping[str, object]]] = field(default_factory=dict)

    def __call__(
        self,
        unit: UnitOfWork,
        user_id: str,
        code: str,
        params: Mapping[str, object],
        *,
        klass: MessageClass,
        subject: str,
        state: str,
        at: object,
    ) -> int | None:
        self.said.setdefault(f"{klass}:{subject}:{state}", (user_id, code, params))
        return None

    @property
    def codes(self) -> list[str]:
        return [code for _, code, _ in self.said.values()]


def _heard(row: OutboxRow) -> Result:
    """The chat platform takes everything."""
    return Result(Fate.SENT)


class Garage:
    def __init__(
        self,
        database: Database,
        *,
        clock: SetClock | None = None,
        supplier: FakeSupplier | None = None,
        tell: Callable[..., int | None] | None = None,
        balance: str = "100",
        fresh: bool = True,
    ) -> None:
        """With `fresh` False it is another process on the same database, after the first one died."""
        self.database = database
        self.clock = clock or SetClock()
        self.supplier = supplier or FakeSupplier(self.clock)
        self.told = Told()
        self._tell = tell or self.told
        self._keys = itertools.count(1)
        self.catalogue = CatalogueService(database, NoChangeStream(), self.clock)
        self.rewire(database, self.supplier)
        self.guns: list[ConnectorRef] = []
        if fresh:
            self.supplier.builds("P1", HERE, guns=3)
            self.sync()
        self.guns = [gun.ref for gun in self.supplier.listed["P1"].connectors]
        self.lin, self.wei = (self._registered(number) for number in ("1001", "1002"))
        if fresh and Decimal(balance):
            self.top_up(self.lin, balance)

    def rewire(self, database: Database, source: ListsStations) -> None:
        """Services that reach the database and the supplier through something in between."""
        handlers: dict[str, Handler] = {}
        self.outbox = OutboxService(database, self.clock, NoQueue(), handlers)
        suppliers = {self.supplier.supplier.id: source}
        self.charging = ChargingService(
            database, self.clock, suppliers, tell=self._tell, ring=self.outbox.ring, key=KEY
        )
        handlers |= {"start": self.charging.send_start, "stop": self.charging.send_stop, "say": _heard}
        self.desk = SupplierDeskService(database, NoChangeStream(), self.clock, self.charging)

    def _registered(self, number: str) -> str:
        with self.database.write() as unit:
            return unit.users.register(Identity(Channel.TELEGRAM, number), "en", self.clock.now())[0].id

    def sync(self) -> None:
        """What the pulls do: the list, the states and the prices."""
        self.catalogue.load(self.supplier, doubt_shrinking=False)
        self.catalogue.pull_statuses(self.supplier)
        self.catalogue.pull_prices(self.supplier)

    def top_up(self, user_id: str, amount: str) -> None:
        number, at = f"T{next(self._keys)}{user_id}"[:32], self.clock.now()
        order = Topup(
            number, user_id, number, "sandbox", yuan(amount), TopupState.PAID, at, at + timedelta(hours=2),
            psp_transaction=number, paid_at=at,
        )  # fmt: skip
        with self.database.write() as unit:
            unit.payments.add_topup(order)
            unit.ledger.post(topped_up("sandbox", number, user_id, yuan(amount)), at)

    # --- the driver -------------------------------------------------------------------------------------------

    def quote(self, *, gun: int = 0, kwh: str = "20", user_id: str = "") -> FrozenQuote:
        return self.charging.quote(user_id or self.lin, self.guns[gun], Decimal(kwh))

    def say_yes(self, *, gun: int = 0, kwh: str = "20", user_id: str = "", grow_to: str = "") -> ChargingSession:
        """The yes alone; nothing is sent yet."""
        who = user_id or self.lin
        quote = self.quote(gun=gun, kwh=kwh, user_id=who)
        limit = yuan(grow_to) if grow_to else None
        return self.charging.start(who, quote.id, f"key-{quote.id}", grow_to=limit)

    def start(self, *, gun: int = 0, kwh: str = "20", user_id: str = "", grow_to: str = "") -> ChargingSession:
        """The yes, and what the outbox makes of it at once."""
        session = self.say_yes(gun=gun, kwh=kwh, user_id=user_id, grow_to=grow_to)
        self.work_outbox()
        return self.session(session.id)

    def stop(self, session: ChargingSession) -> ChargingSession:
        self.charging.stop(session.user_id, session.id)
        self.work_outbox()
        return self.session(session.id)

    # --- the jobs ---------------------------------------------------------------------------------------------

    def work_outbox(self) -> None:
        with self.database.read() as unit:
            due = unit.outbox.due(self.clock.now(), 100)
        for row_id in due:
            self.outbox.deliver(row_id)

    def run_jobs(self) -> None:
        self.work_outbox()
        self.charging.follow_due()
        self.charging.book_unbooked()
        self.charging.match_orphans()
        self.work_outbox()

    def pass_time(self, *, step_s: float = 20, **delta: float) -> None:
        """Time in steps, the jobs running after each."""
        left = timedelta(**delta)
        while left > timedelta(0):
            step = min(left, timedelta(seconds=step_s))
            self.clock.time += step
            left -= step
            self.run_jobs()

    # --- the supplier -----------------------------------------------------------------------------------------

    def pushes_record(self, session: ChargingSession, **changed: object) -> Booking | None:
        """The supplier's bill reaches the desk, and the jobs book it."""
        record = self.supplier.record_of(self.supplier.charges[session.start_seq])
        self.desk.record(self.supplier.supplier.id, replace(record, **changed))  # type: ignore[arg-type]  # of fields
        self.run_jobs()
        with self.database.read() as unit:
            return unit.bookings.get(self.supplier.supplier.id, str(changed.get("record_id", record.record_id)))

    def pushes_state(self, session: ChargingSession) -> None:
        update = self.supplier.live(self.supplier.charges[session.start_seq])
        self.desk.session(self.supplier.supplier.id, update)

    # --- looking ----------------------------------------------------------------------------------------------

    def session(self, session_id: str) -> ChargingSession:
        with self.database.read() as unit:
            found = unit.sessions.get(session_id)
        assert found is not None
        return found

    def diary(self, session: ChargingSession) -> list[SessionEvent]:
        with self.database.read() as unit:
            return unit.sessions.diary(session.id)

    def wallet(self, user_id: str = "") -> Wallet:
        with self.database.read() as unit:
            [wallet] = unit.ledger.wallets([user_id or self.lin])
        return wallet

    def free(self, user_id: str = "") -> Money:
        with self.database.read() as unit:
            return unit.ledger.balance(available(user_id or self.lin, "CNY"))

    def cases(self) -> list[str]:
        with self.database.read() as unit:
            return [f"{one.kind}: {one.detail}" for one in unit.cases.listed()]

    def check(self) -> None:
        """Every invariant of the money holds."""
        with self.database.read() as unit:
            breaches = list(unit.ledger.breaches(self.clock.now()))
        assert breaches == []
