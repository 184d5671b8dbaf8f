"""A backup made while money moves is one moment of it: restored into an empty place, the books balance."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import URL, func, make_url, select

import cli
from core.services.books import BooksService
from storage.backup import BackupFailed, back_up, restore
from storage.engine import open_engine
from storage.tables import transfers
from storage.unit_of_work import SqlDatabase
from tests import postgres
from tests.core.services.cases.bench import Bench
from tests.world import SetClock


@contextmanager
def money_moving(database: SqlDatabase) -> Iterator[None]:
    """Somebody tops up, charges and is billed all the time."""
    bench, stop, moved = Bench(database), threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def move() -> None:
        try:
            for number in range(1, 100_000):
                if stop.is_set():
                    return
                bench.top_up("50", number)
                bench.charging_session(number)
                bench.record(f"SEQ{number}", "30")
                if number == 5:
                    moved.set()
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            moved.set()

    thread = threading.Thread(target=move)
    thread.start()
    assert moved.wait(60)
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert failed == []


def booked(database: SqlDatabase) -> int:
    with database.engine.begin() as db:
        return db.execute(select(func.count()).select_from(transfers)).scalar_one()


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """A place of the same engine with nothing in it."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored' / 'kilowatch.sqlite3'}"
        return
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        pytest.skip("no PostgreSQL client programs on this machine")
    server: URL = request.getfixturevalue("postgres_server")
    url = postgres.create_database(server)
    yield url.render_as_string(hide_password=False)
    postgres.drop_database(server, url)


def test_a_backup_while_money_moves(database: SqlDatabase, database_url: str, empty_url: str, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    with money_moving(database):
        before = booked(database)
        size = back_up(database_url, path)
        after = booked(database)
    assert size == path.stat().st_size > 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    restore(empty_url, path)
    again = SqlDatabase(open_engine(empty_url))
    try:
        report = BooksService(again, SetClock()).check()
        assert report.breaches == []
        assert before <= booked(again) <= after
        assert sum(balance for _, balance in report.accounts) == 0
        # It goes on from there: numbers, triggers and all.
        bench = Bench(again)
        bench.top_up("50", 200_000, user_id="wei")
        bench.charging_session(200_000, user_id="wei")
        bench.record("SEQ200000", "30")
        assert bench.breaches() == []
    finally:
        again.close()
    with pytest.raises(BackupFailed, match=r"there already|has tables"):
        restore(empty_url, path)


def test_a_backup_overwrites_nothing(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    path.write_text("an older one")
    with pytest.raises(BackupFailed, match="there already"):
        back_up(database_url, path)
    with pytest.raises(BackupFailed, match="no folder"):
        back_up(database_url, tmp_path / "nowhere" / "backup")
    assert path.read_text() == "an older one"


def test_what_is_no_backup_is_not_restored(empty_url: str, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("milk, bread")
    with pytest.raises(BackupFailed, match="is no backup"):
        restore(empty_url, wrong)
    with pytest.raises(BackupFailed, match="cannot be read"):
        restore(empty_url, tmp_path / "nothing")


def test_a_damaged_file_is_not_restored(sqlite_url: str, tmp_path: Path) -> None:
    path, target = tmp_path / "backup", tmp_path / "restored.sqlite3"
    back_up(sqlite_url, path)
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(content)
    with pytest.raises(BackupFailed, match="damaged"):
        restore(f"sqlite:///{target}", path)
    assert not target.exists()


def test_a_failed_dump_leaves_nothing_behind(postgres_url: str, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("no PostgreSQL client programs on this machine")
    gone = make_url(postgres_url).set(database="never_there").render_as_string(hide_password=False)
    with pytest.raises(BackupFailed, match="never_there"):
        back_up(gone, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_the_commands(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SqlDatabase(open_engine(sqlite_url))
    Bench(database).top_up("50")
    database.close()
    path, restored = tmp_path / "backup", tmp_path / "elsewhere" / "kilowatch.sqlite3"
    monkeypatch.setenv("KILOWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    made = CliRunner().invoke(cli.commands, ["backup", str(path)])
    assert made.exit_code == 0
    assert path.exists()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{restored}")
    done = CliRunner().invoke(cli.commands, ["restore", str(path)])
    assert done.exit_code == 0
    assert "2 accounts, the books balance" in done.output
