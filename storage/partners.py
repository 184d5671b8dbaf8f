"""Partners that call us, and what they told us in their own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select

from core.ports import Partner, PartnerObject, PartnerState
from storage.bulk import rows_by, upsert
from storage.tables import partner_objects, partners


class SqlPartners:
    """core.ports.PartnerRepository. `locks` in a writing unit: two changes of one partner follow each other."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    def get(self, partner_id: str) -> Partner | None:
        return self._one(select(partners).where(partners.c.id == partner_id))

    def by_token(self, token_hash: str) -> Partner | None:
        known = or_(partners.c.token_hash == token_hash, partners.c.pending_token_hash == token_hash)
        return self._one(select(partners).where(known))

    def save(self, partner: Partner) -> None:
        row = {name: getattr(partner, name) for name in Partner.__slots__}
        upsert(self.db, partners, [row | {"state": partner.state.value}])

    def remove(self, partner_id: str) -> None:
        self.db.execute(delete(partner_objects).where(partner_objects.c.partner_id == partner_id))
        self.db.execute(delete(partners).where(partners.c.id == partner_id))

    def _one(self, statement: Select[Any]) -> Partner | None:
        row = self.db.execute(statement.with_for_update() if self._locks else statement).mappings().first()
        return Partner(**{**row, "state": PartnerState(row["state"])}) if row else None


class SqlPartnerObjects:
    """core.ports.PartnerObjectRepository."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    def get(self, partner_id: str, module: str, key: str) -> PartnerObject | None:
        return self.many(partner_id, module, [key]).get(key)

    def many(self, partner_id: str, module: str, keys: Sequence[str]) -> dict[str, PartnerObject]:
        statement = _of(partner_id, module)
        rows = rows_by(self.db, statement.with_for_update() if self._locks else statement, _T.key, keys)
        return {row["key"]: _object(row) for row in rows}

    def all(self, partner_id: str, module: str) -> list[PartnerObject]:
        return [_object(row) for row in self.db.execute(_of(partner_id, module).order_by(_T.key)).mappings()]

    def marked(self, partner_id: str, module: str, mark: str) -> list[PartnerObject]:
        statement = _of(partner_id, module).where(_T.mark == mark).order_by(_T.updated_at.desc(), _T.key)
        return [_object(row) for row in self.db.execute(statement).mappings()]

    def containing(self, partner_id: str, module: str, text: str) -> list[PartnerObject]:
        named = func.lower(_T.document).contains(text.lower(), autoescape=True)
        return [_object(row) for row in self.db.execute(_of(partner_id, module).where(named)).mappings()]

    def save(self, partner_id: str, module: str, objects: Sequence[PartnerObject]) -> None:
        latest = {one.key: one for one in objects}
        rows: list[dict[str, Any]] = [
            {
                "partner_id": partner_id,
                "module": module,
                "key": key,
                "mark": one.mark,
                "updated_at": one.updated_at,
                "document": one.document,
            }
            for key, one in sorted(latest.items())
        ]
        upsert(self.db, partner_objects, rows)

    def remove(self, partner_id: str, module: str, key: str) -> bool:
        one = delete(partner_objects).where(_T.partner_id == partner_id, _T.module == module, _T.key == key)
        return bool(self.db.execute(one).rowcount)


_T = partner_objects.c


def _of(partner_id: str, module: str) -> Select[Any]:
    columns = (_T.key, _T.mark, _T.updated_at, _T.document)
    return select(*columns).where(_T.partner_id == partner_id, _T.module == module)


def _object(row: RowMapping) -> PartnerObject:
    return PartnerObject(**row)
