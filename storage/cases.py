"""What people have to decide, and why nothing new is started."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, select
from sqlalchemy import update as sql_update

from core.ledger import Cause
from core.ports import Case, CaseKind, Halt
from storage.bulk import insert, upsert
from storage.tables import cases, halts, transfers

_C = cases.c
# A case that stood in the way may be decided between the two statements: then the new one goes in.
_TRIES = 5


class SqlCases:
    """core.ports.CaseRepository. With `locks` a case that was read is ours until the transaction ends."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    def open(self, case: Case) -> Case:
        statement = insert(self.db, cases).values(_row(case)).on_conflict_do_nothing().returning(_C.id)
        still_open = (_C.kind == case.kind.value, _C.subject == case.subject, _C.decided_at.is_(None))
        for _ in range(_TRIES):
            if self.db.execute(statement).first() is not None:
                return case
            if (known := self._one(select(cases).where(*still_open))) is not None:
                return known
        raise LookupError(f"case {case.id} clashes with one that cannot be found")

    def get(self, case_id: str) -> Case | None:
        return self._one(select(cases).where(_C.id == case_id))

    def save(self, case: Case) -> None:
        changed = {name: value for name, value in _row(case).items() if name != "id"}
        if self.db.execute(sql_update(cases).where(_C.id == case.id).values(changed)).rowcount == 0:
            raise LookupError(f"no case {case.id}")

    def listed(self, *, decided: bool = False, kind: CaseKind | None = None, limit: int = 100) -> list[Case]:
        statement = select(cases).where(_C.decided_at.is_not(None) if decided else _C.decided_at.is_(None))
        if kind is not None:
            statement = statement.where(_C.kind == kind.value)
        order = (_C.decided_at.desc(), _C.id) if decided else (_C.opened_at, _C.id)
        return [_case(row) for row in self.db.execute(statement.order_by(*order).limit(limit)).mappings()]

    def about(self, kind: CaseKind, subject: str) -> list[Case]:
        these = select(cases).where(_C.kind == kind.value, _C.subject == subject)
        return [_case(row) for row in self.db.execute(these.order_by(_C.opened_at.desc(), _C.id)).mappings()]

    def decisions(self, case_id: str) -> int:
        # Their ids are "rev:<case>:<number>" (core.ledger.decided).
        of = transfers.c
        mine = (of.cause == Cause.REVIEW.value, of.id.startswith(f"rev:{case_id}:", autoescape=True))
        return self.db.execute(select(func.count()).select_from(transfers).where(*mine)).scalar_one()

    def _one(self, statement: Select[Any]) -> Case | None:
        row = self.db.execute(statement.with_for_update() if self._locks else statement).mappings().first()
        return _case(row) if row else None


def _row(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in Case.__slots__} | {"kind": case.kind.value}


def _case(row: RowMapping) -> Case:
    return Case(**{**row, "kind": CaseKind(row["kind"])})


class SqlHalts:
    """core.ports.HaltRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def all(self) -> list[Halt]:
        return [Halt(**row) for row in self.db.execute(select(halts).order_by(halts.c.name)).mappings()]

    def set(self, halt: Halt) -> None:
        upsert(self.db, halts, [{name: getattr(halt, name) for name in Halt.__slots__}])

    def lift(self, name: str) -> bool:
        return self.db.execute(delete(halts).where(halts.c.name == name)).rowcount > 0
