"""From a tick to a message that waits to be sent."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from core.outbox import MessageClass
from core.prices.watching import Rule
from core.user import Channel, Identity
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path) -> World:
    world = make_world(tmp_path)
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20", evening="0.80", free=2, guns=4)
    world.services.prices.boundaries()
    return world


def person(world: World, name: str) -> str:
    with world.services.database.write() as unit:
        user, _ = unit.users.register(Identity(Channel.TELEGRAM, name), "en", world.clock.now())
    return user.id


def test_a_boundary_with_nothing_pushed_makes_one_message(world):
    lin = person(world, "1")
    lotus = world.source.items[0].id
    made = world.services.watches.watch_station(lin, lotus, Rule.BELOW, Decimal("0.90"))
    world.clock.time = world.clock.now() + timedelta(hours=8, seconds=1)
    assert world.services.prices.boundaries() == 1
    with world.services.database.read() as unit:
        (alert,) = unit.alerts.of_watch(made.watch.id, 10)
        row = unit.outbox.get(alert.outbox_id)
    assert (row.klass, row.kind, row.user_id, row.subject) == (MessageClass.ALERT, "alert", lin, str(alert.id))
    assert (alert.alert.price, alert.alert.before) == (Decimal("0.80"), Decimal("1.20"))
    assert json.loads(row.body) == {}
