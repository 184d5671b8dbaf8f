"""PostgreSQL finds the rows of a page by index, also when it knows nothing about its tables yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import URL, event

from core.geo import Point
from core.merging import Link, Part
from core.outbox import MessageClass, NewRow
from core.ports import PartnerObject, PriceSeries, PriceVersion
from core.prices.ticks import Cause
from core.prices.watching import Rule
from core.station import ConnectorStatus, Plug, Rejected, station_key
from core.watch import NewAlert, StandingWatch, StationGuns
from storage.engine import open_engine
from storage.tables import identities, metadata, users
from storage.unit_of_work import SqlDatabase, SqlUnitOfWork
from tests import postgres
from tests.storage.samples import LOTUS, NOON, gun, minutes, ref, report, save, station, yuan
from tests.storage.test_watches import alert, watch

pytestmark = pytest.mark.postgres

ALL, PAGE = 3_000, 40
# Two guns, an index and a table, and what an update before has left behind.
MOST_PER_ID = 10
PAGE_NUMBERS = range(100, 100 + PAGE)
IDS = [station_key(LOTUS.id, str(number)) for number in PAGE_NUMBERS]
REFS = [ref(number) for number in PAGE_NUMBERS]
KEYS = [f"k{number}" for number in PAGE_NUMBERS]
REFUSED = [Rejected(str(number), "moved", "far") for number in PAGE_NUMBERS]
DEAR = yuan("9.99")
LATER = NOON + minutes(5)

SMALL = {"channel_pauses"}  # a row for a channel at most
PEOPLE = [f"u{number}" for number in PAGE_NUMBERS]

PAGES: dict[str, Callable[[SqlUnitOfWork], Any]] = {
    "a list that says the same": lambda unit: unit.catalogue.save_stations([one(n) for n in PAGE_NUMBERS], LATER),
    "a list that says something new": lambda unit: unit.catalogue.save_stations(
        [one(n, name="New") for n in PAGE_NUMBERS], LATER
    ),
    "stations": lambda unit: list(unit.catalogue.stations(IDS)),
    "stations held": lambda unit: unit.catalogue.held(IDS),
    "points": lambda unit: unit.catalogue.points(IDS),
    "stations that go": lambda unit: unit.catalogue.remove(LOTUS.id, [str(n) for n in PAGE_NUMBERS], LATER),
    "states": lambda unit: unit.catalogue.save_statuses(
        LOTUS.id, [report(n, ConnectorStatus.FREE, LATER) for n in PAGE_NUMBERS], LATER
    ),
    "prices": lambda unit: unit.catalogue.save_tariffs(LOTUS.id, [(one, DEAR) for one in REFS], LATER),
    "guns known": lambda unit: unit.catalogue.known(LOTUS.id, REFS),
    "numbers that begin alike": lambda unit: unit.catalogue.connector_ids("101", PAGE),
    "guns with a text": lambda unit: unit.catalogue.guns_with_text([f"hlht://{n}.OP1/" for n in PAGE_NUMBERS]),
    "stations of guns": lambda unit: unit.catalogue.station_ids(LOTUS.id, REFS),
    "tariffs of guns": lambda unit: unit.catalogue.tariff_ids(LOTUS.id, REFS),
    "tariffs": lambda unit: unit.catalogue.tariffs([yuan(f"1.{n}").id for n in PAGE_NUMBERS]),
    "rows unseen": lambda unit: unit.catalogue.unseen(LOTUS.id, REFUSED),
    "rows waiting": lambda unit: unit.catalogue.waiting(LOTUS.id, "moved", [row.external_id for row in REFUSED]),
    "rows settled": lambda unit: unit.catalogue.settle(LOTUS.id, "moved", [row.external_id for row in REFUSED]),
    "rows refused again": lambda unit: unit.catalogue.quarantine(LOTUS.id, REFUSED, LATER),
    "objects of a partner": lambda unit: unit.partner_objects.many("partner", "locations", KEYS),
    "objects kept": lambda unit: unit.partner_objects.save("partner", "locations", [held(n) for n in PAGE_NUMBERS]),
    "objects with a mark": lambda unit: unit.partner_objects.marked("partner", "locations", "k7"),
    "links": lambda unit: unit.links.links(IDS),
    "members of places": lambda unit: unit.links.members(IDS),
    "links that go": lambda unit: unit.links.save([], IDS, LATER),
    "changes since": lambda unit: unit.changes.since(LATER),
    "stations changed since": lambda unit: unit.catalogue.changed_since(LATER),
    "fingerprints since": lambda unit: unit.links.fingerprints(LATER),
    "placings": lambda unit: unit.placings.of(IDS),
    "guns with their prices": lambda unit: unit.prices.guns(IDS),
    "series of prices": lambda unit: unit.prices.series_of(IDS),
    "series of which more is said": lambda unit: unit.prices.save([series(number) for number in PAGE_NUMBERS]),
    "series that are due": lambda unit: unit.prices.due(NOON + minutes(99), ALL),
    "series by their numbers": lambda unit: unit.prices.some(PAGE_NUMBERS),
    "versions of series": lambda unit: unit.prices.versions(PAGE_NUMBERS, NOON),
    "watches that were matched": lambda unit: unit.watches.some(PAGE_NUMBERS),
    "watches of series": lambda unit: unit.watches.of_series(PAGE_NUMBERS, Rule.BELOW),
    "watches that changed": lambda unit: unit.watches.changed(NOON + minutes(ALL - PAGE)),
    "watches that are due": lambda unit: unit.watches.due(NOON + minutes(PAGE), ALL),
    "whom to tell": lambda unit: unit.chats.reaches(PEOPLE),
    "alerts": lambda unit: unit.alerts.add([alerted(number, "v2") for number in PAGE_NUMBERS]),
    "rows of alerts that wait": lambda unit: unit.alerts.waiting_rows(PEOPLE),
    "rows of alerts of a day": lambda unit: unit.alerts.rows_since(PEOPLE, NOON),
    "free guns around": lambda unit: unit.vicinity.free_guns(
        where(100), within_m=5_000, plug=Plug.GBT_DC, told_since=NOON
    ),
}


def one(number: int, **more: Any) -> Any:
    texts = (f"hlht://{number}.OP1/",)
    priced = gun(number, qr_texts=texts, tariff_id=yuan(f"1.{number}").id, price_seen_at=NOON)
    return station(number, priced, gun(f"{number}b"), **{"point": where(number)} | more)


def series(number: int) -> PriceSeries:
    """Due a minute after the one before."""
    plain: dict[str, Any] = {"time_zone": "UTC", "source": LOTUS.id, "began_at": NOON, "seen_at": NOON}
    return PriceSeries(
        number, station(number).id, Plug.GBT_DC, None, said_id=DEAR.id, look_at=NOON + minutes(number), **plain
    )


def watched(number: int) -> StandingWatch:
    """By another person each, on a series each; due and changed a minute after the one before."""
    guns, at = StationGuns(station(number).id, number, Plug.GBT_DC, None), NOON + minutes(number)
    return watch(guns, id=number, user_id=f"u{number}", look_at=at, changed_at=at)


def alerted(number: int, version: str) -> NewAlert:
    return alert(watch(user_id=f"u{number}", id=number), version)


def told(number: int) -> NewRow:
    return NewRow(f"alert:{number}", MessageClass.ALERT, "alert", "1", channel="telegram", user_id=f"u{number}")


def where(number: int) -> Point:
    """A kilometre further north for each of them."""
    return Point(22.54 + number * 0.009, 114.05)


def held(number: int) -> PartnerObject:
    return PartnerObject(f"k{number}", "{}", NOON, "k7" if number == 7 else "")


@pytest.fixture(scope="module")
def never_analysed(postgres_server: URL, _postgres_template: URL) -> Iterator[SqlDatabase]:
    """A full catalogue in which nobody has counted anything."""
    url = postgres.create_database(postgres_server, str(_postgres_template.database))
    database = SqlDatabase(open_engine(url.render_as_string(hide_password=False)))
    with database.engine.begin() as db:
        for table in metadata.tables:
            db.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    with database.write() as unit:
        unit.catalogue.add_tariffs(yuan(f"1.{number}") for number in range(ALL))
    save(database, *map(one, range(ALL)))
    with database.write() as unit:
        unit.catalogue.save_statuses(LOTUS.id, [report(n, ConnectorStatus.FREE, NOON) for n in range(ALL)], NOON)
        unit.catalogue.quarantine(LOTUS.id, [Rejected(str(n), "moved", "far") for n in range(ALL)], NOON)
        unit.partner_objects.save("partner", "locations", [held(number) for number in range(ALL)])
        ids = [station_key(LOTUS.id, str(number)) for number in range(ALL)]
        unit.catalogue.add_tariffs([DEAR])
        unit.prices.save([series(number) for number in range(ALL)])
        unit.prices.append([PriceVersion(n, NOON, DEAR.id, Cause.PULL, LOTUS.id) for n in range(ALL)])
        unit.links.save([Link(key, key, Part.ANCHOR) for key in ids], [], NOON)
        unit.watches.save([watched(number) for number in range(1, ALL)])
        unit.alerts.add([alerted(number, "v1") for number in range(1, ALL)])
        unit.outbox.add_all([told(number) for number in range(1, ALL)], NOON)
    with database.engine.begin() as db:
        person = {
            "language": "en",
            "created_at": NOON,
            "energy_kwh": Decimal(30),
            "mode": "balanced",
            "filters": "{}",
        }
        person |= {"asked": "[]", "reachable": True, "stopped": False}
        db.execute(users.insert(), [person | {"id": f"u{n}"} for n in range(ALL)])
        chat = {"channel": "telegram", "linked_at": NOON}
        db.execute(identities.insert(), [chat | {"external_id": f"{n}", "user_id": f"u{n}"} for n in range(ALL)])
    yield database
    database.close()
    postgres.drop_database(postgres_server, url)


@pytest.mark.parametrize("what", PAGES)
def test_a_page_reads_only_its_own_rows(never_analysed: SqlDatabase, what: str) -> None:
    said = _statements(never_analysed, PAGES[what])
    assert said
    for statement, parameters in said:
        for scan in _scans(never_analysed, statement, parameters):
            read = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)
            read += scan.get("Rows Removed by Index Recheck", 0)
            assert scan["Node Type"] != "Seq Scan" or scan["Relation Name"] in SMALL, statement
            assert read * scan["Actual Loops"] <= MOST_PER_ID * PAGE, (statement, scan)


def _statements(database: SqlDatabase, page: Callable[[SqlUnitOfWork], Any]) -> list[tuple[str, Any]]:
    """What is said to the database for this page, and taken back."""
    said: list[tuple[str, Any]] = []

    def listen(_db: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        said.append((statement, parameters[0] if many else parameters))

    with database.engine.connect() as db:
        event.listen(db, "before_cursor_execute", listen)
        page(SqlUnitOfWork(db, writes=True))
    return said


def _scans(database: SqlDatabase, statement: str, parameters: Any) -> Iterator[dict[str, Any]]:
    """The parts of the plan that read tables, as they ran."""
    with database.engine.connect() as db:
        # Foreign keys that wait for the commit are not what is looked at.
        ((plan,),) = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
    waiting = [one["Plan"] for one in plan]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", ())
        if ("Relation Name" in node and node["Node Type"].endswith("Scan")) or "Index Name" in node:
            yield node
