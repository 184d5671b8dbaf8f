"""Charging sessions: quotes, attempts to charge, their diary, and which charge record was booked for which."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, delete, func, select, update
from sqlalchemy import insert as plain_insert

from core.charging import ChargeRecord
from core.frozen import quote_from_text, quote_to_text
from core.money import Money
from core.ports import Booking, BookingState, HistoryFilter, SessionClash
from core.session import BUSY, LIVE, ChargingSession, Event, FrozenQuote, SessionEvent, SessionState
from core.station import ConnectorRef
from storage.bulk import insert, upsert
from storage.records import record_from_text
from storage.tables import charge_quotes, charge_records, charging_sessions, record_bookings, session_events, topups

_C = charging_sessions.c
_BUSY = sorted(one.value for one in BUSY)
_MAY_GET_A_RECORD = sorted(one.value for one in LIVE | {SessionState.PROVISIONAL, SessionState.CREDITED})
_WITHOUT_RECORD = (SessionState.PROVISIONAL.value, SessionState.CLOSED.value)
# The reason may be gone when we look for it: then the row goes in at the next try.
_TRIES = 5
_ROWS_AT_ONCE = 100
# A record comes after the charge has ended; the supplier's clock may be ahead of ours by this much.
_CLOCKS_DIFFER_BY = timedelta(hours=1)


class SqlSessions:
    """core.ports.SessionRepository. With `locks` a session that was read is ours until the transaction ends."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    # --- quotes -----------------------------------------------------------------------------------------------

    def save_quote(self, quote: FrozenQuote, signature: str) -> None:
        row = {
            "id": quote.id,
            "user_id": quote.user_id,
            "document": quote_to_text(quote),
            "signature": signature,
            "expires_at": quote.expires_at,
        }
        self.db.execute(plain_insert(charge_quotes).values(row))

    def quote(self, quote_id: str) -> tuple[FrozenQuote, str] | None:
        of = charge_quotes.c
        row = self.db.execute(select(of.document, of.signature).where(of.id == quote_id)).first()
        return (quote_from_text(row.document), row.signature) if row else None

    def purge_quotes(self, before: datetime) -> int:
        of = charge_quotes.c
        used = select(_C.id).where(_C.quote_id == of.id).exists()
        promised = select(topups.c.id).where(topups.c.quote_id == of.id).exists()
        return self.db.execute(delete(charge_quotes).where(of.expires_at < before, ~used, ~promised)).rowcount

    # --- sessions ---------------------------------------------------------------------------------------------

    def add(self, session: ChargingSession) -> SessionClash | None:
        # A refused INSERT would end a transaction of PostgreSQL; one that does nothing does not. It waits for a
        # rival that has not committed yet, so that the question after it sees who was first.
        statement = insert(self.db, charging_sessions).values(_row(session)).on_conflict_do_nothing().returning(_C.id)
        for _ in range(_TRIES):
            if self.db.execute(statement).first() is not None:
                return None
            if (clash := self._clash(session)) is not None:
                return clash
        raise LookupError(f"session {session.id} clashes with one that cannot be found")

    def _clash(self, new: ChargingSession) -> SessionClash | None:
        busy = _C.state.in_(_BUSY)
        # The repetition of a request clashes in every way, and is no clash but the first answer again.
        for clash, where in (
            (SessionClash.SAME_KEY, and_(_C.user_id == new.user_id, _C.client_key == new.client_key)),
            (SessionClash.SAME_NUMBER, and_(_C.supplier_id == new.supplier_id, _C.start_seq == new.start_seq)),
            (SessionClash.USER_BUSY, and_(_C.user_id == new.user_id, busy)),
            (SessionClash.GUN_BUSY, and_(_C.gun_key == new.gun_key, busy)),
        ):
            if self.db.execute(select(_C.id).where(where).limit(1)).first() is not None:
                return clash
        return None

    def get(self, session_id: str) -> ChargingSession | None:
        return self._one(_SESSIONS.where(_C.id == session_id), locks=self._locks)

    def by_client_key(self, user_id: str, client_key: str) -> ChargingSession | None:
        return self._one(_SESSIONS.where(_C.user_id == user_id, _C.client_key == client_key))

    def by_start_seq(self, supplier_id: str, start_seq: str) -> ChargingSession | None:
        return self._one(_SESSIONS.where(_C.supplier_id == supplier_id, _C.start_seq == start_seq))

    def save(self, session: ChargingSession) -> None:
        changed = {name: value for name, value in _row(session).items() if name not in _FIXED}
        if self.db.execute(update(charging_sessions).where(_C.id == session.id).values(changed)).rowcount == 0:
            raise LookupError(f"no session {session.id}")

    def of_user(
        self,
        user_ids: Sequence[str],
        *,
        before: datetime | None = None,
        limit: int = 20,
        wanted: HistoryFilter | None = None,
    ) -> list[ChargingSession]:
        wanted = wanted or HistoryFilter()
        statement = _SESSIONS.where(_C.user_id.in_(list(user_ids)), *_narrowed(wanted))
        if before is not None:
            statement = statement.where(_C.created_at < before)
        ordered = statement.order_by(_C.created_at.desc(), _C.id)
        words = _words(wanted.station)
        if not words:
            return self._many(ordered.limit(limit))
        # The names stand in the quotes as they were shown, and the two databases fold the letters of the world
        # differently: the words are compared here, row by row until there are enough.
        rows = self.db.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE)).mappings()
        return list(islice((one for one in map(_session, rows) if _is_at(one, wanted.station, words)), limit))

    def busy_of(self, user_id: str) -> ChargingSession | None:
        return self._one(_SESSIONS.where(_C.user_id == user_id, _C.state.in_(_BUSY)))

    def due(self, at: datetime, limit: int) -> list[str]:
        waiting = select(_C.id).where(_C.next_look_at <= at).order_by(_C.next_look_at, _C.id).limit(limit)
        return list(self.db.execute(waiting).scalars())

    def in_states(self, states: Iterable[SessionState], limit: int) -> list[ChargingSession]:
        wanted = _C.state.in_(sorted(one.value for one in states))
        return self._many(_SESSIONS.where(wanted).order_by(_C.created_at, _C.id).limit(limit))

    def waiting_at(self, supplier_id: str) -> list[ChargingSession]:
        mine = _SESSIONS.where(_C.supplier_id == supplier_id, _C.state.in_(_MAY_GET_A_RECORD))
        return self._many(mine.order_by(_C.created_at, _C.id))

    def failed_starts(self, user_id: str, since: datetime) -> int:
        failed = (_C.user_id == user_id, _C.state == SessionState.START_FAILED.value, _C.created_at >= since)
        return self.db.execute(select(func.count()).select_from(charging_sessions).where(*failed)).scalar_one()

    # --- the diary --------------------------------------------------------------------------------------------

    def note(self, event: SessionEvent) -> None:
        row = {
            "session_id": event.session_id,
            "at": event.at,
            "event": event.event.value,
            "moved_from": event.moved_from.value,
            "moved_to": event.moved_to.value if event.moved_to else None,
            "detail": event.detail,
        }
        self.db.execute(plain_insert(session_events).values(row))

    def diary(self, session_id: str) -> list[SessionEvent]:
        of = session_events.c
        rows = self.db.execute(select(session_events).where(of.session_id == session_id).order_by(of.id))
        return [
            SessionEvent(
                session_id=row.session_id,
                at=row.at,
                event=Event(row.event),
                moved_from=SessionState(row.moved_from),
                moved_to=SessionState(row.moved_to) if row.moved_to else None,
                detail=row.detail,
            )
            for row in rows
        ]

    def _one(self, statement: Select[Any], *, locks: bool = False) -> ChargingSession | None:
        row = self.db.execute(statement.with_for_update(of=charging_sessions) if locks else statement)
        found = row.mappings().first()
        return _session(found) if found else None

    def _many(self, statement: Select[Any]) -> list[ChargingSession]:
        return [_session(row) for row in self.db.execute(statement).mappings()]


_SESSIONS = select(charging_sessions, charge_quotes.c.document).join(charge_quotes, charge_quotes.c.id == _C.quote_id)
_FIXED = frozenset(
    {
        "id",
        "user_id",
        "client_key",
        "start_seq",
        "supplier_id",
        "station_id",
        "operator_id",
        "connector_id",
        "gun_key",
        "quote_id",
        "currency",
        "created_at",
    }
)
# Fields that are columns of the same name and type.
_PLAIN = (
    "id",
    "user_id",
    "client_key",
    "start_seq",
    "supplier_id",
    "station_id",
    "gun_key",
    "payment",
    "created_at",
    "changed_at",
    "seen_at",
    "started_at",
    "ended_at",
    "energy_kwh",
    "power_kw",
    "soc_percent",
    "seen_cost",
    "stop_wanted_at",
    "stop_reason",
    "failure",
    "looks",
    "unknown_since",
    "next_look_at",
)


def _narrowed(wanted: HistoryFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield _C.created_at >= wanted.since
    if wanted.until is not None:
        yield _C.created_at < wanted.until
    if wanted.states:
        yield _C.state.in_(sorted(one.value for one in wanted.states))
    if wanted.supplier_id:
        yield _C.supplier_id == wanted.supplier_id


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).casefold().split()


def _is_at(session: ChargingSession, station: str, words: Sequence[str]) -> bool:
    if session.station_id == station.strip():
        return True
    names = " ".join(_words(f"{session.quote.station_name} {session.quote.operator_name}"))
    return all(word in names for word in words)


def _row(session: ChargingSession) -> dict[str, Any]:
    for amount in (session.charged, session.grow_to):
        if amount is not None and amount.currency != session.currency:
            raise ValueError("a session has one currency")
    return {name: getattr(session, name) for name in _PLAIN} | {
        "operator_id": session.ref.operator_id,
        "connector_id": session.ref.connector_id,
        "quote_id": session.quote.id,
        "state": session.state.value,
        "currency": session.currency,
        "charged": session.charged.amount_minor if session.charged else None,
        "grow_to": session.grow_to.amount_minor if session.grow_to else None,
    }


def _session(row: RowMapping) -> ChargingSession:
    currency = row["currency"]
    return ChargingSession(
        ref=ConnectorRef(row["operator_id"], row["connector_id"]),
        quote=quote_from_text(row["document"]),
        state=SessionState(row["state"]),
        charged=None if row["charged"] is None else Money(row["charged"], currency),
        grow_to=None if row["grow_to"] is None else Money(row["grow_to"], currency),
        **{name: row[name] for name in _PLAIN},
    )


# --- bookings of charge records -------------------------------------------------------------------------------


class SqlBookings:
    """core.ports.BookingRepository. Nothing is locked here: whoever changes a booking holds its session."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def get(self, supplier_id: str, record_id: str) -> Booking | None:
        of = record_bookings.c
        return self._one(select(record_bookings).where(of.supplier_id == supplier_id, of.record_id == record_id))

    def live(self, session_id: str) -> Booking | None:
        of = record_bookings.c
        applied = (of.session_id == session_id, of.state == BookingState.APPLIED.value)
        return self._one(select(record_bookings).where(*applied))

    def save(self, booking: Booking) -> None:
        row = {
            "supplier_id": booking.supplier_id,
            "record_id": booking.record_id,
            "session_id": booking.session_id,
            "state": booking.state.value,
            "currency": booking.total.currency,
            "total": booking.total.amount_minor,
            "from_user": booking.from_user.amount_minor,
            "borne": booking.borne.amount_minor,
            "credit_of": booking.credit_of,
            "booked_at": booking.booked_at,
        }
        upsert(self.db, record_bookings, [row])
        records = charge_records.c
        first = (
            records.supplier_id == booking.supplier_id,
            records.record_id == booking.record_id,
            records.booked_at.is_(None),
        )
        self.db.execute(update(charge_records).where(*first).values(booked_at=booking.booked_at))

    def orphans(self, limit: int) -> list[Booking]:
        of = record_bookings.c
        orphaned = select(record_bookings).where(of.state == BookingState.ORPHAN.value)
        ordered = orphaned.order_by(of.booked_at, of.supplier_id, of.record_id).limit(limit)
        return [_booking(row) for row in self.db.execute(ordered).mappings()]

    def unbooked(self, limit: int) -> list[tuple[str, ChargeRecord]]:
        records = charge_records.c
        statement = (
            select(records.supplier_id, records.document)
            .where(records.booked_at.is_(None))
            .order_by(records.received_at, records.supplier_id, records.record_id)
            .limit(limit)
        )
        return [(row.supplier_id, record_from_text(row.document)) for row in self.db.execute(statement)]

    def between(
        self, supplier_id: str, since: datetime, until: datetime
    ) -> list[tuple[ChargeRecord, Booking | None]]:
        records, booked = charge_records.c, record_bookings.c
        same = and_(booked.supplier_id == records.supplier_id, booked.record_id == records.record_id)
        statement = (
            select(records.document, record_bookings)
            .outerjoin(record_bookings, same)
            .where(records.supplier_id == supplier_id, records.received_at >= since - _CLOCKS_DIFFER_BY)
            .order_by(records.received_at, records.record_id)
        )
        found = []
        for row in self.db.execute(statement).mappings():
            record = record_from_text(row["document"])
            if since <= record.ended_at < until:
                found.append((record, _booking(row) if row["record_id"] is not None else None))
        return found

    def owed(self, supplier_id: str) -> list[Money]:
        of = record_bookings.c
        mine = (of.supplier_id == supplier_id, of.state == BookingState.APPLIED.value)
        applied = select(of.currency, func.sum(of.total)).where(*mine).group_by(of.currency)
        unrecorded = (_C.supplier_id == supplier_id, _C.state.in_(_WITHOUT_RECORD), _C.charged > 0)
        taken = select(_C.currency, func.sum(_C.charged)).where(*unrecorded).group_by(_C.currency)
        totals: dict[str, int] = {}
        for statement in (applied, taken):
            for currency, total in self.db.execute(statement):
                totals[currency] = totals.get(currency, 0) + int(total)
        return [Money(total, currency) for currency, total in sorted(totals.items())]

    def _one(self, statement: Select[Any]) -> Booking | None:
        row = self.db.execute(statement).mappings().first()
        return _booking(row) if row else None


def _booking(row: RowMapping) -> Booking:
    currency = row["currency"]
    return Booking(
        supplier_id=row["supplier_id"],
        record_id=row["record_id"],
        session_id=row["session_id"],
        state=BookingState(row["state"]),
        total=Money(row["total"], currency),
        from_user=Money(row["from_user"], currency),
        borne=Money(row["borne"], currency),
        booked_at=row["booked_at"],
        credit_of=row["credit_of"],
    )
