"""My watches in Telegram: the list, another amount, and the buttons that stand under alerts of any age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiogram import Dispatcher
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram import watch_buttons, watch_codes
from bots.telegram.buttons import MOST_BYTES, Act, Search, pack, unpack
from bots.telegram.keyboards import Row, button
from bots.telegram.watch_codes import Handle, Wanted, read_shared, shared
from bots.wording import wording
from core.errors import UserError
from core.geo import Point
from core.prices.watching import Rule
from core.services.watches import Seen, Wishable
from core.station import Station, station_key
from core.watch import Area, StandingWatch
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi, Shown
from tests.bots.telegram.test_person import Talk
from tests.world import HERE, NOW, World, make_world

EN = wording("en")


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("watch_list"))
    world.station("Lotus Road", 22.5422, 114.0580, price="1.20", free=2, guns=3)
    world.services.prices.follow()
    return world


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World) -> Talk:
    talk = Talk(telegram, dispatcher, world, telegram.person("Lin"))
    talk.says("/me")
    return talk


def lotus(world: World) -> str:
    return next(one.id for one in world.source.items if isinstance(one, Station))


def watches(talk: Talk, rule: Rule = Rule.BELOW, amount: str = "1.00") -> StandingWatch:
    service = talk.world.services.watches
    return service.watch_station(talk.user.id, lotus(talk.world), rule, Decimal(amount), origin=HERE).watch


def now(talk: Talk, one: StandingWatch) -> StandingWatch:
    return talk.world.services.watches.one(talk.user.id, one.id)


def mine(talk: Talk) -> list[Seen]:
    return talk.world.services.watches.mine(talk.user.id)


def alerted(talk: Talk, *rows: Row) -> Shown:
    """A message as the process that sends alerts leaves it in the chat."""
    talk.says("/watches")
    shown = talk.last
    shown.markup = {"inline_keyboard": list(rows)}
    return shown


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_true_now(lin: Talk) -> None:
    assert "You watch nothing." in lin.says("/watches").text
    watches(lin)
    watches(lin, Rule.GUN_FREE, "0")
    shown = lin.says("/watches")
    assert shown.text == "\n".join([
        "My watches",
        "",
        "1. Lotus Road · GB/T DC · 120 kW: A gun is free",
        "🔔 now ¥1.20/kWh · 2 guns free · ends tomorrow 00:00",
        "",
        "2. Lotus Road · GB/T DC · 120 kW: ¥1.00/kWh or less",
        "🔔 now ¥1.20/kWh · ends 2027-05-22",
    ])  # fmt: skip
    assert lin.says("我的提醒").text == shown.text


def test_each_is_put_to_sleep_woken_and_stopped_in_the_list(lin: Talk, world: World) -> None:
    one = watches(lin)
    shown = lin.says("/watches")
    lin.presses("💤 Snooze")
    assert "💤 now ¥1.20/kWh · silent until tomorrow 12:00" in shown.text
    assert lin.toast == "Silent until 2026-11-24 12:00."
    lin.presses("🔔 Wake")
    assert (lin.toast, now(lin, one).muted_until) == ("Awake again.", None)
    lin.presses("🔕 Stop")
    assert (lin.toast, mine(lin)) == ("Stopped.", [])
    assert "Stopped: Lotus Road · GB/T DC · 120 kW: ¥1.00/kWh or less" in shown.text
    lin.presses("↩ Undo: watch again")
    assert [each.watch.id for each in mine(lin)] == [one.id]
    world.clock.advance(days=1)
    lin.presses("🔄 Renew")
    assert lin.toast == "Watched until 2027-05-23 12:00."
    world.clock.advance(days=-1)


def test_one_of_them_by_itself(lin: Talk) -> None:
    one = watches(lin)
    shown = lin.says("/watches")
    lin.presses("1 ➡")
    assert list(shown.buttons) == [
        "➡ Look there", "✏️ Change amount", "🔄 Renew", "💤 Snooze a day", "🔕 Stop", "◀ My watches",
    ]  # fmt: skip
    lin.presses("🔕 Stop")
    assert "🔕 Stopped." in shown.text
    assert list(shown.buttons) == ["↩ Watch again", "◀ My watches"]
    lin.presses("↩ Watch again")
    assert now(lin, one).ended_at is None
    lin.presses("◀ My watches")
    assert "1 ➡" in shown.buttons


def test_many_come_in_pages_and_stop_together(lin: Talk, world: World) -> None:
    service = world.services.watches
    for n in range(7):
        service.watch_area(
            lin.user.id, Area(HERE, 1_000 + n), Rule.BELOW, Decimal("0.9"), currency="CNY", label=f"A{n}"
        )
    shown = lin.says("/watches")
    assert ("5. Around A2" in shown.text, "6. " in shown.text) == (True, False)
    lin.presses("▶")
    assert ("6. Around A1" in shown.text, "5. " in shown.text) == (True, False)
    lin.presses("🔕 Stop all")
    assert shown.text == "🔕 Stop all 7 watches?"
    lin.presses("No")
    assert len(mine(lin)) == 7
    lin.presses("🔕 Stop all")
    lin.presses("🔕 Yes, stop all 7")
    assert (mine(lin), lin.toast) == ([], "7 watches stopped.")
    assert "You watch nothing." in shown.text


# --- another amount ---------------------------------------------------------------------------------------------


def asks_amount(talk: Talk) -> Shown:
    talk.says("/watches")
    talk.presses("1 ➡")
    talk.presses("✏️ Change amount")
    return talk.last


def test_another_amount_is_typed(lin: Talk) -> None:
    one = watches(lin)
    assert "It is ¥1.00/kWh. Type another price" in asks_amount(lin).text
    answer = lin.says("０。９５元")
    assert "¥0.95/kWh or less" in answer.text
    assert (now(lin, one).amount, now(lin, one).origin) == (Decimal("0.95"), one.origin)
    assert "We found no place" in lin.says("0.90").text, "the question is answered"


def test_what_cannot_be_used_is_said_and_the_question_stays(lin: Talk) -> None:
    one = watches(lin)
    asks_amount(lin)
    for text, refusal in (
        ("0.95.1", "I cannot use that."),
        ("95", "We cannot watch for that."),
        ("2 %", "Choose between 3 % and 90 %"),
        ("0.45 €", "The price here is in CNY."),
        ("cheaper please", "I cannot use that."),
    ):
        assert lin.says(text).text.startswith(refusal), text
    assert "¥0.95/kWh or less" in lin.says("0,95").text
    assert now(lin, one).amount == Decimal("0.95")


def test_places_stay_places_while_an_amount_is_asked_for(lin: Talk) -> None:
    watches(lin)
    asks_amount(lin)
    for place in ("Lotus Road", "22.5410, 114.0580"):
        before = len(lin.who.messages)
        lin.says(place)
        assert "1 station within" in lin.who.messages[before].text
    assert "¥0.95/kWh or less" in lin.says("0.95").text


def test_per_cent_takes_the_place_of_a_price(lin: Talk) -> None:
    one = watches(lin)
    asks_amount(lin)
    assert "15 % below the usual price of the hour" in lin.says("15%").text
    assert [(each.watch.rule, each.watch.amount) for each in mine(lin)] == [(Rule.BELOW_USUAL, Decimal(15))]
    assert now(lin, one).ended_at is not None
    assert "It is 15 %." in asks_amount(lin).text
    assert "¥0.95/kWh or less" in lin.says("¥0.95").text


def test_leaving_it_as_it_is(lin: Talk) -> None:
    one = watches(lin)
    asks_amount(lin)
    lin.presses("Leave it as it is")
    lin.says("0.50")
    assert now(lin, one).amount == Decimal(1)


def test_the_days_of_a_lowest_price_are_chosen(lin: Talk) -> None:
    one = watches(lin, Rule.LOWEST, "30")
    assert list(asks_amount(lin).buttons) == ["7 days", "✓ 30 days", "90 days", "Leave it as it is"]
    lin.presses("90 days")
    assert "Lowest price in 90 days" in lin.last.text
    assert now(lin, one).amount == Decimal(90)


def test_an_area_keeps_its_currency(lin: Talk, world: World) -> None:
    service = world.services.watches
    service.watch_area(lin.user.id, Area(HERE, 1_000), Rule.BELOW, Decimal("0.9"), currency="CNY", label="Work")
    asks_amount(lin)
    assert "Around Work, 1 km: ¥0.80/kWh or less" in lin.says("0.80").text
    asks_amount(lin)
    lin.says("10 %")
    asks_amount(lin)
    assert "Around Work, 1 km: ¥0.70/kWh or less" in lin.says("0.7元").text
    assert len(mine(lin)) == 1


# --- under alerts -----------------------------------------------------------------------------------------------


def test_the_buttons_of_an_alert_change_and_its_words_stay(lin: Talk) -> None:
    one = watches(lin)
    other: Row = [{"text": "🧭 Navigate", "url": "https://maps.example"}]
    shown = alerted(
        lin, other, [button("💤 Snooze a day", shared("z", one.id)), button("🔕 Stop", shared("s", one.id))]
    )
    words = shown.text
    lin.presses("💤 Snooze a day", shown)
    assert lin.toast == "Silent until 2026-11-24 12:00."
    assert list(shown.buttons) == ["🧭 Navigate", "🔔 Wake", "🔕 Stop"]
    lin.presses("🔔 Wake", shown)
    assert list(shown.buttons) == ["🧭 Navigate", "💤 Snooze a day", "🔕 Stop"]
    stop = shown.buttons["🔕 Stop"]
    lin.presses("🔕 Stop", shown)
    assert (lin.toast, list(shown.buttons)) == ("Stopped.", ["🧭 Navigate", "↩ Watch again"])
    lin.who.presses_data(shown, stop)  # worked twice
    lin._worked()
    assert (lin.toast, list(shown.buttons)) == ("Stopped.", ["🧭 Navigate", "↩ Watch again"])
    lin.presses("↩ Watch again", shown)
    assert now(lin, one).ended_at is None
    assert shown.text == words


def test_a_message_may_tell_of_several(lin: Talk) -> None:
    first, second = watches(lin), watches(lin, Rule.LOWEST, "30")
    rows = [[button(f"{n} 🔕 Stop", shared("s", one.id))] for n, one in enumerate((first, second), 1)]
    shown = alerted(lin, *rows)
    lin.presses("2 🔕 Stop", shown)
    assert list(shown.buttons) == ["1 🔕 Stop", "2 ↩ Watch again"]
    assert [each.watch.id for each in mine(lin)] == [first.id]


def test_a_message_of_months_ago_is_answered_with_a_new_one(lin: Talk) -> None:
    """Telegram hands over neither its words nor its buttons."""
    one = watches(lin)
    old: dict[str, Any] = {"message_id": 3, "date": 0, "chat": lin.who.chat}
    lin.telegram.press(lin.who.user, old, shared("z", one.id))
    lin._worked()
    assert lin.last.text.endswith("¥1.00/kWh or less\nSilent until 2026-11-24 12:00.")
    assert "🔔 Wake" in lin.last.buttons
    lin.telegram.press(lin.who.user, old, pack(Act.WATCHES, None, str(Handle(watch_codes.STOP, one.id))))
    lin.telegram.refuse_next("editMessageText", 400, "Bad Request: message to edit not found")
    lin._worked()
    assert "🔕 Stopped." in lin.last.text


def test_looking_there_opens_the_card_or_the_list(lin: Talk, world: World) -> None:
    one = watches(lin)
    around = world.services.watches.watch_area(
        lin.user.id, Area(HERE, 1_000), Rule.BELOW, Decimal("0.9"), currency="CNY", label="Work"
    )
    shown = alerted(lin, [button("a", shared("o", one.id)), button("b", shared("o", around.watch.id))])
    lin.presses("a", shown)
    assert lin.last.text.startswith("Lotus Road\nLotus · 130 m"), "from where it was set"
    assert "🔔 Watch price" in lin.last.buttons
    lin.presses("b", shown)
    assert "1 station within 5 km" in lin.last.text
    shown = alerted(lin, [button("c", shared("l"))])
    lin.presses("c", shown)
    assert lin.last.text.startswith("My watches")


def test_a_watch_is_nobody_elses_business(lin: Talk, telegram: BotApi, dispatcher: Dispatcher, world: World) -> None:
    one = watches(lin)
    wei = Talk(telegram, dispatcher, world, telegram.person("Wei"))
    shown = alerted(wei, [button(what, shared(what, one.id)) for what in "zwsno"])
    for what in "zwsno":
        wei.presses(what, shown)
        assert wei.toast.startswith("This watch is no longer there."), what
    for handle in ("i", "a", "s"):
        wei.who.presses_data(shown, pack(Act.WATCHES, None, f"{handle}{one.id}"))
        wei._worked()
        assert wei.toast.startswith("This watch is no longer there."), handle
    assert now(lin, one) == one
    group = Talk(telegram, dispatcher, world, lin.who.in_group(-100400))
    assert "private chat" in group.says("/watches@kilowatch_test_bot").text
    group.who.presses_data(group.last, shared("s", one.id))
    group._worked()
    assert ("private chat" in group.toast, now(lin, one)) == (True, one)


@pytest.mark.parametrize("data", ["w:", "w:x:1", "w:s:", "w:s:abc", "w:l:1", "w:s:1:2", f"w:s:{'9' * 19}"])
def test_garbage_is_an_old_button(lin: Talk, data: str) -> None:
    shown = alerted(lin, [button("x", data)])
    lin.presses("x", shown)
    assert "too old" in lin.toast


# --- what buttons carry -----------------------------------------------------------------------------------------

_wishes = st.builds(Wishable, st.sampled_from(Rule), st.decimals(0, 99_999, places=4))
_points = st.builds(Search, st.builds(Point, st.floats(-90, 90), st.floats(-180, 180)))


@given(st.text(), st.text("0123456789abcdef", max_size=3), st.none() | _wishes, st.booleans(), _points)
def test_a_wish_at_a_station_fits_and_comes_back(
    name: str, kind: str, wish: Wishable | None, apart: bool, search: Search
) -> None:
    wanted = Wanted(station_key("test", name), kind, wish, apart)
    data = pack(Act.WATCH, search, str(wanted))
    assert len(data.encode()) <= MOST_BYTES
    assert Wanted.read(unpack(data).value) == wanted


@given(
    st.sampled_from("zwsniackqxv"), st.integers(0, 10**18 - 1), st.none() | st.integers(0, 999), st.none() | _wishes
)
def test_a_handle_fits_and_comes_back(what: str, watch_id: int, page: int | None, wish: Wishable | None) -> None:
    handle = Handle(what, watch_id, page, wish)
    data = pack(Act.WATCHES, None, str(handle))
    assert len(data.encode()) <= MOST_BYTES
    assert Handle.read(unpack(data).value) == handle


@pytest.mark.parametrize("text", ["", "z", "1", "z1.", "z1~", "z1~q5", "z1.1.1", "Z1", "z-1"])
def test_other_handles_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="old_button"):
        Handle.read(text)


def test_what_stands_under_a_message_follows_the_watch(world: World) -> None:
    one = StandingWatch(
        7, "u", Area(HERE, 500), Rule.BELOW, Decimal(1), "CNY", "Work", NOW, NOW + timedelta(days=1), timedelta(0)
    )
    keep = button("List", shared("l"))

    def labels(watch: StandingWatch, *whats: str) -> list[list[str]]:
        rows = [[button(what, shared(what, 7)) for what in whats], [keep]]
        return [[each["text"] for each in row] for row in watch_buttons.after(rows, EN, watch, NOW)]

    assert labels(one, "s") == [["🔕 Stop"], ["List"]]
    assert labels(one, "w", "s") == [["💤 Snooze a day", "🔕 Stop"], ["List"]]
    assert labels(replace(one, muted_until=one.expires_at), "z", "s") == [["🔔 Wake", "🔕 Stop"], ["List"]]
    gun = replace(one, rule=Rule.GUN_FREE, amount=Decimal(0), currency="")
    assert labels(gun, "s") == [["🔕 Stop"], ["List"]], "it ends before a day of silence would"
    assert labels(gun, "n") == [["🔕 Stop"], ["List"]]
    assert labels(replace(one, ended_at=NOW), "z", "s") == [["↩ Watch again"], ["List"]]
    assert [read_shared(shared(what, 7)) for what in "zwsno"] == [(what, 7) for what in "zwsno"]
