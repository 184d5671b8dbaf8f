"""The city's clock: real time, a moment held still, or time that runs faster, so that an evening takes seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

FASTEST = 36_000.0


class CityClock:
    """Safe from many threads. The server's envelopes and tokens live in real time, whatever this says."""

    def __init__(self, real_now: Callable[[], datetime]) -> None:
        self.real_now = real_now
        self._lock = threading.Lock()
        self._speed: float | None = None  # None: real time
        self._city = self._real = real_now()

    def now(self) -> datetime:
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        real = self.real_now()
        return real if self._speed is None else self._city + (real - self._real) * self._speed

    def set(self, at: datetime | None, speed: float) -> None:
        """Run at this speed from this moment, or from now; 0 holds it still."""
        if not 0 <= speed <= FASTEST:
            raise ValueError(f"speed from 0 to {FASTEST:.0f}")
        with self._lock:
            self._city, self._real, self._speed = at or self._now(), self.real_now(), speed

    def real(self) -> None:
        with self._lock:
            self._speed = None
