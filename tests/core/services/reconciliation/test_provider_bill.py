"""Our top-ups and refunds against a provider's bills, both ways: each difference is found, none mended silently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest

from core.ledger import topped_up
from core.money import Money
from core.payments import TAKEN, BillKind, BillLine, OrderReport, OrderState, RefundState, Topup, TopupState
from core.ports import CaseKind
from core.services.books import BooksService
from core.services.cases import Decision
from core.services.reconciliation import ReconciliationService, Report
from core.services.reconciliation.findings import ZONE
from core.services.wallet import WalletService
from storage.unit_of_work import SqlDatabase
from tests.core.services.cases.bench import Bench
from tests.paying import FakePayments
from tests.storage.money_samples import yuan
from tests.world import NOW

TODAY = NOW.astimezone(ZONE).date()
YESTERDAY = TODAY - timedelta(days=1)
FEE = Money(30, "CNY")


@dataclass
class Billed(FakePayments):
    """A provider whose bills are what the test writes on them."""

    lines: dict[date, list[BillLine]] = field(default_factory=dict)

    def bills(self, kind: BillKind, order_id: str, amount: Money, **more: object) -> BillLine:
        """Yesterday's bill says so."""
        line = BillLine(f"{kind}-{order_id}", kind, order_id, f"P{order_id[1:]}", amount, FEE, YESTERDAY)
        line = replace(line, **more)  # type: ignore[arg-type]  # fields of a line
        self.lines.setdefault(line.day, []).append(line)
        return line

    def bill(self, day: date) -> Iterator[BillLine]:
        self._answer("bill")
        yield from self.lines.get(day, [])


class House:
    def __init__(self, database: SqlDatabase) -> None:
        self.bench = Bench(database)
        self.clock = self.bench.clock
        self.provider = Billed(self.clock)
        providers = {"sandbox": self.provider}
        wallet = WalletService(database, self.clock, providers, lambda _: None)
        books = BooksService(database, self.clock)
        self.reconciliation = ReconciliationService(database, self.clock, books, wallet, {}, providers)
        self.clock.advance(days=-1)  # what follows happens yesterday, until `run`

    def run(self) -> Report:
        self.clock.time = max(self.clock.now(), NOW)
        return self.reconciliation.run("psp:sandbox")

    def found(self) -> set[str]:
        return {one.key for one, _ in self.run().differences}

    def paid_unheard(self, number: int = 1) -> Topup:
        """An order that was paid, and whose notice was lost."""
        order = self.bench.order("50", number, TopupState.PENDING)
        self.provider.orders[order.id] = OrderReport(order.id, OrderState.PAID, f"P{number}", order.amount, NOW)
        self.provider.bills(BillKind.PAYMENT, order.id, order.amount)
        return order


@pytest.fixture
def house(database: SqlDatabase) -> Iterator[House]:
    house = House(database)
    yield house
    assert house.bench.breaches() == []


def test_sound_books_agree_and_the_fees_are_booked_once(house: House) -> None:
    topup = house.bench.top_up("50")
    refund = house.bench.refund(topup, "20", RefundState.BY_HAND)
    house.bench.decide(house.bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    house.provider.bills(BillKind.PAYMENT, topup.id, yuan("50"))
    house.provider.bills(BillKind.REFUND, refund.id, yuan("20"), fee=Money(-10, "CNY"))
    for _ in range(2):
        report = house.run()
        assert report.differences == []
        assert (report.compared, report.ours, report.theirs) == (2, {"CNY": 3000}, {"CNY": 3000})
    balances = house.bench.balances()
    assert (balances["expense:psp_fee"], balances["psp:sandbox"]) == (yuan("-0.20").decimal, yuan("-29.80").decimal)


def test_a_lost_notice_is_reported_and_booked_by_asking(house: House) -> None:
    order = house.paid_unheard()
    assert house.found() == {f"payment_not_booked:{order.id}"}
    assert house.bench.balances()["user:lin:available"] == 50
    assert house.run().differences == []


def test_a_payment_of_an_order_that_we_had_closed_is_real_money(house: House) -> None:
    order = house.paid_unheard()
    with house.bench.database.write() as unit:
        unit.payments.save_topup(replace(order, state=TopupState.CLOSED))
    assert house.found() == {f"payment_not_booked:{order.id}"}
    assert house.bench.balances()["user:lin:available"] == 50


def test_a_lost_notice_of_another_amount_is_parked_and_not_booked(house: House) -> None:
    order = house.paid_unheard()
    house.provider.orders[order.id] = replace(house.provider.orders[order.id], amount=yuan("45"))
    assert house.found() == {f"payment_not_booked:{order.id}"}
    assert "user:lin:available" not in house.bench.balances()
    assert house.bench.case(CaseKind.TOPUP).subject == order.id


def test_a_tampered_amount_is_found(house: House) -> None:
    topup = house.bench.top_up("50")
    house.provider.bills(BillKind.PAYMENT, topup.id, yuan("49"))
    before = house.bench.balances()
    report = house.run()
    assert [one.key for one, _ in report.differences] == [f"payment_amount:{topup.id}"]
    assert report.alarming
    assert house.bench.balances() == {
        **before,
        "psp:sandbox": before["psp:sandbox"] + FEE.decimal,
        "expense:psp_fee": -FEE.decimal,
    }


def test_an_order_paid_twice_is_found(house: House) -> None:
    topup = house.bench.top_up("50")
    house.provider.bills(BillKind.PAYMENT, topup.id, yuan("50"))
    house.provider.bills(BillKind.PAYMENT, topup.id, yuan("50"), transaction="P1-again", line_id="again")
    assert house.found() == {"paid_twice:P1-again"}
    # Once somebody has booked it as the driver's, it agrees.
    case = house.bench.case(CaseKind.TOPUP)
    assert (case.subject, "P1-again" in case.detail) == (topup.id, True)
    house.bench.decide(case, Decision.BOOK, amount=yuan("50").decimal, transaction="P1-again")
    assert house.found() == set()


def test_a_payment_for_no_order_is_a_case_until_somebody_decides(house: House) -> None:
    house.bench.top_up("10", 9)
    house.provider.bills(BillKind.PAYMENT, "T9", yuan("10"))
    house.provider.bills(BillKind.PAYMENT, "NOBODYS", yuan("5"), transaction="P77", fee=None)
    for _ in range(2):
        assert house.found() == {"payment_unknown:P77"}
    case = house.bench.case(CaseKind.TOPUP)
    assert case.subject == "sandbox:NOBODYS"
    house.bench.decide(case, Decision.BOOK, amount=yuan("5").decimal, user_id="wei", transaction="P77")
    assert house.found() == set()
    assert house.bench.balances()["user:wei:available"] == 5


def test_a_payment_that_was_decided_is_not_asked_about_again(house: House) -> None:
    house.provider.bills(BillKind.PAYMENT, "NOBODYS", yuan("5"), transaction="P77", fee=None)
    house.found()
    house.bench.decide(house.bench.case(CaseKind.TOPUP), Decision.REJECT)
    assert house.found() == {"payment_unknown:P77"}
    assert house.bench.cases.listed(kind=CaseKind.TOPUP) == []


def test_the_same_line_twice_is_found(house: House) -> None:
    topup = house.bench.top_up("50")
    line = house.provider.bills(BillKind.PAYMENT, topup.id, yuan("50"))
    house.provider.lines[YESTERDAY].append(line)
    assert house.found() == {f"billed_twice:{line.line_id}"}


def test_a_payment_and_a_refund_of_theirs_only_are_found(house: House) -> None:
    house.provider.bills(BillKind.PAYMENT, "NOBODYS", yuan("5"), transaction="P77", fee=None)
    house.provider.bills(BillKind.REFUND, "NEVER", yuan("7"), fee=None)
    assert house.found() == {"payment_unknown:P77", "refund_unknown:refund-NEVER"}
    assert house.bench.balances() == {}


def test_a_refund_whose_notice_was_lost_is_reported_and_asked_for(house: House) -> None:
    refund = house.bench.refund(house.bench.top_up("50"), "20", RefundState.SENT)
    house.provider.bills(BillKind.PAYMENT, refund.topup_id, yuan("50"))
    house.provider.bills(BillKind.REFUND, refund.id, yuan("20"))
    house.provider.settles(refund)
    assert house.found() == {f"refund_not_booked:{refund.id}"}
    with house.bench.database.read() as unit:
        done = unit.payments.refund(refund.id)
    assert done is not None
    assert done.state is RefundState.DONE
    assert house.found() == set()


def test_a_refund_of_another_amount_is_found(house: House) -> None:
    refund = house.bench.refund(house.bench.top_up("50"), "20")
    house.bench.decide(house.bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    house.provider.bills(BillKind.PAYMENT, refund.topup_id, yuan("50"))
    house.provider.bills(BillKind.REFUND, refund.id, yuan("21"))
    assert house.found() == {f"refund_amount:{refund.id}"}


def test_what_is_ours_only_is_found_after_a_day(house: House) -> None:
    house.bench.top_up("50")
    refund = house.bench.refund(house.bench.top_up("30", 2), "20")
    house.bench.decide(house.bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    assert house.found() == set()  # a payment of late yesterday may stand on today's bill
    house.clock.advance(days=1)
    assert house.found() == {"payment_not_theirs:T1", "payment_not_theirs:T2", f"refund_not_theirs:{refund.id}"}
    case = house.bench.case(CaseKind.DIFFERENCE)
    assert case.subject == "psp:sandbox"
    assert "3 differences" in case.detail


def test_one_case_says_what_differs_today(house: House) -> None:
    first, second = house.bench.top_up("50"), house.bench.top_up("30", 2)
    house.provider.bills(BillKind.PAYMENT, first.id, yuan("49"))
    house.run()
    case = house.bench.case(CaseKind.DIFFERENCE)
    assert first.id in case.detail
    house.provider.lines.clear()
    house.provider.bills(BillKind.PAYMENT, first.id, yuan("50"))
    house.provider.bills(BillKind.PAYMENT, second.id, yuan("29"))
    house.run()
    same = house.bench.case(CaseKind.DIFFERENCE)
    assert same.id == case.id
    assert "1 difference on" in same.detail
    assert second.id in same.detail


def test_of_a_promise_the_provider_bills_what_it_took(house: House) -> None:
    promise = house.bench.order("40", 1, TopupState.PAID)
    with house.bench.database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "P1", "lin", yuan("40")), house.clock.now())
        promise = replace(promise, quote_id="quote-1", detail=TAKEN, refunded=1655)
        unit.payments.save_topup(promise)
    house.provider.bills(BillKind.PAYMENT, promise.id, yuan("23.45"), transaction="capture-7")
    assert house.found() == set()
    refund = house.bench.refund(promise, "5")  # the supplier took its record back, say
    house.bench.decide(house.bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    house.provider.bills(BillKind.REFUND, refund.id, yuan("5"))
    assert house.found() == set()
    house.provider.lines.clear()
    house.provider.bills(BillKind.PAYMENT, promise.id, yuan("24.45"), transaction="capture-7")
    house.provider.bills(BillKind.REFUND, refund.id, yuan("5"))
    assert house.found() == {f"payment_amount:{promise.id}"}
    house.provider.lines.clear()
    house.clock.advance(days=1)
    assert house.found() == {f"payment_not_theirs:{promise.id}"}


def test_a_silent_provider_is_said_and_forgets_nothing(house: House) -> None:
    topup = house.bench.top_up("50")
    house.provider.bills(BillKind.PAYMENT, topup.id, yuan("49"))
    house.run()
    house.clock.advance(hours=1)
    with house.provider.silent():
        report = house.run()
    assert not report.whole
    assert {one.what for one, _ in report.differences} == {"no_bill"}
    house.clock.advance(hours=1)
    [(_, first)] = [one for one in house.run().differences if one[0].what == "payment_amount"]
    assert first == NOW


def test_silence_alone_calls_nobody_for_three_days(house: House) -> None:
    with house.provider.silent():
        assert not house.run().alarming
        assert house.bench.cases.listed() == []
        house.clock.advance(days=1)
        assert not house.run().alarming
    house.clock.advance(days=3)
    with house.provider.silent():
        assert house.run().alarming
    assert house.bench.case(CaseKind.DIFFERENCE).subject == "psp:sandbox"


def test_a_day_of_nothing_agrees(house: House) -> None:
    report = house.run()
    assert (report.compared, report.differences, report.alarming) == (0, [], False)
    assert house.bench.cases.listed() == []


def test_a_breach_of_the_books_is_a_difference(house: House) -> None:
    with house.bench.database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "P9", "lin", yuan("5")), NOW)
    report = house.reconciliation.run("books")
    assert [one.what for one, _ in report.differences] == ["I8"]
    house.bench.order("5", 9, TopupState.PAID)
    assert house.reconciliation.run("books").differences == []


def test_everybody_is_compared_each_in_its_own_try(house: House) -> None:
    house.clock.time = NOW
    house.paid_unheard()
    assert house.reconciliation.scopes() == ["psp:sandbox", "books"]
    reports = house.reconciliation.run_all(YESTERDAY)
    assert [one.run.scope for one in reports] == ["psp:sandbox", "books"]
    kept = house.reconciliation.latest()
    assert {one.scope: one.differences for one in kept} == {"psp:sandbox": 1, "books": 0}
