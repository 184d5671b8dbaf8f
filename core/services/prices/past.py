"""What a price was, worked out: the versions say which tariff held when, and the tariff says the rest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.ports import PriceSeries, PriceVersion, UnitOfWork
from core.prices.history import KNOWN_FOR, LOWEST_OF_DAYS, PriceHistory
from core.prices.ticks import price_per_kwh
from core.tariff import Tariff

# A day more than is asked of: what held when it began.
LOOKED_BACK = timedelta(days=LOWEST_OF_DAYS + 1)
_A_DAY = timedelta(days=1)
# A tariff is asked for its switches of so many days; then, of one whose days differ, again.
_AHEAD = timedelta(days=8)
_MOST_KEPT = 50_000


class _Day(NamedTuple):
    """From midnight to midnight, UTC: when it costs something else, in seconds since 1970, and what. The beginning is
    among them."""

    at_s: tuple[int, ...]
    prices: tuple[Decimal | None, ...]


class Steps:
    """The steps of tariffs, day by day, kept: very many stations share a tariff. Safe from many threads."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, int], _Day] = {}
        # Of a tariff whose days are alike, by how far its clock is from UTC: a day as if it were the first of 1970.
        self._alike: dict[tuple[str, timedelta | None], _Day] = {}
        self._next: dict[str, tuple[datetime, datetime]] = {}

    def price_at(self, tariff: Tariff, at: datetime) -> Decimal | None:
        """As `price_per_kwh` says, and without working it out again."""
        day = self._of_day(tariff, at.toordinal())
        return day.prices[bisect_right(day.at_s, at.timestamp()) - 1]

    def between(self, tariff: Tariff, start: datetime, end: datetime) -> Iterable[tuple[datetime, Decimal | None]]:
        """The price at `start`, and each step until before `end`, the beginnings of days among them."""
        yield start, self.price_at(tariff, start)
        for day in self._within(tariff, start, end):
            for at_s, price in zip(day.at_s, day.prices, strict=True):
                yield datetime.fromtimestamp(at_s, UTC), price

    def tell(self, history: PriceHistory, tariff: Tariff, start: datetime, end: datetime) -> None:
        """The same, to a history: months of steps are said day by day."""
        history.see(start, self.price_at(tariff, start))
        for day in self._within(tariff, start, end):
            history.see_steps(day.at_s, day.prices)

    def _within(self, tariff: Tariff, start: datetime, end: datetime) -> Iterable[_Day]:
        """What lies between the two, both left out."""
        for number in range(start.toordinal(), end.toordinal() + 1):
            day = self._of_day(tariff, number)
            first, last = bisect_right(day.at_s, start.timestamp()), bisect_left(day.at_s, end.timestamp())
            if first < last:
                yield _Day(day.at_s[first:last], day.prices[first:last])

    def next_step(self, tariff: Tariff, at: datetime) -> datetime | None:
        """When it costs something else, or has to be asked again; None where it never changes by itself."""
        if not tariff.clocks:
            return None
        asked_at, step = self._next.get(tariff.id, (at, at))
        if asked_at <= at < step:
            return step
        price, step = price_per_kwh(tariff, at), at + _AHEAD
        moment = tariff.next_boundary(at)
        while moment is not None and moment < step:
            if price_per_kwh(tariff, moment) != price:
                step = moment
            moment = tariff.next_boundary(moment)
        if len(self._next) > _MOST_KEPT:
            self._next.clear()
        self._next[tariff.id] = at, step
        return step

    def _of_day(self, tariff: Tariff, number: int) -> _Day:
        kept = self._days.get((tariff.id, number))
        if kept is not None:
            return kept
        if len(self._days) > _MOST_KEPT:
            self._days.clear()
            self._alike.clear()
        start = datetime.fromordinal(number).replace(tzinfo=UTC)
        offset = start.astimezone(tariff.zone).utcoffset()
        if tariff.by_date or offset != (start + _A_DAY).astimezone(tariff.zone).utcoffset():
            day = _worked_out(tariff, start)
        else:
            alike = self._alike.get((tariff.id, offset))
            if alike is None:
                alike = self._alike[tariff.id, offset] = _moved(_worked_out(tariff, start), -int(start.timestamp()))
            day = _moved(alike, int(start.timestamp()))
        self._days[tariff.id, number] = day
        return day


def _worked_out(tariff: Tariff, start: datetime) -> _Day:
    steps = [(int(start.timestamp()), price_per_kwh(tariff, start))]
    moment = tariff.next_boundary(start)
    while moment is not None and moment < start + _A_DAY:
        price = price_per_kwh(tariff, moment)
        if price != steps[-1][1]:
            steps.append((int(moment.timestamp()), price))
        moment = tariff.next_boundary(moment)
    at_s, prices = zip(*steps, strict=True)
    return _Day(at_s, prices)


def _moved(day: _Day, by_s: int) -> _Day:
    return _Day(tuple(at_s + by_s for at_s in day.at_s), day.prices)


class Past:
    """Histories of series, within one unit of work."""

    def __init__(self, unit: UnitOfWork, steps: Steps) -> None:
        self.unit, self.steps = unit, steps

    def of(self, series: PriceSeries, at: datetime, since: datetime | None = None) -> PriceHistory:
        """What is known at this moment, of the last three months or since then."""
        start = max(since or at - LOOKED_BACK, series.began_at)
        versions = self.unit.prices.versions([series.id], start)[series.id]
        tariffs = self.unit.catalogue.tariffs({one.tariff_id for one in versions if one.tariff_id})
        return self.told(series, versions, tariffs, start, at)

    def told(
        self,
        series: PriceSeries,
        versions: Sequence[PriceVersion],
        tariffs: Mapping[str, Tariff],
        start: datetime,
        at: datetime,
    ) -> PriceHistory:
        """From the versions that say it, and their tariffs."""
        history = PriceHistory(ZoneInfo(series.time_zone))
        known_until = min(at, series.seen_at + KNOWN_FOR)
        ends = [one.at for one in versions[1:]] + [known_until]
        for version, end in zip(versions, ends, strict=True):
            since = max(version.at, start)
            if version.tariff_id is None:
                history.see(since, None)
                continue
            tariff = tariffs[version.tariff_id]
            self.steps.tell(history, tariff, since, end)
            if version is versions[-1] and since < end:
                history.see(end, self.steps.price_at(tariff, end))
        if versions and known_until < at:
            history.see(at, None)
        return history


class LaterHistory(PriceHistory):
    """A history that is worked out when it is first asked: of fifty thousand ticks few are looked at closely.

    It can be asked as long as its unit of work lasts.
    """

    def __init__(self, past: Past, series: PriceSeries, at: datetime) -> None:
        self._source = past, series, at

    def __getattr__(self, name: str) -> Any:
        # Only for what is not there yet: everything that PriceHistory keeps.
        if name.startswith("__") or "_source" not in self.__dict__:
            raise AttributeError(name)
        past, series, at = self.__dict__.pop("_source")
        self.__dict__.update(vars(past.of(series, at)))
        return self.__dict__[name]
