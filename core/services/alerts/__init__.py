"""Alerts: when watches come true, and what of it is still true when it is said.

matchers   all live watches in memory: which of them a batch of ticks may concern
judging    whether one that was matched speaks, by its state and the history of its guns
looking    what time alone makes true: pauses that end, guns that become free, what is usual at another hour
writing    from alerts to one message a driver
telling    the message, as true as it is when it leaves
ending     watches that end, and the monthly word on those that never spoke
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from core.ports import Clock, Database, UnitOfWork
from core.services.alerts.judging import Judge, Judged
from core.services.alerts.matchers import Matchers
from core.services.alerts.writing import Ends, Written, write
from core.services.prices import SeriesTick
from core.services.prices.past import Steps
from core.watch import Where

__all__ = ["AlertService"]

# Memory keeps what has ended until then, and finds it in vain.
STALE_AFTER = timedelta(hours=6)
RUNG_AT_ONCE = 50
_WATCHES_AT_ONCE = 5_000

Ring = Callable[..., None]


class AlertService:
    """Safe from many threads. Only the process that follows prices keeps watches in memory: from the first ticks on.

    What is written within the transaction of the ticks is rung for after it, by `ring_written`.
    """

    def __init__(self, database: Database, clock: Clock, ring: Ring) -> None:
        """`ring` has rows of the outbox worked now."""
        self.database, self.clock, self.ring = database, clock, ring
        self._matchers, self._steps = Matchers(), Steps()
        self._written: list[Written] = []
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

    # --- ticks ------------------------------------------------------------------------------------------------

    def on_ticks(self, unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        """What these ticks mean for watches. Within their transaction: killed in the middle, nothing has happened."""
        at, matchers = self.clock.now(), self._matchers
        if matchers.loaded_at is None:
            matchers.load(unit, at)
        matchers.freshen(unit, at)
        settled = [one for one in ticks if one.tick.settled]
        found = matchers.crossed(
            settled, unit.watches.spots, lambda one: one.tick.history.share_of_usual(one.tick.at)
        )
        if not found:
            return
        watches = unit.watches.some(found)
        wide = [one.id for one in watches if one.where is not Where.STATION]
        around = {settled[n].series.station_id for watch_id in wide for n in found[watch_id]}
        judge = Judge(unit, at, self._steps, unit.watches.spots(around))
        judged = [judge.of(one, [settled[n] for n in found[one.id]]) for one in watches]
        self._keep(unit, [one for one in judged if one is not None], at)

    def _keep(self, unit: UnitOfWork, judged: Sequence[Judged], at: datetime) -> None:
        unit.watches.save([one.watch for one in judged])
        alerts = [one.alert for one in judged if one.alert is not None]
        written = write(unit, alerts, at, Ends(unit, at, self._steps))
        with self._lock:
            self._written += written

    def ring_written(self) -> None:
        """After the commit: have the most valuable messages sent at once. The sweeper finds the others."""
        with self._lock:
            written, self._written = self._written, []
        if written:
            first = sorted(written, key=lambda one: (one.rank, one.row_id))[:RUNG_AT_ONCE]
            self.ring(*(one.row_id for one in first))
