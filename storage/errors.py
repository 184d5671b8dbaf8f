"""What a database can fail with, named so that the person woken by it knows where to look."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from core.errors import NotReady


class StorageUnavailable(NotReady):
    """The database cannot be used now: locked, full, away, or without its tables. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__("not_ready", reason=reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


# PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES_REASONS = {
    "53100": "the disk of the database is full",
    "53300": "the database has no connection left",
    "55P03": "a row stayed locked by another transaction",
    "57014": "a statement took too long and was cancelled",
    "40P01": "two transactions waited for each other; this one was rolled back",
    "40001": "another transaction came first; this one was rolled back",
    "42P01": "the database has no tables yet; run the migrations",
}
_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: "the disk of the database is full",
    sqlite3.SQLITE_BUSY: "the database stayed locked by another process",
    sqlite3.SQLITE_LOCKED: "the database stayed locked by another process",
    sqlite3.SQLITE_READONLY: "the database file cannot be written, or this is a reading transaction",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk of the database reports an error",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}


def explain(error: DBAPIError) -> StorageUnavailable | None:
    """What a failed statement means for the caller; None when the statement or its data is to blame."""
    driver_error = error.orig
    if isinstance(driver_error, sqlite3.Error):
        if "no such table" in str(driver_error):
            return StorageUnavailable("the database has no tables yet; run the migrations")
        # The low byte is the error, the rest says more about it.
        code = getattr(driver_error, "sqlite_errorcode", 0) & 0xFF
        return StorageUnavailable(_SQLITE_REASONS[code]) if code in _SQLITE_REASONS else None
    sqlstate = getattr(driver_error, "sqlstate", None)
    if sqlstate in _POSTGRES_REASONS:
        return StorageUnavailable(_POSTGRES_REASONS[sqlstate])
    if error.connection_invalidated or type(driver_error).__name__ in {"OperationalError", "ConnectionTimeout"}:
        return StorageUnavailable("the database does not answer")
    return None
