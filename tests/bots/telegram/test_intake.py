"""Poller, inbox and desk: no update is lost, none is worked twice, and what each costs the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.telegram.intake import Desk, Poller
from bots.telegram.updates import take_in_all
from core.ports import Database, UnitOfWork
from core.services.inbox import Inbox
from tests.bots.telegram.server import TOKEN, BotApi
from tests.world import World, make_world

WAITING = 41


@dataclass
class CountedDatabase:
    """The real database; counts what is written, and is away when told so."""

    database: Database
    writes: int = 0
    away_for: int = 0

    def read(self) -> AbstractContextManager[UnitOfWork]:
        return self.database.read()

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        self.writes += 1
        if self.away_for:
            self.away_for -= 1
            raise OSError("the database is away")
        with self.database.write() as unit:
            yield unit

    def ping(self) -> None:
        self.database.ping()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def database(world: World) -> CountedDatabase:
    return CountedDatabase(world.services.database)


@pytest.fixture
def inbox(world: World, database: CountedDatabase) -> Inbox:
    return Inbox(database, world.clock)


def updates(count: int, chat: int = 42) -> list[dict[str, Any]]:
    return [{"update_id": n, "message": {"message_id": n, "chat": {"id": chat}}} for n in range(count)]


def work_off(inbox: Inbox, count: int, database: CountedDatabase | None = None, *, away_after: int = -1) -> list[int]:
    """Let a desk work until `count` updates were worked; the numbers of the updates, in order."""
    worked: list[int] = []

    async def run() -> None:
        stop = asyncio.Event()

        async def work(update: dict[str, Any]) -> None:
            worked.append(update["update_id"])
            if database is not None and len(worked) == away_after:
                database.away_for = 1
            if len(worked) == count:
                stop.set()

        async def never(update: dict[str, Any]) -> None:
            raise AssertionError(f"gave up {json.dumps(update)}")

        await Desk(inbox, work, never, look_every_s=0.05).run(stop)

    asyncio.run(run())
    return worked


def test_a_chat_costs_one_commit_per_update(inbox: Inbox, database: CountedDatabase) -> None:
    """On a slow disk every commit is a second, and a driver who pressed ten buttons waits for all of them."""
    assert take_in_all(inbox, updates(WAITING)) == WAITING
    assert database.writes == 1
    assert work_off(inbox, WAITING) == list(range(WAITING))
    # The batch in, each update out together with the next one's claim, and the last on leaving.
    assert database.writes <= 1 + WAITING + 1
    assert inbox.counts() == {("telegram", "done"): WAITING}


def test_many_chats_share_their_commits(inbox: Inbox, database: CountedDatabase) -> None:
    crowd = [update | {"message": {"chat": {"id": n}}} for n, update in enumerate(updates(8), start=1)]
    take_in_all(inbox, crowd)
    work_off(inbox, len(crowd))
    assert database.writes <= 4


def test_what_could_not_be_marked_is_not_worked_twice(inbox: Inbox, database: CountedDatabase) -> None:
    take_in_all(inbox, updates(5))
    assert work_off(inbox, 5, database, away_after=2) == [0, 1, 2, 3, 4]
    assert inbox.counts() == {("telegram", "done"): 5}


def test_a_batch_is_stored_whole_or_not_at_all(inbox: Inbox) -> None:
    batch = updates(3)
    with pytest.raises(ValueError, match="update_id"):
        take_in_all(inbox, [*batch, {"update_id": "three"}])
    assert inbox.counts() == {}
    assert take_in_all(inbox, batch[:2]) == 2
    assert take_in_all(inbox, batch) == 1


@dataclass
class Batches(BotApi):
    """Answers getUpdates with what stands here, and remembers from which offset it was asked."""

    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def _getUpdates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        with self.changed:
            self.offsets.append(params["offset"])
            if self.batches:
                return self.batches.pop(0)
            self.changed.notify_all()
        return super()._getUpdates(params)


def test_numbers_that_start_again_lower_lose_nothing(inbox: Inbox) -> None:
    """Bot API, Update: without updates for a week, the next number is chosen at random."""
    old, new = {"update_id": 900_001, "message": {}}, updates(2)
    with Batches(batches=[[old], new[:1], new[1:]]) as telegram:

        async def poll() -> None:
            async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))) as bot:
                polling = asyncio.create_task(Poller(bot, inbox, asyncio.Event()).run(lambda: None))
                await asyncio.to_thread(telegram.wait, lambda: len(telegram.offsets) == 4)
                polling.cancel()
                with suppress(asyncio.CancelledError):
                    await polling

        asyncio.run(poll())
    assert telegram.offsets == [0, 900_002, 1, 2]
    assert inbox.counts() == {("telegram", "new"): 3}
