"""What must be said or done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)

from core.outbox import (
    MAX_ATTEMPTS,
    PACES,
    POLICIES,
    REPEATS_KNOWN_WITHIN,
    MessageClass,
    NewRow,
    OutboxRow,
    OutboxState,
)
from storage.bulk import insert as insert_or
from storage.bulk import insert_rows, rows_by
from storage.tables import channel_pauses, outbox

_TICK = timedelta(microseconds=1)


class SqlOutbox:
    """core.ports.OutboxRepository. Claiming and reporting back are one statement each.

    `next_at` of a row that is not pending is the moment of its last claim: by it the paces are kept.
    """

    def __init__(self, db: Connection) -> None:
        self.db = db

    def add(self, row: NewRow, at: datetime) -> int | None:
        statement = insert_or(self.db, outbox).values(_new(row, at)).on_conflict_do_nothing()
        number: int | None = self.db.execute(statement.returning(outbox.c.id)).scalar()
        return number

    def add_all(self, rows: Sequence[NewRow], at: datetime) -> dict[str, int]:
        if not rows:
            return {}
        last = self.db.execute(select(func.coalesce(func.max(outbox.c.id), 0))).scalar_one()
        insert_rows(self.db, insert_or(self.db, outbox).on_conflict_do_nothing(), [_new(row, at) for row in rows])
        added = select(outbox.c.id, outbox.c.dedupe_key).where(outbox.c.id > last)
        keys = [row.dedupe_key for row in rows]
        return {row["dedupe_key"]: row["id"] for row in rows_by(self.db, added, outbox.c.dedupe_key, keys)}

    def due(self, at: datetime, limit: int, *, orders: bool | None = None) -> list[int]:
        # In two steps, so that a long queue is walked in its order, by index, and left where enough is found.
        found = self._in_turn(_abandoned(at), at, limit, orders)
        if len(found) < limit:
            found += self._in_turn(_waiting(at), at, limit - len(found), orders)
        return found

    def _in_turn(self, wanted: ColumnElement[bool], at: datetime, limit: int, orders: bool | None) -> list[int]:
        ready = (wanted, _not_resting(at), _its_turn(at))
        statement = select(outbox.c.id).where(*ready).order_by(outbox.c.rank, outbox.c.id).limit(limit)
        if orders is not None:
            statement = statement.where(outbox.c.channel == "" if orders else outbox.c.channel != "")
        return list(self.db.execute(statement).scalars())

    def ready(self, row_id: int, at: datetime) -> OutboxRow | None:
        statement = select(outbox).where(outbox.c.id == row_id, _due(at), _its_turn(at))
        row = self.db.execute(statement).mappings().first()
        return None if row is None else _row(row)

    def claim(self, row_id: int, token: str, at: datetime, lease: timedelta) -> OutboxRow | None:
        abandoned = outbox.c.state == OutboxState.SENDING.value
        in_doubt = or_(abandoned, outbox.c.doubtful_since.is_not(None))
        first_doubt = func.coalesce(outbox.c.doubtful_since, outbox.c.next_at)
        # An expired one that may have arrived is in doubt, not expired.
        outcome = case(
            (and_(in_doubt, not_(_may_be_repeated(at))), OutboxState.UNCERTAIN.value),
            (_expired(at), case((in_doubt, OutboxState.UNCERTAIN.value), else_=OutboxState.EXPIRED.value)),
            # It took its sender down with it every time.
            (and_(abandoned, outbox.c.attempts >= MAX_ATTEMPTS), OutboxState.DEAD.value),
            else_=OutboxState.SENDING.value,
        )
        goes_out = outcome == OutboxState.SENDING.value
        never = literal(None, outbox.c.lease_until.type)
        statement = (
            update(outbox)
            .where(outbox.c.id == row_id, _due(at), _its_turn(at))
            .values(
                state=outcome,
                attempts=outbox.c.attempts + case((goes_out, 1), else_=0),
                token=token,
                lease_until=case((goes_out, literal(at + lease, outbox.c.lease_until.type)), else_=never),
                next_at=at,
                finished_at=case((goes_out, never), else_=literal(at, outbox.c.finished_at.type)),
                doubtful_since=case((abandoned, first_doubt), else_=outbox.c.doubtful_since),
                error=case((abandoned, "its sender died in the middle"), else_=outbox.c.error),
            )
            .returning(*outbox.c)
        )
        row = self.db.execute(statement).mappings().first()
        return _row(row) if row is not None and row["state"] == OutboxState.SENDING.value else None

    def finish(
        self,
        row_id: int,
        token: str,
        state: OutboxState,
        at: datetime,
        *,
        next_at: datetime | None = None,
        doubtful: bool = False,
        counted: bool = True,
        sent_ref: str = "",
        error: str = "",
    ) -> bool:
        told: dict[str, Any] = {"state": state.value, "lease_until": None, "sent_ref": sent_ref, "error": error}
        if doubtful:
            told["doubtful_since"] = func.coalesce(outbox.c.doubtful_since, outbox.c.next_at)
        if state is OutboxState.PENDING:
            told["next_at"] = next_at or at
        else:
            told["finished_at"] = at
        if state is OutboxState.SENT:
            # Where somebody charged, and what for: nobody needs it any more. The key stays, against saying it again.
            told["body"] = "{}"
        if not counted:
            told["attempts"] = outbox.c.attempts - 1
        return self._change_ours(row_id, token, told)

    def redirect(self, row_id: int, token: str, channel: str, address: str, at: datetime, error: str) -> bool:
        elsewhere = {"state": OutboxState.PENDING.value, "channel": channel, "address": address, "error": error}
        return self._change_ours(row_id, token, elsewhere | {"next_at": at, "lease_until": None})

    def _change_ours(self, row_id: int, token: str, values: Mapping[str, Any]) -> bool:
        ours = (outbox.c.id == row_id, outbox.c.state == OutboxState.SENDING.value, outbox.c.token == token)
        return self.db.execute(update(outbox).where(*ours).values(values)).rowcount > 0

    def decide(
        self, row_id: int, states: Sequence[OutboxState], to: OutboxState, at: datetime, note: str
    ) -> OutboxRow | None:
        again = to is OutboxState.PENDING
        values: dict[str, Any] = {
            "state": to.value,
            "error": note,
            "next_at": at,
            "finished_at": None if again else at,
            "attempts": 0 if again else outbox.c.attempts,
        }
        if again:
            # Somebody wants it said, however late, and knows that it may be there already.
            values |= {"expires_at": None, "doubtful_since": None}
        statement = (
            update(outbox)
            .where(outbox.c.id == row_id, outbox.c.state.in_([one.value for one in states]))
            .values(values)
            .returning(*outbox.c)
        )
        row = self.db.execute(statement).mappings().first()
        return _row(row) if row is not None else None

    def get(self, row_id: int) -> OutboxRow | None:
        row = self.db.execute(select(outbox).where(outbox.c.id == row_id)).mappings().first()
        return _row(row) if row is not None else None

    def in_states(self, states: Sequence[OutboxState], limit: int) -> list[OutboxRow]:
        wanted = outbox.c.state.in_([one.value for one in states])
        rows = self.db.execute(select(outbox).where(wanted).order_by(outbox.c.id.desc()).limit(limit))
        return [_row(row) for row in rows.mappings()]

    def counts(self) -> Mapping[tuple[str, str], int]:
        klass = outbox.c["class"].label("klass")
        statement = select(klass, outbox.c.state, func.count().label("rows")).group_by(klass, outbox.c.state)
        return {(row.klass, row.state): row.rows for row in self.db.execute(statement)}

    def waits_since(self, at: datetime) -> Mapping[str, datetime]:
        klass = outbox.c["class"].label("klass")
        statement = select(klass, func.min(outbox.c.next_at).label("first")).where(_waiting(at)).group_by(klass)
        return {row.klass: row.first for row in self.db.execute(statement)}

    def uncertain_of(self, user_id: str, klass: MessageClass, since: datetime) -> int:
        statement = select(func.count()).where(
            outbox.c.user_id == user_id,
            outbox.c["class"] == klass.value,
            outbox.c.state == OutboxState.UNCERTAIN.value,
            outbox.c.finished_at >= since,
        )
        return int(self.db.execute(statement).scalar_one())

    def last_sent(self, user_id: str, klass: MessageClass) -> datetime | None:
        statement = select(func.max(outbox.c.next_at)).where(
            outbox.c.user_id == user_id,
            outbox.c["class"] == klass.value,
            outbox.c.state == OutboxState.SENT.value,
        )
        moment: datetime | None = self.db.execute(statement).scalar_one()
        return moment

    def pause(self, channel: str, until: datetime) -> None:
        statement = insert_or(self.db, channel_pauses).values(channel=channel, paused_until=until)
        longer = channel_pauses.c.paused_until < until
        self.db.execute(
            statement.on_conflict_do_update(index_elements=["channel"], set_={"paused_until": until}, where=longer)
        )

    def paused(self, at: datetime) -> dict[str, datetime]:
        rows = self.db.execute(select(channel_pauses).where(channel_pauses.c.paused_until > at))
        return {row.channel: row.paused_until for row in rows}

    def forget_user(self, user_id: str) -> int:
        # Orders to suppliers and providers carry ids only, and money hangs on them: they stay.
        theirs = (outbox.c.user_id == user_id, outbox.c.channel != "")
        waiting = outbox.c.state == OutboxState.PENDING.value
        gone = self.db.execute(delete(outbox).where(*theirs, waiting)).rowcount
        return gone + self.db.execute(update(outbox).where(*theirs).values(address="", body="{}")).rowcount

    def purge(self, before: datetime) -> int:
        # An order that was given up stays until one of us has decided: money may hang on it.
        given_up = and_(outbox.c.state == OutboxState.DEAD.value, outbox.c.channel == "")
        return self.db.execute(delete(outbox).where(outbox.c.finished_at < before, not_(given_up))).rowcount


# --- conditions -----------------------------------------------------------------------------------------------


def _due(at: datetime) -> ColumnElement[bool]:
    return and_(or_(_waiting(at), _abandoned(at)), _not_resting(at))


def _waiting(at: datetime) -> ColumnElement[bool]:
    # Written out: an index of these rows alone is used for a state that stands in the statement.
    pending = literal(OutboxState.PENDING.value, literal_execute=True)
    return and_(outbox.c.state == pending, _come(outbox.c.next_at, at))


def _come(moment: ColumnElement[datetime], at: datetime) -> ColumnElement[bool]:
    """`moment <= at`, said so that no index of moments is taken for it: in a long queue nearly all have come."""
    return func.coalesce(moment, literal(at, moment.type)) <= literal(at, moment.type)


def _abandoned(at: datetime) -> ColumnElement[bool]:
    """Whoever had it is gone: the lease ran out."""
    return and_(outbox.c.state == OutboxState.SENDING.value, outbox.c.lease_until <= at)


def _not_resting(at: datetime) -> ColumnElement[bool]:
    resting = select(channel_pauses.c.channel).where(channel_pauses.c.paused_until > at)
    return outbox.c.channel.not_in(resting)


def _expired(at: datetime) -> ColumnElement[bool]:
    return and_(outbox.c.expires_at.is_not(None), outbox.c.expires_at <= at)


def _may_be_repeated(at: datetime) -> ColumnElement[bool]:
    """After a sender died in the middle: by the class, or because the platform knows a repetition."""
    repeated = [klass.value for klass, policy in POLICIES.items() if policy.resend]
    known = [
        and_(
            outbox.c.channel == channel,
            func.coalesce(outbox.c.doubtful_since, outbox.c.next_at) > at - within,
        )
        for channel, within in REPEATS_KNOWN_WITHIN.items()
    ]
    return or_(outbox.c["class"].in_(repeated), *known)


def _its_turn(at: datetime) -> ColumnElement[bool]:
    """One chat's messages keep their order, those of a lower rank before the others, and no chat and no channel gets
    more than its pace."""
    other = outbox.alias("other")
    same_chat = and_(other.c.channel == outbox.c.channel, other.c.address == outbox.c.address)
    before = or_(other.c.rank < outbox.c.rank, and_(other.c.rank == outbox.c.rank, other.c.id < outbox.c.id))
    earlier = and_(same_chat, before, other.c.state == OutboxState.PENDING.value, _come(other.c.next_at, at))
    terms = []
    for channel, pace in PACES.items():
        claimed = other.c.state.not_in([OutboxState.PENDING.value, OutboxState.EXPIRED.value])
        to_chat = and_(
            same_chat, claimed, other.c.id != outbox.c.id, not_(_come(other.c.next_at, at - pace.per_chat))
        )
        lately = select(func.count()).where(
            other.c.channel == channel,
            other.c.state.in_([OutboxState.SENDING.value, OutboxState.SENT.value]),
            other.c.next_at.between(at - timedelta(seconds=1) + _TICK, at),
        )
        room = lately.scalar_subquery() < case((outbox.c.rank > 0, pace.ranked), else_=pace.per_second)
        terms.append(or_(outbox.c.channel != channel, and_(room, ~select(other.c.id).where(to_chat).exists())))
    # Last what is asked for each row anew.
    terms.append(~select(other.c.id).where(earlier).exists())
    return or_(outbox.c.channel == "", and_(*terms))


def _new(row: NewRow, at: datetime) -> dict[str, Any]:
    return {
        "dedupe_key": row.dedupe_key,
        "class": row.klass.value,
        "kind": row.kind,
        "subject": row.subject,
        "channel": row.channel,
        "address": row.address,
        "user_id": row.user_id,
        "body": row.body,
        "state": OutboxState.PENDING.value,
        "attempts": 0,
        "token": "",
        "created_at": at,
        "next_at": row.not_before or at,
        "expires_at": row.expires_at,
        "error": "",
        "sent_ref": "",
        "rank": row.rank,
    }


def _row(row: Any) -> OutboxRow:
    return OutboxRow(
        id=row["id"],
        dedupe_key=row["dedupe_key"],
        klass=MessageClass(row["class"]),
        kind=row["kind"],
        subject=row["subject"],
        channel=row["channel"],
        address=row["address"],
        body=row["body"],
        state=OutboxState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        next_at=row["next_at"],
        expires_at=row["expires_at"],
        token=row["token"],
        user_id=row["user_id"],
        doubtful_since=row["doubtful_since"],
        error=row["error"],
        sent_ref=row["sent_ref"],
    )
