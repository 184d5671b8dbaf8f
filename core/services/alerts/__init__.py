"""Alerts: when watches come true, and what of it is still true when it is said.

matchers   all live watches in memory: which of them a batch of ticks may concern
histories  what was before, of many guns at once
judging    whether one that was matched speaks, by its state and the history of its guns
looking    what time alone makes true: pauses that end, guns that become free, what is usual at another hour
writing    from alerts to one message a driver
telling    the message, as true as it is when it leaves
moving     watches on guns that a supplier calls something else now
ending     watches that end, and the monthly word on those that never spoke
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from core.ports import Clock, Database, UnitOfWork
from core.services.alerts.ending import ENDED_AT_ONCE, KEPT_FOR, Ender
from core.services.alerts.histories import Histories
from core.services.alerts.judging import Judge, Judged
from core.services.alerts.looking import DUE_AT_ONCE, GUNS_AT_ONCE, USUAL_AT_ONCE, USUAL_MOVES_FOR, Looker
from core.services.alerts.matchers import Matchers
from core.services.alerts.moving import follow_guns
from core.services.alerts.writing import Ends, Written, write
from core.services.prices import SeriesTick
from core.services.prices.past import Steps
from core.station import STATUS_FRESH_FOR
from core.watch import Where

__all__ = ["AlertService"]

# Memory keeps what has ended until then, and finds it in vain.
STALE_AFTER = timedelta(hours=6)
RUNG_AT_ONCE = 50
# Nobody else writes to SQLite meanwhile.
_SLOW_S = 1.0
_USUAL = "look_at_usual"  # the slots of hours

Ring = Callable[..., None]

log = logging.getLogger(__name__)


class AlertService:
    """Safe from many threads. Only the process that follows prices keeps watches in memory: from the first ticks on.

    What is written within the transaction of the ticks is rung for after it, by `ring_written`.
    """

    def __init__(self, database: Database, clock: Clock, ring: Ring) -> None:
        """`ring` has rows of the outbox worked now."""
        self.database, self.clock, self.ring = database, clock, ring
        self._matchers, self._steps = Matchers(), Steps()
        self._written: list[Written] = []
        self._usual: list[int] = []  # series that are to be looked at within this hour
        self._usual_hour: int | None = None
        self._lock = threading.Lock()

    # --- memory -----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read all live watches. Nobody is held up, and matching goes on with what was known before."""
        now, fresh = self.clock.now(), Matchers()
        with self.database.read() as unit:
            fresh.load(unit, now)
        self._matchers = fresh

    def is_stale(self) -> bool:
        loaded_at = self._matchers.loaded_at
        return loaded_at is None or self.clock.now() - loaded_at >= STALE_AFTER

    # --- time -------------------------------------------------------------------------------------------------

    def look(self) -> bool:
        """See to a part of what time alone has made true; whether there is more of it. Cheap when nothing is due."""
        more = self._look_at_due() | self._look_at_guns() | self._look_at_usual()
        self.ring_written()
        return more

    def _look_at_due(self) -> bool:
        now = self.clock.now()
        with self.database.read() as unit:
            due = unit.watches.due(now, DUE_AT_ONCE)
            if not due:
                return False
            around = Looker(unit, now, self._steps).around(due)
        with self._looking(now) as (unit, looker):
            due = unit.watches.due(now, DUE_AT_ONCE)
            self._keep(unit, looker.due(due, around), now)
        return bool(looker.left) or len(due) == DUE_AT_ONCE

    def _look_at_guns(self) -> bool:
        now = self.clock.now()
        told_since = now - STATUS_FRESH_FOR
        with self.database.read() as unit:
            if not unit.watches.guns_turned(now, told_since, 1):
                return False
        with self._looking(now) as (unit, looker):
            turned = unit.watches.guns_turned(now, told_since, GUNS_AT_ONCE)
            self._keep(unit, looker.guns(turned), now)
        return len(turned) == GUNS_AT_ONCE

    def _look_at_usual(self) -> bool:
        """Once an hour: another price is usual then, whether or not one has changed."""
        now = self.clock.now()
        if self._usual_hour != (hour := int(now.timestamp()) // 3600):
            with self.database.write() as unit:
                mine = unit.ticks.take(_USUAL, str(hour), now)
                self._usual = unit.watches.usual_series(now - USUAL_MOVES_FOR) if mine else []
            self._usual_hour = hour
        if not self._usual:
            return False
        with self.database.read() as unit:
            met = Looker(unit, now, self._steps).below_usual(self._usual[:USUAL_AT_ONCE])
        if met:
            with self._looking(now) as (unit, looker):
                judged = looker.due(unit.watches.some(met), {})
                later = [Judged(replace(one, look_at=now)) for one in looker.left]
                self._keep(unit, [*judged, *later], now)
        self._usual = self._usual[USUAL_AT_ONCE:]
        return bool(self._usual)

    @contextmanager
    def _looking(self, at: datetime) -> Iterator[tuple[UnitOfWork, Looker]]:
        with self.database.write() as unit:
            unit.prices.alone()
            yield unit, Looker(unit, at, self._steps)

    # --- ends -------------------------------------------------------------------------------------------------

    def upkeep(self) -> int:
        """End what has expired, say how near the others came, forget what ended long ago; how many were seen to."""
        now, seen = self.clock.now(), 0
        while True:
            with self.database.write() as unit:
                ender = Ender(unit, now, self._steps)
                expired = unit.watches.expired(now, ENDED_AT_ONCE)
                ender.end(expired)
                quiet = unit.watches.notes_due(now, ENDED_AT_ONCE)
                ender.note(quiet)
            self.ring(*ender.rows)
            seen += len(expired) + len(quiet)
            if not expired and not quiet:
                break
        with self.database.write() as unit:
            return seen + unit.watches.purge(now - KEPT_FOR)

    # --- ticks ------------------------------------------------------------------------------------------------

    def on_ticks(self, unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        """What these ticks mean for watches. Within their transaction: killed in the middle, nothing has happened."""
        began = time.monotonic()
        found = self._match(unit, ticks)
        took_s = round(time.monotonic() - began, 3)
        if took_s > _SLOW_S:
            log.warning("ticks held up everybody", extra={"ticks": len(ticks), "found": found, "took_s": took_s})

    def _match(self, unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> int:
        """How many watches were looked at."""
        at, matchers = self.clock.now(), self._matchers
        if matchers.loaded_at is None:
            matchers.load(unit, at)
        matchers.freshen(unit, at)
        follow_guns(unit, [one.series for one in ticks if one.series.lapsed], at)
        settled = [one for one in ticks if one.tick.settled]
        histories = Histories(unit, at, self._steps)
        found = matchers.crossed(settled, unit.watches.spots, histories.with_history)
        if not found:
            return 0
        watches = unit.watches.some(found)
        wide = [one.id for one in watches if one.where is not Where.STATION]
        around = {settled[n].series.station_id for watch_id in wide for n in found[watch_id]}
        judge = Judge(unit, at, histories, unit.watches.spots(around), inside=True)
        judged = judge.all((one, [settled[n] for n in found[one.id]]) for one in watches)
        self._keep(unit, judged, at)
        return len(found)

    def _keep(self, unit: UnitOfWork, judged: Sequence[Judged], at: datetime) -> None:
        unit.watches.save_spoken([one.watch for one in judged])
        self._matchers.spoken(one.watch for one in judged if one.alert is not None)
        alerts = [one.alert for one in judged if one.alert is not None]
        written = write(unit, alerts, at, Ends(unit, at, self._steps))
        with self._lock:
            self._written += written

    def ring_written(self) -> None:
        """After the commit: have the most valuable messages sent at once. The sweeper finds the others."""
        with self._lock:
            written, self._written = self._written, []
        if written:
            log.info("alerts are on their way", extra={"messages": len(written)})
            first = sorted(written, key=lambda one: (one.rank, one.row_id))[:RUNG_AT_ONCE]
            self.ring(*(one.row_id for one in first))
