"""A pause is known to every process at once, ends by itself, and costs nothing where there is no Redis."""

from __future__ import annotations

import time
from datetime import timedelta

from redis import Redis

from adapters.pauses import RedisPauses
from tests.redis_server import RedisServer


def test_what_one_was_told_the_other_knows_until_it_is_over(redis_server: RedisServer) -> None:
    one, other = RedisPauses(redis_server.client), RedisPauses(Redis.from_url(redis_server.url))
    assert other.left("telegram") is None
    one.begin("telegram", timedelta(seconds=30))
    left = other.left("telegram")
    assert left is not None
    assert timedelta(seconds=25) < left <= timedelta(seconds=30)
    assert other.left("wechat") is None
    one.begin("telegram", timedelta(milliseconds=1))
    deadline = time.monotonic() + 5
    while other.left("telegram") is not None:
        assert time.monotonic() < deadline


def test_a_redis_that_is_away_is_not_asked_again_and_again() -> None:
    asked = []

    class Away(Redis):
        def execute_command(self, *args: object, **options: object) -> object:
            asked.append(args[0])
            raise ConnectionError("no Redis here")

    pauses = RedisPauses(Away())
    pauses.begin("telegram", timedelta(seconds=30))
    assert pauses.left("telegram") is None
    assert pauses.left("telegram") is None
    assert asked == ["SET"]
