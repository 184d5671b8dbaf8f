"""What people decide about payments and refunds, and what they pay by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.payments import RefundState, TopupState
from core.ports import CaseKind
from core.services.cases import CaseError, Decision
from tests.core.services.cases.bench import Bench
from tests.storage.money_samples import yuan


def test_a_parked_payment_of_another_amount_is_booked_as_the_provider_says(bench: Bench) -> None:
    order = bench.order("50", 1, TopupState.PARKED)
    case = bench.opened(CaseKind.TOPUP, order.id)
    bench.decide(case, Decision.BOOK, amount=Decimal(45))
    assert bench.balances() == {"psp:sandbox": -45, "user:lin:available": 45}
    with bench.database.read() as unit:
        closed, booked = unit.payments.topup(order.id), unit.payments.by_transaction("sandbox", "P1")
    assert closed is not None
    assert closed.state is TopupState.CLOSED
    assert booked is not None
    assert (booked.state, booked.amount, booked.user_id) == (TopupState.PAID, yuan("45"), "lin")
    assert [code for _, code, _ in bench.said] == ["topup_paid"]


def test_a_parked_payment_of_the_right_amount_is_its_order(bench: Bench) -> None:
    order = bench.order("50", 1, TopupState.PARKED)
    bench.decide(bench.opened(CaseKind.TOPUP, order.id), Decision.BOOK)
    with bench.database.read() as unit:
        [one] = unit.payments.topups_of(["lin"])
    assert (one.id, one.state) == (order.id, TopupState.PAID)


def test_a_second_payment_of_one_order_is_money_too(bench: Bench) -> None:
    order = bench.top_up("50")
    case = bench.opened(CaseKind.TOPUP, order.id)
    with pytest.raises(CaseError, match="has paid order T1"):
        bench.decide(case, Decision.BOOK)
    bench.decide(case, Decision.BOOK, transaction="P1-again", amount=Decimal(50))
    assert bench.balances()["user:lin:available"] == 100


def test_a_payment_for_no_order_needs_a_driver_and_a_number(bench: Bench) -> None:
    bench.top_up("10", 9)
    case = bench.opened(CaseKind.TOPUP, "sandbox:NOBODYS", user_id="")
    with pytest.raises(CaseError, match="name the driver"):
        bench.decide(case, Decision.BOOK, amount=Decimal(5))
    bench.decide(case, Decision.BOOK, amount=Decimal(5), user_id="wei", transaction="P77")
    assert bench.balances()["user:wei:available"] == 5


def test_a_rejected_payment_is_not_booked(bench: Bench) -> None:
    order = bench.order("50", 1, TopupState.PARKED)
    bench.decide(bench.opened(CaseKind.TOPUP, order.id), Decision.REJECT)
    assert bench.balances() == {}
    with bench.database.read() as unit:
        known = unit.payments.topup(order.id)
    assert known is not None
    assert known.state is TopupState.CLOSED


def test_a_refund_by_hand_is_done(bench: Bench) -> None:
    refund = bench.refund(bench.top_up("50"), "20")
    case = bench.opened(CaseKind.REFUND, refund.id)
    bench.decide(case, Decision.DONE, transaction="bank slip 7")
    assert bench.balances() == {"psp:sandbox": -30, "user:lin:available": 30}
    with bench.database.read() as unit:
        done = unit.payments.refund(refund.id)
    assert done is not None
    assert (done.state, done.psp_refund, done.done_at) == (RefundState.DONE, "bank slip 7", bench.clock.now())
    assert bench.said[-1][1] == "refund_done"


def test_a_refund_that_nobody_can_pay_out_is_in_the_wallet_again(bench: Bench) -> None:
    topup = bench.top_up("50")
    refund = bench.refund(topup, "20")
    bench.decide(bench.opened(CaseKind.REFUND, refund.id), Decision.REFUSED)
    assert bench.balances() == {"psp:sandbox": -50, "user:lin:available": 50}
    with bench.database.read() as unit:
        [refundable] = unit.payments.refundable(["lin"])
    assert refundable.refunded == 0


def test_a_refund_that_is_over_can_only_be_noted(bench: Bench) -> None:
    refund = bench.refund(bench.top_up("50"), "20")
    bench.decide(bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    again = bench.opened(CaseKind.REFUND, refund.id + "x")
    with pytest.raises(CaseError, match="no refund"):
        bench.decide(again, Decision.DONE)
    with pytest.raises(CaseError, match="nothing for a refund"):
        bench.decide(again, Decision.GIFT, amount=Decimal(1))
    bench.decide(again, Decision.NOTED)


def test_a_difference_can_only_be_noted(bench: Bench) -> None:
    case = bench.opened(CaseKind.DIFFERENCE, "supplier:lotus")
    with pytest.raises(CaseError, match="only be noted"):
        bench.decide(case, Decision.ACCEPT)
    assert bench.decide(case, Decision.NOTED).decision == "noted"


def test_a_supplier_is_paid_once_and_at_most_what_we_owe(bench: Bench) -> None:
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "30")
    pay = bench.cases.pay_supplier
    with pytest.raises(CaseError, match=r"we owe lotus 30\.00"):
        pay("lotus", "2026-11", Decimal("30.01"), "CNY", "Mei", "November")
    case = pay("lotus", "2026-11", Decimal("12.50"), "CNY", "Mei", "November")
    assert (case.kind, case.who, case.why) == (CaseKind.BY_HAND, "Mei", "November")
    with pytest.raises(CaseError, match="booked already"):
        pay("lotus", "2026-11", Decimal("12.50"), "CNY", "Mei", "November")
    balances = bench.balances()
    assert (balances["supplier:lotus:payable"], balances["bank"]) == (Decimal("17.50"), Decimal("12.50"))


def test_a_payout_of_the_provider_reaches_the_bank(bench: Bench) -> None:
    bench.top_up("100")
    with pytest.raises(CaseError, match="has 100"):
        bench.cases.received("sandbox", "W48", Decimal(101), "CNY", "Mei", "week 48")
    bench.cases.received("sandbox", "W48", Decimal(99), "CNY", "Mei", "week 48")
    assert bench.balances() == {"bank": -99, "psp:sandbox": -1, "user:lin:available": 100}


def test_a_chargeback_takes_what_is_left_and_the_rest_is_ours(bench: Bench) -> None:
    topup = bench.top_up("50")
    bench.charging_session()
    bench.record("SEQ1", "30")
    bench.cases.charge_back(topup.id, "CB7", None, "Mei", "the card holder complained")
    balances = bench.balances()
    assert balances == {"loss:goodwill": -30, "supplier:lotus:payable": 30}
    with bench.database.read() as unit:
        assert unit.payments.refundable(["lin"]) == []
    with pytest.raises(CaseError, match="booked already"):
        bench.cases.charge_back(topup.id, "CB7", None, "Mei", "again")
    with pytest.raises(CaseError, match=r"at most 0\.00"):
        bench.cases.charge_back(topup.id, "CB8", Decimal(1), "Mei", "again")
