"""Through which chats a person can be reached."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, update

from core.ports.chats import Chat, Reach
from core.user import Channel, Identity
from storage.tables import identities, users
from storage.users import quiet_hours

MOST_MERGES = 10  # in a row; more is a mistake, and no reason to hang


class SqlChats:
    """core.ports.ChatRepository. Locks nobody: it is asked in the middle of other people's transactions."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def get(self, identity: Identity) -> Chat | None:
        row = self.db.execute(select(identities).where(*_named(identity))).mappings().first()
        return _chat(row) if row is not None else None

    def used(self, identity: Identity, at: datetime) -> None:
        self.db.execute(update(identities).where(*_named(identity)).values(used_at=at, gone_at=None))

    def gone(self, identity: Identity, at: datetime) -> bool:
        statement = update(identities).where(*_named(identity), identities.c.gone_at.is_(None)).values(gone_at=at)
        self.db.execute(statement)
        whose = select(identities.c.user_id).where(*_named(identity)).scalar_subquery()
        left = select(func.count()).where(
            identities.c.user_id == whose, identities.c.gone_at.is_(None), identities.c.channel.in_(_CHATS)
        )
        return self.db.execute(left).scalar_one() > 0

    def reach(self, user_id: str) -> Reach | None:
        columns = users.c
        wanted = (
            columns.id,
            columns.language,
            columns.stopped,
            columns.quiet_from,
            columns.quiet_to,
            columns.time_zone,
            columns.merged_into,
            columns.deleted_at,
        )
        row = self.db.execute(select(*wanted).where(columns.id == user_id)).first()
        for _ in range(MOST_MERGES):
            if row is None or not row.merged_into:
                break
            row = self.db.execute(select(*wanted).where(columns.id == row.merged_into)).first()
        if row is None or row.deleted_at is not None:
            return None
        return Reach(
            user_id=row.id,
            language=row.language,
            stopped=row.stopped,
            quiet=quiet_hours(row.quiet_from, row.quiet_to),
            time_zone=row.time_zone or "",
            chats=self._chats_of(row.id),
        )

    def _chats_of(self, user_id: str) -> tuple[Chat, ...]:
        statement = select(identities).where(
            identities.c.user_id == user_id, identities.c.gone_at.is_(None), identities.c.channel.in_(_CHATS)
        )
        chats = [_chat(row) for row in self.db.execute(statement).mappings()]
        return tuple(sorted(chats, key=lambda chat: chat.used_at, reverse=True))


# The others name a person, but nothing can be said there.
_CHATS = (Channel.TELEGRAM.value, Channel.WECHAT.value)


def _named(identity: Identity) -> tuple[ColumnElement[bool], ...]:
    return (identities.c.channel == identity.channel.value, identities.c.external_id == identity.external_id)


def _chat(row: RowMapping) -> Chat:
    identity = Identity(Channel(row["channel"]), row["external_id"])
    return Chat(identity, used_at=row["used_at"] or row["linked_at"], gone=row["gone_at"] is not None)
