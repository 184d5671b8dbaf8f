"""Money in: booked once, whichever way we hear of it; what does not fit is put before a person, never booked."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import NotFound, NotReady, UserError
from core.ledger import psp
from core.money import Money
from core.payments import LOOKS_AFTER, OrderReport, OrderState, TopupState
from core.ports import CaseKind
from core.services.wallet import WalletService
from core.services.wallet.till import KeyUsed
from tests.core.services.wallet.conftest import House, wallet_of, yuan


def test_an_order_says_how_to_pay_and_a_payment_is_in_the_wallet(house: House) -> None:
    order, request = house.wallet.topup(house.lin, yuan(50), "sandbox", "k")
    assert order.state is TopupState.PENDING
    assert order.id.isalnum()
    assert len(order.id) <= 32
    assert request.kind == "page"
    assert house.money() is None
    house.notice(house.sandbox.pays(order.id))
    assert house.money() == wallet_of(50)
    assert house.topup(order.id).state is TopupState.PAID
    assert house.said() == ["topup_paid"]
    with house.database.read() as unit:
        assert unit.ledger.balance(psp("sandbox", "CNY")) == yuan(-50)


def test_told_twice_asked_and_told_again_it_is_booked_once(house: House) -> None:
    order = house.order(50)
    paid = house.sandbox.pays(order.id)
    house.notice(paid)
    house.notice(paid)
    house.wallet.look_at_topup(order.id)
    assert house.wallet.check_topup(house.lin, order.id).state is TopupState.PAID
    assert house.money() == wallet_of(50)
    assert house.said() == ["topup_paid"]


def test_told_by_many_at_once_it_is_booked_once(house: House) -> None:
    order = house.order(50)
    paid = house.sandbox.pays(order.id)
    start = threading.Barrier(4)

    def tell() -> None:
        start.wait()
        house.notice(paid)

    tellers = [threading.Thread(target=tell) for _ in range(4)]
    for one in tellers:
        one.start()
    for one in tellers:
        one.join()
    assert house.money() == wallet_of(50)


def test_a_notice_that_never_comes_is_found_by_asking(house: House) -> None:
    order = house.order(50)
    house.sandbox.pays(order.id)
    assert house.wallet.due()[0] == []
    house.clock.advance(seconds=30)
    assert house.wallet.due()[0] == [order.id]
    house.wallet.look_at_topup(order.id)
    assert house.money() == wallet_of(50)
    assert house.wallet.due()[0] == []


def test_an_order_is_asked_for_four_times_and_then_closed(house: House) -> None:
    order = house.order(50)
    made_at, looked_after = house.clock.now(), []
    for _ in range(5):
        assert house.topup(order.id).state is TopupState.PENDING
        at = house.topup(order.id).next_look_at
        assert at is not None
        looked_after.append(at - made_at)
        house.clock.time = at
        house.wallet.look_at_topup(order.id)
    assert looked_after == [*LOOKS_AFTER, timedelta(hours=2)]
    assert house.topup(order.id).state is TopupState.CLOSED
    assert house.topup(order.id).next_look_at is None
    assert house.sandbox.orders[order.id].state is OrderState.CLOSED
    assert house.sandbox.asked.count("order") == 6  # once more after the closing


def test_money_for_an_order_that_we_closed_is_booked_all_the_same(house: House) -> None:
    order = house.order(50)
    late = replace(house.sandbox.orders[order.id], state=OrderState.PAID, transaction="late")
    house.clock.advance(hours=3)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.CLOSED
    house.notice(late)
    assert house.money() == wallet_of(50)
    assert house.topup(order.id).state is TopupState.PAID


def test_paid_between_our_question_and_our_closing(house: House) -> None:
    order = house.order(50)
    close = house.sandbox.close

    def paid_first(topup):
        house.sandbox.pays(topup.id)
        close(topup)

    house.sandbox.close = paid_first
    house.clock.advance(hours=3)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.PAID
    assert house.money() == wallet_of(50)


@pytest.mark.parametrize("amount", [Money(4999, "CNY"), Money(5001, "CNY"), Money(5000, "EUR"), None])
def test_another_amount_or_currency_is_parked(house: House, amount: Money | None) -> None:
    order = house.order(50)
    paid = replace(house.sandbox.pays(order.id), amount=amount)
    house.notice(paid)
    parked = house.topup(order.id)
    assert parked.state is TopupState.PARKED
    assert parked.psp_transaction == paid.transaction
    assert house.wallet.wallets(house.lin) == []
    [case] = house.cases(CaseKind.TOPUP)
    assert (case.subject, case.user_id) == (order.id, house.lin)
    assert case.detail.startswith("sandbox: paid")
    # Neither a repetition nor a better word later books it: a person has it in hand.
    house.notice(paid)
    house.notice(replace(paid, amount=yuan(50)))
    assert house.wallet.wallets(house.lin) == []
    assert len(house.cases(CaseKind.TOPUP)) == 1
    with pytest.raises(UserError, match="payment_in_review"):
        house.wallet.topup(house.lin, yuan(50), "sandbox", "key-1")


def test_a_payment_for_an_order_that_is_not_ours_is_kept(house: House) -> None:
    stray = OrderReport("T-nobody", OrderState.PAID, "tx", yuan(50))
    house.notice(stray)
    house.notice(stray)
    [case] = house.cases(CaseKind.TOPUP)
    assert case.subject == "sandbox:T-nobody"
    assert "tx" in case.detail
    assert "50.00 CNY" in case.detail
    assert house.wallet.wallets(house.lin) == []


def test_another_provider_cannot_pay_our_order(house: House) -> None:
    order = house.order(50)
    house.wallet.paid("card", replace(house.sandbox.pays(order.id)))
    assert house.money() is None
    assert house.topup(order.id).state is TopupState.PENDING
    assert [one.subject for one in house.cases(CaseKind.TOPUP)] == [f"card:{order.id}"]


def test_paid_twice_by_two_transactions_is_booked_once_and_looked_at(house: House) -> None:
    order = house.order(50)
    paid = house.sandbox.pays(order.id)
    house.notice(paid)
    house.notice(replace(paid, transaction="another"))
    assert house.money() == wallet_of(50)
    assert house.topup(order.id).psp_transaction == paid.transaction
    [case] = house.cases(CaseKind.TOPUP)
    assert "second time" in case.detail


def test_one_transaction_does_not_pay_two_orders(house: House) -> None:
    first, second = house.order(50), house.order(50, house.wei)
    house.notice(house.sandbox.pays(first.id, transaction="tx"))
    house.notice(house.sandbox.pays(second.id, transaction="tx"))
    assert house.money() == wallet_of(50)
    assert house.money(house.wei) is None
    assert house.topup(second.id).state is TopupState.PARKED


def test_a_repetition_with_another_amount_is_looked_at(house: House) -> None:
    order = house.order(50)
    paid = house.sandbox.pays(order.id)
    house.notice(paid)
    house.notice(replace(paid, amount=yuan(5)))
    assert house.money() == wallet_of(50)
    assert [one.subject for one in house.cases(CaseKind.TOPUP)] == [order.id]


def test_unpaid_and_closed_orders_book_nothing(house: House) -> None:
    order = house.order(50)
    for state in (OrderState.UNPAID, OrderState.CLOSED, OrderState.UNKNOWN):
        house.notice(OrderReport(order.id, state, "tx", yuan(50)))
    assert house.money() is None
    assert house.topup(order.id).state is TopupState.PENDING


def test_the_same_key_is_the_same_order(house: House) -> None:
    first, _ = house.wallet.topup(house.lin, yuan(50), "sandbox", "k")
    again, request = house.wallet.topup(house.lin, yuan(50), "sandbox", "k")
    assert again == first
    assert request.kind == "page"
    for amount, channel in ((yuan(51), "sandbox"), (yuan(50), "card")):
        with pytest.raises(KeyUsed):
            house.wallet.topup(house.lin, amount, channel, "k")
    house.notice(house.sandbox.pays(first.id))
    with pytest.raises(UserError, match="already_paid"):
        house.wallet.topup(house.lin, yuan(50), "sandbox", "k")
    assert house.money() == wallet_of(50)


@pytest.mark.parametrize(
    ("amount", "good"),
    [
        (Money(99, "CNY"), False),
        (Money(100, "CNY"), True),
        (Money(200_000, "CNY"), True),
        (Money(200_001, "CNY"), False),
        (Money(99, "JPY"), False),
        (Money(100, "JPY"), True),
        (Money(50_001, "JPY"), False),
        (Money(30_000, "EUR"), True),
        (Money(30_001, "EUR"), False),
        (Money(0, "EUR"), False),
        (Money(-5000, "CNY"), False),
    ],
)
def test_the_limits_of_one_topup(house: House, amount: Money, good: bool) -> None:
    if good:
        assert house.wallet.topup(house.lin, amount, "sandbox", "k")[0].amount == amount
        return
    with pytest.raises(UserError, match="bad_topup_amount"):
        house.wallet.topup(house.lin, amount, "sandbox", "k")
    assert house.sandbox.orders == {}


def test_ways_to_pay(house: House) -> None:
    assert house.wallet.channels() == ["sandbox", "card"]
    assert house.wallet.channels("JPY") == ["sandbox"]
    with pytest.raises(UserError, match="no_such_way_to_pay"):
        house.wallet.topup(house.lin, yuan(50), "cash", "k")
    with pytest.raises(UserError, match="currency_not_taken"):
        house.wallet.topup(house.lin, Money(5000, "JPY"), "card", "k")


def test_a_silent_provider_loses_nothing(house: House) -> None:
    with house.sandbox.silent():
        with pytest.raises(NotReady):
            house.wallet.topup(house.lin, yuan(50), "sandbox", "k")
        [order] = house.wallet.topups(house.lin)
        house.clock.advance(hours=3)
        house.wallet.look_at_topup(order.id)
        later = house.topup(order.id)
        assert later.state is TopupState.CREATED  # not closed: it may be paid for all we know
        assert later.next_look_at == house.clock.now() + timedelta(minutes=10)
    house.clock.advance(minutes=10)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.CLOSED


def test_a_provider_that_is_no_longer_set_up_is_waited_for(house: House) -> None:
    order = house.order(50)
    house.sandbox.pays(order.id)
    without = WalletService(house.database, house.clock, {}, house.outbox.ring)
    house.clock.advance(seconds=30)
    without.look_at_topup(order.id)
    house.clock.advance(minutes=10)
    house.wallet.look_at_topup(order.id)
    assert house.money() == wallet_of(50)


def test_whose_order_it_is(house: House) -> None:
    order = house.order(50)
    with pytest.raises(NotFound):
        house.wallet.check_topup(house.wei, order.id)
    with pytest.raises(NotFound):
        house.wallet.check_topup(house.lin, "T-nobody")
    assert house.wallet.look_at_topup("T-nobody") is None


def test_a_channel_asks_before_it_takes_the_money(house: House) -> None:
    order, lin = house.order(50), house.lin
    assert house.wallet.may_be_paid("sandbox", order.id, yuan(50), lin).id == order.id
    for channel, topup_id, amount, who in (
        ("card", order.id, yuan(50), lin),
        ("sandbox", "T-nobody", yuan(50), lin),
        ("sandbox", order.id, yuan(5), lin),
        ("sandbox", order.id, Money(5000, "EUR"), lin),
        ("sandbox", order.id, yuan(50), house.wei),
    ):
        with pytest.raises(NotFound):
            house.wallet.may_be_paid(channel, topup_id, amount, who)
    house.clock.advance(hours=2)
    with pytest.raises(UserError, match="topup_closed"):
        house.wallet.may_be_paid("sandbox", order.id, yuan(50), lin)
    house.notice(house.sandbox.pays(order.id))
    with pytest.raises(UserError, match="already_paid"):
        house.wallet.may_be_paid("sandbox", order.id, yuan(50), lin)


def test_money_of_an_account_that_was_joined_goes_to_the_person(house: House) -> None:
    order = house.order(50, house.wei)
    with house.database.write() as unit:
        unit.people.merge(house.wei, house.lin, house.clock.now())
    house.notice(house.sandbox.pays(order.id))
    assert house.money() == wallet_of(50)
    with house.database.read() as unit:
        [lins] = unit.ledger.wallets([house.lin])
    assert lins == wallet_of(50)
    assert [one.id for one in house.wallet.topups(house.lin)] == [order.id]
