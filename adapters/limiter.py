"""How fast one person or address may ask. Counted in Redis for all processes, in memory when Redis is away."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from typing import cast

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from core.errors import TooMany

log = logging.getLogger(__name__)

# One person's honest use stays far below; a script that hammers does not.
RATES = {
    "telegram": "40/minute",
    "wechat": "40/minute",
    "api": "120/minute",
    "photo": "60/minute",
    "places": "20/minute",
    "login": "20/minute",
    "link": "20/hour",
    "export": "6/hour",
}


class Limiter:
    """Moving windows per bucket and person. Raises TooMany with the seconds to wait."""

    def __init__(self, redis_url: str | None, rates: dict[str, str] = RATES) -> None:
        self.rates: dict[str, RateLimitItem] = {bucket: parse(rate) for bucket, rate in rates.items()}
        self.memory = MovingWindowRateLimiter(MemoryStorage())
        self.shared = MovingWindowRateLimiter(_storage(redis_url)) if redis_url else None

    def hit(self, bucket: str, who: str) -> None:
        rate = self.rates[bucket]
        # Redis gets no names: what stands there is nobody's openid or address.
        who = hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=12).hexdigest()
        if self.shared is not None:
            try:
                self._hit(self.shared, rate, bucket, who)
            except (RedisError, OSError):
                log.warning("rate limits are counted in this process only: Redis is away")
            else:
                return
        self._hit(self.memory, rate, bucket, who)

    @staticmethod
    def _hit(limiter: MovingWindowRateLimiter, rate: RateLimitItem, bucket: str, who: str) -> None:
        if not limiter.hit(rate, bucket, who):
            reset = limiter.get_window_stats(rate, bucket, who).reset_time
            raise TooMany(retry_after_s=max(1, math.ceil(reset - time.time())))


def _storage(redis_url: str) -> Storage:
    head, _, tail = redis_url.partition("://")
    scheme = {"unix": "redis+unix"}.get(head, head)
    options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return cast(Storage, storage_from_string(f"{scheme}://{tail}", **options))
