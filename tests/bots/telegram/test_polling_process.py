"""The real bot process against a Bot API server over HTTP, by long polling: what a driver does and sees."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bots.telegram.buttons import Act, Search, pack
from bots.telegram.menu import COMMANDS
from core.geo import Point
from core.scan import LiveMessage
from core.station import station_key
from core.user import Channel, ConsentPurpose, Identity, User
from core.wishes import Mode
from tests.bots.driving import Driving
from tests.bots.telegram.process import TelegramProcess, city
from tests.bots.telegram.server import TOKEN, BotApi, Person, Shown
from tests.bots.telegram.stickers import photo_of
from tests.fakes import OPERATOR
from tests.world import World

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

HERE = (22.5410, 114.0580)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("telegram")


@pytest.fixture(scope="module")
def world(folder: Path) -> World:
    return city(folder)


@pytest.fixture(scope="module")
def early(telegram: BotApi) -> Person:
    """Wrote while the bot was away."""
    return telegram.person("Early")


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def bot(telegram: BotApi, folder: Path, world: World, early: Person) -> Iterator[TelegramProcess]:
    early.says("/start")
    process = TelegramProcess(telegram, folder)
    process.start()
    yield process
    process.stop()


def last(who: Person) -> Shown:
    return who.messages[-1]


def list_for(who: Person, at: tuple[float, float] = HERE) -> Shown:
    """Send a location and wait for the list."""
    before = len(who.messages)
    who.sends_location(*at)
    return who.api.wait(lambda: [m for m in who.messages[before:] if "stations within" in m.text])[0]


def press(who: Person, shown: Shown, label: str) -> Shown:
    """Press, and wait until the press was answered."""
    number = who.presses(shown, label)
    who.api.wait(lambda: who.api.made("answerCallbackQuery", callback_query_id=number))
    return shown


def account(world: World, who: Person) -> User:
    with world.services.database.read() as unit:
        user = unit.users.by_identity(Identity(Channel.TELEGRAM, str(who.id)))
    assert user is not None
    return user


def location_button(shown: Shown) -> dict[str, Any]:
    assert shown.markup is not None
    button: dict[str, Any] = shown.markup["keyboard"][0][0]
    return button


# --- arriving -------------------------------------------------------------------------------------------------


def test_what_was_sent_while_the_bot_was_away_is_answered(
    telegram: BotApi, bot: TelegramProcess, early: Person
) -> None:
    hello = telegram.wait(lambda: early.messages)[0]
    assert hello.text.count("\n") == 0
    assert location_button(hello) == {"text": "📍 Send my location", "request_location": True}
    assert telegram.made("deleteWebhook")[0].params.get("drop_pending_updates") is not True


def test_the_menu_speaks_both_languages(telegram: BotApi, bot: TelegramProcess) -> None:
    menus = telegram.wait(lambda: telegram.commands if len(telegram.commands) == 2 else {})
    assert [c["command"] for c in menus[""]] == list(COMMANDS)
    assert {c["command"]: c["description"] for c in menus["zh"]}["help"] == "使用方法"


def test_start_registers_in_the_language_of_the_phone(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    wei = telegram.person("Wei", "zh-hans")
    wei.says("/start")
    assert "充电枪" in telegram.wait(lambda: wei.messages)[0].text
    assert account(world, wei).language == "zh-CN"


def test_a_start_link_opens_its_station(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    lin.says(f"/start {station_key('test', 'Lotus Road')}")
    hello, card = telegram.wait(lambda: lin.messages if len(lin.messages) == 2 else [])
    assert card.text.startswith("Lotus Road")
    lin.says("/start no_such_thing_any_more")
    assert telegram.wait(lambda: lin.messages[2:])[0].text == hello.text


# --- the list -------------------------------------------------------------------------------------------------


def test_a_location_becomes_a_list_with_everything_on_a_row(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    assert shown.text.startswith("13 stations within 5 km · 30 kWh · Balanced")
    row = re.search(r"\d\. Lotus Road\n(.+?)\n\n", shown.text, re.DOTALL)
    assert row, shown.text
    for part in ("Lotus · 80 m", "for 30 kWh", "energy ¥", "service ¥12.00", "3 of 5 free (", "👉", "from "):
        assert part in row[1], row[1]
    assert "Testing Power, open data" in shown.text
    assert len(re.findall(r"^\d+\. ", shown.text, re.MULTILINE)) == 5


def test_pages_sorts_and_modes_edit_the_one_message(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    first = shown.text
    assert "1/3" in shown.buttons
    press(lin, shown, "▶")
    assert re.search(r"^6\. ", shown.text, re.MULTILINE)
    press(lin, shown, "◀")
    assert shown.text == first
    press(lin, shown, "Distance")
    assert "1. Lotus Road" in shown.text
    assert "✓ Distance" in shown.buttons
    press(lin, shown, "Distance")  # changes nothing; Telegram refuses the edit, the driver sees no error
    answered = telegram.made("answerCallbackQuery")[-1]
    assert answered.ok
    assert "text" not in answered.params
    press(lin, shown, "In a hurry")
    assert account(world, lin).mode is Mode.HURRY
    assert "In a hurry" in shown.text
    lists = [m for m in lin.messages if "stations within" in m.text]
    assert lists == [shown]


def test_filters_are_toggled_and_explained(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    press(lin, shown, "⚙️ Filters")
    press(lin, shown, "Free parking")
    assert "1. Civic Center" in shown.text
    assert "12 more hidden by your filters" in shown.text
    press(lin, shown, "Free now")
    assert "Nothing within 200 km passes your filters" in shown.text
    assert account(world, lin).filters.active == 2
    press(lin, shown, "✕ No filters")
    assert shown.text.startswith("13 stations")
    press(lin, shown, "Operator…")
    press(lin, shown, "Civic")
    assert shown.text.startswith("1 station within")
    press(lin, shown, "Civic")
    press(lin, shown, "◀ Filters")
    press(lin, shown, "≥ 120 kW")
    assert "Civic Center" not in shown.text
    press(lin, shown, "◀ List")
    assert "⚙️ Filters · 1" in shown.buttons


def test_the_position_can_be_put_right(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    press(lin, shown, "📍 Position off?")
    assert "22.54100, 114.05800" in shown.text
    press(lin, shown, "⬆️ 200 m")
    assert "22.54280, 114.05800" in shown.text
    press(lin, shown, "My map uses GCJ-02 (Amap, Tencent)")
    assert "22.545" in shown.text  # the shift at Shenzhen is about 300 m north and 500 m west
    assert "114.0528" in shown.text
    press(lin, shown, "My map uses GCJ-02 (Amap, Tencent)")
    assert "22.54280, 114.05800" in shown.text
    press(lin, shown, "◀ List")
    assert "✓ Recommended" in shown.buttons


def test_a_card_has_the_way_there(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    press(lin, shown, "Distance")
    before = shown.text
    press(lin, shown, "1")
    assert shown.text.startswith("Lotus Road\nLotus · 80 m")
    assert "01–03 GB/T DC 120 kW · free" in shown.text
    assert "Amap · Baidu Maps · Apple Maps" in shown.text
    press(lin, shown, "📍 On the map")
    venue = telegram.made("sendVenue", chat_id=lin.id)[0].params
    assert (venue["latitude"], venue["longitude"], venue["title"]) == (22.5415, 114.0585, "Lotus Road")
    press(lin, shown, "◀ List")
    assert shown.text == before
    press(lin, shown, "1")
    press(lin, shown, "🚗 I am really here")
    assert "📍 Around Lotus Road" in shown.text
    assert "Lotus · 0 m" in shown.text


def test_supplier_markup_is_only_text(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin, (22.5380, 114.0560))
    press(lin, shown, "Distance")
    assert "1. <b>Bad & Co</b>" in shown.text
    assert "<i>X</i>" in shown.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("22.5410, 114.0580", "📍 Around 22.5410, 114.0580"),
        ("Lotus Road", "📍 Around Lotus Road"),
        ("114.0580, 22.5410", "Latitude and longitude look swapped"),
        ("999, 999", "These coordinates are not on Earth"),
        ("0.0, -30.0", "No station within 200 km. The nearest one we know is"),
        ("nowhere at all", "We found no place called “nowhere at all”"),
        ("/nonsense", "I do not know this command"),
    ],
)
def test_typed_words_get_a_clear_answer(telegram: BotApi, bot: TelegramProcess, text: str, answer: str) -> None:
    lin = telegram.person("Lin")
    lin.says(text)
    assert answer in telegram.wait(lambda: lin.messages)[0].text


def test_a_venue_is_a_place_and_a_sticker_is_not(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    place = {"latitude": HERE[0], "longitude": HERE[1]}
    lin.sends(venue={"location": place, "title": "City <Hall>", "address": "1 Road"}, location=place)
    assert telegram.wait(lambda: lin.messages)[0].text.startswith("📍 Around City <Hall>")
    wei = telegram.person("Wei")
    sticker = {"file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1, "height": 1}
    wei.sends(sticker={**sticker, "is_animated": False, "is_video": False})
    assert "I cannot read this yet" in telegram.wait(lambda: wei.messages)[0].text


def test_a_coarse_position_is_said(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.sends_location(*HERE, accuracy=1200)
    assert "only to within 1.2 km" in telegram.wait(lambda: lin.messages)[0].text


@pytest.mark.parametrize("data", ["0Lold", "find:22.5:114.0", "1Z", "1L", "1LAAAAAAAAA", "\x00", "1Sq", "🚗" * 16])
def test_buttons_of_another_age_are_answered(telegram: BotApi, bot: TelegramProcess, data: str) -> None:
    lin = telegram.person("Lin")
    shown = Shown(999_999, lin.id, "from last year", None)
    number = lin.presses_data(shown, data)
    answer = telegram.wait(lambda: telegram.made("answerCallbackQuery", callback_query_id=number))[0].params
    assert answer["text"] == "This list is too old. Send your location for a fresh one."
    assert answer["show_alert"] is True


def test_a_button_of_a_message_that_is_gone_brings_a_new_one(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.presses_data(Shown(999_998, lin.id, "deleted", None), pack(Act.LIST, Search(Point(*HERE))))
    assert "13 stations" in telegram.wait(lambda: lin.messages)[0].text


# --- the questions, settings and consent ------------------------------------------------------------------------


def test_the_questions_come_once_after_the_first_list(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    chen = telegram.person("Chen", "zh")
    chen.sends_location(*HERE)
    shown, question = telegram.wait(lambda: chen.messages if len(chen.messages) == 2 else [])
    assert "个充电站" in shown.text
    assert "1 公里方格保留 30 天" in question.text
    history = ConsentPurpose.POSITION_HISTORY
    assert not world.services.accounts.has_consent(account(world, chen).id, history)
    press(chen, question, "可以保留")
    assert world.services.accounts.has_consent(account(world, chen).id, history)
    press(chen, question, "45 度")
    press(chen, question, "赶时间")
    assert question.text == "👍 已按 45 度、赶时间计算，可在 /settings 更改。"
    user = account(world, chen)
    assert (user.energy_kwh, user.mode) == (Decimal(45), Mode.HURRY)
    chen.sends_location(*HERE)
    again = telegram.wait(lambda: chen.messages[2:])[0]
    assert "45 度" in again.text
    chen.says("/settings")
    settings = telegram.wait(lambda: chen.messages[3:])[0]  # straight after the list: nothing is asked again
    assert "搜索区域：以 1 公里方格保留 30 天" in settings.text
    chen.says("/start")
    offer = telegram.wait(lambda: chen.messages[5:])[0]
    press(chen, offer, "🔎 上次查找的附近")
    assert "公里内" in offer.text
    press(chen, settings, "删除我的搜索区域")
    assert not world.services.accounts.has_consent(account(world, chen).id, history)
    assert "不保留" in settings.text
    chen.says("/start")
    telegram.wait(lambda: chen.messages[6:])
    chen.says("/help")
    assert telegram.wait(lambda: chen.messages[7:])[0].text.startswith("使用方法"), "nothing is offered any more"


def test_language_can_be_changed(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    lin.says("/language")
    shown = telegram.wait(lambda: lin.messages)[0]
    press(lin, shown, "中文")
    assert shown.text.startswith("设置")
    assert account(world, lin).language == "zh-CN"
    assert location_button(last(lin))["text"] == "📍 发送我的位置"


def test_stop_is_kept_until_start(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    lin.says("/stop")
    telegram.wait(lambda: lin.messages)
    assert account(world, lin).stopped
    lin.says("/start")
    telegram.wait(lambda: len(lin.messages) == 2)
    assert not account(world, lin).stopped


# --- live locations ---------------------------------------------------------------------------------------------


def test_a_live_location_edits_one_list_after_300_m(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    live = lin.sends_location(*HERE, live_period=3600)
    shown = telegram.wait(lambda: lin.messages)[0]
    assert "update this list while you drive" in shown.text
    telegram.wait(lambda: len(lin.messages) == 2)  # the question under it
    lin.moves(live, HERE[0] + 0.0020, HERE[1])  # 220 m
    lin.moves(live, HERE[0] + 0.0180, HERE[1])  # 2 km: North Gate is near now
    telegram.wait(lambda: shown.edits == 1)
    press(lin, shown, "Distance")
    assert "1. North Gate" in shown.text
    press(lin, shown, "1")
    card = shown.text
    lin.moves(live, *HERE)  # the card is being read: it stays
    lin.moves(live, HERE[0], HERE[1], live_period=None)  # stopped
    lin.says("/help")
    telegram.wait(lambda: len(lin.messages) == 3)
    assert shown.text == card
    assert len(telegram.made("sendMessage", chat_id=lin.id)) == 3  # the list, the question, the help


def test_after_stop_a_shared_location_moves_nothing(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    live = lin.sends_location(*HERE, live_period=3600)
    shown = telegram.wait(lambda: lin.messages)[0]
    lin.says("/stop")
    lin.moves(live, HERE[0] + 0.0180, HERE[1])
    lin.says("/help")
    telegram.wait(lambda: lin.messages[-1].text.startswith("How it works"))
    assert shown.edits == 0
    assert len([m for m in lin.messages if "stations within" in m.text]) == 1


def test_a_live_location_from_before_a_restart_gets_a_list_again(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.moves(77, *HERE)
    shown = telegram.wait(lambda: lin.messages)[0]
    lin.moves(77, HERE[0] + 0.0180, HERE[1])
    telegram.wait(lambda: shown.edits == 1)


# --- groups, blocks, limits -------------------------------------------------------------------------------------


def test_a_group_is_answered_only_when_the_bot_is_meant(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin").in_group(-100_200)
    lin.says("/start")
    lin.says("/start@another_bot")
    lin.says("hello everybody")
    lin.sends_location(*HERE)
    lin.says("/help@kilowatch_test_bot")
    first = telegram.wait(lambda: lin.messages)[0]
    assert first.text.startswith("How it works")
    assert not (first.markup or {}).get("keyboard")
    mention = {"type": "mention", "offset": 0, "length": 19}
    lin.sends(text="@Kilowatch_test_bot Lotus Road", entities=[mention])
    shown = telegram.wait(lambda: lin.messages[1:])[0]
    assert "📍 Around Lotus Road" in shown.text
    press(lin, shown, "Distance")
    lin.sends(location={"latitude": 22.56, "longitude": 114.06}, reply_to_message=telegram.message_json(shown))
    telegram.wait(lambda: len(lin.messages) == 3)
    assert "13 stations" in last(lin).text


def test_who_blocks_the_bot_is_left_alone_until_they_return(
    telegram: BotApi, bot: TelegramProcess, world: World
) -> None:
    lin = telegram.person("Lin")
    lin.says("/start")
    telegram.wait(lambda: lin.messages)
    lin.blocks()
    telegram.wait(lambda: not account(world, lin).reachable)
    lin.unblocks()
    telegram.wait(lambda: account(world, lin).reachable)


def test_a_refused_send_marks_the_chat(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    telegram.blocked.add(lin.id)
    lin.says("/help")
    telegram.wait(lambda: telegram.made("sendMessage", chat_id=lin.id))
    telegram.wait(lambda: not account(world, lin).reachable)
    assert len(telegram.made("sendMessage", chat_id=lin.id)) == 1


def test_a_429_is_obeyed(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    telegram.refuse_next("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
    lin.says("/help")
    telegram.wait(lambda: lin.messages)
    tries = telegram.made("sendMessage", chat_id=lin.id)
    assert [call.ok for call in tries] == [False, True]


def test_an_update_survives_telegrams_bad_moment(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    telegram.refuse_next("sendMessage", 502, "Bad Gateway")
    lin.says("/help")
    assert telegram.wait(lambda: lin.messages)[0].text.startswith("How it works")


def test_an_update_that_never_succeeds_ends_with_a_word(
    telegram: BotApi, bot: TelegramProcess, world: World, folder: Path
) -> None:
    lin = telegram.person("Lin")
    message = {"message_id": 5, "date": 1, "chat": lin.chat, "from": lin.user, "text": "/help"}
    world.clock.advance(hours=1)  # not due before it stands at its last try
    body = json.dumps({"update_id": 800_001, "message": message})
    assert world.services.inbox.accept("telegram", "800001", str(lin.id), body)
    world.clock.advance(hours=-1)
    telegram.refuse_next("sendMessage", 500, "Internal Server Error")
    with sqlite3.connect(folder / "kilowatch.sqlite3") as db:
        db.execute("UPDATE inbox SET attempts = 4, next_at = (SELECT min(next_at) FROM inbox) WHERE key = '800001'")
    assert "Something went wrong on our side" in telegram.wait(lambda: lin.messages)[0].text
    assert world.services.inbox.counts()["telegram", "dead"] == 1


def test_a_repeated_update_has_one_effect(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    with telegram.changed:
        lin.says("/help")
        update = telegram.pending[-1]
    telegram.wait(lambda: telegram.confirmed >= update["update_id"])
    telegram.deliver_again(update)
    lin.says("/stop")
    telegram.wait(lambda: "🔕" in last(lin).text if lin.messages else False)
    assert len(lin.messages) == 2


def test_a_burst_of_messages_is_answered_to_the_last(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    for text in ["/help", "/language"] * 10:
        lin.says(text)
    telegram.wait(lambda: len(lin.messages) >= 20)
    assert [message.text.startswith("How it works") for message in lin.messages] == [True, False] * 10


def test_the_wallet_opens_and_leads_on(telegram: BotApi, bot: TelegramProcess) -> None:
    """Over the services as the process builds them: the sandbox provider is set up, and is not running here."""
    lin = telegram.person("Lin")
    lin.says("/wallet")
    shown = telegram.wait(lambda: [m for m in lin.messages if "Nothing in it yet" in m.text])[0]
    press(lin, shown, "➕ Top up")
    assert "¥50.00" in shown.buttons
    number = lin.presses(shown, "¥50.00")
    (answer,) = telegram.wait(lambda: telegram.made("answerCallbackQuery", callback_query_id=number))
    assert "Nothing was charged" in answer.params["text"]
    lin.says("/statement")
    telegram.wait(lambda: "Nothing has been paid yet." in last(lin).text)


# --- charging -----------------------------------------------------------------------------------------------------


def test_a_photo_is_read_by_the_process(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.sends_photo(photo_of(f"hlht://NoSuchGun1.{OPERATOR}/"))
    assert "We do not know this gun" in telegram.wait(lambda: lin.messages)[0].text


def test_a_charge_is_followed_by_the_process(telegram: BotApi, bot: TelegramProcess, world: World) -> None:
    lin = telegram.person("Lin")
    lin.says("/charge")
    shown = telegram.wait(lambda: lin.messages)[0]
    driving = Driving(world)
    user_id = account(world, lin).id
    driving.tops_up(user_id, 100)
    session = driving.begins(user_id)
    with world.services.database.write() as unit:
        unit.live_messages.put(
            LiveMessage(session.id, "telegram", str(lin.id), str(shown.message_id), "", world.clock.now())
        )
    telegram.wait(lambda: "Starting" in shown.text)
    world.clock.advance(seconds=30)
    driving.runs_jobs()
    telegram.wait(lambda: shown.text.startswith("⚡ Charging"))
    driving.ends(session)
    telegram.wait(lambda: shown.text.startswith("✅ Settled"))
    assert "🧾 Receipt" in shown.buttons


# --- the end ------------------------------------------------------------------------------------------------------


def test_a_kill_in_the_middle_loses_no_update(telegram: BotApi, bot: TelegramProcess, folder: Path) -> None:
    lin = telegram.person("Lin")
    shown = list_for(lin)
    telegram.hold("editMessageText")
    lin.presses(shown, "Distance")
    telegram.wait(lambda: [c for c in telegram.calls if c.error == "held"])
    lin.says("/help")
    telegram.wait(lambda: not telegram.pending or telegram.pending[-1]["update_id"] <= telegram.confirmed)
    bot.kill()
    telegram.release()
    with sqlite3.connect(folder / "kilowatch.sqlite3") as db:
        # A minute passes: the lease of the dead process runs out.
        db.execute("UPDATE inbox SET lease_until = received_at WHERE state = 'working'")
    bot.start()
    telegram.wait(lambda: "✓ Distance" in shown.buttons)
    telegram.wait(lambda: last(lin).text.startswith("How it works"))
    assert [m.text for m in lin.messages].count(last(lin).text) == 1


def test_logs_hold_no_token_and_no_position_and_sigterm_ends_it(telegram: BotApi, bot: TelegramProcess) -> None:
    bot.stop()  # raises when it does not end by itself
    log = bot.log
    assert "telegram stopped" in log
    assert TOKEN.split(":")[1] not in log
    assert "22.541" not in log
    assert "114.058" not in log
