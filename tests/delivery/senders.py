"""Sender processes that are killed and started again, and what is written for them.

python -m tests.delivery.senders URL TELEGRAM LEASE_S    a sweeper with a short lease, until it is killed
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bots.saying import Saying
from bots.telegram.messenger import TelegramMessenger
from bots.telegram.sender import TelegramSender
from core.clock import SystemClock
from core.money import Money
from core.outbox import MessageClass
from core.services.notify import SAY, tell
from core.services.outbox import OutboxService, Sweeper
from core.user import Channel, Identity
from jobs.queue import SilentQueue
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.delivery.platforms import TOKEN

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = 100


@dataclass
class Sender:
    """A process of ours; `kill` is a power cut."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)


def sender(name: str, folder: Path, *command: str, **env: str) -> Sender:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return Sender(name, [sys.executable, "-m", *command], kept | env, folder / f"{name}.log")


@contextmanager
def running(senders: list[Sender]) -> Iterator[None]:
    try:
        for one in senders:
            one.start()
        yield
    finally:
        for one in senders:
            one.kill()


def people(database: SqlDatabase, count: int, channel: Channel) -> list[str]:
    """People who wrote to us three days ago: in WeChat only a template message reaches them."""
    long_ago, ids = SystemClock().now() - timedelta(days=3), []
    for first in range(0, count, TOGETHER):
        with database.write() as unit:
            for n in range(first, min(first + TOGETHER, count)):
                user, _ = unit.users.register(Identity(channel, str(10_000 + n)), "en", long_ago)
                ids.append(user.id)
    return ids


def write(database: SqlDatabase, user_ids: list[str], klass: MessageClass) -> list[int]:
    """One message for each person, as an evaluator would that may be run again; the rows that are new."""
    rows: list[int | None] = []
    for first in range(0, len(user_ids), TOGETHER):
        with database.write() as unit:
            for n, user_id in enumerate(user_ids[first : first + TOGETHER], first):
                amount = {"amount": Money(5000, "CNY")}
                at = SystemClock().now()
                rows.append(
                    tell(unit, user_id, "topup_paid", amount, klass=klass, subject=f"m{n}", state="paid", at=at)
                )
    return [row for row in rows if row is not None]


def open_at_work(outbox: OutboxService) -> int:
    """How many rows are neither said nor given up."""
    return sum(count for (_, state), count in outbox.counts().items() if state in {"pending", "sending"})


def states(outbox: OutboxService) -> dict[str, int]:
    return {state: count for (_, state), count in sorted(outbox.counts().items())}


def _sweep_for_ever(url: str, telegram: str, lease_s: str) -> None:
    database, clock = SqlDatabase(open_engine(url)), SystemClock()
    say = Saying(database, clock, {"telegram": TelegramSender(TelegramMessenger(TOKEN, telegram))})
    outbox = OutboxService(database, clock, SilentQueue(), {SAY: say}, lease=timedelta(seconds=float(lease_s)))
    sweeper = Sweeper(outbox, lease_s=float(lease_s))
    while True:
        sweeper.sweep(1.0)
        time.sleep(0.05)


if __name__ == "__main__":
    _sweep_for_ever(*sys.argv[1:])
