"""Request limits: per person, across processes with Redis, and still there without it."""

from __future__ import annotations

import pytest

from adapters.limiter import RATES, Limiter
from core.errors import TooMany
from tests.redis_server import RedisServer

FEW = {"api": "3/minute", "telegram": "2/minute"}


def use_up(limiter: Limiter, times: int, who: str = "lin") -> None:
    for _ in range(times):
        limiter.hit("api", who)


def test_one_person_is_stopped_and_told_when_to_come_back() -> None:
    limiter = Limiter(None, FEW)
    use_up(limiter, 3)
    with pytest.raises(TooMany) as refusal:
        limiter.hit("api", "lin")
    assert 1 <= refusal.value.retry_after_s <= 60


def test_people_and_buckets_do_not_share() -> None:
    limiter = Limiter(None, FEW)
    use_up(limiter, 3)
    limiter.hit("api", "chen")
    limiter.hit("telegram", "lin")


def test_two_processes_count_together(redis_server: RedisServer) -> None:
    use_up(Limiter(redis_server.url, FEW), 2, "wei")
    other = Limiter(redis_server.url, FEW)
    other.hit("api", "wei")
    with pytest.raises(TooMany):
        other.hit("api", "wei")


def test_redis_gets_no_names(redis_server: RedisServer) -> None:
    use_up(Limiter(redis_server.url, FEW), 1, "oLin-canary-openid")
    kept = redis_server.client.keys("*")
    assert kept
    assert not [key for key in kept if b"canary" in key]


def test_without_redis_limits_are_kept_in_memory() -> None:
    limiter = Limiter("unix:///nowhere/redis.sock", FEW)
    use_up(limiter, 3)
    with pytest.raises(TooMany):
        limiter.hit("api", "lin")


def test_every_rate_can_be_read() -> None:
    assert set(Limiter(None).rates) == set(RATES)


def test_a_chat_may_ask_forty_times_a_minute() -> None:
    limiter = Limiter(None)
    for _ in range(40):
        limiter.hit("telegram", "lin")
    with pytest.raises(TooMany):
        limiter.hit("telegram", "lin")
