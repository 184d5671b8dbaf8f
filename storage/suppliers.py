"""Suppliers, how our pulls from them went, and the rows we refused."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from core.geo import Datum
from core.ports import QuarantineRow, SupplierState
from core.station import Rejected, Supplier
from storage.bulk import insert, insert_new, insert_rows, rows_by, upsert
from storage.tables import pulls, quarantine, stations, suppliers


class SqlSuppliers:
    """The part of core.ports.CatalogueRepository that deals in suppliers."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def save_supplier(self, supplier: Supplier) -> None:
        row = {
            "id": supplier.id,
            "kind": supplier.kind,
            "name": supplier.name,
            "licence": supplier.licence,
            "attribution": supplier.attribution,
            "url": supplier.url,
            "datum": supplier.datum.value,
        }
        upsert(self.db, suppliers, [row])

    def introduce(self, supplier_id: str) -> None:
        nobody = {"kind": "", "licence": "", "attribution": "", "url": "", "datum": Datum.WGS84.value}
        insert_new(self.db, suppliers, [nobody | {"id": supplier_id, "name": supplier_id}])

    def suppliers(self) -> list[SupplierState]:
        counted = (
            select(stations.c.supplier_id, func.count().label("stations"))
            .where(stations.c.removed_at.is_(None))
            .group_by(stations.c.supplier_id)
        )
        counts = {row.supplier_id: row.stations for row in self.db.execute(counted)}
        pulled: dict[str, list[Any]] = defaultdict(list)
        for row in self.db.execute(select(pulls)):
            pulled[row.supplier_id].append(row)
        rows = self.db.execute(select(suppliers).order_by(suppliers.c.id))
        return [_state(row, counts.get(row.id, 0), pulled[row.id]) for row in rows]

    def note_pull(self, supplier_id: str, asked: str, at: datetime, error: str = "") -> None:
        row: dict[str, Any] = {"supplier_id": supplier_id, "asked": asked, "last_error": error}
        if error:
            row |= {"last_success_at": None, "last_error_at": at}
        else:
            row |= {"last_success_at": at, "last_error_at": None}
        statement = insert(self.db, pulls).values(row)
        written = {name: value for name, value in row.items() if name not in {"supplier_id", "asked"}}
        if error:
            del written["last_success_at"]  # the last success stays what it was
        self.db.execute(statement.on_conflict_do_update(index_elements=["supplier_id", "asked"], set_=written))

    def quarantine(self, supplier_id: str, rejected: Sequence[Rejected], at: datetime) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for one in rejected:
            key = _row_key(one)
            times = rows[key]["times"] + 1 if key in rows else 1
            rows[key] = {
                "supplier_id": supplier_id,
                "row_key": key,
                "external_id": one.external_id,
                "reason": one.reason,
                "detail": one.detail,
                "raw": one.raw,
                "first_seen_at": at,
                "last_seen_at": at,
                "times": times,
            }
        statement = insert(self.db, quarantine)
        again = {name: statement.excluded[name] for name in ("detail", "raw", "last_seen_at")}
        again["times"] = quarantine.c.times + statement.excluded.times
        statement = statement.on_conflict_do_update(index_elements=["supplier_id", "row_key"], set_=again)
        insert_rows(self.db, statement, [rows[key] for key in sorted(rows)])

    def unseen(self, supplier_id: str, rejected: Sequence[Rejected]) -> int:
        keys = {_row_key(one) for one in rejected}
        mine = select(quarantine.c.row_key).where(quarantine.c.supplier_id == supplier_id)
        return len(keys) - sum(1 for _ in rows_by(self.db, mine, quarantine.c.row_key, keys))

    def waiting(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> dict[str, QuarantineRow]:
        keys = [_row_key(Rejected(one, reason)) for one in external_ids]
        mine = select(*_SHOWN).where(quarantine.c.supplier_id == supplier_id)
        rows = [QuarantineRow(**row) for row in rows_by(self.db, mine, quarantine.c.row_key, keys)]
        return {row.external_id: row for row in rows}

    def settle(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> None:
        keys = [_row_key(Rejected(one, reason)) for one in external_ids]
        if keys:
            self.db.execute(_SETTLE, [{"of_supplier": supplier_id, "of_row": key} for key in sorted(keys)])

    def quarantined(self, supplier_id: str | None, limit: int) -> list[QuarantineRow]:
        newest = (quarantine.c.last_seen_at.desc(), quarantine.c.supplier_id, quarantine.c.external_id)
        statement = select(*_SHOWN).order_by(*newest).limit(limit)
        if supplier_id is not None:
            statement = statement.where(quarantine.c.supplier_id == supplier_id)
        return [QuarantineRow(**row) for row in self.db.execute(statement).mappings()]


_SETTLE = delete(quarantine).where(
    quarantine.c.supplier_id == bindparam("of_supplier"), quarantine.c.row_key == bindparam("of_row")
)
_SHOWN = [column for column in quarantine.c if column.name != "row_key"]


def _state(row: Any, count: int, pulled: Sequence[Any]) -> SupplierState:
    failing = [one for one in pulled if one.last_error_at is not None]
    worst = max(failing, key=lambda one: one.last_error_at, default=None)
    return SupplierState(
        supplier=Supplier(row.id, row.kind, row.name, row.licence, row.attribution, row.url, Datum(row.datum)),
        stations=count,
        last_success_at={one.asked: one.last_success_at for one in pulled if one.last_success_at is not None},
        last_error=worst.last_error if worst else "",
        last_error_at=worst.last_error_at if worst else None,
    )


def _row_key(one: Rejected) -> str:
    """The same row with the same reason. A row that has no id is known by its text."""
    named = one.external_id or "\x1f" + one.raw
    text = f"{one.reason}\x1f{named}".encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=12).hexdigest()
