"""Prices over time: follows what suppliers say and what the clock does, and tells what was, what is usual, and when
to charge.

    book   one transaction's work: what is said is weighed, what changes becomes versions and ticks
    past   histories, worked out from versions and tariffs
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median_low

from core.ports import Clock, Database, PriceDay, PricedGun, PriceSeries, UnitOfWork
from core.prices.history import PriceHistory
from core.prices.timing import Advice, wait_or_go
from core.ranking import charge_minutes
from core.services.prices.book import Book, Doubts, SeriesTick
from core.services.prices.past import LOOKED_BACK, Past, Steps
from core.station import Connector, ConnectorRef
from core.tariff import Tariff

__all__ = ["GroupPrices", "OnTicks", "PriceService", "SeriesTick"]

# Series in one transaction, and half as many where more has to be thought about each: at most, at first, at least.
# What a tick means is worked out in it, and on SQLite nobody else writes meanwhile: it has to stay below a second.
# Ours of ten thousand is a quarter of one at a boundary, and up to three quarters for what is said.
AT_ONCE, FIRST_AT_ONCE, LEAST_AT_ONCE = 10_000, 2_500, 1_000
LASTS_S = 1.0  # what it should take
AHEAD = timedelta(days=1)
# A series with fewer old versions than this is not worth shrinking.
_MANY_VERSIONS = 200
_SHRUNK_AT_ONCE = 5
_FORGOTTEN_AT_ONCE = 10_000
KEPT_WHOLE = LOOKED_BACK + timedelta(days=1)

OnTicks = Callable[[UnitOfWork, Sequence[SeriesTick]], None]


@dataclass(frozen=True, slots=True)
class GroupPrices:
    """The guns of a station that are the same to a driver, and what they have cost.

    `tariff` is the believed one, None where nobody knows; `ahead` is what it will cost during the next day, from now.
    """

    series: PriceSeries
    guns: int
    history: PriceHistory
    tariff: Tariff | None
    ahead: Sequence[tuple[datetime, Decimal | None]]


class PriceService:
    """Safe from many threads and processes: whoever follows does so alone, by a lock in the database that ends with
    its transaction. Killed in the middle, nothing has happened; the next one begins where it began."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_ticks: OnTicks = lambda unit, ticks: None,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """`on_ticks` is called within the transaction of the ticks. `at_once` is the most series in one."""
        self.database, self.clock, self.on_ticks, self.at_once = database, clock, on_ticks, at_once
        self._steps, self._doubts = Steps(), Doubts()
        self._size = min(at_once, FIRST_AT_ONCE)

    # --- following --------------------------------------------------------------------------------------------

    def is_behind(self) -> bool:
        """Whether `follow` or `boundaries` may find something. Cheap, and holds nobody up."""
        with self.database.read() as unit:
            return unit.prices.is_behind(self.clock.now())

    def follow(self) -> int:
        """Take what suppliers have said since, to the end; the ticks it made."""
        ticks = 0
        while True:
            size, began = max(self._size // 2, 1), time.monotonic()
            with self.database.write() as unit:
                said = unit.prices.take(size)
                if not said:
                    return ticks
                book = self._book(unit)
                book.hear(said)
                ticks += self._closed(unit, book)
            self._fit(began, full=len(said) == size)

    def boundaries(self) -> int:
        """See to all series for which time alone has changed something, without any supplier; the ticks it made."""
        ticks = 0
        while True:
            # Between many series, too: what is pushed meanwhile is not to wait for all of them.
            ticks += self.follow()
            size, began = self._size, time.monotonic()
            with self.database.write() as unit:
                due = unit.prices.due(self.clock.now(), size)
                if not due:
                    return ticks
                book = self._book(unit)
                book.look(due, max(size // 2, 1))
                ticks += self._closed(unit, book)
            self._fit(began, full=len(due) == size)

    def _fit(self, began: float, *, full: bool) -> None:
        """How much the next transaction takes on, by how long this one was: what many alerts hang on takes longer
        than what nobody watches. One that was not full says nothing."""
        if full:
            fits = self._size * LASTS_S / max(time.monotonic() - began, 0.001)
            self._size = int(min(max(fits, LEAST_AT_ONCE), 2 * self._size, self.at_once))

    def _book(self, unit: UnitOfWork) -> Book:
        return Book(unit, self.clock.now(), self._steps, self._doubts)

    def _closed(self, unit: UnitOfWork, book: Book) -> int:
        ticks = book.close()
        if ticks:
            self.on_ticks(unit, ticks)
        return len(ticks)

    # --- telling ----------------------------------------------------------------------------------------------

    def history(self, station_id: str) -> list[GroupPrices]:
        """By group of guns, the most powerful first; none for a station that has no prices."""
        at, found = self.clock.now(), []
        with self.database.read() as unit:
            guns: dict[int, list[PricedGun]] = defaultdict(list)
            for gun in unit.prices.guns([station_id]):
                guns[gun.series_id].append(gun)
            past = Past(unit, self._steps)
            for kept in unit.prices.series_of([station_id]):
                if kept.id in guns and kept.believed_id is not None:
                    one = _as_seen(kept, guns[kept.id], at)
                    known = None if one.lapsed else unit.catalogue.tariffs([kept.believed_id])[kept.believed_id]
                    ahead = [] if known is None else list(self._changes(known, at, at + AHEAD))
                    count = sum(gun.count for gun in guns[one.id])
                    found.append(GroupPrices(one, count, past.of(one, at), known, ahead))
        return sorted(found, key=lambda one: (-(one.series.power_kw or 0), one.series.plug))

    def _changes(self, tariff: Tariff, at: datetime, end: datetime) -> list[tuple[datetime, Decimal | None]]:
        steps: list[tuple[datetime, Decimal | None]] = []
        for moment, price in self._steps.between(tariff, at, end):
            if not steps or steps[-1][1] != price:
                steps.append((moment, price))
        return steps

    def wait_or_go(self, group: GroupPrices, kwh: Decimal, ready_by: datetime) -> Advice | None:
        """The better time for so many kWh at these guns until then, where there is one that is worth it."""
        if group.tariff is None:
            return None
        gun = Connector(ConnectorRef("", ""), group.series.plug, group.series.power_kw)
        minutes = charge_minutes(gun, kwh)
        return wait_or_go(group.tariff, kwh=kwh, minutes=minutes, now=self.clock.now(), ready_by=ready_by)

    # --- keeping it small -------------------------------------------------------------------------------------

    def compact(self) -> int:
        """Keep three months whole. Of older times a few rows a day stay of series with many versions, and none of the
        observations, which the versions repeat. Returns how many rows went."""
        before = (self.clock.now() - KEPT_WHOLE).replace(hour=0, minute=0, second=0, microsecond=0)
        gone = 0
        while True:
            with self.database.write() as unit:
                crowded = unit.prices.crowded(before, _MANY_VERSIONS, _SHRUNK_AT_ONCE)
                days = [day for one in crowded for day in self._days(unit, one, before)]
                gone += unit.prices.compact(days, before)
                forgotten = unit.prices.forget_observations(before, _FORGOTTEN_AT_ONCE)
            gone += forgotten
            if not crowded and not forgotten:
                return gone

    def _days(self, unit: UnitOfWork, series: PriceSeries, before: datetime) -> list[PriceDay]:
        history = Past(unit, self._steps).of(series, before, since=series.began_at)
        days = []
        # The last day kept has lost the versions of its earlier hours.
        kept = [one.day + 1 for one in unit.prices.days(series.id)[-1:]]
        first = max(kept[0] if kept else 0, history.began_at.toordinal() if history.began_at else before.toordinal())
        for day in range(first, before.toordinal()):
            start = datetime.fromordinal(day).replace(tzinfo=UTC)
            hours = (history.price_at(start + timedelta(hours=hour)) for hour in range(24))
            prices = sorted(price for price in hours if price is not None)
            if prices:
                days.append(PriceDay(series.id, day, prices[0], median_low(prices), prices[-1]))
        return days


def _as_seen(series: PriceSeries, guns: Sequence[PricedGun], at: datetime) -> PriceSeries:
    """With the last time that one of its guns had the price: the series notes that once a day only."""
    seen = (gun.price_seen_at for gun in guns if gun.tariff_id == series.believed_id and not series.lapsed)
    newest = max((one for one in seen if one is not None), default=series.seen_at)
    return replace(series, seen_at=max(series.seen_at, min(newest, at)))
