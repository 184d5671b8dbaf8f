"""Slow: the real worker and clock are killed in the middle of sending, and Redis loses everything twice.

What a sender's death leaves open is settled by the class of the message: an alert is never said twice, money is said
again and says so, WeChat's template messages are known to the platform and arrive once.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.outbox import MessageClass
from core.services.outbox import OutboxService
from core.user import Channel
from jobs.names import SENDING
from jobs.queue import RqQueue
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.delivery.kills import until_all_is_said
from tests.delivery.platforms import TOKEN, Platform, platform
from tests.delivery.senders import Sender, people, running, sender, states, write
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

WIDE = {"answer_after_s": 0.008, "messages": 2_000, "kills": 15}
TIGHT = {"answer_after_s": 0.25, "messages": 600, "kills": 30}
ENDS_WITHIN_S = 1500.0


@dataclass
class Run:
    database: SqlDatabase
    outbox: OutboxService
    redis: RedisServer
    platform: Platform
    senders: list[Sender]

    def send_all(self, user_ids: list[str], klass: MessageClass, kills: int) -> tuple[int, int]:
        """Returns how many messages a second run of the evaluator wrote (none), and how many were killed."""
        self.outbox.ring(*write(self.database, user_ids, klass))
        again = len(write(self.database, user_ids, klass))
        killed = until_all_is_said(
            self.outbox,
            self.senders,
            self.redis,
            self.platform.heard,
            messages=len(user_ids),
            kills=kills,
            within_s=ENDS_WITHIN_S,
        )
        return again, killed

    def tell(self, name: str, messages: int, killed: int) -> None:
        heard = self.platform.heard
        figures = {"once": sum(count == 1 for count in heard.copies.values()), "twice": len(heard.twice)}
        figures["marked"] = sum(heard.marked[one] > 0 for one in heard.twice)
        figures["lost"] = messages - len(heard.copies)
        print(f"\n{name}: {messages} messages, {killed} kills, 2 wipes: {figures}, rows {states(self.outbox)}")


@pytest.fixture
def forgetful_redis() -> Iterator[RedisServer]:
    server = RedisServer(Path(tempfile.mkdtemp(prefix="kw-redis-")), keeps=False).start()
    yield server
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(params=["alert", "money", "wechat", "alert-tight", "money-tight", "wechat-tight"])
def scene(request: pytest.FixtureRequest) -> tuple[str, dict[str, float]]:
    name, _, tight = request.param.partition("-")
    return name, TIGHT if tight else WIDE


@pytest.fixture
def run(
    scene: tuple[str, dict[str, float]], database_url: str, forgetful_redis: RedisServer, tmp_path: Path
) -> Iterator[Run]:
    (tmp_path / "suppliers.toml").touch()
    with platform(scene[1]["answer_after_s"]) as server:
        env = {
            "KILOWATCH_HOME": str(tmp_path),
            "SUPPLIERS_FILE": str(tmp_path / "suppliers.toml"),
            "DATABASE_URL": database_url,
            "REDIS_URL": forgetful_redis.url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE": server.url,
            "WECHAT_APP_ID": "wx1",
            "WECHAT_APP_SECRET": "secret",
            "WECHAT_TOKEN": "token",
            "WECHAT_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
            "WECHAT_API_BASE": server.url,
            "WECHAT_TEMPLATE": "T1 thing4 character_string2",
        }
        database = SqlDatabase(open_engine(database_url))
        senders = [
            *(sender(f"worker{n}", tmp_path, "jobs.worker", SENDING, **env) for n in range(2)),
            sender("clock", tmp_path, "jobs.clock", **env),
        ]
        outbox = OutboxService(database, SystemClock(), RqQueue(forgetful_redis.client), {})
        with running(senders):
            yield Run(database, outbox, forgetful_redis, server, senders)
        database.close()


def test_each_class_keeps_its_promise(run: Run, scene: tuple[str, dict[str, float]]) -> None:
    name, size = scene
    messages, kills = int(size["messages"]), int(size["kills"])
    channel = Channel.WECHAT if name == "wechat" else Channel.TELEGRAM
    klass = MessageClass.MONEY if name == "money" else MessageClass.ALERT
    again, killed = run.send_all(people(run.database, messages, channel), klass, kills)
    run.tell(name, messages, killed)
    heard, rows = run.platform.heard, states(run.outbox)
    lost = messages - len(heard.copies)
    assert (again, killed) == (0, kills)
    assert rows.get("dead", 0) == rows.get("expired", 0) == 0
    if name == "alert":
        assert heard.twice == []
        # Whatever did not arrive is known to be in doubt.
        assert lost <= rows.get("uncertain", 0)
    elif name == "money":
        assert lost == 0
        assert all(heard.marked[one] == heard.copies[one] - 1 for one in heard.twice)
        assert rows == {"sent": messages}
    else:
        assert (lost, heard.twice) == (0, [])
        assert rows == {"sent": messages}
