"""What a price was: an append-only series of steps, what is usual at an hour, and "is this a good price?".

Exact decimals throughout. Hours are those of the station's own clock: "the same hour a week ago" is the same time on
the wall, also when daylight saving has begun meanwhile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

# What nobody has repeated for a day is "last seen", no longer known.
KNOWN_FOR = timedelta(hours=24)
_KNOWN_S = int(KNOWN_FOR.total_seconds())
# The band: this hour of this weekday during four weeks; with fewer than three of them known, this hour of all days.
BAND_WEEKS, _LEAST_WEEKS = 4, 3
USUAL_AFTER_DAYS = 14
# How long a series has to be watched before a price is called good or dear.
JUDGED_AFTER = timedelta(days=28)
LOWEST_OF_DAYS = 90
# A price this near to the lowest is as good, and one this far from the usual one is not usual.
_NEAR_LOWEST, _BELOW_USUAL, _ABOVE_USUAL = Decimal("1.05"), Decimal("0.95"), Decimal("1.05")
_AN_HOUR = timedelta(hours=1)
_DAY_S = 86_400
_ASKED_AT_ONCE = 8


class Step(NamedTuple):
    """From this moment on it cost this much; None: nobody knows."""

    at: datetime
    price: Decimal | None


class Low(NamedTuple):
    """The lowest price, and when it began or was in force last."""

    price: Decimal
    at: datetime


class Basis(StrEnum):
    HOUR_OF_WEEK = "hour_of_week"
    HOUR_OF_DAY = "hour_of_day"


@dataclass(frozen=True, slots=True)
class Usual:
    """What this hour costs as a rule: half of the prices lie from `low` to `high`."""

    median: Decimal
    low: Decimal
    high: Decimal
    basis: Basis
    samples: int


class Grade(StrEnum):
    GOOD = "good"
    USUAL = "usual"
    DEAR = "dear"
    TOO_NEW = "too_new"  # to judge


@dataclass(frozen=True, slots=True)
class Badge:
    """Is it a good price? GOOD: at least 5 % below what this hour usually costs, and within 5 % of the lowest that
    this hour cost during 90 days. DEAR: 5 % or more above the usual one. TOO_NEW: watched for less than four weeks.
    """

    grade: Grade
    watched: timedelta
    price: Decimal | None = None
    usual: Usual | None = None
    lowest: Low | None = None  # at this hour


class PriceHistory:
    """One series. `zone` is the clock of the place. Readings come in order; an unchanged one costs nothing."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._at: list[int] = []  # seconds since 1970
        self._prices: list[Decimal | None] = []
        self._seen_s: int | None = None
        self._asked: dict[int, Usual | None] = {}  # several wishes ask of one moment and the hours beside it

    # --- writing ----------------------------------------------------------------------------------------------

    def see(self, at: datetime, price: Decimal | None) -> bool:
        """Take a reading; whether it is a change. Raises ValueError for one that is older than the last."""
        at_s = _seconds(at)
        if self._seen_s is not None:
            if at_s < self._seen_s:
                raise ValueError(f"a reading of {at.isoformat()} after a later one")
            if at_s - self._seen_s > _KNOWN_S:
                self._step(self._seen_s + _KNOWN_S, None)
        self._seen_s = at_s
        return self._step(at_s, price)

    def see_steps(self, at_s: Sequence[int], prices: Sequence[Decimal | None]) -> None:
        """Readings of one day, in seconds since 1970, each of another price than the one before it."""
        self.see(_moment(at_s[0]), prices[0])
        self._at.extend(at_s[1:])
        self._prices.extend(prices[1:])
        self._seen_s = at_s[-1]

    def _step(self, at_s: int, price: Decimal | None) -> bool:
        before = self._prices[-1] if self._prices else None
        if price == before:
            return False
        if self._at and self._at[-1] == at_s:
            self._prices[-1] = price
        else:
            self._at.append(at_s)
            self._prices.append(price)
        return True

    # --- reading ----------------------------------------------------------------------------------------------

    @property
    def began_at(self) -> datetime | None:
        return _moment(self._at[0]) if self._at else None

    @property
    def seen_at(self) -> datetime | None:
        return None if self._seen_s is None else _moment(self._seen_s)

    def watched(self, at: datetime) -> timedelta:
        """For how long it has been watched."""
        return at - self.began_at if self.began_at is not None and self.began_at < at else timedelta(0)

    def price_at(self, at: datetime) -> Decimal | None:
        return self._price(_seconds(at))

    def steps(self, start: datetime, end: datetime) -> list[Step]:
        """From `start` (with what held then) until `end`."""
        first, last = bisect_right(self._at, _seconds(start)), bisect_right(self._at, _seconds(end))
        inner = [Step(_moment(self._at[n]), self._prices[n]) for n in range(first, last)]
        return [Step(start, self._prices[first - 1] if first else None), *inner]

    def price_since(self, at: datetime) -> datetime | None:
        """From when on it has cost what it costs at this moment; None before the first reading."""
        n = bisect_right(self._at, _seconds(at))
        return _moment(self._at[n - 1]) if n else None

    def lowest(self, start: datetime, end: datetime) -> Low | None:
        """The lowest price from `start` until before `end`, and when it held first."""
        first, last = bisect_right(self._at, _seconds(start)), bisect_right(self._at, _seconds(end) - 1)
        found: Low | None = None
        for n in range(max(first - 1, 0), last):
            price = self._prices[n]
            if price is not None and (found is None or price < found.price):
                found = Low(price, max(start, _moment(self._at[n])))
        return found

    def lowest_of_days(self, days: int, at: datetime) -> Low | None:
        return self.lowest(at - timedelta(days=days), at)

    def usual(self, at: datetime) -> Usual | None:
        """What it usually costs at this time of the week, as far as was known before; None: too new to say."""
        at_s = _seconds(at)
        if at_s not in self._asked:
            if len(self._asked) >= _ASKED_AT_ONCE:
                self._asked.clear()
            self._asked[at_s] = self._usual(at_s)
        return self._asked[at_s]

    def share_of_usual(self, at: datetime) -> Decimal | None:
        """What share of the usual price it costs: 0.95 is 5 % below. None: no price, or too new to say.

        Time-of-use steps come a little early or late, and are no news. So for its first hour a price is held against
        the lowest that is usual now, an hour before and an hour after. What was low an hour ago already is no such
        step, and is held against its own hour. (On the prices of Shenzhen the plain rule made six times as many
        alerts, and most of them were over within the hour.)
        """
        if self._is_flat_until(_seconds(at)):
            return Decimal(1)
        price, usual = self.price_at(at), self.usual(at)
        if price is None or usual is None or not usual.median:
            return None
        beside = [one.median for one in (self.usual(at - _AN_HOUR), self.usual(at + _AN_HOUR)) if one is not None]
        lowest = min(usual.median, *beside)
        first_hour = price / lowest if lowest else price / usual.median
        before, usual_before = self.price_at(at - _AN_HOUR), self.usual(at - _AN_HOUR)
        if before is None or usual_before is None or not usual_before.median:
            return first_hour
        return min(first_hour, max(price / usual.median, before / usual_before.median))

    def _usual(self, at_s: int) -> Usual | None:
        if not self._at or at_s - self._at[0] < USUAL_AFTER_DAYS * _DAY_S:
            return None
        flat = self._flat(at_s)
        if flat is not None:
            return Usual(flat, flat, flat, Basis.HOUR_OF_WEEK, BAND_WEEKS)
        weeks = self._samples(same_time(self.zone, at_s, 7, BAND_WEEKS))
        if len(weeks) >= _LEAST_WEEKS:
            return _band(weeks, Basis.HOUR_OF_WEEK)
        days = self._samples(same_time(self.zone, at_s, 1, 7 * BAND_WEEKS))
        return _band(days, Basis.HOUR_OF_DAY) if len(days) >= USUAL_AFTER_DAYS else None

    def lowest_at_this_hour(self, at: datetime, days: int = LOWEST_OF_DAYS) -> Low | None:
        """The lowest that this time of the day cost, on the days before."""
        found: Low | None = None
        for moment in same_time(self.zone, _seconds(at), 1, days):
            price = self._price(moment)
            if price is not None and (found is None or price < found.price):
                found = Low(price, _moment(moment))
        return found

    def badge(self, at: datetime) -> Badge:
        price, watched = self.price_at(at), self.watched(at)
        usual = self.usual(at) if watched >= JUDGED_AFTER else None
        if price is None or usual is None:
            return Badge(Grade.TOO_NEW, watched, price)
        lowest = self.lowest_at_this_hour(at)
        if price >= usual.median * _ABOVE_USUAL and price > usual.median:
            grade = Grade.DEAR
        elif price > usual.median * _BELOW_USUAL or lowest is None or price > lowest.price * _NEAR_LOWEST:
            grade = Grade.USUAL
        else:
            grade = Grade.GOOD
        return Badge(grade, watched, price, usual, lowest)

    def band(
        self, start: datetime, end: datetime, every: timedelta = timedelta(hours=1)
    ) -> Iterator[tuple[datetime, Usual | None]]:
        """What is usual from `start` to `end`, hour by hour: the band behind the line of a picture."""
        moment = start
        while moment <= end:
            yield moment, self.usual(moment)
            moment += every

    # --- within -----------------------------------------------------------------------------------------------

    def _price(self, at_s: int) -> Decimal | None:
        n = bisect_right(self._at, at_s)
        if not n or (self._seen_s is not None and at_s - self._seen_s > _KNOWN_S):
            return None
        return self._prices[n - 1]

    def _flat(self, at_s: int) -> Decimal | None:
        """The one price of the four weeks before, where it was one: most stations have a single price for years."""
        first = bisect_right(self._at, at_s - (7 * BAND_WEEKS + 1) * _DAY_S)
        return self._prices[first - 1] if first and first == bisect_right(self._at, at_s - 1) else None

    def _is_flat_until(self, at_s: int) -> bool:
        """Whether one price, above zero, held for four weeks until this moment."""
        price = self._price(at_s)
        first = bisect_right(self._at, at_s - (7 * BAND_WEEKS + 2) * _DAY_S)
        return bool(price) and bool(first) and first == bisect_right(self._at, at_s)

    def _samples(self, moments: Sequence[int]) -> list[Decimal]:
        return sorted(price for moment in moments if (price := self._price(moment)) is not None)


@lru_cache(maxsize=16_384)
def same_time(zone: tzinfo, at_s: int, days: int, times: int) -> tuple[int, ...]:
    """The moments `days`, 2 × `days` … ago at which the clock on the wall showed the same. Most series share them."""
    wall = datetime.fromtimestamp(at_s, zone)
    return tuple(_seconds(wall - n * timedelta(days=days)) for n in range(1, times + 1))


def _band(ordered: list[Decimal], basis: Basis) -> Usual:
    return Usual(_quantile(ordered, 2), _quantile(ordered, 1), _quantile(ordered, 3), basis, len(ordered))


def _quantile(ordered: list[Decimal], quarters: int) -> Decimal:
    """Between two prices the point is taken in proportion (the "inclusive" method of the statistics module)."""
    whole, part = divmod((len(ordered) - 1) * quarters, 4)
    low = ordered[whole]
    return low if not part else low + (ordered[whole + 1] - low) * part / 4


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
