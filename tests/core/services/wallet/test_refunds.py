"""Money back: the way it came and no further, each step booked, told and sure to end."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import UserError
from core.ledger import Cause, Transfer, available, held, held_for, merged, posting, psp
from core.money import Money
from core.outbox import Fate, MessageClass, OutboxRow, OutboxState
from core.payments import REFUND_DUE_WITHIN, RefundReport, RefundState
from core.ports import CaseKind
from core.services.wallet.till import KeyUsed
from tests.core.services.wallet.conftest import House, wallet_of, yuan


def test_all_goes_back_and_both_books_agree(house: House) -> None:
    topup = house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    assert refund.state is RefundState.ASKED
    assert refund.amount == yuan(50)
    assert refund.due_at == house.clock.now() + REFUND_DUE_WITHIN
    assert house.money() == wallet_of(0, refunding=50)
    house.works_off()
    done = house.refund(refund.id)
    assert (done.state, done.psp_refund, done.done_at) == (RefundState.DONE, f"back-{refund.id}", house.clock.now())
    assert house.money() == wallet_of(0)
    assert house.topup(topup.id).refunded == 5000
    assert house.sandbox.kept == yuan(0)
    with house.database.read() as unit:
        assert unit.ledger.balance(psp("sandbox", "CNY")) == yuan(0)
    assert house.said() == ["topup_paid", "refund_done"]


def test_newest_first_each_back_where_it_came_from(house: House) -> None:
    old, card, new = house.tops_up(50), house.tops_up(30, provider=house.card), house.tops_up(20)
    refunds = house.wallet.refund(house.lin, yuan(65), "k")
    assert [(one.topup_id, one.channel, one.amount) for one in refunds] == [
        (new.id, "sandbox", yuan(20)),
        (card.id, "card", yuan(30)),
        (old.id, "sandbox", yuan(15)),
    ]
    house.works_off()
    assert house.money() == wallet_of(35)
    assert house.sandbox.kept == yuan(35)
    assert house.card.kept == yuan(0)
    # What is left of the oldest goes back by the next wish, and no more.
    house.clock.advance(minutes=1)
    [rest] = house.wallet.refund(house.lin, None, "k2")
    assert (rest.topup_id, rest.amount) == (old.id, yuan(35))
    assert house.wallet.refunds(house.lin)[0].id == rest.id


def test_what_was_spent_does_not_go_back(house: House) -> None:
    house.tops_up(50)
    with house.database.write() as unit:
        unit.ledger.post(held_for("s1", house.lin, yuan(20)), house.clock.now())
        assert house.wallet.refundable(house.lin) == [yuan(50)]  # another transaction does not see it yet
    try:
        assert house.wallet.refundable(house.lin) == [yuan(30)]
        with pytest.raises(UserError, match="refund_too_much") as problem:
            house.wallet.refund(house.lin, Money(3001, "CNY"), "k")
        assert problem.value.params == {"most": yuan(30)}
        [refund] = house.wallet.refund(house.lin, None, "k")
        assert refund.amount == yuan(30)
        assert house.money() == wallet_of(0, held=20, refunding=30)
    finally:
        _let_go(house)


def _let_go(house: House) -> None:
    """A hold without its session is no state the books allow."""
    with house.database.write() as unit:
        back = Transfer("rel:s1", held(house.lin, "CNY"), available(house.lin, "CNY"), yuan(20), Cause.RELEASE)
        unit.ledger.post(posting("rel:s1", back), house.clock.now())


@pytest.mark.parametrize("amount", [None, yuan(0), yuan(-5)])
def test_nothing_to_refund(house: House, amount: Money | None) -> None:
    with pytest.raises(UserError, match="nothing_to_refund"):
        house.wallet.refund(house.wei, amount, "k")
    assert house.wallet.refundable(house.wei) == []


def test_another_currency_is_another_wallet(house: House) -> None:
    house.tops_up(50)
    with pytest.raises(UserError, match="refund_too_much"):
        house.wallet.refund(house.lin, Money(100, "EUR"), "k")


def test_the_same_wish_twice_is_one(house: House) -> None:
    house.tops_up(50)
    first = house.wallet.refund(house.lin, yuan(20), "k")
    assert house.wallet.refund(house.lin, yuan(20), "k") == first
    with pytest.raises(KeyUsed):
        house.wallet.refund(house.lin, yuan(21), "k")
    with pytest.raises(KeyUsed):
        house.wallet.refund(house.lin, Money(2000, "EUR"), "k")
    assert house.money() == wallet_of(30, refunding=20)
    # The key is Lin's; Wei's own wish under it is another.
    house.tops_up(20, house.wei)
    assert len(house.wallet.refund(house.wei, yuan(20), "k")) == 1


def test_two_wishes_at_once_take_nothing_twice(house: House) -> None:
    house.tops_up(50)
    start, got = threading.Barrier(4), []

    def wish(number: int) -> None:
        start.wait()
        try:
            got.extend(house.wallet.refund(house.lin, yuan(20), f"k{number}"))
        except UserError as refused:
            got.append(refused.code)

    wishes = [threading.Thread(target=wish, args=(number % 3,)) for number in range(4)]
    for one in wishes:
        one.start()
    for one in wishes:
        one.join()
    assert len({one.id for one in got if not isinstance(one, str)}) == 2
    assert house.money() == wallet_of(10, refunding=40)


def test_a_provider_that_takes_its_time(house: House) -> None:
    house.tops_up(50)
    house.sandbox.refunds_become = RefundState.SENT
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.works_off()
    sent = house.refund(refund.id)
    assert (sent.state, sent.sent_at) == (RefundState.SENT, house.clock.now())
    assert house.money() == wallet_of(0, refunding=50)
    asked_after = []
    for _ in range(5):
        at = house.refund(refund.id).next_look_at
        assert at is not None
        asked_after.append(at - house.clock.now())
        house.clock.time = at
        assert house.wallet.due()[1] == [refund.id]
        house.wallet.look_at_refund(refund.id)
    hours = timedelta(hours=1)
    minute = timedelta(minutes=1)
    assert asked_after == [minute, minute, 10 * minute, hours, 6 * hours]
    house.sandbox.settles(refund)
    house.wallet.look_at_refund(refund.id)
    assert house.refund(refund.id).state is RefundState.DONE
    assert house.money() == wallet_of(0)
    assert house.said() == ["topup_paid", "refund_sent", "refund_done"]


def test_late_beyond_the_day_we_named_somebody_looks(house: House) -> None:
    house.tops_up(50)
    house.sandbox.refunds_become = RefundState.SENT
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.works_off()
    house.clock.advance(days=5)
    house.wallet.look_at_refund(refund.id)
    house.wallet.look_at_refund(refund.id)
    assert [one.subject for one in house.cases(CaseKind.REFUND)] == [refund.id]


def test_a_refused_refund_is_in_the_wallet_again_and_somebody_looks(house: House) -> None:
    topup = house.tops_up(50)
    house.sandbox.refunds_become = RefundState.REFUSED
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.works_off()
    assert house.refund(refund.id).state is RefundState.REFUSED
    assert house.money() == wallet_of(50)
    assert house.topup(topup.id).refunded == 0
    [case] = house.cases(CaseKind.REFUND)
    assert (case.subject, case.user_id) == (refund.id, house.lin)
    assert house.said() == ["topup_paid", "refund_refused"]
    # The provider changes its mind: only one outcome can be booked, so one of us decides.
    house.wallet.reported("sandbox", RefundReport(refund.id, RefundState.DONE))
    assert house.money() == wallet_of(50)
    assert house.refund(refund.id).state is RefundState.REFUSED
    # And it can be asked for again.
    house.sandbox.refunds_become = RefundState.DONE
    house.wallet.refund(house.lin, None, "k2")
    house.works_off()
    assert house.money() == wallet_of(0)


def test_done_and_then_refused_is_put_before_a_person(house: House) -> None:
    house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.works_off()
    house.wallet.reported("sandbox", RefundReport(refund.id, RefundState.REFUSED, detail="the card is closed"))
    assert house.money() == wallet_of(0)
    [case] = house.cases(CaseKind.REFUND)
    assert "the card is closed" in case.detail


def test_by_hand_where_the_channel_has_no_interface(house: House) -> None:
    house.tops_up(50)
    house.sandbox.refunds_become = RefundState.BY_HAND
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.works_off()
    waiting = house.refund(refund.id)
    assert (waiting.state, waiting.next_look_at) == (RefundState.BY_HAND, None)
    assert [one.subject for one in house.cases(CaseKind.REFUND)] == [refund.id]
    assert house.money() == wallet_of(0, refunding=50)
    house.wallet.look_at_refund(refund.id)
    house.wallet.reported("sandbox", RefundReport(refund.id, RefundState.DONE, psp_refund="by Mei"))
    assert house.refund(refund.id).psp_refund == "by Mei"
    assert house.money() == wallet_of(0)
    assert house.said() == ["topup_paid", "refund_by_hand", "refund_done"]


def test_a_silent_provider_is_tried_again_and_then_asked(house: House) -> None:
    house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    with house.sandbox.silent():
        for _ in range(8):
            house.works_off()
            house.clock.advance(minutes=15)
    with house.database.read() as unit:
        [dead] = [one for one in unit.outbox.in_states([OutboxState.DEAD], 9) if one.kind == "refund"]
    assert dead.subject == refund.id
    assert house.refund(refund.id).state is RefundState.ASKED
    assert house.wallet.due()[1] == [refund.id]
    with house.sandbox.silent():
        house.wallet.look_at_refund(refund.id)
    assert house.wallet.due()[1] == []
    house.clock.advance(minutes=10)
    house.wallet.look_at_refund(refund.id)  # it never heard of it, so it is ordered again
    assert house.refund(refund.id).state is RefundState.DONE
    assert house.sandbox.kept == yuan(0)


def test_the_order_is_sent_again_after_a_crash_without_harm(house: House) -> None:
    house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    row = OutboxRow(
        1, "", MessageClass.COMMAND, "refund", refund.id, "", "", "{}", OutboxState.SENDING, 1,
        house.clock.now(), house.clock.now(), None,
    )  # fmt: skip
    assert house.wallet.send_refund(row).fate is Fate.SENT
    assert house.wallet.send_refund(row).fate is Fate.SENT
    assert house.sandbox.asked.count("refund") == 1
    assert house.money() == wallet_of(0)
    assert house.sandbox.kept == yuan(0)


def test_a_report_of_another_amount_or_an_unknown_refund_books_nothing(house: House) -> None:
    house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.wallet.reported("sandbox", RefundReport(refund.id, RefundState.DONE, amount=yuan(5)))
    house.wallet.reported("card", RefundReport(refund.id, RefundState.DONE))
    house.wallet.reported("sandbox", RefundReport("R-nobody", RefundState.DONE, amount=yuan(50)))
    assert house.money() == wallet_of(0, refunding=50)
    assert {one.subject for one in house.cases(CaseKind.REFUND)} == {
        refund.id,
        f"card:{refund.id}",
        "sandbox:R-nobody",
    }


def test_money_of_a_joined_account_goes_back_the_way_it_came(house: House) -> None:
    topup = house.tops_up(50, house.wei)
    with house.database.write() as unit:
        unit.people.merge(house.wei, house.lin, house.clock.now())
        unit.ledger.post(merged("m1", house.wei, house.lin, [yuan(50)]), house.clock.now())
    [refund] = house.wallet.refund(house.lin, None, "k")
    assert (refund.topup_id, refund.user_id) == (topup.id, house.lin)
    house.works_off()
    assert house.money() == wallet_of(0)
    assert house.sandbox.kept == yuan(0)


def test_a_report_that_says_nothing_new_changes_nothing(house: House) -> None:
    house.tops_up(50)
    [refund] = house.wallet.refund(house.lin, None, "k")
    house.wallet.reported("sandbox", RefundReport(refund.id, RefundState.ASKED))
    assert house.refund(refund.id) == replace(refund, state=RefundState.ASKED)
