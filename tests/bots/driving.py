"""Money and charges for the tests of the front doors: a supplier with guns, and whoever pays in and drives up."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from core.charging import ChargeRecord
from core.money import Money
from core.services.catalogue import CatalogueService
from core.session import ChargingSession, SessionEvent
from core.station import ConnectorRef
from core.user import Channel, Identity
from storage.redis_stream import NoChangeStream
from tests.fakes import FakeSupplier
from tests.world import HERE, World

WARY = "<b>Sly</b> & Co"


def yuan(amount: str | int) -> Money:
    return Money(int(Decimal(amount) * 100), "CNY")


@dataclass
class Driving:
    """Fits a world out for charging. Money goes through the wallet's own service and the provider in memory."""

    world: World
    supplier: FakeSupplier = field(init=False)
    guns: list[ConnectorRef] = field(init=False)
    _keys: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.supplier = FakeSupplier(self.world.clock)
        self.world.services.suppliers["fake"] = self.supplier  # type: ignore[index]  # the world's own dict
        station = self.supplier.builds("P1", HERE, guns=3, name=WARY)
        self.guns = [gun.ref for gun in station.connectors]
        self.sync()

    def sync(self) -> None:
        """What the pulls do: the list, the states and the prices."""
        catalogue = CatalogueService(self.world.services.database, NoChangeStream(), self.world.clock)
        catalogue.load(self.supplier, doubt_shrinking=False)
        catalogue.pull_statuses(self.supplier)
        catalogue.pull_prices(self.supplier)
        self.world.services.index.refresh()

    def user_id(self, channel: Channel, external_id: str, language: str = "en") -> str:
        return self.world.services.accounts.greet(Identity(channel, external_id), language).user.id

    def tops_up(self, user_id: str, amount: str | int) -> str:
        """Paid in and booked; the order's id."""
        wallet = self.world.services.wallet
        order, _ = wallet.topup(user_id, yuan(amount), "sandbox", f"topup-key-{next(self._keys)}")
        self.world.payments.pays(order.id)
        wallet.check_topup(user_id, order.id)
        return order.id

    def begins(self, user_id: str, *, kwh: str = "20", gun: int = 0) -> ChargingSession:
        """The yes, and whatever follows from it at once."""
        charging = self.world.services.charging
        quote = charging.quote(user_id, self.guns[gun], Decimal(kwh))
        session = charging.start(user_id, quote.id, f"start-key-{next(self._keys)}")
        self.runs_jobs()
        return session

    def ends(self, session: ChargingSession, **record: object) -> ChargingSession:
        """Ten minutes later it is stopped, and the supplier's bill comes; `record` says what is odd about it."""
        services = self.world.services
        self.world.clock.time += timedelta(minutes=10)
        self.runs_jobs()
        services.charging.stop(session.user_id, session.id)
        self.runs_jobs()
        bill = replace(self.supplier.record_of(self.supplier.charges[self._seq(session)]), **record)  # type: ignore[arg-type]
        services.charging.book_record("fake", self._stored(bill))
        self.runs_jobs()
        return self.now(session)

    def now(self, session: ChargingSession) -> ChargingSession:
        return self.now_by_id(session.id)

    def now_by_id(self, session_id: str) -> ChargingSession:
        with self.world.services.database.read() as unit:
            found = unit.sessions.get(session_id)
        assert found is not None
        return found

    def diary(self, session: ChargingSession) -> list[SessionEvent]:
        with self.world.services.database.read() as unit:
            return unit.sessions.diary(session.id)

    def runs_jobs(self) -> None:
        services = self.world.services
        for _ in range(2):
            with services.database.read() as unit:
                due = unit.outbox.due(self.world.clock.now(), 100)
            for row_id in due:
                services.outbox.deliver(row_id)
            services.charging.follow_due()

    def _seq(self, session: ChargingSession) -> str:
        return self.now(session).start_seq

    def _stored(self, bill: ChargeRecord) -> ChargeRecord:
        with self.world.services.database.write() as unit:
            unit.records.add_record("fake", bill, self.world.clock.now())
        return bill
