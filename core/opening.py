"""Opening hours as a weekly pattern in the station's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Period:
    """Open from `start` to `end`, in minutes after midnight of `weekday` (Monday is 0).

    `end` may pass midnight: 18:00 to 02:00 is 1080 to 1560.
    """

    weekday: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not (
            0 <= self.weekday <= 6 and 0 <= self.start < DAY_MINUTES and self.start < self.end <= 2 * DAY_MINUTES
        ):
            raise ValueError(f"not an opening period: {self}")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a driver can get in. `text` is what the supplier wrote, kept where it could not be read."""

    always: bool = False
    periods: tuple[Period, ...] = ()
    text: str = ""

    @property
    def known(self) -> bool:
        return self.always or bool(self.periods)

    def is_open(self, local: datetime) -> bool | None:
        """Whether it is open at this local time; None when nobody told us the hours."""
        if self.always:
            return True
        if not self.periods:
            return None
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        return any(
            (period.weekday == today and period.start <= minute < period.end)
            or (period.weekday == yesterday and minute + DAY_MINUTES < period.end)
            for period in self.periods
        )


ALWAYS = OpeningHours(always=True)
UNKNOWN_HOURS = OpeningHours()


def daily(start: int, end: int) -> OpeningHours:
    """The same hours every day, in minutes after midnight; `end` at or before `start` passes midnight."""
    if start == end or (start == 0 and end == DAY_MINUTES):
        return ALWAYS
    stop = end if end > start else end + DAY_MINUTES
    return OpeningHours(periods=tuple(Period(day, start, stop) for day in range(7)))
