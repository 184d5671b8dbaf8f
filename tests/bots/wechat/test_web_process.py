"""WeChat's pushes into the real `python -m web` process, also when it is killed with a message in its hands."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from core.clock import SystemClock
from core.geo import Datum
from tests.bots.wechat.pretend import AES_KEY, APP_ID, LIN, SECRET, TOKEN, Api, Platform, serving_api
from tests.bots.wechat.town import qr
from tests.world import HERE, make_world

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]
GCJ = HERE.to(Datum.GCJ02)


class Web:
    """The process, and WeChat in front of it."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.folder, self.api = folder, api
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.wechat = Platform(f"{self.base}/wechat", SystemClock())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env |= {
            "PORT": str(self.port),
            "BIND": "127.0.0.1",
            "KILOWATCH_HOME": str(self.folder),
            "WECHAT_APP_ID": APP_ID,
            "WECHAT_TOKEN": TOKEN,
            "WECHAT_AES_KEY": AES_KEY,
            "WECHAT_APP_SECRET": SECRET,
            "WECHAT_API_BASE": self.api.url,
        }
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "web"], cwd=ROOT, env=env, stderr=log, stdout=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                if requests.get(f"{self.base}/readyz", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError(self.log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        if number == signal.SIGKILL:
            # The worker of gunicorn too, as when the machine goes.
            pid = self.process.pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
                os.kill(int(child), signal.SIGKILL)
        self.process.send_signal(number)
        self.process.wait(20)

    @property
    def log(self) -> str:
        return (self.folder / "web.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    world = make_world(folder)
    world.clock.time = SystemClock().now()
    world.station("莲花路充电站", HERE.lat, HERE.lng, price="1.20", service="0.40", free=3, guns=5)
    with serving_api() as api:
        running = Web(folder, api)
        running.start()
        yield running
        running.stop()
    for private in (
        LIN,
        AES_KEY,
        TOKEN,
        SECRET,
        "canary-token",
        "mmbiz",
        "FAKE00001",
        "22.54",
        "22.53",
        "114.05",
        "114.06",
    ):
        assert private not in running.log, private


def test_a_location_gets_the_list(web: Web) -> None:
    reply = web.wechat.push(web.wechat.location(LIN, GCJ.lat, GCJ.lng))
    assert reply.to == LIN
    assert reply.text is not None
    assert "莲花路充电站" in reply.text
    assert "充 30 度约 ¥48.00（¥1.60/度）" in reply.text
    assert "电费 ¥36.00 + 服务费 ¥12.00" in reply.text
    assert "空闲 3/5" in reply.text


def test_a_photo_is_fetched_and_read(web: Web) -> None:
    web.api.pictures["m1"] = qr("hlht://11000000001.FAKE00001/")
    reply = web.wechat.push(web.wechat.photo(LIN, "m1"))
    assert reply.text is not None
    assert "我们不认识这把枪" in reply.text


def test_a_repeated_delivery_gets_the_same_reply(web: Web) -> None:
    xml = web.wechat.location(LIN, GCJ.lat, GCJ.lng)
    first, again = web.wechat.push(xml), web.wechat.push(xml)
    assert first.text == again.text


def test_strangers_are_refused(web: Web) -> None:
    xml = web.wechat.text(LIN, "帮助")
    forger = replace(web.wechat, token="another-token", http=requests.Session())
    assert forger.push(xml).status == 403
    assert replace(web.wechat, app_id="wx9999999999999999").push(xml).status == 403
    plain = requests.post(
        web.wechat.url, params={"signature": "x", "timestamp": "1", "nonce": "2"}, data=xml, timeout=10
    )
    assert plain.status_code == 403
    assert web.wechat.push(xml).text


def test_a_power_cut_between_two_deliveries_loses_nothing(web: Web) -> None:
    xml = web.wechat.location(LIN, GCJ.lat, GCJ.lng)
    assert web.wechat.push(xml).text
    web.stop(signal.SIGKILL)
    with pytest.raises(requests.ConnectionError):
        web.wechat.push(xml)
    web.start()
    again = web.wechat.push(xml).text
    assert again is not None
    assert "莲花路充电站" in again
