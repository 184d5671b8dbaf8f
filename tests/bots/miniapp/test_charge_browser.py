"""Scan to charge in a real Chromium: from a label to the receipt, by photo, by camera and by the number typed."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

import web
from adapters.login.telegram import TelegramInitData
from core.guncode import gun_payload, write_hlht
from core.ports import CaseKind
from core.scan import ScanSource, ScanState
from core.services.catalogue import CatalogueService
from core.services.login import Doors
from core.station import ConnectorRef
from core.user import Channel
from storage.redis_stream import NoChangeStream
from tests.adapters.login.test_telegram import TOKEN, init_data
from tests.adapters.qr.codes import code, photo_of
from tests.bots.driving import WARY, Driving
from tests.bots.miniapp.served import served
from tests.bots.miniapp.test_browser import _FLAGS, CHROMIUM, DRIVER, _unlocked, offline
from tests.bots.miniapp.test_wallet_browser import Wallet
from tests.fakes import OPERATOR
from tests.world import HERE, World, make_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]
GUN = ConnectorRef(OPERATOR, "4403040-1")


_WATCH_UPLOADS = """var real = window.fetch; window.fetch = function (url, wish) {
  var image = wish && wish.body instanceof FormData && wish.body.get("image");
  if (image) window.sent = [image.type, image.size];
  return real.call(window, url, wish);
};"""


def label(ref: ConnectorRef = GUN) -> Image.Image:
    return code(write_hlht(ref))


class Charger(Wallet):
    """The phone of somebody who stands at a gun."""

    def log_in_to(self, path: str = "/charge?lang=en", name: str = "lin", pays_in: int = 0) -> str:
        """Log in by a name. What is paid in is there before the page asks for it."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "all"})
        user_id = self.driving.user_id(Channel.LOCAL, name)
        if pays_in:
            self.driving.tops_up(user_id, pays_in)
        self.open(path)
        self.one("#login-name").send_keys(name)
        self.tap("#login-local button")
        self.sees("#scan h1")
        return user_id

    def uploads(self, folder: Path, picture: Image.Image) -> None:
        """Choose a photo; the camera is not allowed here."""
        picture.save(folder / "label.png")
        self.all("#photo-choose")[0].send_keys(str(folder / "label.png"))

    def types(self, number: str) -> None:
        self.one("#number").send_keys(number)
        self.tap("#type .go")

    def step(self, name: str) -> str:
        """Wait for a step, and say its heading."""
        self.sees(f"#step.{name}")
        return self.text("#step h1")

    def denies_position(self) -> None:
        wish = {"permission": {"name": "geolocation"}, "setting": "denied", "origin": self.url}
        self.driver.execute_cdp_cmd("Browser.setPermission", wish)

    def allows(self, *permissions: str) -> None:
        wanted = {"origin": self.url, "permissions": list(permissions)}
        self.driver.execute_cdp_cmd("Browser.resetPermissions", {})
        self.driver.execute_cdp_cmd("Browser.grantPermissions", wanted)


def online(phone: Charger) -> None:
    there = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    phone.driver.execute_cdp_cmd("Network.emulateNetworkConditions", there)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser whose camera sees a label on a wall."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    seen = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    frame = BytesIO()
    photo_of(label(), size=(640, 480), at=(200, 120)).save(frame, "JPEG")
    seen.write_bytes(frame.getvalue() * 2)
    options = webdriver.ChromeOptions()
    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={seen}")
    for flag in (*_FLAGS, *camera, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_page_load_timeout(90)
    yield browser
    browser.quit()


@pytest.fixture
def phone(driver: Any, tmp_path: Path) -> Iterator[Charger]:
    yield from chargers(driver, make_world(tmp_path))


@pytest.fixture
def in_telegram(driver: Any, tmp_path: Path) -> Iterator[Charger]:
    yield from chargers(driver, make_world(tmp_path, doors=Doors(telegram=TelegramInitData(TOKEN))))


def chargers(driver: Any, world: World) -> Iterator[Charger]:
    driving = Driving(world)
    driving.supplier.builds("4403040", HERE, guns=2, name=WARY)
    catalogue = CatalogueService(world.services.database, NoChangeStream(), world.clock)
    catalogue.load(driving.supplier, doubt_shrinking=False)
    catalogue.pull_statuses(driving.supplier)
    catalogue.pull_prices(driving.supplier)
    world.services.index.refresh()
    with served(web.create_app(world.services)) as url:
        for phone in _unlocked(driver, url, world, {"driving": driving}):  # type: ignore[dict-item]  # see Wallet
            charger = Charger(phone.driver, phone.url, phone.world, phone.city)
            charger.allows("geolocation")
            charger.stand(HERE.lat, HERE.lng)
            yield charger


def test_from_a_label_to_the_receipt(phone: Charger, tmp_path: Path) -> None:
    user_id = phone.log_in_to(pays_in=100)
    phone.uploads(tmp_path, label())
    assert phone.step("offer") == WARY
    phone.wait(lambda: "¥45.00" in phone.text("#offer"))
    phone.tap("#kwh-less")
    phone.tap("#kwh-less")
    phone.wait(lambda: "¥30.00" in phone.text("#offer"))
    for fact in ("20 kWh", "¥1.50/kWh", "¥38.00 is held"):
        assert fact in phone.text("#offer")
    assert "60 kW" in phone.text("#step .about-name")
    assert "This price holds for 4:" in phone.text("#holds")
    start = phone.wait(lambda: [one for one in phone.all("#offer-foot button") if one.is_enabled()])[0]
    assert start.text == "Start · hold ¥38.00"
    phone.js("arguments[0].click(); arguments[0].click();", start)
    phone.step("live")
    assert "Plug in now" in phone.text("#live")
    (session,) = phone.world.services.charging.history(user_id, None, 10)

    phone.driving.runs_jobs()
    phone.world.clock.advance(minutes=6)
    phone.driving.runs_jobs()
    phone.wait(lambda: "Charging" in phone.text("#step h1"))
    assert [node.text for node in phone.all(".figures b")] == ["5.97", "60.0"]
    assert phone.text(".live-first") == "¥8.96 so far · quoted ¥30.00"
    assert phone.one(".used").get_attribute("aria-valuenow") == "24"
    # Without a network what was known last stays, and the page says so.
    offline(phone)
    phone.js("window.dispatchEvent(new Event('online'))")
    phone.wait(lambda: "No connection" in phone.text("#live-note"))
    assert "¥8.96" in phone.text("#live")
    online(phone)
    phone.wait(lambda: not phone.all("#live-note:not([hidden])"))
    # Every page leads back to it, and so does a reload.
    for path in ("/?lang=en", "/wallet?lang=en"):
        phone.open(path)
        assert "Charging" in phone.wait(lambda: phone.all(".is-running"))[0].text
    phone.tap(".is-running")
    phone.step("live")
    phone.open("/charge?lang=en")
    phone.step("live")

    phone.tap("#live-foot .stop")
    phone.tap("#live-foot .pair .stop")
    phone.wait(lambda: "Stopping" in phone.text("#step h1"))
    phone.driving.ends(session)
    phone.wait(lambda: "✓ The bill is what the agreed price makes of it." in phone.text("#bill"))
    assert "You paid" in phone.text("#live")
    phone.check("opinion", "yes")
    phone.wait(lambda: "Thank you" in phone.text(".opinion .hint"))
    phone.tap("#live-foot .primary")
    phone.sees("article")
    assert session.id in phone.text("article")
    assert [one for one in phone.complaints() if "DISCONNECTED" not in one] == []


def test_the_camera_finds_the_code(phone: Charger) -> None:
    user_id = phone.log_in_to()
    phone.allows("geolocation", "videoCapture")
    phone.tap("#camera-on")
    assert phone.step("offer") == WARY
    assert phone.js("return document.getElementById('video').srcObject") is None
    with phone.world.services.database.read() as unit:
        scan = unit.scans.newest([user_id])
    assert scan is not None
    assert (scan.ref, scan.source, scan.state) == (GUN, ScanSource.PHOTO, ScanState.PASSED)
    assert phone.complaints() == []


def test_without_a_position_the_gun_itself_is_asked_about(phone: Charger) -> None:
    """The number typed, its last four characters, money that is missing, and a price that has run out."""
    phone.denies_position()
    phone.log_in_to()
    phone.types("4403040-1")
    phone.step("ask")
    # Who leaves it out is asked the same, and not for a position.
    phone.allows("geolocation")
    phone.stand(HERE.lat + 1, HERE.lng)
    phone.open("/charge?lang=en")
    phone.tap("#send-place")
    phone.types("4403040-1")
    assert phone.step("ask") == "Last four characters on the gun"
    assert "60 kW" not in phone.text("#step")  # it is to be read on the gun
    phone.one("#four").send_keys("9999")
    phone.tap("#step .primary")
    phone.wait(lambda: "2 tries are left" in phone.text("#alert-text"))
    phone.one("#four").clear()
    phone.one("#four").send_keys("0401")
    phone.tap("#step .primary")
    assert phone.step("offer") == WARY
    phone.wait(lambda: "Top up at least ¥57.00" in phone.text("#offer-foot"))
    phone.open(phone.driver.current_url.removeprefix(phone.url))  # reloaded
    phone.tap("#offer-foot .primary")
    phone.sees("#topup-form")
    assert phone.one("#topup-other").get_attribute("value") == "57.00"
    phone.tap("#topup-go")
    phone.sees("#topup-pay")
    (order,) = phone.world.payments.orders
    phone.world.payments.pays(order)
    phone.wait(lambda: "Start · hold ¥57.00" in phone.text("#offer-foot"))

    phone.js("var now = Date.now; Date.now = function () { return now() + 300000; }")
    phone.wait(lambda: "Five minutes are over" in phone.text("#offer-foot"))
    phone.tap("#offer-foot .primary")
    phone.wait(lambda: "Start · hold ¥57.00" in phone.text("#offer-foot"))


def test_a_gun_with_a_short_number_asks_for_the_position_alone(phone: Charger) -> None:
    gun = phone.driving.supplier.builds("P7", HERE, guns=1, name="Small").connectors[0].ref
    phone.world.load(phone.driving.supplier)
    phone.log_in_to()
    phone.tap("#send-place")
    phone.types(write_hlht(gun))
    assert phone.step("ask") == "Where are you?"
    assert not phone.all("#four")
    phone.tap("#step .primary")
    assert phone.step("offer") == "Small"


def test_a_false_sticker_is_refused_and_reported(phone: Charger, tmp_path: Path) -> None:
    phone.log_in_to()
    phone.uploads(tmp_path, Image.new("L", (300, 300), 200))
    phone.wait(lambda: "There is no code in this" in phone.text("#alert-text"))
    phone.uploads(tmp_path, code("https://qrcode.starcharge.com.evil.example/#/4403040"))
    assert phone.step("refused") == "Do not use this code"
    assert "evil.example" in phone.text("#step .warning")
    assert not phone.all("#step a")
    phone.tap("#step .wide:not(.primary)")
    phone.one("#step textarea").send_keys("pasted over")
    phone.tap("#step .primary")
    phone.wait(lambda: phone.text("#step h1") == "Report sent")
    with phone.world.services.database.read() as unit:
        (case,) = unit.cases.listed(kind=CaseKind.STICKER)
        assert unit.scans.photo(case.subject) is not None
    phone.tap("#step .primary")

    # 900 m off nobody is refused, but asked; who says no is told so.
    phone.stand(HERE.lat + 0.008, HERE.lng)
    phone.open("/charge?lang=en")
    phone.js(_WATCH_UPLOADS)
    phone.uploads(tmp_path, photo_of(label(), size=(2600, 1950), at=(900, 600)))
    assert phone.step("ask") == "Are you at this station?"
    kind, size = phone.js("return window.sent")
    assert kind == "image/jpeg"
    assert size < (tmp_path / "label.png").stat().st_size / 4  # a slow network carries little
    phone.tap("#step .wide:not(.primary)")
    assert "may be a false sticker" in phone.wait(lambda: phone.text("#step.refused .warning"))
    phone.driver.back()
    phone.sees("#scan h1")


def test_two_guns_of_one_number_and_one_that_cannot_be_started(phone: Charger) -> None:
    for name, lat in (("Pile A", HERE.lat), ("Pile B", HERE.lat + 0.0001)):
        phone.world.station(name, lat, HERE.lng, price="1.20", free=2, guns=2)
    phone.log_in_to()
    phone.types("02")
    assert phone.step("which") == "Choose your gun"
    assert len(phone.all("#step .choice")) >= 2
    phone.tap("#step .choice:nth-of-type(1)")
    assert phone.step("ask") == "Are you at this station?"  # a label alone is a guess
    phone.tap("#step .primary")
    phone.step("offer")
    phone.wait(lambda: "its operator's own app" in phone.text("#offer .warning"))
    assert not phone.all("#offer-foot .primary[disabled]")


def test_a_start_that_fails_and_an_answer_that_is_lost(phone: Charger) -> None:
    user_id = phone.log_in_to(pays_in=200)
    phone.driving.supplier.refuses_starts = "gun_fault"
    phone.open(f"/?lang=en&gun={gun_payload(GUN)}")  # our own link, as the phone's scanner opens it
    phone.step("offer")
    start = phone.wait(lambda: [one for one in phone.all("#offer-foot button") if one.is_enabled()])[0]
    offline(phone)
    start.click()
    phone.wait(lambda: "No connection" in phone.text("#alert-text"))
    online(phone)
    phone.tap("#offer-foot .primary")
    phone.step("live")
    phone.driving.runs_jobs()
    phone.wait(lambda: "It did not start" in phone.text("#step h1"))
    assert "all of the hold is back" in phone.text("#live")
    assert WARY in phone.text("#live .choice")
    assert len(phone.world.services.charging.history(user_id, None, 10)) == 1


def test_charges_of_the_past(phone: Charger) -> None:
    user_id = phone.log_in_to(pays_in=200)
    for gun in (0, 1):
        phone.driving.ends(phone.driving.begins(user_id, gun=gun))
    phone.open("/charges?lang=zh-CN")
    phone.wait(lambda: len(phone.listed("#past")) == 2)
    phone.one("#station").send_keys("nowhere")
    phone.wait(lambda: phone.listed("#past") == [])
    assert "还没有充电记录" in phone.one("#past-none").text
    phone.one("#station").clear()
    phone.one("#station").send_keys("Sly")
    phone.wait(lambda: len(phone.listed("#past")) == 2)
    table = phone.js("return fetch(document.getElementById('csv').href).then(a => a.text())")
    assert table.count("Sly") == 2
    assert phone.too_small() == []
    assert not phone.overflows()


def test_in_wechat_there_is_no_camera_of_ours(phone: Charger) -> None:
    agent = phone.js("return navigator.userAgent")
    phone.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": f"{agent} MicroMessenger/8.0.50"})
    try:
        phone.log_in_to("/charge?lang=zh-CN")
        phone.one("#type")
        assert not phone.all("#finder:not([hidden])")
        assert phone.too_small() == []
    finally:
        phone.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent})


def test_the_mini_app_logs_in_by_itself_and_keeps_no_cookie(in_telegram: Charger) -> None:
    phone = in_telegram
    phone.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    data = init_data(at=phone.world.clock.now(), user={"id": 815, "language_code": "en"})
    phone.open(f"/charge?lang=en#tgWebAppData={quote(data)}&tgWebAppVersion=8.0")
    phone.sees("#scan h1")
    assert phone.driver.get_cookies() == []
    user_id = phone.driving.user_id(Channel.TELEGRAM, "815")
    phone.driving.tops_up(user_id, 100)
    phone.driving.ends(phone.driving.begins(user_id))
    phone.open("/charges?lang=en")
    phone.wait(lambda: phone.listed("#past"))
    # A link cannot carry the token, so the page fetches the table itself.
    phone.js("URL.createObjectURL = function (blob) { window.table = blob; return 'data:,'; }")
    phone.tap("#csv")
    phone.wait(lambda: phone.js("return window.table && window.table.size > 100"))
