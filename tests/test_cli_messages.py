"""`kilowatch outbox`, `kilowatch inbox`: what ended badly is seen, and decided by somebody with a reason."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bootstrap
import cli
from core.outbox import LEASE, MessageClass, NewRow, OutboxRow, OutboxState
from core.services.inbox import MAX_ATTEMPTS
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.databases import database_in

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands set up logging for their process, which here is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDatabase:
    url = database_in(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("KILOWATCH_HOME", str(tmp_path))
    return SqlDatabase(open_engine(url))


def kilowatch(*args: str) -> Result:
    return CliRunner().invoke(cli.commands, args)


def ended(database: SqlDatabase, key: str, klass: MessageClass, state: OutboxState, error: str) -> int:
    channel = "" if klass is MessageClass.COMMAND else "telegram"
    row = NewRow(
        key, klass, "refund" if not channel else "say", "r1", channel=channel, address=f"31337{key}", user_id="lin"
    )
    with database.write() as unit:
        row_id = unit.outbox.add(row, AT)
        assert row_id is not None
        assert unit.outbox.claim(row_id, "t", AT, LEASE) is not None
        assert unit.outbox.finish(row_id, "t", state, AT, error=error)
    return row_id


def stored(database: SqlDatabase, row_id: int) -> OutboxRow:
    with database.read() as unit:
        row = unit.outbox.get(row_id)
    assert row is not None
    return row


def test_nothing_is_said_to_be_nothing(database: SqlDatabase) -> None:
    assert "Nothing in the outbox is dead or uncertain." in kilowatch("outbox").output
    assert "Nothing in the inbox is dead." in kilowatch("inbox").output


def test_what_ended_badly_is_listed_without_addresses(database: SqlDatabase) -> None:
    dead = ended(database, "a", MessageClass.COMMAND, OutboxState.DEAD, "NOT_ENOUGH at the provider")
    doubt = ended(database, "b", MessageClass.ALERT, OutboxState.UNCERTAIN, "ReadTimeout")
    with database.write() as unit:
        unit.outbox.pause("telegram", datetime.now(UTC) + timedelta(hours=1))
    listed = kilowatch("outbox", "list").output
    assert f"{dead}  dead  command refund r1" in listed
    assert f"{doubt}  uncertain  alert say r1 over telegram" in listed
    assert "NOT_ENOUGH at the provider" in listed
    assert "telegram rests until" in listed
    assert "31337" not in listed
    document = json.loads(kilowatch("outbox", "list", "--json").output)
    assert [row["id"] for row in document["rows"]] == [doubt, dead]
    assert {"class": "alert", "state": "uncertain", "rows": 1} in document["counts"]
    assert "telegram" in document["pauses"]


def test_a_decision_names_who_and_why(database: SqlDatabase) -> None:
    first = ended(database, "a", MessageClass.COMMAND, OutboxState.DEAD, "boom")
    second = ended(database, "b", MessageClass.MONEY, OutboxState.DEAD, "blocked")
    assert kilowatch("outbox", "retry", str(first), "--who", "Ann").exit_code == 2  # no reason given
    done = kilowatch("outbox", "retry", str(first), "--who", "Ann", "--why", "the provider is back")
    assert done.exit_code == 0
    assert kilowatch("outbox", "drop", str(second), "--who", "Ann", "--why", "told by phone").exit_code == 0
    row = stored(database, first)
    assert (row.state, row.error) == (
        OutboxState.PENDING,
        "tried again by Ann: the provider is back (was dead: boom)",
    )
    assert stored(database, second).state is OutboxState.EXPIRED
    again = kilowatch("outbox", "drop", str(first), "--why", "no")
    assert again.exit_code != 0
    assert "neither dead nor uncertain" in again.output


def test_a_dead_message_of_the_inbox_can_be_worked_again(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.inbox.add("wechat", "m1", "lin", "where is it", AT)
        for _ in range(MAX_ATTEMPTS):
            (message,) = unit.inbox.claim("wechat", limit=1, lease_s=60, at=AT)
            unit.inbox.failed(message.id, AT, "RuntimeError: boom", retry_in_s=0, max_attempts=MAX_ATTEMPTS)
    listed = kilowatch("inbox", "list").output
    assert f"{message.id}  wechat  2026-11-23 04:00  tried 5×" in listed
    assert "RuntimeError: boom" in listed
    assert "where is it" not in listed
    assert json.loads(kilowatch("inbox", "list", "--json").output)[0]["error"] == "RuntimeError: boom"
    assert kilowatch("inbox", "retry", str(message.id)).exit_code == 0
    with database.write() as unit:
        (again,) = unit.inbox.claim("wechat", limit=1, lease_s=60, at=datetime.now(UTC))
    assert (again.body, again.attempts) == ("where is it", 1)
    assert kilowatch("inbox", "retry", str(message.id)).exit_code == 1


def test_the_doctor_minds_dead_orders_and_not_people_who_left(database: SqlDatabase) -> None:
    (look,) = [probe.look for probe in bootstrap.probes(bootstrap.settings_from_env()) if probe.name == "outbox"]
    assert look() == "0 waiting, 0 dead, 0 may not have arrived"
    ended(database, "a", MessageClass.MONEY, OutboxState.DEAD, "blocked")
    ended(database, "b", MessageClass.ALERT, OutboxState.UNCERTAIN, "ReadTimeout")
    with database.write() as unit:
        unit.outbox.pause("wechat", datetime(2099, 1, 1, 16, 0, tzinfo=UTC))
    assert look() == "0 waiting, 1 dead, 1 may not have arrived; wechat rests until 16:00 UTC"
    ended(database, "c", MessageClass.COMMAND, OutboxState.DEAD, "boom")
    with pytest.raises(RuntimeError, match="1 orders were given up"):
        look()
