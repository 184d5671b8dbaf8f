"""Whether a watch that was matched speaks: within one transaction, by what the database says of it now."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.ports import PriceSeries, StationSpot, UnitOfWork
from core.prices.ticks import Tick
from core.prices.watching import (
    Alert,
    Level,
    Rule,
    Watch,
    WatchState,
    caught_up,
    judge,
    level,
    pause_ends,
    state_before,
)
from core.services.alerts.histories import Histories
from core.services.alerts.matchers import SEEN_BY_ALL
from core.services.prices import SeriesTick
from core.watch import Area, NewAlert, StandingWatch, StationGuns, Way, after_alert, version_key

GUN_WORTH = 999  # whoever waits for a gun waits now
_MOST_WORTH = 999

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it: the watch as it is to be kept, and what it says."""

    watch: StandingWatch
    alert: NewAlert | None = None


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A watch that speaks, before anybody has looked what it is worth."""

    watch: StandingWatch
    state: WatchState
    alert: Alert
    tick: SeriesTick
    also: int


class Judge:
    def __init__(
        self,
        unit: UnitOfWork,
        at: datetime,
        histories: Histories,
        spots: Mapping[str, StationSpot],
        *,
        inside: bool = False,
    ) -> None:
        """`spots`: of the stations whose ticks are judged for areas and ways. `inside`: they are in the circles."""
        self.unit, self.at, self.histories, self.spots, self.inside = unit, at, histories, spots, inside
        self._told: dict[int, PriceSeries] = {}  # guns that were told of before

    def all(self, found: Iterable[tuple[StandingWatch, Sequence[SeriesTick]]]) -> list[Judged]:
        """Those that have something to say, or to keep. What is asked of many is read at once."""
        found = [(watch, ticks) for watch, ticks in found if watch.live(self.at)]
        told = set()
        needed: dict[int, PriceSeries] = {}
        for watch, ticks in found:
            if watch.rule is Rule.BELOW and watch.state.armed and watch.state.said is None:
                continue
            wish = watch.wish
            for one in ticks:
                if watch.rule is not Rule.BELOW or self._state_without_history(watch, wish, one) is None:
                    needed[one.series.id] = one.series
                    told.add(watch.said_series)
        self._told |= {one.id: one for one in self.unit.prices.some(one for one in told if one is not None)}
        self.histories.read([*needed.values(), *self._told.values()])
        judged = [self._tried(watch, ticks) for watch, ticks in found]
        self.histories.read(one.tick.series for one in judged if isinstance(one, _Spoken))
        spoken = (self._spoken(one) if isinstance(one, _Spoken) else one for one in judged)
        return [one for one in spoken if one is not None]

    def met(self, watch: StandingWatch, ticks: Sequence[SeriesTick]) -> list[PriceSeries]:
        """The guns at which the wish is met; none of a watch that cannot be judged."""
        try:
            return self._where_met(watch, ticks) if watch.live(self.at) else []
        except Exception:
            log.exception("a watch could not be judged", extra={"watch_id": watch.id})
            return []

    def _where_met(self, watch: StandingWatch, ticks: Sequence[SeriesTick]) -> list[PriceSeries]:
        its = [one for one in ticks if self._concerns(watch, one.series)]
        if watch.rule is not Rule.BELOW:
            self.histories.read(one.series for one in its)
            its = [self.histories.tick(one) for one in its]
        return [one.series for one, _ in self._met(watch, watch.wish, its)]

    def _tried(self, watch: StandingWatch, ticks: Sequence[SeriesTick]) -> _Spoken | Judged | None:
        """A watch that cannot be judged is left out: it must not keep the prices of everybody from being followed. A
        database that fails does so again at the next question."""
        try:
            return self._of(watch, ticks)
        except Exception:
            log.exception("a watch could not be judged", extra={"watch_id": watch.id})
            return None

    def _of(self, watch: StandingWatch, ticks: Sequence[SeriesTick]) -> _Spoken | Judged | None:
        """None: nothing to say, and nothing to keep."""
        if watch.rule is Rule.GUN_FREE:
            return None
        wish = watch.wish
        if watch.rule is not Rule.BELOW:
            ticks = [self.histories.tick(one) for one in ticks]
        met = self._met(watch, wish, ticks)
        if not met:
            return None
        best, _ = min(met, key=lambda one: one[1].value)
        wait_until = self._waits_until(watch)
        if wait_until is not None:
            return _looked_at(watch, wait_until)
        state = self._state(watch, wish, best)
        spoken, alert = judge(wish, state, best.tick)
        if alert is None:
            return _looked_at(watch, pause_ends(wish, state, best.tick))
        return _Spoken(watch, spoken, alert, best, len(met) - 1)

    def _met(self, watch: StandingWatch, wish: Watch, ticks: Sequence[SeriesTick]) -> list[tuple[SeriesTick, Level]]:
        found = []
        for one in ticks:
            if self._concerns(watch, one.series):
                now = level(wish, one.tick)
                if now is not None and now.met:
                    found.append((one, now))
        return found

    def _concerns(self, watch: StandingWatch, series: PriceSeries) -> bool:
        place = watch.place
        if isinstance(place, StationGuns):
            return place.series_id == series.id
        spot = self.spots.get(series.station_id)
        if spot is None or not place.needs.fits(series.plug, series.power_kw, spot.operator_id):
            return False
        return (self.inside and isinstance(place, Area)) or place.holds(spot.point)

    def _waits_until(self, watch: StandingWatch) -> datetime | None:
        if watch.muted(self.at):
            return watch.muted_until
        if isinstance(watch.place, Way) and not watch.place.driven(self.at):
            return watch.place.next_drive(self.at)
        return None

    # --- its state --------------------------------------------------------------------------------------------

    def _state(self, watch: StandingWatch, wish: Watch, one: SeriesTick) -> WatchState:
        """A watch is not asked at every tick: what it missed is in the history of the guns it spoke of."""
        state = self._state_without_history(watch, wish, one)
        if state is not None:
            return state
        tick = self.histories.tick(one).tick
        here = caught_up(wish, watch.state, tick.history, tick)
        told = watch.said_series
        if told is None or told == one.series.id:
            return here
        there = self._told.get(told)
        armed = watch.state.armed
        if there is not None and not armed:
            armed = caught_up(wish, watch.state, self.histories.of(there), tick).armed
        return replace(here, armed=armed)

    @staticmethod
    def _state_without_history(watch: StandingWatch, wish: Watch, one: SeriesTick) -> WatchState | None:
        """What these guns cost a moment ago says nothing about the others that were told of."""
        itself = watch.said_series is None or watch.said_series == one.series.id
        return state_before(wish, watch.state, one.tick if itself else replace(one.tick, old=None))

    # --- its word ---------------------------------------------------------------------------------------------

    def _spoken(self, one: _Spoken) -> Judged:
        """With what it cost before, and what it is worth: the share saved against the usual price, per mille; where
        nobody can say what is usual, against the one before."""
        alert, tick = one.alert, self.histories.tick(one.tick).tick
        assert alert.price is not None, "a wish for a price was met"
        before = alert.before if alert.before is not None else _price_before(tick)
        usual = tick.history.usual(tick.at)
        against = before if usual is None else usual.median
        saved = 1 - alert.price / against if against else Decimal(0)
        series, watch = one.tick.series, one.watch
        new = NewAlert(
            watch_id=watch.id,
            user_id=watch.user_id,
            series_id=series.id,
            station_id=series.station_id,
            version=version_key(series.id, alert.tariff_id, alert.at),
            rule=watch.rule,
            at=alert.at,
            price=alert.price,
            before=before,
            value=alert.value,
            threshold=alert.threshold,
            currency=tick.currency,
            tariff_id=alert.tariff_id,
            worth=min(max(int(saved * 1000), 0), _MOST_WORTH),
            also=one.also,
        )
        # Found by a lower level from now on.
        spoken = after_alert(watch, one.state, series.id, look_at=None, changed_at=self.at - SEEN_BY_ALL)
        return Judged(spoken, new)


def _looked_at(watch: StandingWatch, moment: datetime | None) -> Judged | None:
    """To be looked at again then, if not before."""
    if moment is None or (watch.look_at is not None and watch.look_at <= moment):
        return None
    return Judged(replace(watch, look_at=moment))


def _price_before(tick: Tick) -> Decimal | None:
    """What it cost before it began to cost this, where no tick says so."""
    began = tick.history.price_since(tick.at)
    return None if began is None else tick.history.price_at(began - timedelta(seconds=1))
