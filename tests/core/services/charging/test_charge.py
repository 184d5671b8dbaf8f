"""A charge from the yes to the receipt, when everybody behaves and when they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.charging import ChargingState
from core.session import LIVE, Event, SessionState
from tests.core.services.charging.garage import Garage, yuan

S = SessionState


def test_a_charge_from_the_yes_to_the_receipt(either: Garage) -> None:
    garage = either
    session = garage.start(kwh="20")
    assert (session.state, garage.wallet().held) == (S.STARTING, yuan(38))
    garage.pass_time(minutes=10)
    session = garage.session(session.id)
    assert session.state is S.CHARGING
    assert session.energy_kwh is not None
    assert 9 < session.energy_kwh < 10
    assert garage.stop(session).state is S.STOPPING
    garage.pass_time(minutes=1)
    assert garage.session(session.id).state is S.AWAIT_RECORD
    booking = garage.pushes_record(session)
    session = garage.session(session.id)
    truth = garage.supplier.charges[session.start_seq].cost(garage.clock.now())
    assert (session.state, session.charged) == (S.SETTLED, yuan(truth))
    assert booking is not None
    assert (booking.from_user, booking.borne) == (yuan(truth), yuan(0))
    assert (garage.free(), garage.wallet().held) == (yuan(100 - truth), yuan(0))
    assert garage.told.codes == ["charge_started", "charge_ended", "receipt"]
    assert garage.supplier.starts == [session.start_seq]
    assert garage.cases() == []


def test_silence_keeps_the_hold_until_we_know(either: Garage) -> None:
    garage = either
    garage.supplier.swallows_starts = True
    session = garage.start()
    assert (session.state, garage.wallet().held) == (S.START_UNKNOWN, session.quote.hold)
    garage.pass_time(seconds=60)
    assert garage.wallet().held == session.quote.hold
    garage.pass_time(seconds=60)
    assert garage.session(session.id).state is S.START_FAILED
    assert (garage.free(), garage.wallet().held) == (yuan(100), yuan(0))
    assert garage.told.codes == ["start_unknown", "start_failed"]


def test_a_silent_start_that_runs_is_found_and_billed(garage: Garage) -> None:
    garage.supplier.loses_answers = True
    session = garage.start()
    assert session.state is S.START_UNKNOWN
    garage.pass_time(seconds=40)
    assert garage.session(session.id).state is S.CHARGING
    garage.supplier.loses_answers = False
    garage.pass_time(minutes=5)
    garage.stop(session)
    garage.pass_time(minutes=1)
    garage.pushes_record(session)
    assert garage.session(session.id).state is S.SETTLED
    assert garage.free() < yuan(100)


@pytest.mark.parametrize("reason", ["gun_busy", "gun_fault", "not_plugged_in", "other"])
def test_a_refused_start_costs_nothing(garage: Garage, reason: str) -> None:
    garage.supplier.refuses_starts = reason
    session = garage.start()
    assert (session.state, session.failure) == (S.START_FAILED, reason)
    assert garage.free() == yuan(100)


def test_a_start_that_is_never_sent_runs_out(garage: Garage) -> None:
    session = garage.say_yes()
    garage.clock.advance(minutes=2)
    garage.charging.follow_due()
    assert (garage.session(session.id).state, garage.free()) == (S.START_FAILED, yuan(100))
    garage.work_outbox()
    assert garage.supplier.starts == []


def test_an_accepted_start_that_never_begins_ends_by_our_stop(garage: Garage) -> None:
    garage.supplier.never_begins = True
    session = garage.start()
    assert session.state is S.STARTING
    garage.pass_time(minutes=4)
    assert garage.session(session.id).state is S.START_UNKNOWN
    garage.pass_time(minutes=3)
    assert garage.session(session.id).state is S.START_FAILED
    assert garage.free() == yuan(100)


def test_nobody_answers_for_a_day_and_the_money_is_back(garage: Garage) -> None:
    with garage.supplier.silent():
        session = garage.start()
        garage.pass_time(hours=25, step_s=3600)
        assert garage.session(session.id).state is S.PROVISIONAL
    assert (garage.free(), garage.session(session.id).charged) == (yuan(100), yuan(0))
    garage.pass_time(days=31, step_s=24 * 3600)
    assert garage.session(session.id).state is S.CLOSED


def test_a_record_that_never_comes_is_settled_by_the_meter(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=10)
    garage.stop(session)
    garage.pass_time(minutes=1)
    garage.pass_time(hours=49, step_s=7200)
    session = garage.session(session.id)
    truth = garage.supplier.charges[session.start_seq].cost(garage.clock.now())
    assert (session.state, session.charged) == (S.PROVISIONAL, yuan(truth))
    assert garage.free() == yuan(100 - truth)
    garage.pushes_record(session)
    assert garage.session(session.id).state is S.SETTLED
    assert garage.free() == yuan(100 - truth)


def test_no_money_is_held_for_three_days_whatever_happens(garage: Garage) -> None:
    garage.supplier.refuses_stops = True
    session = garage.start()
    charge = garage.supplier.charges[session.start_seq]
    charge.wanted_kwh *= 1000
    garage.pass_time(hours=1, step_s=120)
    assert garage.session(session.id).state in LIVE
    garage.pass_time(hours=70, step_s=7200)
    garage.pass_time(minutes=5, step_s=60)
    assert garage.session(session.id).state is S.PROVISIONAL
    assert garage.session(session.id).charged == session.quote.hold
    assert garage.wallet().held == yuan(0)


def test_a_charge_is_stopped_before_its_hold_is_used_up(garage: Garage) -> None:
    session = garage.start(kwh="20")
    garage.pass_time(minutes=25, step_s=60)
    session = garage.session(session.id)
    assert (session.state, session.stop_reason) == (S.AWAIT_RECORD, "limit")
    charge = garage.supplier.charges[session.start_seq]
    garage.pushes_record(session)
    cost = charge.cost(garage.clock.now())
    assert yuan("30") <= yuan(cost) <= session.quote.hold
    assert garage.session(session.id).state is S.SETTLED
    assert "stopped_at_limit" in garage.told.codes


def test_the_hold_grows_as_far_as_was_agreed(garage: Garage) -> None:
    session = garage.start(kwh="20", grow_to="80")
    garage.pass_time(minutes=60, step_s=60)
    session = garage.session(session.id)
    garage.pushes_record(session)
    charged = garage.session(session.id).charged
    assert charged is not None
    assert yuan(65) < charged <= yuan(80)
    assert garage.told.codes.count("hold_extended") == 2


def test_a_hold_that_cannot_grow_stops_the_charge(garage: Garage) -> None:
    session = garage.start(kwh="40", grow_to="200")  # 75 of the 100 are held
    garage.pass_time(minutes=60, step_s=60)
    assert garage.session(session.id).stop_reason == "limit"


def test_a_stop_that_fails_is_tried_again_and_the_driver_is_told(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=5)
    garage.supplier.refuses_stops = True
    garage.stop(session)
    assert garage.session(session.id).state is S.STOP_UNKNOWN
    garage.pass_time(minutes=1)
    assert "stop_failed" in garage.told.codes
    assert garage.wallet().held == session.quote.hold
    garage.supplier.refuses_stops = False
    garage.pass_time(minutes=6)
    assert garage.session(session.id).state is S.AWAIT_RECORD


def test_the_driver_changes_their_mind_before_it_is_sent(garage: Garage) -> None:
    session = garage.say_yes()
    assert garage.stop(session).state is S.START_FAILED
    assert (garage.free(), garage.supplier.starts) == (yuan(100), [])


def test_a_stop_before_it_charges_is_remembered(garage: Garage) -> None:
    session = garage.start()
    garage.stop(session)
    garage.pass_time(minutes=1)
    assert garage.session(session.id).state is S.AWAIT_RECORD
    assert Event.STOP_ASKED in [one.event for one in garage.diary(session)]


def test_pushes_alone_lead_through_a_charge(garage: Garage) -> None:
    session = garage.start()
    garage.clock.advance(minutes=5)
    garage.pushes_state(session)
    assert garage.session(session.id).state is S.CHARGING
    garage.clock.advance(minutes=1)
    garage.supplier.stop(session.ref, start_seq=session.start_seq)
    garage.pushes_state(session)
    garage.pushes_state(session)
    assert garage.session(session.id).state is S.AWAIT_RECORD
    garage.pushes_record(session)
    assert garage.session(session.id).state is S.SETTLED


def test_a_supplier_nobody_hears_of_for_long(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=2)
    with garage.supplier.silent():
        garage.pass_time(minutes=16, step_s=60)
        garage.pass_time(minutes=16, step_s=60)
    assert garage.told.codes.count("charge_unseen") == 1
    assert garage.session(session.id).state is S.CHARGING


def test_a_failed_start_that_comes_to_life_is_stopped_and_never_charged(garage: Garage) -> None:
    garage.supplier.forgets_sessions = garage.supplier.loses_answers = garage.supplier.refuses_stops = True
    session = garage.start()
    garage.pass_time(minutes=2)
    assert garage.session(session.id).state is S.START_FAILED
    garage.supplier.refuses_stops = garage.supplier.loses_answers = False
    for _ in range(3):
        garage.clock.advance(seconds=50)
        garage.pushes_state(session)
    assert [one.event for one in garage.diary(session)].count(Event.CHARGES) == 1
    garage.work_outbox()
    charge = garage.supplier.charges[session.start_seq]
    assert charge.stopped_at == garage.clock.now()
    booking = garage.pushes_record(session)
    assert booking is not None
    assert yuan(0) < booking.total
    assert garage.session(session.id).state is S.REVIEW
    assert garage.free() == yuan(100)
    assert [one.split(":")[0] for one in garage.cases()] == ["review", "dispute"]


def test_a_charge_that_is_declared_invalid_is_free_when_no_record_comes(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=5)
    live = garage.supplier.live(garage.supplier.charges[session.start_seq])
    for _ in range(3):
        garage.clock.advance(seconds=20)
        invalid = replace(live, state=ChargingState.INVALID, at=garage.clock.now())
        garage.charging.apply("fake", invalid)
    assert garage.session(session.id).state is S.AWAIT_RECORD
    assert [one.event for one in garage.diary(session)].count(Event.ENDED) == 1
    with garage.supplier.silent():
        garage.clock.advance(hours=49)
        garage.run_jobs()
    assert (garage.session(session.id).state, garage.free()) == (S.PROVISIONAL, yuan(100))


def test_a_start_that_is_declared_invalid_has_failed(garage: Garage) -> None:
    session = garage.start()
    live = garage.supplier.live(garage.supplier.charges[session.start_seq])
    garage.charging.apply("fake", replace(live, state=ChargingState.INVALID))
    assert (garage.session(session.id).state, garage.free()) == (S.START_FAILED, yuan(100))


def test_looking_alone_writes_nothing_into_the_diary(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=10)
    assert [one.event for one in garage.diary(session)] == [Event.START_SENT, Event.CHARGES]
