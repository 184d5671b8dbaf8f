"""What a supplier pushes to one process is found by the drivers of another within a second."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import pytest

from core.clock import SystemClock
from core.services.desk import SupplierDeskService
from core.station import ConnectorStatus
from storage.redis_stream import NoChangeStream, RedisChangeStream
from storage.unit_of_work import SqlDatabase
from tests.redis_server import RedisServer
from tests.storage import children
from tests.storage.samples import LOTUS, report, station


@pytest.mark.parametrize("with_redis", [True, False], ids=["redis", "no redis"])
@pytest.mark.process
def test_within_a_second(
    database: SqlDatabase, database_url: str, redis_server: RedisServer, *, with_redis: bool
) -> None:
    stream = RedisChangeStream(children.quick_redis(redis_server.url)) if with_redis else NoChangeStream()
    clock = SystemClock()
    desk = SupplierDeskService(database, stream, clock)
    place = station(1)
    desk.stations(LOTUS.id, [place])
    child = children.start("follow", database_url, redis_server.url if with_redis else "", place.id)
    try:
        assert children.line(child) == ConnectorStatus.UNKNOWN
        waits = []
        for number in range(6):
            status = ConnectorStatus.CHARGING if number % 2 else ConnectorStatus.FREE
            started = time.monotonic()
            assert desk.statuses(LOTUS.id, [report(1, status, clock.now() + timedelta(seconds=1))])
            assert children.line(child) == status
            waits.append(time.monotonic() - started)
    finally:
        children.end([child])
    print(f"seen after {statistics.median(waits) * 1000:.0f} ms, at worst {max(waits) * 1000:.0f} ms")
    assert min(waits) < 1, "and a machine that has time for us keeps to it every time"
