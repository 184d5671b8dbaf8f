"""Comparisons of our books with somebody else's, and since when each difference has been there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy import insert as plain_insert

from core.ports import Reconciliation
from storage.bulk import chunks, insert, listed
from storage.tables import differences, reconciliations

_OF = reconciliations.c


class SqlReconciliations:
    """core.ports.ReconciliationRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def save(self, run: Reconciliation) -> None:
        row = {name: getattr(run, name) for name in Reconciliation.__slots__} | {"day": run.day.isoformat()}
        self.db.execute(plain_insert(reconciliations).values(row))

    def latest(self, limit: int = 50, *, scope: str | None = None) -> list[Reconciliation]:
        statement = select(reconciliations).order_by(_OF.at.desc(), _OF.id).limit(limit)
        if scope is not None:
            statement = statement.where(_OF.scope == scope)
        rows = self.db.execute(statement).mappings()
        return [Reconciliation(**{**row, "day": date.fromisoformat(row["day"])}) for row in rows]

    def first_seen(self, scope: str, difference: str, at: datetime) -> datetime:
        row = {"scope": scope, "difference": difference, "first_seen_at": at}
        self.db.execute(insert(self.db, differences).values(row).on_conflict_do_nothing())
        this = (differences.c.scope == scope, differences.c.difference == difference)
        seen: datetime = self.db.execute(select(differences.c.first_seen_at).where(*this)).scalar_one()
        return seen

    def gone(self, scope: str, still: Iterable[str]) -> None:
        kept = set(still)
        known = self.db.execute(select(differences.c.difference).where(differences.c.scope == scope)).scalars()
        for some in chunks(sorted(set(known) - kept)):
            gone = differences.c.difference.in_(listed(self.db, some))
            self.db.execute(delete(differences).where(differences.c.scope == scope, gone))

    def purge(self, before: datetime, *, scopes: str = "") -> int:
        old = delete(reconciliations).where(_OF.at < before, _OF.scope.startswith(scopes, autoescape=True))
        return self.db.execute(old).rowcount
