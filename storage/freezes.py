"""Suppliers whose word is not taken for now, and those whose next list a person has promised to believe."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from core.ports import Freeze
from storage.bulk import insert
from storage.tables import freezes

# A row without a reason is not a freeze but its end: the next full list is believed, whatever it looks like.
_THAWED = ""


class SqlFreezes:
    """core.ports.FreezeRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def get(self, supplier_id: str) -> Freeze | None:
        row = self.db.execute(_FROZEN.where(freezes.c.supplier_id == supplier_id)).mappings().first()
        return Freeze(**row) if row is not None else None

    def all(self) -> list[Freeze]:
        rows = self.db.execute(_FROZEN.order_by(freezes.c.supplier_id)).mappings()
        return [Freeze(**row) for row in rows]

    def freeze(self, freeze: Freeze) -> bool:
        row = {
            "supplier_id": freeze.supplier_id,
            "reason": freeze.reason,
            "who": freeze.who,
            "frozen_at": freeze.frozen_at,
        }
        statement = insert(self.db, freezes).values(row)
        # The first reason stands: it is the one to be looked into.
        statement = statement.on_conflict_do_update(
            index_elements=["supplier_id"], set_=row, where=freezes.c.reason == _THAWED
        )
        return self.db.execute(statement.returning(freezes.c.supplier_id)).first() is not None

    def thaw(self, supplier_id: str, who: str, at: datetime) -> bool:
        this = (freezes.c.supplier_id == supplier_id, freezes.c.reason != _THAWED)
        thawed = update(freezes).where(*this).values(reason=_THAWED, who=who, frozen_at=at)
        return self.db.execute(thawed).rowcount > 0

    def believed(self, supplier_id: str) -> bool:
        this = (freezes.c.supplier_id == supplier_id, freezes.c.reason == _THAWED)
        return self.db.execute(select(freezes.c.who).where(*this)).first() is not None

    def forget_thaw(self, supplier_id: str) -> None:
        this = (freezes.c.supplier_id == supplier_id, freezes.c.reason == _THAWED)
        self.db.execute(delete(freezes).where(*this))


_FROZEN = select(freezes).where(freezes.c.reason != _THAWED)
