"""Slow: worker processes die in the middle, again and again; every message is worked and none is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.services.inbox import Inbox
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase

pytestmark = pytest.mark.soak

ROOT = Path(__file__).resolve().parents[2]
MESSAGES, CHATS, WORKERS, KILLS = 2_000, 50, 3, 15

# Writes one line per message it works; a line is one small append, so it is whole or absent.
WORKER = """
import sys, time
from core.clock import SystemClock
from core.services import inbox as module
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
module.LEASE_S = 2.0
module.RETRY_S = (0.1,)
url, effects = sys.argv[1:]
inbox = module.Inbox(SqlDatabase(open_engine(url)), SystemClock())
with open(effects, "a", buffering=1) as out:
    def handle(message):
        time.sleep(0.002)
        out.write(f"{message.lane} {message.key}\\n")
    while True:
        if not inbox.work("soak", handle, 5):
            time.sleep(0.02)
"""


def start(url: str, effects: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", WORKER, url, str(effects)], env=env, stderr=subprocess.DEVNULL)


def test_no_message_is_lost_to_fifteen_kills(database_url: str, tmp_path: Path) -> None:
    inbox = Inbox(SqlDatabase(open_engine(database_url)), SystemClock())
    for n in range(MESSAGES):
        assert inbox.accept("soak", str(n), f"chat{n % CHATS}", "body")
    effects = tmp_path / "effects"
    effects.touch()
    workers = [start(database_url, effects) for _ in range(WORKERS)]
    dice, killed = random.Random(5), 0
    deadline = time.monotonic() + 900
    try:
        while (done := inbox.counts().get(("soak", "done"), 0)) < MESSAGES:
            assert time.monotonic() < deadline, inbox.counts()
            if killed < KILLS and done > MESSAGES * killed / (KILLS + 1):
                victim = dice.randrange(WORKERS)
                workers[victim].send_signal(signal.SIGKILL)
                workers[victim].wait(10)
                workers[victim] = start(database_url, effects)
                killed += 1
            time.sleep(0.05)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(10)
    worked = Counter(line.split()[1] for line in effects.read_text(encoding="utf-8").splitlines())
    twice = sum(count > 1 for count in worked.values())
    print(f"\n{MESSAGES} messages, {killed} kills: {MESSAGES - len(worked)} lost, {twice} worked more than once")
    assert len(worked) == MESSAGES
    # Only what was at work when its process died may have been worked twice: at most one each.
    assert twice <= killed
    assert inbox.counts() == {("soak", "done"): MESSAGES}
