"""Watching a way in Telegram: two places, days, hours, and the wish."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import pytest
from aiogram import Dispatcher
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram.buttons import MOST_BYTES, Act, pack, unpack
from bots.telegram.expected import WAITS_FOR
from bots.telegram.watch_codes import shared, wish_code
from bots.telegram.watch_way import DAYS, HOURS, Draft
from core.errors import UserError
from core.geo import Point
from core.prices.watching import Rule
from core.services.watches import Wishable
from core.station import Plug
from core.watch import Needs, Way, about
from core.wishes import Filters
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi, Shown
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world

HOME, WORK = (22.5410, 114.0580), (22.5710, 114.1080)


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One station at each end, one half way, and a cheap one that is off the way."""
    world = make_world(tmp_path_factory.mktemp("watch_way"))
    world.station("Home Hall", *HOME, price="1.40")
    world.station("Half Way", 22.5560, 114.0830, price="1.20")
    world.station("Work Hall", *WORK, price="1.30")
    world.station("Off the Way", 22.5410, 114.1080, price="0.60")
    world.services.prices.follow()
    return world


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World) -> Talk:
    return Talk(telegram, dispatcher, world, telegram.person("Lin"))


def says_both(talk: Talk) -> Shown:
    talk.says("/way")
    talk.says("Home Hall")
    return talk.says("Work Hall")


def chooses(talk: Talk, *labels: str) -> Shown:
    shown = talk.last
    for label in labels:
        talk.presses(label, shown)
    return shown


def test_two_places_days_hours_and_the_wish(lin: Talk, world: World) -> None:
    filters = Filters(plugs=frozenset({Plug.GBT_DC}))
    lin.says("/watches")
    world.services.accounts.change(lin.user.id, lambda user: replace(user, filters=filters))
    lin.presses("🛣 Watch my way")
    assert "Where does it begin?" in lin.last.text
    assert lin.says("Home Hall").text == "🛣 It begins at Home Hall. And where does it end?"
    lin.who.sends_location(*WORK)
    assert lin._worked().text == "🛣 Home Hall → Work Hall\nOn which days do you drive it?"
    shown = chooses(lin, "Mon - Fri", "07–09")
    assert shown.text == "\n".join([
        "🛣 Home Hall → Work Hall",
        "Mon - Fri · 07:00 - 09:00",
        "GB/T DC",
        "💰 cheapest now ¥1.20/kWh",
        "",
        "🔔 What shall I tell you of?",
    ])  # fmt: skip
    lin.presses("¥1.14/kWh or less", shown)
    assert "Home Hall → Work Hall · Mon - Fri · 07:00 - 09:00 · GB/T DC: ¥1.14/kWh or less" in shown.text
    (one,) = world.services.watches.mine(lin.user.id)
    ends = (Point(22.541, 114.058), Point(22.571, 114.108))
    hours = (time(7), time(9), "Asia/Shanghai")
    assert one.watch.place == Way(ends, 800, frozenset(range(5)), *hours, Needs(filters.plugs))
    assert (one.watch.rule, one.watch.amount, one.watch.currency) == (Rule.BELOW, Decimal("1.14"), "CNY")


def test_pressed_again_it_is_the_same_watch_and_another_amount_is_kept(lin: Talk, world: World) -> None:
    says_both(lin)
    shown = chooses(lin, "Every day", "17–20")
    wish = shown.buttons["10 % below the usual price of the hour"]
    for _ in range(2):
        lin.who.presses_data(shown, wish)
        lin._worked()
    assert shown.text.startswith("🔔 You watch this already.")
    lin.presses("✏️ Change amount", shown)
    assert "20 % below" in lin.says("20").text
    (one,) = world.services.watches.mine(lin.user.id)
    assert one.watch.amount == Decimal(20)
    assert one.watch.label == "Home Hall → Work Hall"


def test_after_a_while_the_ends_are_called_after_what_is_there(lin: Talk, world: World) -> None:
    lin.says("/way")
    lin.says("22.5410, 114.0580")
    shown = lin.says("22.5710, 114.1080")
    assert shown.text.startswith("🛣 22.5410, 114.0580 → ")
    world.clock.time += WAITS_FOR
    lin.presses("Sat, Sun", shown)
    assert shown.text.startswith("🛣 Home Hall → Work Hall\nSat, Sun\n")


def test_a_place_nobody_knows_is_asked_for_again(lin: Talk) -> None:
    lin.says("/way")
    assert lin.says("Nowhere at all").text.startswith("We found no place")
    assert "And where does it end?" in lin.says("Home Hall").text
    assert lin.says("31.2304, 121.4737").text.startswith("A way needs two points at most 100 km apart")
    assert "On which days" in lin.says("Work Hall").text


def test_a_way_is_not_where_somebody_is(lin: Talk, world: World) -> None:
    lin.says("/way")
    lin.who.sends_location(*HOME)
    lin._worked()
    assert world.services.whereabouts.of(lin.user.id) is None
    lin.who.sends_location(*HOME, live_period=3600)
    lin._worked()
    assert any("I update this list while you drive" in one.text for one in lin.who.messages), "a live one is"


def test_looking_along_the_way(lin: Talk, world: World) -> None:
    says_both(lin)
    chooses(lin, "Mon - Fri", "07–09", "¥1.14/kWh or less")
    (one,) = world.services.watches.mine(lin.user.id)
    lin.who.presses_data(lin.last, shared("o", one.watch.id))
    lin._worked()
    assert lin.last.text.split("\n\n")[1].startswith("1. Half Way"), "the cheapest where it begins"


def test_only_between_the_two_of_us(lin: Talk) -> None:
    group = Talk(lin.telegram, lin.dispatcher, lin.world, lin.who.in_group(-100500))
    assert "private chat" in group.says("/way@kilowatch_test_bot").text
    group.who.presses_data(group.last, pack(Act.WAY, None, ""))
    group._worked()
    assert "private chat" in group.toast


_points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180)).map(about)
_wishes = st.builds(Wishable, st.sampled_from(Rule), st.decimals(0, 99_999, places=4))


@given(_points, _points, st.sampled_from(list(DAYS)), st.sampled_from(HOURS), _wishes)
def test_a_way_fits_a_button_and_comes_back(
    one: Point, other: Point, days: str, hours: tuple[int, int], wish: Wishable
) -> None:
    draft = Draft((one, other), days, f"{hours[0]:02d}{hours[1]:02d}", f"{wish_code(wish)}~CNY")
    data = pack(Act.WAY, None, str(draft))
    assert len(data.encode()) <= MOST_BYTES
    assert Draft.read(unpack(data).value) == draft
    assert draft.clock[1] > draft.clock[0]
    assert timedelta(hours=hours[1] - hours[0]) <= timedelta(hours=4)


@pytest.mark.parametrize("text", ["A", "A" * 17, "A" * 18 + "x", "A" * 18 + "w9999", "A" * 18 + "w0709b1", "_" * 18])
def test_garbage_is_an_old_button(text: str) -> None:
    with pytest.raises(UserError, match="old_button"):
        Draft.read(text)
