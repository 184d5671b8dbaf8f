"""A small world for tests: the real services over a database in a temporary folder, and a clock we set.

world = make_world(tmp_path)
world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=3, guns=5)
found = world.services.finder.near(world.here, Wishes())
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from core.errors import TooMany
from core.geo import Point
from core.opening import ALWAYS, OpeningHours
from core.ports import ListsStations, PaymentProvider
from core.services import Services
from core.services.accounts import AccountService
from core.services.aftermath import AftermathService
from core.services.alerts import AlertService
from core.services.alerts.telling import TellingService
from core.services.books import BooksService
from core.services.cases import CaseService
from core.services.catalogue import CatalogueService
from core.services.charging import ChargingService
from core.services.desk import SupplierDeskService
from core.services.finder import StationFinder, learnt_lately
from core.services.guns import GunService
from core.services.inbox import Inbox
from core.services.linking import LinkingService, WaysOver
from core.services.login import Doors, LoginService
from core.services.merging import MergingService
from core.services.notify import tell
from core.services.outbox import Handler, OutboxService
from core.services.prices import PriceService
from core.services.privacy import PrivacyService
from core.services.reconciliation import ReconciliationService
from core.services.scanning import ScanningService
from core.services.wallet import WalletService
from core.services.wallet.notices import PaymentNotices
from core.services.watchdog import Watchdog
from core.services.watches import WatchService
from core.services.whereabouts import Whereabouts
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    NoPrice,
    Parking,
    Plug,
    Rejected,
    Station,
    Supplier,
    station_key,
)
from core.tariff import Tariff, flat_tariff, time_of_use_tariff
from storage.engine import open_engine
from storage.index import InMemoryStationIndex
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.databases import database_in
from tests.paying import FakePayments

HERE = Point(22.5410, 114.0580)
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # a Monday, noon in Shenzhen
SUPPLIER = Supplier("test", "test", "Testing Power", attribution="Testing Power, open data")


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def advance(self, **delta: float) -> None:
        self.time += timedelta(**delta)


class NoQueue:
    """Redis is away: nobody hears the bell."""

    def enqueue(self, job: str, *ids: str) -> bool:
        return False

    def ping(self) -> None:
        raise ConnectionError("no Redis here")


class CountingLimiter:
    """Lets `most` requests of each person through, then refuses."""

    def __init__(self, most: int = 10_000) -> None:
        self.most = most
        self.seen: dict[tuple[str, str], int] = {}

    def hit(self, bucket: str, who: str) -> None:
        count = self.seen[bucket, who] = self.seen.get((bucket, who), 0) + 1
        if count > self.most:
            raise TooMany(retry_after_s=7)


@dataclass
class Listed:
    """A supplier whose list is what the test says."""

    items: list[Station | Rejected]
    supplier: Supplier = SUPPLIER
    price_lists: dict[str, Tariff] = field(default_factory=dict)

    def stations(self) -> Iterator[Station | Rejected]:
        yield from self.items

    def tariffs(self) -> dict[str, Tariff]:
        return self.price_lists


@dataclass
class World:
    services: Services
    clock: SetClock
    limiter: CountingLimiter
    source: Listed
    payments: FakePayments  # the provider where people pay in
    here: Point = HERE
    others: int = 0  # suppliers that sell what the first one sells

    def station(
        self,
        name: str,
        lat: float,
        lng: float,
        *,
        price: str | None = None,
        service: str = "0",
        evening: str | None = None,
        currency: str = "CNY",
        free: int | None = None,
        guns: int = 4,
        power: str = "120",
        plug: Plug = Plug.GBT_DC,
        operator: str = "Lotus",
        parking: Parking | None = None,
        hours: OpeningHours = ALWAYS,
        price_text: str = "",
    ) -> Station:
        """Put a station into the catalogue. `evening` is the energy price from 20:00 to 08:00."""
        tariff = tariff_of(price, service, evening, currency)
        connectors = tuple(
            Connector(
                ref=ConnectorRef("TEST12345", f"{name}-{n}"),
                plug=plug,
                power_kw=Decimal(power),
                label=f"{n + 1:02d}",
                status=ConnectorStatus.UNKNOWN
                if free is None
                else ConnectorStatus.FREE
                if n < free
                else ConnectorStatus.CHARGING,
                status_at=None if free is None else self.clock.now(),
                tariff_id=tariff.id if tariff else None,
                price_seen_at=self.clock.now() if tariff else None,
                no_price=None if tariff else NoPrice.TEXT_ONLY if price_text else NoPrice.NOT_PUBLISHED,
            )
            for n in range(guns)
        )
        station = Station(
            id=station_key(self.source.supplier.id, name),
            supplier_id=self.source.supplier.id,
            external_id=name,
            name=name,
            point=Point(lat, lng),
            connectors=connectors,
            operator_id=operator,
            operator_name=operator,
            address=f"1 {name}, Futian",
            country="CN",
            time_zone="Asia/Shanghai",
            hours=hours,
            parking=parking or Parking(),
            price_text=price_text,
        )
        self.source.items = [one for one in self.source.items if getattr(one, "id", None) != station.id] + [station]
        if tariff:
            self.source.price_lists[tariff.id] = tariff
        self.load(self.source)
        return station

    def sold_also(self, station: Station, by: str, price: str | None) -> Station:
        """The same place told by another supplier, at a price of its own; `by` is that supplier's name."""
        tariff = flat_tariff("CNY", Decimal(price)) if price is not None else None
        priced = {"tariff_id": tariff.id, "no_price": None} if tariff else {"tariff_id": None, "price_seen_at": None}
        guns = tuple(replace(gun, status_at=None, **priced) for gun in station.connectors)
        self.others += 1
        supplier = Supplier(f"other{self.others}", "test", by)
        other = replace(
            station, id=station_key(supplier.id, "1"), supplier_id=supplier.id, external_id="1", connectors=guns
        )
        self.load(Listed([other], supplier, {tariff.id: tariff} if tariff else {}))
        self.services.merging.run()
        self.services.index.refresh()
        return other

    def load(self, source: ListsStations) -> None:
        self.services.catalogue.load(source, doubt_shrinking=False)
        self.services.index.refresh()


def tariff_of(price: str | None, service: str, evening: str | None, currency: str) -> Tariff | None:
    if price is None:
        return None
    if evening is None and service == "0":
        return flat_tariff(currency, Decimal(price))
    fee = Decimal(service)
    day = (time(8), Decimal(price), fee)
    night = (time(20), Decimal(evening or price), fee)
    return time_of_use_tariff(currency, "Asia/Shanghai", (day, night))


def make_world(
    folder: Path,
    *,
    database_url: str = "",
    public_url: str = "https://kilowatch.example",
    doors: Doors | None = None,
    ways: WaysOver | None = None,
) -> World:
    """A world of its own under `folder`, or on a migrated database elsewhere."""
    url = database_url or database_in(folder)
    clock = SetClock()
    database = SqlDatabase(open_engine(url))
    index = InMemoryStationIndex(database, clock)
    index.refresh()

    def suppliers() -> list:
        with database.read() as unit:
            return unit.catalogue.suppliers()

    limiter = CountingLimiter()
    handlers: dict[str, Handler] = {}
    outbox = OutboxService(database, clock, NoQueue(), handlers)
    suppliers_with_guns: dict[str, ListsStations] = {}
    charging = ChargingService(
        database, clock, suppliers_with_guns, tell=tell, ring=outbox.ring, key=b"a key for tests, thirty-two byte"
    )
    inbox, sandbox = Inbox(database, clock), FakePayments(clock)
    providers: dict[str, PaymentProvider] = {sandbox.channel: sandbox}
    wallet = WalletService(database, clock, providers, outbox.ring)
    handlers |= {
        "start": charging.send_start,
        "stop": charging.send_stop,
        "refund": wallet.send_refund,
        "complete_authorisation": wallet.complete_authorisation,
    }
    books = BooksService(database, clock)
    scanning, whereabouts = ScanningService(database, index, clock), Whereabouts(clock)
    cases = CaseService(database, clock, tell=tell, ring=outbox.ring, attach=charging.attach)
    alerts = AlertService(database, clock, outbox.ring)
    prices = PriceService(database, clock, alerts.on_ticks)
    services = Services(
        clock=clock,
        database=database,
        index=index,
        finder=StationFinder(index, suppliers, clock, reliability=lambda: learnt_lately(database, clock)),
        whereabouts=whereabouts,
        guns=GunService(database, clock, scanning, charging, wallet, whereabouts),
        aftermath=AftermathService(database, clock, cases),
        accounts=AccountService(database, clock),
        login=LoginService(database, clock, doors or Doors(local=True)),
        linking=LinkingService(database, clock, ways or WaysOver()),
        privacy=PrivacyService(database, clock),
        inbox=inbox,
        outbox=outbox,
        wallet=wallet,
        notices=PaymentNotices(inbox, wallet, providers),
        books=books,
        watchdog=Watchdog(database, clock, tell=tell, ring=outbox.ring),
        charging=charging,
        cases=cases,
        reconciliation=ReconciliationService(database, clock, books, wallet, suppliers_with_guns, providers),
        catalogue=CatalogueService(database, NoChangeStream(), clock),
        merging=MergingService(database, NoChangeStream(), clock),
        prices=prices,
        watches=WatchService(database, clock, prices),
        telling=TellingService(database, clock, prices),
        alerts=alerts,
        desk=SupplierDeskService(database, NoChangeStream(), clock, charging),
        limiter=limiter,
        queue=NoQueue(),
        suppliers=suppliers_with_guns,
        public_url=public_url,
    )
    return World(services, clock, limiter, Listed([]), sandbox)
