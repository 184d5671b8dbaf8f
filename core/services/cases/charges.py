"""Decisions about what a charge cost: reviews, disputes about a record, records of no session."""

from __future__ import annotations

from dataclasses import replace

from core.errors import UserError
from core.ledger import Account, NotEnoughMoney, Pot, available, ours, payable
from core.money import Money
from core.ports import Booking, BookingState
from core.services.cases.desk import CaseError, Decision, Desk
from core.session import MOVES, ChargingSession, Event, SessionEvent

MOST_OPEN = 10_000
# The most of one gift, in minor units: beyond that somebody pays it out another way, with other papers.
GIFT_AT_MOST = {"CNY": 20_000, "HKD": 20_000, "JPY": 5_000, "KRW": 50_000, "": 5_000}


def decide_charge(desk: Desk) -> None:
    """A review or a dispute. The session, if it was in review, is settled when the case closes."""
    booking = _booking(desk)
    match desk.wish.decision:
        case Decision.NOTED | Decision.REJECT:
            pass
        case Decision.ACCEPT:
            _accept(desk, booking)
        case Decision.GIFT:
            _gift(desk)
        case Decision.DRIVER_PAYS:
            _driver_pays(desk, _known(booking))
        case Decision.SUPPLIER_AT_FAULT:
            _supplier_at_fault(desk, _known(booking))
        case other:
            raise CaseError(f"{other} is nothing for a {desk.case.kind}")
    if not desk.wish.keep_open:
        _settle(desk)


def _booking(desk: Desk) -> Booking | None:
    """The record that the case is about: a dispute names it, a review is about the one its session stands by."""
    supplier_id, _, record_id = desk.case.subject.partition(":")
    named = desk.unit.bookings.get(supplier_id, record_id) if record_id else None
    if named is None and desk.session is not None:
        return desk.unit.bookings.live(desk.session.id)
    return named


def _known(booking: Booking | None) -> Booking:
    if booking is None:
        raise CaseError("there is no charge record in this case")
    return booking


def _accept(desk: Desk, booking: Booking | None) -> None:
    """What was booked stands. A record of which nothing was booked is owed to the supplier, and ours to bear."""
    if booking is None or booking.state is not BookingState.DOUBTED:
        return
    currency, already = booking.total.currency, _moved(desk, credit=Pot.PAYABLE, here=True)
    left = Money(max(booking.total.amount_minor - already, 0), currency)
    if left.amount_minor:
        supplier = payable(booking.supplier_id, currency)
        desk.move(ours(Pot.OVERRUN, currency), supplier, left, "we bear")


def _gift(desk: Desk) -> None:
    session = desk.session
    user_id = desk.unit.people.current(desk.case.user_id) if desk.case.user_id else ""
    if session is None or not user_id:
        raise CaseError("there is no driver in this case")
    currency = session.currency
    most = GIFT_AT_MOST.get(currency, GIFT_AT_MOST[""]) - _moved(desk, debit=Pot.GOODWILL)
    amount = desk.amount(currency, at_most=Money(max(most, 0), currency))
    desk.move(ours(Pot.GOODWILL, currency), available(user_id, currency), amount, "gift")
    desk.say(user_id, "case_gift", amount, station=session.quote.station_name)


def _driver_pays(desk: Desk, booking: Booking) -> None:
    """Ours that the driver takes over, or a record that nobody has paid. Only what is in the wallet."""
    session = desk.session
    if session is None:
        raise CaseError("there is no driver in this case")
    user_id, currency = desk.unit.people.current(session.user_id), session.currency
    if booking.total.currency != currency:
        raise CaseError(f"the record is in {booking.total.currency}, the driver pays in {currency}")
    doubted = booking.state is BookingState.DOUBTED
    left = (booking.total if doubted else booking.borne).amount_minor - _moved(
        desk, debit=Pot.AVAILABLE, here=doubted
    )
    most = Money(max(left, 0), currency)
    amount = desk.amount(currency, default=most, at_most=most)
    to = payable(booking.supplier_id, currency) if doubted else ours(Pot.OVERRUN, currency)
    try:
        desk.move(available(user_id, currency), to, amount, "the driver paid")
    except NotEnoughMoney as error:
        raise CaseError(f"the wallet is {error.missing.decimal} {currency} short") from None
    desk.say(user_id, "case_driver_paid", amount, station=session.quote.station_name)


def _supplier_at_fault(desk: Desk, booking: Booking) -> None:
    if booking.state is not BookingState.APPLIED:
        raise CaseError("nothing of this record is owed; reject it")
    currency = booking.total.currency
    left = booking.total.amount_minor - _moved(desk, credit=Pot.DISPUTED)
    bound = Money(max(left, 0), currency)
    amount = desk.amount(currency, default=booking.borne, at_most=bound)
    supplier = booking.supplier_id
    desk.move(payable(supplier, currency), Account(Pot.DISPUTED, supplier, currency), amount, "disputed")


def _moved(desk: Desk, *, debit: Pot | None = None, credit: Pot | None = None, here: bool = False) -> int:
    """What decisions about this session, or only those of this case, have moved out of or into a pot; minor units."""
    own = f"rev:{desk.case.id}:" if here else ""
    transfers = [one.transfer for one in desk.reviewed() if one.transfer.id.startswith(own)]
    # A pot is never None.
    return sum(one.amount.amount_minor for one in transfers if debit is one.debit.pot or credit is one.credit.pot)


def _settle(desk: Desk) -> None:
    session = desk.session
    if session is None:
        return
    to = MOVES[Event.DECIDED].get(session.state)
    if to is None or _others(desk, session):
        return
    settled = replace(session, state=to, changed_at=desk.at, next_look_at=None, looks=0)
    desk.unit.sessions.note(
        SessionEvent(session.id, desk.at, Event.DECIDED, session.state, to, f"case {desk.case.id}")
    )
    desk.unit.sessions.save(settled)


def _others(desk: Desk, session: ChargingSession) -> bool:
    """Whether something else about this session waits for a decision."""
    waiting = desk.unit.cases.listed(limit=MOST_OPEN)
    return any(one.session_id == session.id and one.id != desk.case.id for one in waiting)


# --- records of no session ------------------------------------------------------------------------------------


def decide_orphan(desk: Desk) -> None:
    """Posting 13: attach it to its session, or owe it to the supplier without one, or reject it."""
    supplier_id, _, record_id = desk.case.subject.partition(":")
    orphan = desk.unit.bookings.get(supplier_id, record_id)
    if orphan is None or orphan.state is not BookingState.ORPHAN:
        if desk.wish.decision is Decision.NOTED:
            return
        raise CaseError("its session has turned up meanwhile: note it")
    match desk.wish.decision:
        case Decision.ATTACH:
            _attach(desk, orphan)
        case Decision.BOOK:
            currency = orphan.total.currency
            amount = desk.amount(currency, default=orphan.total, at_most=orphan.total)
            suspense = Account(Pot.SUSPENSE, supplier_id, currency)
            desk.move(suspense, payable(supplier_id, currency), amount, "owed")
            _closed(desk, orphan)
        case Decision.REJECT:
            _closed(desk, orphan)
        case other:
            raise CaseError(f"{other} is nothing for an orphan: attach, book or reject it")


def _attach(desk: Desk, orphan: Booking) -> None:
    session = desk.session
    if session is None:
        raise CaseError("name the session, with --session")
    if session.supplier_id != orphan.supplier_id:
        raise CaseError(f"this session is {session.supplier_id}'s")
    desk.rows.extend(_attached(desk, orphan, session))
    now = desk.unit.bookings.get(orphan.supplier_id, orphan.record_id)
    assert now is not None
    desk.case = replace(desk.case, session_id=session.id, user_id=session.user_id)
    desk.booked.append(f"{now.state}: the driver pays {now.from_user.decimal}, we {now.borne.decimal}")


def _attached(desk: Desk, orphan: Booking, session: ChargingSession) -> list[int]:
    try:
        return desk.attach(desk.unit, orphan, session, desk.at)
    except UserError as error:
        raise CaseError(f"it cannot be attached: {error.code}") from error


def _closed(desk: Desk, orphan: Booking) -> None:
    """Nobody looks for its session any more."""
    desk.unit.bookings.save(replace(orphan, state=BookingState.DOUBTED))
