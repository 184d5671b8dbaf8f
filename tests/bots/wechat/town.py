"""Drivers who charge through WeChat: a supplier's stations, WeChat on both sides, pictures of codes."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import zxingcpp
from flask import Flask
from PIL import Image

from adapters.qr import read_codes
from bots.saying import Saying
from bots.wechat.client import WechatApi
from bots.wechat.config import WechatConfig
from bots.wechat.photos import Photos
from bots.wechat.sender import WechatSender
from bots.wechat.webhook import blueprint
from core.geo import Datum, Point
from core.guncode import write_hlht
from core.scan import Scan
from core.services.catalogue import CatalogueService
from core.session import ChargingSession
from core.station import Connector, ConnectorStatus, Station
from core.tariff import flat_tariff
from core.user import Channel
from storage.redis_stream import NoChangeStream
from tests.bots.driving import Driving
from tests.bots.wechat.pretend import AES_KEY, APP_ID, SECRET, TOKEN, Api, Driver, Platform, served, serving_api
from tests.world import HERE, World, make_world

CUSTOM_SEND = "/cgi-bin/message/custom/send"


def qr(*texts: str) -> bytes:
    """A picture of these codes side by side, as labels show them."""
    codes = [
        Image.fromarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6)).convert("L")
        for text in texts
    ]
    side = max((code.width for code in codes), default=0)
    picture = Image.new("L", (max(side, 100) * max(len(codes), 1), max(side, 100)), 255)
    for number, code in enumerate(codes):
        picture.paste(code, (number * side, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@dataclass
class Town:
    """A supplier's stations, WeChat on both sides, and drivers who each have a chat and a station of their own."""

    world: World
    driving: Driving
    wechat: Platform
    api: Api
    process: Callable[[], Platform]  # another one, which has forgotten what was said
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def station(self, point: Point = HERE, guns: int = 2, name: str = "") -> Station:
        number = f"S{next(self.numbers):04d}"
        station = self.driving.supplier.builds(number, point, guns=guns, name=name or f"莲花路 {number}")
        self.pulls()
        return station

    def opens(self, station: Station, *guns: Connector) -> None:
        """A station gets these guns."""
        supplier = self.driving.supplier
        supplier.listed[station.external_id] = replace(station, connectors=guns)
        for gun in guns:
            supplier.sets_status(gun.ref, ConnectorStatus.FREE)
            supplier.sets_price(gun.ref, flat_tariff("CNY", Decimal("1.50")))
        self.pulls()

    def pulls(self) -> None:
        self.world.clock.advance(seconds=1)  # what is told now is newer than what we know
        catalogue = CatalogueService(self.world.services.database, NoChangeStream(), self.world.clock)
        catalogue.load(self.driving.supplier, doubt_shrinking=False)
        catalogue.pull_statuses(self.driving.supplier)
        catalogue.pull_prices(self.driving.supplier)
        self.world.services.index.refresh()

    def driver(self, *, money: int = 0, language: str = "zh-CN") -> ChargingDriver:
        driver = ChargingDriver(self.wechat, f"oDriver-{next(self.numbers):04d}", self)
        user_id = self.driving.user_id(Channel.WECHAT, driver.openid, "zh-CN")
        if language == "en":
            driver.says("english")
        if money:
            self.driving.tops_up(user_id, money)
            driver.reads()
        return driver

    def sets(self, station: Station, status: ConnectorStatus) -> None:
        """All guns of a station are in this state from now on, and we know."""
        for connector in station.connectors:
            self.driving.supplier.sets_status(connector.ref, status)
        self.pulls()

    def costs(self, station: Station, price: str) -> None:
        for connector in station.connectors:
            self.driving.supplier.sets_price(connector.ref, flat_tariff("CNY", Decimal(price)))
        self.pulls()

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
    def sessions(self) -> list[ChargingSession]:
        return self.town.world.services.charging.history(self.user_id)

    @property
    def scan(self) -> Scan:
        """The newest one."""
        with self.town.world.services.database.read() as unit:
            found = unit.scans.newest([self.user_id])
        assert found is not None
        return found

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

    def photographs(self, *texts: str) -> str:
        media_id = f"media-{next(self.town.numbers)}"
        self.town.api.pictures[media_id] = qr(*texts)
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


@contextmanager
def built_town(folder: Path) -> Iterator[Town]:
    world = make_world(folder)
    driving = Driving(world)
    services = world.services
    with ExitStack() as stack:
        api = stack.enter_context(serving_api())
        account = WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, api.url)
        client = WechatApi(account, world.clock)
        services.outbox.handlers["say"] = Saying(  # type: ignore[index]  # the world's own dict
            services.database, world.clock, {"wechat": WechatSender(client, world.clock)}
        )

        serials = itertools.count(0, 10_000)

        def process() -> Platform:
            stop = threading.Event()
            stack.callback(stop.set)
            app = Flask("wechat-charge-test")
            photos = Photos(read_codes, client, api.url)
            app.register_blueprint(blueprint(services, account, sender=client, photos=photos, stop=stop))
            # The platform numbers its messages on, whichever process takes them.
            return Platform(stack.enter_context(served(app)), world.clock, serial=next(serials))

        yield Town(world, driving, process(), api, process)


def label(station: Station, gun: int = 0) -> str:
    return write_hlht(station.connectors[gun].ref)
