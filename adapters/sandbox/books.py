"""The sandbox operator's own books, in one SQLite file: charges, meter values, bills, pushes, changes by hand.

`charges` are those of the city's imaginary drivers, `sessions` those of the customer that speaks to us.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from adapters.cec import json_text
from adapters.sandbox.charge import Charge, Stage, StopReason
from adapters.sandbox.life import CHINA, Session
from adapters.sandbox.prices import DayPrices, PricePeriod

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
CREATE TABLE IF NOT EXISTS sessions (
    start_seq TEXT PRIMARY KEY,
    gun_id TEXT NOT NULL,
    stage INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    started_at TEXT,
    stop_asked_at TEXT,
    ended_at TEXT,
    stop_reason INTEGER,
    energy_kwh TEXT NOT NULL,
    energy_yuan TEXT NOT NULL,
    service_yuan TEXT NOT NULL,
    power_kw TEXT NOT NULL,
    wanted_kwh TEXT NOT NULL,
    breaks_at_kwh TEXT,
    never_starts INTEGER NOT NULL,
    prices TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS meter (
    start_seq TEXT NOT NULL, at TEXT NOT NULL, energy_kwh TEXT NOT NULL, PRIMARY KEY (start_seq, at)
) STRICT;
CREATE TABLE IF NOT EXISTS records (
    start_seq TEXT PRIMARY KEY, day TEXT NOT NULL, energy_kwh TEXT NOT NULL, total_yuan TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS pushes (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    interface TEXT NOT NULL,
    message TEXT NOT NULL,
    outcome TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ocpi (
    kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, id)
) STRICT;
CREATE TABLE IF NOT EXISTS booked (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), until TEXT NOT NULL) STRICT;
"""
_CENT = Decimal("0.01")
_MOST_PUSHES = 20_000  # remembered


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

    # --- the customer's charges -----------------------------------------------------------------------------

    def write_charge(self, charge: Charge, at: datetime) -> None:
        stretches = charge.stretches(at)
        row = (
            charge.start_seq, charge.gun_id, int(charge.stage), _text(charge.asked_at), _maybe(charge.started_at),
            _maybe(charge.stop_asked_at), _maybe(charge.ended_at), charge.stop_reason, str(charge.energy_kwh(at)),
            str(sum((one.energy_yuan for one in stretches), Decimal("0.00"))),
            str(sum((one.service_yuan for one in stretches), Decimal("0.00"))),
            str(charge.power_kw), str(charge.wanted_kwh),
            None if charge.breaks_at_kwh is None else str(charge.breaks_at_kwh), int(charge.never_starts),
            json.dumps([(one.start, str(one.energy), str(one.service)) for one in charge.prices]),
        )  # fmt: skip
        with self._lock:
            # Only the number of question marks is put into the text; every value is bound.
            self._db.execute(f"INSERT OR REPLACE INTO sessions VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608

    def charge(self, start_seq: str) -> Charge | None:
        with self._lock:
            row = self._db.execute(f"{_CHARGES} WHERE start_seq = ?", (start_seq,)).fetchone()
        return _charge(row) if row else None

    def live_charges(self) -> list[Charge]:
        with self._lock:
            rows = self._db.execute(f"{_CHARGES} WHERE stage <> ?", (int(Stage.ENDED),)).fetchall()
        return [_charge(row) for row in rows]

    def write_meter(self, start_seq: str, at: datetime, energy_kwh: Decimal) -> None:
        with self._lock:
            row = (start_seq, at.astimezone(UTC).isoformat(), str(energy_kwh))
            self._db.execute("INSERT OR IGNORE INTO meter VALUES (?, ?, ?)", row)

    def write_record(self, charge: Charge, record: Mapping[str, Any]) -> None:
        day = (charge.ended_at or charge.asked_at).astimezone(CHINA).strftime("%Y-%m-%d")
        row = (charge.start_seq, day, str(record["TotalPower"]), str(record["TotalMoney"]), json_text.write(record))
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?)", row)

    def records_of(self, day: str) -> list[tuple[str, Decimal, Decimal]]:
        """Number, energy and total of each bill of a day."""
        with self._lock:
            rows = self._db.execute(
                "SELECT start_seq, energy_kwh, total_yuan FROM records WHERE day = ? ORDER BY start_seq", (day,)
            ).fetchall()
        return [(seq, Decimal(energy), Decimal(total)) for seq, energy, total in rows]

    def write_push(self, at: datetime, interface: str, message: str, outcome: str, answer: str) -> None:
        with self._lock:
            self._db.execute(
                "INSERT INTO pushes (at, interface, message, outcome, answer) VALUES (?, ?, ?, ?, ?)",
                (_text(at), interface, message, outcome, answer),
            )
            self._db.execute("DELETE FROM pushes WHERE id <= (SELECT max(id) FROM pushes) - ?", (_MOST_PUSHES,))

    # --- what the OCPI face keeps: its customer, the customer's tokens and starts, bills sent ----------------

    def keep(self, kind: str, id_: str, document: Mapping[str, Any], at: datetime) -> None:
        with self._lock:
            row = (kind, id_, at.astimezone(UTC).isoformat(), json_text.write(document))
            self._db.execute("INSERT OR REPLACE INTO ocpi VALUES (?, ?, ?, ?)", row)

    def kept(self, kind: str, id_: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("SELECT document FROM ocpi WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
        return json_text.read(row[0]) if row else None

    def all_kept(self, kind: str) -> list[tuple[str, datetime, dict[str, Any]]]:
        with self._lock:
            rows = self._db.execute("SELECT id, at, document FROM ocpi WHERE kind = ? ORDER BY at, id", (kind,))
            return [(id_, datetime.fromisoformat(at), json_text.read(document)) for id_, at, document in rows]

    def drop(self, kind: str, id_: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM ocpi WHERE kind = ? AND id = ?", (kind, id_))

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


_CHARGES = (
    "SELECT start_seq, gun_id, asked_at, power_kw, wanted_kwh, stage, started_at, stop_asked_at, ended_at, "
    "stop_reason, breaks_at_kwh, never_starts, prices FROM sessions"
)


def _charge(row: tuple[Any, ...]) -> Charge:
    seq, gun_id, asked, power, wanted, stage, started, stop_asked, ended, reason, breaks, never, prices = row
    return Charge(
        start_seq=seq,
        gun_id=gun_id,
        asked_at=datetime.fromisoformat(asked),
        power_kw=Decimal(power),
        wanted_kwh=Decimal(wanted),
        stage=Stage(stage),
        started_at=_moment(started),
        stop_asked_at=_moment(stop_asked),
        ended_at=_moment(ended),
        stop_reason=None if reason is None else StopReason(reason),
        breaks_at_kwh=None if breaks is None else Decimal(breaks),
        never_starts=bool(never),
        prices=tuple(PricePeriod(start, Decimal(e), Decimal(s)) for start, e, s in json.loads(prices)),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _maybe(at: datetime | None) -> str | None:
    """Exact, because energy is computed from it."""
    return at.astimezone(UTC).isoformat() if at else None


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(_CENT, rounding=ROUND_HALF_UP))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
