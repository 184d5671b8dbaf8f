"""What we promised not to keep is thrown away, each in its own time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.ports import LoginKind, Proven, SavedAnswer
from core.user import Channel, ConsentPurpose, Identity
from jobs import context
from jobs.upkeep import clean_up
from storage.tables import idempotency, kept_searches, link_codes, link_tries, logins
from storage.unit_of_work import SqlDatabase
from tests.core.services.test_linking import free, paid_in
from tests.storage.samples import rows
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    context.use(world.services)
    return world


def test_everything_goes_in_its_time(world: World) -> None:
    services, database = world.services, world.services.database
    assert isinstance(database, SqlDatabase)
    lin = services.login.enter(Proven(Identity(Channel.TELEGRAM, "4711")), LoginKind.TELEGRAM).user
    services.accounts.consent(lin.id, ConsentPurpose.POSITION_HISTORY, granted=True)
    services.accounts.searched(lin.id, world.here)
    services.linking.ask(lin.id, Channel.TELEGRAM)
    with database.write() as unit:
        unit.link_codes.note_try(lin.id, world.clock.now())
        unit.idempotency.keep(lin.id, "pay", "k", SavedAnswer("h", 200, "{}"), world.clock.now())
    left = {}
    for days in (1, 3, 8, 31, 38):
        world.clock.time = lin.created_at
        world.clock.advance(days=days, hours=1)
        clean_up()
        tables = (link_codes, link_tries, idempotency, kept_searches, logins)
        left[days] = [table.name for table in tables if rows(database, table)]
    assert left == {
        1: ["idempotency", "kept_searches", "logins"],
        3: ["idempotency", "kept_searches", "logins"],
        8: ["kept_searches", "logins"],
        31: ["logins"],
        38: [],
    }


def test_late_money_of_a_joined_account_is_brought_home(world: World) -> None:
    services, database = world.services, world.services.database
    assert isinstance(database, SqlDatabase)
    lin, too = (
        services.accounts.greet(Identity(channel, "4711"), "en").user
        for channel in (Channel.TELEGRAM, Channel.WECHAT)
    )
    services.linking.confirm(too.id, services.linking.ask(lin.id, Channel.TELEGRAM).code)
    paid_in(database, too.id, 700)
    clean_up()
    assert (free(database, lin.id), free(database, too.id)) == (700, 0)
