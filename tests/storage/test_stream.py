"""A change in one process is seen by the others: by Redis at once, by the database when Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from core.clock import SystemClock
from core.station import ConnectorStatus
from storage.index.follower import IndexFollower
from storage.redis_stream import IDS_PER_ENTRY, KEY, NoChangeStream, RedisChangeStream
from storage.unit_of_work import SqlDatabase
from tests.redis_server import RedisServer
from tests.storage import children
from tests.storage.samples import NOON, report, save, station


@pytest.fixture
def stream(redis_server: RedisServer) -> RedisChangeStream:
    return RedisChangeStream(children.quick_redis(redis_server.url))


def test_from_now_on(stream: RedisChangeStream) -> None:
    stream.publish(["before"])
    position, ids = stream.wait("", timeout_s=1)
    assert ids == []
    stream.publish(["a", "b"])
    stream.publish([])
    stream.publish(["b", "站"])
    position, ids = stream.wait(position, timeout_s=1)
    assert ids == ["a", "b", "站"]
    assert stream.wait(position, timeout_s=0) == (position, [])


def test_an_empty_stream_has_a_beginning(stream: RedisChangeStream) -> None:
    position, _ = stream.wait("", timeout_s=1)
    stream.publish(["first"])
    assert stream.wait(position, timeout_s=1)[1] == ["first"]


def test_many_ids_share_entries(stream: RedisChangeStream) -> None:
    position, _ = stream.wait("", timeout_s=1)
    many = [str(number) for number in range(2 * IDS_PER_ENTRY + 1)]
    stream.publish(many)
    assert stream.redis.xlen(KEY) == 3
    assert stream.wait(position, timeout_s=1)[1] == many


def test_waiting_ends_in_time_and_wakes_at_once(stream: RedisChangeStream) -> None:
    position, _ = stream.wait("", timeout_s=1)
    before = time.monotonic()
    assert stream.wait(position, timeout_s=0.7) == (position, [])
    assert 0.6 < time.monotonic() - before < 5
    threading.Timer(0.2, stream.publish, [["a"]]).start()
    assert stream.wait(position, timeout_s=20)[1] == ["a"]


def test_both_protocols_of_redis(redis_server: RedisServer) -> None:
    from redis import Redis

    for protocol in (2, 3):
        for decode in (False, True):
            client = Redis.from_url(redis_server.url, protocol=protocol, decode_responses=decode)
            stream = RedisChangeStream(client, key=f"changes {protocol} {decode}")
            position, _ = stream.wait("", timeout_s=1)
            stream.publish(["a"])
            assert stream.wait(position, timeout_s=1)[1] == ["a"]


def test_without_redis_nobody_is_told_and_nothing_breaks(
    stream: RedisChangeStream, redis_server: RedisServer
) -> None:
    redis_server.kill()
    stream.publish(["a"])
    for position in ("", "0-1"):
        with pytest.raises(ConnectionError):
            stream.wait(position, timeout_s=1)
    NoChangeStream().publish(["a"])
    with pytest.raises(ConnectionError):
        NoChangeStream().wait("", timeout_s=1)


class FlakyIndex:
    """Fails as often as it is told to, and says what it was asked for."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.refreshed = threading.Event()
        self.applied: list[str] = []

    def refresh(self) -> int:
        self._fail()
        self.refreshed.set()
        return 0

    def apply(self, station_ids: Sequence[str]) -> int:
        self._fail()
        self.applied += station_ids
        return len(station_ids)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")


def test_the_follower_outlives_failures() -> None:
    index = FlakyIndex(failures=2)
    follower = IndexFollower(index, NoChangeStream(), SystemClock())
    follower.start()
    assert index.refreshed.wait(20)
    follower.stop()
    assert "index-follower" not in {thread.name for thread in threading.enumerate()}


def test_the_follower_heals_what_it_could_not_apply(stream: RedisChangeStream) -> None:
    index = FlakyIndex(failures=0)
    follower = IndexFollower(index, stream, SystemClock())
    follower.start()
    try:
        assert index.refreshed.wait(20)
        index.refreshed.clear()
        index.failures = 1
        stream.publish(["a"])
        assert index.refreshed.wait(20)
        assert index.applied == []
    finally:
        follower.stop()


@pytest.mark.process
@pytest.mark.parametrize("told_by", ["redis", "database"])
def test_another_process_sees_it(
    told_by: str, database: SqlDatabase, database_url: str, redis_server: RedisServer
) -> None:
    save(database, station(1), at=SystemClock().now())
    url = redis_server.url if told_by == "redis" else ""
    stream = RedisChangeStream(children.quick_redis(url)) if url else NoChangeStream()
    follower = children.start("follow", database_url, url, station(1).id)
    waits = []
    try:
        assert children.line(follower) == "unknown"
        for status in (ConnectorStatus.FREE, ConnectorStatus.CHARGING, ConnectorStatus.FREE):
            at = SystemClock().now()
            with database.write() as unit:
                touched = unit.catalogue.save_statuses("lotus", [report(1, status, at)], at)
            before = time.monotonic()
            stream.publish(touched)
            assert children.line(follower) == status.value
            waits.append(time.monotonic() - before)
    finally:
        children.end([follower])
    # Healing beside a stream comes every five seconds, so three in a row that were waited for are no accident.
    assert sorted(waits)[1] < 4


@pytest.mark.process
def test_what_redis_never_said_is_healed(database: SqlDatabase, database_url: str, redis_server: RedisServer) -> None:
    """Redis dies; changes still come through the database."""
    save(database, station(1), at=NOON)
    follower = children.start("follow", database_url, redis_server.url, station(1).id)
    try:
        assert children.line(follower) == "unknown"
        redis_server.kill()
        at = SystemClock().now()
        with database.write() as unit:
            unit.catalogue.save_statuses("lotus", [report(1, ConnectorStatus.FREE, at)], at)
        assert children.line(follower) == "free"
    finally:
        children.end([follower])
