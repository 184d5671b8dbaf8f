"""A decision and the machine at the same moment, on the same orphan: one of them books it, nobody waits for ever."""

from __future__ import annotations

import threading

import pytest

from core.ports import BookingState, CaseKind
from core.services.cases import CaseError, Decision
from core.station import ConnectorRef
from tests.core.services.cases.bench import SUPPLIER, Bench

ROUNDS = 12


def test_attached_by_hand_while_the_machine_looks_for_its_session(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.top_up("900")
    for number in range(1, ROUNDS + 1):
        bench.record("", "20", f"ORPHAN{number}", ref=ConnectorRef("OP1", f"gun-{number}"))
        [case] = bench.cases.listed(kind=CaseKind.ORPHAN)
        session = bench.charging_session(number)
        thread = threading.Thread(target=bench.charging.match_orphans)
        thread.start()
        try:
            bench.decide(case, Decision.ATTACH, session_id=session.id)
        except CaseError:
            bench.decide(case, Decision.NOTED)  # the machine was first
        thread.join(60)
        with bench.database.read() as unit:
            booking = unit.bookings.get(SUPPLIER, f"ORPHAN{number}")
        assert booking is not None
        assert (booking.state, booking.session_id) == (BookingState.APPLIED, session.id)
    assert bench.balances()["supplier:lotus:payable"] == 20 * ROUNDS
    # Nobody was thrown out of a ring of locks.
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == []
