"""Whole charging sessions through the money: held, started, charging, ended, settled, each step its own commit.

    python -m bench.sessions [--n 200] [--json]

The floor is a bare transaction of one INSERT and one UPDATE on the same engine in the same run. SQLite always (a
file, synchronous=FULL); PostgreSQL where its server is installed, with its commits on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.charging import ChargeRecord, ChargingState, CommandReply, Outcome, SessionUpdate
from core.clock import SystemClock
from core.geo import Point
from core.ledger import topped_up
from core.money import Money
from core.opening import ALWAYS
from core.outbox import LEASE
from core.ports import RecordVerdict
from core.services.charging import ChargingService
from core.services.notify import tell
from core.station import Connector, ConnectorRef, ConnectorStatus, Plug, Station, Supplier, station_key
from core.tariff import flat_tariff
from storage.engine import open_engine
from storage.migrate import upgrade
from storage.unit_of_work import SqlDatabase

SUPPLIER = Supplier("bench", "bench", "Bench Power")
TARIFF = flat_tariff("CNY", Decimal("1.20"))
DRIVERS = 20
KWH = Decimal(20)


class Agreeable:
    """A supplier that answers at once and says yes. No network: what is measured is ours."""

    supplier = SUPPLIER

    def stations(self) -> Iterator[Station]:
        yield from ()

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        return CommandReply(Outcome.ACCEPTED)

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply:
        return CommandReply(Outcome.ACCEPTED)

    def session(self, start_seq: str) -> SessionUpdate | None:
        return None


def gun(number: int) -> ConnectorRef:
    return ConnectorRef("BENCH0001", f"{number:08d}")


def prepare(database: SqlDatabase) -> ChargingService:
    """One station with a gun and a full wallet for each driver."""
    clock = SystemClock()
    at = clock.now()
    guns = tuple(
        Connector(
            ref=gun(number),
            plug=Plug.GBT_DC,
            power_kw=Decimal(120),
            label=str(number),
            status=ConnectorStatus.FREE,
            status_at=at,
            tariff_id=TARIFF.id,
            price_seen_at=at,
        )
        for number in range(DRIVERS)
    )
    station = Station(
        id=station_key(SUPPLIER.id, "S"),
        supplier_id=SUPPLIER.id,
        external_id="S",
        name="Bench",
        point=Point(22.54, 114.05),
        connectors=guns,
        operator_id="B",
        operator_name="Bench",
        address="",
        country="CN",
        time_zone="Asia/Shanghai",
        hours=ALWAYS,
    )
    with database.write() as unit:
        unit.catalogue.save_supplier(SUPPLIER)
        unit.catalogue.add_tariffs([TARIFF])
        unit.catalogue.save_stations([station], at)
        for number in range(DRIVERS):
            unit.ledger.post(topped_up("bench", f"T{number}", f"driver{number}", Money(100_000_000, "CNY")), at)
    suppliers: Any = {SUPPLIER.id: Agreeable()}
    return ChargingService(database, clock, suppliers, tell=tell, ring=lambda row: None, key=b"of this run only")


def one_session(charging: ChargingService, database: SqlDatabase, number: int) -> float:
    """Quote, yes, sent, charging, ended, settled. Returns the seconds of the driver's yes."""
    driver = f"driver{number % DRIVERS}"
    quote = charging.quote(driver, gun(number % DRIVERS), KWH)
    before = time.perf_counter()
    session = charging.start(driver, quote.id, f"yes{number}")
    start_s = time.perf_counter() - before
    clock = charging.means.clock
    with database.write() as unit:
        row = unit.outbox.claim(_start_row(unit, session.id), "bench", clock.now(), LEASE)
    assert row is not None
    charging.send_start(row)
    at = clock.now()
    told = SessionUpdate(session.start_seq, session.ref, ChargingState.CHARGING, at, started_at=at)
    charging.apply(SUPPLIER.id, told)
    ended_at = at + timedelta(milliseconds=1)
    charging.apply(
        SUPPLIER.id,
        SessionUpdate(
            session.start_seq,
            session.ref,
            ChargingState.ENDED,
            ended_at,
            started_at=at,
            energy_kwh=KWH,
            cost=KWH * Decimal("1.20"),
            currency="CNY",
        ),
    )
    record = ChargeRecord(
        f"R{number}", session.start_seq, session.ref, at, ended_at, KWH, KWH * Decimal("1.20"), "CNY"
    )
    with database.write() as unit:
        assert unit.records.add_record(SUPPLIER.id, record, clock.now()) is RecordVerdict.NEW
    charging.book_record(SUPPLIER.id, record)
    return start_s


def _start_row(unit: Any, session_id: str) -> int:
    statement = text("SELECT id FROM outbox WHERE subject = :subject AND kind = 'start'")
    return int(unit.ledger.db.execute(statement, {"subject": session_id}).scalar_one())


def floor(database: SqlDatabase, count: int) -> float:
    """Seconds of one bare transaction: a row in, a row changed."""
    with database.engine.begin() as db:
        db.execute(text("CREATE TABLE bench_floor (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)"))
        db.execute(text("INSERT INTO bench_floor VALUES (0, 0)"))
    durations = []
    for number in range(1, count + 1):
        before = time.perf_counter()
        with database.engine.begin() as db:
            db.execute(text("INSERT INTO bench_floor VALUES (:id, 1)"), {"id": number})
            db.execute(text("UPDATE bench_floor SET amount = amount + 1 WHERE id = 0"))
        durations.append(time.perf_counter() - before)
    return statistics.median(durations)


def measure(url: str, n: int) -> dict[str, float]:
    upgrade(url)
    database = SqlDatabase(open_engine(url))
    charging = prepare(database)
    for number in range(10):
        one_session(charging, database, number)
    bare_s = floor(database, n)
    starts, began = [], time.perf_counter()
    for number in range(10, 10 + n):
        starts.append(one_session(charging, database, number))
    took_s = time.perf_counter() - began
    with database.read() as unit:
        # Nobody paid in over a provider here: that is the one breach there must be.
        breaches = [one for one in unit.ledger.breaches(charging.means.clock.now()) if "over bench" not in one.detail]
    database.close()
    assert not breaches, breaches
    starts.sort()
    return {
        "sessions_per_s": n / took_s,
        "start_p50_ms": starts[len(starts) // 2] * 1000,
        "start_p99_ms": starts[int(len(starts) * 0.99)] * 1000,
        "floor_ms": bare_s * 1000,
        "session_in_floors": took_s / n / bare_s,
        "start_in_floors": starts[len(starts) // 2] / bare_s,
    }


@contextmanager
def postgres() -> Iterator[str | None]:
    """A server of this run with its commits on disk, or None where none is installed."""
    from tests.postgres import NoPostgres, create_database, running_server

    try:
        with running_server(durable=True) as server:
            url = create_database(server)
            yield url.render_as_string(hide_password=False)
    except NoPostgres as reason:
        print(f"PostgreSQL skipped: {reason}", file=sys.stderr)
        yield None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        figures["sqlite"] = measure(f"sqlite:///{Path(folder) / 'bench.sqlite3'}", asked.n)
    with postgres() as url:
        if url is not None:
            figures["postgresql"] = measure(url, asked.n)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for engine, one in figures.items():
        print(
            f"{engine}: {one['sessions_per_s']:.1f} sessions/s, start p50 {one['start_p50_ms']:.1f} ms, "
            f"p99 {one['start_p99_ms']:.1f} ms; a bare transaction {one['floor_ms']:.2f} ms; "
            f"a start is {one['start_in_floors']:.1f}, a session {one['session_in_floors']:.1f} of them"
        )


if __name__ == "__main__":
    main()
