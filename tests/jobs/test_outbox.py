"""The outbox in real processes: rung for at once, found without a bell, and true to its classes when senders die.

The long version is tests/soak/test_outbox_kills.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.outbox import MessageClass
from core.services.outbox import OutboxService
from core.user import Channel
from jobs.names import SENDING
from jobs.queue import RqQueue, SilentQueue
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.delivery.platforms import TOKEN, Platform, platform
from tests.delivery.senders import Sender, open_at_work, people, running, sender, states, write
from tests.redis_server import RedisServer

pytestmark = pytest.mark.process

READY_WITHIN_S = 120.0


def eventually(true: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ours(name: str, folder: Path, url: str, telegram: Platform, *command: str, **env: str) -> Sender:
    (folder / "suppliers.toml").touch()
    home = {"KILOWATCH_HOME": str(folder), "SUPPLIERS_FILE": str(folder / "suppliers.toml"), "DATABASE_URL": url}
    bot = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_BASE": telegram.url}
    return sender(name, folder, *command, **home, **bot, **env)


def test_a_ring_leads_to_sending_at_once(sqlite_url: str, redis_server: RedisServer, tmp_path: Path) -> None:
    database = SqlDatabase(open_engine(sqlite_url))
    outbox = OutboxService(database, SystemClock(), RqQueue(redis_server.client), {})
    lin, wei = people(database, 2, Channel.TELEGRAM)
    with platform(0.0) as telegram:
        worker = ours("worker", tmp_path, sqlite_url, telegram, "jobs.worker", SENDING, REDIS_URL=redis_server.url)
        with running([worker]):
            eventually(lambda: "worker started" in worker.log.read_text(), READY_WITHIN_S)
            outbox.ring(*write(database, [lin], MessageClass.MONEY))
            assert telegram.heard.wait_for("m0", 30)  # the first one opens connections
            rows = write(database, [lin, wei], MessageClass.MONEY)
            rung = time.monotonic()
            outbox.ring(*rows)
            assert telegram.heard.wait_for("m1", 30)
            took_s = time.monotonic() - rung
            eventually(lambda: states(outbox) == {"sent": 2}, 30)
    print(f"\nfrom the ring to the platform: {took_s * 1000:.0f} ms")
    assert took_s < 1.0  # 100 ms on a machine that has nothing else to do


def test_without_redis_it_is_sent_within_seconds(sqlite_url: str, tmp_path: Path) -> None:
    database = SqlDatabase(open_engine(sqlite_url))
    outbox = OutboxService(database, SystemClock(), SilentQueue(), {})
    user_ids = people(database, 2, Channel.TELEGRAM)
    with platform(0.0) as telegram:
        clock = ours("clock", tmp_path, sqlite_url, telegram, "jobs.clock")
        with running([clock]):
            write(database, user_ids[:1], MessageClass.MONEY)
            assert telegram.heard.wait_for("m0", READY_WITHIN_S)
            written = time.monotonic()
            write(database, user_ids, MessageClass.MONEY)
            assert telegram.heard.wait_for("m1", 30)
            took_s = time.monotonic() - written
            eventually(lambda: states(outbox) == {"sent": 2}, 30)
    print(f"\nfrom the commit to the platform without Redis: {took_s:.1f} s")
    assert took_s < 6.0  # three on a machine that has nothing else to do


@pytest.mark.parametrize("klass", [MessageClass.ALERT, MessageClass.MONEY])
def test_senders_that_are_killed_break_no_promise(sqlite_url: str, tmp_path: Path, klass: MessageClass) -> None:
    messages, kills = 60, 4
    database = SqlDatabase(open_engine(sqlite_url))
    outbox = OutboxService(database, SystemClock(), SilentQueue(), {})
    user_ids = people(database, messages, Channel.TELEGRAM)
    assert len(write(database, user_ids, klass)) == messages
    assert write(database, user_ids, klass) == []  # whoever decided it may run twice
    with platform(0.1) as telegram:
        one = sender("sweeper", tmp_path, "tests.delivery.senders", sqlite_url, telegram.url, "1.5")
        with running([one]):
            for n in range(kills):
                share = messages * (n + 1) // (kills + 1)
                eventually(lambda share=share: len(telegram.heard.copies) >= share, 120)  # type: ignore[misc]
                one.kill()  # while the last of them waits for its answer
                one.start()
            eventually(lambda: not open_at_work(outbox), 120)
        heard, rows = telegram.heard, states(outbox)
    lost = messages - len(heard.copies)
    assert set(rows) <= {"sent", "uncertain"}
    assert rows["sent"] + rows.get("uncertain", 0) == messages
    if klass is MessageClass.ALERT:
        assert heard.twice == []
        assert 1 <= rows["uncertain"] <= 4 * kills  # four threads at most were in the middle of it
        assert lost <= rows["uncertain"]
    else:
        assert (lost, rows) == (0, {"sent": messages})
        assert len(heard.twice) >= 1
        assert all(heard.marked[reference] == heard.copies[reference] - 1 for reference in heard.twice)
