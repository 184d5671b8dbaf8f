"""Charges at the sandbox over HTTP, in both protocols; in the end its own books say what ours have to say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.money import Money
from core.session import ChargingSession, SessionState
from core.station import ConnectorRef
from tests.journeys.trip import Trip

pytestmark = pytest.mark.process

S = SessionState


def charged_for_a_while(trip: Trip, ref: ConnectorRef) -> ChargingSession:
    """Ten minutes of charging, then stopped and waiting for its bill."""
    session = trip.start(ref)
    assert session.state in (S.STARTING, S.START_UNKNOWN, S.CHARGING)
    trip.pass_time(minutes=10, steps=5)
    assert trip.now(session).state is S.CHARGING
    trip.stop(session)
    trip.pass_time(minutes=1)
    return trip.now(session)


def settled_at_the_truth(trip: Trip, session: ChargingSession, before: Money) -> None:
    session = trip.now(session)
    assert (session.state, session.charged) == (S.SETTLED, trip.truth(session))
    assert trip.truth(session).amount_minor > 0
    assert trip.free() == before - trip.truth(session)


def test_a_normal_charge(trip: Trip) -> None:
    before = trip.free()
    session = charged_for_a_while(trip, trip.free_gun())
    trip.bill_comes(session)
    settled_at_the_truth(trip, session, before)
    assert trip.site.starts_at(session.ref) == 1
    assert trip.said == ["charge_started", "charge_ended", "receipt"]


def test_an_old_price_is_asked_for_before_the_yes(trip: Trip) -> None:
    ref = trip.free_gun()
    trip.clock.advance(hours=1)
    quote = trip.charging.quote(trip.lin, ref, Decimal(30))
    assert quote.price_seen_at == trip.clock.now()


def test_a_silent_start_that_runs(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.start_unanswered(ref):
        session = trip.start(ref)
    assert trip.now(session).state is S.START_UNKNOWN
    assert trip.free() == before - session.quote.hold
    trip.pass_time(minutes=6, steps=6)
    assert trip.now(session).state is S.CHARGING
    trip.stop(session)
    trip.pass_time(minutes=1)
    trip.bill_comes(session)
    settled_at_the_truth(trip, session, before)
    assert trip.site.starts_at(ref) == 1


def test_a_silent_start_that_never_ran(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.sandbox.misbehaving("broken"):
        session = trip.start(ref)
    if session.state is S.START_UNKNOWN:
        assert trip.free() == before - session.quote.hold
    trip.pass_time(minutes=4, steps=8)
    assert trip.now(session).state is S.START_FAILED
    assert (trip.free(), trip.site.starts_at(ref)) == (before, 0)


def test_a_refused_start(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.refuses(ref, "other"):
        session = trip.start(ref)
    assert (session.state, trip.free()) == (S.START_FAILED, before)


def test_a_stop_that_fails(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    session = trip.start(ref)
    trip.pass_time(minutes=5, steps=5)
    with trip.site.fault("stop_refused", ref):
        trip.stop(session)
        trip.pass_time(minutes=1, steps=4)
        assert trip.now(session).state is S.STOP_UNKNOWN
        assert "stop_failed" in trip.said
        assert trip.free() == before - session.quote.hold
    trip.pass_time(minutes=7, steps=7)
    trip.bill_comes(session)
    settled_at_the_truth(trip, session, before)


def test_a_record_that_never_comes(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.fault("record_never", ref):
        session = charged_for_a_while(trip, ref)
        assert session.state is S.AWAIT_RECORD
        trip.wait_days(2.1)
    session = trip.now(session)
    assert session.state is S.PROVISIONAL
    assert session.charged is not None
    # By the meter: what the operator would have billed, to a cent for each of its periods.
    assert abs((session.charged - trip.truth(session)).amount_minor) <= 2
    assert trip.free() == before - session.charged


def test_a_record_that_comes_twice(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.fault("record_twice", ref):
        session = charged_for_a_while(trip, ref)
        trip.bill_comes(session)
        trip.pass_time(minutes=1)
    settled_at_the_truth(trip, session, before)


def test_a_record_that_is_too_high(trip: Trip) -> None:
    before, ref = trip.free(), trip.free_gun()
    with trip.site.fault("wrong_totals", ref):
        session = charged_for_a_while(trip, ref)
        session = trip.bill_comes(session)
    assert session.state is S.REVIEW
    assert session.charged is not None
    # Ten yuan above the price that was shown: the driver pays what was shown.
    assert abs((session.charged - trip.truth(session)).amount_minor) <= 2
    assert trip.free() == before - session.charged


def test_a_record_that_is_taken_back(trip: Trip) -> None:
    """The sandbox takes none back, so this one reaches the desk as an adapter would hand it over."""
    before = trip.free()
    session = charged_for_a_while(trip, trip.free_gun())
    trip.bill_comes(session)
    [record] = trip.site.records(session.start_seq)
    taken_back = replace(
        record, record_id=f"{record.record_id}-C", credit_of=record.record_id, total_cost=-record.total_cost
    )
    trip.site.desk.record(trip.site.supplier_id, taken_back)
    assert (trip.now(session).state, trip.free()) == (S.CREDITED, before)
