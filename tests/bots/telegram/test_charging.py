"""From a photo to a receipt in Telegram, and every way off that path, over real services and a Bot API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiogram import Dispatcher

from core.geo import Point
from core.guncode import gun_payload, write_hlht
from core.session import BUSY
from core.station import ConnectorStatus
from tests.bots.driving import WARY, Driving
from tests.bots.telegram.drive import Driver
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi
from tests.bots.telegram.stickers import photo_of
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world

ENGLISH = ("⚡ Start · hold", "⚡ Charging", "⏹ Stop", "⏹ Yes", "⏳ Stopping", "Settled", "quoted ¥45.00",
           "🧾 Receipt", "👍")  # fmt: skip
CHINESE = ("⚡ 开始充电 · 冻结", "⚡ 充电中", "⏹ 停止", "⏹ 是", "⏳ 正在停止", "已结算", "报价 ¥45.00",
           "🧾 充电单", "👍")  # fmt: skip


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("charging"))


@pytest.fixture(scope="module")
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def driver(telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving) -> Iterator[Driver]:
    """Lin, with a hundred yuan, beside the first gun."""
    one = new_driver(telegram, dispatcher, world, driving, "Lin", "en")
    one.driving.tops_up(one.user_id, 100)
    one.arrives()
    yield one
    leave_nothing_running(one)


def new_driver(
    telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving, name: str, language: str
) -> Driver:
    world.clock.advance(hours=1)  # no start or scan is counted against the next person's test
    world.services.catalogue.pull_prices(driving.supplier)
    world.services.catalogue.pull_statuses(driving.supplier)
    world.services.index.refresh()
    one = Driver(Talk(telegram, dispatcher, world, telegram.person(name, language)), driving)
    one.says("/wallet")
    return one


def sets_status(one: Driver, status: ConnectorStatus) -> None:
    """Of the first gun; told at once."""
    one.talk.world.clock.advance(seconds=1)
    one.driving.supplier.sets_status(one.driving.guns[0], status)
    one.talk.world.services.catalogue.pull_statuses(one.driving.supplier)
    one.talk.world.services.index.refresh()


def leave_nothing_running(one: Driver) -> None:
    one.driving.supplier.sets_status(one.driving.guns[0], ConnectorStatus.FREE)
    one.driving.runs_jobs()
    for session in one.talk.world.services.charging.history(one.user_id):
        if session.state in BUSY:
            one.talk.world.clock.advance(seconds=30)
            one.driving.ends(session)


@pytest.mark.parametrize(("code", "words"), [("en", ENGLISH), ("zh-hans", CHINESE)], ids=["en", "zh"])
def test_from_a_photo_to_the_receipt(
    telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving, code: str, words: tuple[str, ...]
) -> None:
    start, charging, stop, yes, stopping, settled, quoted, receipt, good = words
    lin = new_driver(telegram, dispatcher, world, driving, "Lin", code)
    driving.tops_up(lin.user_id, 100)
    lin.arrives()
    live = lin.sends_photo(lin.code())
    for part in (WARY, "P1-1", "60 kW", "¥45.00", "¥1.50/", "¥57.00"):
        assert part in live.text
    lin.taps(start, live)
    assert "¥57.00" in live.text
    assert len(live.buttons) == 1
    lin.later(seconds=30)
    assert live.text.startswith(charging)
    lin.later(minutes=5)
    assert "kWh · 60 kW" in live.text.replace(" 度", " kWh")
    lin.taps(stop, live)
    lin.taps(yes, live)
    assert stopping in live.text
    session = lin.driving.now(lin.charge())
    lin.driving.runs_jobs()
    driving.ends(session)
    lin.looks()
    assert settled in live.text
    assert quoted in live.text
    lin.taps(good, live)
    lin.taps(receipt, live)
    assert session.id in lin.last.text


def test_money_that_has_come_in_leads_back_to_the_gun(driver: Driver) -> None:
    """The button under "Paid in"."""
    shown = driver.says("/wallet")
    driver.talk.who.presses_data(shown, "1Ep")
    assert "Send a photo of its code" in driver.talk._worked().text
    driver.arrives()
    driver.taps("20 kWh", driver.sends_photo(driver.code()))
    driver.talk.who.presses_data(shown, "1Ep")
    assert "for 20 kWh" in driver.talk._worked().text
    assert "⚡ Start · hold" in " ".join(driver.last.buttons)


# --- before the offer ---------------------------------------------------------------------------------------------


def test_a_picture_without_a_code_says_what_to_do_and_then_a_number_is_no_place(driver: Driver) -> None:
    shown = driver.sends_photo()
    assert "flash" in shown.text
    assert "P1-2" in driver.says("P1-2").text


def test_photos_of_an_album_are_lamented_once(driver: Driver) -> None:
    for _ in range(3):
        driver.talk.who.sends_photo(photo_of(), album="7")
    driver.talk._worked()
    assert sum("flash" in one.text for one in driver.talk.who.messages) == 1


def test_a_picture_sent_as_a_file_and_one_that_is_none(driver: Driver) -> None:
    driver.talk.who.sends_file(photo_of(driver.code(1)), "IMG.JPG", "application/octet-stream")
    assert "P1-2" in driver.talk._worked().text
    driver.talk.who.sends_file(b"no picture at all", "a.png", "image/png")
    assert "JPEG, PNG or WebP" in driver.talk._worked().text
    driver.talk.who.sends_file(b"x", "a.png", "image/png", size=30_000_000)
    assert "too large" in driver.talk._worked().text
    driver.talk.who.sends_file(b"x", "a.pdf", "application/pdf")
    assert "I cannot read this yet" in driver.talk._worked().text


def test_a_guns_code_beats_the_payment_code_beside_it(driver: Driver) -> None:
    assert "P1-1" in driver.sends_photo("wxp://f2f0abcdefghijkl", driver.code()).text


def test_two_guns_in_one_picture_are_asked_about(driver: Driver) -> None:
    shown = driver.sends_photo(driver.code(0), driver.code(1))
    assert "several codes" in shown.text
    driver.taps("Gun P1-2", shown)
    assert "Start · hold" in " ".join(shown.buttons)
    assert "P1-2" in shown.text


def test_scan_asks_and_typed_codes_are_taken_at_any_time(driver: Driver) -> None:
    shown = driver.says("/scan")
    assert [one["text"] for one in (shown.markup or {})["keyboard"][0]] == ["📍 Send my location", "📷 Scan a gun"]
    assert "P1-1" in driver.says("P1-1").text
    assert "photo of the QR code" in driver.says("📷 Scan a gun").text
    assert "P1-3" in driver.says(driver.code(2)).text
    assert "no place called" in driver.says("Nowhere 12").text


def test_a_bare_number_is_a_place_first_and_a_gun_when_it_is_sent_again(driver: Driver) -> None:
    assert driver.says("P1-2").text.endswith("If it is the number of a gun, send it once more.")
    assert f"Are you at {WARY}?" in driver.says("P1-2").text
    driver.taps("Yes, I am there")
    assert any("Start · hold" in label for label in driver.last.buttons)
    assert "send it once more" in driver.says("P1-2").text  # the question has been answered


def test_a_shared_link_of_a_map_is_no_sticker(driver: Driver) -> None:
    assert "no place called" in driver.says("https://surl.amap.com/4Yz8q1").text
    assert "⛔" in driver.says("https://pay.example/4Yz8q1").text


def test_a_link_of_ours_opens_the_offer(driver: Driver) -> None:
    assert "P1-1" in driver.says(f"/start {gun_payload(driver.driving.guns[0])}").text


def test_a_gun_is_picked_from_the_stations_card(driver: Driver) -> None:
    here = driver.talk.world.here
    sets_status(driver, ConnectorStatus.CHARGING)
    driver.talk.who.sends_location(here.lat, here.lng)
    driver.talk._worked()
    found = next(one for one in driver.talk.who.messages if "within" in one.text)
    driver.taps("1", found)
    driver.taps("⚡ Start here", found)
    assert [label.split(" · ")[0] for label in found.buttons] == ["Gun P1-2", "Gun P1-3", "Gun P1-1", "◀ Back"]
    driver.taps("Gun P1-2", found)
    assert "Start · hold" in " ".join(driver.last.buttons)


def test_without_a_position_the_last_four_or_the_location_are_asked(driver: Driver) -> None:
    world, supplier = driver.talk.world, driver.driving.supplier
    gun = supplier.builds("A100", world.here, guns=1).connectors[0].ref
    world.load(supplier)
    world.services.catalogue.pull_prices(supplier)
    world.services.whereabouts.forget(driver.user_id)
    shown = driver.sends_photo(write_hlht(gun))
    assert "last four characters" in shown.text
    assert (shown.markup or {})["keyboard"][0][0]["request_location"] is True
    assert "2 tries are left" in driver.says("9999").text
    assert "Start · hold" in " ".join(driver.says("100-1").buttons)
    supplier.removes("A100")
    world.load(supplier)


def test_a_location_answers_the_question_for_the_last_four(driver: Driver) -> None:
    driver.talk.world.services.whereabouts.forget(driver.user_id)
    driver.sends_photo(driver.code())
    here = driver.talk.world.here
    driver.talk.who.sends_location(here.lat, here.lng)
    assert "Start · hold" in " ".join(driver.talk._worked().buttons)


def test_down_the_road_the_driver_is_asked_for_the_station(driver: Driver) -> None:
    near = Point(22.5480, 114.0580)
    driver.talk.world.services.whereabouts.here(driver.user_id, near)
    shown = driver.sends_photo(driver.code())
    assert f"Are you at {WARY}?" in shown.text
    driver.taps("No, I am not", shown)
    assert "not your gun's" in shown.text
    shown = driver.sends_photo(driver.code())
    driver.taps("Yes, I am there", shown)
    assert "Start · hold" in " ".join(shown.buttons)


def test_a_false_sticker_is_refused_and_reported_once_with_its_photo(driver: Driver) -> None:
    shown = driver.sends_photo("https://hlht.example.teld.cn.evil.example/pay?id=1")
    assert shown.text.startswith("⛔")
    data = shown.buttons["🚩 Report the sticker"]
    driver.taps("🚩", shown)
    assert "Thank you" in driver.talk.toast
    assert shown.buttons == {}
    driver.talk.who.presses_data(shown, data)  # it was tapped twice
    driver.talk._worked()
    with driver.talk.world.services.database.read() as unit:
        (scan,) = [one for one in unit.scans.reported(10) if one.user_id == driver.user_id]
        assert unit.scans.photo(scan.id) == driver.talk.telegram.files[scan.photo_ref]
    assert "Thank you" in driver.says("/report").text


def test_money_is_no_business_of_a_group(driver: Driver) -> None:
    group = Talk(driver.talk.telegram, driver.talk.dispatcher, driver.talk.world, driver.talk.who.in_group(-100400))
    for text in ("/scan", "/charge", "/history", f"/start {gun_payload(driver.driving.guns[0])}"):
        word, _, rest = text.partition(" ")
        assert "private chat" in group.says(f"{word}@kilowatch_test_bot {rest}".strip()).text
