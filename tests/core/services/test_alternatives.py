"""Where else to go when a gun does not start: near, free, fitting, open, and not the same place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.opening import daily
from core.session import ChargingSession
from core.station import Plug, Station
from core.user import Channel
from storage.tables import outbox
from tests.bots.driving import Driving
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture
def here(world: World) -> Station:
    return world.station("Here", 22.5410, 114.0580, price="1.20", free=3)


def names(world: World, here: Station, limit: int = 3) -> list[tuple[str, int]]:
    found = world.services.guns.alternatives(here.id, here.connectors[0].ref, limit)
    assert [one.distance_m for one in found] == sorted(one.distance_m for one in found)
    return [(one.station.name, one.free) for one in found]


def message(world: World, session: ChargingSession, code: str) -> dict[str, Any]:
    """What the message about this session was to say."""
    with world.services.database.engine.connect() as db:  # type: ignore[attr-defined]  # it is the SQL one
        bodies = db.execute(select(outbox.c.body).where(outbox.c.subject == session.id, outbox.c.kind == "say"))
        [params] = [said["params"] for body in bodies.scalars() if (said := json.loads(body))["code"] == code]
    return params  # type: ignore[no-any-return]  # it is JSON


def test_the_nearest_free_gun_that_fits_comes_first(world: World, here: Station) -> None:
    for name, lat, more in (
        ("Far", 22.5800, {"free": 4}),
        ("Near", 22.5500, {"free": 2}),
        ("Full", 22.5420, {"free": 0}),
        ("Other plug", 22.5430, {"free": 4, "plug": Plug.TYPE2}),
        ("Silent", 22.5440, {"free": None}),
        ("Closed", 22.5450, {"free": 4, "hours": daily(1200, 1560)}),
        ("Another town", 22.6000, {"free": 4}),
    ):
        world.station(name, lat, 114.0580, price="1.20", **more)  # type: ignore[arg-type]  # of station
    assert names(world, here) == [("Near", 2), ("Far", 4)]
    assert names(world, here, limit=1) == [("Near", 2)]
    world.clock.advance(minutes=10, seconds=1)
    assert names(world, here) == []


def test_the_same_place_at_another_supplier_is_no_other_place(world: World, here: Station) -> None:
    other = world.sold_also(here, "Bamboo", "1.10")
    near = world.station("Near", 22.5500, 114.0580, price="1.20", free=1)
    assert world.services.index.place(here.id) != [here]
    assert names(world, here) == [(near.name, 1)]
    assert names(world, other) == [(near.name, 1)]


def test_what_is_not_known_has_no_neighbours(world: World, here: Station) -> None:
    world.station("Near", 22.5500, 114.0580, price="1.20", free=1)
    guns = world.services.guns
    assert guns.alternatives("none", here.connectors[0].ref) == []
    odd = world.station("Odd", 22.5411, 114.0580, price="1.20", free=1, plug=Plug.UNKNOWN)
    assert guns.alternatives(here.id, odd.connectors[0].ref) == []
    assert guns.alternatives(odd.id, odd.connectors[0].ref) == []


@pytest.mark.parametrize(("reason", "said"), [("gun_fault", "Near"), ("not_plugged_in", ""), ("gun_busy", "Near")])
def test_a_start_that_fails_names_the_next_free_gun(world: World, reason: str, said: str) -> None:
    driving = Driving(world)
    world.station("Near", 22.5500, 114.0580, price="1.20", free=2)
    lin = driving.user_id(Channel.TELEGRAM, "1")
    driving.tops_up(lin, 100)
    driving.supplier.refuses_starts = reason
    session = driving.begins(lin)
    params = message(world, session, "start_failed")
    assert params["nearby"] == said
    if said:
        assert (params["away_m"], params["free"]) == (997, 2)
        assert names(world, world.services.index.get(session.station_id), limit=1) == [("Near", 2)]  # type: ignore[arg-type]
