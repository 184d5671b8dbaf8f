"""A platform has asked one of our processes to be silent: the others know within a millisecond, by Redis.

The outbox keeps the pause for good, but a process that has claimed its row already would not look there any more.
Redis may be away or empty: then it is the outbox alone that knows.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from redis import Redis
from redis.exceptions import RedisError

KEY = "kilowatch:pause:"
NOT_ASKED_FOR_S = 10.0  # after a failure: a Redis that is away costs half a second a call

log = logging.getLogger(__name__)


class RedisPauses:
    """core.ports.Pauses. Safe from many threads."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._away_until = 0.0

    def begin(self, channel: str, lasts: timedelta) -> None:
        try:
            self.redis.set(KEY + channel, "1", px=max(round(lasts.total_seconds() * 1000), 1))
        except (RedisError, OSError) as error:
            self._away(error)

    def left(self, channel: str) -> timedelta | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            left_ms = self.redis.pttl(KEY + channel)
        except (RedisError, OSError) as error:
            self._away(error)
            return None
        return timedelta(milliseconds=left_ms) if left_ms > 0 else None

    def _away(self, error: Exception) -> None:
        log.warning("pauses are not shared at once: Redis is away", extra={"error": type(error).__name__})
        self._away_until = time.monotonic() + NOT_ASKED_FOR_S
