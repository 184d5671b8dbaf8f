"""The sandbox operator's own books, in one SQLite file: charges that ended, and what was changed by hand."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from adapters.sandbox.life import CHINA, Session
from adapters.sandbox.prices import DayPrices

_TABLES = """
CREATE TABLE IF NOT EXISTS charges (
    gun_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    energy_kwh TEXT NOT NULL,
    energy_yuan TEXT NOT NULL,
    service_yuan TEXT NOT NULL,
    PRIMARY KEY (gun_id, started_at)
) STRICT;
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS booked (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), until TEXT NOT NULL) STRICT;
"""
_CENT = Decimal("0.01")


class Books:
    """One connection, one writer at a time. Booking a charge twice changes nothing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_TABLES)

    def booked_until(self) -> datetime | None:
        with self._lock:
            row = self._db.execute("SELECT until FROM booked").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def book(self, charges: Iterable[tuple[Session, DayPrices]], until: datetime) -> None:
        """Write charges and how far the books go now, or neither."""
        rows = [_row(session, prices) for session, prices in charges]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._db.execute(
                    "INSERT INTO booked VALUES (1, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
                    (_text(until),),
                )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def note(self, at: datetime, what: str, detail: str) -> None:
        with self._lock:
            self._db.execute("INSERT INTO changes (at, what, detail) VALUES (?, ?, ?)", (_text(at), what, detail))

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _row(session: Session, prices: DayPrices) -> tuple[str, ...]:
    """The whole charge at the price of its first minute: this operator freezes it there."""
    clock = session.started_at.astimezone(CHINA).strftime("%H%M%S")
    begun = [period for period in prices if period.start <= clock]
    period = max(begun or prices, key=lambda one: one.start)  # before the first start, the last one goes on
    energy, service = (_cents(session.energy_kwh * price) for price in (period.energy, period.service))
    return (
        session.gun_id,
        _text(session.started_at),
        _text(session.ended_at),
        str(session.energy_kwh),
        energy,
        service,
    )


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(_CENT, rounding=ROUND_HALF_UP))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
