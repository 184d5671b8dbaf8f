"""Slots of periodic work."""

from __future__ import annotations

from datetime import datetime

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

    def purge(self, before: datetime) -> int:
        return self.db.execute(delete(ticks).where(ticks.c.taken_at < before)).rowcount
