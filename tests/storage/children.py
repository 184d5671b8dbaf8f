"""Other processes for tests: each is this module, run with a command.

python -m tests.storage.children claim URL            take messages until none is left; prints their keys
python -m tests.storage.children claim-and-hang URL   take one message, print its key, never report back
python -m tests.storage.children eat URL USER N       raise the user's energy N times by one
python -m tests.storage.children follow URL REDIS ID  print each status of the station's first gun as it is seen
python -m tests.storage.children migrate URL          bring the database up to date
"""

from __future__ import annotations

import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.clock import SystemClock
from core.ports import ChangeStream
from storage.engine import open_engine
from storage.index.follower import IndexFollower
from storage.index.memory import InMemoryStationIndex
from storage.migrate import upgrade
from storage.redis_stream import NoChangeStream, RedisChangeStream
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON

ROOT = Path(__file__).resolve().parent.parent.parent
ANSWER_WITHIN_S = 90


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.storage.children", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def line(child: subprocess.Popen[str], within_s: float = ANSWER_WITHIN_S) -> str:
    """The next line a child prints."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        assert selector.select(within_s), f"the child said nothing for {within_s} s"
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], text: str) -> None:
    assert child.stdin is not None
    child.stdin.write(text + "\n")
    child.stdin.flush()


def end(children: Iterable[subprocess.Popen[str]]) -> None:
    for child in children:
        child.kill()
        child.communicate(timeout=10)


def quick_redis(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))


def _claim(url: str) -> None:
    database = SqlDatabase(open_engine(url))
    database.ping()
    _say("ready")
    sys.stdin.readline()
    while True:
        with database.write() as unit:
            messages = unit.inbox.claim("telegram", limit=5, lease_s=60, at=NOON)
        if not messages:
            return
        for message in messages:
            _say(message.key)
            with database.write() as unit:
                unit.inbox.done(message.id, NOON)


def _claim_and_hang(url: str) -> None:
    with SqlDatabase(open_engine(url)).write() as unit:
        messages = unit.inbox.claim("telegram", limit=1, lease_s=60, at=NOON)
    _say(messages[0].key)
    threading.Event().wait()


def _eat(url: str, user_id: str, times: str) -> None:
    database = SqlDatabase(open_engine(url))
    for _ in range(int(times)):
        with database.write() as unit:
            known = unit.users.get(user_id)
            assert known is not None
            unit.users.save(replace(known, energy_kwh=known.energy_kwh + 1))


def _follow(url: str, redis_url: str, station_id: str) -> None:
    index = InMemoryStationIndex(SqlDatabase(open_engine(url)), SystemClock())
    stream: ChangeStream = RedisChangeStream(quick_redis(redis_url)) if redis_url else NoChangeStream()
    follower = IndexFollower(index, stream, SystemClock())
    follower.start()
    seen = ""
    while True:
        station = index.get(station_id)
        status = station.connectors[0].status.value if station else "nothing"
        if status != seen:
            _say(status)
            seen = status
        time.sleep(0.002)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "claim": _claim,
        "claim-and-hang": _claim_and_hang,
        "eat": _eat,
        "follow": _follow,
        "migrate": upgrade,
    }
    commands[sys.argv[1]](*sys.argv[2:])
