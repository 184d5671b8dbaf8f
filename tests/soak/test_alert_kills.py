"""Slow: alerts that the engine has made, told by real processes that are killed, or that are asked to wait.

`pytest -s` prints how many drivers got theirs once, twice or not at all, and who called when Telegram wanted silence.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.services.outbox import OutboxService
from core.user import Channel
from jobs.names import SENDING
from jobs.queue import RqQueue
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.delivery.alerts import due_alerts
from tests.delivery.kills import until_all_is_said
from tests.delivery.platforms import TOKEN, Platform, Silence, platform
from tests.delivery.senders import Sender, open_at_work, people, running, sender, states
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

ENDS_WITHIN_S = 1500.0
IN_FLIGHT_S = 1.0  # what had left one process before another one was told; milliseconds, on an idle machine


@dataclass
class Scene:
    database: SqlDatabase
    url: str
    folder: Path
    outbox: OutboxService
    redis: RedisServer
    platform: Platform
    senders: list[Sender]

    def due(self, count: int) -> None:
        people_here = people(self.database, count, Channel.TELEGRAM)
        assert due_alerts(self.database, self.url, self.folder, people_here) == count

    def ring(self) -> None:
        with self.database.read() as unit:
            rows = unit.outbox.due(SystemClock().now(), 2_000, orders=False)
        self.outbox.ring(*rows)


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    redis = RedisServer(Path(tempfile.mkdtemp(prefix="kw-redis-")), keeps=False).start()
    (tmp_path / "suppliers.toml").touch()
    with platform(0.008) as telegram:
        env = {
            "KILOWATCH_HOME": str(tmp_path),
            "SUPPLIERS_FILE": str(tmp_path / "suppliers.toml"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE": telegram.url,
        }
        senders = [
            *(sender(f"worker{n}", tmp_path, "jobs.worker", SENDING, **env) for n in range(3)),
            sender("clock", tmp_path, "jobs.clock", **env),
        ]
        database = SqlDatabase(open_engine(database_url))
        outbox = OutboxService(database, SystemClock(), RqQueue(redis.client), {})
        yield Scene(database, database_url, tmp_path, outbox, redis, telegram, senders)
        database.close()
    redis.kill()
    shutil.rmtree(redis.folder, ignore_errors=True)


def test_two_thousand_alerts_with_senders_that_die(scene: Scene) -> None:
    messages, kills = 2_000, 15
    scene.due(messages)
    scene.ring()
    heard, began = scene.platform.heard, time.monotonic()
    with running(scene.senders):
        killed = until_all_is_said(
            scene.outbox,
            scene.senders,
            scene.redis,
            heard,
            messages=messages,
            kills=kills,
            within_s=ENDS_WITHIN_S,
        )
    took_s, rows = time.monotonic() - began, states(scene.outbox)
    figures = {
        "once": sum(count == 1 for count in heard.copies.values()),
        "twice": len(heard.twice),
        "lost": messages - len(heard.copies),
        "uncertain": rows.get("uncertain", 0),
    }
    print(f"\n{messages} alerts, {killed} kills, 2 wipes, {took_s:.0f} s: {figures}, rows {rows}")
    assert killed == kills
    assert figures["twice"] == 0
    assert figures["lost"] <= figures["uncertain"] <= kills
    assert rows.get("dead", 0) == rows.get("expired", 0) == 0


def test_nobody_calls_while_telegram_wants_silence(scene: Scene) -> None:
    messages = 500
    scene.due(messages)
    silence = scene.platform.silence = Silence(at_call=messages // 2, lasts_s=30.0)
    scene.ring()
    with running(scene.senders):
        deadline = time.monotonic() + ENDS_WITHIN_S
        while open_at_work(scene.outbox):
            assert time.monotonic() < deadline, states(scene.outbox)
            time.sleep(0.05)
    heard, rows = scene.platform.heard, states(scene.outbox)
    late = [round(one, 3) for one in silence.calls]
    print(f"\n429 at call {silence.at_call} of {messages}: calls in the 30 s {len(late)} {late}, rows {rows}")
    assert (len(heard.copies), heard.twice, rows) == (messages, [], {"sent": messages})
    assert all(one < IN_FLIGHT_S for one in silence.calls)
