"""A boundary of time-of-use tariffs that very many groups of guns reach at once: from the clock to ticks committed.

    python -m bench.boundaries [--series 5000 50000] [--tariffs 200] [--json]

Nothing is pushed: the tariffs have a step every two hours, and the clock is set to one after the other. Whoever gets
the ticks does nothing with them. After that every price is pushed anew, once. The floor is one UPDATE of price and
time of the same rows, committed, on the same engine in the same run; quote the ratio. Wall seconds, the median of the
rounds, and the peak of this process's memory above what it had before. SQLite always (a file, synchronous=FULL);
PostgreSQL where its server is installed, with its commits on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.geo import Point
from core.ports import UnitOfWork
from core.services.prices import PriceService, SeriesTick
from core.station import Connector, ConnectorRef, Plug, Station, Supplier, station_key
from core.tariff import Tariff, time_of_use_tariff
from storage.bulk import chunks
from storage.engine import open_engine
from storage.migrate import upgrade
from storage.unit_of_work import SqlDatabase

SUPPLIER = Supplier("bench", "bench", "Bench Power")
GUNS = 2  # at each station, all alike: one series
ROUNDS = 5
EVERY = timedelta(hours=2)
BEGAN = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


@dataclass
class Clock:
    time: datetime = BEGAN

    def now(self) -> datetime:
        return self.time


def tariffs(count: int, dearer: int = 0) -> list[Tariff]:
    """A step every two hours, down and up in turn. `dearer` is in thousandths of a yuan."""

    def steps(number: int) -> Iterator[tuple[clock_time, Decimal, Decimal]]:
        for hour in range(0, 24, EVERY // timedelta(hours=1)):
            yield clock_time(hour), Decimal(1_000 + number + dearer + (hour % 4) * 50) / 1_000, Decimal("0.4")

    return [time_of_use_tariff("CNY", "Asia/Shanghai", tuple(steps(number))) for number in range(count)]


def guns_of(number: int) -> list[ConnectorRef]:
    return [ConnectorRef("BENCH0001", f"{number * GUNS + one:08d}") for one in range(GUNS)]


def station(number: int, tariff_id: str) -> Station:
    guns = tuple(
        Connector(ref=ref, plug=Plug.GBT_DC, power_kw=Decimal(120), tariff_id=tariff_id, price_seen_at=BEGAN)
        for ref in guns_of(number)
    )
    return Station(
        id=station_key(SUPPLIER.id, f"S{number}"),
        supplier_id=SUPPLIER.id,
        external_id=f"S{number}",
        name=f"Bench {number}",
        point=Point(22.5 + number % 1_000 / 2_000, 114 + number // 1_000 / 100),
        connectors=guns,
        country="CN",
        time_zone="Asia/Shanghai",
    )


def prepare(database: SqlDatabase, series: int, known: Sequence[Tariff]) -> None:
    with database.write() as unit:
        unit.catalogue.save_supplier(SUPPLIER)
        unit.catalogue.add_tariffs(known)
    for numbers in chunks(range(series), 5_000):
        with database.write() as unit:
            some = [station(number, known[number % len(known)].id) for number in numbers]
            unit.catalogue.save_stations(some, BEGAN)


def push(database: SqlDatabase, series: int, known: Sequence[Tariff], at: datetime) -> None:
    for numbers in chunks(range(series), 5_000):
        told = [(ref, known[number % len(known)]) for number in numbers for ref in guns_of(number)]
        with database.write() as unit:
            unit.catalogue.save_tariffs(SUPPLIER.id, told, at)


# --- measuring ----------------------------------------------------------------------------------------------


def measure(database: SqlDatabase, series: int, shared: int) -> dict[str, Any]:
    clock = Clock()

    def nothing(unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        """As if nobody had a wish."""

    service = PriceService(database, clock, nothing)
    prepare(database, series, tariffs(shared))
    began = time.perf_counter()
    told = service.follow()
    assert told == series, f"{told} ticks of {series} new series"
    first_s = time.perf_counter() - began
    rounds = []
    peak = Peak()
    clock.time = BEGAN.replace(minute=0)
    for _ in range(ROUNDS):
        clock.time += EVERY
        rounds.append(timed(service.boundaries, series))
    memory_mb = peak.mb()
    floor = [timed(lambda: plain_update(database), series) for _ in range(3)]
    clock.time += timedelta(minutes=30)
    push(database, series, tariffs(shared, dearer=1), clock.time)
    pushed_s = timed(service.follow, series)
    boundary_s, floor_s = statistics.median(rounds), statistics.median(floor)
    return {
        "series": series,
        "boundary_s": round(boundary_s, 3),
        "rounds_s": [round(one, 3) for one in rounds],
        "us_per_series": round(boundary_s / series * 1e6, 1),
        "plain_update_s": round(floor_s, 3),
        "to_plain_update": round(boundary_s / floor_s, 1),
        "pushed_s": round(pushed_s, 3),
        "first_seen_s": round(first_s, 3),
        "peak_mb": memory_mb,
    }


def timed(step: Callable[[], int], expected: int) -> float:
    began = time.perf_counter()
    done = step()
    took = time.perf_counter() - began
    assert done == expected, f"{done} of {expected}"
    return took


def plain_update(database: SqlDatabase) -> int:
    """What a boundary writes, without finding out what to write. It stays out of the way of the next round."""
    add = "look_at + 1" if database.engine.dialect.name == "sqlite" else "look_at + interval '1 microsecond'"
    with database.engine.begin() as db:
        # Digits are read from text and written as such: the engine does the work of writing, not of counting.
        return db.execute(text(f"UPDATE price_series SET price = price || '', look_at = {add}")).rowcount


class Peak:
    """The most memory of this process from here on, where the system tells (Linux)."""

    def __init__(self) -> None:
        self.before = self._told("VmRSS")
        with_reset = Path("/proc/self/clear_refs")
        if with_reset.exists():
            with_reset.write_text("5")

    def mb(self) -> float | None:
        most = self._told("VmHWM")
        return None if most is None or self.before is None else round((most - self.before) / 1024, 1)

    def _told(self, name: str) -> int | None:
        status = Path("/proc/self/status")
        if not status.exists():
            return None
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{name}:"))


@contextmanager
def sqlite() -> Iterator[SqlDatabase | None]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        upgrade(url)
        database = SqlDatabase(open_engine(url))
        yield database
        database.close()


@contextmanager
def postgresql() -> Iterator[SqlDatabase | None]:
    from tests.postgres import NoPostgres, create_database, running_server

    try:
        with running_server(durable=True) as server:
            url = create_database(server).render_as_string(hide_password=False)
            upgrade(url)
            database = SqlDatabase(open_engine(url))
            yield database
            database.close()
    except NoPostgres as reason:
        print(f"PostgreSQL skipped: {reason}", file=sys.stderr)
        yield None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--tariffs", type=int, default=200, help="how many share one: series / tariffs")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    for name, opened in (("sqlite", sqlite), ("postgresql", postgresql)):
        for series in asked.series:
            with opened() as database:
                if database is not None:
                    found.setdefault(name, []).append(measure(database, series, asked.tariffs))
    load = round(os.getloadavg()[0], 2)
    if asked.json:
        print(json.dumps({"load": load, "tariffs": asked.tariffs} | found, indent=2))
        return
    print(f"{asked.tariffs} tariffs, load of the machine {load}")
    for name, runs in found.items():
        for run in runs:
            print(
                f"  {name:<10} {run['series']:>6} series: boundary {run['boundary_s']} s "
                f"({run['us_per_series']} µs each), {run['to_plain_update']} times a plain UPDATE of the rows; "
                f"pushed {run['pushed_s']} s; first seen {run['first_seen_s']} s; peak +{run['peak_mb']} MB"
            )


if __name__ == "__main__":
    main()
