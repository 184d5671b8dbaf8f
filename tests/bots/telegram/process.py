"""Starts the real telegram process against the test server, on a database of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.station import Parking
from tests.bots.telegram.server import TOKEN, BotApi
from tests.world import World, make_world

ROOT = Path(__file__).resolve().parents[3]
START_WITHIN_S = 120.0  # aiogram alone took 25 s on a busy machine


class TelegramProcess:
    """`python -m bots.telegram`; `log` is what it has written so far."""

    def __init__(self, api: BotApi, folder: Path, **env: str) -> None:
        self.api, self.log_path = api, folder / "telegram.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = kept | {
            "KILOWATCH_HOME": str(folder),
            "DATABASE_URL": database_url(folder),
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE": api.url,
            **env,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        before = self.log.count("telegram ready")
        with self.log_path.open("ab") as log:
            command = [sys.executable, "-m", "bots.telegram"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        end = time.monotonic() + START_WITHIN_S
        while self.log.count("telegram ready") == before:
            assert self.process.poll() is None, f"the bot ended: {self.log[-2000:]}"
            assert time.monotonic() < end, f"the bot is not ready: {self.log[-2000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> float:
        """SIGTERM; returns how long it took."""
        assert self.process is not None
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            finally:
                if self.process.poll() is None:
                    self.process.kill()
        return time.monotonic() - started


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'kilowatch.sqlite3'}"


def city(folder: Path) -> World:
    """Twelve stations around Futian, and one two kilometres north for those who drive on."""
    world = make_world(folder)
    # A little ahead, so that the states stay "just now" while the tests run.
    world.clock.time = datetime.now(UTC) + timedelta(minutes=9)
    world.station("Lotus Road", 22.5415, 114.0585, price="0.80", service="0.40", evening="0.45", free=3, guns=5)
    world.station("Civic Center", 22.5450, 114.0600, price="1.50", free=0, guns=4, power="60", operator="Civic",
                  parking=Parking(free=True))  # fmt: skip
    world.station("<b>Bad & Co</b>", 22.5380, 114.0560, free=None, guns=2, operator="<i>X</i>",
                  price_text="</b><a href='tg://x'>click</a> 1 元")  # fmt: skip
    for n in range(9):
        world.station(
            f"Corner {n}", 22.5440 + n / 1000, 114.0530, price=f"1.{n}", free=n % 3, guns=3, operator="Corner"
        )
    world.station("North Gate", 22.5610, 114.0600, price="0.60", free=2, guns=2)
    world.clock.time = datetime.now(UTC)
    return world
