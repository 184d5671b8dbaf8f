"""`make run` as a stranger meets it: one command, real processes, and everything gone after Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
PORT = 18700

pytestmark = pytest.mark.process


class Product:
    """`kilowatch run` in a folder of its own, its log in a file."""

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, home / "run.log"
        home.mkdir(exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait until stations are found; seconds it took."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TELEGRAM_", "WECHAT_"))}
        env |= {"KILOWATCH_HOME": str(self.home), "PORT": str(PORT), "LANG": "en"}
        env.pop("REDIS_URL", None)
        started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "run"], cwd=ROOT, env=env, stdout=log, stderr=log
            )
        while time.monotonic() - started < 150:
            assert self.process.poll() is None, self.text
            try:
                if requests.get(f"http://127.0.0.1:{PORT}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - started
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise AssertionError(self.text)

    def stop(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"started \(pid=(\d+)\)", self.text)]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    made = Product(tmp_path / "home")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        for pid in made.pids():
            if alive(pid):
                os.killpg(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_one_command_serves_the_page_and_stops_as_one(product: Product) -> None:
    product.start()
    page = requests.get(f"http://127.0.0.1:{PORT}/?lat=22.5410&lng=114.0580", timeout=10)
    assert page.status_code == 200
    found = requests.get(
        f"http://127.0.0.1:{PORT}/api/v1/stations", params={"lat": 22.5410, "lng": 114.0580, "limit": 3}, timeout=10
    ).json()
    assert len(found["stations"]) == 3
    for name in ("redis", "sandbox", "web", "worker", "clock"):
        assert f"{name} started" in product.text
    pids = product.pids()
    assert product.stop(signal.SIGINT) == 0
    assert [pid for pid in pids if alive(pid)] == []
    assert "Traceback" not in product.text
    # The second start finds everything as it was left. When one process dies all stop, and the status says so.
    product.start()
    clock = re.findall(r"clock started \(pid=(\d+)\)", product.text)[-1]
    os.kill(int(clock), signal.SIGKILL)
    assert product.process is not None
    assert product.process.wait(60) != 0
    assert [pid for pid in product.pids() if alive(pid)] == []
    assert "clock was killed by signal 9, so everything was stopped" in product.text


# Hits in the moment between the first process's start and the last one's report: as soon as a signal is listened to.
HASTY = """
import os, signal, sys
from jobs.supervisor import supervise

number = int(sys.argv[1])
before = signal.getsignal(number)

def stop():
    while signal.getsignal(number) is before:
        pass
    os.kill(os.getpid(), number)

sleepers = {name: [sys.executable, "-c", "import time; time.sleep(600)"] for name in ("one", "two", "three")}
sys.exit(supervise(sleepers, dict(os.environ), stop))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_very_first_moment_stops_all(number: int, tmp_path: Path) -> None:
    log = tmp_path / "hasty.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", HASTY, str(int(number))], cwd=ROOT, stdout=out, stderr=out, timeout=60, check=False
        )
    text = log.read_text(encoding="utf-8")
    started = [int(pid) for pid in re.findall(r"started \(pid=(\d+)\)", text)]
    assert (done.returncode, len(started)) == (0, 3), text
    assert [pid for pid in started if alive(pid)] == []
