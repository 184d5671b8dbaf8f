"""Books that do not balance stop new charges and say why; sound ones let them go on."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from core.ledger import topped_up
from core.money import Money
from core.ports import Halt
from core.services.books import HALT, BooksService
from storage.unit_of_work import SqlDatabase
from tests.world import NOW, SetClock


@pytest.fixture
def books(database: SqlDatabase) -> BooksService:
    return BooksService(database, SetClock())


def test_empty_books_balance(books: BooksService) -> None:
    report = books.check()
    assert (report.accounts, report.breaches, report.halts) == ([], [], [])
    assert books.halted() is None


def test_a_breach_halts_until_it_is_put_right(books: BooksService, database: SqlDatabase) -> None:
    # Money that no order knows of (I8).
    with database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "T1", "lin", Money(500, "CNY")), NOW)
    report = books.check()
    assert [one.invariant for one in report.breaches] == ["I8"]
    assert "sandbox" in (books.halted() or "")
    with database.engine.begin() as db:
        db.exec_driver_sql(
            "INSERT INTO topups (id, user_id, client_key, channel, currency, amount, state, quote_id, created_at, "
            "expires_at, refunded, looks, detail) VALUES ('T1', 'lin', 'k', 'sandbox', 'CNY', 500, 'paid', '', "
            + ("0, 0" if db.dialect.name == "sqlite" else "now(), now()")
            + ", 0, 0, '')"
        )
    assert books.check().breaches == []
    assert books.halted() is None


def test_what_a_person_halted_stays_halted(books: BooksService, database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.halts.set(Halt(HALT, "moving house", "Wei", NOW))
    assert books.check().breaches == []
    assert books.halted() == "moving house"


def test_the_command_shows_accounts_and_breaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kilowatch.sqlite3"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("KILOWATCH_HOME", str(tmp_path))
    sound = CliRunner().invoke(cli.commands, ["books"])
    assert sound.exit_code == 0
    assert "No money has moved yet." in sound.output
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO accounts VALUES ('bank:CNY', 'bank', '', 'CNY', 0, 0)")
        db.execute("INSERT INTO accounts VALUES ('psp:x:CNY', 'psp', 'x', 'CNY', 0, 0)")
        db.execute("DROP TRIGGER accounts_moved")
        db.execute("UPDATE accounts SET balance = 1234 WHERE id = 'bank:CNY'")
    broken = CliRunner().invoke(cli.commands, ["books"])
    assert broken.exit_code == 1
    assert re.search(r"^bank:CNY +12\.34 CNY$", broken.output, re.MULTILINE)
    assert "BREACH I1: CNY adds up to 1234" in broken.output
    assert "No charge can be started" in broken.output
    told = json.loads(CliRunner().invoke(cli.commands, ["books", "--json"]).stdout)
    assert not told["balanced"]
    assert {one["invariant"] for one in told["breaches"]} == {"I1", "I2"}
    assert told["accounts"][0] == {"account": "bank:CNY", "amount_minor": 1234, "currency": "CNY"}
