"""The page in a real Chromium, on a phone's screen, against the real application."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Blueprint, Response

import web
from adapters.login.telegram import TelegramInitData
from core.services.login import Doors
from core.station import Station
from core.wishes import Mode
from tests.adapters.login.test_telegram import TOKEN, init_data
from tests.bots.miniapp.served import HOSTILE, equip, fill, served
from tests.world import World, make_world

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=390,844",
)


@dataclass
class Phone:
    """A browser of 390 × 844 and what a person does with it. Every wait is for something to be there."""

    driver: Any
    url: str
    world: World
    city: dict[str, Station]

    def open(self, path: str = "/?lang=en") -> None:
        self.driver.get(self.url + path)
        self.wait(lambda: "script" in self.js("return document.documentElement.className"))

    def js(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def wait(self, ready: Callable[[], Any]) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        waiter = WebDriverWait(
            self.driver, 60, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiter.until(lambda _: ready())

    def all(self, css: str) -> list[Any]:
        return self.driver.find_elements("css selector", css)

    def one(self, css: str) -> Any:
        return self.wait(lambda: next((node for node in self.all(css) if node.is_displayed()), None))

    def tap(self, css: str) -> None:
        node = self.one(css)
        self.js("arguments[0].scrollIntoView({block: 'center'})", node)
        node.click()

    def check(self, name: str, value: str) -> None:
        """Tap the visible part of a check box or radio button of the filters."""
        self.js("arguments[0].click()", self.wait(lambda: self.all(f'[name={name}][value="{value}"]'))[0])

    def text(self, css: str) -> str:
        """The text of an element, also of a hidden one; empty while there is none."""
        return str(self.js("var n = document.querySelector(arguments[0]); return n ? n.textContent : ''", css))

    def names(self) -> list[str]:
        """The stations listed, once the list has settled."""
        self.wait(lambda: self.js("return document.getElementById('results').getAttribute('aria-busy')") == "false")
        return list(self.js("return [].map.call(document.querySelectorAll('#rows .name'), n => n.textContent)"))

    def stand(self, lat: float, lng: float, accuracy_m: float = 15) -> None:
        where = {"latitude": lat, "longitude": lng, "accuracy": accuracy_m}
        self.driver.execute_cdp_cmd("Emulation.setGeolocationOverride", where)

    def locate(self) -> None:
        self.stand(22.5410, 114.0580)
        self.tap("#locate")
        self.wait(lambda: self.all("#rows a"))

    def complaints(self) -> list[str]:
        """What the console holds against us, apart from answers with a status of 400 and above."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and "the server responded with a status of" not in entry["message"]
        ]


def tile() -> bytes:
    """A grey PNG of one pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\xcc")) + chunk(b"IEND", b"")
    )


class Tiles:
    """A tile server that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[tuple[int, int, int]] = set()

    def blueprint(self) -> Blueprint:
        routes = Blueprint("tiles", __name__)

        @routes.get("/tiles/<int:z>/<int:x>/<int:y>")
        def show(z: int, x: int, y: int) -> Response:
            self.asked.add((z, x, y))
            return Response(tile(), mimetype="image/png")

        return routes


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_page_load_timeout(90)
    yield browser
    browser.quit()


@pytest.fixture
def phone(driver: Any, tmp_path: Path) -> Iterator[Phone]:
    world = make_world(tmp_path)
    city = fill(world)
    with served(web.create_app(world.services)) as url:
        yield from _unlocked(driver, url, world, city)


def _unlocked(driver: Any, url: str, world: World, city: dict[str, Station]) -> Iterator[Phone]:
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": url, "permissions": ["geolocation"]})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.get_log("browser")  # what earlier tests left there
    yield Phone(driver, url, world, city)
    driver.execute_cdp_cmd("Network.enable", {})
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    driver.get("about:blank")


def offline(phone: Phone) -> None:
    phone.driver.execute_cdp_cmd("Network.enable", {})
    away = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    phone.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away)


# --- finding ------------------------------------------------------------------------------------------------


def test_the_position_becomes_a_list(phone: Phone):
    phone.open()
    phone.locate()
    assert len(phone.names()) == 10
    row = phone.text(f'[data-id="{phone.city["Lotus Road Fast Charging"].id}"]')
    for fact in ("Lotus Energy · 150 m", "¥36.00", "for 30 kWh", "energy ¥24.00 + service ¥12.00",
                 "¥0.75/kWh from 20:00", "3 of 5 free", "120 kW · GB/T DC", "The nearest"):  # fmt: skip
        assert fact in row
    assert "Near you ±20 m · 16 within 5 km" in phone.text("#where")
    assert "22.54" not in phone.driver.current_url
    assert phone.complaints() == []


def test_the_position_is_kept_nowhere(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#kwh-more")
    phone.wait(lambda: "for 35 kWh" in phone.text("#rows"))
    kept = phone.js("return JSON.stringify(localStorage) + document.cookie + JSON.stringify(sessionStorage)")
    assert "kilowatch.kwh" in kept
    assert "22.5" not in kept


def test_a_typed_place_becomes_a_list(phone: Phone):
    phone.open()
    phone.one("#q").send_keys("Huaqiang\n")
    phone.wait(lambda: "Near Huaqiang" in phone.text("#where"))
    assert phone.names()[0] == "Huaqiang North Garage"
    phone.driver.refresh()
    phone.wait(lambda: "Near Huaqiang" in phone.text("#where"))
    assert phone.names()[0] == "Huaqiang North Garage"


def test_an_unknown_place_is_a_sentence(phone: Phone):
    phone.open()
    phone.one("#q").send_keys("Atlantis\n")
    phone.wait(lambda: "We found no place called “Atlantis”" in phone.text("#alert-text"))


def test_a_coarse_position_asks_to_be_corrected(phone: Phone):
    phone.open()
    phone.stand(22.5410, 114.0580, accuracy_m=3000)
    phone.tap("#locate")
    phone.wait(lambda: "only accurate to 3 km" in phone.text("#alert-text"))
    assert phone.one("#alert-again").text == "Try again"
    phone.names()
    phone.tap("[data-nudge=north]")
    phone.wait(lambda: "Near the chosen point" in phone.text("#where"))


def test_a_refused_position_says_what_to_do(phone: Phone):
    denied = {"origin": phone.url, "permission": {"name": "geolocation"}, "setting": "denied"}
    phone.driver.execute_cdp_cmd("Browser.setPermission", denied)
    phone.open()
    phone.tap("#locate")
    phone.wait(lambda: "The position is not shared" in phone.text("#alert-text"))


def test_chinese_map_coordinates_can_be_declared(phone: Phone):
    phone.open()
    phone.locate()
    before = phone.text("#rows")
    phone.tap("#wrong")
    phone.tap("#gcj")
    phone.wait(lambda: phone.text("#rows") != before)
    assert "Near you" in phone.text("#where")


# --- choosing -----------------------------------------------------------------------------------------------


def test_sort_mode_and_energy_change_the_list(phone: Phone):
    from selenium.webdriver.support.select import Select

    phone.open()
    phone.locate()
    Select(phone.one("#sort")).select_by_value("distance")
    phone.wait(lambda: phone.names()[0] == "Lotus Road Fast Charging")
    Select(phone.one("#sort")).select_by_value("price")
    phone.wait(lambda: phone.names()[0] == "Bagualing Depot")
    for _ in range(3):
        phone.tap("#kwh-less")
    phone.wait(lambda: "for 15 kWh" in phone.text("#rows .row"))
    Select(phone.one("#sort")).select_by_value("recommended")
    phone.js("document.querySelector('[name=pick-mode][value=hurry]').click()")
    phone.wait(lambda: phone.names()[0] != "Bagualing Depot")


def test_filters_hide_and_say_how_many(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#filters-open")
    phone.check("free_now", "true")
    phone.check("operator", "Pearl Power")
    phone.tap("#filters-form [type=submit]")
    phone.wait(lambda: phone.names() == ["Huaqiang North Garage"])
    assert phone.one("#filters-count").text == "2"
    assert "15 more hidden by your filters" in phone.text("#foot")
    phone.tap("#foot .small")
    phone.wait(lambda: len(phone.names()) == 10)


def test_filters_that_leave_nothing_offer_a_way_out(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#filters-open")
    phone.one("[name=price_cap]").send_keys("0,5")
    phone.tap("#filters-form [type=submit]")
    phone.wait(lambda: phone.names() == [])
    assert "passes your filters" in phone.text("#foot")
    assert phone.one("#foot .small").text == "Clear the filters"


def test_more_are_shown_on_request(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap(".more")
    phone.wait(lambda: len(phone.names()) == 16)
    assert len(set(phone.names())) == 16
    assert not phone.all(".more")


# --- one station --------------------------------------------------------------------------------------------


def test_a_station_opens_closes_and_can_be_shared(phone: Phone):
    station = equip(phone.world, phone.city["Lotus Road Fast Charging"])
    phone.world.sold_also(station, "<b>Dear & Co</b>", "2.00")
    phone.open()
    phone.locate()
    phone.tap(f'[data-id="{station.id}"] a')
    phone.wait(lambda: phone.text("#station-name") == "Lotus Road Fast Charging")
    sheet = phone.text("#station")
    assert "Also sold by <b>Dear & Co</b>: ¥60.00 for 30 kWh" in sheet
    for fact in ("¥36.00", "Price today", "Gun 01", "charging", "Open 24 hours", "2 h free", "toilet", "Fuhua Road",
                 "0755-8888 0000", "Open in Amap", "Baidu Maps", "CC BY 4.0"):  # fmt: skip
        assert fact in sheet
    assert len(phone.all("#station .day rect")) == 3
    assert f"station={station.id}" in phone.driver.current_url
    assert phone.js("return document.activeElement.id") == "station-name"
    phone.js("history.back()")
    phone.wait(lambda: not phone.all("#station")[0].is_displayed())
    assert len(phone.names()) == 10
    phone.driver.get(f"{phone.url}/?station={station.id}&lang=en")
    phone.wait(lambda: phone.text("#station-name") == "Lotus Road Fast Charging")
    phone.tap("#station .round")
    phone.wait(lambda: not phone.all("#station")[0].is_displayed())
    assert phone.complaints() == []


def test_escape_closes_and_gives_the_focus_back(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#filters-open")
    phone.one("#filters-title")
    phone.one("body").send_keys("\ue00c")
    phone.wait(lambda: not phone.all("#filters")[0].is_displayed())
    assert phone.js("return document.activeElement.id") == "filters-open"


def test_supplier_text_is_shown_as_text(phone: Phone):
    phone.open()
    phone.locate()
    shown = HOSTILE.replace("\u202e", "")
    assert shown in phone.names()
    phone.tap(f'[data-id="{phone.city[HOSTILE].id}"] a')
    phone.wait(lambda: phone.text("#station-name") == shown)
    assert phone.js("return window.hacked === undefined && document.querySelectorAll('img').length === 0")
    assert phone.complaints() == []


# --- watching prices ----------------------------------------------------------------------------------------


def log_in_to_watch(phone: Phone) -> None:
    phone.tap(".watch-problem a")
    phone.one("#login-name").send_keys("lin")
    phone.tap("#login-local button")


def test_two_taps_watch_a_price_and_the_watch_is_handled(phone: Phone):
    phone.world.services.prices.follow()
    station = phone.city["Lotus Road Fast Charging"]
    phone.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    phone.open(f"/?station={station.id}&lang=en")
    phone.tap("#station .watch-open")
    phone.wait(lambda: phone.all("#station .wish"))
    phone.tap("#station .wish")
    log_in_to_watch(phone)
    phone.wait(lambda: "station=" in phone.driver.current_url)
    phone.tap("#station .watch-open")
    phone.wait(lambda: phone.all("#station .wish"))
    assert phone.text(".watch-panel form label").startswith("Your own price (CNY/kWh)")
    phone.one(".watch-panel form .text").send_keys("cheap")
    phone.tap(".watch-panel form button")
    assert "Type a price per kWh" in phone.one(".watch-problem").text
    phone.tap("#station .wish")
    assert phone.one(".watch-done").text == "We watch it for you."
    assert phone.js("return document.activeElement.className") == "watch-done"
    said = phone.text(".watch-panel")
    assert "¥0.78/kWh or less" in said
    assert "Alerts come to your Telegram or WeChat chat. Link one" in said
    phone.tap("#station .watch-open")
    assert not phone.all(".watch-panel")

    phone.driver.get(f"{phone.url}/watches?lang=zh-CN&link=1")
    assert phone.one("#link-code").text.startswith("kw-")
    card = phone.one("#mine .watch")
    assert card.text.splitlines()[0] == "降到 ¥0.78/度"
    handle = "#mine .watch-acts .button"
    phone.tap(handle)
    phone.wait(lambda: phone.text(handle) == "恢复提醒")
    assert "静音至" in phone.text("#mine")
    phone.tap(handle + "[aria-expanded]")
    phone.one("#mine form .text").send_keys("0,9")
    phone.tap("#mine form .button")
    phone.wait(lambda: phone.text("#mine h3") == "降到 ¥0.90/度")
    phone.tap(handle + ":last-child")
    phone.wait(lambda: phone.text("#status") == "已停止。")
    phone.tap("#mine .stopped .button")
    phone.wait(lambda: not phone.all("#mine .stopped"))
    assert phone.js("return document.documentElement.scrollWidth") == 390

    phone.open("/?lang=zh-CN")
    phone.locate()
    phone.tap("#foot .watch-open")
    phone.wait(lambda: phone.all("#foot .wish"))
    phone.js("document.querySelector('[name=watch-radius][value=\"2000\"]').click()")
    phone.tap("#foot form button")
    phone.one(".watch-done")
    assert "周边 2 公里：降到 ¥0.87/度" in phone.text("#foot .watch-panel")
    kept = phone.js("return JSON.stringify(localStorage) + location.href + JSON.stringify(sessionStorage)")
    assert "22.5" not in kept
    assert phone.complaints() == []


# --- language, light, network -------------------------------------------------------------------------------


def test_the_language_changes_without_losing_the_list(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#lang")
    phone.wait(lambda: "空闲 3/5" in phone.text("#rows"))
    assert "推荐" in phone.text("#sort")
    assert phone.js("return document.documentElement.lang") == "zh-CN"
    phone.open("/")
    assert phone.one("#locate").text == "使用我的位置"
    phone.tap("#lang")
    assert phone.one("#locate").text == "Use my position"


def _brightness(phone: Phone, property_: str) -> float:
    colour = phone.js("return getComputedStyle(document.body)[arguments[0]]", property_)
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3


def test_the_page_is_dark_at_night(phone: Phone):
    phone.open()
    assert _brightness(phone, "backgroundColor") > 200 > 100 > _brightness(phone, "color")
    night = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    phone.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", night)
    assert _brightness(phone, "backgroundColor") < 60 < 200 < _brightness(phone, "color")


def test_without_a_network_there_is_a_sentence_and_another_try(phone: Phone):
    phone.open()
    phone.locate()
    offline(phone)
    phone.tap("#kwh-more")
    phone.wait(lambda: "No connection" in phone.text("#alert-text"))
    assert len(phone.names()) == 10, "the old list stays"
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    phone.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    phone.tap("#alert-again")
    phone.wait(lambda: "for 35 kWh" in phone.text("#rows") and not phone.text("#alert-text"))


def test_too_many_requests_are_a_sentence(phone: Phone):
    phone.open()
    phone.locate()
    phone.world.limiter.most = 0
    phone.tap("#kwh-more")
    phone.wait(lambda: "That was a bit fast" in phone.text("#alert-text"))


def test_everything_to_tap_is_large_enough_and_nothing_sticks_out(phone: Phone):
    phone.open()
    phone.locate()
    phone.tap("#wrong")
    small = phone.js(
        """return [].filter.call(document.querySelectorAll('button, a, select, input'), function (node) {
             var box = node.getBoundingClientRect();
             return box.width && (box.height < 43.5 || box.width < 43.5) && !node.closest('.check, .quiet, .skip');
           }).map(function (node) { return node.outerHTML.slice(0, 80); })"""
    )
    assert small == []
    assert phone.js("return document.documentElement.scrollWidth") == 390


# --- the map ------------------------------------------------------------------------------------------------


@pytest.fixture
def tiles() -> Tiles:
    return Tiles()


@pytest.fixture(params=["", "gcj02:"])
def mapped(driver: Any, tmp_path: Path, tiles: Tiles, request: pytest.FixtureRequest) -> Iterator[Phone]:
    """A page with a map. The tiles come from another server, as in life, whose host the page has to let in."""
    world = make_world(tmp_path)
    city = fill(world)
    with served(web.create_app(world.services, blueprints=[tiles.blueprint()])) as tiles_url:
        setting = f"{request.param}{tiles_url}/tiles/{{z}}/{{x}}/{{y}} | © Test tiles"
        with served(web.create_app(world.services, map_tiles_url=setting)) as url:
            yield from _unlocked(driver, url, world, city)


def test_the_map_shows_the_stations_and_searches_where_it_is_dragged(mapped: Phone, tiles: Tiles):
    from selenium.webdriver import ActionChains

    mapped.open()
    mapped.locate()
    mapped.tap("#map-toggle")
    mapped.wait(lambda: len(mapped.all("#map .marker")) == 10)
    mapped.wait(lambda: mapped.js("return [].some.call(document.querySelectorAll('#map img'), i => i.naturalWidth)"))
    assert "© Test tiles" in mapped.text("#map")
    pin = mapped.js(_OFFSET, "#map .pin")
    assert abs(pin["x"]) < 2
    assert abs(pin["y"]) < 2
    chain = ActionChains(mapped.driver)
    chain.click_and_hold(mapped.one("#map")).move_by_offset(-40, 30).move_by_offset(-40, 30).release().perform()
    assert abs(mapped.js(_OFFSET, "#map .pin")["x"] + 80) < 3
    mapped.tap("#search-here")
    mapped.wait(lambda: "Near the chosen point" in mapped.text("#where"))
    mapped.names()
    zoom = max(z for z, _, _ in tiles.asked)
    mapped.tap("#map .zoom.in")
    mapped.wait(lambda: max(z for z, _, _ in tiles.asked) > zoom)
    mapped.tap("#map .marker.first")
    mapped.wait(lambda: mapped.text("#station-name"))
    assert mapped.complaints() == []


# How far the middle of an element is from the middle of the map.
_OFFSET = """
  var a = document.querySelector(arguments[0]).getBoundingClientRect();
  var b = document.getElementById('map').getBoundingClientRect();
  return {x: a.left + a.width / 2 - b.left - b.width / 2, y: a.top + a.height / 2 - b.top - b.height / 2};
"""


# --- the person ---------------------------------------------------------------------------------------------


@pytest.fixture
def mini_app(driver: Any, tmp_path: Path) -> Iterator[Phone]:
    """The page as Telegram's apps know it."""
    world = make_world(tmp_path, doors=Doors(telegram=TelegramInitData(TOKEN)))
    with served(web.create_app(world.services)) as url:
        yield from _unlocked(driver, url, world, fill(world))


def test_inside_telegram_the_page_knows_who_has_opened_it(mini_app: Phone):
    """Telegram puts its signed word into the address."""
    phone, services = mini_app, mini_app.world.services
    word = init_data(at=mini_app.world.clock.now())
    user = services.login.telegram(word).user
    services.accounts.change(user.id, lambda one: replace(one, energy_kwh=Decimal(60), mode=Mode.HURRY))
    phone.driver.get(f"{phone.url}/?lang=en#tgWebAppData={quote(word, safe='')}&tgWebAppVersion=8.0")
    phone.wait(lambda: phone.text("#kwh") == "60 kWh")
    assert phone.js("return location.hash") == "", "the word is not shared along with a link"
    assert phone.js("return document.querySelector('[name=pick-mode]:checked').value") == "hurry"
    phone.driver.refresh()
    phone.wait(lambda: phone.text("#kwh") == "60 kWh")
    phone.open("/?lang=en&kwh=20")
    phone.wait(lambda: phone.text("#kwh") == "20 kWh")


def test_a_forged_word_costs_nobody_the_list(mini_app: Phone):
    mini_app.driver.get(f"{mini_app.url}/?lang=en#tgWebAppData=forged%26hash%3D00")
    mini_app.locate()
    assert len(mini_app.names()) == 10
