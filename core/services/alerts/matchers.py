"""Which watches a batch of ticks may concern: all live ones, in the memory of the process that follows prices.

Nothing is taken out between two loads: whoever is found is read from the database and looked at there. What is put in
is the level of a watch, and, of one that has spoken, the lower level at which it may speak again.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from core.geo import Point, distance_m
from core.ports import CircleRow, StationSpot, UnitOfWork
from core.prices.areas import AreaMatcher, AreaWish
from core.prices.heap import Ints
from core.prices.matching import VALUE_BITS, StationMatcher, Ticks, falling, units_up
from core.prices.ticks import Tick
from core.prices.watching import WINDOWS_DAYS, Rule, lowest_in_days
from core.services.prices import SeriesTick
from core.watch import Area, StandingWatch, StationGuns, Way, operator_number, plug_bits

PRICE_RULES = (Rule.BELOW, Rule.BELOW_USUAL, Rule.LOWEST)
_PLACES = (1 << 33) - 1
_UNKNOWN = (1 << VALUE_BITS) - 1
# What is above everything is never below an unknown price.
_HIGHEST = _UNKNOWN - 1
_NUMBER_BITS = 20  # of a tick in its batch
_NUMBERS = (1 << _NUMBER_BITS) - 1
# Watches are stored with the moment at which their transaction began: each look goes back so far, and reads again
# what changed meanwhile. Very many that have spoken would be read so with every batch: they are dated back a little
# further, where every process that has not looked since then finds them, and the one that wrote them knows already.
SEEN_AGAIN_FOR = timedelta(minutes=2)
SEEN_BY_ALL = SEEN_AGAIN_FOR + timedelta(microseconds=1)
# A way is a chain of circles somewhat wider than it; `Way.holds` has the last word.
_LEAST_LINK_M, _WIDER = 1_000, 1.25

WithHistory = Callable[[Sequence[SeriesTick]], Sequence[SeriesTick]]
Measure = Callable[[Tick], Decimal | None]
Found = dict[int, list[int]]  # by watch the numbers of the ticks


class Matchers:
    """Safe from many threads: one at a time works with it."""

    def __init__(self) -> None:
        self._stations = {rule: StationMatcher() for rule in PRICE_RULES}
        self._areas = {rule: AreaMatcher() for rule in PRICE_RULES}
        self._has_areas = dict.fromkeys(PRICE_RULES, False)
        self._recent: dict[int, tuple[int, int | None]] = {}
        self._lock = threading.Lock()
        self.loaded_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._last = 0  # the highest number seen

    def load(self, unit: UnitOfWork, at: datetime) -> None:
        """All live watches, instead of what was there."""
        stations: dict[Rule, _Columns] = {rule: _Columns() for rule in PRICE_RULES}
        for page in unit.watches.levels(at):
            for row in page:
                stations[row.rule].put(row.id, row.series_id & _PLACES, row.level, row.again_level)
        circles: dict[Rule, list[AreaWish]] = defaultdict(list)
        for areas in unit.watches.circles(at):
            for area in areas:
                circles[area.rule] += _circle(area)
        for ways in unit.watches.ways(at):
            for one in ways:
                circles[one.rule] += _circles(one)
        with self._lock:
            for rule in PRICE_RULES:
                self._stations[rule] = stations[rule].matcher()
                self._areas[rule] = _area_matcher(circles[rule])
                self._has_areas[rule] = bool(circles[rule])
            self._recent = {}
            self.loaded_at = self._looked_at = at
            ids = [one.ids for one in stations.values()] + [[one.id for one in its] for its in circles.values()]
            self._last = max((max(its, default=0) for its in ids), default=0)

    def freshen(self, unit: UnitOfWork, at: datetime) -> None:
        """What was made or changed since the last look."""
        with self._lock:
            assert self._looked_at is not None, "loaded first"
            # By their numbers, too: the clock of whoever made them may be slow, or was put back.
            changed = unit.watches.changed(self._looked_at - SEEN_AGAIN_FOR, self._last)
            new = [one for one in changed if self._recent.get(one.id) != (one.level, one.again_level)]
            self._recent = {one.id: (one.level, one.again_level) for one in changed}
            self._looked_at, self._last = at, max([self._last, *self._recent])
            for one in new:
                if one.series_id:
                    for level in _levels(one.rule, one.level, one.again_level):
                        self._stations[one.rule].add(one.id, one.series_id & _PLACES, level)
            wide = unit.watches.some(one.id for one in new if not one.series_id)
            for rule in PRICE_RULES:
                circles = [circle for one in wide if one.rule is rule for circle in _circles(one)]
                self._has_areas[rule] |= bool(circles)
                self._areas[rule].add_all(circles)

    def spoken(self, watches: Iterable[StandingWatch]) -> None:
        """Those that are known and have spoken are found again by a lower price."""
        with self._lock:
            if self.loaded_at is None:
                return
            circles: list[AreaWish] = []
            for one in watches:
                self._recent[one.id] = one.level, one.again_level
                if one.rule is not Rule.BELOW or one.again_level is None:
                    continue
                if isinstance(one.place, StationGuns):
                    self._stations[one.rule].add(one.id, one.place.series_id & _PLACES, one.again_level)
                else:
                    circles += _circles(replace(one, level=one.again_level))
            self._areas[Rule.BELOW].add_all(circles)

    # --- matching ---------------------------------------------------------------------------------------------

    def crossed(
        self,
        ticks: Sequence[SeriesTick],
        spots: Callable[[Iterable[str]], Mapping[str, StationSpot]],
        with_history: WithHistory,
    ) -> Found:
        """By watch the ticks that may concern it. Where stations are, and what was before, is asked where somebody
        watches."""
        with self._lock:
            known = np.array([n for n, one in enumerate(ticks) if one.tick.new is not None], np.int64)
            if not len(known):
                return {}
            batch = self._batch([ticks[n] for n in known], spots)
            some = [ticks[n] for n in known]
            below = self._of(Rule.BELOW, batch)
            usual = self._measured(Rule.BELOW_USUAL, batch, some, _share_of_usual, with_history)
            fallen = _where(batch, falling(batch))
            lows = self._measured(Rule.LOWEST, fallen, [some[n] for n in falling(batch)], _low, with_history)
            pairs = [below, usual, _renumbered(lows, falling(batch))]
            # Of a pair that was found by two levels, or by two circles of a way, one.
            every = np.concatenate([ids << _NUMBER_BITS | known[numbers] for ids, numbers in pairs])
            found: Found = defaultdict(list)
            for pair in np.unique(every).tolist():
                found[pair >> _NUMBER_BITS].append(pair & _NUMBERS)
            return found

    def _batch(
        self, ticks: Sequence[SeriesTick], spots: Callable[[Iterable[str]], Mapping[str, StationSpot]]
    ) -> Ticks:
        count = len(ticks)
        place = np.array([one.series.id & _PLACES for one in ticks], np.int64)
        old = np.array([units_up(one.tick.old) for one in ticks], np.int64)
        new = np.array([units_up(one.tick.new) for one in ticks], np.int64)
        # Where nobody watches an area, nobody asks where the stations are.
        if not any(self._has_areas.values()):
            nothing, nowhere = np.zeros(count, np.int64), np.zeros(count)
            return Ticks(place, old, new, nowhere, nowhere, nothing, nothing, nothing)
        where = spots({one.series.station_id for one in ticks})
        here = [where.get(one.series.station_id) for one in ticks]
        return Ticks(
            place,
            old,
            new,
            np.array([0.0 if one is None else one.point.lat for one in here]),
            np.array([0.0 if one is None else one.point.lng for one in here]),
            np.array([plug_bits(frozenset({one.series.plug})) for one in ticks], np.int64),
            np.array([_watts(one.series.power_kw) for one in ticks], np.int64),
            np.array([0 if one is None else operator_number(one.operator_id) for one in here], np.int64),
        )

    def _of(self, rule: Rule, ticks: Ticks) -> tuple[Ints, Ints]:
        ids, numbers = self._stations[rule].crossed(ticks)
        if self._has_areas[rule]:
            more = self._areas[rule].crossed(ticks)
            ids, numbers = np.concatenate((ids, more[0])), np.concatenate((numbers, more[1]))
        return ids, numbers

    def _measured(
        self, rule: Rule, batch: Ticks, ticks: Sequence[SeriesTick], measure: Measure, with_history: WithHistory
    ) -> tuple[Ints, Ints]:
        """By what a price means beside its history, which is looked at where somebody has such a wish. A price that
        rises may be further below the usual one than before."""
        anything = _replaced(_from_unknown(batch), np.zeros_like(batch.new))
        watched = np.unique(self._of(rule, anything)[1])
        values = [measure(one.tick) for one in with_history([ticks[n] for n in watched.tolist()])]
        met = np.array([n for n, value in enumerate(values) if value is not None], np.int64)
        some = _where(_from_unknown(batch), watched[met])
        its = _replaced(some, np.array([units_up(value) for value in values if value is not None], np.int64))
        return _renumbered(self._of(rule, its), watched[met])

    @property
    def nbytes(self) -> int:
        stations, areas = self._stations.values(), self._areas.values()
        return sum(one.nbytes for one in stations) + sum(one.nbytes for one in areas)


class _Columns:
    """Watches on stations on their way into a matcher."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.places: list[int] = []
        self.levels: list[int] = []

    def put(self, watch_id: int, place: int, level: int, again_level: int | None) -> None:
        for one in (level,) if again_level is None else (level, again_level):
            self.ids.append(watch_id)
            self.places.append(place)
            self.levels.append(min(one, _HIGHEST))

    def matcher(self) -> StationMatcher:
        made = StationMatcher()
        made.load(*(np.array(column, np.int64) for column in (self.ids, self.places, self.levels)))
        return made


def _levels(rule: Rule, level: int, again_level: int | None) -> set[int]:
    """Only a price is found when it crosses a level; the others whenever they lie below it."""
    every = {level, again_level} if rule is Rule.BELOW else {level}
    return {min(one, _HIGHEST) for one in every if one is not None}


def _circles(one: StandingWatch) -> Iterator[AreaWish]:
    match one.place:
        case Area():
            links = [(one.place.centre, one.place.radius_m)]
        case Way():
            links = list(chain(one.place))
        case StationGuns():
            return
    needs = one.place.needs
    plugs, power_w, operator = plug_bits(needs.plugs), _watts(needs.min_power_kw), operator_number(needs.operator_id)
    for centre, radius_m in links:
        for level in _levels(one.rule, one.level, one.again_level):
            yield AreaWish(one.id, centre.lat, centre.lng, radius_m, level, plugs, power_w, operator)


def _circle(row: CircleRow) -> Iterator[AreaWish]:
    power_w, operator = _watts(row.min_power_kw), operator_number(row.operator_id)
    for level in _levels(row.rule, row.level, row.again_level):
        yield AreaWish(row.id, row.lat, row.lng, row.radius_m, level, row.plugs, power_w, operator)


def chain(way: Way) -> Iterator[tuple[Point, int]]:
    """Circles that together hold all that lies along the way."""
    radius_m = max(int(way.width_m * _WIDER), _LEAST_LINK_M)
    # So near to each other that where two of them meet is still as wide as the way.
    apart_m = 2 * math.sqrt(radius_m**2 - way.width_m**2) * 0.99
    for one, other in zip(way.points, way.points[1:], strict=False):
        links = max(math.ceil(distance_m(one, other) / apart_m), 1)
        for n in range(links + 1):
            part = n / links
            yield Point(one.lat + (other.lat - one.lat) * part, one.lng + (other.lng - one.lng) * part), radius_m


def _area_matcher(circles: Sequence[AreaWish]) -> AreaMatcher:
    made = AreaMatcher()
    made.load(
        ids=np.array([one.id for one in circles], np.int64),
        lat=np.array([one.lat for one in circles]),
        lng=np.array([one.lng for one in circles]),
        radius_m=np.array([one.radius_m for one in circles], np.int64),
        thresholds=np.array([one.threshold for one in circles], np.int64),
        plugs=np.array([one.plugs for one in circles], np.int64),
        power_w=np.array([one.power_w for one in circles], np.int64),
        operator=np.array([one.operator for one in circles], np.int64),
    )
    return made


def _watts(power_kw: Decimal | None) -> int:
    return int((power_kw or 0) * 1000)


def _share_of_usual(tick: Tick) -> Decimal | None:
    return tick.history.share_of_usual(tick.at)


def _low(tick: Tick) -> Decimal | None:
    """None: it is no lowest price."""
    days = lowest_in_days(tick)
    return Decimal(WINDOWS_DAYS[-1] - days) if days else None


def _where(ticks: Ticks, numbers: Ints) -> Ticks:
    """Some of them."""
    return Ticks(
        ticks.place[numbers], ticks.old[numbers], ticks.new[numbers], ticks.lat[numbers], ticks.lng[numbers],
        ticks.plugs[numbers], ticks.power_w[numbers], ticks.operator[numbers],
    )  # fmt: skip


def _from_unknown(ticks: Ticks) -> Ticks:
    return Ticks(
        ticks.place, np.full_like(ticks.old, _UNKNOWN), ticks.new, ticks.lat, ticks.lng, ticks.plugs, ticks.power_w,
        ticks.operator,
    )  # fmt: skip


def _replaced(ticks: Ticks, new: Ints) -> Ticks:
    return Ticks(
        ticks.place, ticks.old, new, ticks.lat, ticks.lng, ticks.plugs, ticks.power_w, ticks.operator
    )  # fmt: skip


def _renumbered(found: tuple[Ints, Ints], numbers: Ints) -> tuple[Ints, Ints]:
    return found[0], numbers[found[1]]
