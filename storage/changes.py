"""Which stations were written lately: what an index needs to catch up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from storage.bulk import since
from storage.tables import stations


@dataclass(frozen=True, slots=True)
class Change:
    """The last write to a station. `revision` differs after every write, also within one moment."""

    revision: int
    changed_at: datetime


class SqlChanges:
    def __init__(self, db: Connection) -> None:
        self.db = db

    def since(self, at: datetime) -> dict[str, Change]:
        """The last write of every station written at or after this moment, removed ones included."""
        statement = select(stations.c.id, stations.c.revision, stations.c.changed_at).where(
            since(stations.c.changed_at, at)
        )
        # Without Redis this is asked twice a second, and in a crowd of pushes for thousands of rows: plain tuples.
        return {id_: Change(revision, at_) for id_, revision, at_ in self.db.execute(statement).all()}
