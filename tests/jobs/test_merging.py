"""The merging job: around what has changed, and never two at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.station import Supplier, station_key
from jobs import context, merging
from tests.world import Listed, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two suppliers that describe one place."""
    made = make_world(tmp_path)
    one = made.station("Lotus Road", 22.5420, 114.0580, price="1.20")
    other = replace(one, id=station_key("other", "1"), supplier_id="other", external_id="1")
    made.load(Listed([other], Supplier("other", "test", "Other"), made.source.price_lists))
    context.use(made.services)
    return made


def suppliers_of_places(world: World) -> list[set[str]]:
    return [{one.supplier_id for one in place.stations} for place in world.services.merging.places()]


def test_the_job_joins_what_two_suppliers_describe(world: World) -> None:
    assert world.services.index.state().stations == 2
    for _ in range(2):
        merging.merge_places()
        assert suppliers_of_places(world) == [{"test", "other"}]


def test_a_job_that_finds_another_at_work_leaves_it_to_that_one(world: World) -> None:
    at = world.clock.now()
    with world.services.database.write() as unit:
        assert unit.ticks.lease("merge_places", at, 600)
    merging.merge_places()
    assert suppliers_of_places(world) == []
    with world.services.database.write() as unit:
        unit.ticks.release("merge_places", at)
    merging.merge_places()
    assert suppliers_of_places(world) == [{"test", "other"}]
