"""The features put together, in this process: what the house decides before any of them is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.telegram.dispatcher import feed
from bots.wording import promises, wording
from core.ports import CaseKind, Place
from tests.bots.telegram.house import house
from tests.bots.telegram.server import TOKEN, BotApi
from tests.world import HERE, World, make_world


@dataclass
class SlowPlaces:
    """A place search that answers only once the driver has been shown that we are at it."""

    telegram: BotApi

    def find(self, text: str, language: str) -> Place | None:
        self.telegram.wait(lambda: self.telegram.made("sendChatAction", action="find_location"))
        return Place("Futian <Hall>", HERE)


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("dispatcher"))
    world.station("Lotus Road", HERE.lat, HERE.lng, price="1.20", free=3, guns=5)
    return world


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


def work_all(telegram: BotApi, dispatcher: Dispatcher) -> None:
    """Every update that waits at Telegram, one after the other."""

    async def run() -> None:
        async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))) as bot:
            while telegram.pending:
                await feed(dispatcher, bot, telegram.pending.pop(0))

    asyncio.run(run())


def test_too_many_requests_are_told_to_wait(telegram: BotApi, world: World, dispatcher: Dispatcher) -> None:
    lin, wei = telegram.person("Lin"), telegram.person("Wei")
    for _ in range(3):
        lin.says("/help")
    wei.says("/help")
    world.limiter.most = 2
    work_all(telegram, dispatcher)
    world.limiter.most = 10_000
    answers = [message.text for message in lin.messages]
    assert [text.startswith("How it works") for text in answers] == [True, True, False]
    assert answers[2].startswith("That was a bit fast")
    assert [message.text for message in wei.messages] == answers[:1], "others are not held up"
    assert ("telegram", str(lin.id)) in world.limiter.seen


def test_a_slow_place_search_shows_that_we_are_at_it(telegram: BotApi, world: World, dispatcher: Dispatcher) -> None:
    world.services.finder.geocoder = SlowPlaces(telegram)
    lin = telegram.person("Lin")
    lin.says("city hall")
    work_all(telegram, dispatcher)
    assert lin.messages[0].text.startswith("📍 Around Futian <Hall>\n1 station")
    assert telegram.made("sendChatAction", chat_id=lin.id, action="find_location")


def test_the_promises_about_money_are_told(telegram: BotApi, dispatcher: Dispatcher) -> None:
    lin = telegram.person("Lin")
    lin.says("/safety")
    work_all(telegram, dispatcher)
    say = wording("en")
    lines = lin.messages[0].text.split("\n")
    assert lines[0] == promises.title(say)
    assert lines[1:] == [f"{number}. {line}" for number, line in enumerate(promises.lines(say), start=1)]


@pytest.mark.parametrize("group", [False, True])
def test_money_that_was_taken_is_booked_however_fast_and_wherever(
    telegram: BotApi, world: World, dispatcher: Dispatcher, group: bool
) -> None:
    """Telegram cannot be asked about it: refused once, it would be lost."""
    lin = telegram.person("Lin")
    payment = {"currency": "CNY", "total_amount": 5000, "invoice_payload": "T-nobody"}
    charges = {"telegram_payment_charge_id": f"charge {group}", "provider_payment_charge_id": "p"}
    (lin.in_group(-77) if group else lin).sends(successful_payment=payment | charges)
    world.limiter.most = 0
    work_all(telegram, dispatcher)
    world.limiter.most = 10_000
    with world.services.database.read() as unit:
        cases = unit.cases.listed(kind=CaseKind.TOPUP)
    assert [one.subject for one in cases] == ["telegram:T-nobody"]
