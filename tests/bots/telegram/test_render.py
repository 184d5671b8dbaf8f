"""What a driver reads: complete, in both languages, and safe whatever suppliers write."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.telegram import keyboards, render
from bots.telegram.buttons import MOST_BYTES, Search, unpack
from bots.telegram.markup import clean, fit, foreign, visible_length
from bots.telegram.watch_codes import Wanted
from bots.wording import wording
from core.geo import Datum, Point
from core.opening import OpeningHours, daily
from core.ranking import FreeGuns, Offer, offer
from core.services.finder import Found, Silent
from core.station import Connector, ConnectorRef, ConnectorStatus, Facility, NoPrice, Parking, Plug, Station
from core.user import LANGUAGES, User
from core.wishes import Filters, Mode, Sort, Wishes
from tests.bots.telegram.methods import Refused, check_markup, parse_text
from tests.world import HERE, NOW, World, make_world

EN, ZH = wording("en"), wording("zh-CN")
hostile = st.text(st.characters(codec=None), max_size=400) | st.sampled_from(
    [
        "</b><b>",
        "&amp",
        "&#x0;",
        "<a href='tg://x'>" * 20,
        "‮" * 50,
        "😀" * 500,
        "\x00\n\r\t",
        "\ud800" * 9,
        "&" * 3000,
    ]
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    world.station("Lotus Road", 22.5415, 114.0585, price="0.80", service="0.40", evening="0.45", free=3, guns=5)
    world.station("Civic", 22.5450, 114.0600, price="1.50", free=0, guns=4, operator="Civic", hours=daily(60, 120),
                  parking=Parking(free=True, text="2 h free"))  # fmt: skip
    world.station("Register", 22.5410, 114.0620, guns=2, power="7", plug=Plug.GBT_AC, operator="")
    world.station("Words", 22.5480, 114.0520, guns=6, price_text="peak 1.5, low 0.8", operator="W")
    return world


def list_of(world: World, wishes: Wishes | None = None, language: str = "en") -> dict[str, Any]:
    wishes = wishes or Wishes()
    found = world.services.finder.near(HERE, wishes, limit=5)
    return render.station_list(found, wishes, wording(language), world.clock.now())


def card_of(world: World, name: str, language: str = "en") -> dict[str, Any]:
    one = next(o for o in world.services.finder.near(HERE, Wishes()).offers if o.station.name == name)
    credits = world.services.finder.credit(one)
    return render.station_card(
        one,
        Wishes(),
        wording(language),
        world.clock.now(),
        search=Search(HERE),
        credits=credits,
        sellers=world.services.finder.sellers(one),
    )


def sent(rendered: dict[str, Any]) -> str:
    """The visible text, if Telegram would take the message."""
    check_markup(rendered["reply_markup"], private=True)
    return parse_text(rendered["text"], rendered["parse_mode"])


def row(text: str, name: str) -> list[str]:
    block = next(block for block in text.split("\n\n") if f". {name}\n" in block)
    return block.splitlines()


# --- the list -------------------------------------------------------------------------------------------------


def test_a_row_reads_from_the_top_in_english(world: World) -> None:
    assert row(sent(list_of(world)), "Lotus Road") == [
        "1. Lotus Road",
        "Lotus · 80 m · GB/T DC 120 kW",
        "💰 ¥36.00 for 30 kWh (¥1.20/kWh)",
        "energy ¥24.00 + service ¥12.00",
        "📉 ¥0.85/kWh from 20:00",
        "🟢 3 of 5 free (just now)",
        "👉 The nearest, and nothing near is better in all",
    ]


def test_a_row_reads_from_the_top_in_chinese(world: World) -> None:
    text = sent(list_of(world, language="zh-CN"))
    assert text.startswith("5 公里内 4 个充电站 · 30 度 · 均衡")
    assert row(text, "Lotus Road") == [
        "1. Lotus Road",
        "Lotus · 80 米 · 国标直流 120 kW",
        "💰 充 30 度约 ¥36.00（¥1.20/度）",
        "电费 ¥24.00 + 服务费 ¥12.00",
        "📉 20:00 起 ¥0.85/度",
        "🟢 空闲 3/5（刚刚）",
        "👉 离您最近，综合也最划算",
    ]


def test_what_is_not_known_is_said_and_never_zero(world: World) -> None:
    text = sent(list_of(world))
    assert "💰 Price unknown: the operator does not publish it" in row(text, "Register")
    assert "⚪ 2 guns, no live state" in row(text, "Register")
    assert "💰 Price only as text: peak 1.5, low 0.8" in row(text, "Words")
    assert "⛔ Closed now" in row(text, "Civic")
    assert "🔴 0 of 4 free (just now)" in row(text, "Civic")


def test_old_knowledge_shows_its_age(world: World) -> None:
    world.clock.advance(minutes=7)
    assert "🟢 3 of 5 free (7 min ago)" in sent(list_of(world))
    world.clock.advance(days=3)
    text = sent(list_of(world))
    assert "⚪ 5 guns, state unknown (3 free 3 days ago)" in text
    assert "price last seen 2026-11-23" in text


def test_an_empty_list_says_how_to_go_on(world: World) -> None:
    wishes = Wishes(filters=Filters(plugs=frozenset({Plug.NACS})))
    rendered = list_of(world, wishes)
    assert "Nothing within 200 km passes your filters" in sent(rendered)
    assert "change the filters below" in sent(rendered)
    assert "⚙️ Filters · 1" in str(rendered["reply_markup"])


def test_a_silent_supplier_and_the_credits_are_named(world: World) -> None:
    found = world.services.finder.near(HERE, Wishes())
    found = replace(found, silent=(Silent("<Lotus>", NOW - timedelta(minutes=40)),), credits=("A & B", "C"))
    text = sent(render.station_list(found, Wishes(), EN, NOW))
    assert "<Lotus> has not answered for 40 min" in text
    assert text.endswith("Data: A & B; C")


def test_notes_stand_on_top() -> None:
    assert render.position_note(None, EN) == render.position_note(20, EN) == ""
    assert "1.5 km" in render.position_note(1500, EN)
    assert render.place_note("<b>" + "x" * 500, EN).startswith("📍 Around &lt;b&gt;xxx")
    note = render.point_note(Search(Point(22.5410, 114.0580, Datum.GCJ02)), EN)
    assert "22.54373, 114.05289" in note
    assert "openstreetmap.org" in note


# --- the card -------------------------------------------------------------------------------------------------


def test_a_card_tells_everything(world: World) -> None:
    rendered = card_of(world, "Lotus Road")
    text = sent(rendered)
    for words in (
        "1 Lotus Road, Futian", "⏱ about 30 min at the gun", "🕒 Open 24 hours", "🅿️ Parking fee not stated",
        "01–03 GB/T DC 120 kW · free", "04–05 GB/T DC 120 kW · charging", "Data: Testing Power, open data",
    ):  # fmt: skip
        assert words in text
    amap = Point(22.5415, 114.0585).to(Datum.GCJ02)
    assert f"position={amap.lng:.6f},{amap.lat:.6f}&" in rendered["text"]
    assert "mlat=22.541500&amp;mlon=114.058500" in rendered["text"]  # OpenStreetMap draws WGS-84
    assert "充电约 30 分钟" in sent(card_of(world, "Lotus Road", "zh-CN"))


def test_a_card_without_price_keeps_the_suppliers_words(world: World) -> None:
    assert sent(card_of(world, "Words")).count("peak 1.5, low 0.8") == 1
    assert "2 h free" in sent(card_of(world, "Civic"))


def connector(label: str, status: ConnectorStatus = ConnectorStatus.FREE, **more: Any) -> Connector:
    ref = ConnectorRef("T", f"{label}{status}{more}")
    return Connector(ref, label=label, plug=Plug.CCS2, power_kw=Decimal(60), status=status, status_at=NOW, **more)


@pytest.mark.parametrize(
    ("guns", "lines"),
    [
        ([connector(f"{n:02d}") for n in range(1, 5)], ["01–04 CCS2 60 kW · free"]),
        ([connector("10"), connector("9"), connector("7")], ["7, 9–10 CCS2 60 kW · free"]),
        ([connector("A"), connector("B")], ["A, B CCS2 60 kW · free"]),
        ([connector(""), connector("")], ["2 × CCS2 60 kW · free"]),
        ([connector("", count=8)], ["8 × CCS2 60 kW · free"]),
        (
            [connector("1"), connector("2", bay_blocked=True)],
            ["1 CCS2 60 kW · free", "2 CCS2 60 kW · free · bay blocked"],
        ),
        ([connector(str(n)) for n in (1, 3, 5, 7, 9)], ["1, 3, 5, 7 … (5 ×) CCS2 60 kW · free"]),
        ([connector("x" * 99)], ["x" * 11 + "… CCS2 60 kW · free"]),
    ],
)
def test_guns_of_one_kind_share_a_line(guns: list[Connector], lines: list[str]) -> None:
    assert card_text(station(connectors=tuple(guns))).split("free (just now)\n")[1].splitlines() == lines


def test_hundreds_of_guns_are_counted_not_listed() -> None:
    guns = [connector(f"G{n}", ConnectorStatus.FREE if n % 2 else ConnectorStatus.FAULT) for n in range(600)]
    guns = [replace(gun, power_kw=Decimal(n + 1)) for n, gun in enumerate(guns)]
    assert "and 576 more guns" in card_text(station(connectors=tuple(guns)))


def test_a_venue_has_a_title_and_an_address() -> None:
    nameless = render.venue(offer_of(station(name="\u202e", address="", operator_name="")), EN)
    assert (nameless["title"], nameless["address"]) == ("Charging station", "Charging station")
    named = render.venue(offer_of(station(name="N" * 200)), EN)
    assert len(named["title"]) == 60


def test_a_price_for_members_says_so_and_is_not_free() -> None:
    gun = replace(connector("1"), tariff_id=None, no_price=NoPrice.MEMBERS)
    text = card_text(station(connectors=(gun,), price_text="Free"))
    assert "💰 Price unknown without a membership: Free" in text


def test_other_suppliers_of_the_place_stand_on_its_card(world: World) -> None:
    lotus = next(
        o.station for o in world.services.finder.near(HERE, Wishes()).offers if o.station.name == "Lotus Road"
    )
    assert "Also sold" not in sent(card_of(world, "Lotus Road"))
    for name, price in (("Dear", "2.00"), ("<b>Ant & Bee</b>", "1.30"), ("Words only", None), ("Dearest", "3.00"),
                        ("Never shown", "4.00")):  # fmt: skip
        world.sold_also(lotus, name, price)
    card = sent(card_of(world, "Lotus Road"))
    assert [line for line in card.splitlines() if "Also sold" in line] == [
        "🏷 Also sold by <b>Ant & Bee</b>: ¥39.00 for 30 kWh",
        "🏷 Also sold by Dear: ¥60.00 for 30 kWh",
        "🏷 Also sold by Dearest: ¥90.00 for 30 kWh",
    ]
    assert "🏷 也可由 Dear 提供：充 30 度约 ¥60.00" in sent(card_of(world, "Lotus Road", "zh-CN"))


# --- hostile suppliers ------------------------------------------------------------------------------------------


def station(**fields: Any) -> Station:
    usual: dict[str, Any] = {
        "id": "a" * 13, "supplier_id": "s", "external_id": "e", "name": "N", "point": HERE,
        "connectors": (connector("1"),), "operator_name": "O", "address": "A", "time_zone": "Asia/Shanghai",
    }  # fmt: skip
    return Station(**{**usual, **fields})


def offer_of(one: Station) -> Offer:
    found = offer(one, 100.0, Wishes(), {}, NOW)
    assert found is not None
    return found


def card_text(one: Station) -> str:
    return sent(render.station_card(offer_of(one), Wishes(), EN, NOW, search=Search(HERE)))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(hostile, min_size=9, max_size=9), st.sampled_from(LANGUAGES), st.booleans())
def test_no_supplier_text_breaks_a_message(words: list[str], language: str, many: bool) -> None:
    name, operator, address, price, park, guide, phone, label, hours = words
    guns = tuple(replace(connector(f"{label}{n}"), tariff_id=None) for n in range(80 if many else 1))
    one = station(
        name=name, operator_name=operator, address=address, price_text=price, guide=guide, phone=phone,
        parking=Parking(text=park), hours=OpeningHours(text=hours), connectors=guns,
        facilities=frozenset(Facility), updated_at=NOW,
    )  # fmt: skip
    say = wording(language)
    found = Found(HERE, (offer_of(one),) * 5, 0, 500, 7, 5000, None, (Silent(name, NOW),), (operator, guide, price))
    for rendered in (
        render.station_list(found, Wishes(), say, NOW, note=render.place_note(name, say)),
        render.station_card(offer_of(one), Wishes(), say, NOW, search=Search(HERE), credits=(operator, guide)),
    ):
        text = sent(rendered)
        assert visible_length(rendered["text"]) <= 4096
        assert not any(c in text for c in "\x00\u202e\r")
        text.encode()
    assert 0 < len(render.venue(offer_of(one), say)["title"]) <= 60


@given(hostile, st.integers(1, 80))
def test_cleaned_text_is_one_short_visible_line(words: str, most: int) -> None:
    cleaned = clean(words, most)
    assert len(cleaned) <= most
    assert cleaned == cleaned.strip()
    assert not set(cleaned) & set("\n\r\t\x00\u202e\u200b\ud800")
    parse_text(f"x{foreign(words, most)}", "HTML")


def test_fit_leaves_out_whole_blocks() -> None:
    assert fit(["a", "<b>" + "x" * 10 + "</b>", "c"], most=8) == "a"
    assert fit(["aa", "bb"], droppable=["<i>cccccc</i>", "d"], most=9) == "aa\n\nbb\n\nd"
    assert visible_length("<b>&amp;😀</b>") == 3


# --- keyboards --------------------------------------------------------------------------------------------------

_filters = st.builds(
    Filters,
    plugs=st.frozensets(st.sampled_from(Plug)),
    min_power_kw=st.none() | st.decimals(1, 999, places=1),
    price_cap=st.none() | st.decimals(1, 9999, places=2),
    operators=st.frozensets(hostile.filter(bool), max_size=20),
    free_now=st.booleans(),
    open_now=st.booleans(),
    free_parking=st.booleans(),
)
_points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180), st.sampled_from([Datum.WGS84, Datum.GCJ02]))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_points, _filters, st.sampled_from(Sort), st.integers(0, 99), st.sampled_from(LANGUAGES), hostile)
def test_every_button_fits_and_is_understood(
    point: Point, filters: Filters, sort: Sort, page: int, language: str, operator: str
) -> None:
    say = wording(language)
    wishes = Wishes(sort=sort, filters=filters, mode=Mode.HURRY)
    found = Found(point, (offer_of(station()),) * 5, page * 5, 500, 0, 5000, None, (), ())
    user = User("u", language, NOW, filters=filters)
    for keyboard in (
        keyboards.listing(found, wishes, say, may_watch=True),
        keyboards.filters(found, wishes, say),
        keyboards.operators(found, wishes, [(operator, operator or "name")], say),
        keyboards.position(found, wishes, say),
        keyboards.card(offer_of(station()), Search(point, sort, page), say, may_start=True, may_watch=True),
        keyboards.settings(user, True, say),
    ):
        check_markup(keyboard, private=True)
        for one in (button for rows in keyboard["inline_keyboard"] for button in rows):
            assert len(one["callback_data"].encode()) <= MOST_BYTES
            unpack(one["callback_data"])


def test_the_description_that_tells_of_the_guns_is_watched_for_a_free_one() -> None:
    """A place that several suppliers sell: the cheapest may know nothing of its guns, or call them otherwise."""
    slow = replace(connector("1"), plug=Plug.GBT_AC)
    teller = offer_of(station(id="b" * 13, supplier_id="teller", connectors=(slow,)))
    taken = FreeGuns(1, 0, 0, NOW)
    one = replace(offer_of(station()), guns=taken, guns_from="teller", also=(replace(teller, guns_from="teller"),))

    def watched(offer: Offer) -> Wanted:
        rows = keyboards.card(offer, Search(HERE), EN, may_watch=True)["inline_keyboard"]
        found = next(one for row in rows for one in row if one["text"] == "🔔 Tell me when one is free")
        return Wanted.read(unpack(found["callback_data"]).value)

    assert (watched(one).station_id, watched(one).kind) == ("b" * 13, "")
    alone = replace(offer_of(station()), guns=taken)
    assert watched(alone) == Wanted.free_gun(station(), connector("1"))
    assert watched(alone).kind


def test_gcj_is_offered_in_mainland_china_only() -> None:
    def offered(point: Point) -> bool:
        found = Found(point, (), 0, 0, 0, 5000, None, (), ())
        return "GCJ-02" in str(keyboards.position(found, Wishes(), EN))

    assert offered(HERE)
    assert offered(Point(HERE.lat, HERE.lng, Datum.GCJ02))
    assert not offered(Point(52.52, 13.40))
    assert not offered(Point(22.3193, 114.1694))  # Hong Kong is not shifted


@pytest.mark.parametrize("start", [(22.5, 114.0), (0.0, 180.0), (89.95, 0.0), (-90.0, -180.0)])
def test_a_nudge_stays_on_earth(start: tuple[float, float]) -> None:
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        moved = keyboards.moved(Point(*start), north, east)
        assert -90 <= moved.lat <= 90
        assert -180 <= moved.lng <= 180


def test_price_caps_follow_the_currency_of_the_place(world: World) -> None:
    wishes = Wishes(energy_kwh=Decimal(30))
    found = world.services.finder.near(HERE, wishes)
    labels = [button["text"] for rows in keyboards.filters(found, wishes, EN)["inline_keyboard"] for button in rows]
    assert [label for label in labels if label.startswith("≤")] == ["≤ ¥30", "≤ ¥39", "≤ ¥48"]


# --- both languages ---------------------------------------------------------------------------------------------


def test_every_sentence_of_the_bot_has_a_translation() -> None:
    said = set()
    for path in Path(render.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", getattr(getattr(node, "func", None), "attr", ""))
            if isinstance(node, ast.Call) and name in {"say", "N_", "plural"}:
                said |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert len(said) > 40
    missing = [
        one for one in sorted(said) if ZH._texts.gettext(one) == one and ZH._texts.ngettext(one, one, 1) == one
    ]
    assert missing == []


def test_rendering_does_not_wake_aiogram() -> None:
    import subprocess

    modules = "bots.telegram.render, bots.telegram.webhook, bots.telegram.messenger"
    script = f"import sys, {modules}; sys.exit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], timeout=60).returncode == 0


def test_the_checks_of_the_test_server_bite() -> None:
    for text in ("", "<b>x", "a & b", "<div>x</div>", "x" * 4097, "&nbsp;"):
        with pytest.raises(Refused):
            parse_text(text, "HTML")
    with pytest.raises(Refused):
        check_markup({"inline_keyboard": [[{"text": "a", "callback_data": "x" * 65}]]}, private=True)
    with pytest.raises(Refused):
        check_markup({"keyboard": [[{"text": "a", "request_location": True}]]}, private=False)
