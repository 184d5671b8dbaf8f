"""Setting watches in Telegram: two taps from a card, an area from the list, another amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from aiogram import Dispatcher

from bots.telegram.buttons import Act, Search, pack
from bots.telegram.watch_codes import Wanted
from core.geo import Point
from core.prices.watching import Rule
from core.services.watches import Seen
from core.station import Plug, Station
from core.tariff import flat_tariff
from core.watch import Area, Needs, StationGuns
from core.wishes import Filters
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi, Shown
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world

WARY = "<b>Sly</b> & Co"
HERE = (22.5412, 114.0583)


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two kinds of guns, of which those with DC are taken, for eight days at 1.20; a free gun across the road."""
    world = make_world(tmp_path_factory.mktemp("watch"))
    road = world.station(WARY, 22.5422, 114.0580, price="1.20", free=0, guns=3)
    slow = replace(road.connectors[0], ref=replace(road.connectors[0].ref, connector_id="slow"), plug=Plug.GBT_AC)
    slow = replace(slow, power_kw=Decimal(7), tariff_id=(cheap := flat_tariff("CNY", Decimal("0.90"))).id)
    world.source.price_lists[cheap.id] = cheap
    world.source.items = [replace(road, connectors=(*road.connectors, slow))]
    world.load(world.source)
    world.services.prices.follow()
    for _ in range(8):
        world.clock.advance(days=1)
        guns = [
            (gun.ref, world.source.price_lists[gun.tariff_id]) for gun in (*road.connectors, slow) if gun.tariff_id
        ]
        world.services.desk.prices(road.supplier_id, guns)
    world.station(WARY, 22.5422, 114.0580, price="1.20", free=0, guns=3)
    told = next(one for one in world.source.items if isinstance(one, Station))
    world.source.items = [
        replace(told, connectors=(*told.connectors, replace(slow, price_seen_at=world.clock.now())))
    ]
    world.station("Silent Lane", 22.5450, 114.0600, free=1, guns=1)
    world.services.prices.follow()
    return world


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World) -> Talk:
    return Talk(telegram, dispatcher, world, telegram.person("Lin"))


def station(world: World, name: str = WARY) -> Station:
    return next(one for one in world.source.items if isinstance(one, Station) and one.name == name)


def sends_location(talk: Talk) -> Shown:
    """Returns the list; the questions that are asked once come below it."""
    talk.who.sends_location(*HERE)
    talk._worked()
    return next(one for one in reversed(talk.who.messages) if "1" in one.buttons)


def opens_card(talk: Talk, name: str = WARY) -> Shown:
    listed = sends_location(talk)
    number = next(line.split(".")[0] for line in listed.text.splitlines() if line.endswith(f". {name}"))
    return talk.presses(number, listed)


def mine(talk: Talk) -> list[Seen]:
    return talk.world.services.watches.mine(talk.user.id)


# --- a station ----------------------------------------------------------------------------------------------------


def test_a_price_is_watched_with_two_taps(lin: Talk, world: World) -> None:
    card = opens_card(lin)
    before = len(lin.who.messages)
    lin.presses("🔔 Watch price", card)
    assert card.text == f"{WARY}\nGB/T DC · 120 kW\n💰 now ¥1.20/kWh\n\n🔔 What shall I tell you of?"
    assert list(card.buttons) == [
        "¥1.14/kWh or less",
        "10 % below the usual price of the hour",
        "Lowest price in 30 days",
        "A gun is free",
        "GB/T AC · 7 kW",
        "✓ GB/T DC · 120 kW",
        "◀ Station",
    ]
    lin.presses("¥1.14/kWh or less", card)
    assert card.text == "\n".join([
        "🔔 We watch it for you.",
        f"{WARY} · GB/T DC · 120 kW: ¥1.14/kWh or less",
        "Your wish is below the lowest we have seen: ¥1.20/kWh on 2026-11-23.",
        "¥1.26/kWh can be reached; you may change it.",
        "Until 2027-05-30. You can stop it at any time.",
    ])  # fmt: skip
    assert list(card.buttons) == [
        "¥1.26/kWh or less", "🔕 Stop", "✏️ Change amount", "🔔 My watches", "◀ Station",
    ]  # fmt: skip
    (one,) = mine(lin)
    assert (one.watch.rule, one.watch.amount, one.watch.currency) == (Rule.BELOW, Decimal("1.14"), "CNY")
    assert one.watch.origin == Point(22.541, 114.058), "about where the driver searched"
    assert len(lin.who.messages) == before, "all in the one message"
    lin.presses("◀ Station", card)
    assert "🔔 Watch price" in card.buttons


def test_what_can_be_reached_is_one_tap_away(lin: Talk) -> None:
    card = opens_card(lin)
    lin.presses("🔔 Watch price", card)
    lin.presses("¥1.14/kWh or less", card)
    lin.presses("¥1.26/kWh or less", card)
    assert "It costs ¥1.20/kWh already." in card.text
    assert [one.watch.amount for one in mine(lin)] == [Decimal("1.26")]


def test_other_guns_have_their_own_price(lin: Talk) -> None:
    card = opens_card(lin)
    lin.presses("🔔 Watch price", card)
    lin.presses("GB/T AC · 7 kW", card)
    assert "GB/T AC · 7 kW\n💰 now ¥0.90/kWh" in card.text
    lin.presses("¥0.85/kWh or less", card)
    (one,) = mine(lin)
    assert isinstance(one.watch.place, StationGuns)
    assert (one.watch.place.plug, one.watch.place.power_kw) == (Plug.GBT_AC, Decimal(7))


def test_a_tap_worked_twice_is_one_watch(lin: Talk) -> None:
    card = opens_card(lin)
    lin.presses("🔔 Watch price", card)
    wish = card.buttons["Lowest price in 30 days"]
    for _ in range(2):
        lin.who.presses_data(card, wish)
        lin._worked()
    assert len(mine(lin)) == 1
    assert card.text.startswith("🔔 You watch this already.")


def test_where_all_guns_are_taken_one_tap_waits_for_a_free_one(lin: Talk) -> None:
    card = opens_card(lin)
    told = card.text
    lin.presses("🔔 Tell me when one is free", card)
    assert card.text == told, "the card stays: the driver may go there nevertheless"
    assert lin.last.text.splitlines()[1:3] == [f"{WARY} · GB/T DC · 120 kW: A gun is free", "No gun is free now."]
    assert list(lin.last.buttons) == ["➡ Silent Lane · 370 m · 1 free", "🔕 Stop", "🔔 My watches"]
    assert [one.watch.rule for one in mine(lin)] == [Rule.GUN_FREE]


def test_without_a_price_there_is_no_button_and_a_sentence_for_an_old_one(lin: Talk, world: World) -> None:
    card = opens_card(lin, "Silent Lane")
    assert "🔔 Watch price" not in card.buttons
    assert "🔔 Tell me when one is free" not in card.buttons
    lin.who.presses_data(card, pack(Act.WATCH, Search(Point(*HERE)), str(Wanted(station(world, "Silent Lane").id))))
    lin._worked()
    assert "No price is published here" in card.text
    assert list(card.buttons) == ["A gun is free", "◀ Station"]


def test_from_a_picture_the_wishes_come_below_it(lin: Talk) -> None:
    card = opens_card(lin)
    card.photo = b"prices over time"
    told = card.text
    lin.presses("🔔 Watch price", card)
    assert (card.text, lin.last.text.splitlines()[-1]) == (told, "🔔 What shall I tell you of?")


@pytest.mark.parametrize("value", ["nobody~~", "", "a~b", "a~~b1.2.3", "a~~zz", "~~"])
def test_a_button_that_leads_nowhere_says_so(lin: Talk, value: str) -> None:
    card = opens_card(lin)
    lin.who.presses_data(card, pack(Act.WATCH, Search(Point(*HERE)), value))
    lin._worked()
    assert "too old" in lin.toast or "no longer listed" in lin.toast


def test_who_asked_for_silence_hears_that_it_stays(lin: Talk) -> None:
    lin.says("/stop")
    card = opens_card(lin)
    lin.presses("🔔 Watch price", card)
    lin.presses("¥1.14/kWh or less", card)
    assert card.text.endswith("once you send /start.")


def test_in_a_group_nothing_is_watched(lin: Talk) -> None:
    lin.says("/start")
    group = Talk(lin.telegram, lin.dispatcher, lin.world, lin.who.in_group(-100300))
    mention = {"type": "mention", "offset": 0, "length": 19}
    group.who.sends(text="@kilowatch_test_bot 22.5412, 114.0583", entities=[mention])
    listed = group._worked()
    assert "🔔 Watch this area" not in listed.buttons
    group.presses("1", listed)
    assert not any(label.startswith("🔔") for label in listed.buttons)
    group.who.presses_data(listed, pack(Act.AREA, Search(Point(*HERE))))
    group._worked()
    assert "private chat" in group.toast


def test_in_chinese(lin: Talk) -> None:
    lin.says("/language")
    lin.presses("中文")
    card = opens_card(lin)
    lin.presses("🔔 降价提醒", card)
    lin.presses("降到 ¥1.14/度", card)
    assert card.text.startswith("🔔 已为您设好提醒。")
    assert list(card.buttons)[1:] == ["🔕 停止提醒", "✏️ 修改数值", "🔔 我的提醒", "◀ 充电站"]


# --- an area --------------------------------------------------------------------------------------------------------


def test_an_area_is_watched_as_it_was_found(lin: Talk, world: World) -> None:
    listed = sends_location(lin)
    filters = Filters(plugs=frozenset({Plug.GBT_DC}), min_power_kw=Decimal(60), operators=frozenset({"Lotus"}))
    world.services.accounts.change(lin.user.id, lambda user: replace(user, filters=filters))
    lin.presses("🔔 Watch this area", listed)
    assert listed.text == "\n".join([
        f"Around {WARY}, 5 km · GB/T DC · from 60 kW · one operator",
        "💰 cheapest now ¥1.20/kWh",
        "",
        "🔔 What shall I tell you of?",
    ])  # fmt: skip
    assert list(listed.buttons) == ["¥1.14/kWh or less", "10 % below the usual price of the hour", "◀ List"]
    lin.presses("¥1.14/kWh or less", listed)
    assert f"Around {WARY}, 5 km · GB/T DC · from 60 kW · one operator: ¥1.14/kWh or less" in listed.text
    (one,) = mine(lin)
    needs = Needs(frozenset({Plug.GBT_DC}), Decimal(60), "Lotus")
    assert one.watch.place == Area(Point(22.541, 114.058), 5_000, needs), "no finer than a hundred metres"
    assert (one.watch.currency, one.watch.amount) == ("CNY", Decimal("1.14"))
    lin.presses("◀ List", listed)
    assert "🔔 Watch this area" in listed.buttons


def test_filters_that_a_watch_does_not_know_are_named(lin: Talk, world: World) -> None:
    listed = sends_location(lin)
    world.services.accounts.change(lin.user.id, lambda user: replace(user, filters=Filters(open_now=True)))
    lin.presses("🔔 Watch this area", listed)
    assert "Of your filters plug, power and one operator count" in listed.text
