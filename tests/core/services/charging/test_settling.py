"""Records that are late, doubled, too high, taken back, in the wrong place: who pays what."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.ledger import Pot, ours, payable
from core.money import Money
from core.ports import Booking, BookingState, RecordVerdict
from core.session import ChargingSession, SessionState
from tests.core.services.charging.garage import Garage, yuan

S, B = SessionState, BookingState


def ended(garage: Garage, *, minutes: float = 10) -> ChargingSession:
    """A charge that has ended and waits for its record: ten minutes are 9.97 kWh, 14.96 yuan."""
    session = garage.start()
    garage.pass_time(minutes=minutes, step_s=60)
    garage.stop(session)
    garage.pass_time(minutes=1)
    session = garage.session(session.id)
    assert session.state is S.AWAIT_RECORD
    return session


def truth(garage: Garage, session: ChargingSession) -> Decimal:
    return garage.supplier.charges[session.start_seq].cost(garage.clock.now())


def pushed(garage: Garage, session: ChargingSession, **changed: Any) -> Booking:
    booking = garage.pushes_record(session, **changed)
    assert booking is not None
    return booking


def owed_to_supplier(garage: Garage) -> Money:
    with garage.database.read() as unit:
        return unit.ledger.balance(payable("fake", "CNY"))


def our_loss(garage: Garage) -> Money:
    """What we bear; an account of ours is negative when we spend."""
    with garage.database.read() as unit:
        return -unit.ledger.balance(ours(Pot.OVERRUN, "CNY"))


def test_a_record_above_the_hold_costs_the_driver_the_hold(garage: Garage) -> None:
    session = ended(garage)
    booking = pushed(garage, session, total_cost=Decimal(50), energy_kwh=Decimal("33.33"))
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.REVIEW, yuan(38))
    assert (booking.from_user, booking.borne) == (yuan(38), yuan(12))
    assert (owed_to_supplier(garage), our_loss(garage), garage.free()) == (yuan(50), yuan(12), yuan(62))
    assert len(garage.cases()) == 1


def test_a_record_above_the_price_shown_costs_what_was_shown(garage: Garage) -> None:
    session = ended(garage)
    due = truth(garage, session)
    booking = pushed(garage, session, total_cost=due + 5)
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.REVIEW, yuan(due))
    assert (booking.from_user, booking.borne) == (yuan(due), yuan(5))
    assert garage.cases()[0].startswith("review: above_price")


def test_a_record_that_is_off_by_rounding_is_paid(garage: Garage) -> None:
    session = ended(garage)
    due = truth(garage, session)
    pushed(garage, session, total_cost=due + Decimal("0.05"))
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.SETTLED, yuan(due + Decimal("0.05")))


def test_a_record_of_nothing_gives_everything_back(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session, total_cost=Decimal(0), energy_kwh=Decimal(0))
    assert (garage.session(session.id).state, garage.free()) == (S.SETTLED, yuan(100))


def test_the_same_record_again_changes_nothing(garage: Garage) -> None:
    session = ended(garage)
    first = pushed(garage, session)
    free = garage.free()
    assert pushed(garage, session) == first
    record = garage.supplier.record_of(garage.supplier.charges[session.start_seq])
    assert garage.charging.book_record("fake", record) == first
    dearer = replace(record, total_cost=record.total_cost + 1)
    assert garage.desk.record("fake", dearer) is RecordVerdict.CONFLICT
    garage.run_jobs()
    assert garage.free() == free
    assert garage.cases() == []


def test_the_same_record_many_times_at_once(either: Garage) -> None:
    session = ended(either)
    record = either.supplier.record_of(either.supplier.charges[session.start_seq])
    either.desk.record("fake", record)
    together = threading.Barrier(4)

    def book(_: int) -> Booking:
        together.wait(10)
        return either.charging.book_record("fake", record)

    with ThreadPoolExecutor(4) as pool:
        assert {one.state for one in pool.map(book, range(8))} == {B.APPLIED}
    assert either.free() == yuan(100 - truth(either, session))


def test_a_second_record_with_another_number_is_doubted(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session)
    free = garage.free()
    second = pushed(garage, session, record_id="R2")
    assert (second.state, garage.free()) == (B.DOUBTED, free)
    assert garage.session(session.id).state is S.SETTLED
    assert garage.cases() == ["dispute: a second record for a session that is settled"]


@pytest.mark.parametrize("state", [S.HELD, S.STARTING, S.START_UNKNOWN, S.CHARGING, S.STOPPING, S.STOP_UNKNOWN])
def test_a_record_ends_a_session_in_whatever_state_it_is(garage: Garage, state: SessionState) -> None:
    session = ended(garage)
    with garage.database.write() as unit:
        unit.sessions.save(replace(session, state=state))
    pushed(garage, session)
    assert garage.session(session.id).state is S.SETTLED


def test_a_record_for_a_start_that_failed_is_not_paid_by_the_driver(garage: Garage) -> None:
    garage.supplier.refuses_starts = "other"
    session = garage.start()
    charged = ended_record(garage, session)
    booking = garage.charging.book_record("fake", charged)
    assert (booking.state, garage.session(session.id).state) == (B.DOUBTED, S.REVIEW)
    assert garage.free() == yuan(100)
    assert garage.cases() == ["dispute: a record for a start that failed"]


def test_a_record_of_nothing_for_a_start_that_failed_is_in_order(garage: Garage) -> None:
    garage.supplier.refuses_starts = "other"
    session = garage.start()
    nothing = ended_record(garage, session, total="0")
    assert garage.charging.book_record("fake", nothing).state is B.APPLIED
    assert garage.session(session.id).state is S.START_FAILED
    assert garage.cases() == []


def ended_record(garage: Garage, session: ChargingSession, total: str = "6") -> Any:
    """A record for this session out of nowhere."""
    from core.charging import ChargeRecord

    at = garage.clock.now()
    record = ChargeRecord(
        "R9", session.start_seq, session.ref, at, at + timedelta(minutes=4), Decimal(4), Decimal(total), "CNY"
    )
    garage.desk.record("fake", record)
    garage.clock.advance(minutes=5)
    return record


# --- late -----------------------------------------------------------------------------------------------------


def provisional(garage: Garage) -> ChargingSession:
    """Settled by the meter, 14.96 yuan of a hold of 38."""
    session = ended(garage)
    garage.clock.advance(hours=48, minutes=1)
    garage.run_jobs()
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.PROVISIONAL, yuan(truth(garage, session)))
    return session


@pytest.mark.parametrize(("total", "kwh"), [("10.50", "7"), ("14.96", "9.97"), ("30.00", "20")])
def test_a_late_record_puts_it_right(garage: Garage, total: str, kwh: str) -> None:
    session = provisional(garage)
    booking = pushed(garage, session, total_cost=Decimal(total), energy_kwh=Decimal(kwh))
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.SETTLED, yuan(total))
    assert (booking.from_user, booking.borne) == (yuan(total), yuan(0))
    assert (garage.free(), owed_to_supplier(garage)) == (yuan(100) - yuan(total), yuan(total))


def test_a_late_record_never_takes_more_than_the_hold_was(garage: Garage) -> None:
    session = provisional(garage)
    pushed(garage, session, total_cost=Decimal(60), energy_kwh=Decimal(40))
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.REVIEW, yuan(38))
    assert (owed_to_supplier(garage), our_loss(garage)) == (yuan(60), yuan(22))


def test_a_late_record_takes_only_what_is_in_the_wallet(garage: Garage) -> None:
    session = provisional(garage)
    from core.ledger import refund_asked

    rest = yuan("80")  # 5.04 stay
    with garage.database.write() as unit:
        unit.ledger.post(refund_asked("r1", garage.lin, rest), garage.clock.now())
    left = garage.free()
    pushed(garage, session, total_cost=Decimal(30), energy_kwh=Decimal(20))
    session = garage.session(session.id)
    assert garage.free() == yuan(0)
    assert session.charged == yuan(truth(garage, session)) + left
    assert owed_to_supplier(garage) == yuan(30)
    with garage.database.write() as unit:
        from core.ledger import refund_refused

        unit.ledger.post(refund_refused("r1", garage.lin, rest), garage.clock.now())


# --- taken back -----------------------------------------------------------------------------------------------


def credit_of(garage: Garage, session: ChargingSession, **more: Any) -> Booking:
    total = -truth(garage, session)
    return pushed(garage, session, record_id="C1", credit_of=session.start_seq, **{"total_cost": total} | more)


def test_a_credit_record_gives_everything_back_and_a_new_one_may_come(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session)
    assert credit_of(garage, session).state is B.CREDIT
    assert (garage.session(session.id).state, garage.free()) == (S.CREDITED, yuan(100))
    assert (garage.session(session.id).charged, owed_to_supplier(garage)) == (yuan(0), yuan(0))
    pushed(garage, session, record_id="R2", total_cost=Decimal("7.50"), energy_kwh=Decimal(5))
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.SETTLED, yuan("7.50"))
    assert (garage.free(), owed_to_supplier(garage)) == (yuan("92.50"), yuan("7.50"))


def test_a_credit_of_an_overrun_gives_us_our_part_back(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session, total_cost=Decimal(50), energy_kwh=Decimal("33.33"))
    credit_of(garage, session, total_cost=Decimal(-50))
    assert (garage.free(), our_loss(garage), owed_to_supplier(garage)) == (yuan(100), yuan(0), yuan(0))


def test_the_new_record_may_come_before_the_credit(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session)
    second = pushed(garage, session, record_id="R2", total_cost=Decimal("7.50"), energy_kwh=Decimal(5))
    assert second.state is B.DOUBTED
    credit_of(garage, session)
    session = garage.session(session.id)
    assert (session.state, session.charged) == (S.SETTLED, yuan("7.50"))


def test_a_credit_may_come_before_its_record(garage: Garage) -> None:
    session = ended(garage)
    assert credit_of(garage, session).state is B.ORPHAN
    pushed(garage, session)
    garage.run_jobs()
    assert (garage.session(session.id).state, garage.free()) == (S.CREDITED, yuan(100))


def test_the_same_record_is_taken_back_once(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session)
    credit_of(garage, session)
    again = pushed(garage, session, record_id="C2", credit_of=session.start_seq, total_cost=-truth(garage, session))
    assert (again.state, garage.free()) == (B.DOUBTED, yuan(100))


def test_a_credit_of_another_amount_is_looked_at(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session)
    credit_of(garage, session, total_cost=Decimal(-1))
    assert garage.free() == yuan(100)
    assert garage.cases() == ["dispute: a credit record names another amount"]


# --- out of place ---------------------------------------------------------------------------------------------


def test_a_record_in_another_currency_is_never_converted(garage: Garage) -> None:
    session = ended(garage)
    booking = pushed(garage, session, currency="EUR")
    assert (booking.state, booking.total.currency) == (B.DOUBTED, "EUR")
    assert garage.session(session.id).state is S.AWAIT_RECORD
    garage.clock.advance(hours=49)
    garage.run_jobs()
    assert garage.session(session.id).state is S.PROVISIONAL


def test_a_record_below_nothing_is_doubted(garage: Garage) -> None:
    session = ended(garage)
    assert pushed(garage, session, total_cost=Decimal(-5)).state is B.DOUBTED
    assert garage.wallet().held == session.quote.hold


def test_an_orphan_waits_for_its_session(garage: Garage) -> None:
    session = ended(garage)
    booking = pushed(garage, session, record_id="X", start_seq="NEVER HEARD OF")
    assert booking.state is B.ORPHAN
    assert garage.cases() == ["orphan: a record for no session that we know"]
    garage.run_jobs()
    assert len(garage.cases()) == 1


def test_a_record_without_our_number_is_found_by_gun_and_time(garage: Garage) -> None:
    session = ended(garage)
    assert pushed(garage, session, start_seq="").state is B.APPLIED
    assert garage.session(session.id).state is S.SETTLED


def test_a_record_without_our_number_of_another_time_is_an_orphan(garage: Garage) -> None:
    session = ended(garage)
    early = session.created_at - timedelta(minutes=6)
    assert pushed(garage, session, start_seq="", started_at=early).state is B.ORPHAN


@pytest.mark.parametrize(("moment", "minutes"), [("started_at", -6), ("ended_at", 6)])
def test_a_record_of_an_impossible_time_is_looked_at(garage: Garage, moment: str, minutes: int) -> None:
    session = ended(garage)
    at = session.created_at if moment == "started_at" else garage.clock.now()
    pushed(garage, session, **{moment: at + timedelta(minutes=minutes)})
    assert garage.session(session.id).state is S.REVIEW


def test_a_record_of_another_gun_is_looked_at(garage: Garage) -> None:
    session = ended(garage)
    pushed(garage, session, ref=garage.guns[2])
    assert garage.session(session.id).state is S.REVIEW
