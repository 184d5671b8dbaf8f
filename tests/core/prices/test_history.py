"""What was, what is usual at an hour, the lowest, and the badge; on the clock of the place."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.prices.history import Basis, Grade, PriceHistory, Step

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def hourly(prices: list[str], start: datetime = START, zone: ZoneInfo = BERLIN) -> PriceHistory:
    history = PriceHistory(zone)
    for number, price in enumerate(prices):
        history.see(start + number * HOUR, Decimal(price))
    return history


def night_and_day(days: int) -> list[str]:
    return ["0.30" if hour % 24 < 6 else "0.60" for hour in range(24 * days)]


def test_an_unchanged_price_costs_nothing_and_a_gap_is_a_gap() -> None:
    history = hourly(["0.50"] * 30 + ["0.40"] * 3)
    assert history.steps(START, START + DAY * 3) == [
        Step(START, Decimal("0.50")), Step(START + 30 * HOUR, Decimal("0.40")),
    ]  # fmt: skip
    assert history.price_at(START - HOUR) is None
    assert history.price_at(START + 56 * HOUR) == Decimal("0.40")  # a day after it was seen last
    assert history.price_at(START + 57 * HOUR) is None
    history.see(START + 100 * HOUR, Decimal("0.40"))
    assert [step.price for step in history.steps(START + 32 * HOUR, START + 100 * HOUR)] == [
        Decimal("0.40"), None, Decimal("0.40"),
    ]  # fmt: skip


def test_readings_come_in_order() -> None:
    history = hourly(["0.50", "0.40"])
    with pytest.raises(ValueError, match="after a later one"):
        history.see(START, Decimal("0.30"))


def test_usual_is_this_hour_of_this_weekday() -> None:
    # Sundays are cheap, and one Sunday was dear.
    prices = ["0.40" if number // 24 % 7 == 6 else "0.60" for number in range(24 * 35)]
    for hour in range(24):
        prices[24 * 13 + hour] = "0.80"
    history = hourly(prices, zone=ZoneInfo("UTC"))
    sunday = START + 34 * DAY + 12 * HOUR
    usual = history.usual(sunday)
    assert usual is not None
    assert (usual.median, usual.basis, usual.samples) == (Decimal("0.40"), Basis.HOUR_OF_WEEK, 4)
    assert (usual.low, usual.high) == (Decimal("0.40"), Decimal("0.50"))
    monday = history.usual(sunday + DAY)
    assert monday is not None
    assert monday.median == Decimal("0.60")


def test_too_little_of_the_week_falls_back_to_the_day_and_less_is_too_new() -> None:
    history = hourly(night_and_day(16), zone=ZoneInfo("UTC"))
    usual = history.usual(START + 15 * DAY + 3 * HOUR)
    assert usual is not None
    assert (usual.median, usual.basis) == (Decimal("0.30"), Basis.HOUR_OF_DAY)
    assert history.usual(START + 13 * DAY) is None


def test_the_hour_is_that_of_the_wall_when_summer_time_begins() -> None:
    """Cheap from 0 to 6 on the wall. Berlin turns the clock on 29 March 2026; two days later 5:30 is still cheap."""
    history = PriceHistory(BERLIN)
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    while moment < datetime(2026, 4, 3, tzinfo=UTC):
        history.see(moment, Decimal("0.30") if moment.astimezone(BERLIN).hour < 6 else Decimal("0.60"))
        moment += timedelta(minutes=30)
    for local in (datetime(2026, 3, 31, 5, 30, tzinfo=BERLIN), datetime(2026, 3, 27, 5, 30, tzinfo=BERLIN)):
        usual = history.usual(local)
        assert usual is not None
        assert usual.median == usual.high == Decimal("0.30")
    at_six = history.usual(datetime(2026, 3, 31, 6, 0, tzinfo=BERLIN))
    assert at_six is not None
    assert at_six.median == Decimal("0.60")


def test_a_step_that_comes_early_or_late_is_as_usual() -> None:
    def share(*prices: str, hour: int) -> Decimal | None:
        """What the last of these prices makes, which lead up to an hour of the day."""
        history = hourly(night_and_day(30), zone=ZoneInfo("UTC"))
        at = START + 30 * DAY + hour * HOUR
        for number, price in enumerate(prices):
            history.see(at - (len(prices) - 1 - number) * HOUR, Decimal(price))
        return history.share_of_usual(at)

    assert share("0.30", hour=5) == 1
    assert share("0.30", hour=6) == 1  # an hour late
    assert share("0.30", "0.30", hour=7) == Decimal("0.5")  # two hours late
    assert share("0.60", "0.30", hour=23) == 1  # an hour early
    assert share("0.60", "0.30", hour=12) == Decimal("0.5")
    assert share("0.60", "0.54", hour=12) == Decimal("0.9")
    assert share("0.15", hour=23) == Decimal("0.5")  # half of what is usual at midnight
    assert hourly(night_and_day(5)).share_of_usual(START + 4 * DAY) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.decimals("0.01", "9.99", places=4), min_size=4, max_size=4))
def test_the_band_is_that_of_the_statistics_module(prices: list[Decimal]) -> None:
    history = PriceHistory(ZoneInfo("UTC"))
    for week, price in enumerate(prices):
        for day in range(7):
            history.see(START + timedelta(days=7 * week + day), price)
    usual = history.usual(START + timedelta(days=28))
    assert usual is not None
    low, median, high = statistics.quantiles(prices, n=4, method="inclusive")
    assert (usual.low, usual.median, usual.high) == (low, median, high)


def test_the_lowest_and_when_it_began() -> None:
    history = hourly(["0.50", "0.40", "0.40", "0.45", "0.40", "0.60"])
    low = history.lowest(START, START + DAY)
    assert low is not None
    assert low == (Decimal("0.40"), START + HOUR)
    # What held at the beginning of the window counts; what begins at its end does not.
    assert history.lowest(START + 2 * HOUR, START + 4 * HOUR) == (Decimal("0.40"), START + 2 * HOUR)
    assert history.lowest(START + 3 * HOUR, START + 4 * HOUR) == (Decimal("0.45"), START + 3 * HOUR)
    assert PriceHistory(BERLIN).lowest(START, START + DAY) is None


def test_the_badge() -> None:
    weeks = 40
    history = hourly(night_and_day(weeks), zone=ZoneInfo("UTC"))
    end = START + weeks * DAY
    night, noon = end + 2 * HOUR, end + 12 * HOUR
    history.see(night, Decimal("0.30"))
    assert history.badge(night).grade is Grade.USUAL  # cheap, as every night
    usual, good, dear = Grade.USUAL, Grade.GOOD, Grade.DEAR
    for price, grade in (("0.60", usual), ("0.58", usual), ("0.57", good), ("0.63", dear), ("0.50", good)):
        history.see(noon, Decimal(price))
        badge = history.badge(noon)
        assert (badge.grade, badge.price) == (grade, Decimal(price))
    assert badge.lowest is not None
    assert badge.lowest.price == Decimal("0.60")  # of this hour
    later = noon + 30 * DAY
    history.see(later, Decimal("0.55"))
    assert history.badge(later).grade is Grade.TOO_NEW  # the month before it nobody looked


def test_a_new_series_is_too_new_to_judge() -> None:
    history = hourly(night_and_day(27), zone=ZoneInfo("UTC"))
    badge = history.badge(START + 27 * DAY - HOUR)
    assert (badge.grade, badge.watched) == (Grade.TOO_NEW, 27 * DAY - HOUR)
    assert badge.price == Decimal("0.60")
