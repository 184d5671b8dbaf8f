"""A station's price over time in WeChat: words at once, and a picture after them where the account may send one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from flask import Flask

from bots.pictures import Pictures
from bots.wechat.client import ChatClosed, WechatApi, WechatRefused
from bots.wechat.price_history import PictureDesk
from bots.wechat.webhook import blueprint
from bots.wechat.words import Wish, Words, understand
from bots.wording import wording
from core.errors import KilowatchError, SupplierUnavailable
from core.services.prices import GroupPrices
from tests.bots.wechat.conftest import config
from tests.bots.wechat.pretend import LIN, Api, Driver, Platform, served
from tests.world import SetClock, World

UPLOAD, SEND = "/cgi-bin/media/upload", "/cgi-bin/message/custom/send"
PNG = b"\x89PNG\r\n"
SAID = "价格走势"


@pytest.fixture
def lin(wechat: Platform, world: World) -> Driver:
    """Of an account that cannot send pictures."""
    world.services.prices.follow()
    return Driver(wechat)


def opens(driver: Driver) -> str:
    listed = driver.sends_location()
    rows = [line.split(". ")[0] for line in listed.split("\n") if "莲花路充电站" in line]
    return driver.says(rows[0])


def test_the_words_say_it_all(lin: Driver) -> None:
    assert "回复“价格走势”查看电价变化。" in opens(lin)
    text = lin.says(SAID)
    assert text.startswith(
        "莲花路充电站\n国标直流 · 120 kW · 5 枪\n现在 ¥1.50/度 · 刚刚核对\n电费 ¥1.00 + 服务费 ¥0.50\n"
    )
    for sentence in (
        "未来 24 小时最便宜：20:00 至 明天 08:00，¥1.10",
        "30 度 · 建议等一等：20:00 开始充可省 ¥12.00。",
        "记录时间还短，暂不评价\n价格记录满四周后才作评价。",
        ">在网页上看走势图</a>",
    ):
        assert sentence in text
    assert "走势 30" not in text, "no other picture is offered where none can be sent"
    assert len(text.encode()) < 1500


def test_before_a_station_was_opened(lin: Driver) -> None:
    assert "请先回复列表中的序号" in lin.says(SAID)
    lin.sends_location()
    assert "请先回复列表中的序号" in lin.says(SAID)


def test_a_station_without_prices(lin: Driver, world: World) -> None:
    lin.sends_location()
    listed = lin.says("更多")
    row = next(line.split(". ")[0] for line in listed.split("\n") if "香蜜湖站" in line)
    assert "价格走势" not in lin.says(row)
    assert "本站从未公布过价格" in lin.says(SAID)


def test_what_cannot_be_looked_at(lin: Driver) -> None:
    opens(lin)
    assert "24 h, 7, 30, 90" in lin.says("走势 31")


@pytest.mark.parametrize(
    ("typed", "days"),
    [("走势", ""), ("Price history", ""), ("/prices", ""), ("走势30", "30"), ("走势 近30天", "30天"),
     ("price history 24 h", "24 h"), ("历史电价：90", "90")],
)  # fmt: skip
def test_how_it_is_asked_for(typed: str, days: str) -> None:
    assert understand(typed) == Words(Wish.PRICES, days)


@pytest.mark.parametrize(("typed", "wish"), [("历史", Wish.HISTORY), ("价格", Wish.SORT), ("price", Wish.SORT)])
def test_what_is_something_else(typed: str, wish: Wish) -> None:
    assert understand(typed).wish is wish


# --- the picture --------------------------------------------------------------------------------------------------


@dataclass
class Album:
    """WeChat, as far as pictures go."""

    fails: KilowatchError | None = None
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def send_picture(self, openid: str, picture: bytes) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent.append((openid, picture))


def drawn(*args: object, days: int, guns: str, **how: object) -> bytes:
    return f"{guns}|{days}".encode()


@dataclass
class Studio:
    """A desk, and a station with a price."""

    desk: PictureDesk
    album: Album
    clock: SetClock
    group: GroupPrices

    def asks(self) -> None:
        """And waits until the desk is through with it."""
        now, say = self.clock.now(), wording("zh-CN")
        sent = self.desk.send(LIN, self.group, name="莲花路", several=False, at=now, days=7, say=say)
        assert sent is not None
        sent.result(30)


@pytest.fixture
def studio(world: World) -> Studio:
    world.services.prices.follow()
    station = next(one for one in world.source.items if getattr(one, "name", "") == "莲花路充电站")
    (group,) = world.services.prices.history(getattr(station, "id", ""))
    album = Album()
    return Studio(PictureDesk(album, world.clock, Pictures(drawn)), album, world.clock, group)


def test_a_picture_is_sent_once(studio: Studio) -> None:
    studio.asks()
    assert studio.album.sent == [(LIN, b"|7")]


@pytest.mark.parametrize(
    ("problem", "pause_s"),
    [
        (WechatRefused("media/upload", 45009, "45009 reach max api daily quota limit"), 3600),
        (WechatRefused("media/upload", 48001, "48001 api unauthorized"), 86_400),
        (ChatClosed("wechat", LIN, "the account may not use custom/send"), 86_400),
        (ChatClosed("wechat", LIN, "outside the 48 hours after the last message"), 0),
        (SupplierUnavailable("WeChat", "media/upload", "ReadTimeout"), 0),
    ],
)
def test_what_wechat_refuses_is_not_drawn_again_for_a_while(
    studio: Studio, problem: KilowatchError, pause_s: int
) -> None:
    studio.album.fails = problem
    studio.asks()
    assert studio.desk.may_send() is (pause_s == 0)
    studio.clock.advance(seconds=pause_s)
    studio.album.fails = None
    studio.asks()
    assert len(studio.album.sent) == 1


@pytest.fixture
def with_pictures(world: World, api: Api) -> Iterator[Driver]:
    """A driver of an account that may send pictures."""
    world.services.prices.follow()
    with ExitStack() as stack:
        stop = threading.Event()
        stack.callback(stop.set)
        app, client = Flask("wechat-pictures"), WechatApi(config(api.url), world.clock)
        app.register_blueprint(blueprint(world.services, config(api.url), sender=client, pictures=client, stop=stop))
        yield Driver(Platform(stack.enter_context(served(app)), world.clock))


def test_over_http_the_words_come_first_and_then_the_picture(with_pictures: Driver, api: Api) -> None:
    opens(with_pictures)
    text = with_pictures.says("走势 30")
    assert "看其他时段的图：回复“走势 24 小时”“走势 30”“走势 90”。" in text
    call = api.waits_for(SEND)
    (picture,) = api.uploaded.values()
    assert picture.startswith(PNG)
    assert call.doc == {"touser": LIN, "msgtype": "image", "image": {"media_id": "uploaded-0"}}
