"""Money is whole, of one currency, and rounded once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money, round_once


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1.005", "CNY", 101),
        ("1.004", "CNY", 100),
        ("0.5", "JPY", 1),
        ("1.2345", "KWD", 1235),
        ("-1.005", "EUR", -101),
    ],
)
def test_half_up_in_the_currency_s_own_unit(amount: str, currency: str, minor: int) -> None:
    assert round_once(Decimal(amount), currency) == Money(minor, currency)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money(1, "CNY") + Money(1, "EUR")
    with pytest.raises(ValueError, match="do not mix"):
        _ = Money(1, "CNY") < Money(2, "EUR")


@pytest.mark.parametrize("amount", [1.0, True, "1"])
def test_only_whole_numbers(amount: object) -> None:
    with pytest.raises(TypeError):
        Money(amount, "CNY")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("code", ["cny", "CN", "EURO", "", "E€R"])
def test_only_real_currency_codes(code: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(1, code)


@given(st.decimals(-(10**9), 10**9, places=6))
def test_rounding_moves_at_most_half_a_cent(amount: Decimal) -> None:
    assert abs(round_once(amount, "CNY").decimal - amount) <= Decimal("0.005")
