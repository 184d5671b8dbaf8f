"""Pulls as jobs: one at a time for each supplier, and a failed one leaves everything as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.station import Rejected, Station
from core.wishes import Filters, Wishes
from jobs import catalogue, clock, context
from tests.fakes import FakeSupplier
from tests.world import HERE, World, make_world


class Slow(FakeSupplier):
    """A supplier whose list can be held up, and that can tell its changes."""

    lists = 0
    hold: threading.Event | None = None

    def stations(self) -> Iterator[Station | Rejected]:
        self.lists += 1
        if self.hold:
            self.hold.wait(20)
        return super().stations()

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        yield from self.listed.values()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def slow(world: World) -> Slow:
    supplier = Slow(world.clock, "slow")
    supplier.builds("S1", HERE)
    context.use(replace(world.services, suppliers={"slow": supplier}))
    return supplier


def rung(world: World) -> str:
    return str(int(world.clock.now().timestamp()))


def stations(world: World) -> int:
    world.services.index.refresh()
    return world.services.index.state().stations


def test_two_workers_do_not_pull_the_same_at_once(world: World, slow: Slow) -> None:
    slow.hold = threading.Event()
    first = threading.Thread(target=catalogue.pull_catalogue, args=("slow", rung(world)))
    first.start()
    while slow.lists == 0 and first.is_alive():
        first.join(0.01)
    catalogue.pull_catalogue("slow", rung(world))
    assert slow.lists == 1
    catalogue.pull_statuses("slow", rung(world))  # another kind of pull has a lease of its own
    slow.hold.set()
    first.join(20)
    assert stations(world) == 1
    world.clock.advance(hours=24)
    catalogue.pull_catalogue("slow", rung(world))
    assert slow.lists == 2


def test_the_lease_of_a_killed_worker_runs_out(world: World, slow: Slow) -> None:
    with world.services.database.write() as unit:
        assert unit.ticks.lease("pull_catalogue-slow", world.clock.now(), 1800)
    catalogue.pull_catalogue("slow", rung(world))
    assert slow.lists == 0
    world.clock.advance(minutes=30)
    catalogue.pull_catalogue("slow", rung(world))
    assert slow.lists == 1


def test_a_failed_pull_gives_its_lease_back_and_leaves_what_was_there(world: World, slow: Slow) -> None:
    catalogue.pull_catalogue("slow", rung(world))
    world.clock.advance(hours=24)
    with slow.silent():
        catalogue.pull_catalogue("slow", rung(world))
    assert stations(world) == 1
    catalogue.pull_catalogue("slow", rung(world))
    assert slow.lists == 3


def test_a_pull_that_breaks_gives_its_lease_back_too(world: World, slow: Slow) -> None:
    def broken() -> Iterator[Station | Rejected]:
        raise ZeroDivisionError

    slow.stations = broken  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            catalogue.pull_catalogue("slow", rung(world))


def test_changes_are_pulled_between_the_lists(world: World, slow: Slow) -> None:
    plan = clock.schedules(replace(world.services, suppliers={"slow": slow}))
    assert ("pull_changes", 300) in [(one.job, one.every_s) for one in plan]
    slow.listed["S1"] = replace(slow.listed["S1"], updated_at=world.clock.now())
    catalogue.pull_catalogue("slow", rung(world))
    slow.listed["S1"] = replace(slow.listed["S1"], name="New", updated_at=world.clock.now() + timedelta(seconds=1))
    catalogue.pull_changes("slow", rung(world))
    held = world.services.desk.station("slow", "S1")
    assert held is not None
    assert held.name == "New"


def test_a_push_keeps_a_supplier_from_being_called_silent(world: World, slow: Slow) -> None:
    catalogue.pull_catalogue("slow", rung(world))
    catalogue.pull_statuses("slow", rung(world))
    world.clock.advance(minutes=40)
    world.services.index.refresh()
    finder = world.services.finder
    assert [one.name for one in finder.near(HERE, Wishes()).silent] == ["Fake Charging"]
    world.services.desk.statuses("slow", [])
    assert finder.near(HERE, Wishes()).silent == ()


def test_a_silent_supplier_has_no_free_guns(world: World, slow: Slow) -> None:
    catalogue.pull_catalogue("slow", rung(world))
    catalogue.pull_statuses("slow", rung(world))
    world.services.index.refresh()
    free = Wishes(filters=Filters(free_now=True))
    assert world.services.finder.near(HERE, free).total == 1
    world.clock.advance(minutes=11)
    with slow.silent():
        catalogue.pull_statuses("slow", rung(world))
    world.services.index.refresh()
    assert world.services.finder.near(HERE, free).total == 0
    assert world.services.finder.near(HERE, Wishes()).total == 1


def test_a_job_that_waited_too_long_does_nothing(world: World, slow: Slow) -> None:
    late = rung(world)
    world.clock.advance(minutes=4)
    catalogue.pull_catalogue("slow", late)
    assert slow.lists == 0
