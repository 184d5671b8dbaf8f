"""A copy of the whole database while others write, and the way back into an empty one.

Both engines give one moment: SQLite by its own online backup, PostgreSQL by pg_dump's snapshot.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import URL

from core.errors import KilowatchError
from storage.engine import database_url

WITHIN_S = 6 * 3600.0
_SQLITE_BEGINS = b"SQLite format 3\x00"
_POSTGRES_BEGINS = b"PGDMP"


class BackupFailed(KilowatchError):
    """In a sentence for the person who runs it. What there was before is as it was."""


def back_up(url: str, path: Path) -> int:
    """Write a copy of the database to this file, which must not be there yet; returns its size in bytes.

    The file appears whole or not at all, readable by its owner only. Raises BackupFailed.
    """
    if path.exists():
        raise BackupFailed(f"{path} is there already")
    if not path.parent.is_dir():
        raise BackupFailed(f"there is no folder {path.parent}")
    target = database_url(url)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    os.close(handle)
    try:
        if target.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(target.database)), Path(draft))
        else:
            _run("pg_dump", target, "--format=custom", "--no-owner", "--no-acl", f"--file={draft}")
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.link(draft, path)  # never over a file that came meanwhile
    except FileExistsError:
        raise BackupFailed(f"{path} is there already") from None
    finally:
        Path(draft).unlink(missing_ok=True)
    return path.stat().st_size


def restore(url: str, path: Path) -> None:
    """Fill an empty database from a backup. Raises BackupFailed, also when there is anything in it."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_SQLITE_BEGINS))
    except OSError as error:
        raise BackupFailed(f"{path} cannot be read: {error.strerror}") from None
    target = database_url(url)
    if target.get_backend_name() == "sqlite":
        if begins != _SQLITE_BEGINS:
            raise BackupFailed(f"{path} is no backup of a SQLite database")
        _restore_sqlite(Path(str(target.database)), path)
    else:
        if not begins.startswith(_POSTGRES_BEGINS):
            raise BackupFailed(f"{path} is no backup of a PostgreSQL database")
        _refuse_full(target)
        _run("pg_restore", target, "--exit-on-error", "--single-transaction", "--no-owner", "--no-acl", str(path))


# --- SQLite ---------------------------------------------------------------------------------------------------


def _copy_sqlite(source: Path, draft: Path) -> None:
    if not source.exists():
        raise BackupFailed(f"there is no database {source}")
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as db,
            closing(sqlite3.connect(draft)) as copy,
        ):
            db.backup(copy, pages=-1)  # in one step: one moment, and writers are not held up (WAL)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            _check_sqlite(copy)
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} could not be copied: {error}") from error


def _restore_sqlite(target: Path, path: Path) -> None:
    if target.exists() or target.with_name(f"{target.name}-wal").exists():
        raise BackupFailed(f"{target} is there already: restore into an empty place")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=target.parent)
    os.close(handle)
    try:
        shutil.copyfile(path, draft)
        with closing(sqlite3.connect(draft)) as db:
            _check_sqlite(db)
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.link(draft, target)
    except sqlite3.Error as error:
        raise BackupFailed(f"{path} is damaged: {error}") from error
    except FileExistsError:
        raise BackupFailed(f"{target} is there already: restore into an empty place") from None
    finally:
        Path(draft).unlink(missing_ok=True)


def _check_sqlite(db: sqlite3.Connection) -> None:
    [(said,)] = db.execute("PRAGMA quick_check(1)").fetchall()
    if said != "ok":
        raise BackupFailed(f"the copy is damaged: {said}")


# --- PostgreSQL -----------------------------------------------------------------------------------------------


def _refuse_full(target: URL) -> None:
    try:
        with psycopg.connect(_plain(target).render_as_string(hide_password=False), connect_timeout=5) as db:
            found = db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone()
    except psycopg.Error as error:
        raise BackupFailed(f"the database does not answer: {error}") from None
    if found and found[0]:
        raise BackupFailed(f"database {target.database} has tables: restore into an empty one")


def _run(program: str, target: URL, *options: str) -> None:
    """One of PostgreSQL's own programs. The password stands in its environment, where `ps` does not show it."""
    if shutil.which(program) is None:
        raise BackupFailed(f"{program} is not on this machine: install the PostgreSQL client")
    plain = _plain(target)
    env = {**os.environ, **({"PGPASSWORD": str(plain.password)} if plain.password else {})}
    address = plain.set(password=None).render_as_string()
    command = [program, f"--dbname={address}", "--no-password", *options]
    try:
        done = subprocess.run(  # noqa: S603 - our own words; the address is the operator's
            command, env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BackupFailed(f"{program} took longer than {WITHIN_S / 3600:.0f} hours") from None
    if done.returncode:
        raise BackupFailed(f"{program}: {done.stderr.strip()[-500:]}")


def _plain(target: URL) -> URL:
    return target.set(drivername="postgresql")
