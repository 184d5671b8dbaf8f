"""Through which chats a person can be reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, update

from core.outbox import OutboxState
from core.ports.chats import Chat, Reach
from core.user import Channel, Identity
from storage.bulk import rows_by
from storage.tables import channel_pauses, identities, leaves, outbox, users
from storage.users import quiet_hours

MOST_MERGES = 10  # in a row; more is a mistake, and no reason to hang


class SqlChats:
    """core.ports.ChatRepository. Locks nobody: it is asked in the middle of other people's transactions."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def get(self, identity: Identity) -> Chat | None:
        row = self.db.execute(select(identities).where(*_named(identity))).mappings().first()
        return self._chats([row])[0] if row is not None else None

    def used(self, identity: Identity, at: datetime) -> None:
        self.db.execute(update(identities).where(*_named(identity)).values(used_at=at, gone_at=None, closed_at=None))

    def gone(self, identity: Identity, at: datetime) -> bool:
        statement = update(identities).where(*_named(identity), identities.c.gone_at.is_(None)).values(gone_at=at)
        self.db.execute(statement)
        whose = select(identities.c.user_id).where(*_named(identity)).scalar_subquery()
        left = select(func.count()).where(
            identities.c.user_id == whose, identities.c.gone_at.is_(None), identities.c.channel.in_(_CHATS)
        )
        return self.db.execute(left).scalar_one() > 0

    def window_closed(self, identity: Identity, at: datetime) -> None:
        self.db.execute(update(identities).where(*_named(identity)).values(closed_at=at))

    def reach(self, user_id: str) -> Reach | None:
        return self.reaches([user_id]).get(user_id)

    def reaches(self, user_ids: Iterable[str]) -> Mapping[str, Reach]:
        became = {one: one for one in user_ids}
        found: dict[str, RowMapping] = {}
        for _ in range(MOST_MERGES):
            found |= {
                row["id"]: row for row in rows_by(self.db, _PERSON, users.c.id, set(became.values()) - found.keys())
            }
            later = {one: (found[now]["merged_into"] or now) if now in found else now for one, now in became.items()}
            if later == became:
                break
            became = later
        there = {one: row for one, row in found.items() if _is_there(row)}
        chats = self._chats_of({one for one in became.values() if one in there})
        resting = {row.channel: row.paused_until for row in self.db.execute(select(channel_pauses))}
        return {one: _reach(there[now], chats.get(now, ()), resting) for one, now in became.items() if now in there}

    def _chats_of(self, user_ids: Iterable[str]) -> Mapping[str, Sequence[Chat]]:
        """By person, the one used last first."""
        # Looked at here and not there: without statistics PostgreSQL would walk a whole channel for each person.
        every = rows_by(self.db, select(identities), identities.c.user_id, user_ids)
        rows = [row for row in every if row["gone_at"] is None and row["channel"] in _CHATS]
        found: dict[str, list[Chat]] = defaultdict(list)
        for row, chat in zip(rows, self._chats(rows), strict=True):
            found[row["user_id"]].append(chat)
        return {one: sorted(chats, key=lambda chat: chat.used_at, reverse=True) for one, chats in found.items()}

    def _chats(self, rows: Sequence[RowMapping]) -> list[Chat]:
        openids = [row["external_id"] for row in rows if row["channel"] == Channel.WECHAT.value]
        said = {row["address"]: row["said"] for row in rows_by(self.db, _SAID, outbox.c.address, openids)}
        left = {row["openid"]: row["left"] for row in rows_by(self.db, _LEFT, leaves.c.openid, openids)}
        return [
            _chat(row, said.get(row["external_id"], 0), int(left.get(row["external_id"], 0)))
            if row["channel"] == Channel.WECHAT.value
            else _chat(row)
            for row in rows
        ]


# The others name a person, but nothing can be said there.
_CHATS = (Channel.TELEGRAM.value, Channel.WECHAT.value)
_COLUMNS = ("id", "language", "stopped", "quiet_from", "quiet_to", "time_zone", "merged_into", "deleted_at")
_PERSON = select(*(users.c[name] for name in _COLUMNS))
# What may have arrived since the person wrote; `next_at` of such a row is when it was sent.
_SAID = (
    select(outbox.c.address, func.count().label("said"))
    .join(
        identities,
        (identities.c.channel == Channel.WECHAT.value) & (identities.c.external_id == outbox.c.address),
    )
    .where(
        outbox.c.channel == Channel.WECHAT.value,
        outbox.c.state.in_([OutboxState.SENT.value, OutboxState.UNCERTAIN.value]),
        outbox.c.next_at >= func.coalesce(identities.c.used_at, identities.c.linked_at),
    )
    .group_by(outbox.c.address)
)
_LEFT = select(leaves.c.openid, func.sum(leaves.c.count).label("left")).group_by(leaves.c.openid)


def _is_there(row: RowMapping) -> bool:
    return row["deleted_at"] is None and not row["merged_into"]


def _reach(row: RowMapping, chats: Sequence[Chat], resting: Mapping[str, datetime]) -> Reach:
    return Reach(
        user_id=row["id"],
        language=row["language"],
        stopped=row["stopped"],
        quiet=quiet_hours(row["quiet_from"], row["quiet_to"]),
        time_zone=row["time_zone"] or "",
        chats=tuple(chats),
        resting=resting,
    )


def _named(identity: Identity) -> tuple[ColumnElement[bool], ...]:
    return (identities.c.channel == identity.channel.value, identities.c.external_id == identity.external_id)


def _chat(row: RowMapping, said: int = 0, leaves: int = 0) -> Chat:
    identity = Identity(Channel(row["channel"]), row["external_id"])
    used_at = row["used_at"] or row["linked_at"]
    return Chat(identity, used_at, row["gone_at"] is not None, row["closed_at"] is not None, said, leaves)
