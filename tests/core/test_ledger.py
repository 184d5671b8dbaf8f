"""Every posting of docs/money.md, transfer by transfer: who gives, who gets, how much, under which id."""

from __future__ import annotations

import pytest

from core import ledger
from core.ledger import Account, Cause, LedgerError, NotEnoughMoney, Posting, Pot, Transfer
from core.money import Money

CNY5 = Money(500, "CNY")


def lines(one: Posting) -> list[str]:
    """Each transfer as "id: debit > credit amount currency cause session"."""
    return [
        f"{t.id}: {t.debit.id} > {t.credit.id} {t.amount.amount_minor} {t.amount.currency} {t.cause} {t.session_id}"
        for t in one.transfers
    ]


POSTINGS = {
    1: (
        ledger.topped_up("wechatpay", "W42", "lin", CNY5),
        ["topup:wechatpay:W42: psp:wechatpay:CNY > user:lin:available:CNY 500 CNY topup"],
    ),
    2: (
        ledger.held_for("S1", "lin", CNY5),
        ["hold:S1: user:lin:available:CNY > user:lin:held:CNY 500 CNY hold S1"],
    ),
    3: (
        ledger.held_for("S1", "lin", CNY5, extension=2),
        ["hold:S1:2: user:lin:available:CNY > user:lin:held:CNY 500 CNY hold S1"],
    ),
    "4 and 5": (
        ledger.settled("S1", "lin", "acme", "CNY", captured=300, released=200, fee=20),
        [
            "cap:S1: user:lin:held:CNY > supplier:acme:payable:CNY 280 CNY capture S1",
            "fee:S1: user:lin:held:CNY > revenue:fee:CNY 20 CNY fee S1",
            "rel:S1: user:lin:held:CNY > user:lin:available:CNY 200 CNY release S1",
        ],
    ),
    6: (
        ledger.settled("S1", "lin", "acme", "CNY", captured=500, released=0, overrun=70),
        [
            "cap:S1: user:lin:held:CNY > supplier:acme:payable:CNY 500 CNY capture S1",
            "over:S1: loss:overrun:CNY > supplier:acme:payable:CNY 70 CNY overrun S1",
        ],
    ),
    7: (
        ledger.settled("S1", "lin", "acme", "CNY", captured=0, released=500),
        ["rel:S1: user:lin:held:CNY > user:lin:available:CNY 500 CNY release S1"],
    ),
    "9, dearer": (
        ledger.adjusted("S1", "acme:R7", "lin", "acme", "CNY", from_user=30, overrun=4),
        [
            "adj:acme:R7: user:lin:available:CNY > supplier:acme:payable:CNY 30 CNY adjustment S1",
            "adjover:acme:R7: loss:overrun:CNY > supplier:acme:payable:CNY 4 CNY overrun S1",
        ],
    ),
    "9, cheaper": (
        ledger.adjusted("S1", "acme:R7", "lin", "acme", "CNY", from_user=-30, overrun=-4),
        [
            "adj:acme:R7: supplier:acme:payable:CNY > user:lin:available:CNY 30 CNY adjustment S1",
            "adjover:acme:R7: supplier:acme:payable:CNY > loss:overrun:CNY 4 CNY overrun S1",
        ],
    ),
    10: (
        ledger.credited("S1", "acme:R8", "lin", "acme", "CNY", to_user=250, to_us=9),
        [
            "credit:acme:R8: supplier:acme:payable:CNY > user:lin:available:CNY 250 CNY credit S1",
            "creditover:acme:R8: supplier:acme:payable:CNY > loss:overrun:CNY 9 CNY credit S1",
        ],
    ),
    11: (
        ledger.refund_asked("R1", "lin", CNY5),
        ["rfb:R1: user:lin:available:CNY > user:lin:refunding:CNY 500 CNY refund"],
    ),
    "12, done": (
        ledger.refund_done("R1", "lin", "wechatpay", CNY5),
        ["rfe:R1: user:lin:refunding:CNY > psp:wechatpay:CNY 500 CNY refunded"],
    ),
    "12, refused": (
        ledger.refund_refused("R1", "lin", CNY5),
        ["rfe:R1: user:lin:refunding:CNY > user:lin:available:CNY 500 CNY refund_returned"],
    ),
    "13 and 14": (
        ledger.decided("C1", 2, ledger.ours(Pot.GOODWILL, "CNY"), ledger.available("lin", "CNY"), CNY5, "S1"),
        ["rev:C1:2: loss:goodwill:CNY > user:lin:available:CNY 500 CNY review S1"],
    ),
    15: (
        ledger.psp_settled("wechatpay", "B1", Money(994, "CNY"), Money(6, "CNY")),
        [
            "psp:wechatpay:B1: bank:CNY > psp:wechatpay:CNY 994 CNY psp_settlement",
            "psp:wechatpay:B1:fee: expense:psp_fee:CNY > psp:wechatpay:CNY 6 CNY psp_settlement",
        ],
    ),
    "15, without a fee": (
        ledger.psp_settled("wechatpay", "B1", Money(994, "CNY"), None),
        ["psp:wechatpay:B1: bank:CNY > psp:wechatpay:CNY 994 CNY psp_settlement"],
    ),
    16: (
        ledger.supplier_paid("2026-11", "acme", CNY5),
        ["pay:2026-11: supplier:acme:payable:CNY > bank:CNY 500 CNY supplier_paid"],
    ),
    17: (
        ledger.charged_back("C2", "lin", "wechatpay", from_wallet=CNY5, ours_to_bear=Money(40, "CNY")),
        [
            "cb:C2: user:lin:available:CNY > psp:wechatpay:CNY 500 CNY chargeback",
            "cb:C2:loss: loss:goodwill:CNY > psp:wechatpay:CNY 40 CNY chargeback",
        ],
    ),
    "a promise that was not needed": (
        ledger.voided("S1", "lin", "wechatpay", CNY5),
        ["void:S1: user:lin:available:CNY > psp:wechatpay:CNY 500 CNY void S1"],
    ),
    "one person": (
        ledger.merged("M1", "lin2", "lin", [CNY5, Money(0, "EUR"), Money(70, "JPY")]),
        [
            "merge:M1:CNY: user:lin2:available:CNY > user:lin:available:CNY 500 CNY merge",
            "merge:M1:JPY: user:lin2:available:JPY > user:lin:available:JPY 70 JPY merge",
        ],
    ),
}


@pytest.mark.parametrize("number", POSTINGS)
def test_a_posting_moves_exactly_this(number: object) -> None:
    made, expected = POSTINGS[number]  # type: ignore[index]  # numbers and words
    assert [line.strip() for line in lines(made)] == expected


def test_what_moves_nothing_is_no_transfer() -> None:
    assert ledger.settled("S1", "lin", "acme", "CNY", captured=0, released=0).transfers == ()
    assert ledger.adjusted("S1", "r", "lin", "acme", "CNY", from_user=0, overrun=0).transfers == ()


def test_ids_of_postings_name_their_cause() -> None:
    ids = {number: made.id for number, (made, _) in POSTINGS.items()}
    assert ids[1] == "topup:wechatpay:W42"
    assert (ids[2], ids[3]) == ("hold:S1", "hold:S1:2")
    assert ids["4 and 5"] == ids[6] == ids[7] == "settle:S1"
    assert ids["9, dearer"] == "adj:acme:R7"
    assert ids["12, done"] == ids["12, refused"] == "rfe:R1"
    assert ids["one person"] == "merge:M1"


@pytest.mark.parametrize("minor", [0, -1])
def test_a_transfer_moves_a_positive_amount(minor: int) -> None:
    with pytest.raises(LedgerError, match="positive"):
        Transfer("x", ledger.available("a", "CNY"), ledger.held("a", "CNY"), Money(minor, "CNY"), Cause.HOLD)


def test_one_minor_unit_is_enough() -> None:
    one = Transfer("x", ledger.available("a", "CNY"), ledger.held("a", "CNY"), Money(1, "CNY"), Cause.HOLD)
    assert one.amount == Money(1, "CNY")
    assert one.session_id == ""


def test_a_transfer_joins_two_accounts_of_one_currency() -> None:
    here = ledger.available("a", "CNY")
    with pytest.raises(LedgerError, match="two accounts"):
        Transfer("x", here, ledger.available("a", "CNY"), CNY5, Cause.HOLD)
    for other in (ledger.held("a", "EUR"), ledger.held("a", "CNY")):
        with pytest.raises(LedgerError, match="one currency"):
            Transfer("x", here, other, Money(5, "EUR"), Cause.HOLD)
    with pytest.raises(LedgerError, match="one currency"):
        Transfer("x", ledger.held("a", "EUR"), here, CNY5, Cause.HOLD)
    for other in ("AUD", "USD"):
        with pytest.raises(LedgerError, match="one currency"):
            Transfer("x", here, ledger.held("a", "CNY"), Money(5, other), Cause.HOLD)


def test_the_smallest_amount_is_given_back_too() -> None:
    """A cent less than settled: it goes from the supplier to the driver, not the other way."""
    one = ledger.adjusted("S1", "acme:R7", "lin", "acme", "CNY", from_user=-1, overrun=0)
    expected = "adj:acme:R7: supplier:acme:payable:CNY > user:lin:available:CNY 1 CNY adjustment S1"
    assert lines(one) == [expected]


@pytest.mark.parametrize(
    ("account", "id_", "floor"),
    [
        (Account(Pot.AVAILABLE, "lin", "CNY"), "user:lin:available:CNY", True),
        (Account(Pot.HELD, "lin", "CNY"), "user:lin:held:CNY", True),
        (Account(Pot.REFUNDING, "lin", "CNY"), "user:lin:refunding:CNY", True),
        (Account(Pot.RECEIVABLE, "lin", "CNY"), "user:lin:receivable:CNY", False),
        (Account(Pot.PAYABLE, "acme", "EUR"), "supplier:acme:payable:EUR", False),
        (Account(Pot.DISPUTED, "acme", "EUR"), "supplier:acme:disputed:EUR", False),
        (Account(Pot.SUSPENSE, "acme", "EUR"), "supplier:acme:suspense:EUR", False),
        (Account(Pot.PSP, "wechatpay", "CNY"), "psp:wechatpay:CNY", False),
        (ledger.ours(Pot.BANK, "JPY"), "bank:JPY", False),
        (ledger.ours(Pot.FEES, "JPY"), "revenue:fee:JPY", False),
        (ledger.ours(Pot.PSP_FEES, "JPY"), "expense:psp_fee:JPY", False),
        (ledger.ours(Pot.OVERRUN, "JPY"), "loss:overrun:JPY", False),
        (ledger.ours(Pot.GOODWILL, "JPY"), "loss:goodwill:JPY", False),
        (ledger.ours(Pot.ROUNDING, "JPY"), "rounding:JPY", False),
    ],
)
def test_accounts_have_readable_ids_and_people_a_floor(account: Account, id_: str, floor: bool) -> None:
    assert account.id == id_
    assert account.floor_zero is floor


def test_missing_money_is_said() -> None:
    error = NotEnoughMoney(CNY5)
    assert error.missing == CNY5
    assert (error.code, error.params, error.status) == ("not_enough_money", {"missing": CNY5}, 402)
