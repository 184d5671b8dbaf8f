"""Which stations are one place, and what people said against it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select

from core.geo import Datum
from core.merging import Evidence, Link, Method, Part, id_key
from core.ports import Position, Split
from storage import bulk
from storage.bulk import insert, rows_by, upsert
from storage.stations import touch
from storage.tables import connectors, links, splits, stations

_HAS_GUNS = select(connectors.c.station_id).where(connectors.c.station_id == stations.c.id).exists()
# What is shown to drivers is what can be merged; storage/index shows the same.
_LISTED = (stations.c.removed_at.is_(None), stations.c.public, _HAS_GUNS)


class SqlLinks:
    """core.ports.LinkRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def links(self, station_ids: Iterable[str] | None = None) -> dict[str, Link]:
        return {link.station_id: link for link in self._links(links.c.station_id, station_ids)}

    def members(self, place_ids: Iterable[str]) -> list[Link]:
        return self._links(links.c.place_id, place_ids)

    def _links(self, column: Any, values: Iterable[str] | None) -> list[Link]:
        every = select(links).order_by(links.c.station_id)
        rows = self.db.execute(every).mappings() if values is None else rows_by(self.db, every, column, values)
        return [_to_link(row) for row in rows]

    def save(self, new: Sequence[Link], looked_at: Iterable[str], at: datetime) -> list[str]:
        after = {link.station_id: link for link in new}
        before = self.links(after.keys() | set(looked_at))
        gone = sorted(before.keys() - after.keys())
        if gone:
            self.db.execute(_DELETE_LINK, [{"of_station": key} for key in gone])
        changed = [link for key, link in sorted(after.items()) if before.get(key) != link]
        upsert(self.db, links, [_row(link, at) for link in changed])
        # Better or worse evidence for the same place is nothing to tell the indexes about.
        moved = {link.station_id for link in changed if _where(link) != _where(before.get(link.station_id))}
        touched = sorted({*gone, *moved})
        touch(self.db, touched, at)
        return touched

    def splits(self) -> list[Split]:
        statement = select(splits).order_by(splits.c.one, splits.c.other)
        return [Split(row.one, row.other, row.who, row.split_at) for row in self.db.execute(statement)]

    def split(self, one: str, other: str, who: str, at: datetime) -> bool:
        row = {"one": min(one, other), "other": max(one, other), "who": who, "split_at": at}
        statement = insert(self.db, splits).on_conflict_do_nothing().returning(splits.c.one)
        return self.db.execute(statement, row).first() is not None

    def unsplit(self, one: str, other: str) -> bool:
        pair = (splits.c.one == min(one, other), splits.c.other == max(one, other))
        return self.db.execute(delete(splits).where(*pair)).rowcount > 0

    def positions(self) -> list[Position]:
        of = stations.c
        columns = (of.id, of.supplier_id, of.lat, of.lng, of.source_datum, of.global_id)
        statement = select(*columns).where(*_LISTED).order_by(of.id)
        return [Position(*row[:4], Datum(row[4]), id_key(row[5] or "")) for row in self.db.execute(statement)]

    def fingerprints(self, since: datetime | None = None) -> dict[str, str]:
        statement = select(stations.c.id, stations.c.content_hash, stations.c.removed_at)
        if since is not None:
            statement = statement.where(bulk.since(stations.c.changed_at, since))
        return {row.id: row.content_hash if row.removed_at is None else "" for row in self.db.execute(statement)}


class SqlPlacings:
    """Links without their evidence, for the station index."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def of_all(self) -> dict[str, tuple[str, Part]]:
        return _placings(self.db.execute(_PLACINGS).mappings())

    def of(self, station_ids: Sequence[str]) -> dict[str, tuple[str, Part]]:
        return _placings(rows_by(self.db, _PLACINGS, links.c.station_id, station_ids))


_DELETE_LINK = delete(links).where(links.c.station_id == bindparam("of_station"))
_PLACINGS = select(links.c.station_id, links.c.place_id, links.c.method)


def _placings(rows: Iterable[RowMapping]) -> dict[str, tuple[str, Part]]:
    return {row["station_id"]: (row["place_id"], Part(row["method"])) for row in rows}


def _where(link: Link | None) -> tuple[str, Part] | None:
    return (link.place_id, link.part) if link else None


def _row(link: Link, at: datetime) -> dict[str, Any]:
    return {
        "station_id": link.station_id,
        "place_id": link.place_id,
        "method": link.part.value,
        "evidence": json.dumps([asdict(one) for one in link.evidence], ensure_ascii=False),
        "linked_at": at,
    }


def _to_link(row: RowMapping) -> Link:
    evidence = tuple(_to_evidence(one) for one in json.loads(row["evidence"]))
    return Link(row["station_id"], row["place_id"], Part(row["method"]), evidence)


def _to_evidence(document: dict[str, Any]) -> Evidence:
    lists = {"guns": tuple(document["guns"]), "shifted": tuple(document["shifted"])}
    return Evidence(**document | lists | {"method": Method(document["method"])})
