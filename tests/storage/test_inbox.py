"""The inbox: stored once, worked once, in the order of each lane."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import select

from core.ports import InboxMessage, InboxState
from storage.tables import inbox
from storage.unit_of_work import SqlDatabase
from tests.storage import children
from tests.storage.samples import NOON, minutes


def add(database: SqlDatabase, *keys: str, lane: str | None = None, at: datetime = NOON) -> None:
    """Store messages; each in a lane of its own unless one is named."""
    with database.write() as unit:
        for key in keys:
            assert unit.inbox.add("telegram", key, lane or key, f"body of {key}", at)


def claim(database: SqlDatabase, at: datetime = NOON, *, limit: int = 10, lease_s: float = 60) -> list[InboxMessage]:
    with database.write() as unit:
        return unit.inbox.claim("telegram", limit=limit, lease_s=lease_s, at=at)


def keys(messages: list[InboxMessage]) -> list[str]:
    return [one.key for one in messages]


def test_a_repeated_message_is_refused(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.inbox.add("telegram", "1", "chat", "first", NOON)
        assert not unit.inbox.add("telegram", "1", "chat", "again", NOON)
        assert unit.inbox.add("wechat", "1", "chat", "another platform", NOON)
    with database.write() as unit:
        assert not unit.inbox.add("telegram", "1", "chat", "again", NOON + minutes(1))
    (message,) = claim(database)
    assert message == InboxMessage(message.id, "telegram", "1", "chat", "first", 1, NOON)
    with database.write() as unit:
        unit.inbox.done(message.id, NOON)
        assert not unit.inbox.add("telegram", "1", "chat", "again", NOON)


def test_oldest_first_and_one_per_lane(database: SqlDatabase) -> None:
    add(database, "1", "2", lane="Lin")
    add(database, "3", lane="Wei")
    add(database, "4", lane="Lin")
    assert keys(claim(database, limit=1)) == ["1"]
    first_lin = claim(database)
    assert keys(first_lin) == ["3"]
    assert claim(database) == []
    with database.write() as unit:
        unit.inbox.done(first_lin[0].id - 2, NOON)
    assert keys(claim(database)) == ["2"]


def test_a_lost_worker_gives_the_message_back(database: SqlDatabase) -> None:
    add(database, "1", "2", lane="Lin")
    (taken,) = claim(database, lease_s=60)
    assert claim(database, NOON + minutes(0.5)) == []
    (again,) = claim(database, NOON + minutes(1))
    assert (again.id, again.attempts) == (taken.id, 2)


def test_failing_comes_back_later_and_dies_in_the_end(database: SqlDatabase) -> None:
    add(database, "1")
    (message,) = claim(database)
    with database.write() as unit:
        assert not unit.inbox.failed(message.id, NOON, "boom", retry_in_s=30, max_attempts=2)
    assert claim(database, NOON) == []
    (message,) = claim(database, NOON + minutes(0.5))
    with database.write() as unit:
        assert unit.inbox.failed(message.id, NOON + minutes(1), "boom again", retry_in_s=30, max_attempts=2)
    assert claim(database, NOON + minutes(60)) == []
    with database.write() as unit:
        assert unit.inbox.counts() == {("telegram", "dead"): 1}
        assert unit.inbox.reply("telegram", "1") == (InboxState.DEAD, "")
        assert unit.inbox.purge(NOON + minutes(60)) == 1  # its body; the row stays for a person to see
        assert unit.inbox.purge(NOON + minutes(60)) == 0
        assert unit.inbox.counts() == {("telegram", "dead"): 1}


def test_the_body_goes_when_the_work_is_done(database: SqlDatabase) -> None:
    """It may hold where somebody is; the key and the reply are enough afterwards."""
    add(database, "1")
    (message,) = claim(database)
    with database.write() as unit:
        unit.inbox.done(message.id, NOON, "the answer")
    with database.engine.connect() as db:
        assert db.execute(select(inbox.c.body, inbox.c.reply)).one() == ("", "the answer")


def test_a_late_failure_does_not_undo_what_is_done(database: SqlDatabase) -> None:
    add(database, "1")
    (message,) = claim(database)
    with database.write() as unit:
        unit.inbox.done(message.id, NOON, "the answer")
        assert not unit.inbox.failed(message.id, NOON, "late", retry_in_s=0, max_attempts=1)
        assert unit.inbox.reply("telegram", "1") == (InboxState.DONE, "the answer")


def test_replies_counts_and_purge(database: SqlDatabase) -> None:
    add(database, "1", "2", "3")
    first, second = claim(database, limit=2)
    with database.write() as unit:
        assert unit.inbox.reply("telegram", "1") == (InboxState.WORKING, "")
        assert unit.inbox.reply("telegram", "3") == (InboxState.NEW, "")
        assert unit.inbox.reply("telegram", "unknown") is None
        unit.inbox.done(first.id, NOON, "the answer")
        unit.inbox.done(second.id, NOON + minutes(10))
        assert unit.inbox.counts() == {("telegram", "done"): 2, ("telegram", "new"): 1}
        assert unit.inbox.purge(NOON + minutes(5)) == 1
        assert unit.inbox.purge(NOON + minutes(5)) == 0
        assert unit.inbox.reply("telegram", "1") is None
        assert unit.inbox.reply("telegram", "2") == (InboxState.DONE, "")
        assert not unit.inbox.add("telegram", "2", "2", "again", NOON)


def test_threads_never_get_one_message_twice_nor_share_a_lane(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number in range(120):
            unit.inbox.add("telegram", str(number), f"lane {number % 40}", "body", NOON)

    def work(_: int) -> list[str]:
        mine: list[str] = []
        while messages := claim(database, limit=3):
            lanes = [one.lane for one in messages]
            assert len(set(lanes)) == len(lanes)
            mine += keys(messages)
        return mine

    with ThreadPoolExecutor(6) as pool:
        taken = [key for mine in pool.map(work, range(6)) for key in mine]
    # Nobody reported back, so each lane gave its first message and no other.
    assert sorted(taken, key=int) == [str(number) for number in range(40)]


@pytest.mark.process
def test_processes_never_get_one_message_twice(database: SqlDatabase, database_url: str) -> None:
    add(database, *(str(number) for number in range(200)))
    workers = [children.start("claim", database_url) for _ in range(3)]
    try:
        for worker in workers:
            assert children.line(worker) == "ready"
        for worker in workers:
            children.tell(worker, "go")
        taken = [key for worker in workers for key in worker.communicate(timeout=60)[0].split()]
    finally:
        children.end(workers)
    assert sorted(taken, key=int) == [str(number) for number in range(200)]


@pytest.mark.process
def test_a_killed_worker_loses_nothing(database: SqlDatabase, database_url: str) -> None:
    add(database, "1")
    worker: subprocess.Popen[str] = children.start("claim-and-hang", database_url)
    try:
        assert children.line(worker) == "1"
    finally:
        children.end([worker])
    assert claim(database, NOON + minutes(0.5)) == []
    (again,) = claim(database, NOON + minutes(2))
    assert (again.key, again.body, again.attempts) == ("1", "body of 1", 2)


def test_a_dead_message_is_seen_and_can_be_worked_anew(database: SqlDatabase) -> None:
    add(database, "1", "2")
    for message in claim(database):
        with database.write() as unit:
            unit.inbox.failed(message.id, NOON, f"boom {message.key}", retry_in_s=30, max_attempts=1)
    with database.write() as unit:
        second, first = unit.inbox.dead(10)
        assert (first.source, first.attempts, first.error) == ("telegram", 1, "boom 1")
        assert [one.id for one in unit.inbox.dead(1)] == [second.id]
        assert unit.inbox.again(first.id, NOON)
        assert not unit.inbox.again(first.id, NOON)
    (again,) = claim(database)
    assert (again.key, again.attempts, again.body) == ("1", 1, "body of 1")
    with database.write() as unit:
        unit.inbox.purge(NOON + minutes(1))
        assert not unit.inbox.again(second.id, NOON)  # what it said is forgotten
