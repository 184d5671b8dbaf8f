"""The gate for prices seen hour by hour: the hours of a day are learned, and then nothing of them is news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.prices.gate import Accepted, Confirmed, Held, Reason, Verdict
from core.prices.observed import ObservedGate, Sighting

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def usual(hour: int) -> str:
    """1.75 by day, 1.10 from nine in the evening: 37 % less, every day."""
    return "1.75" if hour < 21 else "1.10"


class Series:
    def __init__(self, days: int) -> None:
        self.gate = ObservedGate("CNY", UTC)
        self.hour = 0
        for _ in range(24 * days):
            assert isinstance(self.says(usual(self.hour % 24)), Accepted)

    def says(self, price: str, source: str = "feed") -> Verdict:
        verdict = self.gate.look(Sighting(source, START + timedelta(hours=self.hour), Decimal(price)))
        self.hour += 1
        return verdict

    def until(self, hour: int) -> None:
        while self.hour % 24 != hour:
            self.says(usual(self.hour % 24))


def test_the_step_of_every_evening_is_no_news() -> None:
    Series(30)  # says so itself


def test_a_step_an_hour_early_or_late_is_none_either() -> None:
    series = Series(10)
    series.until(20)
    assert isinstance(series.says("1.10"), Accepted)
    series = Series(10)
    assert isinstance(series.says("1.10"), Accepted)  # at midnight, after 23:00
    series.until(18)
    assert isinstance(series.says("1.10"), Held)  # three hours early


def test_a_typo_waits_and_is_taken_back() -> None:
    series = Series(10)
    series.until(12)
    held = series.says("0.75")
    assert isinstance(held, Held)
    assert held.doubt.reason is Reason.MUCH_CHEAPER
    assert series.says("1.75") == Accepted(changed=False)
    assert series.gate.waiting == ()
    # The same slip on another day is not its second reading.
    assert isinstance(series.says("0.75"), Held)


def test_a_promotion_is_confirmed_by_the_next_hour_and_then_believed() -> None:
    series = Series(10)
    series.until(12)
    assert isinstance(series.says("0.875"), Held)
    assert isinstance(series.says("0.875"), Confirmed)
    for hour in range(14, 36):
        # Half the price at all hours, also across the step of the evening.
        assert isinstance(series.says(str(Decimal(usual(hour % 24)) / 2)), Accepted), hour


def test_an_hour_with_a_low_price_last_sunday_may_have_it_again() -> None:
    series = Series(9)
    series.until(12)
    series.says("1.00", "feed")
    series.says("1.00", "feed")  # confirmed
    series.until(13)
    assert isinstance(series.says("1.00"), Accepted)


def test_units_bounds_and_nothing_need_somebody_else() -> None:
    series = Series(10)
    for price, reason in (("175", Reason.OUT_OF_BOUNDS), ("0", Reason.NOTHING), ("-1", Reason.NOTHING)):
        series.until(12)
        for _ in range(9):
            held = series.says(price)
            assert isinstance(held, Held)
            assert held.doubt.reason is reason
    series.until(12)
    series.says("0")
    series.hour -= 1
    assert isinstance(series.says("0", "a person"), Confirmed)


def test_on_its_first_day_only_units_and_bounds_are_looked_at() -> None:
    series = Series(0)
    series.says("1.75")
    assert isinstance(series.says("1.10"), Accepted)
    assert isinstance(series.says("0.011"), Held)
    assert series.gate.learning(START + timedelta(hours=24))
    assert not series.gate.learning(START + timedelta(hours=25))


def test_an_hour_of_which_nothing_is_known_is_held_against_the_lowest_of_all() -> None:
    series = Series(2)
    series.until(12)
    series.gate.look(Sighting("feed", START + timedelta(hours=series.hour + 24 * 9), Decimal("1.70")))
    series.hour += 24 * 9 + 1  # a gap: nothing is left but the noon before
    assert isinstance(series.says("1.20"), Accepted)
    assert isinstance(series.says("0.80"), Held)
