"""From a photo of a gun's code to the bill in WeChat, over encrypted pushes; the worker's messages over its API."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import zxingcpp
from flask import Flask
from PIL import Image

from adapters.qr import read_codes
from bots.saying import Saying
from bots.wechat.client import WechatApi
from bots.wechat.photos import Photos
from bots.wechat.sender import WechatSender
from bots.wechat.webhook import blueprint
from core.geo import Datum, Point
from core.guncode import write_hlht
from core.services.catalogue import CatalogueService
from core.session import SessionState
from core.station import Station
from core.user import Channel
from storage.redis_stream import NoChangeStream
from tests.bots.driving import Driving
from tests.bots.wechat.conftest import config
from tests.bots.wechat.pretend import Api, Platform, served, serving_api
from tests.bots.wechat.test_chat import Driver
from tests.world import HERE, World, make_world

CUSTOM_SEND = "/cgi-bin/message/custom/send"


def qr(text: str) -> bytes:
    """A picture of the code as a label shows it."""
    picture = Image.fromarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6))
    file = io.BytesIO()
    picture.convert("L").save(file, "PNG")
    return file.getvalue()


@dataclass
class Town:
    """A supplier's stations, WeChat on both sides, and drivers who each have a chat and a station of their own."""

    world: World
    driving: Driving
    wechat: Platform
    api: Api
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def station(self, point: Point = HERE, guns: int = 2, name: str = "") -> Station:
        number = f"S{next(self._numbers):04d}"
        station = self.driving.supplier.builds(number, point, guns=guns, name=name or f"莲花路 {number}")
        self.pulls()
        return station

    def pulls(self) -> None:
        catalogue = CatalogueService(self.world.services.database, NoChangeStream(), self.world.clock)
        catalogue.load(self.driving.supplier, doubt_shrinking=False)
        catalogue.pull_statuses(self.driving.supplier)
        catalogue.pull_prices(self.driving.supplier)
        self.world.services.index.refresh()

    def driver(self, *, money: int = 0, language: str = "zh-CN") -> ChargingDriver:
        driver = ChargingDriver(self.wechat, f"oDriver-{next(self._numbers):04d}", self)
        user_id = self.driving.user_id(Channel.WECHAT, driver.openid, "zh-CN")
        if language == "en":
            driver.says("english")
        if money:
            self.driving.tops_up(user_id, money)
            driver.reads()
        return driver

    def bills(self, user_id: str) -> None:
        """The supplier's record of this driver's charge comes."""
        session = self.world.services.charging.history(user_id)[0]
        record = self.driving.supplier.record_of(self.driving.supplier.charges[session.start_seq])
        with self.world.services.database.write() as unit:
            unit.records.add_record("fake", record, self.world.clock.now())
        self.world.services.charging.book_record("fake", record)


class ChargingDriver(Driver):
    """What is said to the driver, asked or unasked, is kept in order."""

    def __init__(self, wechat: Platform, openid: str, town: Town) -> None:
        super().__init__(wechat, openid)
        self.town = town
        self.pulled = 0
        self.talk: list[tuple[str, str]] = []

    @property
    def user_id(self) -> str:
        return self.town.driving.user_id(Channel.WECHAT, self.openid)

    def says(self, text: str) -> str:
        self.talk.append((">", text))
        answer = super().says(text)
        self.talk.append(("<", answer))
        return answer

    def does(self, what: str, xml: str) -> str:
        self.talk.append((">", f"[{what}]"))
        answer = self.gets(xml)
        self.talk.append(("<", answer))
        return answer

    def photographs(self, text: str) -> str:
        media_id = f"media-{next(self.town._numbers)}"
        self.town.api.pictures[media_id] = qr(text)
        return self.does("photo", self.wechat.photo(self.openid, media_id))

    def scans(self, text: str) -> str:
        return self.does("扫码充电", self.wechat.scan_code(self.openid, text))

    def stands_at(self, point: Point = HERE) -> str:
        gcj = point.to(Datum.GCJ02)
        return self.does("location", self.wechat.location(self.openid, gcj.lat, gcj.lng))

    def reads(self) -> str:
        """What the worker has sent since the last look."""
        self.town.driving.runs_jobs()
        calls = [call.doc for call in self.town.api.calls if call.path == CUSTOM_SEND]
        mine = [doc["text"]["content"] for doc in calls if doc["touser"] == self.openid]
        new, self.pulled = mine[self.pulled :], len(mine)
        self.talk += [("<<", text) for text in new]
        return "\n---\n".join(new)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    world = make_world(tmp_path_factory.mktemp("town"))
    driving = Driving(world)
    services = world.services
    with ExitStack() as stack:
        stop = threading.Event()
        stack.callback(stop.set)
        api = stack.enter_context(serving_api())
        account = config(api.url)
        client = WechatApi(account, world.clock)
        services.outbox.handlers["say"] = Saying(  # type: ignore[index]  # the world's own dict
            services.database, world.clock, {"wechat": WechatSender(client, world.clock)}
        )
        photos = Photos(read_codes, client, api.url)
        app = Flask("wechat-charge-test")
        app.register_blueprint(blueprint(services, account, sender=client, photos=photos, stop=stop))
        yield Town(world, driving, Platform(stack.enter_context(served(app)), world.clock), api)


def label(station: Station, gun: int = 0) -> str:
    return write_hlht(station.connectors[gun].ref)


FULL_PATH = {
    "zh-CN": {
        "yes": "充电", "status": "状态", "stop": "停止充电", "sure": "是", "receipt": "充电单 1",
        "offer": "💴 充 30 kWh 约 ¥45.00（¥1.50/度）", "how": "👉 插好枪，回复“充电”开始（冻结",
        "starting": "⏳ 正在启动…", "began": "已开始充电", "going": "⚡ 充电中", "question": "要结束这次充电吗？",
        "stopping": "⏳ 正在停止…", "ended": "充电已结束", "bill": "账单：¥15.71", "sheet": "10.47 度",
    },
    "en": {
        "yes": "charge", "status": "status", "stop": "stop charge", "sure": "yes", "receipt": "receipt 1",
        "offer": "💴 About ¥45.00 for 30 kWh (¥1.50/kWh)", "how": "Plug in and reply “charge” to start (",
        "starting": "⏳ Starting…", "began": "Charging has begun", "going": "⚡ Charging",
        "question": "End this charge?", "stopping": "⏳ Stopping…", "ended": "Charging has ended",
        "bill": "Your bill: ¥15.71", "sheet": "10.47 kWh",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_from_a_photo_to_the_bill(town: Town, language: str) -> None:
    words = FULL_PATH[language]
    station = town.station()
    lin = town.driver(money=100, language=language)
    lin.stands_at()
    offer = lin.photographs(label(station))
    assert words["offer"] in offer
    assert station.name in offer
    assert words["how"] in offer
    assert words["starting"] in lin.says(words["yes"])
    assert words["starting"] in lin.says(words["yes"]), "the same yes again starts nothing"
    assert lin.reads() == ""
    town.world.clock.advance(seconds=30)
    assert words["began"] in lin.reads()
    town.world.clock.advance(minutes=10)
    lin.reads()
    assert words["going"] in lin.says(words["status"])
    assert words["question"] in lin.says(words["stop"])
    assert words["stopping"] in lin.says(words["sure"])
    lin.reads()
    town.world.clock.advance(seconds=30)
    assert words["ended"] in lin.reads()
    town.bills(lin.user_id)
    assert words["bill"] in lin.reads()
    assert words["sheet"] in lin.says(words["receipt"])
    print(*(f"{who} {text}\n" for who, text in lin.talk), sep="\n")
    (session,) = town.world.services.charging.history(lin.user_id)
    assert session.state is SessionState.SETTLED
    assert town.driving.supplier.starts.count(session.start_seq) == 1
