"""Loading: the same list twice changes nothing, and a list that breaks off removes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from core.errors import SupplierUnavailable
from core.services.catalogue import CatalogueService
from core.station import Rejected, Station
from tests.world import Listed, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    for n in range(10):
        made.station(f"S{n}", 22.541 + n * 0.001, 114.058, price="1.20", free=1)
    return made


def listed(world: World) -> int:
    world.services.index.refresh()
    return world.services.index.state().stations


def test_the_same_list_again_changes_nothing(world: World) -> None:
    report = world.services.catalogue.load(world.source, doubt_shrinking=True)
    assert (report.rows, report.added, report.changed, report.removed, report.unchanged) == (10, 0, 0, 0, 10)


def test_a_shorter_list_removes_and_a_longer_one_adds(world: World) -> None:
    all_items = world.source.items
    shorter = Listed(all_items[:8], price_lists=world.source.price_lists)
    report = world.services.catalogue.load(shorter, doubt_shrinking=True)
    assert (report.removed, report.vanished, listed(world)) == (2, 0, 8)
    back = world.services.catalogue.load(world.source, doubt_shrinking=True)
    assert (back.added, listed(world)) == (2, 10)


def test_a_list_that_lost_half_is_not_believed(world: World) -> None:
    half = Listed(world.source.items[:5], price_lists=world.source.price_lists)
    report = world.services.catalogue.load(half, doubt_shrinking=True)
    assert (report.removed, report.vanished, listed(world)) == (0, 5, 10)
    # A person who imports a file means it.
    report = world.services.catalogue.load(half, doubt_shrinking=False)
    assert (report.removed, listed(world)) == (5, 5)


@dataclass
class BreaksOff(Listed):
    """A supplier that stops answering in the middle of its list."""

    after: int = 3
    asked: list[str] = field(default_factory=list)

    def stations(self) -> Iterator[Station | Rejected]:
        for n, item in enumerate(self.items):
            if n == self.after:
                raise SupplierUnavailable("test", "stations", "cut off")
            yield item


def test_a_list_that_breaks_off_removes_nothing_and_says_so(world: World) -> None:
    with pytest.raises(SupplierUnavailable):
        world.services.catalogue.load(BreaksOff(world.source.items), doubt_shrinking=False)
    assert listed(world) == 10
    with world.services.database.read() as unit:
        state = unit.catalogue.suppliers()[0]
    assert "cut off" in state.last_error


def test_what_came_before_the_break_is_kept(world: World) -> None:
    new = [replace(one, id=f"new{n}", external_id=f"new{n}") for n, one in enumerate(world.source.items[:3])]  # type: ignore[type-var]
    with pytest.raises(SupplierUnavailable):
        world.services.catalogue.load(BreaksOff([*new, *world.source.items]), doubt_shrinking=False)
    assert listed(world) == 13


def test_what_is_refused_is_kept_with_its_reason(world: World) -> None:
    bad = Rejected("S99", "bad_coordinates", "0,0", raw='{"lat": 0}')
    source = Listed([*world.source.items, bad], price_lists=world.source.price_lists)
    for _ in range(2):
        report = world.services.catalogue.load(source, doubt_shrinking=True)
        assert report.quarantined == 1
    with world.services.database.read() as unit:
        rows = unit.catalogue.quarantined(None, 10)
    assert [(row.external_id, row.reason, row.raw, row.times) for row in rows] == [
        ("S99", "bad_coordinates", '{"lat": 0}', 2)
    ]


class Megaphone:
    """A change stream that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def publish(self, station_ids: object) -> None:
        self.told.extend(station_ids)  # type: ignore[call-overload]  # a sequence of ids

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        return after, []


def test_only_what_changed_is_announced(world: World) -> None:
    stream = Megaphone()
    service = CatalogueService(world.services.database, stream, world.clock)
    service.load(world.source, doubt_shrinking=True)
    assert stream.told == []
    new = world.station("S10", 22.55, 114.058, price="1.00")
    service.load(Listed(world.source.items[1:], price_lists=world.source.price_lists), doubt_shrinking=True)
    removed = world.source.items[0]
    assert stream.told == [removed.id]  # type: ignore[union-attr]
    assert new.id not in stream.told
