"""The provider's own books, in one SQLite file: orders, refunds, and what it has told."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, kind TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    description TEXT NOT NULL, notify_url TEXT NOT NULL, page_key TEXT NOT NULL, expires_at TEXT NOT NULL,
    state TEXT NOT NULL, "transaction" TEXT NOT NULL, paid_minor INTEGER NOT NULL, paid_currency TEXT NOT NULL,
    paid_at TEXT, taken_minor INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
    refund_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    state TEXT NOT NULL, psp_refund TEXT NOT NULL, asked_at TEXT NOT NULL, done_at TEXT, detail TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL, tries INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
"""

Row = dict[str, Any]


class Books:
    """One connection, one writer at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_TABLES)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything inside, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # --- orders -----------------------------------------------------------------------------------------------

    def open_order(self, wish: Row) -> Row:
        """The order of this number; it is made if it is not there."""
        names = ("order_id", "kind", "amount_minor", "currency", "description", "notify_url", "expires_at")
        new = {name: wish[name] for name in names} | {
            "page_key": secrets.token_urlsafe(12),
            "state": "waiting" if wish["kind"] == "promise" else "unpaid",
            "transaction": "",
            "paid_minor": wish["amount_minor"],
            "paid_currency": wish["currency"],
        }
        with self.writing():
            self._insert("orders", new, "OR IGNORE")
            order = self.order(wish["order_id"])
        assert order is not None
        return order

    def order(self, order_id: str) -> Row | None:
        return self._one("SELECT * FROM orders WHERE order_id = ?", order_id)

    def change_order(self, order_id: str, **values: Any) -> Row:
        self._change("orders", "order_id", order_id, values)
        order = self.order(order_id)
        assert order is not None
        return order

    # --- refunds ----------------------------------------------------------------------------------------------

    def refund(self, refund_id: str) -> Row | None:
        return self._one("SELECT * FROM refunds WHERE refund_id = ?", refund_id)

    def add_refund(self, refund: Row) -> None:
        self._insert("refunds", refund)

    def change_refund(self, refund_id: str, **values: Any) -> Row:
        self._change("refunds", "refund_id", refund_id, values)
        refund = self.refund(refund_id)
        assert refund is not None
        return refund

    def refunded(self, order_id: str) -> int:
        """What is going back or has gone back of an order, in minor units."""
        row = self._one(
            "SELECT coalesce(sum(amount_minor), 0) AS total FROM refunds WHERE order_id = ? AND state <> 'refused'",
            order_id,
        )
        assert row is not None
        return int(row["total"])

    def processing(self) -> list[Row]:
        return self._all("SELECT * FROM refunds WHERE state = 'processing' ORDER BY asked_at")

    # --- notices ----------------------------------------------------------------------------------------------

    def add_notice(self, notice_id: str, url: str, body: str, due_at: float) -> None:
        self._insert(
            "notices", {"id": notice_id, "url": url, "body": body, "due_at": due_at, "tries": 0, "outcome": ""}
        )

    def next_notice(self) -> Row | None:
        return self._one("SELECT * FROM notices WHERE outcome = '' ORDER BY due_at LIMIT 1")

    def change_notice(self, notice_id: str, **values: Any) -> None:
        self._change("notices", "id", notice_id, values)

    # --- looking ----------------------------------------------------------------------------------------------

    def everything(self) -> dict[str, list[Row]]:
        """For whoever compares these books with others."""
        return {
            "orders": self._all("SELECT * FROM orders ORDER BY order_id"),
            "refunds": self._all("SELECT * FROM refunds ORDER BY refund_id"),
            "notices": self._all("SELECT id, tries, outcome FROM notices ORDER BY due_at"),
        }

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- the file -----------------------------------------------------------------------------------------------
    # Only names of our own are put into the texts below; every value is bound.

    def _insert(self, table: str, row: Row, or_what: str = "") -> None:
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        with self._lock:
            statement = f"INSERT {or_what} INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  our own names
            self._db.execute(statement, [*row.values()])

    def _change(self, table: str, key: str, value: str, values: Row) -> None:
        changes = ", ".join(f'"{name}" = ?' for name in values)
        with self._lock:
            statement = f"UPDATE {table} SET {changes} WHERE {key} = ?"  # noqa: S608  our own names; values are bound
            self._db.execute(statement, [*values.values(), value])

    def _one(self, statement: str, *values: Any) -> Row | None:
        with self._lock:
            row = self._db.execute(statement, values).fetchone()
        return dict(row) if row else None

    def _all(self, statement: str, *values: Any) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._db.execute(statement, values)]


def now_text() -> str:
    return datetime.now(UTC).isoformat()
