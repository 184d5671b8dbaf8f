"""Periodic work: each slot once, whoever asks, with Redis and without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import SupplierUnavailable
from core.ports import Clock
from core.services import Services
from core.station import ConnectorRef, ConnectorStatus, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff, flat_tariff
from jobs import catalogue, clock, context
from tests.world import SUPPLIER, World, make_world

UPKEEP = [(job,) for job in clock.UPKEEP]
EVERYTHING = 3 + len(UPKEEP)


@dataclass
class Bell:
    """A queue that remembers who rang."""

    heard: list[tuple[str, ...]] = field(default_factory=list)
    deaf: bool = False

    def enqueue(self, job: str, *ids: str) -> bool:
        if not self.deaf:
            self.heard.append((job, *ids))
        return not self.deaf

    def ping(self) -> None: ...


@dataclass
class Live:
    """A supplier with one station, whose first gun is free and costs 1.10."""

    station: Station
    clock: Clock
    supplier: Supplier = SUPPLIER
    asked: list[str] = field(default_factory=list)
    away: bool = False

    def stations(self) -> Iterator[Station | Rejected]:
        self._ask("catalogue")
        yield self.station

    def statuses(self, external_ids: object) -> Iterator[StatusReport | Rejected]:
        self._ask("status")
        yield StatusReport(self.station.connectors[0].ref, ConnectorStatus.FREE, self.clock.now())

    def prices(self, refs: object) -> Iterator[tuple[ConnectorRef, Tariff] | Rejected]:
        self._ask("tariffs")
        yield self.station.connectors[0].ref, flat_tariff("CNY", Decimal("1.10"))

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise SupplierUnavailable(self.supplier.id, what)


@dataclass
class Works:
    """A world with a bell and one live supplier whose last full list is a day old."""

    world: World
    services: Services
    bell: Bell
    live: Live

    def beat(self) -> list[tuple[str, ...]]:
        """Everything due now, rung for by a clock that has just started."""
        before = len(self.bell.heard)
        clock.beat(self.services, clock.schedules(self.services))
        return self.bell.heard[before:]

    @property
    def moment(self) -> str:
        return str(int(self.world.clock.now().timestamp()))


@pytest.fixture
def works(tmp_path: Path) -> Works:
    world = make_world(tmp_path)
    bell, live = Bell(), Live(world.station("S", 22.541, 114.058), world.clock)
    world.clock.advance(hours=25)
    services = replace(world.services, queue=bell, suppliers={SUPPLIER.id: live})
    context.use(services)
    return Works(world, services, bell, live)


def test_a_first_start_rings_for_everything_in_the_order_it_is_needed(works: Works) -> None:
    assert works.beat() == [
        ("pull_catalogue", "test", works.moment),
        ("pull_statuses", "test", works.moment),
        ("pull_prices", "test", works.moment),
        *UPKEEP,
    ]


def test_a_restart_rings_only_for_new_slots(works: Works) -> None:
    assert len(works.beat()) == EVERYTHING
    assert works.beat() == []
    works.world.clock.advance(seconds=60)
    every_minute = [(job,) for job, every_s in clock.UPKEEP.items() if every_s <= 60]
    assert [one for one in works.beat() if len(one) == 1] == every_minute
    works.world.clock.advance(seconds=60)
    assert [one[0] for one in works.beat() if len(one) == 3] == ["pull_catalogue", "pull_statuses"]


def test_books_are_compared_once_a_day_at_half_past_three_in_shenzhen(works: Works) -> None:
    assert ("reconcile",) in works.beat()  # nobody was here at half past three
    works.world.clock.time = datetime(2026, 11, 24, 19, 29, 59, tzinfo=UTC)
    assert ("reconcile",) not in works.beat()
    works.world.clock.advance(seconds=1)
    assert ("reconcile",) in works.beat()
    works.world.clock.advance(hours=23, minutes=59)
    assert ("reconcile",) not in works.beat()
    works.world.clock.advance(minutes=1)
    assert ("reconcile",) in works.beat()


def test_many_clocks_at_the_same_moment_ring_once(works: Works) -> None:
    threads = [threading.Thread(target=works.beat) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(works.bell.heard) == EVERYTHING


def test_without_redis_the_clock_does_the_work_itself(works: Works) -> None:
    works.bell.deaf = True
    works.beat()
    assert works.live.asked == ["catalogue", "status", "tariffs"]
    works.services.index.refresh()
    gun = works.services.index.named("S", 1)[0].connectors[0]
    assert gun.status is ConnectorStatus.FREE
    assert gun.tariff_id is not None


def test_the_catalogue_is_pulled_once_a_day_and_again_after_a_failure(works: Works) -> None:
    works.bell.deaf = True
    works.live.away = True
    works.beat()
    works.live.away = False
    for _ in range(10):
        works.world.clock.advance(minutes=1)
        works.beat()
    assert works.live.asked.count("catalogue") == 2
    works.world.clock.advance(hours=24)
    works.beat()
    assert works.live.asked.count("catalogue") == 3


def test_a_ring_that_waited_too_long_is_left_to_the_next_one(works: Works) -> None:
    moment = works.moment
    works.world.clock.advance(minutes=4)
    for job in (catalogue.pull_catalogue, catalogue.pull_statuses, catalogue.pull_prices):
        job("test", moment)
    assert works.live.asked == []


class Flaky:
    """A database that refuses its first writes."""

    def __init__(self, database: object, failures: int) -> None:
        self.database, self.failures = database, failures

    def __getattr__(self, name: str) -> object:
        if name == "write" and self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        return getattr(self.database, name)


def test_the_clock_outlives_a_database_that_is_away(works: Works) -> None:
    """It logs, waits and goes on: the next beat finds everything still to do."""
    stop = threading.Event()
    flaky = Flaky(works.services.database, 1)
    services = replace(works.services, database=flaky)  # type: ignore[arg-type]  # answers like a database
    thread = threading.Thread(target=clock.run, args=(services, stop))
    thread.start()
    try:
        for _ in range(100):
            if len(works.bell.heard) == EVERYTHING:
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join(5)
    assert flaky.failures == 0
    assert len(works.bell.heard) == EVERYTHING
