"""The features put together, in this process: what the house decides before any of them is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.telegram.crossing import Crossing
from bots.telegram.dispatcher import build_dispatcher, feed
from tests.bots.telegram.server import TOKEN, BotApi
from tests.world import World, make_world


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def work_all(telegram: BotApi, world: World) -> None:
    """Every update that waits at Telegram, one after the other."""

    async def run() -> None:
        # aiogram's routers can be put into one dispatcher only: this is the only test that builds one itself.
        run_core = Crossing(deadline_s=60.0)
        dispatcher = build_dispatcher(world.services, run_core)
        async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))) as bot:
            for update in telegram.pending:
                await feed(dispatcher, bot, update)
        run_core.close()

    asyncio.run(run())


def test_too_many_requests_are_told_to_wait(telegram: BotApi, world: World) -> None:
    world.limiter.most = 2
    lin, wei = telegram.person("Lin"), telegram.person("Wei")
    for _ in range(3):
        lin.says("/help")
    wei.says("/help")
    work_all(telegram, world)
    answers = [message.text for message in lin.messages]
    assert [text.startswith("How it works") for text in answers] == [True, True, False]
    assert answers[2].startswith("That was a bit fast")
    assert [message.text for message in wei.messages] == answers[:1], "others are not held up"
    assert ("telegram", str(lin.id)) in world.limiter.seen
