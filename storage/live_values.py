"""Live values of guns, status and price: which word is newer, and the history of prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.prices.history import KNOWN_FOR
from core.station import ConnectorStatus
from storage.bulk import insert, insert_rows
from storage.station_rows import Row
from storage.tables import price_observations

GunKey = tuple[str, str]


def is_newer(stamp: datetime | None, stored: datetime | None) -> bool:
    """Whether a word of this moment replaces the stored one. A word without a moment replaces only such a one."""
    return stored is None or (stamp is not None and stamp > stored)


@dataclass(frozen=True, slots=True)
class Merged:
    """Guns as a list tells them, with the live values that hold. `changed`: some live value is another one now;
    `aged`: one was seen again later."""

    rows: list[dict[str, Any]]
    refs: set[GunKey]
    changed: bool
    aged: bool


def merge_live(guns: Sequence[dict[str, Any]], stored: Mapping[GunKey, Row], at: datetime) -> Merged:
    """Put the newer live values into rows that come from a list. A list without them leaves the stored ones."""
    rows, changed, aged = [], False, False
    for gun in guns:
        before = stored.get((gun["operator_id"], gun["connector_id"]))
        row = gun
        if gun["tariff_id"] and gun["price_seen_at"] is None:
            row = row | {"price_seen_at": at}
        if before is not None:
            row = row | _status(row, before) | _price(row, before)
            changed |= any(row[name] != before[name] for name in ("status", "bay_blocked", "tariff_id", "no_price"))
            aged |= any(row[name] != before[name] for name in ("status_at", "price_seen_at"))
        rows.append(row)
    return Merged(rows, {(row["operator_id"], row["connector_id"]) for row in rows}, changed, aged)


def _status(row: Row, before: Row) -> dict[str, Any]:
    told = row["status"] != ConnectorStatus.UNKNOWN
    newest = row if told and is_newer(row["status_at"], before["status_at"]) else before
    return {name: newest[name] for name in ("status", "status_at", "bay_blocked")}


def _price(row: Row, before: Row) -> dict[str, Any]:
    if row["tariff_id"]:
        newest = row if is_newer(row["price_seen_at"], before["price_seen_at"]) else before
    else:
        newest = before if before["tariff_id"] else row
    return {name: newest[name] for name in ("tariff_id", "price_seen_at", "no_price")}


def is_news(before: Row | None, tariff_id: str, seen_at: datetime) -> bool:
    """Another tariff, or the same after a silence so long that it was not known any more."""
    if before is None or before["tariff_id"] != tariff_id:
        return True
    was_at = before["price_seen_at"]
    return was_at is not None and seen_at - was_at >= KNOWN_FOR


class PriceHistory:
    """Collects what is news of tariffs, to be appended in one go."""

    def __init__(self, db: Connection, at: datetime, *, pushed: bool) -> None:
        self.db, self.at, self.pushed = db, at, pushed
        self.rows: list[dict[str, Any]] = []

    def compare(self, guns: Iterable[Row], stored: Mapping[GunKey, Row]) -> None:
        for gun in guns:
            before = stored.get((gun["operator_id"], gun["connector_id"]))
            seen_at = gun["price_seen_at"] or self.at
            if gun["tariff_id"] and is_news(before, gun["tariff_id"], seen_at):
                self.add(gun, gun["tariff_id"], seen_at)

    def add(self, gun: Row, tariff_id: str, observed_at: datetime) -> None:
        key = {name: gun[name] for name in ("station_id", "operator_id", "connector_id", "supplier_id")}
        self.rows.append(key | {"tariff_id": tariff_id, "observed_at": observed_at, "pushed": self.pushed})

    def write(self) -> None:
        insert_rows(self.db, insert(self.db, price_observations), self.rows)
