"""Which texts become a price, which stay a text, and which are refused as impossible."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.prices import parse_price, plausible_per_kwh
from core.station import NoPrice
from core.tariff import flat_tariff


@pytest.mark.parametrize(
    ("text", "country", "currency", "price"),
    [
        ("£0.30 per kWh", "GB", "GBP", "0.30"),
        ("0,35 €/kWh", "FR", "EUR", "0.35"),
        ("0.40€ / kwh", "FR", "EUR", "0.40"),
        ("0,35€ TTC/kWh", "FR", "EUR", "0.35"),
        ("0,79 € le kWh", "FR", "EUR", "0.79"),
        ("EUR 0.35 per kWh", "IE", "EUR", "0.35"),
        ("35 ct/kWh", "DE", "EUR", "0.35"),
        ("25p per kWh ", "GB", "GBP", "0.25"),
        ("12p/per kWh", "GB", "GBP", "0.12"),
        ("$0.45/kWh", "US", "USD", "0.45"),
        ("$0.45/kWh", "CA", "CAD", "0.45"),
        ("1.2元/kWh", "CN", "CNY", "1.2"),
        ("Free", "GB", "GBP", "0"),
        ("FREE", "US", "USD", "0"),
        ("Gratuit", "FR", "EUR", "0"),
        ("free to use.", "GB", "GBP", "0"),
    ],
)
def test_understood(text: str, country: str, currency: str, price: str) -> None:
    assert parse_price(text, country) == (flat_tariff(currency, Decimal(price)), None)


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("£6 for 30 minutes", "GB"),
        ("£0.30/kWh; min £1.50", "GB"),
        ("£0.30/kWh; £0.15/kWh for customers", "GB"),
        ("£0.35p/kWh", "GB"),
        ("20p per KW/h", "GB"),
        ("Free for 2 hours", "CA"),
        ("Free. Parking fees apply", "GB"),
        ("£0.00", "GB"),
        ("0", "GB"),
        ("0.00 €/kWh", "FR"),
        ("0.35-0.45 €/kWh", "FR"),
        ("0.35 €/kWh HT", "FR"),
        ("£5", "GB"),
        ("$1/hour", "US"),
        ("2.49 per hr", "US"),
        ("0.40 per kWh", "US"),
        ("$0.45/kWh", "FR"),
        ("€0.30/kWh", "GB"),
        ("25p per kWh", "FR"),
        ("free", "XX"),
        ("Donation", "GB"),
        ("1" * 500 + " €/kWh", "FR"),
    ],
)
def test_stays_a_text(text: str, country: str) -> None:
    assert parse_price(text, country) == (None, NoPrice.TEXT_ONLY)


def test_impossible_prices_are_not_shown() -> None:
    assert parse_price("35 €/kWh", "FR") == (None, NoPrice.IMPLAUSIBLE)
    assert parse_price("0.001 €/kWh", "FR") == (None, NoPrice.IMPLAUSIBLE)


def test_no_text_is_no_price() -> None:
    assert parse_price(" ", "GB") == (None, NoPrice.NOT_PUBLISHED)
    assert parse_price(None, "GB") == (None, NoPrice.NOT_PUBLISHED)


def test_bounds() -> None:
    assert plausible_per_kwh(Decimal("1.9"), "BRL")
    assert not plausible_per_kwh(Decimal(144), "BRL")
    assert plausible_per_kwh(Decimal(120), "KRW")
