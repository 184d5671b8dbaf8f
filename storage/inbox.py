"""What platforms told us, kept until it has been worked off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, case, delete, func, literal, or_, select, update

from core.ports import DeadMessage, InboxMessage, InboxState
from storage.bulk import insert
from storage.tables import inbox


class SqlInbox:
    """core.ports.InboxRepository. Claiming and reporting back are one statement each."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def add(self, source: str, key: str, lane: str, body: str, at: datetime) -> bool:
        new = {
            "source": source,
            "key": key,
            "lane": lane,
            "body": body,
            "state": InboxState.NEW.value,
            "attempts": 0,
            "received_at": at,
            "next_at": at,
            "error": "",
            "reply": "",
        }
        statement = insert(self.db, inbox).values(new).on_conflict_do_nothing()
        return self.db.execute(statement.returning(inbox.c.id)).first() is not None

    def claim(self, source: str, *, limit: int, lease_s: float, at: datetime) -> list[InboxMessage]:
        self._one_claimer(source)
        at_work = inbox.alias("at_work")
        busy_lanes = select(at_work.c.lane).where(
            at_work.c.source == source, at_work.c.state == InboxState.WORKING.value, at_work.c.lease_until > at
        )
        due = or_(
            and_(inbox.c.state == InboxState.NEW.value, inbox.c.next_at <= at),
            # Whoever had it is gone: the lease ran out.
            and_(inbox.c.state == InboxState.WORKING.value, inbox.c.lease_until <= at),
        )
        first_of_lane = (
            select(func.min(inbox.c.id).label("id"))
            .where(inbox.c.source == source, due, inbox.c.lane.not_in(busy_lanes))
            .group_by(inbox.c.lane)
            .order_by(func.min(inbox.c.id))
            .limit(limit)
            .subquery()
        )
        claimed = (
            update(inbox)
            .where(inbox.c.id.in_(select(first_of_lane.c.id)))
            .values(
                state=InboxState.WORKING.value,
                attempts=inbox.c.attempts + 1,
                lease_until=at + timedelta(seconds=lease_s),
            )
            .returning(*(inbox.c[name] for name in _MESSAGE))
        )
        rows = self.db.execute(claimed).mappings().all()
        return [InboxMessage(**row) for row in sorted(rows, key=lambda row: row["id"])]

    def _one_claimer(self, source: str) -> None:
        """SQLite has one writer anyway. Two PostgreSQL claimers would each see a free lane and share it."""
        if self.db.dialect.name == "postgresql":
            self.db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"inbox {source}", 0))))

    def done(self, message_id: int, at: datetime, reply: str = "") -> None:
        # The body goes at once: it may hold where somebody is. The key stays, to know a repetition by.
        finished = {
            "body": "",
            "state": InboxState.DONE.value,
            "finished_at": at,
            "lease_until": None,
            "error": "",
            "reply": reply,
        }
        self.db.execute(update(inbox).where(inbox.c.id == message_id).values(finished))

    def failed(self, message_id: int, at: datetime, error: str, *, retry_in_s: float, max_attempts: int) -> bool:
        dead = inbox.c.attempts >= max_attempts
        statement = (
            update(inbox)
            # A late word of a worker that lost its lease does not raise what another has finished.
            .where(inbox.c.id == message_id, inbox.c.state == InboxState.WORKING.value)
            .values(
                state=case((dead, InboxState.DEAD.value), else_=InboxState.NEW.value),
                finished_at=case((dead, literal(at, inbox.c.finished_at.type)), else_=None),
                next_at=at + timedelta(seconds=retry_in_s),
                lease_until=None,
                error=error,
            )
            .returning(inbox.c.state)
        )
        return self.db.execute(statement).scalar() == InboxState.DEAD.value

    def reply(self, source: str, key: str) -> tuple[InboxState, str] | None:
        statement = select(inbox.c.state, inbox.c.reply).where(inbox.c.source == source, inbox.c.key == key)
        row = self.db.execute(statement).first()
        return (InboxState(row.state), row.reply) if row is not None else None

    def counts(self) -> Mapping[tuple[str, str], int]:
        statement = select(inbox.c.source, inbox.c.state, func.count().label("messages"))
        rows = self.db.execute(statement.group_by(inbox.c.source, inbox.c.state))
        return {(row.source, row.state): row.messages for row in rows}

    def dead(self, limit: int) -> list[DeadMessage]:
        shown = [inbox.c[name] for name in _DEAD]
        dead = inbox.c.state == InboxState.DEAD.value
        rows = self.db.execute(select(*shown).where(dead).order_by(inbox.c.id.desc()).limit(limit)).mappings()
        return [DeadMessage(**row) for row in rows]

    def again(self, message_id: int, at: datetime) -> bool:
        dead = (inbox.c.id == message_id, inbox.c.state == InboxState.DEAD.value, inbox.c.body != "")
        anew = {"state": InboxState.NEW.value, "attempts": 0, "next_at": at, "finished_at": None}
        return self.db.execute(update(inbox).where(*dead).values(anew)).rowcount > 0

    def purge(self, before: datetime) -> int:
        """No platform repeats a message after more than a day, so old keys have no use either."""
        old = inbox.c.finished_at < before
        gone = self.db.execute(delete(inbox).where(old, inbox.c.state == InboxState.DONE.value)).rowcount
        dead = update(inbox).where(old, inbox.c.state == InboxState.DEAD.value, inbox.c.body != "").values(body="")
        return gone + self.db.execute(dead).rowcount


_DEAD = ("id", "source", "attempts", "error", "received_at")
_MESSAGE = ("id", "source", "key", "lane", "body", "attempts", "received_at")
