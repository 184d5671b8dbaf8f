"""The histories of many series at once, within one unit of work.

Very many guns share a tariff and got it at one moment: what they cost was the same, and is worked out once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from core.ports import PriceSeries, PriceVersion, UnitOfWork
from core.prices.history import KNOWN_FOR, PriceHistory
from core.services.prices import SeriesTick
from core.services.prices.past import LOOKED_BACK, Past, Steps
from core.tariff import Tariff

_Course = tuple[str, datetime, datetime, tuple[tuple[datetime, str | None], ...]]


class Histories:
    """What is known at one moment, of the last three months."""

    def __init__(self, unit: UnitOfWork, at: datetime, steps: Steps) -> None:
        self.unit, self.at = unit, at
        self._past, self._start = Past(unit, steps), at - LOOKED_BACK
        self._versions: dict[int, list[PriceVersion]] = {}
        self._tariffs: dict[str, Tariff] = {}
        self._worked_out: dict[_Course, PriceHistory] = {}
        self._ticks: dict[int, SeriesTick] = {}

    def read(self, series: Iterable[PriceSeries]) -> None:
        """Those that will be asked of, at once."""
        unread = {one.id for one in series if one.id not in self._versions}
        if not unread:
            return
        self._versions |= self.unit.prices.versions(unread, self._start)
        held = {version.tariff_id for one in unread for version in self._versions[one]} - {None}
        self._tariffs |= self.unit.catalogue.tariffs({one for one in held if one} - self._tariffs.keys())

    def of(self, series: PriceSeries) -> PriceHistory:
        self.read([series])
        versions = self._versions[series.id]
        start = max(self._start, series.began_at)
        until = min(self.at, series.seen_at + KNOWN_FOR)
        course = (series.time_zone, start, until, tuple((max(one.at, start), one.tariff_id) for one in versions))
        if course not in self._worked_out:
            self._worked_out[course] = self._past.told(series, versions, self._tariffs, start, self.at)
        return self._worked_out[course]

    def with_history(self, ticks: Sequence[SeriesTick]) -> list[SeriesTick]:
        """The same ticks, with histories that were read at once."""
        self.read(one.series for one in ticks)
        return [self.tick(one) for one in ticks]

    def tick(self, one: SeriesTick) -> SeriesTick:
        """The same with its history: of a series there is one tick at a moment."""
        known = self._ticks.get(one.series.id)
        if known is None:
            known = SeriesTick(one.series, replace(one.tick, history=self.of(one.series)))
            self._ticks[one.series.id] = known
        return known
