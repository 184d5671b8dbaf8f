"""Links and splits in the database, and one place with several suppliers in the station index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.geo import Point
from core.merging import Evidence, Link, Method, Part
from core.ports import Nearby
from core.station import ConnectorStatus, Station
from core.wishes import Filters
from storage.engine import open_engine
from storage.index import InMemoryStationIndex
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import BAMBOO, NOON, gun, minutes, save, station, yuan
from tests.world import SetClock

HERE = Point(22.54, 114.05)
ONE, OTHER = station(1), station(2, supplier=BAMBOO)
EVIDENCE = Evidence(
    ONE.id, OTHER.id, Method.LIKENESS, 0.81, 12.5, name=0.9, same_operator=True, guns=(2, 3), shifted=("bamboo",)
)


def linked(*stations: Station, shifted: tuple[str, ...] = ()) -> list[Link]:
    """The first one names the place."""
    anchor = stations[0].id
    parts = {anchor: Part.ANCHOR} | dict.fromkeys(shifted, Part.SHIFTED)
    return [Link(one.id, anchor, parts.get(one.id, Part.MEMBER)) for one in stations]


def keep(database: SqlDatabase, *links: Link, looked_at: tuple[str, ...] = ()) -> list[str]:
    with database.write() as unit:
        return unit.links.save(links, looked_at, NOON)


# --- the tables -----------------------------------------------------------------------------------------------


def test_links_come_back_as_they_went_and_are_written_once(database: SqlDatabase) -> None:
    save(database, ONE, OTHER)
    links = [Link(ONE.id, ONE.id, Part.ANCHOR), Link(OTHER.id, ONE.id, Part.MEMBER, (EVIDENCE,))]
    assert keep(database, *links) == sorted([ONE.id, OTHER.id])
    assert keep(database, *links) == []
    better = replace(links[1], evidence=(replace(EVIDENCE, score=0.9),))
    assert keep(database, better) == [], "the same place for a better reason is no news"
    with database.read() as unit:
        assert unit.links.links() == {ONE.id: links[0], OTHER.id: better}
        assert unit.links.links([OTHER.id, "unknown"]) == {OTHER.id: better}
        assert {link.station_id for link in unit.links.members([ONE.id])} == {ONE.id, OTHER.id}


def test_what_was_looked_at_and_has_no_link_stands_alone(database: SqlDatabase) -> None:
    save(database, ONE, OTHER)
    keep(database, *linked(ONE, OTHER))
    assert keep(database, looked_at=(OTHER.id,)) == [OTHER.id]
    with database.read() as unit:
        assert set(unit.links.links()) == {ONE.id}


def test_a_change_of_place_counts_as_a_write(database: SqlDatabase) -> None:
    save(database, ONE, OTHER)
    with database.write() as unit:
        unit.links.save(linked(ONE, OTHER), (), NOON + minutes(5))
    with database.read() as unit:
        assert set(unit.catalogue.changed_since(NOON + minutes(1))) == {ONE.id, OTHER.id}


def test_a_split_is_kept_once_whichever_way_round(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.links.split(OTHER.id, ONE.id, "Lin", NOON)
        assert not unit.links.split(ONE.id, OTHER.id, "Wei", NOON + minutes(1))
    with database.read() as unit:
        (split,) = unit.links.splits()
    assert (split.one, split.other) == tuple(sorted((ONE.id, OTHER.id)))
    assert (split.who, split.split_at) == ("Lin", NOON)


def test_positions_are_of_listed_stations_and_fingerprints_of_lists(database: SqlDatabase) -> None:
    save(database, ONE, OTHER, station("staff", public=False), replace(station("bare"), connectors=()))
    with database.read() as unit:
        first = unit.links.fingerprints()
        assert [one.station_id for one in unit.links.positions()] == sorted([ONE.id, OTHER.id])
    save(
        database,
        replace(ONE, connectors=(gun(1, status=ConnectorStatus.FREE, status_at=NOON),)),
        at=NOON + minutes(1),
    )
    save(database, replace(OTHER, name="New"), at=NOON + minutes(2))
    with database.write() as unit:
        unit.catalogue.remove_missing("lotus", {ONE.id}, NOON + minutes(3))
    with database.read() as unit:
        news = unit.links.fingerprints(NOON + minutes(1))
    assert news[ONE.id] == first[ONE.id], "a state is no news for merging"
    assert news[OTHER.id] != first[OTHER.id]
    assert news[station("staff").id] == ""
    assert {key for key in news if news[key]} == {ONE.id, OTHER.id}


# --- the index ------------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite(sqlite_url: str) -> SqlDatabase:
    return SqlDatabase(open_engine(sqlite_url))


@pytest.fixture
def index(sqlite: SqlDatabase) -> InMemoryStationIndex:
    return InMemoryStationIndex(sqlite, SetClock(NOON))


def near(index: InMemoryStationIndex, **more: Any) -> Nearby:
    asked: dict[str, Any] = {"point": HERE, "radius_m": 5000, "filters": Filters(), "at": NOON, "limit": 100}
    return index.nearby(**asked | more)


def test_a_linked_place_is_shown_once_with_every_description(
    sqlite: SqlDatabase, index: InMemoryStationIndex
) -> None:
    with sqlite.write() as unit:
        unit.catalogue.add_tariffs([yuan("1")])
    free: dict[str, Any] = {"status": ConnectorStatus.FREE, "status_at": NOON}
    priced, live = station(1, gun(1, tariff_id=yuan("1").id)), station(2, gun(2, **free), supplier=BAMBOO)
    save(sqlite, priced, live, station(3))
    assert len(near(index).hits) == 3
    keep(sqlite, *linked(priced, live))
    assert index.apply([priced.id, live.id]) == 2
    found = {hit.station.id: hit for hit in near(index).hits}
    assert found.keys() == {priced.id, station(3).id}
    hit = found[priced.id]
    assert ([one.id for one in hit.others], hit.guns_from and hit.guns_from.id) == ([live.id], live.id)
    assert {one.id for one in index.place(live.id)} == {priced.id, live.id}
    assert [one.id for one in index.place(station(3).id)] == [station(3).id]
    assert index.place("unknown") == []
    assert len(index.named("Station", 10)) == 2
    # The freshest word on the guns counts for the place; the price of the other is not hidden by it.
    wanted = near(index, filters=Filters(free_now=True))
    assert [(hit.station.id, [one.id for one in hit.others]) for hit in wanted.hits] == [(live.id, [priced.id])]
    assert wanted.hidden == 1


def test_a_stale_free_gun_does_not_beat_a_fresh_busy_one(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    old = station(1, gun(1, status=ConnectorStatus.FREE, status_at=NOON - minutes(8)))
    new = station(2, gun(2, status=ConnectorStatus.CHARGING, status_at=NOON), supplier=BAMBOO)
    save(sqlite, old, new)
    assert len(near(index, filters=Filters(free_now=True)).hits) == 1
    keep(sqlite, *linked(old, new))
    index.apply([old.id, new.id])
    found = near(index, filters=Filters(free_now=True))
    assert (found.hits, found.hidden) == ([], 1)


def test_a_split_parts_what_an_id_joins(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    twins = [replace(one, global_id="G1") for one in (ONE, OTHER)]
    save(sqlite, *twins)
    assert len(near(index).hits) == 1
    keep(sqlite, *(Link(one.id, one.id, Part.SPLIT) for one in twins))
    index.apply([one.id for one in twins])
    assert len(near(index).hits) == 2
    keep(sqlite, looked_at=tuple(one.id for one in twins))
    index.refresh()
    assert len(near(index).hits) == 1


def test_a_station_in_the_wrong_datum_stands_where_its_place_is(
    sqlite: SqlDatabase, index: InMemoryStationIndex
) -> None:
    right, wrong = ONE, replace(OTHER, point=Point(22.545, 114.05))
    save(sqlite, right, wrong)
    keep(sqlite, *linked(right, wrong, shifted=(wrong.id,)))
    for look in (index, InMemoryStationIndex(sqlite, SetClock(NOON))):
        look.refresh()
        shown = look.get(wrong.id)
        assert shown is not None
        assert shown.point == right.point
        assert [hit.distance_m for hit in near(look, radius_m=300).hits] == [pytest.approx(0.0)]
    keep(sqlite, looked_at=(right.id, wrong.id))
    index.apply([right.id, wrong.id])
    alone = index.get(wrong.id)
    assert alone is not None
    assert alone.point == wrong.point


def test_the_rim_does_not_cut_a_place_in_two(sqlite: SqlDatabase, index: InMemoryStationIndex) -> None:
    beyond = replace(OTHER, point=Point(22.5415, 114.05))
    save(sqlite, ONE, beyond)
    keep(sqlite, *linked(ONE, beyond))
    (hit,) = near(index, radius_m=100).hits
    assert len(hit.others) == 1
