"""A world with six stations in Futian behind a real HTTP server, and WeChat pushing to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from bots.wechat.answers import Patience, SendsText
from bots.wechat.config import WechatConfig
from bots.wechat.webhook import blueprint
from tests.bots.wechat.pretend import AES_KEY, APP_ID, SECRET, TOKEN, Api, Platform, served, serving_api
from tests.bots.wechat.town import Town, built_town
from tests.world import World, make_world

Start = Callable[..., Platform]


def config(api_base: str = "http://127.0.0.1:9") -> WechatConfig:
    return WechatConfig(app_id=APP_ID, token=TOKEN, aes_key=AES_KEY, app_secret=SECRET, api_base=api_base)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    world.station("莲花路充电站", 22.5412, 114.0583, price="1.00", service="0.50", evening="0.60", free=3, guns=5)
    world.station("会展中心站", 22.5350, 114.0600, price="0.80", service="0.45", evening="0.40", free=0, guns=6)
    world.station("市民广场站", 22.5450, 114.0550, price="0.70", service="0.30", evening="0.50", free=2, guns=8)
    world.station("岗厦北站", 22.5400, 114.0700, price="1.10", free=1, guns=2, power="60")
    world.station("香蜜湖站", 22.5480, 114.0400, free=None, guns=4)
    world.station("车公庙站", 22.5330, 114.0250, price="0.90", free=4, guns=4, power="180")
    return world


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Starts a server of its own for the blueprint; returns the platform that pushes to it."""
    with ExitStack() as stack:
        stop = threading.Event()
        stack.callback(stop.set)

        def started(patience: Patience | None = None, sender: SendsText | None = None) -> Platform:
            app = Flask("wechat-test")
            app.register_blueprint(blueprint(world.services, config(), sender=sender, patience=patience, stop=stop))
            return Platform(stack.enter_context(served(app)), world.clock)

        yield started


@pytest.fixture
def wechat(start: Start) -> Platform:
    return start()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving_api() as api:
        yield api


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One for all tests of a module: each takes a station and a driver of its own."""
    with built_town(tmp_path_factory.mktemp("town")) as town:
        yield town
