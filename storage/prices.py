"""Prices over time, and the reader that takes each observation once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from fractions import Fraction
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Text, cast, delete, func, literal, select, update

from core.ports import Observation, PriceDay, PricedGun, PriceSeries, PriceVersion
from core.prices.gate import Doubt, Reason, Waiting
from core.prices.ticks import Cause
from core.station import ConnectorRef, Plug
from storage.bulk import insert, insert_rows, rows_by, update_rows, upsert
from storage.tables import (
    connectors,
    cursors,
    price_days,
    price_observations,
    price_series,
    price_versions,
    stations,
)

_READER = "price_observations"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class SqlPrices:
    """core.ports.PriceRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    # --- reading observations -----------------------------------------------------------------------------------
    #
    # A number is drawn before its row is committed, and on PostgreSQL a row with a greater number may be committed
    # first. So the numbers passed over are kept, with the newest transaction there was then, and looked for again
    # until all transactions as old as that have ended: then nobody is left who could bring them. Every writer of
    # observations has written something else before, so it has its number of transaction when it draws one of these.
    # All that write a station wait for each other: the observations of one station lie in their order.

    def is_behind(self, at: datetime) -> bool:
        cursor = self.db.execute(select(cursors).where(cursors.c.name == _READER)).first()
        last, gaps = (0, "[]") if cursor is None else (cursor.last_id, cursor.gaps)
        more = select(price_observations.c.id).where(price_observations.c.id.between(last + 1, _LAST)).limit(1)
        due = select(price_series.c.id).where(price_series.c.look_at.between(_BEGINNING, at)).limit(1)
        return gaps != "[]" or self.db.execute(more).first() is not None or self.db.execute(due).first() is not None

    def waits_since(self, at: datetime) -> datetime | None:
        last = self.db.execute(select(cursors.c.last_id).where(cursors.c.name == _READER)).scalar() or 0
        said = select(price_observations.c.observed_at).where(price_observations.c.id.between(last + 1, _LAST))
        due = select(price_series.c.look_at).where(price_series.c.look_at.between(_BEGINNING, at))
        first = (said.order_by(price_observations.c.id), due.order_by(price_series.c.look_at))
        moments = [self.db.execute(one.limit(1)).scalar() for one in first]
        return min((one for one in moments if one is not None), default=None)

    def take(self, limit: int) -> list[Observation]:
        last, gaps = self._lock()
        ended = self._transaction("xmin")
        found: list[Any] = []
        left: list[_Gap] = []
        for first, end, transaction in gaps:
            rows = self._numbered(first, end, limit - len(found))
            found += rows
            full = len(found) >= limit
            if full or transaction >= ended:
                left += _between(first, end, rows, transaction)
        rows = self._numbered(last + 1, _LAST, limit - len(found))
        if rows:
            new_last = rows[-1].id
            if not self._in_order:
                left += _between(last + 1, new_last, rows, self._transaction("xmax"))
            last, found = new_last, found + rows
        moved = {"last_id": last, "gaps": json.dumps(left)}
        self.db.execute(update(cursors).where(cursors.c.name == _READER).values(moved))
        return [_observation(row) for row in sorted(found, key=lambda row: row.id)]

    @property
    def _in_order(self) -> bool:
        """SQLite has one writer at a time, and takes back the numbers of one that gave up."""
        return self.db.dialect.name == "sqlite"

    def _lock(self) -> tuple[int, list[_Gap]]:
        first = {"name": _READER, "last_id": 0, "gaps": "[]"}
        self.db.execute(insert(self.db, cursors).on_conflict_do_nothing(), first)
        mine = select(cursors).where(cursors.c.name == _READER).with_for_update()
        row = self.db.execute(mine).one()
        return row.last_id, [(first, end, transaction) for first, end, transaction in json.loads(row.gaps)]

    def _transaction(self, bound: str) -> int:
        """xmin: all older transactions have ended. xmax: none that has begun is as new as this."""
        if self._in_order:
            return 0
        snapshot = func.pg_current_snapshot()
        asked = func.pg_snapshot_xmin(snapshot) if bound == "xmin" else func.pg_snapshot_xmax(snapshot)
        return int(self.db.execute(select(cast(asked, Text))).scalar_one())

    def _numbered(self, first: int, last: int, limit: int) -> list[Any]:
        if limit <= 0:
            return []
        seen = price_observations.c
        between = _OBSERVATIONS.where(seen.id.between(first, last))
        return list(self.db.execute(between.order_by(seen.id).limit(limit)).all())

    def forget_observations(self, before: datetime, limit: int) -> int:
        last, gaps = self._lock()
        if gaps:
            return 0
        seen = price_observations.c
        old = select(seen.id).where(seen.id <= last, seen.observed_at < before).order_by(seen.id).limit(limit)
        return self.db.execute(delete(price_observations).where(seen.id.in_(old.scalar_subquery()))).rowcount

    # --- series -----------------------------------------------------------------------------------------------

    def due(self, at: datetime, limit: int) -> list[PriceSeries]:
        self._lock()
        due = _SERIES.where(price_series.c.look_at.between(_BEGINNING, at))
        return [_series(row) for row in self.db.execute(due.order_by(price_series.c.look_at).limit(limit))]

    def guns(self, station_ids: Iterable[str]) -> list[PricedGun]:
        of_gun = [connectors.c[name] for name in _GUN]
        here = (stations.c.id == connectors.c.station_id, stations.c.removed_at.is_(None))
        listed = select(*of_gun, stations.c.time_zone).join(stations, here[0]).where(here[1])
        return [_gun(tuple(row.values())) for row in rows_by(self.db, listed, connectors.c.station_id, station_ids)]

    def series_of(self, station_ids: Iterable[str]) -> list[PriceSeries]:
        rows = rows_by(self.db, _SERIES, price_series.c.station_id, station_ids)
        return [_series(tuple(row.values())) for row in rows]

    def alone(self) -> None:
        self._lock()

    def some(self, series_ids: Iterable[int]) -> list[PriceSeries]:
        rows = rows_by(self.db, _SERIES, price_series.c.id, series_ids)
        return [_series(tuple(row.values())) for row in rows]

    def save(self, series: Sequence[PriceSeries]) -> None:
        upsert(self.db, price_series, [_row(one) for one in series])

    def save_passed(self, series: Sequence[PriceSeries]) -> None:
        rows = [{"id": one.id, "price": one.price, "look_at": one.look_at} for one in series]
        update_rows(self.db, price_series, rows)

    # --- versions ---------------------------------------------------------------------------------------------

    def append(self, versions: Sequence[PriceVersion]) -> None:
        names = [one.name for one in fields(PriceVersion)]
        rows = [{name: getattr(one, name) for name in names} | {"cause": one.cause.value} for one in versions]
        insert_rows(self.db, insert(self.db, price_versions), rows)

    def versions(self, series: Iterable[int], since: datetime) -> dict[int, list[PriceVersion]]:
        kept, other = price_versions.c, price_versions.alias("other").c
        before = select(func.max(other.at)).where(other.series_id == kept.series_id, other.at <= since)
        start = func.coalesce(before.correlate(price_versions).scalar_subquery(), literal(since, kept.at.type))
        held = _VERSIONS.where(kept.at >= start).order_by(kept.at)
        found: dict[int, list[PriceVersion]] = {one: [] for one in series}
        for row in rows_by(self.db, held, kept.series_id, found):
            number = row["series_id"]
            version = PriceVersion(number, row["at"], row["tariff_id"], Cause(row["cause"]), row["source"])
            found[number].append(version)
        return found

    def crowded(self, before: datetime, least: int, limit: int) -> list[PriceSeries]:
        kept = price_versions.c
        counted = select(kept.series_id).where(kept.at < before).group_by(kept.series_id)
        many = counted.having(func.count() >= least).limit(limit)
        rows = self.db.execute(_SERIES.where(price_series.c.id.in_(many.scalar_subquery())))
        return [_series(row) for row in rows]

    def compact(self, days: Sequence[PriceDay], before: datetime) -> int:
        names = [one.name for one in fields(PriceDay)]
        upsert(self.db, price_days, [{name: getattr(one, name) for name in names} for one in days])
        gone, kept = 0, price_versions.c
        for one in sorted({day.series_id for day in days}):
            # The one that holds at that moment stays.
            holds = select(func.max(kept.at)).where(kept.series_id == one, kept.at <= before).scalar_subquery()
            gone += self.db.execute(delete(price_versions).where(kept.series_id == one, kept.at < holds)).rowcount
        return gone

    def days(self, series: int) -> list[PriceDay]:
        kept = price_days.c
        rows = self.db.execute(select(price_days).where(kept.series_id == series).order_by(kept.day))
        return [PriceDay(row.series_id, row.day, row.lowest, row.median, row.highest) for row in rows]


_Gap = tuple[int, int, int]  # first, last, transaction
_LAST = 2**63 - 1
_OBSERVATIONS = select(
    *(
        price_observations.c[name]
        for name in (
            "id", "station_id", "operator_id", "connector_id", "supplier_id", "tariff_id", "observed_at", "pushed",
        )
    )
)  # fmt: skip
_VERSIONS = select(*(price_versions.c[one.name] for one in fields(PriceVersion)))
_NOBODY: Mapping[ConnectorRef, str] = {}
_NAMES = [one.name for one in fields(PriceSeries)]
_SERIES = select(*(price_series.c[name] for name in _NAMES))
_VALUES = attrgetter(*_NAMES)
_PLUG, _APART, _WAITING = (_NAMES.index(name) for name in ("plug", "apart", "waiting"))
_GUN = (
    "station_id", "operator_id", "connector_id", "plug", "power_kw", "count", "supplier_id", "tariff_id",
    "price_seen_at",
)  # fmt: skip


def _between(first: int, last: int, rows: Sequence[Any], transaction: int) -> list[_Gap]:
    """The numbers from first to last that these rows do not have."""
    left = []
    for number in (*(row.id for row in rows), last + 1):
        if first < number:
            left.append((first, number - 1, transaction))
        first = number + 1
    return left


def _observation(row: Any) -> Observation:
    number, station_id, operator_id, connector_id, *said = row
    return Observation(number, station_id, ConnectorRef(operator_id, connector_id), *said)


def _gun(row: Sequence[Any]) -> PricedGun:
    """From the columns _GUN and the time zone."""
    station_id, operator_id, connector_id, plug, power_kw, count, supplier_id, tariff_id, seen_at, zone = row
    ref = ConnectorRef(operator_id, connector_id)
    return PricedGun(station_id, ref, Plug(plug), power_kw, count, supplier_id, zone, tariff_id, seen_at)


def _series(row: Sequence[Any]) -> PriceSeries:
    """From a row of _SERIES. Nearly all have nothing apart and nothing waiting."""
    values = list(row)
    values[_PLUG] = Plug(values[_PLUG])
    values[_APART] = _NOBODY if values[_APART] == "[]" else _apart(values[_APART])
    values[_WAITING] = () if values[_WAITING] == "[]" else tuple(map(_waiting, json.loads(values[_WAITING])))
    return PriceSeries(*values)


def _apart(document: str) -> dict[ConnectorRef, str]:
    return {ConnectorRef(operator, number): tariff for operator, number, tariff in json.loads(document)}


def _row(one: PriceSeries) -> dict[str, Any]:
    row = dict(zip(_NAMES, _VALUES(one), strict=True))
    apart = [[ref.operator_id, ref.connector_id, tariff] for ref, tariff in one.apart.items()]
    waiting = [_waiting_doc(each) for each in one.waiting]
    return row | {
        "plug": one.plug.value,
        "apart": json.dumps(apart) if apart else "[]",
        "waiting": json.dumps(waiting) if waiting else "[]",
    }


def _waiting_doc(one: Waiting) -> dict[str, Any]:
    before = None if one.doubt.before is None else str(one.doubt.before)
    doubt = {"reason": one.doubt.reason.value, "now": str(one.doubt.now), "before": before}
    return {"key": one.key, "source": one.source, "since": one.since.isoformat()} | doubt


def _waiting(doc: Mapping[str, Any]) -> Waiting:
    before = None if doc["before"] is None else Fraction(doc["before"])
    doubt = Doubt(Reason(doc["reason"]), Fraction(doc["now"]), before)
    return Waiting(doc["key"], doc["source"], datetime.fromisoformat(doc["since"]), doubt)
