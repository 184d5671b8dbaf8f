"""Charge records into the books: the hold resolved once, late and second and taken-back records, and none at all.

Each record is booked in one transaction and once: its row in the bookings is the proof. What cannot be booked by a
rule is kept, costs the driver nothing, and becomes a case for one of us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.charging import ChargeRecord
from core.ledger import NotEnoughMoney, adjusted, available, credited
from core.money import Money, is_currency, round_once
from core.ports import Booking, BookingState, CaseKind, UnitOfWork
from core.services.charging.means import Means, Transaction, working
from core.services.charging.metering import cost_by_record, last_known_cost
from core.session import LIVE, MOVES, ChargingSession, Event, SessionState
from core.settlement import Adjustment, adjust, fair, settle

CLOCKS_DIFFER_BY = timedelta(minutes=5)
INVALID = "invalid"  # ChargingSession.failure of one that the supplier has said it will not bill
_NO_CURRENCY = "XXX"  # ISO 4217: of what has none


class Settling:
    def __init__(self, means: Means) -> None:
        self.means = means

    def book(self, supplier_id: str, record: ChargeRecord) -> Booking:
        """See ChargingService.book_record."""
        with working(self.means) as work:
            booked = self._book(work, supplier_id, record)
            if booked.state is BookingState.CREDIT:
                self._book_again(work, supplier_id, booked.session_id)
            return booked

    def attach(self, unit: UnitOfWork, orphan: Booking, session: ChargingSession, at: datetime) -> list[int]:
        """See ChargingService.attach."""
        record = unit.records.record(orphan.supplier_id, orphan.record_id)
        assert record is not None, "an orphan is a stored record"
        work = Transaction(self.means, unit, at)
        self._settle(work, session, replace(orphan, session_id=session.id, booked_at=at), record)
        return work.rows

    def _book(self, work: Transaction, supplier_id: str, record: ChargeRecord) -> Booking:
        before = work.unit.bookings.get(supplier_id, record.record_id)
        if before is not None and before.state is not BookingState.ORPHAN:
            return before
        found = find_session(work.unit, supplier_id, record)
        # The session is locked before anything is decided; what another booked meanwhile is seen now.
        session = work.unit.sessions.get(found.id) if found is not None else None
        before = work.unit.bookings.get(supplier_id, record.record_id)
        if before is not None and before.state is not BookingState.ORPHAN:
            return before
        booking = _blank(supplier_id, record, session, work)
        if record.credit_of:
            return self._take_back(work, booking, record, before)
        if session is None:
            return _kept_as_orphan(work, booking, before)
        return self._settle(work, session, booking, record)

    # --- a record for a session that we know ------------------------------------------------------------------

    def _settle(self, work: Transaction, session: ChargingSession, booking: Booking, record: ChargeRecord) -> Booking:
        told = replace(
            session,
            energy_kwh=record.energy_kwh,
            started_at=record.started_at,
            ended_at=record.ended_at,
            seen_cost=record.total_cost,
            seen_at=work.at,
        )
        if record.currency != session.currency or booking.total.amount_minor < 0:
            # Nothing can be computed from it, but it does say that the charge is over.
            work.move(session, Event.ENDED, f"record {record.record_id}", ended_at=record.ended_at)
            return _doubted(work, booking, session, "a record in another currency, or below nothing")
        if session.state in LIVE:
            return _settle_live(work, told, booking, record)
        if session.state in MOVES[Event.RECORD]:
            return _settle_late(work, told, booking, record)
        if session.state is SessionState.START_FAILED:
            return _settle_failed(work, session, booking)
        work.move(session, Event.RECORD, f"record {record.record_id}")
        return _doubted(work, booking, session, "a second record for a session that is settled")

    # --- credit records ---------------------------------------------------------------------------------------

    def _take_back(
        self, work: Transaction, booking: Booking, record: ChargeRecord, before: Booking | None
    ) -> Booking:
        """Posting 10. A credit record is about the record it names, whatever else it says."""
        original = work.unit.bookings.get(booking.supplier_id, record.credit_of)
        if original is None:
            return _kept_as_orphan(work, booking, before)
        session = work.unit.sessions.get(original.session_id) if original.session_id else None
        original = work.unit.bookings.get(booking.supplier_id, record.credit_of)
        assert original is not None
        booking = replace(booking, session_id=original.session_id, state=BookingState.CREDIT)
        if original.state in (BookingState.CREDIT, BookingState.CREDITED):
            return _doubted(work, booking, session, f"credits {record.credit_of}, which is taken back already")
        if original.state is BookingState.APPLIED and session is not None:
            taken_back = work.move(
                session, Event.CREDIT, f"record {record.record_id}", charged=Money(0, session.currency)
            )
            if taken_back is None:
                return _doubted(work, booking, session, f"credits {record.credit_of} at an impossible moment")
            key = f"{booking.supplier_id}:{booking.record_id}"
            to_user, to_us = original.from_user.amount_minor, original.borne.amount_minor
            work.unit.ledger.post(
                credited(
                    session.id,
                    key,
                    session.user_id,
                    session.supplier_id,
                    session.currency,
                    to_user=to_user,
                    to_us=to_us,
                ),
                work.at,
            )
            work.say(session, "charge_credited", state=booking.record_id, money=True, credited=original.from_user)
            if abs(booking.total.amount_minor) != original.total.amount_minor:
                work.open_case(CaseKind.DISPUTE, key, "a credit record names another amount", session)
        work.unit.bookings.save(replace(original, state=BookingState.CREDITED))
        work.unit.bookings.save(booking)
        return booking

    def _book_again(self, work: Transaction, supplier_id: str, session_id: str) -> None:
        """The record that replaces the one taken back may have come before the credit, and was doubted then."""
        session = work.unit.sessions.get(session_id) if session_id else None
        if session is None or session.state is not SessionState.CREDITED:
            return
        for record in work.unit.records.records_of(supplier_id, session.start_seq):
            held = work.unit.bookings.get(supplier_id, record.record_id)
            if held is not None and held.state is BookingState.DOUBTED and not record.credit_of:
                self._settle(work, session, replace(held, booked_at=work.at), record)
                return

    # --- without a record -------------------------------------------------------------------------------------

    def provisional(self, work: Transaction, session: ChargingSession, event: Event) -> ChargingSession | None:
        """Posting 8: nobody told us in time. Settled by the last reading of the meter, the rest is back."""
        hold = work.unit.ledger.hold(session.id)
        assert hold is not None
        owed = 0
        if event is Event.NO_RECORD and session.failure != INVALID:
            theirs, ours = last_known_cost(session, work.at)
            owed, _ = fair(theirs, ours, 1)
        captured = min(owed, hold.amount.amount_minor)
        charged = Money(captured, session.currency)
        moved = work.move(session, event, f"by the meter: {owed}", charged=charged)
        if moved is not None:
            work.resolve(moved, captured=captured)
            work.say(moved, "settled_without_record", money=True, charged=charged, released=hold.amount - charged)
        return moved


def _settle_live(work: Transaction, session: ChargingSession, booking: Booking, record: ChargeRecord) -> Booking:
    """Postings 4 to 6: a record ends the session, whatever state it is in."""
    hold = work.unit.ledger.hold(session.id)
    assert hold is not None
    total = booking.total.amount_minor
    done = settle(hold.amount.amount_minor, total, cost_by_record(session, record), len(record.periods))
    doubt = done.doubt or _odd(work, session, record)
    currency = session.currency
    charged = Money(done.captured, currency)
    event = Event.RECORD_IN_DOUBT if doubt else Event.RECORD
    moved = work.move(session, event, f"record {record.record_id} {doubt}".strip(), charged=charged)
    assert moved is not None
    work.resolve(moved, captured=done.captured, overrun=done.overrun)
    _receipt(work, moved, booking.record_id, charged, Money(done.released, currency), doubt)
    return _applied(work, booking, from_user=done.captured, borne=done.overrun)


def _settle_late(work: Transaction, session: ChargingSession, booking: Booking, record: ChargeRecord) -> Booking:
    """Posting 9: the record comes after we had settled without it, or takes the place of one taken back."""
    hold = work.unit.ledger.hold(session.id)
    assert hold is not None
    paid = session.charged.amount_minor if session.charged else 0
    ours, periods = cost_by_record(session, record), len(record.periods)

    def share(free: int) -> Adjustment:
        return adjust(hold.amount.amount_minor, paid, 0, free, booking.total.amount_minor, ours, periods)

    free = work.unit.ledger.balance(available(session.user_id, session.currency)).amount_minor
    change = share(free)
    key = f"{booking.supplier_id}:{booking.record_id}"
    try:
        _post_adjustment(work, session, key, change)
    except NotEnoughMoney as error:
        # Spent between the look and the lock; from now on nobody else can touch it.
        change = share(change.from_user - error.missing.amount_minor)
        _post_adjustment(work, session, key, change)
    charged = Money(paid + change.from_user, session.currency)
    doubt = change.doubt or _odd(work, session, record)
    event = Event.RECORD_IN_DOUBT if doubt else Event.RECORD
    moved = work.move(session, event, f"record {record.record_id} {doubt}".strip(), charged=charged)
    assert moved is not None
    back = Money(max(-change.from_user, 0), session.currency)
    _receipt(work, moved, booking.record_id, charged, back, doubt)
    return _applied(work, booking, from_user=charged.amount_minor, borne=change.overrun)


def _post_adjustment(work: Transaction, session: ChargingSession, key: str, change: Adjustment) -> None:
    work.unit.ledger.post(
        adjusted(
            session.id,
            key,
            session.user_id,
            session.supplier_id,
            session.currency,
            from_user=change.from_user,
            overrun=change.overrun,
        ),
        work.at,
    )


def _settle_failed(work: Transaction, session: ChargingSession, booking: Booking) -> Booking:
    """The start had failed: the driver is never charged for it by a machine. The supplier has to prove energy."""
    if booking.total.amount_minor == 0:
        work.move(session, Event.RECORD, f"record {booking.record_id} of nothing")
        return _applied(work, booking, from_user=0, borne=0)
    work.move(session, Event.RECORD_IN_DOUBT, f"record {booking.record_id}")
    return _doubted(work, booking, session, "a record for a start that failed")


# --- parts ----------------------------------------------------------------------------------------------------


def find_session(unit: UnitOfWork, supplier_id: str, record: ChargeRecord) -> ChargingSession | None:
    """By our number; without one by the gun and the time, where that names exactly one session."""
    if record.start_seq:
        return unit.sessions.by_start_seq(supplier_id, record.start_seq)
    fitting = [
        one for one in unit.sessions.waiting_at(supplier_id) if one.ref == record.ref and _overlap(one, record)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _overlap(session: ChargingSession, record: ChargeRecord) -> bool:
    begins_after_us = record.started_at >= session.created_at - CLOCKS_DIFFER_BY
    return begins_after_us and (session.ended_at is None or record.started_at <= session.ended_at + CLOCKS_DIFFER_BY)


def _odd(work: Transaction, session: ChargingSession, record: ChargeRecord) -> str:
    """Why a record that can be booked is looked at all the same."""
    if record.started_at < session.created_at - CLOCKS_DIFFER_BY or record.ended_at > work.at + CLOCKS_DIFFER_BY:
        return "bad_times"
    return "other_gun" if record.ref.operator_id and record.ref != session.ref else ""


def _blank(supplier_id: str, record: ChargeRecord, session: ChargingSession | None, work: Transaction) -> Booking:
    currency = record.currency if is_currency(record.currency) else _NO_CURRENCY
    nothing = Money(0, currency)
    return Booking(
        supplier_id=supplier_id,
        record_id=record.record_id,
        session_id=session.id if session else "",
        state=BookingState.ORPHAN,
        total=round_once(record.total_cost, currency),
        from_user=nothing,
        borne=nothing,
        booked_at=work.at,
        credit_of=record.credit_of,
    )


def _applied(work: Transaction, booking: Booking, *, from_user: int, borne: int) -> Booking:
    currency = booking.total.currency
    done = replace(
        booking,
        state=BookingState.APPLIED,
        from_user=Money(from_user, currency),
        borne=Money(borne, currency),
    )
    work.unit.bookings.save(done)
    return done


def _doubted(work: Transaction, booking: Booking, session: ChargingSession | None, why: str) -> Booking:
    """Kept, and nothing booked."""
    doubted = replace(booking, state=BookingState.DOUBTED)
    work.unit.bookings.save(doubted)
    work.open_case(CaseKind.DISPUTE, f"{booking.supplier_id}:{booking.record_id}", why, session)
    return doubted


def _kept_as_orphan(work: Transaction, booking: Booking, before: Booking | None) -> Booking:
    """Posting 13 books nothing: the session, or the record it takes back, may still turn up."""
    if before is not None:
        return before
    work.unit.bookings.save(booking)
    subject = f"{booking.supplier_id}:{booking.record_id}"
    work.open_case(CaseKind.ORPHAN, subject, "a record for no session that we know")
    return booking


def _receipt(
    work: Transaction, session: ChargingSession, record_id: str, charged: Money, released: Money, doubt: str
) -> None:
    if doubt:
        work.open_case(CaseKind.REVIEW, session.id, f"{doubt}: record {record_id}", session)
    work.say(
        session,
        "receipt",
        state=record_id,
        money=True,
        charged=charged,
        released=released,
        energy_kwh=str(session.energy_kwh),
        reviewed=bool(doubt),
    )


def orphans_of(unit: UnitOfWork, limit: int) -> Sequence[tuple[str, ChargeRecord]]:
    """Records that found no session when they came."""
    found = []
    for one in unit.bookings.orphans(limit):
        record = unit.records.record(one.supplier_id, one.record_id)
        if record is not None:
            found.append((one.supplier_id, record))
    return found
