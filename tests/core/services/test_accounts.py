"""Accounts and consent: registered once, asked once, nothing kept without a yes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.geo import Point
from core.outbox import LEASE, MessageClass, NewRow, OutboxState
from core.user import Channel, ConsentPurpose, Identity
from tests.world import HERE, World, make_world

LIN = Identity(Channel.TELEGRAM, "1001")
HISTORY = ConsentPurpose.POSITION_HISTORY


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def kept_searches(world: World) -> int:
    """All there is: forgetting everything says how many there were."""
    with world.services.database.write() as unit:
        return unit.users.forget_searches(world.clock.now().replace(year=2100))


def test_the_first_message_registers_and_the_second_does_not(world: World) -> None:
    first = world.services.accounts.greet(LIN, "zh-CN")
    again = world.services.accounts.greet(LIN, "en")
    assert (first.new, again.new) == (True, False)
    assert first.user == again.user
    assert again.user.language == "zh-CN"


def test_who_writes_again_can_be_spoken_to_again(world: World) -> None:
    world.services.accounts.greet(LIN, "en")
    with world.services.database.write() as unit:
        unit.chats.window_closed(LIN, world.clock.now())
    world.services.accounts.greet(LIN, "en")
    with world.services.database.read() as unit:
        chat = unit.chats.get(LIN)
    assert chat is not None
    assert chat.open


def test_what_was_said_is_counted_anew_when_they_write(world: World) -> None:
    wechat = Identity(Channel.WECHAT, "o7")
    world.services.accounts.greet(wechat, "en")
    world.clock.advance(seconds=60)
    with world.services.database.write() as unit:
        row_id = unit.outbox.add(
            NewRow("k", MessageClass.MONEY, "say", "s1", channel="wechat", address="o7"), world.clock.now()
        )
        assert row_id is not None
        assert unit.outbox.claim(row_id, "t", world.clock.now(), LEASE) is not None
        unit.outbox.finish(row_id, "t", OutboxState.SENT, world.clock.now())
    said = []
    for _ in range(2):
        with world.services.database.read() as unit:
            chat = unit.chats.get(wechat)
        assert chat is not None
        said.append((chat.said, chat.used_at))
        world.clock.advance(seconds=60)
        world.services.accounts.greet(wechat, "en")
    assert [count for count, _ in said] == [1, 0]
    assert said[1][1] > said[0][1]


def test_what_a_driver_tells_is_kept(world: World) -> None:
    user = world.services.accounts.greet(LIN, "en").user
    world.services.accounts.change(
        user.id, lambda one: replace(one, energy_kwh=Decimal(45), asked=frozenset({"kwh"}))
    )
    again = world.services.accounts.greet(LIN, "en").user
    assert (again.energy_kwh, again.asked) == (Decimal(45), frozenset({"kwh"}))


def test_who_blocked_us_is_reachable_again_when_they_write(world: World) -> None:
    world.services.accounts.greet(LIN, "en")
    world.services.accounts.unreachable(LIN)
    with world.services.database.read() as unit:
        blocked = unit.users.by_identity(LIN)
    assert blocked is not None
    assert not blocked.reachable
    assert world.services.accounts.greet(LIN, "en").user.reachable


def test_nothing_is_kept_without_consent(world: World) -> None:
    user = world.services.accounts.greet(LIN, "en").user
    world.services.accounts.searched(user.id, HERE)
    assert kept_searches(world) == 0


def test_with_consent_only_the_square_is_kept_and_withdrawing_deletes_it(world: World) -> None:
    user = world.services.accounts.greet(LIN, "en").user
    world.services.accounts.consent(user.id, HISTORY, granted=True)
    world.services.accounts.searched(user.id, HERE)
    assert world.services.accounts.has_consent(user.id, HISTORY)
    world.services.accounts.consent(user.id, HISTORY, granted=False)
    assert not world.services.accounts.has_consent(user.id, HISTORY)
    assert kept_searches(world) == 0


def test_the_last_area_is_known_only_with_consent(world: World) -> None:
    user = world.services.accounts.greet(LIN, "en").user
    world.services.accounts.searched(user.id, HERE)
    assert world.services.accounts.last_area(user.id) is None
    world.services.accounts.consent(user.id, HISTORY, granted=True)
    for lat in (30.123, HERE.lat):
        world.services.accounts.searched(user.id, Point(lat, HERE.lng))
    area = world.services.accounts.last_area(user.id)
    assert area is not None
    assert (area.lat, area.lng, area.accuracy_m) == (22.54, 114.06, 700.0)
    world.services.accounts.consent(user.id, HISTORY, granted=False)
    assert world.services.accounts.last_area(user.id) is None


def test_a_kept_search_is_a_square_of_a_kilometre(world: World) -> None:
    from sqlalchemy import text

    user = world.services.accounts.greet(LIN, "en").user
    world.services.accounts.consent(user.id, HISTORY, granted=True)
    world.services.accounts.searched(user.id, HERE)
    engine = world.services.database.engine  # type: ignore[attr-defined]  # what is on the disk is the point
    with engine.connect() as db:
        stored = str(db.execute(text("SELECT * FROM kept_searches")).all())
    assert "22.54" in stored
    assert "22.541" not in stored
    assert "114.058" not in stored
