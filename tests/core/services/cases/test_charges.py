"""What people decide about a charge: who pays what, once, with who and why; the books stay sound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from core.ports import BookingState, Case, CaseKind
from core.services.cases import CaseError, Decision, Wish
from core.session import Event, SessionState
from core.station import ConnectorRef
from tests.core.services.cases.bench import SUPPLIER, WHY, Bench
from tests.storage.money_samples import yuan


@pytest.fixture
def overrun(bench: Bench) -> Case:
    """Of 45 the driver paid the 40 that were held; 5 are ours."""
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "45")
    assert bench.session().state is SessionState.REVIEW
    return bench.case(CaseKind.REVIEW)


def test_accepted_the_driver_pays_nothing_more(bench: Bench, overrun: Case) -> None:
    before = bench.balances()
    bench.clock.advance(hours=1)
    closed = bench.decide(overrun, Decision.ACCEPT)
    assert (closed.decision, closed.who, closed.why, closed.decided_at) == ("accept", "Mei", WHY, bench.clock.now())
    assert bench.balances() == before
    assert bench.session().state is SessionState.SETTLED
    diary = bench.cases.show(overrun.id).diary
    assert (diary[-1].event, diary[-1].detail) == (Event.DECIDED, f"case {overrun.id}")


def test_a_case_is_decided_once(bench: Bench, overrun: Case) -> None:
    bench.decide(overrun, Decision.GIFT, amount=Decimal(3))
    with pytest.raises(CaseError, match="decided by Mei"):
        bench.decide(overrun, Decision.GIFT, amount=Decimal(3))
    assert bench.balances()["loss:goodwill"] == -3


def test_of_two_people_at_one_case_one_decides(bench: Bench, overrun: Case) -> None:
    def gift(_: int) -> bool:
        try:
            bench.decide(overrun, Decision.GIFT, amount=Decimal(2))
        except CaseError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(gift, range(4))) == [False, False, False, True]
    assert bench.balances()["loss:goodwill"] == -2


def test_a_gift_is_ours_to_give_and_bounded(bench: Bench, overrun: Case) -> None:
    with pytest.raises(CaseError, match=r"at most 200\.00 CNY"):
        bench.decide(overrun, Decision.GIFT, amount=Decimal("200.01"))
    with pytest.raises(CaseError, match="say how much"):
        bench.decide(overrun, Decision.GIFT)
    for odd in ("0.001", "0", "-5", "NaN"):
        with pytest.raises(CaseError, match=r"no amount|nothing to book"):
            bench.decide(overrun, Decision.GIFT, amount=Decimal(odd))
    bench.decide(overrun, Decision.GIFT, amount=Decimal("150"), keep_open=True)
    with pytest.raises(CaseError, match=r"at most 50\.00"):
        bench.decide(overrun, Decision.GIFT, amount=Decimal("50.01"))
    closed = bench.decide(overrun, Decision.GIFT, amount=Decimal("50"))
    assert closed.decision == "gift (gift 150.00 CNY); gift (gift 50.00 CNY)"
    assert bench.balances()["user:lin:available"] == 60 + 200
    assert [(who, code) for who, code, _ in bench.said if code == "case_gift"] == [("lin", "case_gift")] * 2


def test_the_driver_takes_over_what_we_bore_and_no_more(bench: Bench, overrun: Case) -> None:
    assert bench.balances()["loss:overrun"] == -5
    with pytest.raises(CaseError, match=r"at most 5\.00"):
        bench.decide(overrun, Decision.DRIVER_PAYS, amount=Decimal("5.01"))
    bench.decide(overrun, Decision.DRIVER_PAYS, amount=Decimal(2), keep_open=True)
    assert bench.session().state is SessionState.REVIEW
    bench.decide(overrun, Decision.DRIVER_PAYS)
    assert bench.balances() == {"psp:sandbox": -100, "supplier:lotus:payable": 45, "user:lin:available": 55}
    assert bench.session().state is SessionState.SETTLED


def test_the_driver_pays_only_from_the_wallet(bench: Bench) -> None:
    bench.top_up("42")
    bench.charging_session()
    bench.record("SEQ1", "45")
    with pytest.raises(CaseError, match=r"3\.00 CNY short"):
        bench.decide(bench.case(CaseKind.REVIEW), Decision.DRIVER_PAYS)
    assert bench.case(CaseKind.REVIEW).decided_at is None


def test_at_the_suppliers_fault_what_we_owe_is_disputed(bench: Bench, overrun: Case) -> None:
    bench.decide(overrun, Decision.SUPPLIER_AT_FAULT, keep_open=True)
    assert bench.balances()["supplier:lotus:disputed"] == 5
    with pytest.raises(CaseError, match=r"at most 40\.00"):
        bench.decide(overrun, Decision.SUPPLIER_AT_FAULT, amount=Decimal("40.01"))
    bench.decide(overrun, Decision.SUPPLIER_AT_FAULT, amount=Decimal(40))
    assert "supplier:lotus:payable" not in bench.balances()


def test_a_record_for_a_failed_start_is_nobodys_until_somebody_decides(bench: Bench) -> None:
    bench.top_up("100")
    bench.failed_session()
    bench.record("SEQ1", "12")
    assert bench.session().state is SessionState.REVIEW
    assert bench.balances() == {"psp:sandbox": -100, "user:lin:available": 100}
    bench.decide(bench.case(CaseKind.DISPUTE), Decision.DRIVER_PAYS)
    assert bench.balances() == {"psp:sandbox": -100, "user:lin:available": 88, "supplier:lotus:payable": 12}
    assert bench.session().state is SessionState.SETTLED


def test_a_session_is_in_review_until_everything_about_it_is_decided(bench: Bench, overrun: Case) -> None:
    bench.clock.advance(minutes=10)
    bench.record("SEQ1", "12", "OTHER")
    bench.decide(bench.case(CaseKind.DISPUTE), Decision.REJECT)
    assert bench.session().state is SessionState.REVIEW
    bench.decide(overrun, Decision.ACCEPT)
    assert bench.session().state is SessionState.SETTLED


@pytest.fixture
def second(bench: Bench) -> Case:
    """A settled charge of 30, and a second record of 12 for it."""
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "30")
    bench.clock.advance(minutes=10)
    bench.record("SEQ1", "12", "OTHER")
    return bench.case(CaseKind.DISPUTE)


def test_a_doubted_record_is_rejected(bench: Bench, second: Case) -> None:
    before = bench.balances()
    with pytest.raises(CaseError, match="nothing of this record is owed"):
        bench.decide(second, Decision.SUPPLIER_AT_FAULT)
    bench.decide(second, Decision.REJECT)
    assert bench.balances() == before


def test_a_doubted_record_is_accepted_at_our_cost(bench: Bench, second: Case) -> None:
    bench.decide(second, Decision.ACCEPT)
    balances = bench.balances()
    assert (balances["loss:overrun"], balances["supplier:lotus:payable"]) == (-12, 42)
    assert bench.session().charged == yuan("30")


def test_what_the_driver_pays_of_a_doubted_record_is_not_ours(bench: Bench, second: Case) -> None:
    bench.decide(second, Decision.DRIVER_PAYS, amount=Decimal(10), keep_open=True)
    bench.decide(second, Decision.ACCEPT)
    balances = bench.balances()
    assert (balances["user:lin:available"], balances["loss:overrun"]) == (60, -2)
    assert balances["supplier:lotus:payable"] == 42


def test_everything_about_a_case_is_shown(bench: Bench, second: Case) -> None:
    shown = bench.cases.show(second.id)
    assert shown.session == bench.session()
    assert [record.record_id for record, _ in shown.records] == ["SEQ1", "OTHER"]
    assert [booking.state for _, booking in shown.records if booking] == [BookingState.APPLIED, BookingState.DOUBTED]
    assert [one.transfer.id.partition(":")[0] for one in shown.transfers] == ["hold", "cap", "rel"]
    assert shown.hold is not None
    assert shown.hold.captured.decimal == 30
    with pytest.raises(CaseError, match="no case"):
        bench.cases.show("C0")


def test_a_driver_who_does_not_agree_is_heard_once(bench: Bench) -> None:
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "30")
    case = bench.cases.dispute("session-1", "the gun\nfell out ", user_id="lin")
    assert (case.kind, case.detail, case.session_id) == (CaseKind.DISPUTE, "the gun fell out", "session-1")
    assert bench.cases.dispute("session-1", "again").id == case.id
    for session_id, user_id in (("session-1", "wei"), ("session-9", "lin")):
        with pytest.raises(CaseError, match="no session"):
            bench.cases.dispute(session_id, "mine", user_id=user_id)
    bench.decide(case, Decision.SUPPLIER_AT_FAULT, amount=Decimal(10), keep_open=True)
    bench.decide(case, Decision.GIFT, amount=Decimal(10))
    balances = bench.balances()
    assert (balances["user:lin:available"], balances["supplier:lotus:disputed"]) == (80, 10)
    assert bench.session().state is SessionState.SETTLED


# --- orphans --------------------------------------------------------------------------------------------------


@pytest.fixture
def orphan(bench: Bench) -> Case:
    bench.top_up("100")
    bench.record("", "20", "ORPHAN", ref=ConnectorRef("OP1", "gun-9"))
    return bench.case(CaseKind.ORPHAN)


def test_an_orphan_is_attached_to_its_session(bench: Bench, orphan: Case) -> None:
    bench.charging_session()
    with pytest.raises(CaseError, match="name the session"):
        bench.decide(orphan, Decision.ATTACH)
    closed = bench.decide(orphan, Decision.ATTACH, session_id="session-1")
    assert closed.session_id == "session-1"
    assert "the driver pays 20.00" in closed.decision
    with bench.database.read() as unit:
        booking = unit.bookings.get(SUPPLIER, "ORPHAN")
    assert booking is not None
    assert booking.session_id == "session-1"
    assert bench.balances()["supplier:lotus:payable"] == 20
    assert bench.rung  # the receipt


def test_an_orphan_of_another_supplier_or_session_is_not_attached(bench: Bench, orphan: Case) -> None:
    bench.charging_session(supplier_id="other")
    with pytest.raises(CaseError, match="is other's"):
        bench.decide(orphan, Decision.ATTACH, session_id="session-1")
    with pytest.raises(CaseError, match="no session"):
        bench.decide(orphan, Decision.ATTACH, session_id="session-7")


def test_an_orphan_is_owed_without_a_session_or_rejected(bench: Bench, orphan: Case) -> None:
    bench.record("", "7", "ORPHAN2", ref=ConnectorRef("OP1", "gun-9"))
    other = next(one for one in bench.cases.listed() if one.id != orphan.id)
    bench.decide(orphan, Decision.BOOK)
    bench.decide(other, Decision.REJECT)
    balances = bench.balances()
    assert (balances["supplier:lotus:suspense"], balances["supplier:lotus:payable"]) == (-20, 20)
    with bench.database.read() as unit:
        assert unit.bookings.orphans(10) == []


def test_who_and_why_are_needed(bench: Bench, orphan: Case) -> None:
    for who, why in (("", WHY), ("Mei", " ")):
        with pytest.raises(CaseError, match="say who"):
            bench.cases.decide(orphan.id, Wish(Decision.REJECT, who, why))
