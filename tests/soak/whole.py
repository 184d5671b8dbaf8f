"""The whole product as `make run` starts it, stand-ins for both chat platforms, and drivers who only have a phone.

with House(folder, "cec") as house:
    lin = house.telegram_driver()
    lin.pays_in(50)
    station, gun = house.free_gun()
    lin.stands_at(station)
    lin.scans(gun)

Everything is a process of its own and every word goes over HTTP. `house.told` is what was said, in its order.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

import requests

import bootstrap
from adapters.sandbox import keys
from core.clock import SystemClock
from core.geo import Datum, Point
from core.money import Money
from core.services import Services
from core.user import Channel, Identity
from tests.bots.telegram.server import TOKEN, BotApi, Shown
from tests.bots.wechat import pretend

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S, HEARD_WITHIN_S = 240.0, 120.0
OCPI_SUPPLIERS = """
[sandbox-ocpi]
kind = "ocpi"
name = "Sandbox over OCPI"
our_country = "CN"
our_party = "KWT"
our_name = "Kilowatch"
"""
_DIGITS = re.compile(r"\d+")

T = TypeVar("T")


class House:
    """The product on a port of its own. `protocol` is how it reaches the sandbox operator: "cec" or "ocpi"."""

    def __init__(self, folder: Path, protocol: str) -> None:
        self.folder, self.protocol = folder, protocol
        self.port = _two_free_ports()
        self.url, self.sandbox_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port + 1}"
        self.told: list[str] = []
        self.used: set[str] = set()
        self.http = requests.Session()
        self.http.trust_env = False
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        self.bot_api = self._ends.enter_context(BotApi())
        self.wechat_api = self._ends.enter_context(pretend.serving_api())
        self.wechat = pretend.Platform(f"{self.url}/wechat", SystemClock())  # one, for its numbers are unique
        self.env = self._environment()
        self._ends.callback(self._stop)
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ends.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        chats = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE": self.bot_api.url,
            "WECHAT_APP_ID": pretend.APP_ID,
            "WECHAT_APP_SECRET": pretend.SECRET,
            "WECHAT_TOKEN": pretend.TOKEN,
            "WECHAT_AES_KEY": pretend.AES_KEY,
            "WECHAT_API_BASE": self.wechat_api.url,
        }
        ours = {"KILOWATCH_HOME": str(self.folder / "home"), "PORT": str(self.port), "PUBLIC_URL": self.url}
        if self.protocol == "ocpi":
            (self.folder / "suppliers.toml").write_text(OCPI_SUPPLIERS)
            ours["SUPPLIERS_FILE"] = str(self.folder / "suppliers.toml")
        return kept | chats | ours

    def _start(self) -> None:
        self._log = self._ends.enter_context((self.folder / "run.log").open("ab"))
        command = [sys.executable, "-m", "cli", "run"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=self._log, stderr=self._log)
        self.wait(lambda: self._answers(f"{self.url}/healthz"), READY_WITHIN_S)
        self.wait(lambda: "telegram ready" in self.log, READY_WITHIN_S)
        if self.protocol == "ocpi":
            versions = f"{self.sandbox_url}/ocpi/versions"
            self.command("ocpi", "register", "sandbox-ocpi", "--versions-url", versions, "--token", keys.OCPI_TOKEN_A)
            self.command("sync")
        self.wait(self._free_guns, READY_WITHIN_S)

    def _stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _answers(self, url: str) -> bool:
        assert self.process.poll() is None, self.log[-3000:]
        try:
            return self.http.get(url, timeout=5).ok
        except requests.RequestException:
            return False

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text(encoding="utf-8", errors="replace")

    @cached_property
    def services(self) -> Services:
        """Into the same database, for what a test does past the chats."""
        return bootstrap.build_services(bootstrap.settings_from_env(self.env), stations=False)

    # --- the operator ---------------------------------------------------------------------------------------------

    def pull(self, lever: str, **wish: Any) -> None:
        answer = self.http.post(f"{self.sandbox_url}/control/{lever}", json=wish, timeout=10)
        assert answer.status_code == 204, answer.text

    @contextmanager
    def fault(self, name: str, gun: dict[str, Any], **more: Any) -> Iterator[None]:
        self.pull("charging", fault=name, connector_id=self._own_number(gun), **more)
        try:
            yield
        finally:
            self.pull("charging", fault=None)

    def _own_number(self, gun: dict[str, Any]) -> str:
        """As the operator itself counts its guns; over OCPI they have EVSE ids that end so."""
        return str(gun["id"]) if self.protocol == "cec" else _DIGITS.findall(gun["id"])[-1]

    def label(self, gun: dict[str, Any]) -> bytes:
        """A photo of what is printed on a gun, as the operator prints it."""
        form = "cec" if self.protocol == "cec" else "intercharge"
        page = f"{self.sandbox_url}/labels/{self._own_number(gun)}.png"
        answer = self.http.get(page, params={"form": form}, timeout=20)
        assert answer.ok, (page, answer.status_code)
        return answer.content

    # --- the city -------------------------------------------------------------------------------------------------

    def _free_guns(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Free ones with a price, as our catalogue has them."""
        at, found = datetime.now(UTC), []
        with self.services.database.read() as unit:
            for station in unit.catalogue.stations():
                place = {"lat": station.point.lat, "lng": station.point.lng, "name": station.name}
                for gun in station.connectors:
                    if station.public and gun.is_free(at) and gun.tariff_id:
                        found.append((place, {"id": gun.ref.connector_id, "label": gun.label}))
        return found

    def free_gun(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A station and a gun of it that nobody has used here yet."""
        for station, gun in self._free_guns():
            if gun["id"] not in self.used:
                self.used.add(gun["id"])
                return station, gun
        raise AssertionError("no gun is free")

    # --- the people who run it ------------------------------------------------------------------------------------

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def books_are_clean(self) -> str:
        """Our own invariants, and the operator's books held against ours."""
        today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
        return self.command("books") + self.command("reconcile", "--day", today)

    def kill(self, name: str) -> None:
        """As the machine would when memory runs out."""
        pattern = {"telegram": "bots.telegram", "web": "-m web", "sender": "kilowatch-sending"}[name]
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", pattern], capture_output=True, text=True)
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def restart(self) -> None:
        """Everything is killed and started again."""
        for pid in subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True
        ).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._start()

    # --- drivers --------------------------------------------------------------------------------------------------

    def wait(self, ready: Callable[[], T], within_s: float = HEARD_WITHIN_S) -> T:
        end = time.monotonic() + within_s
        while True:
            if found := ready():
                return found
            assert time.monotonic() < end, "\n".join([*self.told[-12:], self.log[-1500:]])
            time.sleep(0.1)

    def hear(self, who: str, words: str) -> None:
        self.told.append(f"{who}: " + words.replace("\n", " | "))

    def pay(self, page: str) -> None:
        """On the provider's page, by its button."""
        assert self.http.post(page, data={"choice": "pay"}, timeout=20).ok


class TelegramDriver:
    """Somebody in a private chat with the bot."""

    def __init__(self, house: House, name: str, language: str) -> None:
        self.house, self.name = house, name
        self.me = house.bot_api.person(name, language)
        self._seen: dict[int, str] = {}

    def _say(self, words: str) -> None:
        self.house.hear(self.name, words)

    def says(self, words: str) -> None:
        self._say(words)
        self.me.says(words)

    def stands_at(self, station: dict[str, Any]) -> None:
        self._say("[location]")
        self.me.sends_location(float(station["lat"]), float(station["lng"]))
        self.hears(" km ", " 公里")

    def pays_in(self, yuan: int) -> None:
        self.says(f"/topup {yuan}")
        page = self.hears("http")
        found = re.search(r"http://127\.0\.0\.1:\d+/pay/\S+?(?=[\"<\s]|$)", page.text)
        assert found, page.text
        self.house.pay(found[0])
        self.hears(f"{yuan}.00")

    def scans(self, gun: dict[str, Any]) -> Shown:
        self._say(f"[photo of gun {gun['label']}]")
        self.me.sends_photo(self.house.label(gun))
        return self.hears("🔒")

    def presses(self, start: str, shown: Shown) -> None:
        """A button of this message, as soon as it is there."""

        def there() -> str | None:
            return next((label for label in shown.buttons if label.startswith(start)), None)

        label = self.house.wait(there)
        assert label is not None
        self._say(f"[{label}]")
        self.me.presses(shown, label)

    def hears(self, *words: str, within_s: float = HEARD_WITHIN_S) -> Shown:
        """A message, or a message as edited, that is new and holds one of these."""

        def new() -> Shown | None:
            for shown in list(self.me.messages):
                if self._seen.get(shown.message_id) != shown.text:
                    self._seen[shown.message_id] = shown.text
                    self.house.hear("bot", shown.text)
                    if any(word in shown.text for word in words):
                        return shown
            return None

        return self.house.wait(new, within_s)  # type: ignore[return-value]  # `wait` gives what is true


class WechatDriver:
    """Somebody who follows the official account."""

    def __init__(self, house: House, openid: str, name: str) -> None:
        self.house, self.openid, self.name = house, openid, name
        self.wechat = house.wechat
        self._read = 0
        self._photos = 0

    def gets(self, said: str, xml: str) -> str:
        self.house.hear(self.name, said)
        for _ in range(3):  # WeChat asks three times
            reply = self.wechat.push(xml)
            assert reply.status == 200, reply
            if reply.text:
                break
        words = reply.text or ""
        self.house.hear("bot", words)
        return words

    def says(self, words: str) -> str:
        return self.gets(words, self.wechat.text(self.openid, words))

    def stands_at(self, station: dict[str, Any]) -> str:
        gcj = Point(float(station["lat"]), float(station["lng"])).to(Datum.GCJ02)
        return self.gets("[location]", self.wechat.location(self.openid, gcj.lat, gcj.lng, "路边"))

    def pays_in(self, yuan: int) -> None:
        """On the page, where WeChat's own log-in leads; here past it, at the service behind."""
        self.says(f"充值 {yuan}")
        services = self.house.services
        user = services.accounts.greet(Identity(Channel.WECHAT, self.openid), "zh-CN").user
        _, request = services.wallet.topup(user.id, Money(yuan * 100, "CNY"), "sandbox", f"soak-{self.openid}")
        self.house.pay(str(request.fields["url"]))
        self.hears(f"{yuan}.00")

    def scans(self, gun: dict[str, Any]) -> str:
        self._photos += 1
        media_id = f"{self.openid}-{self._photos}"
        self.house.wechat_api.pictures[media_id] = self.house.label(gun)
        return self.gets(f"[photo of gun {gun['label']}]", self.wechat.photo(self.openid, media_id))

    def hears(self, *words: str, within_s: float = HEARD_WITHIN_S) -> str:
        """What the account says unasked."""

        def new() -> str | None:
            sent = [call for call in list(self.house.wechat_api.calls) if call.path == "/cgi-bin/message/custom/send"]
            mine = [call.doc["text"]["content"] for call in sent if call.doc["touser"] == self.openid]
            while self._read < len(mine):
                said = mine[self._read]
                self._read += 1
                self.house.hear("bot, unasked", said)
                if any(word in said for word in words):
                    return str(said)
            return None

        return self.house.wait(new, within_s)  # type: ignore[return-value]  # `wait` gives what is true


def _two_free_ports() -> int:
    """One that is free together with the one after it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except OSError:
                continue
