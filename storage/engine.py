"""Opening the database: what every connection is told before it is used, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

# How long a writer waits for the others. Catalogue batches take tenths of a second each.
SQLITE_BUSY_MS = 20_000
POSTGRES_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    # Our statements are short: compiling one takes longer than running it.
    "jit": "off",
}
CONNECT_TIMEOUT_S = 5
# Set on a connection that only reads; every other transaction of SQLite takes the write lock at its start.
READS_OPTION = "kilowatch_reads"


def database_url(text: str) -> URL:
    """The URL as SQLAlchemy wants it. "postgres://" and "postgresql://" mean psycopg 3. Raises ValueError."""
    try:
        url = make_url(text)
    except ArgumentError:
        # The text itself may hold a password.
        raise ValueError("this is no URL; write it like postgresql://user@host/name") from None
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ValueError(f"{url.drivername} is not a database we know; use postgresql:// or sqlite:///")
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError("the database needs a file: one in memory would be another one in every thread")
    return url


def open_engine(url: str) -> Engine:
    """An engine for this database. Nothing is connected yet. Statements in errors come without their values."""
    target = database_url(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target)
    options = " ".join(f"-c {name}={value}" for name, value in POSTGRES_SETTINGS.items())
    return create_engine(
        target,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": options},
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transactions leave SELECT outside and cannot be IMMEDIATE: we begin ourselves.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
    _use_wal(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    # Else "INSERT OR REPLACE" would take a row away without the triggers that forbid it.
    connection.execute("PRAGMA recursive_triggers = ON")
    # What is deleted is written over: a person who goes must not stay readable in the file.
    connection.execute("PRAGMA secure_delete = ON")
    # NORMAL may drop the last commits when the power fails, and money comes into this file.
    connection.execute("PRAGMA synchronous = FULL")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging. The switch itself does not wait for others, so we do."""
    give_up = time.monotonic() + SQLITE_BUSY_MS / 1000
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the only write lock at once: a reader that turned writer could not wait for it."""
    reads = connection.get_execution_options().get(READS_OPTION, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reads else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
