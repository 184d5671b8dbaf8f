"""The access token of one process: fetched when it is needed, renewed before it ends, forced anew with care."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.ports import Clock

# The platform renews in the last five minutes of a token's life, with both valid: ask from then on.
RENEW_BEFORE = timedelta(minutes=5)
# Forcing a new token is allowed 20 times a day.
FORCE_EVERY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: datetime


class AccessTokens:
    """The access token of one process. One thread fetches while the others wait for it."""

    def __init__(self, fetch: Callable[[bool], tuple[str, int]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._token: _Token | None = None
        self._forced_at: datetime | None = None
        self._lock = threading.Lock()

    def current(self) -> str:
        with self._lock:
            if self._token is None or self._clock.now() >= self._token.renew_at:
                self._take(force=False)
            assert self._token is not None
            return self._token.value

    def renew(self, refused: str) -> None:
        """Get another token, unless another thread has done so since this one was refused."""
        with self._lock:
            if self._token is not None and self._token.value != refused:
                return
            if self._take(force=False) == refused and self._may_force():
                self._forced_at = self._clock.now()
                self._take(force=True)

    def _may_force(self) -> bool:
        return self._forced_at is None or self._clock.now() - self._forced_at >= FORCE_EVERY

    def _take(self, *, force: bool) -> str:
        value, expires_in_s = self._fetch(force)
        life = max(timedelta(seconds=expires_in_s) - RENEW_BEFORE, timedelta(seconds=30))
        self._token = _Token(value, self._clock.now() + life)
        return value
