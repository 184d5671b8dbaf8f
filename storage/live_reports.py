"""Live reports of status and price, applied to the guns they name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, bindparam, func, select, update

from core.station import ConnectorRef, StatusReport
from core.tariff import Tariff
from storage.bulk import insert_new, rows_by
from storage.live_values import PriceHistory, is_newer, is_news
from storage.stations import lock_stations, touch
from storage.tables import connectors, stations, tariffs


class SqlLiveReports:
    """The part of core.ports.CatalogueRepository that deals in status and tariffs."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def save_statuses(self, supplier_id: str, reports: Sequence[StatusReport], at: datetime) -> list[str]:
        newest: dict[ConnectorRef, StatusReport] = {}
        for report in reports:
            if report.ref not in newest or report.at > newest[report.ref].at:
                newest[report.ref] = report
        updates, touched = [], set()
        for gun in self._locked_guns(supplier_id, newest):
            report = newest[_ref(gun)]
            # A supplier whose clock is ahead (or in the wrong zone) must not freeze the gun until that time comes.
            seen_at = min(report.at, at)
            if is_newer(seen_at, gun["status_at"]):
                live = {"status": report.status.value, "status_at": seen_at, "bay_blocked": report.bay_blocked}
                updates.append(_key(gun) | live)
                touched.add(gun["station_id"])
        if updates:
            self.db.execute(_SET_STATUS, updates)
        touch(self.db, list(touched), at)
        return sorted(touched)

    def known(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> set[ConnectorRef]:
        by_station = self._stations_of(supplier_id, refs)
        here = select(stations.c.id).where(stations.c.removed_at.is_(None))
        return {ref for row in rows_by(self.db, here, stations.c.id, by_station) for ref in by_station[row["id"]]}

    def station_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> list[str]:
        return sorted(self._stations_of(supplier_id, refs))

    def stations_with(self, connector_ids: Sequence[str]) -> list[str]:
        named = select(connectors.c.station_id)
        rows = rows_by(self.db, named, connectors.c.connector_id, connector_ids)
        return sorted({row["station_id"] for row in rows})

    def connector_ids(self, start: str, limit: int) -> list[str]:
        own: ColumnElement[str] = connectors.c.connector_id
        if self.db.dialect.name == "postgresql":
            own = own.collate("C")  # a language's order would scatter what begins alike
        begin_so = select(own).where(own >= start, own < f"{start}{_LAST_CHARACTER}")
        return list(self.db.execute(begin_so.distinct().order_by(own).limit(limit)).scalars())

    def tariff_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> dict[ConnectorRef, str]:
        rows = self._named_guns(supplier_id, refs, connectors.c.tariff_id)
        return {ref: row["tariff_id"] for ref, row in rows if row["tariff_id"]}

    def tariff_counts(self, supplier_id: str) -> dict[str, int]:
        mine = (connectors.c.supplier_id == supplier_id, connectors.c.tariff_id.is_not(None))
        counted = select(connectors.c.tariff_id, func.count().label("guns")).where(*mine)
        return {row.tariff_id: row.guns for row in self.db.execute(counted.group_by(connectors.c.tariff_id))}

    def gun_counts(self) -> dict[str, int]:
        counted = (
            select(stations.c.supplier_id, func.sum(connectors.c.count).label("guns"))
            .join(connectors, connectors.c.station_id == stations.c.id)
            .where(stations.c.removed_at.is_(None))
        )
        return {row.supplier_id: row.guns for row in self.db.execute(counted.group_by(stations.c.supplier_id))}

    def save_tariffs(
        self, supplier_id: str, tariffs: Sequence[tuple[ConnectorRef, Tariff]], at: datetime, *, pushed: bool = False
    ) -> list[str]:
        self.add_tariffs(tariff for _, tariff in tariffs)
        wanted = {ref: tariff_id(tariff) for ref, tariff in tariffs}
        updates, touched, history = [], set(), PriceHistory(self.db, at, pushed=pushed)
        for gun in self._locked_guns(supplier_id, wanted):
            new_id = wanted[_ref(gun)]
            if not is_newer(at, gun["price_seen_at"]):
                continue
            if is_news(gun, new_id, at):
                history.add(gun, new_id, at)
            updates.append(_key(gun) | {"tariff_id": new_id, "price_seen_at": at})
            touched.add(gun["station_id"])
        if updates:
            self.db.execute(_SET_TARIFF, updates)
        history.write()
        touch(self.db, list(touched), at)
        return sorted(touched)

    def add_tariffs(self, tariffs: Iterable[Tariff]) -> None:
        by_id = {tariff_id(tariff): tariff for tariff in tariffs}
        known = {row["id"] for row in rows_by(self.db, select(_TARIFFS.c.id), _TARIFFS.c.id, by_id)}
        new = [{"id": key, "document": _document(by_id[key])} for key in sorted(by_id.keys() - known)]
        insert_new(self.db, _TARIFFS, new)

    def tariffs(self, ids: Iterable[str] | None = None) -> dict[str, Tariff]:
        if ids is None:
            return {row.id: _tariff(row.document) for row in self.db.execute(select(_TARIFFS))}
        rows = rows_by(self.db, select(_TARIFFS), _TARIFFS.c.id, ids)
        return {row["id"]: _tariff(row["document"]) for row in rows}

    def _locked_guns(self, supplier_id: str, refs: Collection[ConnectorRef]) -> list[RowMapping]:
        """The guns of these names, their stations locked, in one order for all writers."""
        by_station = self._stations_of(supplier_id, refs)
        here = lock_stations(self.db, by_station)
        guns = rows_by(self.db, select(connectors), connectors.c.station_id, here)
        return [gun for gun in guns if _ref(gun) in by_station[gun["station_id"]]]

    def _stations_of(self, supplier_id: str, refs: Collection[ConnectorRef]) -> dict[str, set[ConnectorRef]]:
        by_station: dict[str, set[ConnectorRef]] = defaultdict(set)
        for ref, row in self._named_guns(supplier_id, refs, connectors.c.station_id):
            by_station[row["station_id"]].add(ref)
        return by_station

    def _named_guns(
        self, supplier_id: str, refs: Collection[ConnectorRef], wanted: Column[Any]
    ) -> Iterator[tuple[ConnectorRef, RowMapping]]:
        """One column of these guns. One operator at a time: SQLite does not use the index for pairs of values."""
        by_operator: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_operator[ref.operator_id].append(ref.connector_id)
        for operator_id, connector_ids in by_operator.items():
            named = select(wanted, connectors.c.connector_id).where(
                connectors.c.supplier_id == supplier_id, connectors.c.operator_id == operator_id
            )
            for row in rows_by(self.db, named, connectors.c.connector_id, connector_ids):
                yield ConnectorRef(operator_id, row["connector_id"]), row


_LAST_CHARACTER = chr(0x10FFFF)
_TARIFFS = tariffs
_THIS_GUN = (
    connectors.c.station_id == bindparam("of_station"),
    connectors.c.operator_id == bindparam("of_operator"),
    connectors.c.connector_id == bindparam("of_connector"),
)
_SET_STATUS = (
    update(connectors)
    .where(*_THIS_GUN)
    .values({name: bindparam(name) for name in ("status", "status_at", "bay_blocked")})
)
_SET_TARIFF = (
    update(connectors)
    .where(*_THIS_GUN)
    .values({name: bindparam(name) for name in ("tariff_id", "price_seen_at")} | {"no_price": None})
)


def _ref(gun: RowMapping) -> ConnectorRef:
    return ConnectorRef(gun["operator_id"], gun["connector_id"])


def _key(gun: RowMapping) -> dict[str, Any]:
    return {
        "of_station": gun["station_id"],
        "of_operator": gun["operator_id"],
        "of_connector": gun["connector_id"],
    }


@lru_cache(maxsize=20_000)
def tariff_id(tariff: Tariff) -> str:
    """The id is computed from the content each time it is asked for; imports ask for the same ones very often."""
    return tariff.id


def _document(tariff: Tariff) -> str:
    return json.dumps(tariff.to_json(), sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=20_000)
def _tariff(document: str) -> Tariff:
    return Tariff.from_json(json.loads(document))
