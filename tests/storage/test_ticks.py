"""Slots of periodic work run once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes


def test_a_slot_is_taken_once(database: SqlDatabase) -> None:
    def take(_: int) -> bool:
        with database.write() as unit:
            return unit.ticks.take("sync", "12:00", NOON)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, range(12))) == 1
    with database.write() as unit:
        assert unit.ticks.take("sync", "12:05", NOON + minutes(5))
        assert unit.ticks.take("prices", "12:00", NOON)
        assert unit.ticks.purge(NOON + minutes(1)) == 2
        assert not unit.ticks.take("sync", "12:05", NOON + minutes(6))


def test_work_is_leased_to_one_until_it_is_given_back(database: SqlDatabase) -> None:
    def lease(_: int) -> bool:
        with database.write() as unit:
            return unit.ticks.lease("pull", NOON, 60)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lease, range(12))) == 1
    with database.write() as unit:
        assert unit.ticks.lease("other", NOON, 60)
        unit.ticks.release("pull", NOON)
        assert unit.ticks.lease("pull", NOON + minutes(0.5), 60)


def test_a_lease_runs_out_and_the_late_one_cannot_give_back_anothers(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.ticks.lease("pull", NOON, 60)
        assert not unit.ticks.lease("pull", NOON + minutes(0.9), 60)
        assert unit.ticks.lease("pull", NOON + minutes(1), 60)
        unit.ticks.release("pull", NOON)
        assert not unit.ticks.lease("pull", NOON + minutes(1.5), 60)
