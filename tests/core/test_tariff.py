"""Prices: over the hours of a day, round midnight, through clock changes, and never by guess."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from core.tariff import (
    Dimension,
    NotCovered,
    Part,
    PriceComponent,
    Restrictions,
    Stretch,
    Tariff,
    TariffElement,
    cost,
    flat_tariff,
    next_change,
    quote,
    time_of_use_tariff,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
SHENZHEN = time_of_use_tariff(
    "CNY",
    "Asia/Shanghai",
    (
        (time(0), Decimal("0.25"), Decimal("0.55")),
        (time(8), Decimal("0.70"), Decimal("0.55")),
        (time(10), Decimal("1.05"), Decimal("0.55")),
        (time(12), Decimal("0.70"), Decimal("0.55")),
        (time(22), Decimal("0.25"), Decimal("0.55")),
    ),
)


def local(hour: int, minute: int = 0, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


def test_a_charge_within_one_period() -> None:
    found = quote(SHENZHEN, kwh=Decimal(30), minutes=Decimal(60), at=local(8))
    assert found.total == Money(3750, "CNY")
    assert found.parts == {Part.ENERGY: Decimal("21.00"), Part.SERVICE: Decimal("16.50")}
    assert found.price_per_kwh == Decimal("1.25")


def test_a_charge_over_a_boundary_pays_each_part_at_its_price() -> None:
    found = quote(SHENZHEN, kwh=Decimal(30), minutes=Decimal(60), at=local(9, 30))
    assert found.parts[Part.ENERGY] == Decimal(15) * Decimal("0.70") + Decimal(15) * Decimal("1.05")
    assert found.exact == sum(found.parts.values())


def test_the_next_change_is_the_next_different_price() -> None:
    change = quote(SHENZHEN, kwh=Decimal(1), minutes=Decimal(1), at=local(13)).next_change
    assert change is not None
    assert (change.at, change.price_per_kwh) == (local(22), Decimal("0.80"))
    night = next_change(SHENZHEN, local(23))
    assert night is not None
    assert (night.at, night.price_per_kwh) == (local(8, day=24), Decimal("1.25"))


def test_a_flat_price_never_changes() -> None:
    assert (
        quote(flat_tariff("EUR", Decimal("0.49")), kwh=Decimal(10), minutes=Decimal(30), at=local(1)).next_change
        is None
    )


def test_the_last_period_wraps_round_midnight() -> None:
    """T/CEC 102: a period ends where the next starts; when none starts at 0:00 the last one goes on."""
    wrapping = time_of_use_tariff(
        "CNY", "Asia/Shanghai", ((time(22), Decimal(1), Decimal(0)), (time(7), Decimal(2), Decimal(0)))
    )
    for hour, price in ((0, 1), (6, 1), (7, 2), (21, 2), (22, 1), (23, 1)):
        assert quote(wrapping, kwh=Decimal(1), minutes=Decimal(1), at=local(hour)).price_per_kwh == price


def test_equal_neighbours_are_one_period() -> None:
    halves = tuple((time(hour, half), Decimal(1), Decimal(0)) for hour in range(24) for half in (0, 30))
    assert time_of_use_tariff("CNY", "Asia/Shanghai", halves) == Tariff(
        "CNY", (TariffElement((PriceComponent(Dimension.ENERGY, Decimal(1)),)),), "Asia/Shanghai"
    )


def test_two_periods_at_one_time_are_refused() -> None:
    with pytest.raises(ValueError, match="different times"):
        time_of_use_tariff("CNY", "UTC", ((time(0), Decimal(1), Decimal(0)), (time(0), Decimal(2), Decimal(0))))


def test_a_day_with_23_hours() -> None:
    """Berlin, 29 March 2026: 02:00 to 03:00 does not exist, and the charge still costs what its minutes cost."""
    berlin = time_of_use_tariff(
        "EUR", "Europe/Berlin", ((time(0), Decimal("0.20"), Decimal(0)), (time(3), Decimal("0.40"), Decimal(0)))
    )
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Berlin, half an hour before the jump to 03:00
    found = quote(berlin, kwh=Decimal(10), minutes=Decimal(60), at=start)
    assert found.exact == Decimal(5) * Decimal("0.20") + Decimal(5) * Decimal("0.40")


def test_a_gap_is_no_price_rather_than_zero() -> None:
    element = TariffElement(
        (PriceComponent(Dimension.ENERGY, Decimal(1)),), Restrictions(start=time(8), end=time(20))
    )
    daytime = Tariff("CNY", (element,), "Asia/Shanghai")
    with pytest.raises(NotCovered):
        quote(daytime, kwh=Decimal(1), minutes=Decimal(10), at=local(21))
    with pytest.raises(NotCovered):
        quote(daytime, kwh=Decimal(10), minutes=Decimal(120), at=local(19))


def test_the_first_matching_element_wins_per_dimension() -> None:
    """OCPI 2.2.1 mod_tariffs: different dimensions may come from different elements."""
    weekend = TariffElement(
        (PriceComponent(Dimension.ENERGY, Decimal("0.30")),), Restrictions(weekdays=frozenset({5, 6}))
    )
    always = TariffElement(
        (PriceComponent(Dimension.ENERGY, Decimal("0.50")), PriceComponent(Dimension.FLAT, Decimal(1)))
    )
    tariff = Tariff("EUR", (weekend, always), "Asia/Shanghai")
    assert quote(tariff, kwh=Decimal(10), minutes=Decimal(30), at=local(9)).exact == Decimal(6)
    saturday = local(9, day=28)
    assert quote(tariff, kwh=Decimal(10), minutes=Decimal(30), at=saturday).exact == Decimal(4)


def test_time_and_session_fees() -> None:
    components = (
        PriceComponent(Dimension.ENERGY, Decimal("0.40")),
        PriceComponent(Dimension.TIME, Decimal(3)),
        PriceComponent(Dimension.FLAT, Decimal("0.99")),
    )
    found = quote(Tariff("EUR", (TariffElement(components),)), kwh=Decimal(20), minutes=Decimal(40), at=local(9))
    assert found.parts == {Part.ENERGY: Decimal(8), Part.TIME: Decimal(2), Part.SESSION: Decimal("0.99")}
    assert found.total == Money(1099, "EUR")


def test_declared_free_is_zero_and_empty_is_refused() -> None:
    assert quote(flat_tariff("EUR", Decimal(0)), kwh=Decimal(9), minutes=Decimal(9), at=local(9)).total == Money(
        0, "EUR"
    )
    with pytest.raises(ValueError, match="unknown price"):
        Tariff("EUR", ())


def test_a_measured_session_costs_its_stretches() -> None:
    session = (
        Stretch(local(9), Decimal(60), Decimal(20)),
        Stretch(local(10), Decimal(30), Decimal(12)),
    )
    assert cost(SHENZHEN, session).exact == Decimal(20) * Decimal("1.25") + Decimal(12) * Decimal("1.60")


def test_the_session_fee_is_taken_once() -> None:
    tariff = flat_tariff("EUR", Decimal("0.50"), session_fee=Decimal(1))
    session = (Stretch(local(9), Decimal(10), Decimal(2)), Stretch(local(10), Decimal(10), Decimal(2)))
    assert cost(tariff, session).exact == Decimal(3)


prices = st.decimals(0, 9, places=4)
days = st.lists(
    st.tuples(st.times(), prices, prices), min_size=1, max_size=12, unique_by=lambda period: period[0]
).map(tuple)


@given(days)
def test_a_tariff_survives_being_stored(periods: tuple[tuple[time, Decimal, Decimal], ...]) -> None:
    tariff = time_of_use_tariff("CNY", "Asia/Shanghai", periods)
    again = Tariff.from_json(tariff.to_json())
    assert again == tariff
    assert again.id == tariff.id


@given(days, st.integers(0, 24 * 60 - 1), st.integers(1, 600))
def test_the_quote_is_the_sum_of_its_minutes(
    periods: tuple[tuple[time, Decimal, Decimal], ...], start_minute: int, minutes: int
) -> None:
    """Against the definition, minute by minute, with periods that start on whole minutes."""
    whole = {time(one[0].hour, one[0].minute): one for one in periods}
    tariff = time_of_use_tariff(
        "CNY", "Asia/Shanghai", tuple((start, one[1], one[2]) for start, one in whole.items())
    )
    start = local(0) + timedelta(minutes=start_minute)
    kwh = Decimal(minutes)  # one kWh a minute
    found = quote(tariff, kwh=kwh, minutes=Decimal(minutes), at=start)
    each = (tariff.prices_at(start + timedelta(minutes=n))[Dimension.ENERGY].price for n in range(minutes))
    assert abs(found.exact - sum(each, Decimal(0))) < Decimal("1e-9")


def test_equal_price_lists_are_one_tariff() -> None:
    assert flat_tariff("CNY", Decimal("1.20")).id == flat_tariff("CNY", Decimal("1.2000")).id
    assert flat_tariff("CNY", Decimal("1.20")).id != flat_tariff("EUR", Decimal("1.20")).id


@pytest.mark.parametrize("price", ["-0.01", "NaN", "Infinity"])
def test_impossible_prices_are_refused(price: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        PriceComponent(Dimension.ENERGY, Decimal(price))
