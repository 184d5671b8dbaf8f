"""Merging over a real database: what a run finds, that it looks only where something changed, and what people say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import NotFound
from core.geo import Datum, Point
from core.merging import Method, Part
from core.ports import Database
from core.services.merging import MergeReport, MergingService
from core.station import Connector, ConnectorRef, ConnectorStatus, Station, StatusReport, Supplier, station_key
from core.tariff import flat_tariff
from core.wishes import Sort, Wishes
from storage.redis_stream import NoChangeStream
from tests.world import Listed, World, make_world

SUPPLIERS = {
    key: Supplier(key, "test", f"{key} charging", attribution=f"{key} data") for key in ("ant", "bee", "cat")
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def merging(world: World) -> MergingService:
    return MergingService(world.services.database, NoChangeStream(), world.clock)


def station(supplier: str, number: str, lat: float = 22.5410, lng: float = 114.0580, **more: Any) -> Station:
    plain: dict[str, Any] = {
        "id": station_key(supplier, number),
        "supplier_id": supplier,
        "external_id": number,
        "name": "Riverside Gardens",
        "point": Point(lat, lng),
        "connectors": tuple(Connector(ConnectorRef(supplier, f"{number}:{n}")) for n in range(4)),
        "time_zone": "Asia/Shanghai",
    }
    return Station(**plain | more)


def load(world: World, *stations: Station) -> None:
    """What each supplier lists from now on."""
    for supplier in sorted({one.supplier_id for one in stations}):
        tell(world, supplier, *(one for one in stations if one.supplier_id == supplier))


def tell(world: World, supplier: str, *stations: Station) -> None:
    world.clock.advance(seconds=1)
    world.load(Listed(list(stations), SUPPLIERS[supplier]))


def run(merging: MergingService) -> MergeReport:
    report = merging.run()
    assert report is not None
    return report


def groups(database: Database) -> set[frozenset[str]]:
    """The places as sets of stations."""
    with database.read() as unit:
        links = unit.links.links().values()
    places: dict[str, set[str]] = {}
    for link in links:
        if link.part is not Part.SPLIT:
            places.setdefault(link.place_id, set()).add(link.station_id)
    return {frozenset(members) for members in places.values()}


# --- what is found and shown ----------------------------------------------------------------------------------


def test_one_place_with_the_offers_of_all_and_the_guns_of_one(world: World, merging: MergingService) -> None:
    cheap, dear = flat_tariff("CNY", Decimal("1.10")), flat_tariff("CNY", Decimal("1.50"))
    seen = world.clock.now()
    ant = station("ant", "1")
    bee = station("bee", "1", lng=114.0582)

    def with_guns(one: Station, tariff: Any, free: int, minutes: int) -> Station:
        live = {"tariff_id": tariff.id, "price_seen_at": seen, "no_price": None}
        at = seen - timedelta(minutes=minutes)
        states = [ConnectorStatus.FREE if n < free else ConnectorStatus.CHARGING for n in range(4)]
        guns = tuple(
            replace(gun, status=state, status_at=at, **live)
            for gun, state in zip(one.connectors, states, strict=True)
        )
        return replace(one, connectors=guns)

    for told, tariff in ((with_guns(ant, dear, 1, 1), dear), (with_guns(bee, cheap, 3, 7), cheap)):
        world.load(Listed([told], SUPPLIERS[told.supplier_id], {tariff.id: tariff}))
    finder = world.services.finder
    assert [len(one.also) for one in finder.near(world.here, Wishes()).offers] == [0, 0]
    report = run(merging)
    assert (report.places, report.changed) == (1, 2)
    world.services.index.refresh()
    for sort in (Sort.RECOMMENDED, Sort.PRICE):
        found = finder.near(world.here, Wishes(sort=sort))
        (one,) = found.offers
        assert one.quote is not None
        assert (one.station.supplier_id, str(one.quote.total.decimal)) == ("bee", "33.00")
        (other,) = one.also
        assert other.quote is not None
        assert (other.station.supplier_id, str(other.quote.total.decimal)) == ("ant", "45.00")
        # Four guns, not eight; the word of a minute ago, not that of seven.
        assert (one.guns.total, one.guns.free, one.guns_from) == (4, 1, "ant")
        assert other.guns == one.guns
        assert found.credits == ("bee data", "ant data")
        assert found.total == 1
    asked = finder.station(ant.id, Wishes())
    assert (asked.station.id, [one.station.id for one in asked.also]) == (ant.id, [bee.id])
    assert (asked.guns.free, asked.also[0].also) == (1, ())


def test_evidence_is_kept_and_told(world: World, merging: MergingService) -> None:
    load(world, station("ant", "1"), station("bee", "1", lng=114.0583), station("cat", "far", lat=22.6))
    run(merging)
    (place,) = merging.places()
    assert {one.supplier_id for one in place.stations} == {"ant", "bee"}
    (evidence,) = place.evidence
    assert (evidence.method, evidence.name, evidence.guns) == (Method.LIKENESS, 1.0, (4, 4))
    assert evidence.distance_m == pytest.approx(30.8, abs=0.5)
    assert merging.places(station_key("bee", "1")) == [place]
    with pytest.raises(NotFound):
        merging.places(station_key("cat", "far"))


# --- people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_id", [False, True])
def test_a_split_is_never_undone(world: World, merging: MergingService, by_id: bool) -> None:
    shared: dict[str, Any] = {"global_id": "G1"} if by_id else {}
    pair = [station("ant", "1", **shared), station("bee", "1", **shared)]
    load(world, *pair)
    run(merging)
    world.services.index.refresh()
    assert len(world.services.finder.near(world.here, Wishes()).offers) == 1
    merging.split(pair[1].id, pair[0].id, "Lin")
    assert run(merging).changed == 2
    world.services.index.refresh()
    assert len(world.services.finder.near(world.here, Wishes()).offers) == 2
    assert merging.places() == []
    # Neither new lists nor a run that has forgotten everything joins them again.
    load(world, *(replace(one, address="12 High Street") for one in pair))
    assert run(merging).changed == 0
    fresh = MergingService(world.services.database, NoChangeStream(), world.clock)
    assert run(fresh).whole
    assert groups(world.services.database) == set()
    # Only a person does.
    assert merging.unsplit(pair[0].id, pair[1].id)
    assert not merging.unsplit(pair[0].id, pair[1].id)
    assert run(merging).changed == 2
    assert groups(world.services.database) == {frozenset(one.id for one in pair)}


def test_only_stations_that_exist_can_be_split(merging: MergingService) -> None:
    with pytest.raises(NotFound):
        merging.split("nobody", "nowhere", "Chen")


# --- running --------------------------------------------------------------------------------------------------


def test_a_state_is_no_reason_to_look_and_a_new_twin_is(world: World, merging: MergingService) -> None:
    distant = [station("ant", f"d{n}", lat=22.6 + n * 0.01, name=f"Place {n}") for n in range(20)]
    ant = station("ant", "1")
    load(world, ant, *distant)
    assert (run(merging).whole, run(merging).stations) == (True, 0)
    world.clock.advance(seconds=1)
    with world.services.database.write() as unit:
        report = StatusReport(ant.connectors[0].ref, ConnectorStatus.FREE, world.clock.now())
        assert unit.catalogue.save_statuses("ant", [report], world.clock.now())
    assert run(merging).stations == 0
    tell(world, "bee", station("bee", "1"))
    around = run(merging)
    assert (around.whole, around.stations, around.places, around.changed) == (False, 2, 1, 2)
    tell(world, "bee")
    assert run(merging).changed == 2
    assert groups(world.services.database) == set()


def test_two_runs_at_once_are_one(world: World, merging: MergingService) -> None:
    with world.services.database.write() as unit:
        assert unit.ticks.lease("merge_places", world.clock.now(), 900)
    assert merging.run() is None
    world.clock.advance(hours=1)
    assert merging.run() is not None, "a worker that died does not stop the others for ever"
    assert merging.run() is not None


def test_everything_is_compared_again_after_a_day(world: World, merging: MergingService) -> None:
    load(world, station("ant", "1"))
    assert [run(merging).whole, run(merging).whole] == [True, False]
    world.clock.advance(hours=25)
    assert run(merging).whole


@pytest.mark.parametrize("seed", range(6))
def test_looking_around_changes_finds_what_looking_at_everything_finds(
    world: World, merging: MergingService, seed: int
) -> None:
    """A crowd in which most pairs are close calls, changed again and again."""
    rnd = random.Random(seed)

    def random_station(supplier: str, n: int) -> Station:
        name = rnd.choice(["", f"Gate {n % 7}", f"Gate {n % 5} of the garden", "Riverside"])
        ids: dict[str, Any] = {"global_id": f"G{n % 9}"} if rnd.random() < 0.1 else {}
        guns = tuple(Connector(ConnectorRef(supplier, f"{n}:{g}")) for g in range(rnd.randint(1, 6)))
        lat, lng = 22.54 + 0.03 * rnd.random(), 114.05 + 0.03 * rnd.random()
        return station(supplier, str(n), lat, lng, name=name, connectors=guns, **ids)

    lists = {key: {n: random_station(key, n) for n in range(60)} for key in SUPPLIERS}
    load(world, *(one for listed in lists.values() for one in listed.values()))
    run(merging)
    for _ in range(6):
        supplier = rnd.choice(list(SUPPLIERS))
        for n in rnd.sample(range(70), 4):
            if n in lists[supplier] and rnd.random() < 0.4:
                del lists[supplier][n]
            else:
                lists[supplier][n] = random_station(supplier, n)
        tell(world, supplier, *lists[supplier].values())
        assert not run(merging).whole
    around = groups(world.services.database)
    assert len(around) > 5
    assert MergingService(world.services.database, NoChangeStream(), world.clock).run_all()
    assert groups(world.services.database) == around


# --- a wrong datum --------------------------------------------------------------------------------------------


def test_a_supplier_in_the_wrong_datum_is_reported_and_linked(world: World, merging: MergingService) -> None:
    rnd = random.Random(1)
    raw = [(22.5 + 0.2 * rnd.random(), 114.0 + 0.2 * rnd.random()) for _ in range(40)]

    def listed(supplier: str, datum: Datum) -> list[Station]:
        return [
            station(supplier, str(n), name="", point=Point(lat, lng, datum).wgs84, source_datum=datum)
            for n, (lat, lng) in enumerate(raw)
        ]

    load(world, *listed("ant", Datum.GCJ02), *listed("bee", Datum.WGS84))
    report = run(merging)
    assert [one.supplier_id for one in report.wrong_datums] == ["bee"]
    assert report.places >= 38
    (finding,) = merging.findings()
    assert (finding.supplier_id, finding.reason) == ("bee", "wrong_datum")
    assert "points read as wgs84 fit as gcj02" in finding.detail
    with world.services.database.read() as unit:
        assert [row.reason for row in unit.catalogue.quarantined("bee", 10)] == ["wrong_datum"]
    # A new station of theirs is linked with the shift removed, too, and stands where its twin is.
    raw.append((22.6, 114.3))
    load(world, *listed("ant", Datum.GCJ02), *listed("bee", Datum.WGS84))
    assert not run(merging).whole
    world.services.index.refresh()
    one, other = (world.services.index.get(station_key(key, "40")) for key in ("ant", "bee"))
    assert one is not None
    assert other is not None
    assert one.point == other.point
    # Once they have mended it, nothing is said any more.
    load(world, *listed("bee", Datum.GCJ02))
    assert run(merging).whole
    assert merging.findings() == []
