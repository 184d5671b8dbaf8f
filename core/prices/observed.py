"""The gate for prices seen hour by hour, without a tariff: what a day costs here is learned from what passed.

"The same hour" of a tariff is an hour of the coming week. A bare price is true now only, so it is held against what
was believed **at this hour of the day during the last eight days** (yesterday, the day before, and this weekday a
week ago): the lowest of them, so that the cheap hours of every night, and of every Sunday, are no news. A step that
comes an hour early or late, to a price that the hour beside had, is none either. On its first day a series teaches
its hours: only units and bounds are looked at then, and nobody is alerted (`learning`). Later, an hour of which
nothing is known is held against the lowest of all hours.

A discount of over 30 % that lasts is confirmed by the next reading and believed from then on, while the price or its
distance from the hour's own stays the same: it does not wait again at every hour it has not been seen at.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from core.prices.gate import Accepted, Held, Reason, Verdict, Waiting, doubt_price, weigh, without

_REMEMBERED = timedelta(days=8)
_FIRST_DAY = timedelta(hours=25)  # in autumn a day has so many
# What lies closer together is the same: prices averaged over guns tremble in the last digit.
_SAME = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a price. `price` is per kWh."""

    source: str
    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class _Level:
    """What a doubtful price was, and what share of its hour's price."""

    price: Decimal
    share: Decimal | None
    at: datetime

    def same(self, other: _Level) -> bool:
        if _about(self.price, other.price):
            return True
        return self.share is not None and other.share is not None and _about(self.share, other.share)


def _about(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _SAME * abs(other)


class ObservedGate:
    """One series: eight days of believed prices by hour of the day, what waits, and what was confirmed last."""

    def __init__(self, currency: str, zone: tzinfo) -> None:
        self.currency, self.zone = currency, zone
        self.waiting: tuple[Waiting, ...] = ()
        self._by_hour: list[deque[tuple[datetime, Decimal]]] = [deque() for _ in range(24)]
        self._last: Decimal | None = None
        self._levels: dict[str, _Level] = {}  # of what waits, by key
        self._confirmed: _Level | None = None
        self._first_at: datetime | None = None  # when something was believed first

    def learning(self, at: datetime) -> bool:
        """Whether the series is too new for its hours to be known."""
        return self._first_at is None or at - self._first_at < _FIRST_DAY

    def look(self, seen: Sighting) -> Verdict:
        clock = seen.at.astimezone(self.zone).hour
        hour = self._by_hour[clock]
        while hour and seen.at - hour[0][0] > _REMEMBERED:
            hour.popleft()
        if hour and hour[-1][1] == seen.price:
            # As it was at this hour last: most readings.
            return self._accept(hour, seen)
        before = min((price for _, price in hour), default=None)
        if before is None:
            before = self._lowest(seen.at)
        doubt = doubt_price(self.currency, before, seen.price)
        if doubt is not None and doubt.reason is Reason.MUCH_CHEAPER and self._is_no_news(clock, seen):
            doubt = None
        if doubt is None:
            return self._accept(hour, seen)
        level = _Level(seen.price, seen.price / before if before else None, seen.at)
        if doubt.own_word_helps and self._is_confirmed(level):
            return self._accept(hour, seen)
        self._levels = {one.key: self._levels[one.key] for one in self.waiting}
        key = next((name for name, one in self._levels.items() if one.same(level)), str(seen.price))
        self._levels.setdefault(key, level)
        self.waiting, verdict = weigh(self.waiting, key, seen.source, seen.at, doubt)
        if not isinstance(verdict, Held):
            self._confirmed = level
            self._believe(hour, seen)
        return verdict

    def _accept(self, hour: deque[tuple[datetime, Decimal]], seen: Sighting) -> Verdict:
        verdict = Accepted(changed=seen.price != self._last)
        self.waiting = without(self.waiting, seen.source)
        self._believe(hour, seen)
        return verdict

    def _believe(self, hour: deque[tuple[datetime, Decimal]], seen: Sighting) -> None:
        # One entry per hour: of several prices within it the last one stays.
        if hour and seen.at - hour[-1][0] < timedelta(hours=1):
            hour.pop()
        hour.append((seen.at, seen.price))
        self._first_at = self._first_at or seen.at
        self._last = seen.price

    def _is_confirmed(self, level: _Level) -> bool:
        known = self._confirmed
        if known is None or level.at - known.at > _REMEMBERED:
            return False
        return known.same(level)

    def _is_no_news(self, clock: int, seen: Sighting) -> bool:
        if self.learning(seen.at):
            return True
        beside = (*self._by_hour[clock - 1], *self._by_hour[(clock + 1) % 24])
        return any(_about(seen.price, price) for at, price in beside if seen.at - at <= _REMEMBERED)

    def _lowest(self, at: datetime) -> Decimal | None:
        known = (price for hour in self._by_hour for seen_at, price in hour if at - seen_at <= _REMEMBERED)
        return min(known, default=None)
