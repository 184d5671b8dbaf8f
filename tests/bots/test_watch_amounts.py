"""Typed amounts for watches: what can be used, and what would be a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.watch_amounts import Typed, amount_in, looks_like_amount, wish_in
from core.errors import UserError
from core.prices.watching import Rule
from core.services.watches import Wishable

YUAN, EURO = frozenset({"CNY"}), frozenset({"EUR"})
CENTS = Decimal("0.95")


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("0.95", Typed(CENTS)),
        (" 0,95 ", Typed(CENTS)),
        ("０．９５", Typed(CENTS)),
        ("０，９５", Typed(CENTS)),
        ("0。95", Typed(CENTS)),
        (".95", Typed(CENTS)),
        ("0.9500", Typed(CENTS)),
        ("0.95kWh", Typed(CENTS)),
        ("1", Typed(Decimal(1))),
        ("¥0.95", Typed(CENTS, currencies=frozenset({"CNY", "JPY"}))),
        ("￥０．９５／度", Typed(CENTS, currencies=frozenset({"CNY", "JPY"}))),
        ("0.95元", Typed(CENTS, currencies=YUAN)),
        ("0.95 元/度", Typed(CENTS, currencies=YUAN)),
        ("0.95块钱一度电", Typed(CENTS, currencies=YUAN)),
        ("RMB 0.95", Typed(CENTS, currencies=YUAN)),
        ("0.95 CNY/kWh", Typed(CENTS, currencies=YUAN)),
        ("0,45 €", Typed(Decimal("0.45"), currencies=EURO)),
        ("EUR 0.45 per kWh", Typed(Decimal("0.45"), currencies=EURO)),
        ("10 %", Typed(Decimal(10), percent=True)),
        ("１２．５％", Typed(Decimal("12.5"), percent=True)),
        ("-10%", Typed(Decimal(10), percent=True)),
        ("10 per cent", Typed(Decimal(10), percent=True)),
    ],
)
def test_an_amount_as_people_type_it(text: str, typed: Typed) -> None:
    assert amount_in(text) == typed
    assert looks_like_amount(text)


@pytest.mark.parametrize(
    "text",
    ["", "cheap", "便宜点", "-0.95", "0.95.1", "1,250", "0.12345", "1e5", "½", "1²", "¥0.95元", "0.95 abc", "9 5",
     "%", "٠.٩٥", "0.95 0.80", "12345678", "NaN"],
)  # fmt: skip
def test_what_would_be_a_guess_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="bad_watch_amount"):
        amount_in(text)


@pytest.mark.parametrize("text", ["-0.95", "0.95.1", "1,250", "¥0.95元", "9 5", "0.12345"])
def test_what_cannot_be_used_was_meant_as_an_amount_nevertheless(text: str) -> None:
    assert looks_like_amount(text)


@pytest.mark.parametrize("text", ["福田1号", "12 rue Cler", "Lotus Road 5", "cheap", "", "kw-123abc", "1 " * 20])
def test_names_of_places_are_no_amounts(text: str) -> None:
    assert not looks_like_amount(text)


@pytest.mark.parametrize(
    ("text", "rule", "currency", "wished"),
    [
        ("0.95", Rule.BELOW, "CNY", (Wishable(Rule.BELOW, CENTS), "CNY")),
        ("10 %", Rule.BELOW, "CNY", (Wishable(Rule.BELOW_USUAL, Decimal(10)), "")),
        ("15", Rule.BELOW_USUAL, "CNY", (Wishable(Rule.BELOW_USUAL, Decimal(15)), "")),
        ("¥0.95", Rule.BELOW_USUAL, "CNY", (Wishable(Rule.BELOW, CENTS), "CNY")),
        ("0.95元", Rule.BELOW_USUAL, "", (Wishable(Rule.BELOW, CENTS), "CNY")),
    ],
)
def test_the_unit_says_what_is_wished(text: str, rule: Rule, currency: str, wished: tuple[Wishable, str]) -> None:
    assert wish_in(text, rule, currency) == wished


@pytest.mark.parametrize(
    ("text", "rule", "currency", "code"),
    [
        ("2 %", Rule.BELOW, "CNY", "bad_watch_percent"),
        ("0.95", Rule.BELOW_USUAL, "CNY", "bad_watch_percent"),
        ("95", Rule.BELOW, "CNY", "bad_watch"),
        ("0", Rule.BELOW, "CNY", "bad_watch"),
        ("0.45 €", Rule.BELOW, "CNY", "other_currency"),
        ("¥0.95", Rule.BELOW_USUAL, "", "bad_watch_amount"),  # yuan or yen
    ],
)
def test_what_cannot_be_wished_says_why(text: str, rule: Rule, currency: str, code: str) -> None:
    with pytest.raises(UserError) as refusal:
        wish_in(text, rule, currency)
    assert refusal.value.code == code
