"""A supplier's records and lists of orders against our bookings, by number and never by date alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.charging import ChargeRecord
from core.errors import SupplierUnavailable
from core.ledger import Cause, Pot, payable
from core.money import Money, is_currency, round_once
from core.ports import Booking, BookingState, CaseKind, ListsRecords, RecordVerdict, UnitOfWork
from core.services.reconciliation.findings import DAYS, Comparison, days_back, start_of
from core.session import ChargingSession, SessionState
from core.statements import OrderCheck, StatedOrder
from core.station import Rejected

CHECKS_AT_MOST = 40  # of the last days: a supplier may send its list again
CASES_AT_MOST = 10_000
SESSIONS_AT_MOST = 10_000
RUNS_LOOKED_THROUGH = 100
LOOKS_BACK_AT_MOST = timedelta(days=35)
RECORD_EXPECTED_WITHIN = timedelta(hours=24)
_WAITING = frozenset({SessionState.AWAIT_RECORD, SessionState.PROVISIONAL, SessionState.CREDITED})
# What a charge moves into the supplier's account; decisions of ours and payments are other matters.
_OF_RECORDS = (Cause.CAPTURE, Cause.OVERRUN, Cause.ADJUSTMENT, Cause.CREDIT)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a supplier says: its orders by number, and the time within which its word is whole."""

    orders: Mapping[str, StatedOrder]
    since: datetime | None = None
    until: datetime | None = None


# --- what they say --------------------------------------------------------------------------------------------


def check_document(check: OrderCheck) -> str:
    """A supplier's list of orders with our answer, as it is kept."""
    return json.dumps(
        {
            "reference": check.reference,
            "since": check.since.isoformat() if check.since else None,
            "until": check.until.isoformat() if check.until else None,
            "orders": [[one.number, _text(one.energy_kwh), _text(one.total)] for one in check.orders],
            "disputed": dict(check.disputed),
        }
    )


def stated_by_checks(unit: UnitOfWork, supplier_id: str, run: Comparison) -> Stated:
    """From the lists that the supplier pushed in these days; of orders named again the last word counts."""
    since = start_of(days_back(run.day)[0])
    orders: dict[str, StatedOrder] = {}
    times: list[tuple[datetime, datetime]] = []
    for kept in reversed(unit.reconciliations.latest(CHECKS_AT_MOST, scope=check_scope(supplier_id))):
        said = json.loads(kept.document)
        if kept.at < since:
            continue
        for one in _orders(said, run):
            orders[one.number] = one
        if said["since"] and said["until"]:
            times.append((datetime.fromisoformat(said["since"]), datetime.fromisoformat(said["until"])))
    if not times:
        return Stated(orders)
    # A charge over midnight may stand in the list of either day.
    margin = timedelta(days=1)
    return Stated(orders, min(first for first, _ in times), max(last for _, last in times) - margin)


def _orders(said: Mapping[str, Any], run: Comparison) -> Iterator[StatedOrder]:
    seen: set[str] = set()
    for number, energy, total in said["orders"]:
        one = StatedOrder(number, _decimal(energy), _decimal(total))
        if number in seen:
            run.differs("listed_twice", number, "the supplier lists it twice in one list", _money(one.total, "CNY"))
        seen.add(number)
        yield one


def check_scope(supplier_id: str) -> str:
    return f"check:{supplier_id}"


def pulled(source: ListsRecords, since: datetime, run: Comparison) -> list[ChargeRecord]:
    """The supplier's records since then. One that is silent makes the comparison a part of one."""
    records: list[ChargeRecord] = []
    try:
        for one in source.records(since):
            if isinstance(one, Rejected):
                run.differs("unreadable", one.external_id, f"{one.reason}: {one.detail}")
            else:
                records.append(one)
    except SupplierUnavailable as error:
        run.whole = False
        run.differs("silent", run.scope, str(error))
    return records


def keep_pulled(
    unit: UnitOfWork, supplier_id: str, records: list[ChargeRecord], run: Comparison, at: datetime
) -> None:
    """Records that we had missed are stored, for the charging to book them as if they had come in time."""
    for one in records:
        match unit.records.add_record(supplier_id, one, at):
            case RecordVerdict.NEW:
                run.differs("missed_record", one.record_id, "it never reached us before this pull", _total(one))
            case RecordVerdict.CONFLICT:
                run.differs(
                    "other_record", one.record_id, "their record has another body than the one we hold", _total(one)
                )
        if one.credit_of and unit.records.record(supplier_id, one.credit_of) is None:
            run.differs("credit_of_nothing", one.record_id, f"it credits {one.credit_of}, which we do not hold")


def stated_by_records(records: list[ChargeRecord], since: datetime) -> Stated:
    orders = {one.record_id: StatedOrder(one.record_id, one.energy_kwh, one.total_cost) for one in records}
    last = max((one.ended_at for one in records), default=since)
    return Stated(orders, since, last)


# --- against ours ---------------------------------------------------------------------------------------------


def compare_orders(unit: UnitOfWork, supplier_id: str, stated: Stated, run: Comparison) -> None:
    """Each order of theirs against the record we hold, each record of ours against their orders and our books."""
    for order in stated.orders.values():
        _compare_order(unit, supplier_id, order, run)
    days = days_back(run.day)
    disputed = {one.subject for one in unit.cases.listed(limit=CASES_AT_MOST) if one.kind is CaseKind.DISPUTE}
    for record, booking in unit.bookings.between(
        supplier_id, start_of(days[0]), start_of(run.day + timedelta(days=1))
    ):
        run.count(None if booking is None else booking.total, _total(record))
        _compare_booking(unit, supplier_id, record, booking, disputed, run)
        covered = stated.since and stated.until and stated.since <= record.ended_at < stated.until
        if covered and record.record_id not in stated.orders:
            run.differs("not_in_theirs", record.record_id, "their list does not name this record", _total(record))


def _compare_order(unit: UnitOfWork, supplier_id: str, order: StatedOrder, run: Comparison) -> None:
    held = unit.records.record(supplier_id, order.number)
    if held is None:
        run.count(None, about := _money(order.total, "CNY"))
        session = unit.sessions.by_start_seq(supplier_id, order.number)
        if session is None:
            run.differs("unknown_order", order.number, "they charge for an order that is not ours", about)
        else:
            run.differs("missing_record", order.number, f"session {session.id} has no record from them", about)
    elif order.total != held.total_cost:
        about = None if order.total is None else _money(abs(order.total - held.total_cost), held.currency)
        run.differs("amount", order.number, f"they list {order.total}, their record says {held.total_cost}", about)
    elif order.energy_kwh != held.energy_kwh:
        run.differs("energy", order.number, f"they list {order.energy_kwh} kWh, their record says {held.energy_kwh}")


def _compare_booking(
    unit: UnitOfWork,
    supplier_id: str,
    record: ChargeRecord,
    booking: Booking | None,
    disputed: set[str],
    run: Comparison,
) -> None:
    number, total = record.record_id, _total(record)
    if booking is None:
        run.differs("not_booked", number, "we hold the record and have not booked it", total)
    elif booking.state is BookingState.ORPHAN:
        run.differs("orphan", number, "a record for no session that we know", total)
    elif booking.state is BookingState.DOUBTED and f"{supplier_id}:{number}" in disputed:
        run.differs("doubted", number, "nothing of it is booked until its case is decided", total)
    elif booking.state is BookingState.APPLIED:
        if booking.total != total:
            run.differs("booked_otherwise", number, f"the record says {total}, we booked {booking.total}", total)
        owed = _owed_for(unit, supplier_id, booking)
        if owed != booking.total.amount_minor:
            about = Money(abs(owed - booking.total.amount_minor), booking.total.currency)
            run.differs("ledger", number, f"booked {booking.total.amount_minor}, the ledger owes {owed}", about)


def _owed_for(unit: UnitOfWork, supplier_id: str, booking: Booking) -> int:
    """What the charge of this booking moved into the supplier's account, our fee apart; minor units."""
    theirs, owed = payable(supplier_id, booking.total.currency), 0
    for one in unit.ledger.transfers_of(booking.session_id):
        if one.transfer.cause in _OF_RECORDS:
            minor = one.transfer.amount.amount_minor
            owed += minor if one.transfer.credit == theirs else -minor if one.transfer.debit == theirs else 0
    return owed


def compare_waiting(unit: UnitOfWork, supplier_id: str, run: Comparison, at: datetime) -> None:
    """Sessions of ours that should have a record by now."""
    for session in unit.sessions.in_states(_WAITING, SESSIONS_AT_MOST):
        since = session.ended_at or session.changed_at
        if session.supplier_id == supplier_id and at - since >= RECORD_EXPECTED_WITHIN:
            run.differs("no_record", session.start_seq, f"session {session.id} is {session.state}", _charged(session))


def compare_payable(unit: UnitOfWork, supplier_id: str, run: Comparison, statement: Money | None) -> None:
    """What all records come to against what the ledger says we owe for them; and their own statement, if given."""
    booked = {one.currency: one.amount_minor for one in unit.bookings.owed(supplier_id)}
    pots = {Pot.PAYABLE, Pot.DISPUTED}
    balances = [(account, minor) for account, minor in unit.ledger.accounts() if account.owner == supplier_id]
    currencies = {account.currency for account, _ in balances if account.pot in pots} | booked.keys()
    for currency in sorted(currencies):
        moved = unit.ledger.by_cause(payable(supplier_id, currency))
        owed = sum(moved.get(cause, 0) for cause in _OF_RECORDS)
        if owed != booked.get(currency, 0):
            about = Money(abs(owed - booked.get(currency, 0)), currency)
            detail = f"all records come to {booked.get(currency, 0)}, the ledger to {owed} minor units"
            run.differs("payable", currency, detail, about)
    if statement is not None:
        ours = sum(
            minor for account, minor in balances if account.pot in pots and account.currency == statement.currency
        )
        run.count(Money(ours, statement.currency), statement)
        if ours != statement.amount_minor:
            about = Money(abs(ours - statement.amount_minor), statement.currency)
            ours_words = Money(ours, statement.currency).decimal
            run.differs("statement", statement.currency, f"they say {statement.decimal}, we owe {ours_words}", about)


# --- parts ----------------------------------------------------------------------------------------------------


def records_since(unit: UnitOfWork, run: Comparison) -> datetime:
    """From where records are asked for: three days before the last whole comparison, however long ago that was."""
    made = unit.reconciliations.latest(RUNS_LOOKED_THROUGH, scope=run.scope)
    whole = next((one.day for one in made if json.loads(one.document)["whole"]), run.day)
    last = max(min(run.day, whole), run.day - LOOKS_BACK_AT_MOST)
    return start_of(last - timedelta(days=DAYS))


def _total(record: ChargeRecord) -> Money | None:
    return _money(record.total_cost, record.currency)


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return round_once(amount, currency) if amount is not None and is_currency(currency) else None


def _charged(session: ChargingSession) -> Money | None:
    return session.charged or None


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
