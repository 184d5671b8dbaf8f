"""The yes, and the one message that shows a charge from then on: what is shown, when, and what becomes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from aiogram import Dispatcher

from core.scan import Promised
from core.session import SessionState
from core.station import ConnectorStatus
from core.tariff import flat_tariff
from tests.bots.driving import WARY, Driving
from tests.bots.telegram.drive import Driver
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi, Shown
from tests.bots.telegram.test_charging import leave_nothing_running, new_driver, sets_status
from tests.world import World, make_world


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("following"))


@pytest.fixture(scope="module")
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def driver(telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving) -> Iterator[Driver]:
    """Lin, with three hundred yuan, beside the first gun."""
    one = new_driver(telegram, dispatcher, world, driving, "Lin", "en")
    one.driving.tops_up(one.user_id, 300)
    one.arrives()
    yield one
    leave_nothing_running(one)


def offered(driver: Driver) -> Shown:
    return driver.sends_photo(driver.code())


def started(driver: Driver) -> Shown:
    live = offered(driver)
    driver.taps("⚡ Start", live)
    return live


def charging(driver: Driver) -> Shown:
    live = started(driver)
    driver.later(seconds=30)
    assert live.text.startswith("⚡ Charging")
    return live


def is_open(driver: Driver) -> bool:
    with driver.talk.world.services.database.read() as unit:
        return any(one.session_id == driver.charge().id for one in unit.live_messages.open("telegram", 100))


# --- the card -----------------------------------------------------------------------------------------------------


def test_another_amount_is_another_quote_in_the_same_card(driver: Driver) -> None:
    card = offered(driver)
    driver.taps("20 kWh", card)
    assert "About ¥30.00 for 20 kWh" in card.text
    assert "✓ 20 kWh" in card.buttons
    driver.taps("✕ Cancel", card)
    assert "nothing is held" in card.text
    assert card.buttons == {}


def test_who_has_too_little_tops_up_and_goes_on(
    telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving
) -> None:
    wei = new_driver(telegram, dispatcher, world, driving, "Wei", "en")
    wei.arrives()
    card = offered(wei)
    assert "You have ¥0.00. Top up at least ¥57.00 to start." in card.text
    assert not any("Start" in label for label in card.buttons)
    wei.taps("➕ Top up ¥57.00", card)
    wei.taps("➕ Top up ¥57.00", card)
    (order,) = world.services.wallet.topups(wei.user_id)
    page = wei.last
    wei.taps("▶ I have paid", page)
    assert "Nothing has arrived yet" in wei.talk.toast
    world.payments.pays(order.id)
    wei.taps("▶ I have paid", page)
    assert any(label.startswith("⚡ Start · hold ¥57.00") for label in page.buttons)


def test_an_expired_price_is_never_started_at(driver: Driver, driving: Driving, world: World) -> None:
    card = offered(driver)
    world.clock.advance(minutes=6)
    driving.supplier.sets_price(driving.guns[0], flat_tariff("CNY", Decimal("1.80")))
    world.services.catalogue.pull_prices(driving.supplier)
    try:
        driver.taps("⚡ Start", card)
        assert "It was ¥45.00, it is ¥54.00 now. Nothing was started" in card.text
        assert world.services.charging.history(driver.user_id) == []
        world.clock.advance(minutes=6)
        driver.taps("⚡ Start", card)
        assert "the new one is the same" in card.text
        driver.taps("⚡ Start", card)
        assert driver.charge().quote.expected.amount_minor == 5400
    finally:
        driving.supplier.sets_price(driving.guns[0], flat_tariff("CNY", Decimal("1.50")))
        driver.later(seconds=30)


def test_a_card_of_last_week_says_to_scan_again(driver: Driver, world: World) -> None:
    card = offered(driver)
    world.clock.advance(days=7)
    driver.taps("⚡ Start", card)
    assert "This scan is too old" in driver.talk.toast


def test_a_busy_gun_names_others_nearby(driver: Driver, world: World) -> None:
    world.station("Corner", 22.5440, 114.0580, price="1.10", free=2)
    sets_status(driver, ConnectorStatus.CHARGING)
    shown = offered(driver)
    assert "⛔ This gun is in use." in shown.text
    assert "Free nearby, with your plug:" in shown.text
    driver.taps("➡ Corner · 330 m · 2 free", shown)
    assert shown.text.startswith("Corner")
    sets_status(driver, ConnectorStatus.FREE)


# --- the yes ------------------------------------------------------------------------------------------------------


def test_twenty_taps_are_one_charge_in_one_message(driver: Driver, driving: Driving) -> None:
    card = offered(driver)
    data = next(data for label, data in card.buttons.items() if "Start" in label)
    for _ in range(20):
        driver.talk.who.presses_data(card, data)
    driver.talk._worked()
    assert len(driver.talk.world.services.charging.history(driver.user_id)) == 1
    assert [one for one in driver.talk.who.messages if "Starting" in one.text] == [card]
    driver.later(seconds=30)


def test_a_second_gun_while_one_charges_leads_to_the_charge(driver: Driver) -> None:
    live = charging(driver)
    other = driver.sends_photo(driver.code(1))
    assert "You are charging already" in other.text
    driver.taps("⚡ Show it", other)
    assert other.text.startswith("⚡ Charging")
    assert live.text.startswith("⬇")


def test_killed_between_the_start_and_the_edit_the_charge_is_shown_all_the_same(driver: Driver) -> None:
    card = offered(driver)
    data = next(data for label, data in card.buttons.items() if "Start" in label)
    driver.talk.telegram.refuse_next("editMessageText", 500, "Internal Server Error")
    driver.talk.who.presses_data(card, data)
    with pytest.raises(Exception, match="Internal Server Error"):
        driver.talk._worked()
    driver.later(seconds=30)
    assert card.text.startswith("⚡ Charging")


def test_where_the_card_is_gone_the_charge_is_shown_in_a_new_message(driver: Driver) -> None:
    card = offered(driver)
    data = next(data for label, data in card.buttons.items() if "Start" in label)
    del driver.talk.telegram.shown[card.message_id]
    driver.talk.who.presses_data(card, data)
    driver.talk._worked()
    driver.later(seconds=30)
    assert driver.last.text.startswith("⚡ Charging")


# --- following ----------------------------------------------------------------------------------------------------


def test_the_meter_is_shown_every_fifteen_seconds_and_a_state_at_once(driver: Driver, world: World) -> None:
    live = charging(driver)
    edits = live.edits
    for _ in range(3):
        driver.later(seconds=4)
    assert live.edits == edits
    driver.later(seconds=20)
    assert live.edits == edits + 1
    driver.looks()
    assert live.edits == edits + 1
    world.services.charging.stop(driver.user_id, driver.charge().id)
    driver.looks()
    assert live.text.startswith("⏳ Stopping")


def test_the_question_before_a_stop_stands_until_it_is_answered(driver: Driver) -> None:
    live = charging(driver)
    driver.later(seconds=30)
    driver.taps("⏹ Stop", live)
    driver.later(seconds=30)
    assert list(live.buttons) == ["⏹ Yes, stop charging", "No, go on"]
    driver.taps("No, go on", live)
    assert list(live.buttons) == ["⏹ Stop"]
    driver.taps("⏹ Stop", live)
    driver.later(seconds=90)  # and nobody is asked for ever
    assert list(live.buttons) == ["⏹ Stop"]
    assert driver.charge().state is SessionState.CHARGING


def test_a_bill_that_differs_is_marked(driver: Driver) -> None:
    live = charging(driver)
    driver.billed(total_cost=Decimal(90), energy_cost=None, service_cost=None)
    assert "⚠ The bill is" in live.text
    assert not is_open(driver)


def test_what_the_driver_says_afterwards_is_kept(driver: Driver) -> None:
    live = charging(driver)
    session = driver.billed()
    driver.taps("👎", live)
    assert list(live.buttons) == ["The gun was broken", "The bay was blocked", "The price", "Something else"]
    driver.taps("The bay was blocked", live)
    assert list(live.buttons) == ["🧾 Receipt"]
    with driver.talk.world.services.database.read() as unit:
        opinion = unit.opinions.get(session.id)
    assert opinion is not None
    assert opinion.promised is Promised.BLOCKED


def test_a_failed_start_says_why_and_is_tried_again(driver: Driver, driving: Driving) -> None:
    driving.supplier.refuses_starts = "not_plugged_in"
    live = started(driver)
    driver.later(seconds=5)
    driving.supplier.refuses_starts = ""
    assert "not plugged in" in live.text
    assert "Nothing was charged" in live.text
    assert not is_open(driver)
    driver.taps("🔁 Try again", live)
    assert any("Start · hold" in label for label in driver.last.buttons)


def test_a_deleted_message_and_a_blocked_chat_are_let_be(driver: Driver, telegram: BotApi) -> None:
    live = charging(driver)
    del telegram.shown[live.message_id]
    driver.later(seconds=30)
    assert not is_open(driver)
    shown = driver.says("/charge")
    assert shown.text.startswith("⚡ Charging")
    telegram.blocked.add(driver.talk.who.id)
    driver.later(seconds=30)
    telegram.blocked.discard(driver.talk.who.id)
    assert not is_open(driver)


def test_a_pause_that_telegram_asks_for_is_kept_for_all(driver: Driver, telegram: BotApi) -> None:
    live = charging(driver)
    telegram.refuse_next("editMessageText", 429, "Too Many Requests: retry after 30", retry_after=30)
    driver.talk.world.clock.advance(seconds=30)
    driver.driving.runs_jobs()

    async def twice() -> int:
        async with driver.bot() as bot:
            following = driver.following(bot)
            await following.look()
            await following.look()
            following.close()
        return live.edits

    before = live.edits
    assert asyncio.run(twice()) == before
    driver.looks()  # another process, as after a restart
    assert live.edits == before + 1


def test_one_that_fails_holds_up_nobody(
    driver: Driver, telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving
) -> None:
    wei = new_driver(telegram, dispatcher, world, driving, "Wei", "en")
    driving.tops_up(wei.user_id, 300)
    driver.arrives()
    mine = charging(driver)
    wei.arrives()
    theirs = wei.sends_photo(wei.code(1))
    wei.taps("⚡ Start", theirs)
    driver.later(seconds=30)
    before = mine.edits, theirs.edits
    telegram.refuse_next("editMessageText", 500, "Internal Server Error")
    driver.later(seconds=30)
    assert sorted((mine.edits - before[0], theirs.edits - before[1])) == [0, 1]
    driver.looks()
    assert (mine.edits - before[0], theirs.edits - before[1]) == (1, 1)
    leave_nothing_running(wei)


def test_an_edit_that_comes_late_is_not_the_last_word(driver: Driver) -> None:
    """It was on its way, behind a pause, while the charge ended and was shown so."""
    live = charging(driver)
    driver.talk.world.clock.advance(seconds=30)
    driver.driving.runs_jobs()
    now = driver.talk.world.clock.now()

    async def late() -> None:
        async with driver.bot() as bot:
            following = driver.following(bot)
            [due] = [one for one in following._due(now) if one[1].session.id == driver.charge().id]
            await asyncio.to_thread(driver.billed)
            assert live.text.startswith("✅")
            assert not is_open(driver)
            await following._try(*due, now)
            following.close()

    asyncio.run(late())
    driver.looks()
    assert live.text.startswith("✅")
    assert next(iter(live.buttons)) == "🧾 Receipt"
    assert not is_open(driver)


def test_what_telegram_refuses_for_good_is_let_be(driver: Driver, telegram: BotApi) -> None:
    live = charging(driver)
    telegram.refuse_next("editMessageText", 400, "Bad Request: the chat is upside down")
    driver.later(seconds=30)
    assert not is_open(driver)
    assert driver.says("/charge").text.startswith("⚡ Charging")
    assert live.text.startswith("⬇")


# --- asked for ----------------------------------------------------------------------------------------------------


def test_charge_shows_it_again_at_the_foot_of_the_chat(driver: Driver) -> None:
    assert "Nothing is charging" in driver.says("/charge").text
    live = charging(driver)
    again = driver.says("status")
    assert again.text.startswith("⚡ Charging")
    assert live.text == "⬇ This charge is shown further down."
    driver.later(seconds=30)
    assert again.edits == 1
    assert live.text == "⬇ This charge is shown further down."


def test_the_past_is_filtered_paged_and_handed_over(driver: Driver, telegram: BotApi) -> None:
    for _ in range(2):
        charging(driver)
        driver.billed()
        driver.arrives()
        driver.talk.world.services.catalogue.pull_prices(driver.driving.supplier)
    shown = driver.says("/history")
    rows = [label for label in shown.buttons if "Sly" in label and "¥" in label]
    assert len(rows) == 2
    driver.taps("This month", shown)
    assert "2 charges" in shown.text
    driver.taps("Last month", shown)
    assert "No charge here" in shown.text
    driver.taps("All", shown)
    driver.taps("📍", shown)
    assert any(label.startswith("✓ 📍") for label in shown.buttons)
    driver.taps("📄 As a file", shown)
    (content,) = telegram.made("sendDocument", chat_id=driver.talk.who.id)[-1].files.values()
    lines = content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Reference,Started")
    assert driver.charge().id in lines[1]
    assert len(lines) == 3
    for odd in ("1Yvq.", "1Yvs.", "1Yva.x", "1Yva.99999999999999999999", "1Yz", "1Y"):
        driver.talk.who.presses_data(shown, odd)
        driver.talk._worked()
        assert "too old" in driver.talk.toast


@pytest.mark.parametrize("data", ["1Z", "1Zo", "1Zzabcdefghijkl", "1Zoabcdefghijklx", "1E", "1Ewabcdefghijklmnop.x"])
def test_buttons_that_we_never_made_are_refused(driver: Driver, data: str) -> None:
    shown = driver.says("/wallet")
    driver.talk.who.presses_data(shown, data)
    driver.talk._worked()
    assert driver.talk.toast


def test_nobody_else_touches_a_charge(
    driver: Driver, telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving
) -> None:
    charging(driver)
    chen = new_driver(telegram, dispatcher, world, driving, "Chen", "en")
    shown = chen.says("/wallet")
    for letter in "vsynafgbw":
        chen.talk.who.presses_data(shown, f"1E{letter}{driver.charge().id}" + (".price" if letter == "w" else ""))
        chen.talk._worked()
        assert "not known here" in chen.talk.toast
    assert driver.charge().stop_wanted_at is None


def test_where_the_driver_is_comes_from_positions_and_not_from_typed_places(driver: Driver, world: World) -> None:
    whereabouts = world.services.whereabouts

    def place() -> tuple[float, float] | None:
        found = whereabouts.of(driver.user_id)
        return (found.point.lat, found.point.lng) if found else None

    whereabouts.forget(driver.user_id)
    driver.says("22.5410, 114.0580")
    assert place() is None
    driver.talk.who.sends(
        venue={"title": "Hall", "address": "1", "location": {"latitude": 22.5, "longitude": 114.1}},
        location={"latitude": 22.5, "longitude": 114.1},
    )
    driver.talk._worked()
    assert place() == (22.5, 114.1)
    sent = driver.talk.who.sends_location(22.60, 114.06, live_period=3600)
    driver.talk._worked()
    driver.talk.who.moves(sent, 22.6001, 114.06)  # a few metres: the list stays as it is
    driver.talk._worked()
    assert place() == (22.6001, 114.06)
    driver.talk.who.sends_location(22.5410, 114.0580)
    driver.talk._worked()
    found = next(one for one in reversed(driver.talk.who.messages) if "within" in one.text)
    row = re.search(rf"^(\d)\. {re.escape(WARY)}", found.text, re.MULTILINE)
    assert row
    driver.taps(row[1], found)
    driver.taps("🚗 I am really here", found)
    assert place() == (world.here.lat, world.here.lng)


def test_who_waits_for_a_photo_sees_that_it_is_read(driver: Driver, telegram: BotApi, dispatcher: Dispatcher) -> None:
    def slow(image: bytes) -> list[str]:
        telegram.wait(lambda: telegram.made("sendChatAction", chat_id=driver.talk.who.id, action="typing"))
        return [driver.code()]

    reader = dispatcher["read_codes"]
    dispatcher["read_codes"] = slow
    try:
        assert "P1-1" in driver.sends_photo().text
    finally:
        dispatcher["read_codes"] = reader
