"""The station index finds exactly what looking at every station would find, and keeps up with the database."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

import pytest
from geopy.distance import geodesic
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotReady
from core.geo import Point
from core.ports import Nearby
from core.station import ConnectorStatus, Plug, Station
from core.wishes import Filters
from storage.engine import open_engine
from storage.index import InMemoryStationIndex
from storage.index.sites import Sites
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import BAMBOO, LOTUS, NOON, gun, minutes, report, save, station, yuan
from tests.world import SetClock

HERE = Point(22.54, 114.05)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def sqlite(sqlite_url: str) -> SqlDatabase:
    return SqlDatabase(open_engine(sqlite_url))


@pytest.fixture
def index(sqlite: SqlDatabase, clock: SetClock) -> InMemoryStationIndex:
    return InMemoryStationIndex(sqlite, clock)


def near(index: InMemoryStationIndex, point: Point = HERE, radius_m: float = 5000, **more: Any) -> Nearby:
    asked: dict[str, Any] = {"radius_m": radius_m, "filters": Filters(), "at": NOON, "limit": 100}
    return index.nearby(point, **asked | more)


def names(nearby: Nearby) -> list[str]:
    return [hit.station.external_id for hit in nearby.hits]


# --- distances ------------------------------------------------------------------------------------------------


def world(seed: int, lat: float, lng: float, spread_m: float, count: int = 60) -> list[Station]:
    """Stations strewn around a point, also across the pole and the 180th meridian."""
    rnd = random.Random(seed)
    stations = []
    for number in range(count):
        there = geodesic(meters=spread_m * rnd.random() ** 0.5).destination((lat, lng), rnd.uniform(0, 360))
        stations.append(station(number, point=Point(there.latitude, there.longitude)))
    return stations


def check_against_everybody(stations: list[Station], lat: float, lng: float, radius_m: float) -> None:
    exact = {one.id: geodesic((lat, lng), (one.point.lat, one.point.lng)).m for one in stations}
    tolerance_m = 0.01 + radius_m * 5e-5
    found = Sites(stations).within(lat, lng, radius_m)
    metres = dict(found)
    assert all(abs(metre - exact[key]) <= tolerance_m for key, metre in metres.items())
    assert metres.keys() >= {key for key, metre in exact.items() if metre < radius_m - tolerance_m}
    assert metres.keys() <= {key for key, metre in exact.items() if metre <= radius_m + tolerance_m}
    assert [metre for _, metre in found] == sorted(metres.values())
    nearest = Sites(stations).nearest_m(lat, lng)
    assert nearest == pytest.approx(min(exact.values()), rel=1e-5, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lat=st.floats(-90, 90),
    lng=st.floats(-180, 180),
    radius_m=st.sampled_from([500, 5_000, 25_000, 60_000, 200_000]),
)
def test_the_circle_holds_what_geodesics_say(seed: int, lat: float, lng: float, radius_m: float) -> None:
    check_against_everybody(world(seed, lat, lng, radius_m * 1.5), lat, lng, radius_m)


@pytest.mark.parametrize("radius_m", [300, 5_000, 200_000])
@pytest.mark.parametrize(
    ("lat", "lng"), [(-16.8, 179.999), (65.0, -180.0), (0.0, 180.0), (90.0, 0.0), (-89.99, 12.0), (75.0, 20.0)]
)
def test_edges_of_the_map(lat: float, lng: float, radius_m: float) -> None:
    check_against_everybody(world(7, lat, lng, radius_m * 1.3), lat, lng, radius_m)


def test_the_other_side_of_the_world() -> None:
    sites = Sites([station(1, point=Point(-22.54, -65.95))])
    assert sites.nearest_m(22.54, 114.05) == pytest.approx(20_003_931, rel=2e-3)
    assert Sites([]).nearest_m(0, 0) is None
    assert Sites([]).within(0, 0, 1000) == []


# --- what is shown --------------------------------------------------------------------------------------------


def test_nearest_first_limited_and_filtered(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    save(
        sqlite,
        station("far", point=Point(22.56, 114.05)),
        station("near", point=Point(22.541, 114.05)),
        station("ac", gun(plug=Plug.TYPE2), point=Point(22.545, 114.05)),
        station("outside", point=Point(22.60, 114.05)),
        station("staff", point=HERE, public=False),
        replace(station("empty", point=HERE), connectors=()),
    )
    everything = near(index)
    assert names(everything) == ["near", "ac", "far"]
    assert everything.hits[0].distance_m == pytest.approx(110.7, abs=0.1)
    assert everything.hidden == 0
    assert names(near(index, limit=1)) == ["near"]
    dc_only = near(index, filters=Filters(plugs=frozenset({Plug.GBT_DC})), limit=1)
    assert (names(dc_only), dc_only.hidden) == (["near"], 1)
    assert index.get(station("staff").id) is None
    assert index.state().stations == 4


def test_free_now_needs_a_fresh_word(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    free = {"status": ConnectorStatus.FREE}
    save(
        sqlite,
        station("fresh", gun(1, **free, status_at=NOON - minutes(9))),
        station("stale", gun(2, **free, status_at=NOON - minutes(11))),
        station("busy", gun(3, status=ConnectorStatus.CHARGING, status_at=NOON)),
        station("blocked", gun(4, **free, status_at=NOON, bay_blocked=True)),
    )
    found = near(index, filters=Filters(free_now=True))
    assert (names(found), found.hidden) == (["fresh"], 3)
    later = near(index, filters=Filters(free_now=True), at=NOON + minutes(2))
    assert (names(later), later.hidden) == ([], 4)


def test_equal_ids_are_shown_once(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    """A known price first, then the fresher status, then the smaller supplier id."""
    with sqlite.write() as unit:
        unit.catalogue.add_tariffs([yuan("1")])
    free: dict[str, Any] = {"status": ConnectorStatus.FREE}
    twins: list[dict[str, Any]] = [{"global_id": "price"}, {"global_id": "status"}, {"global_id": "supplier"}]
    save(
        sqlite,
        station("p1", gun(1, **free, status_at=NOON), **twins[0]),
        station("p2", gun(2, tariff_id=yuan("1").id), supplier=BAMBOO, **twins[0]),
        station("s1", gun(3, **free, status_at=NOON - minutes(1)), supplier=BAMBOO, **twins[1]),
        station("s2", gun(4, **free, status_at=NOON), point=Point(22.541, 114.05), **twins[1]),
        station("b1", gun(5), **twins[2]),
        station("b2", gun(6), supplier=BAMBOO, **twins[2]),
        station("alone", gun(7)),
    )
    assert sorted(names(near(index))) == ["alone", "b2", "p2", "s2"]
    assert names(near(index))[-1] == "s2"
    assert {one.external_id for one in index.named("Station", 10)} == {"alone", "b2", "p2", "s2"}
    # A place with one passing description is shown by it and is not hidden by the other.
    free_now = near(index, filters=Filters(free_now=True))
    assert sorted(names(free_now)) == ["p1", "s2"]
    assert free_now.hidden == 2


def test_names_are_found_by_all_their_words(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    save(
        sqlite,
        station(1, name="深圳湾公园充电站", operator_name="特来电"),
        station(2, name="Lotus Road", address="Futian"),
        station(3, name="Futian Lotus", guide="behind the MALL"),
        station(4, name="Ｌｏｔｕｓ wide", address="Nanshan"),
    )
    assert [one.external_id for one in index.named("公园", 10)] == ["1"]
    assert [one.external_id for one in index.named("特来电 深圳湾", 10)] == ["1"]
    assert [one.external_id for one in index.named("FUTIAN lotus", 10)] == ["3", "2"]
    assert [one.external_id for one in index.named("mall", 10)] == ["3"]
    assert [one.external_id for one in index.named("lotus", 2)] == ["3", "2"]
    assert {one.external_id for one in index.named("lotus", 10)} == {"2", "3", "4"}
    assert index.named("roadfutian", 10) == []
    assert index.named("  ", 10) == []


# --- keeping up -----------------------------------------------------------------------------------------------


def test_it_loads_on_first_use(database: SqlDatabase, clock: SetClock) -> None:
    index = InMemoryStationIndex(database, clock)
    assert (index.state().ready, index.state().stations, index.state().refreshed_at) == (False, 0, None)
    save(database, station(1, gun(1, tariff_id=None)))
    with database.write() as unit:
        unit.catalogue.save_tariffs("lotus", [(gun(1).ref, yuan("1"))], NOON)
    assert names(near(index)) == ["1"]
    assert (index.state().ready, index.state().stations, index.state().refreshed_at) == (True, 1, NOON)
    assert index.tariffs([yuan("1").id, "unknown"]) == {yuan("1").id: yuan("1")}
    found = index.get(station(1).id)
    assert found is not None
    assert found.connectors[0].tariff_id == yuan("1").id


def test_a_database_that_is_away_is_not_an_empty_city(tmp_path: Any, clock: SetClock) -> None:
    index = InMemoryStationIndex(SqlDatabase(open_engine(f"sqlite:///{tmp_path}/none.db")), clock)
    with pytest.raises(NotReady):
        near(index)
    assert not index.state().ready


def test_refresh_takes_in_every_kind_of_change(database: SqlDatabase, clock: SetClock) -> None:
    index = InMemoryStationIndex(database, clock)
    save(database, station(1), station(2), station(3), station(4))
    assert index.refresh() == 4
    with database.write() as unit:
        unit.catalogue.save_statuses("lotus", [report(1, ConnectorStatus.FREE, NOON)], NOON)
        unit.catalogue.save_tariffs("lotus", [(gun(2).ref, yuan("2"))], NOON)
        new = [station(1), station(2), station(3, point=Point(22.55, 114.05)), station(5, name="New")]
        unit.catalogue.save_stations(new, NOON)
        unit.catalogue.remove_missing("lotus", {one.id for one in new}, NOON)
    assert index.refresh() == 5
    assert sorted(names(near(index))) == ["1", "2", "3", "5"]
    assert sorted(names(near(index, radius_m=100))) == ["1", "2", "5"]
    assert index.get(station(4).id) is None
    assert [one.external_id for one in index.named("new", 5)] == ["5"]
    first, second = index.get(station(1).id), index.get(station(2).id)
    assert first is not None
    assert second is not None
    assert first.connectors[0].status is ConnectorStatus.FREE
    assert index.tariffs([second.connectors[0].tariff_id or ""]) == {yuan("2").id: yuan("2")}
    assert index.refresh() == 0


def test_two_writes_of_one_moment_are_both_seen(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    save(sqlite, station(1))
    index.refresh()
    for name in ("one", "two", "three"):
        save(sqlite, station(1, name=name))
        assert index.refresh() == 1
        found = index.get(station(1).id)
        assert found is not None
        assert found.name == name


def test_what_was_committed_late_is_found(sqlite: SqlDatabase, index: InMemoryStationIndex, clock: SetClock) -> None:
    index.refresh()
    clock.advance(seconds=20)
    index.refresh()
    save(sqlite, station(1), at=NOON + minutes(-0.1))  # began before the last look
    assert index.refresh() == 1
    clock.advance(minutes=10)
    index.refresh()
    save(sqlite, station(2), at=NOON + minutes(1))  # a long import
    clock.advance(seconds=61)
    assert index.refresh() == 1
    assert sorted(names(near(index))) == ["1", "2"]


def test_applying_ids_looks_only_at_them(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    save(sqlite, station(1), station(2))
    index.refresh()
    sites = index._loaded.sites if index._loaded else None
    with sqlite.write() as unit:
        news = [report(1, ConnectorStatus.FREE, NOON), report(2, ConnectorStatus.FREE, NOON)]
        unit.catalogue.save_statuses("lotus", news, NOON)
    assert index.apply([station(1).id, station(1).id]) == 1
    states = [one.connectors[0].status for one in (index.get(station(1).id), index.get(station(2).id)) if one]
    assert states == [ConnectorStatus.FREE, ConnectorStatus.UNKNOWN]
    assert index._loaded is not None
    assert index._loaded.sites is sites  # nobody moved: nothing was rebuilt
    assert index.apply([]) == 0
    assert index.apply(["unknown"]) == 1


def test_readers_and_a_writer_at_once(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    save(sqlite, *(station(number) for number in range(50)))
    index.refresh()
    stop, failures = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                assert len(near(index).hits) >= 40
                assert len(index.named("station", 100)) >= 40
            except Exception as error:  # noqa: BLE001 - told to the test below
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(10):
        kept = [station(number, name=f"station {turn}") for number in range(50) if number % 10 != turn % 10]
        with sqlite.write() as unit:
            unit.catalogue.save_supplier(LOTUS)
            unit.catalogue.save_stations(kept, NOON)
            unit.catalogue.remove_missing("lotus", {one.id for one in kept}, NOON)
        index.refresh()
    stop.set()
    for reader in readers:
        reader.join(10)
    assert failures == []
    assert len(near(index).hits) == 45
