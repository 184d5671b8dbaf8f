"""Stations and their guns: what suppliers' lists say, kept apart from what live reports say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, select, update

from core.geo import Point
from core.ports import Diff
from core.station import Connector, ConnectorRef, ConnectorStatus, Station, station_key
from storage.bulk import chunks, listed, rows_by, since, upsert
from storage.gun_texts import forget_texts, save_texts, text_rows
from storage.live_values import PriceHistory, merge_live
from storage.station_rows import connector_row, content_hash, station_row, to_connector, to_station
from storage.tables import connectors, stations


@dataclass(slots=True)
class _Plan:
    """What one save will write."""

    stations: list[dict[str, Any]] = field(default_factory=list)
    connectors: list[dict[str, Any]] = field(default_factory=list)
    gone: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    aged: list[str] = field(default_factory=list)  # nothing new but a later look at the same
    unchanged: int = 0


class SqlStations:
    """The part of core.ports.CatalogueRepository that deals in stations."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def save_stations(self, stations: Sequence[Station], at: datetime, *, pushed: bool = False) -> Diff:
        # A list that names a station twice means the last; one order for all writers, so that none waits in a ring.
        latest = {station.id: station for station in stations}
        plan, prices = _Plan(), PriceHistory(self.db, at, pushed=pushed)
        for chunk in chunks([latest[key] for key in sorted(latest)]):
            self._plan(chunk, at, plan, prices)
        upsert(self.db, _STATIONS, [row | {"changed_at": at, "removed_at": None} for row in plan.stations])
        if plan.gone:
            self.db.execute(_DELETE_GUN, plan.gone)
        upsert(self.db, connectors, plan.connectors)
        save_texts(self.db, plan.changed, plan.texts)
        prices.write()
        touch(self.db, plan.aged, at)
        return Diff(plan.added, plan.changed, plan.unchanged)

    def _plan(self, chunk: Sequence[Station], at: datetime, plan: _Plan, prices: PriceHistory) -> None:
        known = self._known([station.id for station in chunk])
        rows = {station.id: _rows(station) for station in chunk}
        look = [key for key, (row, guns, _) in rows.items() if key in known and _needs_look(known[key], row, guns)]
        stored = self._stored_guns(look)
        for key, (row, guns, texts) in rows.items():
            before = known.get(key)
            guns_before = stored.get(key, {})
            merged = merge_live(guns, guns_before, at)
            prices.compare(merged.rows, guns_before)
            row["revision"] = before["revision"] + 1 if before else 1
            if before is None or before["removed_at"] is not None:
                plan.added.append(key)
            elif before["content_hash"] != row["content_hash"] or merged.changed:
                plan.changed.append(key)
            else:
                plan.unchanged += 1
                if key in stored and merged.aged:
                    plan.aged.append(key)
                    plan.connectors += merged.rows
                continue
            plan.stations.append(row)
            plan.connectors += merged.rows
            plan.texts += texts
            plan.gone += [_gun_key(one) for ref, one in guns_before.items() if ref not in merged.refs]

    def _known(self, ids: Sequence[str]) -> dict[str, RowMapping]:
        columns = (_STATIONS.c.id, _STATIONS.c.content_hash, _STATIONS.c.removed_at, _STATIONS.c.revision)
        # Locked until the end, so that what is compared here is what is overwritten.
        return {row["id"]: row for row in rows_by(self.db, select(*columns).with_for_update(), _STATIONS.c.id, ids)}

    def _stored_guns(self, ids: Sequence[str]) -> dict[str, dict[tuple[str, str], RowMapping]]:
        guns: dict[str, dict[tuple[str, str], RowMapping]] = {key: {} for key in ids}
        for row in rows_by(self.db, select(connectors), connectors.c.station_id, ids):
            guns[row["station_id"]][row["operator_id"], row["connector_id"]] = row
        return guns

    def remove_missing(self, supplier_id: str, present: set[str], at: datetime) -> list[str]:
        """`present` holds station ids."""
        here = select(_STATIONS.c.id).where(_STATIONS.c.supplier_id == supplier_id, _STATIONS.c.removed_at.is_(None))
        return self._remove(sorted(set(self.db.execute(here).scalars()) - present), at)

    def remove(self, supplier_id: str, external_ids: Sequence[str], at: datetime) -> list[str]:
        return self._remove(sorted({station_key(supplier_id, one) for one in external_ids}), at)

    def _remove(self, ids: Sequence[str], at: datetime) -> list[str]:
        removed: list[str] = []
        for chunk in chunks(ids):
            here = lock_stations(self.db, chunk)
            self.db.execute(update(_STATIONS).where(_STATIONS.c.id.in_(listed(self.db, here))).values(removed_at=at))
            forget_texts(self.db, here)
            removed += here
        touch(self.db, removed, at)
        return removed

    def held(self, ids: Sequence[str]) -> dict[str, Station]:
        return {station.id: station for station in self.stations(lock_stations(self.db, ids))}

    def points(self, ids: Sequence[str]) -> dict[str, Point]:
        where = select(_STATIONS.c.id, _STATIONS.c.lat, _STATIONS.c.lng).where(_STATIONS.c.removed_at.is_(None))
        rows = rows_by(self.db, where, _STATIONS.c.id, ids)
        return {row["id"]: Point(row["lat"], row["lng"]) for row in rows}

    def places_of(self, supplier_id: str) -> list[tuple[Point, str]]:
        here = (_STATIONS.c.supplier_id == supplier_id, _STATIONS.c.removed_at.is_(None))
        rows = self.db.execute(select(_STATIONS.c.lat, _STATIONS.c.lng, _STATIONS.c.address).where(*here))
        return [(Point(row.lat, row.lng), row.address) for row in rows]

    def newest_update(self, supplier_id: str) -> datetime | None:
        here = (_STATIONS.c.supplier_id == supplier_id, _STATIONS.c.removed_at.is_(None))
        newest: datetime | None = self.db.execute(select(func.max(_STATIONS.c.updated_at)).where(*here)).scalar()
        return newest

    def stations(self, ids: Sequence[str] | None = None) -> Iterator[Station]:
        if ids is None:
            yield from self._all_stations()
            return
        for chunk in chunks(dict.fromkeys(ids)):
            yield from self._with_guns(
                list(rows_by(self.db, _LISTED.order_by(_STATIONS.c.id), _STATIONS.c.id, chunk))
            )

    def _all_stations(self, page: int = 500) -> Iterator[Station]:
        last = ""
        while (
            rows := self.db.execute(_LISTED.where(_STATIONS.c.id > last).order_by(_STATIONS.c.id).limit(page))
            .mappings()
            .all()
        ):
            yield from self._with_guns(rows)
            last = rows[-1]["id"]

    def _with_guns(self, rows: Sequence[RowMapping]) -> Iterator[Station]:
        guns: dict[str, list[Connector]] = defaultdict(list)
        wanted = select(connectors).order_by(connectors.c.position)
        for gun in rows_by(self.db, wanted, connectors.c.station_id, [row["id"] for row in rows]):
            guns[gun["station_id"]].append(to_connector(gun))
        for row in rows:
            yield to_station(row, tuple(guns[row["id"]]))

    def connector_refs(self, supplier_id: str) -> list[ConnectorRef]:
        columns = (connectors.c.operator_id, connectors.c.connector_id)
        statement = (
            select(*columns)
            .join(_STATIONS, _STATIONS.c.id == connectors.c.station_id)
            .where(connectors.c.supplier_id == supplier_id, _STATIONS.c.removed_at.is_(None))
            .distinct()
            .order_by(*columns)
        )
        return [ConnectorRef(*row) for row in self.db.execute(statement)]

    def external_ids(self, supplier_id: str) -> list[str]:
        here = (_STATIONS.c.supplier_id == supplier_id, _STATIONS.c.removed_at.is_(None))
        statement = select(_STATIONS.c.external_id).where(*here).order_by(_STATIONS.c.external_id)
        return list(self.db.execute(statement).scalars())

    def changed_since(self, at: datetime) -> list[str]:
        return list(self.db.execute(select(_STATIONS.c.id).where(since(_STATIONS.c.changed_at, at))).scalars())


def lock_stations(db: Connection, station_ids: Iterable[str]) -> list[str]:
    """Keep others from writing these stations until the end; returns those that are not removed. Every writer
    locks in the order of ids, so that no two wait for each other."""
    here = select(stations.c.id).where(stations.c.removed_at.is_(None)).with_for_update()
    return [row["id"] for row in rows_by(db, here, stations.c.id, station_ids)]


def touch(db: Connection, station_ids: Sequence[str], at: datetime) -> None:
    """Mark stations as written, so that every index looks at them again."""
    for chunk in chunks(sorted(station_ids)):
        written = {"changed_at": at, "revision": stations.c.revision + 1}
        db.execute(update(stations).where(stations.c.id.in_(listed(db, chunk))).values(written))


_STATIONS = stations
_LISTED = select(stations).where(stations.c.removed_at.is_(None))
_DELETE_GUN = delete(connectors).where(
    connectors.c.station_id == bindparam("of_station"),
    connectors.c.operator_id == bindparam("of_operator"),
    connectors.c.connector_id == bindparam("of_connector"),
)


def _gun_key(row: RowMapping) -> dict[str, Any]:
    return {
        "of_station": row["station_id"],
        "of_operator": row["operator_id"],
        "of_connector": row["connector_id"],
    }


def _rows(station: Station) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The station, its guns, and what is printed on them."""
    row = station_row(station)
    # A gun named twice is one gun; the first word counts.
    named: dict[ConnectorRef, Connector] = {}
    for connector in station.connectors:
        named.setdefault(connector.ref, connector)
    guns = [connector_row(station, position, connector) for position, connector in enumerate(named.values())]
    texts = text_rows(station.id, named.values())
    row["content_hash"] = content_hash(row, guns, texts)
    return row, guns, texts


def _needs_look(before: RowMapping, row: dict[str, Any], guns: list[dict[str, Any]]) -> bool:
    """Whether the stored guns must be read: not for a list that says the same as last time and nothing live."""
    if before["content_hash"] != row["content_hash"] or before["removed_at"] is not None:
        return True
    return any(gun["tariff_id"] or gun["status"] != ConnectorStatus.UNKNOWN for gun in guns)
