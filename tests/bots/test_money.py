"""Words about money: amounts as they are typed and shown, who pays how, what a line and a refund say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bots import money
from bots.wording import wording
from core.errors import UserError
from core.ledger import Cause
from core.money import Money
from core.payments import Refund, RefundState, topup_limits
from core.ports import Wallet
from core.services.wallet import StatementLine
from core.session import SessionState
from core.user import Channel, Identity
from tests.world import NOW

EN, ZH = wording("en"), wording("zh-CN")
KNOWN = ["CNY", "EUR", "JPY", "KWD"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("50", Money(5000, "CNY")), ("¥50", Money(5000, "CNY")),
     ("￥５０", Money(5000, "CNY")), ("50元", Money(5000, "CNY")),
     (" 20.5 ", Money(2050, "CNY")), ("20,50 eur", Money(2050, "EUR")), ("500 JPY", Money(500, "JPY")),
     ("500.0 JPY", Money(500, "JPY")), ("1.234 KWD", Money(1234, "KWD")), ("0.01", Money(1, "CNY"))],
)  # fmt: skip
def test_typed_amounts(text: str, amount: Money) -> None:
    assert money.amount_in(text, KNOWN) == amount


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-5", "+5", "1e3", "0x10", "50.123", "0.5 JPY", "50 USD", "12345678", "1.2.3", "٥٠x", "5 0", "∞"],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(UserError, match="bad_amount"):
        money.amount_in(text, KNOWN)
    with pytest.raises(UserError, match="bad_amount"):
        money.amount_in("50", [])


@pytest.mark.parametrize("currency", ["CNY", "HKD", "JPY", "KRW", "EUR", "USD", "GBP"])
def test_every_amount_to_choose_can_be_paid_in(currency: str) -> None:
    least, most = topup_limits(currency)
    assert len(money.chips(currency)) == 3
    assert all(least <= one <= most for one in money.chips(currency))


def test_amounts_are_shown_as_their_currency_has_them() -> None:
    assert money.signed(EN, Money(-1234, "CNY")) == "−¥12.34"
    assert money.signed(EN, Money(1234, "EUR")) == "+€12.34"
    assert money.signed(ZH, Money(1234, "JPY")).endswith("1,234")
    assert money.signed(EN, Money(0, "CNY")) == "¥0.00"
    assert money.per_kwh(EN, Decimal("1.5"), "CNY") == "¥1.50/kWh"
    assert money.per_kwh(EN, Decimal("0.4925"), "EUR") == "€0.4925/kWh"
    assert money.per_kwh(ZH, Decimal("0.64"), "CNY") == "¥0.64/度"


def test_each_currency_has_its_own_lines() -> None:
    def pots(currency: str, *minor: int) -> Wallet:
        return Wallet(*(Money(one, currency) for one in minor))

    lines = money.balance(EN, [pots("CNY", 100, 200, 300), pots("JPY", 500, 0, 0)])
    assert lines == ["💰 ¥1.00 free", "🔒 ¥2.00 held for a charge", "↩️ ¥3.00 on its way back to you", "💰 ¥500 free"]


def test_who_pays_is_named_only_where_it_matters() -> None:
    people = [Identity(Channel.TELEGRAM, "815"), Identity(Channel.WECHAT, "oL"), Identity(Channel.MINIPROGRAM, "oM")]
    assert money.payer(people, "sandbox", Channel.WECHAT) == ""
    assert money.payer(people, "wechatpay", Channel.WECHAT) == "oL"
    assert money.payer(people, "wechatpay", Channel.TELEGRAM) == "oL"
    assert money.payer(people, "wechatpay", Channel.MINIPROGRAM) == "miniprogram:oM"
    assert money.payer(people[:1], "wechatpay", Channel.WECHAT) == ""
    assert money.payer(people[:1], "wechatpay", Channel.MINIPROGRAM) == ""


def refund(state: RefundState, **changed: object) -> Refund:
    one = Refund("R1", "Q1", "lin", "T1", "wechatpay", Money(2000, "CNY"), state, NOW, NOW + timedelta(days=5))
    return replace(one, **changed)  # type: ignore[arg-type]  # its own fields


def test_each_step_of_a_refund_is_said() -> None:
    hour = timedelta(hours=1)
    sent = refund(RefundState.SENT, sent_at=NOW + hour)
    assert money.steps(refund(RefundState.ASKED)) == [(RefundState.ASKED, NOW)]
    assert money.steps(sent)[-1] == (RefundState.SENT, NOW + hour)
    assert (
        money.refund_line(ZH, sent, "Asia/Shanghai")
        == "¥20.00 · 已提交微信支付 2026-11-23 13:00 · 最迟 2026-11-28 到账"
    )
    by_hand = refund(RefundState.BY_HAND, sent_at=NOW)
    assert "by hand" in money.refund_line(EN, by_hand, "UTC")
    for state in (RefundState.DONE, RefundState.REFUSED):
        over = refund(state, sent_at=NOW, done_at=NOW + hour)
        assert [one for one, _ in money.steps(over)] == [RefundState.ASKED, RefundState.SENT, state]
        assert "due by" not in money.refund_line(EN, over, "UTC")
        assert "UTC" in money.refund_line(EN, over, "UTC")


def line(cause: Cause, available: int = 0, held: int = 0, refunding: int = 0, **more: object) -> StatementLine:
    pots = (Money(one, "CNY") for one in (available, held, refunding))
    return StatementLine(1, NOW, cause, *pots, **more)  # type: ignore[arg-type]  # its own fields


def test_a_line_shows_what_it_did_to_the_free_money_first() -> None:
    assert money.change(line(Cause.HOLD, -38, 38)).amount_minor == -38
    assert money.change(line(Cause.CAPTURE, 0, -14)).amount_minor == -14
    assert money.change(line(Cause.REFUNDED, 0, 0, -20)).amount_minor == -20


def test_hostile_words_stay_on_their_line() -> None:
    nasty = "A\u202eB\nC\x00" + "x" * 5000
    text = money.detail(EN, line(Cause.HOLD, -1, 1, session_id="S1", station_name=nasty, operator_name=nasty,
                                 gun_label=nasty, tariff_id="0123456789", price_per_kwh=Decimal("1.5")))  # fmt: skip
    assert text.isprintable()
    assert len(text) < 300
    assert text.endswith("¥1.50/kWh · price version 01234567 · reference S1")


@pytest.mark.parametrize("label", ["07号枪", "Gun 7", ""])
def test_a_gun_is_not_called_gun_twice(label: str) -> None:
    assert money.gun(ZH, label) == label
    assert money.gun(EN, "07") == "Gun 07"


def test_every_state_and_cause_has_its_words() -> None:
    assert set(money.STATES) == set(SessionState)
    assert set(money.REFUND_STATES) == set(RefundState)
    # The rest never touches a driver's pots.
    assert set(Cause) - set(money.CAUSES) == {Cause.PSP_SETTLEMENT, Cause.SUPPLIER_PAID}
