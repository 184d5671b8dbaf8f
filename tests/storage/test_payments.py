"""Orders to payment providers are stored once, found when they are due, and locked while they change."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from core.money import Money
from core.payments import Refund, RefundState, Topup, TopupState
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes

LIN, WEI = "lin", "wei"


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def topup(id_: str = "T1", **more: object) -> Topup:
    plain = {
        "id": id_,
        "user_id": LIN,
        "client_key": f"key {id_}",
        "channel": "sandbox",
        "amount": yuan(50),
        "state": TopupState.CREATED,
        "created_at": NOON,
        "expires_at": NOON + timedelta(hours=2),
    }
    return Topup(**plain | more)  # type: ignore[arg-type]  # a dict of samples


def paid(id_: str, at: int, **more: object) -> Topup:
    state = {"state": TopupState.PAID, "psp_transaction": f"tx {id_}", "paid_at": NOON + minutes(at)}
    return topup(id_, **state | more)


def refund(id_: str = "R1", **more: object) -> Refund:
    plain = {
        "id": id_,
        "request_id": "wish",
        "user_id": LIN,
        "topup_id": "T1",
        "channel": "sandbox",
        "amount": yuan(20),
        "state": RefundState.ASKED,
        "asked_at": NOON,
        "due_at": NOON + timedelta(days=5),
    }
    return Refund(**plain | more)  # type: ignore[arg-type]  # a dict of samples


def test_a_topup_comes_back_as_it_was(database: SqlDatabase) -> None:
    one = paid("T1", 3, quote_id="q1", refunded=700, looks=2, next_look_at=NOON, detail="…")
    with database.write() as unit:
        assert unit.payments.add_topup(one) == one
    with database.read() as unit:
        assert unit.payments.topup("T1") == one
        assert unit.payments.topup("T2") is None
        assert unit.payments.by_transaction("sandbox", "tx T1") == one
        assert unit.payments.by_transaction("wechatpay", "tx T1") is None
        assert unit.payments.of_quote("q1") == one
        assert unit.payments.of_quote("") is None


def test_the_same_key_of_the_same_person_is_the_same_topup(database: SqlDatabase) -> None:
    with database.write() as unit:
        first = unit.payments.add_topup(topup("T1", client_key="k"))
        assert unit.payments.add_topup(topup("T2", client_key="k", amount=yuan(80))) == first
        assert unit.payments.add_topup(topup("T3", client_key="k", user_id=WEI)).id == "T3"
    with database.read() as unit:
        assert [one.id for one in unit.payments.topups_of([LIN, WEI])] == ["T3", "T1"]


def test_two_taps_at_once_make_one_topup(database: SqlDatabase) -> None:
    start, ids = threading.Barrier(2), []

    def tap(number: int) -> None:
        start.wait()
        with database.write() as unit:
            ids.append(unit.payments.add_topup(topup(f"T{number}", client_key="k")).id)

    taps = [threading.Thread(target=tap, args=(number,)) for number in (1, 2)]
    for one in taps:
        one.start()
    for one in taps:
        one.join()
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_saving_changes_what_may_change_only(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.payments.add_topup(topup())
        unit.payments.save_topup(replace(paid("T1", 1), user_id=WEI, amount=yuan(99), client_key="other"))
    with database.read() as unit:
        assert unit.payments.topup("T1") == replace(paid("T1", 1), client_key="key T1")
    with pytest.raises(LookupError), database.write() as unit:
        unit.payments.save_topup(topup("never stored"))


def test_one_transaction_pays_one_order(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.payments.add_topup(paid("T1", 1))
        unit.payments.add_topup(topup("T2"))
        unit.payments.add_topup(topup("T3"))  # two unpaid ones have no transaction in common
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.payments.save_topup(paid("T2", 2, psp_transaction="tx T1"))


def test_no_more_is_refunded_than_was_paid(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.payments.add_topup(paid("T1", 1))
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.payments.save_topup(paid("T1", 1, refunded=5001))


def test_refundable_are_paid_ones_with_something_left_newest_first(database: SqlDatabase) -> None:
    with database.write() as unit:
        for one in (
            paid("T1", 1),
            paid("T2", 3, refunded=4999),
            paid("T3", 2, refunded=5000),
            topup("T4"),
            paid("T5", 5, quote_id="promised"),
            paid("T8", 4, quote_id="promised and taken", detail="taken"),
            paid("T6", 2, user_id=WEI),
            paid("T7", 9, user_id="chen"),
        ):
            unit.payments.add_topup(one)
        assert [one.id for one in unit.payments.refundable([LIN, WEI])] == ["T8", "T2", "T6", "T1"]
        assert unit.payments.refundable([]) == []


def test_refunds_come_back_as_they_were_and_by_their_wish(database: SqlDatabase) -> None:
    first = refund("R1", sent_at=NOON, psp_refund="p", looks=1, next_look_at=NOON, detail="…")
    second = refund("R2", asked_at=NOON + minutes(1), request_id="another")
    with database.write() as unit:
        unit.payments.add_topup(topup("T1"))
        unit.payments.add_refund(first)
        unit.payments.add_refund(second)
    with database.write() as unit:
        assert unit.payments.refund("R1") == first
        assert unit.payments.refunds_asked("wish") == [first]
        assert unit.payments.refunds_of([LIN]) == [second, first]
        unit.payments.save_refund(replace(first, state=RefundState.DONE, done_at=NOON, topup_id="T9"))
    with database.read() as unit:
        assert unit.payments.refund("R1") == replace(first, state=RefundState.DONE, done_at=NOON)
        assert unit.payments.refund("R3") is None


def test_the_same_refund_is_not_stored_twice(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.payments.add_topup(topup("T1"))
        unit.payments.add_refund(refund())
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.payments.add_refund(refund())


def test_what_is_due_is_found_longest_waiting_first(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.payments.add_topup(topup("T1", next_look_at=NOON + minutes(2)))
        unit.payments.add_topup(topup("T2", next_look_at=NOON + minutes(1)))
        unit.payments.add_topup(topup("T3"))
        unit.payments.add_refund(refund("R1", next_look_at=NOON))
        unit.payments.add_refund(refund("R2"))
    with database.read() as unit:
        assert unit.payments.topups_due(NOON, 9) == []
        assert unit.payments.topups_due(NOON + minutes(2), 9) == ["T2", "T1"]
        assert unit.payments.topups_due(NOON + minutes(2), 1) == ["T2"]
        assert unit.payments.refunds_due(NOON, 9) == ["R1"]


def test_a_day_of_a_channel(database: SqlDatabase) -> None:
    with database.write() as unit:
        for one in (paid("T1", 0), paid("T2", 60), paid("T3", 30, channel="wechatpay"), topup("T4")):
            unit.payments.add_topup(one)
        unit.payments.add_refund(refund("R1", state=RefundState.DONE, done_at=NOON + minutes(5)))
        unit.payments.add_refund(refund("R2"))
    with database.read() as unit:
        hour = (NOON, NOON + minutes(60))
        assert [one.id for one in unit.payments.topups_between("sandbox", *hour)] == ["T1"]
        assert [one.id for one in unit.payments.topups_between("wechatpay", *hour)] == ["T3"]
        assert [one.id for one in unit.payments.refunds_between("sandbox", *hour)] == ["R1"]
