"""What time alone makes true, with no tick: a pause is over, a way is driven, a gun is free, another price is usual.

Each look does one part of what is due and ends its transaction, so that prices are followed meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.geo import Point, distance_m
from core.ports import GunsNow, PriceSeries, StationSpot, UnitOfWork
from core.prices.areas import MOST_RADIUS_M
from core.prices.history import PriceHistory
from core.prices.ticks import Cause, Tick
from core.prices.watching import Rule, judge, level, pause_ends
from core.services.alerts.histories import Histories
from core.services.alerts.judging import GUN_WORTH, Judge, Judged
from core.services.prices import SeriesTick
from core.services.prices.past import Steps
from core.watch import Area, NewAlert, StandingWatch, StationGuns, Way, after_alert

DUE_AT_ONCE, GUNS_AT_ONCE, USUAL_AT_ONCE = 500, 500, 200
DUE_WITHIN_S = 0.5  # nobody else writes to SQLite meanwhile
# A usual price has moved along with a new one after four weeks; a week more for those that were not asked meanwhile.
USUAL_MOVES_FOR = timedelta(days=35)
# While nobody tells of the guns they are looked at less often.
_UNKNOWN_AGAIN = timedelta(minutes=1)
_STATIONS_AROUND = 2_000
_NO_HISTORY = PriceHistory(UTC)


class Looker:
    """Within one transaction. Nobody else looks or follows prices until it ends."""

    def __init__(self, unit: UnitOfWork, at: datetime, steps: Steps) -> None:
        self.unit, self.at = unit, at
        self.histories = Histories(unit, at, steps)
        self.left: list[StandingWatch] = []  # there was no time for

    # --- pauses and hours -------------------------------------------------------------------------------------

    def around(self, watches: Sequence[StandingWatch]) -> dict[int, list[int]]:
        """By watch on an area or a way the guns at which its wish is met now, as far as the time goes. Asked before
        anything is locked: all stations of an area are looked at."""
        began, found = time.monotonic(), dict[int, list[int]]()
        for one in watches:
            if isinstance(one.place, StationGuns):
                continue
            if found and time.monotonic() - began > DUE_WITHIN_S:
                break
            middle, reach_m = _bounds(one.place)
            spots = self.unit.watches.spots(self.unit.watches.stations_within(middle, reach_m, _STATIONS_AROUND))
            judge = Judge(self.unit, self.at, self.histories, spots)
            found[one.id] = [its.id for its in judge.met(one, self.ticks(self.unit.prices.series_of(spots)))]
        return found

    def due(self, watches: Sequence[StandingWatch], around: Mapping[int, Sequence[int]]) -> list[Judged]:
        """Those whose time has come, asked by what is true now, as far as the time goes. The others stay due, as do
        those on areas and ways that nobody has looked around for."""
        began = time.monotonic()
        wanted = {one.id: _series_of(one, around) for one in watches}
        series = {one.id: one for one in self.unit.prices.some({number for its in wanted.values() for number in its})}
        wide = {number for one in watches if one.id in around for number in wanted[one.id]}
        spots = self.unit.watches.spots({series[number].station_id for number in wide if number in series})
        self.histories.read(series.values())
        found = []
        for number, one in enumerate(watches):
            if time.monotonic() - began > DUE_WITHIN_S:
                self.left += watches[number:]
                break
            if not isinstance(one.place, StationGuns) and one.id not in around:
                self.left.append(one)
                continue
            judged = self._asked(one, [series[its] for its in wanted[one.id] if its in series], spots)
            if judged.watch != one:
                found.append(judged)
        return found

    def _asked(self, watch: StandingWatch, series: Iterable[PriceSeries], spots: Mapping[str, StationSpot]) -> Judged:
        # Whatever comes of it, it is not due any more.
        watch = replace(watch, look_at=None)
        judge = Judge(self.unit, self.at, self.histories, spots)
        return next(iter(judge.all([(watch, self.ticks(series))])), Judged(watch))

    def ticks(self, series: Iterable[PriceSeries]) -> list[SeriesTick]:
        """As if the clock had ticked there: what it costs now. Whoever judges them brings their histories."""
        found = []
        for one in series:
            if one.price is not None and not one.lapsed:
                tick = Tick(
                    str(one.id), self.at, None, one.price, one.currency, Cause.CLOCK, _NO_HISTORY,
                    one.believed_id or "",
                )  # fmt: skip
                found.append(SeriesTick(one, tick))
        return found

    # --- what is usual ----------------------------------------------------------------------------------------

    def below_usual(self, series_ids: Sequence[int]) -> list[int]:
        """The watches on these guns whose wish is met now. Asked before anything is locked: it takes long."""
        known = self.histories.with_history(self.ticks(self.unit.prices.some(series_ids)))
        ticks = {one.series.id: one.tick for one in known}
        met = []
        for one in self.unit.watches.of_series(ticks, Rule.BELOW_USUAL):
            assert isinstance(one.place, StationGuns), "watches on series are on stations"
            now = level(one.wish, ticks[one.place.series_id])
            if now is not None and now.met and one.live(self.at):
                met.append(one.id)
        return met

    # --- guns -------------------------------------------------------------------------------------------------

    def guns(self, turned: Sequence[tuple[StandingWatch, GunsNow]]) -> list[Judged]:
        """Those of which some became free, or the last one was taken."""
        return [self._of_guns(watch, guns) for watch, guns in turned]

    def _of_guns(self, watch: StandingWatch, guns: GunsNow) -> Judged:
        watch = replace(watch, look_at=None)
        if watch.muted(self.at):
            return Judged(replace(watch, look_at=watch.muted_until))
        if not guns.known:
            return Judged(replace(watch, look_at=self.at + _UNKNOWN_AGAIN))
        place = watch.place
        assert isinstance(place, StationGuns), "one waits for guns at a station"
        key = str(place.series_id)
        tick = Tick(key, self.at, None, None, "", Cause.CLOCK, _NO_HISTORY, free_guns=guns.free)
        wish, before = watch.wish, watch.state
        state, alert = judge(wish, before, tick)
        if alert is None:
            return Judged(replace(watch, state=state, look_at=pause_ends(wish, before, tick)))
        said = NewAlert(
            watch_id=watch.id,
            user_id=watch.user_id,
            series_id=place.series_id,
            station_id=place.station_id,
            version=f"{place.series_id}:guns:{int(self.at.timestamp())}",
            rule=watch.rule,
            at=self.at,
            price=None,
            before=None,
            value=alert.value,
            threshold=alert.threshold,
            currency="",
            tariff_id="",
            worth=GUN_WORTH,
        )
        return Judged(after_alert(watch, state, place.series_id, look_at=None, changed_at=watch.changed_at), said)


def _series_of(watch: StandingWatch, around: Mapping[int, Sequence[int]]) -> Sequence[int]:
    place = watch.place
    return [place.series_id] if isinstance(place, StationGuns) else around.get(watch.id, ())


def _bounds(place: Area | Way) -> tuple[Point, float]:
    """A middle, and how far from it the place reaches."""
    if isinstance(place, Area):
        return place.centre, place.radius_m
    lats, lngs = [one.lat for one in place.points], [one.lng for one in place.points]
    middle = Point((min(lats) + max(lats)) / 2, (min(lngs) + max(lngs)) / 2)
    reach_m = max(distance_m(middle, one) for one in place.points) + place.width_m
    return middle, min(reach_m, MOST_RADIUS_M + place.width_m)
