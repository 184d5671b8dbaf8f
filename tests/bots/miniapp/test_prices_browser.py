"""The price over time on the sheet of a station, in a real Chromium on a phone's screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import web
from core.station import Plug, Station
from core.tariff import flat_tariff
from tests.bots.miniapp.served import served
from tests.bots.miniapp.test_browser import CHROMIUM, DRIVER, Phone, _unlocked
from tests.bots.miniapp.test_browser import driver as driver  # the fixture
from tests.world import World, make_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, World, dict[str, Station]]]:
    """A station that has cost 1.20 by day and 0.80 by night for five weeks, and has one slow gun at 0.90."""
    world = make_world(tmp_path_factory.mktemp("prices"))
    road = world.station("Lotus Road", 22.541, 114.058, price="0.80", service="0.40", evening="0.40", free=3)
    cheap = flat_tariff("CNY", Decimal("0.90"))
    ref = replace(road.connectors[0].ref, connector_id="slow")
    slow = replace(road.connectors[0], ref=ref, plug=Plug.GBT_AC, power_kw=Decimal(7), tariff_id=cheap.id)
    world.source.price_lists[cheap.id] = cheap
    world.source.items = [replace(road, connectors=(*road.connectors, slow))]
    world.load(world.source)
    world.services.prices.follow()
    said = [(gun.ref, world.source.price_lists[gun.tariff_id or ""]) for gun in (*road.connectors, slow)]
    for _ in range(35):
        world.clock.advance(days=1)
        world.services.desk.prices(road.supplier_id, said)
        world.services.prices.boundaries()
    world.services.index.refresh()
    silent = world.station("Silent Road", 22.542, 114.058)
    young = world.station("Young Road", 22.543, 114.058, price="1.20", evening="0.80")
    world.services.prices.follow()
    with served(web.create_app(world.services)) as url:
        yield url, world, {"road": road, "silent": silent, "young": young}


@pytest.fixture
def phone(driver: Any, house: tuple[str, World, dict[str, Station]]) -> Iterator[Phone]:
    yield from _unlocked(driver, *house)


def opens(phone: Phone, station: Station, lang: str = "en") -> None:
    phone.open(f"/?station={station.id}&lang={lang}")


def alternative(phone: Phone) -> str:
    """What who cannot see the drawing is told."""
    found = phone.js("var plot = document.querySelector('svg.plot'); return plot && plot.getAttribute('aria-label')")
    return str(found or "")


def test_the_price_over_time(phone: Phone) -> None:
    opens(phone, phone.city["road"])
    assert phone.one("svg.plot").size["width"] > 300
    assert alternative(phone).startswith(
        "7 days. About as usual now. ¥1.20/kWh now · seen just now. Usual at this hour"
    )
    shown = phone.text(".prices")
    for sentence in (
        "energy ¥0.80 + service ¥0.40",
        "Lowest of the last 35 days: ¥0.80",
        "Cheapest of the next 24 hours: ¥0.80 from 20:00 to tomorrow 08:00",
        "30 kWh · Wait: from 20:00 it costs ¥12.00 less.",
        "Good: at least 5 % below what this hour usually costs here",
    ):
        assert sentence in shown
    assert [phone.text("svg.plot .low:not(circle)"), len(phone.all("svg.plot .band"))] == ["lowest ¥0.80", 15]
    assert phone.js("return document.documentElement.scrollWidth") == 390
    assert phone.complaints() == []


def test_other_spans_and_other_guns(phone: Phone) -> None:
    opens(phone, phone.city["road"], "zh-CN")
    phone.one("svg.plot")
    phone.js("document.querySelector('.spans input[value=\"30\"]').click()")
    phone.wait(lambda: alternative(phone).startswith("30 天"))
    assert len(phone.all("svg.plot .bar")) == 30
    phone.js("document.querySelector('.spans input[value=\"1\"]').click()")
    phone.wait(lambda: alternative(phone).startswith("24 小时"))
    assert len(phone.all("svg.plot .ahead")) == 1, "what the tariff says of the day to come"
    phone.js("""
        var guns = document.querySelector(".prices select");
        guns.value = "1";
        guns.dispatchEvent(new Event("change"));
    """)
    phone.wait(lambda: "现在 ¥0.90/度" in alternative(phone))
    assert "未来 24 小时价格不变。" in phone.text(".prices")
    assert "建议等一等" not in phone.text(".prices")
    assert phone.complaints() == []


def test_a_finger_reads_off_a_price(phone: Phone) -> None:
    opens(phone, phone.city["road"])
    phone.one("svg.plot")
    phone.js("""
        var plot = document.querySelector("svg.plot"), box = plot.getBoundingClientRect();
        var middle = {clientX: box.left + box.width * 0.557, clientY: box.top + 20, bubbles: true};
        plot.dispatchEvent(new PointerEvent("pointermove", middle));
    """)
    assert phone.text(".read").endswith("· ¥0.80")


def test_of_a_new_place_the_day_to_come_is_shown(phone: Phone) -> None:
    opens(phone, phone.city["young"])
    phone.wait(lambda: alternative(phone).startswith("24 h. Too new to judge."))
    assert len(phone.all("svg.plot .ahead")) == 1
    phone.js("document.querySelector('.spans input[value=\"7\"]').click()")
    phone.wait(lambda: alternative(phone).startswith("7 days"))


def test_without_a_price_there_is_nothing_to_draw(phone: Phone) -> None:
    opens(phone, phone.city["silent"])
    assert phone.text("#station-name") == "Silent Road"
    assert not phone.all(".prices")
