"""The bars of a day: they cover it without gaps, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import pairwise

import pytest

from bots.miniapp.tariff_day import day_periods
from core.tariff import (
    Dimension,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffElement,
    flat_tariff,
    time_of_use_tariff,
)

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def shanghai() -> Tariff:
    day = (time(8), Decimal("0.80"), Decimal("0.40"))
    night = (time(22), Decimal("0.30"), Decimal("0.40"))
    return time_of_use_tariff("CNY", "Asia/Shanghai", (day, night))


def test_a_flat_price_is_one_bar():
    (only,) = day_periods(flat_tariff("EUR", Decimal("0.49")), NOON)
    assert (only.start_text, only.end_text, only.price, only.now) == ("00:00", "24:00", Decimal("0.49"), True)


def test_time_of_use_bars_follow_the_stations_clock():
    found = [(one.start_text, one.end_text, one.price, one.now) for one in day_periods(shanghai(), NOON)]
    assert found == [
        ("00:00", "08:00", Decimal("0.70"), False),
        ("08:00", "22:00", Decimal("1.20"), True),
        ("22:00", "24:00", Decimal("0.70"), False),
    ]


def test_hours_without_a_price_stay_empty():
    morning = Restrictions(start=time(6), end=time(10))
    tariff = Tariff("EUR", (TariffElement((PriceComponent(Dimension.ENERGY, Decimal("0.5")),), morning),))
    assert [one.price for one in day_periods(tariff, NOON)] == [None, Decimal("0.5"), None]


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)])
def test_a_day_with_a_clock_change_has_no_gap(day: datetime):
    parts = tuple((time(hour), Decimal(hour + 1), Decimal(0)) for hour in (0, 2, 3, 9))
    periods = day_periods(time_of_use_tariff("EUR", "Europe/Berlin", parts), day)
    assert periods[0].start_text == "00:00"
    assert periods[-1].end_text == "24:00"
    assert all(a.end == b.start for a, b in pairwise(periods))
    assert sum(one.now for one in periods) == 1
