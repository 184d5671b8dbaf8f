"""What is free around a point, asked of the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from core.geo import Point
from core.station import ConnectorStatus, Plug
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from storage.vicinity import SqlVicinity
from tests.storage.samples import NOON, gun, minutes, save, station

HERE = Point(22.54, 114.05)
FREE = {"status": ConnectorStatus.FREE, "status_at": NOON}


def test_only_free_guns_that_fit_and_were_told_lately_are_counted(database: SqlDatabase) -> None:
    guns = (
        gun("a", **FREE),
        gun("b", **FREE | {"bay_blocked": False}),
        gun("c", **FREE | {"bay_blocked": True}),
        gun("d", **FREE | {"status_at": NOON - minutes(11)}),
        gun("e", **FREE | {"plug": Plug.TYPE2}),
        gun("f", **FREE | {"status": ConnectorStatus.CHARGING}),
    )
    near = station("near", *guns, point=HERE)
    staff = station("staff", gun("g", **FREE), point=HERE, public=False)
    gone = station("gone", gun("h", **FREE), point=HERE)
    far = station("far", gun("i", **FREE), point=Point(22.54, 114.10))
    edge = station("edge", gun("j", **FREE), point=Point(22.584, 114.098))
    save(database, near, staff, gone, far, edge)
    with database.write() as unit:
        unit.catalogue.remove(gone.supplier_id, [gone.external_id], NOON)
    with database.read() as unit:
        told = NOON - minutes(10)
        found = unit.vicinity.free_guns(HERE, within_m=5_000, plug=Plug.GBT_DC, told_since=told)
        assert {one.station_id: one.free for one in found} == {near.id: 2, edge.id: 1}
        assert {one.point for one in found} == {near.point, edge.point}
        poles = Point(90.0, 0.0)
        assert unit.vicinity.free_guns(poles, within_m=5_000, plug=Plug.GBT_DC, told_since=told) == []


def test_sqlite_finds_them_by_place(sqlite_url: str) -> None:
    """What PostgreSQL does is read in test_plans."""
    database = SqlDatabase(open_engine(sqlite_url))
    save(database, station("near", gun("a", **FREE), point=HERE))
    said: list[tuple[str, Any]] = []

    def listen(_db: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    with database.engine.connect() as db:
        event.listen(db, "before_cursor_execute", listen)
        assert SqlVicinity(db).free_guns(HERE, within_m=5_000, plug=Plug.GBT_DC, told_since=NOON)
        asked = [one for one in said if one[0].startswith("SELECT")]
        plans = [str(list(db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given))) for text, given in asked]
    database.close()
    assert "SEARCH stations USING INDEX ix_stations_lat_lng" in plans[0]
    assert "SEARCH connectors USING" in plans[1]
