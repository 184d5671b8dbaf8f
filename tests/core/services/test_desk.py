"""The desk: what a supplier pushes is there at once, once, and in every process."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.charging import ChargeRecord, ChargingState, SessionUpdate
from core.geo import Point
from core.ports import Freeze, RecordVerdict, SupplierDesk
from core.services.desk import SupplierDeskService
from core.station import ConnectorRef, ConnectorStatus, Rejected, Station, StatusReport, station_key
from core.tariff import flat_tariff
from storage.unit_of_work import SqlDatabase
from tests.fakes import FakeSupplier
from tests.world import HERE, NOW, SetClock, World, make_world


class Megaphone:
    """A change stream that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def publish(self, station_ids: Sequence[str]) -> None:
        self.told.extend(station_ids)

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        return after, []


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def stream() -> Megaphone:
    return Megaphone()


@pytest.fixture
def desk(database: SqlDatabase, stream: Megaphone, clock: SetClock) -> SupplierDeskService:
    return SupplierDeskService(database, stream, clock)


@pytest.fixture
def station(clock: SetClock) -> Station:
    return FakeSupplier(clock, "acme").builds("A1", HERE)


def frozen(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.freezes.freeze(Freeze("acme", "half gone", "kilowatch", NOW))


def gun(desk: SupplierDesk) -> tuple[ConnectorStatus, str | None]:
    """State and tariff of the first gun."""
    held = desk.station("acme", "A1")
    assert held is not None
    return held.connectors[0].status, held.connectors[0].tariff_id


def test_a_supplier_may_push_before_it_is_pulled(
    desk: SupplierDeskService, station: Station, stream: Megaphone, database: SqlDatabase
) -> None:
    desk.stations("acme", [station], [Rejected("A2", "bad_coordinates", raw="{}")])
    assert desk.station("acme", "A1") == station
    assert desk.station("acme", "A2") is None
    assert stream.told == [station.id]
    with database.read() as unit:
        state = unit.catalogue.suppliers()[0]
        assert (state.supplier.id, state.stations, dict(state.last_success_at)) == ("acme", 1, {"push": NOW})
        assert [row.external_id for row in unit.catalogue.quarantined("acme", 9)] == ["A2"]


def test_a_repeated_push_changes_nothing(desk: SupplierDeskService, station: Station, stream: Megaphone) -> None:
    desk.stations("acme", [station])
    desk.stations("acme", [station])
    assert stream.told == [station.id]


def test_a_push_that_was_overtaken_is_dropped(desk: SupplierDeskService, station: Station) -> None:
    new = replace(station, name="New name", updated_at=NOW)
    desk.stations("acme", [new])
    desk.stations("acme", [replace(station, updated_at=NOW - timedelta(seconds=1))])
    assert desk.station("acme", "A1") == new
    newer = replace(station, updated_at=NOW + timedelta(seconds=1))
    desk.stations("acme", [newer])
    assert desk.station("acme", "A1") == newer


def test_a_date_in_the_future_does_not_make_a_station_deaf(desk: SupplierDeskService, station: Station) -> None:
    desk.stations("acme", [replace(station, updated_at=NOW + timedelta(days=900))])
    corrected = replace(station, name="Corrected", updated_at=NOW)
    desk.stations("acme", [corrected])
    assert desk.station("acme", "A1") == corrected


def test_nobody_tells_the_stations_of_another(desk: SupplierDeskService, station: Station) -> None:
    with pytest.raises(ValueError, match="its own"):
        desk.stations("other", [station])
    desk.stations("acme", [station])
    desk.removed("other", ["A1"])
    assert desk.station("acme", "A1") == station
    assert not desk.statuses("other", [StatusReport(station.connectors[0].ref, ConnectorStatus.FREE, NOW)])


def test_a_station_is_removed_once(desk: SupplierDeskService, station: Station, stream: Megaphone) -> None:
    desk.stations("acme", [station])
    desk.removed("acme", ["A1", "never"])
    desk.removed("acme", ["A1"])
    assert desk.station("acme", "A1") is None
    assert stream.told == [station.id, station.id]


def test_a_price_that_came_unasked_is_marked(
    desk: SupplierDeskService, station: Station, database: SqlDatabase, clock: SetClock
) -> None:
    price = flat_tariff("CNY", Decimal("1.20"))
    with database.write() as unit:
        unit.catalogue.add_tariffs([price])
    first, *others = station.connectors
    desk.stations("acme", [replace(station, connectors=(replace(first, tariff_id=price.id), *others))])
    clock.advance(minutes=1)
    desk.prices("acme", [(first.ref, flat_tariff("CNY", Decimal("1.10")))])
    with database.write() as unit:
        assert [one.pushed for one in unit.prices.take(10)] == [True, True]


def test_states_and_prices_are_applied(desk: SupplierDeskService, station: Station, stream: Megaphone) -> None:
    desk.stations("acme", [station])
    ref = station.connectors[0].ref
    report = StatusReport(ref, ConnectorStatus.CHARGING, NOW)
    assert desk.statuses("acme", [report])
    assert desk.statuses("acme", [report])  # again: known, and nothing new
    price = flat_tariff("CNY", Decimal("1.3"))
    desk.prices("acme", [(ref, price)])
    assert gun(desk) == (ConnectorStatus.CHARGING, price.id)
    assert stream.told == [station.id] * 3


def test_states_of_guns_that_nobody_knows_are_said_to_be_so(desk: SupplierDeskService, station: Station) -> None:
    unknown = StatusReport(ConnectorRef("ACME", "nowhere"), ConnectorStatus.FREE, NOW)
    assert not desk.statuses("acme", [unknown])
    desk.stations("acme", [station])
    known = StatusReport(station.connectors[0].ref, ConnectorStatus.FREE, NOW)
    assert desk.statuses("acme", [unknown, known])
    desk.removed("acme", ["A1"])
    assert not desk.statuses("acme", [known])


def test_many_pushes_at_once_are_all_applied_and_answered(desk: SupplierDeskService, clock: SetClock) -> None:
    suppliers = {name: FakeSupplier(clock, name) for name in ("acme", "other")}
    refs = []
    for name, supplier in suppliers.items():
        built = [supplier.builds(f"{name}{n}", HERE, guns=1) for n in range(10)]
        desk.stations(name, built)
        refs += [(name, one.connectors[0].ref) for one in built]
    refs += [("acme", ConnectorRef("FAKE00001", f"nobody{n}")) for n in range(10)]

    def push(named: tuple[str, ConnectorRef]) -> bool:
        return desk.statuses(named[0], [StatusReport(named[1], ConnectorStatus.CHARGING, NOW)])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(push, refs)) == [True] * 20 + [False] * 10
    for name in suppliers:
        for n in range(10):
            held = desk.station(name, f"{name}{n}")
            assert held is not None
            assert held.connectors[0].status is ConnectorStatus.CHARGING


def test_states_in_a_transaction_of_the_callers_are_its_own(
    desk: SupplierDeskService, station: Station, stream: Megaphone, database: SqlDatabase
) -> None:
    desk.stations("acme", [station])
    ref, nobody = station.connectors[0].ref, ConnectorRef("ACME", "nowhere")
    told = {"acme": [StatusReport(one, ConnectorStatus.CHARGING, NOW) for one in (ref, nobody)]}
    with suppress(ZeroDivisionError), database.write() as unit:
        desk.take_states(unit, told)
        raise ZeroDivisionError
    assert gun(desk)[0] is not ConnectorStatus.CHARGING
    with database.write() as unit:
        taken = desk.take_states(unit, told)
    assert taken.known == {"acme": {ref}}
    assert gun(desk)[0] is ConnectorStatus.CHARGING
    assert stream.told == [station.id]  # by the call that made it: nobody hears of what is not committed
    desk.announce(taken)
    assert stream.told == [station.id] * 2


def test_a_frozen_supplier_is_heard_and_not_believed(
    desk: SupplierDeskService, station: Station, stream: Megaphone, database: SqlDatabase
) -> None:
    desk.stations("acme", [station])
    before = gun(desk)
    frozen(database)
    ref = station.connectors[0].ref
    desk.stations("acme", [replace(station, name="Lies")])
    desk.removed("acme", ["A1"])
    desk.prices("acme", [(ref, flat_tariff("CNY", Decimal("0.01")))])
    assert desk.statuses("acme", [StatusReport(ref, ConnectorStatus.FREE, NOW)])  # it knows the gun, that is all
    assert desk.station("acme", "A1") == station
    assert gun(desk) == before
    assert stream.told == [station.id]


SESSION = SessionUpdate("S1", ConnectorRef("ACME", "1"), ChargingState.CHARGING, NOW)
RECORD = ChargeRecord("R1", "S1", SESSION.ref, NOW, NOW, Decimal(30), Decimal(45), "CNY", raw='{"kWh": 30}')


@pytest.mark.parametrize("is_frozen", [False, True])
def test_money_facts_are_kept_whatever_we_think_of_the_supplier(
    desk: SupplierDeskService, database: SqlDatabase, is_frozen: bool
) -> None:
    if is_frozen:
        frozen(database)
    desk.session("acme", SESSION)
    assert [desk.record("acme", RECORD) for _ in range(2)] == [RecordVerdict.NEW, RecordVerdict.REPEATED]
    with database.read() as unit:
        assert unit.records.session("acme", "S1") == SESSION
        assert unit.records.record("acme", "R1") == RECORD


def test_a_record_that_contradicts_itself_is_in_quarantine_whole(
    desk: SupplierDeskService, database: SqlDatabase
) -> None:
    desk.record("acme", RECORD)
    other = replace(RECORD, total_cost=Decimal(450), raw='{"kWh": 30, "cost": 450}')
    assert desk.record("acme", other) is RecordVerdict.CONFLICT
    with database.read() as unit:
        row = unit.catalogue.quarantined("acme", 9)[0]
    assert (row.external_id, row.reason, row.raw) == ("R1", "record_conflict", other.raw)


def test_that_it_speaks_is_noted_now_and_then(
    desk: SupplierDeskService, station: Station, clock: SetClock, database: SqlDatabase
) -> None:
    def heard_at() -> datetime:
        with database.read() as unit:
            return unit.catalogue.suppliers()[0].last_success_at["push"]

    desk.stations("acme", [station])
    clock.advance(seconds=10)
    desk.removed("acme", [])
    assert heard_at() == datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    clock.advance(seconds=30)
    desk.removed("acme", [])
    assert heard_at() == clock.now()


def test_the_driver_finds_what_was_pushed(tmp_path: Path) -> None:
    world: World = make_world(tmp_path)
    station = FakeSupplier(world.clock, "acme").builds("A1", Point(HERE.lat, HERE.lng))
    world.services.desk.stations("acme", [station])
    world.services.index.refresh()
    assert world.services.index.get(station_key("acme", "A1")) == station
