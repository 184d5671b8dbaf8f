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
