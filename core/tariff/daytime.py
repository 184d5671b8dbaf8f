"""Clock times of a zone as moments: when a price of the day may change, daylight saving included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def moments(zone: str, clocks: tuple[time, ...], day: date) -> tuple[datetime, ...]:
    """The moments of a local day, in UTC, at which the clock shows one of `clocks` or jumps.

    In the repeated hour of autumn a clock time comes twice. Where the clock jumps, any restriction may switch.
    """
    info = ZoneInfo(zone)
    first = datetime.combine(day, time(0), info).astimezone(UTC)
    last = datetime.combine(day + ONE_DAY, time(0), info).astimezone(UTC)
    shown = [datetime.combine(day, clock, info) for clock in clocks]
    found = {local.astimezone(UTC) for local in shown}
    if last - first != ONE_DAY:
        found |= {local.replace(fold=1).astimezone(UTC) for local in shown}
        found.add(_jump(info, first, last))
    return tuple(sorted(found))


def _jump(info: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset becomes that of `after`."""
    new = after.astimezone(info).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(info).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after


def moments_after(at: datetime, info: ZoneInfo, clocks: tuple[time, ...], days: int) -> Iterator[datetime]:
    """The moments later than `at` (UTC), in order, through `days` days after today."""
    today = at.astimezone(info).date()
    for number in range(days + 1):
        for moment in moments(info.key, clocks, today + number * ONE_DAY):
            if moment > at:
                yield moment


def moments_between(start: datetime, end: datetime, info: ZoneInfo, clocks: tuple[time, ...]) -> Iterator[datetime]:
    """The moments after `start` and before `end`, both UTC."""
    for moment in moments_after(start, info, clocks, (end - start).days + 2):
        if moment >= end:
            return
        yield moment
