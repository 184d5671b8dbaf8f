"""A station's price over time in Telegram: from the card to a picture, and from there to others in its place."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal

import pytest
from aiogram import Dispatcher
from PIL import Image

from bots.chart import HEIGHT_PX, WIDTH_PX
from bots.pictures import Pictures, TooManyPictures
from bots.telegram.buttons import Act, pack
from bots.telegram.price_card import Which, caption
from bots.wording import wording
from core.errors import UserError
from core.prices.history import Grade
from core.station import Plug, Station
from core.tariff import flat_tariff
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi, Shown
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world

WARY = "<b>Sly</b> & Co"
SPANS = ["24 h", "✓ 7 days", "30 days", "90 days"]


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """1.20 by day, of which 0.40 service; 0.80 from 20:00 to 08:00. It is noon, after five weeks of that."""
    world = make_world(tmp_path_factory.mktemp("prices"))
    road = world.station(WARY, 22.541, 114.058, price="0.80", service="0.40", evening="0.40", free=3)
    slow = replace(road.connectors[0], ref=replace(road.connectors[0].ref, connector_id="slow"), plug=Plug.GBT_AC)
    slow = replace(slow, power_kw=Decimal(7), tariff_id=(cheap := flat_tariff("CNY", Decimal("0.90"))).id)
    world.source.price_lists[cheap.id] = cheap
    world.source.items = [replace(road, connectors=(*road.connectors, slow))]
    world.load(world.source)
    world.station("Silent Road", 22.542, 114.058)
    world.services.prices.follow()
    for _ in range(35):
        world.clock.advance(days=1)
        said = [
            (gun.ref, world.source.price_lists[gun.tariff_id]) for gun in (*road.connectors, slow) if gun.tariff_id
        ]
        world.services.desk.prices(road.supplier_id, said)
        world.services.prices.boundaries()
    return world


@pytest.fixture
def road(world: World) -> Station:
    return next(one for one in world.source.items if isinstance(one, Station) and one.name == WARY)


class Easel:
    """Draws nothing: what was to be drawn is the picture."""

    def __init__(self) -> None:
        self.fails: Exception | None = None

    def __call__(self, series: object, *, name: str, guns: str, days: int, **how: object) -> bytes:
        if self.fails is not None:
            raise self.fails
        return f"{name} | {guns} | {days}".encode()


@pytest.fixture
def easel() -> Easel:
    return Easel()


@pytest.fixture
def dispatcher(world: World, easel: Easel) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        dispatcher["pictures"] = Pictures(easel)
        yield dispatcher


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World) -> Talk:
    return Talk(telegram, dispatcher, world, telegram.person("Lin"))


def opens_card(talk: Talk, number: str = "1") -> Shown:
    talk.who.sends_location(22.541, 114.058)
    talk._worked()
    listed = [one for one in talk.who.messages if number in one.buttons][-1]
    return talk.presses(number, listed)


def sees_prices(talk: Talk) -> Shown:
    talk.presses("📈 Price history", opens_card(talk))
    return talk.last


def test_from_the_card_to_a_picture_with_its_words(lin: Talk) -> None:
    shown = sees_prices(lin)
    assert shown.photo == f"{WARY} | GB/T DC · 120 kW | 7".encode()
    assert shown.text == "\n".join([
        WARY,
        "GB/T DC · 120 kW · 4 guns",
        "",
        "💰 ¥1.20/kWh now · seen just now",
        "energy ¥0.80 + service ¥0.40",
        "",
        "📊 Usual at this hour: ¥1.20",
        "⬇️ Lowest of the last 35 days: ¥0.80 (2026-11-23 20:00)",
        "🕗 Cheapest of the next 24 hours: ¥0.80 from 20:00 to tomorrow 08:00",
        "👉 30 kWh · Wait: from 20:00 it costs ¥12.00 less.",
        "",
        "⚪ About as usual now",
        "Good: at least 5 % below what this hour usually costs here, and within 5 % of the lowest this hour has cost "
        "in 90 days. Dear: 5 % or more above the usual.",
    ])  # fmt: skip
    kinds = ["✓ GB/T DC · 120 kW · 4 guns", "GB/T AC · 7 kW · 1 gun"]
    assert list(shown.buttons) == [*SPANS, *kinds, "🔔 Watch price"]
    (action,) = [call.params["show_alert"] for call in lin.telegram.made("answerCallbackQuery")[-1:]]
    assert action is False


def test_another_span_and_other_guns_come_in_its_place(lin: Talk) -> None:
    shown, before = sees_prices(lin), len(lin.who.messages)
    lin.presses("90 days", shown)
    assert shown.photo.endswith(b"| 90")
    lin.presses("GB/T AC · 7 kW · 1 gun", shown)
    assert shown.photo == f"{WARY} | GB/T AC · 7 kW | 90".encode()
    assert "The same price at every hour of the next day." in shown.text
    assert "Wait:" not in shown.text
    assert "✓ 90 days" in shown.buttons
    lin.presses("90 days", shown)  # once more: nothing is different, and that is no mistake
    assert shown.edits == 2
    assert len(lin.who.messages) == before
    assert lin.toast == ""


def test_the_guns_that_are_shown_can_be_watched_and_the_picture_stays(lin: Talk) -> None:
    shown = sees_prices(lin)
    lin.presses("GB/T AC · 7 kW · 1 gun", shown)
    lin.presses("🔔 Watch price", shown)
    assert shown.photo
    assert "GB/T AC" in lin.last.text, "what can be wished of these guns stands below"
    assert lin.last is not shown


def test_a_picture_that_was_deleted_is_sent_anew(lin: Talk) -> None:
    shown = sees_prices(lin)
    lin.telegram.refuse_next("editMessageMedia", 400, "Bad Request: message to edit not found")
    lin.presses("24 h", shown)
    assert lin.last is not shown
    assert lin.last.photo.endswith(b"| 1")


def test_in_chinese(lin: Talk) -> None:
    lin.says("/language")
    lin.presses("中文")
    lin.presses("📈 价格走势", opens_card(lin))
    assert "👉 30 度 · 建议等一等：20:00 开始充可省 ¥12.00。" in lin.last.text
    assert "✓ 7 天" in lin.last.buttons


def test_without_a_price_there_is_no_button_and_a_sentence_for_an_old_one(lin: Talk, world: World) -> None:
    card = opens_card(lin, "2")
    assert "Silent Road" in card.text
    assert "📈 Price history" not in card.buttons
    silent = next(one for one in world.source.items if isinstance(one, Station) and one.name == "Silent Road")
    lin.who.presses_data(card, pack(Act.PRICES, None, f".{silent.id}"))
    lin._worked()
    assert lin.last.text.startswith("There is no price history here")
    assert not lin.last.photo


def test_a_picture_that_cannot_be_drawn_leaves_the_words(lin: Talk, easel: Easel) -> None:
    easel.fails = OSError("no place for a cache")
    shown = sees_prices(lin)
    assert not shown.photo
    assert "💰 ¥1.20/kWh now" in shown.text
    assert shown.text.endswith("The picture is not ready. Try again in a minute.")
    easel.fails = None
    lin.presses("7 days", shown)
    assert lin.last.photo
    easel.fails = OSError("no place for a cache")
    lin.presses("24 h", lin.last)
    assert lin.toast == "The picture is not ready. Try again in a minute."
    assert "✓ 7 days" in lin.last.buttons


def test_the_real_picture(lin: Talk, dispatcher: Dispatcher) -> None:
    dispatcher["pictures"] = Pictures()
    image = Image.open(io.BytesIO(sees_prices(lin).photo))
    assert image.size == (WIDTH_PX, HEIGHT_PX)


# --- parts --------------------------------------------------------------------------------------------------------


def test_no_more_pictures_wait_than_there_is_patience_for(world: World, road: Station) -> None:
    (group, _) = world.services.prices.history(road.id)
    go_on, begun = threading.Event(), threading.Event()

    def draw(*args: object, **how: object) -> bytes:
        begun.set()
        go_on.wait(30)
        return b"drawn"

    pictures = Pictures(draw, most_waiting=2)

    def ask() -> Future[bytes]:
        return pictures.of(group, name="", several=False, at=world.clock.now(), days=7, say=wording("en"))

    first, second = ask(), ask()
    begun.wait(30)
    with pytest.raises(TooManyPictures):
        ask()
    assert second.cancel(), "whoever does not wait any more gives the place back"
    third = ask()
    go_on.set()
    assert (first.result(30), third.result(30)) == (b"drawn", b"drawn")
    assert ask().result(30) == b"drawn"


@pytest.mark.parametrize("text", ["", "x", "w", "w.", "x.id", "wfffff.id"])
def test_a_button_of_another_version_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="old_button"):
        Which.read(text)


def test_what_a_button_carries() -> None:
    for which in (Which("a-station", 30, "0f3"), Which("a.station"), Which("a", 1)):
        assert Which.read(str(which)) == which
    assert Which.read(".a.b") == Which("a.b", 7, "")


def test_the_longest_words_fit_under_a_picture(world: World, road: Station, telegram: BotApi) -> None:
    from bots import prices

    (group, _) = world.services.prices.history(road.id)
    say = wording("en")
    told = prices.told(say, world.services.prices, group, Decimal(30), world.clock.now())
    words = caption(say, "⚡" * 500, replace(told, doubted="x" * 600), Grade.GOOD)
    assert len(words.encode("utf-16-le")) // 2 < 1100  # tags are not counted
    assert "Wait: from 20:00" in words
