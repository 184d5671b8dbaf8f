"""The change stream on Redis: which stations changed, told to all processes at once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis, RedisError

from storage.bulk import chunks

log = logging.getLogger(__name__)

KEY = "kilowatch:changes"
# About so many entries are kept; who falls farther behind is healed from the database.
MOST_ENTRIES = 100_000
IDS_PER_ENTRY = 500
ENTRIES_PER_READ = 100
# When the client sets no timeout on its socket, a read blocks no longer than this.
LONGEST_BLOCK_S = 1.0


class RedisChangeStream:
    """core.ports.ChangeStream. The client comes with a short socket timeout and without retries."""

    def __init__(self, redis: Redis, key: str = KEY) -> None:
        self.redis, self.key = redis, key
        timeout_s = redis.connection_pool.connection_kwargs.get("socket_timeout")
        # Redis must answer "nothing new" before the socket gives up on it.
        self._block_s = min(timeout_s / 2, LONGEST_BLOCK_S) if timeout_s else LONGEST_BLOCK_S

    def publish(self, station_ids: Sequence[str]) -> None:
        if not station_ids:
            return
        try:
            pipe = self.redis.pipeline(transaction=False)
            for chunk in chunks(station_ids, IDS_PER_ENTRY):
                pipe.xadd(self.key, {"ids": json.dumps(chunk)}, maxlen=MOST_ENTRIES, approximate=True)
            pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("change stream: %d changes were not announced: %r", len(station_ids), error)

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        try:
            if not after:
                return self._last_entry(), []
            return self._read(after, timeout_s)
        except (RedisError, OSError) as error:
            raise ConnectionError(f"Redis: {error!r}") from error

    def _last_entry(self) -> str:
        """Where "from now on" starts. An id, as asking for "$" twice would miss what comes in between."""
        last: Any = self.redis.xrevrange(self.key, count=1)
        return _text(last[0][0]) if last else "0-0"

    def _read(self, after: str, timeout_s: float) -> tuple[str, list[str]]:
        give_up = time.monotonic() + timeout_s
        while True:
            left_s = min(give_up - time.monotonic(), self._block_s)
            # BLOCK 0 would mean for ever.
            block_ms = max(int(left_s * 1000), 1)
            reply: Any = self.redis.xread({self.key: after}, count=ENTRIES_PER_READ, block=block_ms)
            if entries := _entries(reply):
                ids = [one for _, fields in entries for one in _ids(fields)]
                return _text(entries[-1][0]), list(dict.fromkeys(ids))
            if time.monotonic() >= give_up:
                return after, []


class NoChangeStream:
    """For commands that run without Redis: nobody is told, and the database heals the others."""

    def publish(self, station_ids: Sequence[str]) -> None:
        """Nobody to tell."""

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        raise ConnectionError("there is no change stream here")


def _entries(reply: Any) -> list[Any]:
    """The entries of the one stream we read. redis-py gives pairs for RESP2, a map of lists of lists for RESP3."""
    if not reply:
        return []
    entries: list[Any] = next(iter(reply.values()))[0] if isinstance(reply, dict) else reply[0][1]
    return entries


def _ids(fields: Any) -> list[str]:
    ids: list[str] = json.loads(fields[b"ids"] if b"ids" in fields else fields["ids"])
    return ids


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value
