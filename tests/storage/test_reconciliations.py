"""Reconciliations are kept, and each difference remembers when it was met first."""

from __future__ import annotations

from datetime import date, timedelta

from core.ledger import Cause, Pot, ours, payable, settled, supplier_paid, topped_up
from core.ports import Booking, BookingState, Reconciliation
from core.session import SessionState
from storage.unit_of_work import SqlDatabase
from tests.storage.money_samples import add, session, yuan
from tests.storage.samples import NOON, minutes

SCOPE = "supplier:lotus"


def run(number: int, scope: str = SCOPE, differences: int = 0) -> Reconciliation:
    return Reconciliation(
        f"r{number}", scope, date(2026, 11, 22), NOON + minutes(number), differences, '{"o": "“x”"}'
    )


def test_the_latest_come_first_and_by_scope(database: SqlDatabase) -> None:
    with database.write() as unit:
        for one in (run(1, differences=2), run(3), run(2, "books")):
            unit.reconciliations.save(one)
    with database.read() as unit:
        assert unit.reconciliations.latest() == [run(3), run(2, "books"), run(1, differences=2)]
        assert unit.reconciliations.latest(1, scope=SCOPE) == [run(3)]
        assert unit.reconciliations.latest(scope="psp:sandbox") == []


def test_old_ones_are_forgotten(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number in (1, 2, 3):
            unit.reconciliations.save(run(number))
        assert unit.reconciliations.purge(NOON + minutes(3)) == 2
        assert unit.reconciliations.latest() == [run(3)]
        for number in (4, 5):
            unit.reconciliations.save(run(number, "check:lotus" if number == 4 else "psp:sandbox"))
        assert unit.reconciliations.purge(NOON + minutes(9), scopes="check:") == 1
        assert unit.reconciliations.latest() == [run(5, "psp:sandbox"), run(3)]


def test_a_difference_keeps_the_moment_it_was_met_first_until_it_is_gone(database: SqlDatabase) -> None:
    later = NOON + timedelta(days=2)
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", NOON) == NOON
        assert unit.reconciliations.first_seen(SCOPE, "amount:A2", NOON) == NOON
        assert unit.reconciliations.first_seen("books", "amount:A1", later) == later
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", later) == NOON
        unit.reconciliations.gone(SCOPE, ["amount:A2", "never met"])
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", later) == later
        assert unit.reconciliations.first_seen(SCOPE, "amount:A2", later) == NOON
        assert unit.reconciliations.first_seen("books", "amount:A1", later + minutes(1)) == later


def test_an_account_is_told_by_what_moved_it(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "P1", "lin", yuan("100")), NOON)
        unit.ledger.post(settled("s1", "lin", "lotus", "CNY", captured=0, released=0, overrun=700), NOON)
        unit.ledger.post(settled("s2", "lin", "lotus", "CNY", captured=0, released=0, overrun=300), NOON)
        unit.ledger.post(supplier_paid("batch", "lotus", yuan("4")), NOON)
    with database.read() as unit:
        assert unit.ledger.by_cause(payable("lotus", "CNY")) == {Cause.OVERRUN: 1000, Cause.SUPPLIER_PAID: -400}
        assert unit.ledger.by_cause(ours(Pot.BANK, "CNY")) == {Cause.SUPPLIER_PAID: 400}
        assert unit.ledger.by_cause(payable("nobody", "CNY")) == {}


def test_what_is_owed_is_the_applied_records_and_the_charges_without_one(database: SqlDatabase) -> None:
    add(
        database,
        session(1, state=SessionState.PROVISIONAL, charged=yuan("8")),
        session(2, state=SessionState.SETTLED, charged=yuan("20"), user_id="wei"),
        session(3, state=SessionState.CLOSED, charged=yuan("1"), supplier_id="other"),
    )

    def booking(number: int, state: BookingState, total: str) -> Booking:
        nothing = yuan("0")
        return Booking("lotus", f"r{number}", f"session-{number}", state, yuan(total), nothing, nothing, NOON)

    with database.write() as unit:
        for one in (
            booking(2, BookingState.APPLIED, "20"),
            booking(3, BookingState.CREDITED, "5"),
            booking(4, BookingState.ORPHAN, "7"),
        ):
            unit.bookings.save(one)
    with database.read() as unit:
        assert unit.bookings.owed("lotus") == [yuan("28")]
        assert unit.bookings.owed("other") == [yuan("1")]
        assert unit.bookings.owed("nobody") == []
