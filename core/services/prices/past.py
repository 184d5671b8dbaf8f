"""What a price was, worked out: the versions say which tariff held when, and the tariff says the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
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

_Steps = tuple[tuple[datetime, Decimal | None], ...]


class Steps:
    """The steps of tariffs, day by day, kept: very many stations share a tariff. Safe from many threads."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, int], _Steps] = {}
        self._next: dict[str, tuple[datetime, datetime]] = {}

    def between(self, tariff: Tariff, start: datetime, end: datetime) -> Iterable[tuple[datetime, Decimal | None]]:
        """The price at `start`, and each step until before `end`, the beginnings of days among them."""
        yield start, price_per_kwh(tariff, start)
        for day in range(start.toordinal(), end.toordinal() + 1):
            for moment, price in self._of_day(tariff, day):
                if start < moment < end:
                    yield moment, price

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

    def _of_day(self, tariff: Tariff, day: int) -> _Steps:
        """From midnight to midnight, UTC."""
        kept = self._days.get((tariff.id, day))
        if kept is not None:
            return kept
        start = datetime.fromordinal(day).replace(tzinfo=UTC)
        steps = [(start, price_per_kwh(tariff, start))]
        moment = tariff.next_boundary(start)
        while moment is not None and moment < start + _A_DAY:
            price = price_per_kwh(tariff, moment)
            if price != steps[-1][1]:
                steps.append((moment, price))
            moment = tariff.next_boundary(moment)
        if len(self._days) > _MOST_KEPT:
            self._days.clear()
        self._days[tariff.id, day] = tuple(steps)
        return self._days[tariff.id, day]


class Past:
    """Histories of series, within one unit of work."""

    def __init__(self, unit: UnitOfWork, steps: Steps) -> None:
        self.unit, self.steps = unit, steps

    def of(self, series: PriceSeries, at: datetime, since: datetime | None = None) -> PriceHistory:
        """What is known at this moment, of the last three months or since then."""
        start = max(since or at - LOOKED_BACK, series.began_at)
        versions = self.unit.prices.versions([series.id], start)[series.id]
        tariffs = self.unit.catalogue.tariffs({one.tariff_id for one in versions if one.tariff_id})
        return self._told(series, versions, tariffs, start, at)

    def _told(
        self,
        series: PriceSeries,
        versions: Sequence[PriceVersion],
        tariffs: dict[str, Tariff],
        start: datetime,
        at: datetime,
    ) -> PriceHistory:
        history = PriceHistory(ZoneInfo(series.time_zone))
        known_until = min(at, series.seen_at + KNOWN_FOR)
        ends = [one.at for one in versions[1:]] + [known_until]
        for version, end in zip(versions, ends, strict=True):
            since = max(version.at, start)
            if version.tariff_id is None:
                history.see(since, None)
                continue
            tariff = tariffs[version.tariff_id]
            for moment, price in self.steps.between(tariff, since, end):
                history.see(moment, price)
            if version is versions[-1] and since < end:
                history.see(end, price_per_kwh(tariff, end))
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
