"""What standing costs when nothing flows any more, and from when."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.tariff import (
    Dimension,
    Doing,
    IdleFee,
    PriceComponent,
    Reservation,
    Restrictions,
    Stretch,
    Tariff,
    TariffElement,
    Tax,
    cost,
    flat_tariff,
    idle_fee,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=BERLIN)


def parking(price: str, **rules: object) -> TariffElement:
    component = PriceComponent(Dimension.PARKING_TIME, Decimal(price))
    return TariffElement((component,), Restrictions(**rules))  # type: ignore[arg-type]  # of Restrictions


def tariff(*elements: TariffElement) -> Tariff:
    energy = TariffElement((PriceComponent(Dimension.ENERGY, Decimal("0.49")),))
    return Tariff("EUR", (*elements, energy), "Europe/Berlin")


@pytest.mark.parametrize(
    ("elements", "per_minute", "free_minutes"),
    [
        ((parking("6"),), "0.1", 0),
        ((parking("6", min_duration_s=14_400),), "0.1", 240),
        ((parking("0", max_duration_s=1800), parking("6")), "0.1", 30),
        ((parking("12", min_duration_s=7200), parking("6", min_duration_s=3600)), "0.1", 60),
        ((parking("6", start=time(8), end=time(20)),), "0.1", 0),
        ((parking("6", max_power_kw=Decimal(1)),), "0.1", 0),
        ((parking("6", min_kwh=Decimal(10)),), "0.1", 0),
    ],
)
def test_the_first_price_above_nothing(
    elements: tuple[TariffElement, ...], per_minute: str, free_minutes: int
) -> None:
    found = idle_fee(tariff(*elements), NOON, kwh=Decimal(20))
    assert found == IdleFee(Decimal(per_minute), free_minutes, "EUR")


@pytest.mark.parametrize(
    "free",
    [
        flat_tariff("EUR", Decimal("0.49")),
        tariff(parking("0")),
        tariff(parking("6", min_power_kw=Decimal(1))),
        tariff(parking("6", reservation=Reservation.RESERVATION)),
        tariff(parking("6", last_date=NOON.date())),
        tariff(TariffElement((PriceComponent(Dimension.PARKING_TIME, Decimal(6), tax=Tax.ADDED),))),  # unknown tax
    ],
)
def test_where_nothing_can_be_told(free: Tariff) -> None:
    assert idle_fee(free, NOON) is None


def test_what_begins_in_the_morning_is_told_in_the_night() -> None:
    by_day = tariff(parking("6", start=time(8), end=time(20)))
    at_three = NOON.replace(hour=3)
    fee = idle_fee(by_day, at_three)
    assert fee == IdleFee(Decimal("0.1"), 0, "EUR", NOON.replace(hour=8))
    assert fee.begins(at_three, at_three) == NOON.replace(hour=8)
    only_wednesdays = tariff(parking("6", weekdays=frozenset({2})))
    assert idle_fee(only_wednesdays, NOON) is None


def test_it_begins_when_the_free_minutes_are_over_and_the_charge_too() -> None:
    fee = IdleFee(Decimal("0.1"), 60, "EUR")
    start = NOON - timedelta(minutes=45)
    assert fee.begins(start, NOON) == NOON + timedelta(minutes=15)
    assert fee.begins(NOON - timedelta(hours=2), NOON) == NOON


def test_what_is_told_is_what_is_billed() -> None:
    after_an_hour = tariff(parking("5", min_duration_s=3600))
    fee = idle_fee(after_an_hour, NOON)
    assert fee is not None
    start = NOON - timedelta(minutes=50)
    session = [
        Stretch(start, Decimal(50), Decimal(20)),
        Stretch(NOON, Decimal(70), Decimal(0), Doing.PARKED),
    ]
    paid_minutes = Decimal((NOON + timedelta(minutes=70) - fee.begins(start, NOON)) // timedelta(minutes=1))
    standing = cost(after_an_hour, session).exact - 20 * Decimal("0.49")
    assert abs(standing - paid_minutes * fee.per_minute) < Decimal("1e-9")
