"""Opening hours, also past midnight."""

from __future__ import annotations

from datetime import datetime

import pytest

from core.opening import ALWAYS, UNKNOWN_HOURS, OpeningHours, Period, daily

MONDAY = datetime(2026, 11, 23)  # noqa: DTZ001 - local time of the station, as the pattern wants it


@pytest.mark.parametrize(
    ("hours", "clock", "is_open"),
    [
        (ALWAYS, (3, 0), True),
        (UNKNOWN_HOURS, (12, 0), None),
        (OpeningHours(text="ask the guard"), (12, 0), None),
        (daily(8 * 60, 20 * 60), (7, 59), False),
        (daily(8 * 60, 20 * 60), (8, 0), True),
        (daily(8 * 60, 20 * 60), (20, 0), False),
        (daily(18 * 60, 2 * 60), (1, 59), True),
        (daily(18 * 60, 2 * 60), (2, 0), False),
        (OpeningHours(periods=(Period(6, 22 * 60, 26 * 60),)), (1, 0), True),  # Sunday night reaches Monday
        (OpeningHours(periods=(Period(0, 22 * 60, 26 * 60),)), (1, 0), False),
    ],
)
def test_is_open(hours: OpeningHours, clock: tuple[int, int], is_open: bool | None) -> None:
    assert hours.is_open(MONDAY.replace(hour=clock[0], minute=clock[1])) is is_open


def test_a_whole_day_is_always() -> None:
    assert daily(0, 24 * 60) is ALWAYS


@pytest.mark.parametrize("period", [(7, 0, 60), (0, 60, 60), (0, -1, 5), (0, 0, 3000)])
def test_impossible_periods_are_refused(period: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not an opening period"):
        Period(*period)
