"""Holds and refunds that take long, as the watchdog finds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.payments import RefundState
from storage.unit_of_work import SqlDatabase
from tests.storage.money_samples import add, session, yuan
from tests.storage.samples import NOON, minutes
from tests.storage.test_payments import refund, topup


def test_the_oldest_active_holds(database: SqlDatabase) -> None:
    add(database, *(session(n, user_id=f"user-{n}") for n in range(4)))
    with database.write() as unit:
        for number in range(4):
            unit.ledger.open_hold(f"session-{number}", f"user-{number}", yuan("40"), NOON + minutes(number))
        unit.ledger.resolve_hold("session-1", 0, NOON + minutes(9))
    with database.read() as unit:
        old = unit.ledger.old_holds(NOON + minutes(2), 10)
        assert [one.session_id for one in old] == ["session-0", "session-2"]
        assert old[0] == unit.ledger.hold("session-0")
        assert [one.session_id for one in unit.ledger.old_holds(NOON + minutes(9), 1)] == ["session-0"]


def test_refunds_that_should_have_arrived(database: SqlDatabase) -> None:
    late, later = NOON + timedelta(days=5), NOON + timedelta(days=6)
    each = [
        refund("R1", state=RefundState.SENT, due_at=later),
        refund("R2", state=RefundState.BY_HAND, due_at=late),
        refund("R3", state=RefundState.ASKED, due_at=late + minutes(1)),
        refund("R4", state=RefundState.DONE, due_at=late, done_at=NOON),
        refund("R5", state=RefundState.REFUSED, due_at=late, done_at=NOON),
        replace(refund("R6"), state=RefundState.SENT, due_at=later + minutes(1)),
    ]
    with database.write() as unit:
        unit.payments.add_topup(topup())
        for one in each:
            unit.payments.add_refund(one)
    with database.read() as unit:
        assert unit.payments.overdue_refunds(later, 10) == [each[1], each[2], each[0]]
        assert unit.payments.overdue_refunds(late, 10) == [each[1]]
        assert unit.payments.overdue_refunds(later, 1) == [each[1]]
