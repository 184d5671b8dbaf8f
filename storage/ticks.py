"""Slots of periodic work."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from storage.bulk import insert
from storage.tables import ticks


class SqlTicks:
    """core.ports.TickRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def take(self, job: str, slot: str, at: datetime) -> bool:
        statement = insert(self.db, ticks).on_conflict_do_nothing().returning(ticks.c.job)
        return self.db.execute(statement, {"job": job, "slot": slot, "taken_at": at}).first() is not None

    def lease(self, work: str, at: datetime, lease_s: float) -> bool:
        row = {"job": work, "slot": _LEASE, "taken_at": at}
        run_out = ticks.c.taken_at <= at - timedelta(seconds=lease_s)
        statement = insert(self.db, ticks).on_conflict_do_update(
            index_elements=["job", "slot"], set_={"taken_at": at}, where=run_out
        )
        return self.db.execute(statement.returning(ticks.c.job), row).first() is not None

    def release(self, work: str, at: datetime) -> None:
        # Known by its moment: whoever came after a lease that ran out has another one.
        mine = (ticks.c.job == work, ticks.c.slot == _LEASE, ticks.c.taken_at == at)
        self.db.execute(delete(ticks).where(*mine))

    def purge(self, before: datetime) -> int:
        return self.db.execute(delete(ticks).where(ticks.c.taken_at < before)).rowcount


_LEASE = "lease"  # no slot of a schedule: those are numbers
