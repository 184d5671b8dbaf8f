"""The breaker: a supplier that keeps failing is left alone for a while, instead of being asked by everybody.

One for each supplier and kind of call, in each process. It is never locked while a call is under way.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable

OPENS_AFTER = 5  # failures one after the other
WINDOW = 20  # calls looked back on
WORST_SHARE = 0.5  # of failures in a full window
SHORTEST_REST_S, LONGEST_REST_S = 5.0, 30.0
# A probe whose outcome nobody reports (its thread is gone) holds the others up no longer than this.
PROBE_WITHIN_S = 60.0


class Breaker:
    """Closed: all calls go through. Open: none. After a rest one probe goes through; its outcome decides."""

    def __init__(
        self,
        *,
        opens_after: int = OPENS_AFTER,
        now: Callable[[], float] = time.monotonic,
        rest_s: Callable[[], float] = lambda: random.uniform(SHORTEST_REST_S, LONGEST_REST_S),
    ) -> None:
        self._opens_after, self._now, self._rest_s = opens_after, now, rest_s
        self._lock = threading.Lock()
        self._failures = 0
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)
        self._asks_again_at: float | None = None  # None: closed

    @property
    def is_open(self) -> bool:
        return self._asks_again_at is not None

    def wait_s(self) -> float:
        """How long to leave the supplier alone; 0.0: go, and report the outcome. An open breaker says that to one."""
        with self._lock:
            if self._asks_again_at is None:
                return 0.0
            left_s = self._asks_again_at - self._now()
            if left_s > 0:
                return left_s
            self._asks_again_at = self._now() + PROBE_WITHIN_S
            return 0.0

    def succeeded(self) -> bool:
        """Report a success; True when this closed the breaker."""
        with self._lock:
            was_open = self._asks_again_at is not None
            if was_open:
                self._asks_again_at = None
                self._outcomes.clear()
            self._failures = 0
            self._outcomes.append(True)
            return was_open

    def failed(self) -> bool:
        """Report a failure; True when this opened the breaker."""
        with self._lock:
            self._failures += 1
            self._outcomes.append(False)
            was_open = self._asks_again_at is not None
            if was_open or self._failures >= self._opens_after or self._too_many():
                self._asks_again_at = self._now() + self._rest_s()
            return self._asks_again_at is not None and not was_open

    def _too_many(self) -> bool:
        return len(self._outcomes) == WINDOW and self._outcomes.count(False) >= WINDOW * WORST_SHARE
