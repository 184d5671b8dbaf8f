"""The person in Telegram: profile, linking, everything to take along, and leaving."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.telegram.dispatcher import feed
from core.services.linking import WaysOver
from core.station import Plug
from core.user import Channel, Identity, User
from storage.unit_of_work import SqlDatabase
from tests.bots.telegram.house import house
from tests.bots.telegram.server import TOKEN, BotApi, Person, Shown
from tests.core.services.test_linking import charging, paid_in
from tests.world import World, make_world

JPEG = b"\xff\xd8a picture to scan"


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("person"), ways=WaysOver(wechat_qr=lambda scene, lasts: JPEG))


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


class Talk:
    """One driver's chat: what they do is worked off at once."""

    def __init__(self, telegram: BotApi, dispatcher: Dispatcher, world: World, who: Person) -> None:
        self.telegram, self.dispatcher, self.world, self.who = telegram, dispatcher, world, who

    def says(self, text: str) -> Shown:
        self.who.says(text)
        return self._worked()

    def presses(self, label: str, shown: Shown | None = None) -> Shown:
        shown = shown or self.last
        self.who.presses(shown, label)
        self._worked()
        return shown

    @property
    def last(self) -> Shown:
        return self.who.messages[-1]

    @property
    def user(self) -> User:
        found = account(self.world.services.database, Identity(Channel.TELEGRAM, str(self.who.id)))
        assert found is not None
        return found

    @property
    def toast(self) -> str:
        return str(self.telegram.made("answerCallbackQuery")[-1].params.get("text", ""))

    def _worked(self) -> Shown:
        async def run() -> None:
            async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(self.telegram.url))) as bot:
                while self.telegram.pending:
                    await feed(self.dispatcher, bot, self.telegram.pending.pop(0))

        asyncio.run(run())
        return self.last


def account(database: object, identity: Identity) -> User | None:
    assert isinstance(database, SqlDatabase)
    with database.read() as unit:
        return unit.users.by_identity(identity)


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World) -> Talk:
    return Talk(telegram, dispatcher, world, telegram.person("Lin <of> Futian"))


# --- the profile ------------------------------------------------------------------------------------------------


def test_a_car_and_quiet_hours_in_a_few_taps(lin: Talk, world: World) -> None:
    shown = lin.says("/me")
    assert "No car yet" in shown.text
    lin.presses("🚗 Add a car")
    lin.presses("CCS2")
    lin.presses("60 kWh")
    assert "🚗 CCS2, 60 kWh" in shown.text
    lin.presses("🚗 Add a car")
    lin.presses("GB/T DC")
    lin.presses("40 kWh")
    assert "CCS2, 60 kWh ✓" in shown.text
    lin.presses("GB/T DC, 40 kWh")
    cars = world.services.accounts.cars(lin.user.id)
    assert [(one.plug, one.battery_kwh, one.usable_kwh, one.usual) for one in cars] == [
        (Plug.GBT_DC, Decimal(40), Decimal("32.0"), True),
        (Plug.CCS2, Decimal(60), Decimal("48.0"), False),
    ]
    lin.presses("🌙 22:00–08:00")
    assert "What time is it" in shown.text
    lin.presses(next(label for label in shown.buttons if "Asia/Shanghai" in label))
    assert "22:00–08:00 (Asia/Shanghai)" in shown.text
    lin.presses("45 kWh")
    lin.presses("✕")  # of the last car
    assert [one.plug for one in world.services.accounts.cars(lin.user.id)] == [Plug.GBT_DC]
    lin.presses("🌙 never")
    assert (lin.user.energy_kwh, lin.user.quiet, lin.user.time_zone) == (Decimal(45), None, "Asia/Shanghai")
    assert len(lin.who.messages) == 1, "one message, edited"


def test_a_press_that_is_worked_twice_adds_one_car(lin: Talk, world: World) -> None:
    lin.says("/me")
    lin.presses("🚗 Add a car")
    lin.presses("CCS2")
    asked = dict(lin.last.buttons)
    for _ in range(2):
        lin.who.presses_data(lin.last, asked["60 kWh"])
        lin._worked()
    assert len(world.services.accounts.cars(lin.user.id)) == 1


def test_an_account_is_nobody_elses_business(lin: Talk) -> None:
    group = Talk(lin.telegram, lin.dispatcher, lin.world, lin.who.in_group(-100200))
    for command in ("/me", "/link", "/unlink", "/export", "/delete"):
        assert "private chat" in group.says(f"{command}@kilowatch_test_bot").text


# --- linking ----------------------------------------------------------------------------------------------------


def code_in_chat(shown: Shown) -> str:
    return next(line for line in shown.text.splitlines() if line.startswith("kw-"))


def test_a_code_to_scan_or_send_to_wechat(lin: Talk, world: World, telegram: BotApi) -> None:
    shown = lin.says("/link")
    (photo,) = telegram.made("sendPhoto", chat_id=lin.who.id)
    assert list(photo.files.values()) == [JPEG]
    assert "show it nobody" in shown.text
    database = world.services.database
    with database.write() as unit:
        too = unit.users.register(Identity(Channel.WECHAT, "oLin-link"), "zh-CN", world.clock.now())[0]
    offer = world.services.linking.look(too.id, code_in_chat(shown))
    assert offer.label == "Lin <of> Futian"
    world.services.linking.confirm(too.id, code_in_chat(shown))
    assert "Linked: WeChat" in lin.says("/me").text
    assert "linked already" in lin.says("/link").text
    shown = lin.says("/unlink")
    assert "stay here in Telegram" in shown.text
    lin.presses("No")
    assert account(database, Identity(Channel.WECHAT, "oLin-link")) == lin.user
    lin.says("/unlink")
    lin.presses("Yes, unlink")
    assert "is unlinked" in lin.last.text
    assert account(database, Identity(Channel.WECHAT, "oLin-link")) != lin.user
    assert "Nothing is linked" in lin.says("/unlink").text


@pytest.mark.parametrize("way", ["{code}", "/link {code}", "/start link_{bare}"])
def test_a_code_from_wechat_asks_first(lin: Talk, world: World, way: str) -> None:
    database, linking = world.services.database, world.services.linking
    with database.write() as unit:
        there = unit.users.register(Identity(Channel.WECHAT, f"oWei{hash(way)}"), "en", world.clock.now())[0]
    lin.says("/me")
    paid_in(database, lin.user.id, 1200)
    asked = linking.ask(there.id, Channel.WECHAT)
    shown = lin.says(way.format(code=asked.code, bare=asked.code[3:]))
    assert "one account with whoever asked in WeChat?" in shown.text
    assert "You bring ¥12.00" in shown.text
    assert lin.user.id != there.id
    press = dict(shown.buttons)["Yes, link"]
    lin.presses("Yes, link")
    assert "Linked with WeChat" in shown.text
    assert lin.user.id == there.id
    lin.who.presses_data(shown, press)  # worked twice
    lin._worked()
    assert (lin.toast, "Linked with WeChat" in shown.text) == ("", True)


def test_what_is_no_text_is_no_code(lin: Talk) -> None:
    lin.who.sends_location(22.5410, 114.0580)
    lin._worked()
    assert "No stations are known yet" in lin.who.messages[0].text


def test_a_wrong_code_says_so(lin: Talk) -> None:
    assert "does not fit" in lin.says("kw-" + "a" * 26).text
    assert "does not fit" in lin.says("/link something").text


# --- taking everything along, and leaving -----------------------------------------------------------------------


def test_the_export_is_a_file(lin: Talk, telegram: BotApi) -> None:
    lin.says("/me")
    paid_in(lin.world.services.database, lin.user.id, 4200)
    lin.says("/export")
    (sent,) = telegram.made("sendDocument", chat_id=lin.who.id)
    ((name, data),) = sent.files.items()
    assert (name, sent.params["caption"]) == (
        "kilowatch-2026-11-23.json",
        "📦 Everything we keep about you, as JSON.",
    )
    doc = json.loads(data)
    assert doc["kept"]["identities"][0]["external_id"] == str(lin.who.id)
    assert doc["kept"]["topups"][0]["amount"] == 4200


def test_leaving_needs_empty_hands_and_a_yes(lin: Talk, world: World) -> None:
    lin.says("/me")
    before = lin.user
    charge = charging(world.services.database, before.id, world.clock.now())
    text = lin.says("/delete").text
    assert "cannot be deleted yet" in text
    for part in ("A charge is still open", "¥30.00 is held"):
        assert part in text
    charge.end()
    assert "There is still ¥10.00" in lin.says("/delete").text
    assert account(world.services.database, Identity(Channel.TELEGRAM, str(lin.who.id))) is not None


def test_a_driver_who_leaves_is_gone(lin: Talk, world: World) -> None:
    lin.says("/me")
    before = lin.user
    lin.says("/delete")
    lin.presses("No")
    assert lin.user == before
    lin.says("/delete")
    lin.presses("Yes, delete everything")
    assert "nowhere any more" in lin.last.text
    assert account(world.services.database, Identity(Channel.TELEGRAM, str(lin.who.id))) is None
    lin.says("/start")
    assert lin.user.id != before.id
