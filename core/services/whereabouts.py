"""Where drivers are right now: for the shield, which asks whether somebody stands beside the gun.

Kept in this process's memory and nowhere else, and for ten minutes at most: a position is needed to check a code, and
then it is nobody's business. After a restart the driver is asked for the number on the gun instead.
"""

from __future__ import annotations

from threading import Lock

from core.geo import Point
from core.ports import Clock
from core.shield import LIMITS, DriverPosition

MOST_DRIVERS = 100_000


class Whereabouts:
    """Safe from many threads."""

    def __init__(self, clock: Clock, most: int = MOST_DRIVERS) -> None:
        self.clock, self.most = clock, most
        self._lock = Lock()
        self._last: dict[str, DriverPosition] = {}  # the one heard of longest ago first

    def here(self, user_id: str, point: Point) -> None:
        """The driver is at this point now."""
        at = self.clock.now()
        with self._lock:
            self._last.pop(user_id, None)
            self._last[user_id] = DriverPosition(point.wgs84, at)
            while self._last and (len(self._last) > self.most or self._is_old(next(iter(self._last)))):
                del self._last[next(iter(self._last))]

    def of(self, user_id: str) -> DriverPosition | None:
        """Where the driver was last, if that is not too long ago."""
        with self._lock:
            if user_id in self._last and self._is_old(user_id):
                del self._last[user_id]
            return self._last.get(user_id)

    def forget(self, user_id: str) -> None:
        with self._lock:
            self._last.pop(user_id, None)

    def _is_old(self, user_id: str) -> bool:
        return self.clock.now() - self._last[user_id].at > LIMITS.position_good_for
