"""A boundary of time-of-use tariffs that very many groups of guns reach at once: from the clock to ticks committed.

    python -m bench.boundaries [--series 5000 50000] [--tariffs 200] [--json]

Nothing is pushed: the tariffs have a step every two hours, and the clock is set to one after the other. Then every
price is pushed anew, once, and followed ("pushed"); a day later all guns are asked whether it still holds ("asked").
Whoever gets the ticks does nothing with them. The floor is one UPDATE of price and time of the same rows, committed,
on the same engine in the same run; quote the ratio. Seconds on the wall, of a boundary the median of the rounds;
"cpu" is this process alone, which shows how much others were in the way. Memory is that of a process which has done
nothing but follow. SQLite always (a file, synchronous=FULL); PostgreSQL where its server is installed, with its
commits on disk.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
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


def prepare(url: str, series: int, shared: int) -> None:
    upgrade(url)
    database, known = SqlDatabase(open_engine(url)), tariffs(shared)
    with database.write() as unit:
        unit.catalogue.save_supplier(SUPPLIER)
        unit.catalogue.add_tariffs(known)
    for numbers in chunks(range(series), 5_000):
        with database.write() as unit:
            some = [station(number, known[number % len(known)].id) for number in numbers]
            unit.catalogue.save_stations(some, BEGAN)
    told = PriceService(database, Clock(), nothing).follow()
    assert told == series, f"{told} ticks of {series} new series"
    database.close()


def push(database: SqlDatabase, series: int, known: Sequence[Tariff], at: datetime) -> None:
    for numbers in chunks(range(series), 5_000):
        told = [(ref, known[number % len(known)]) for number in numbers for ref in guns_of(number)]
        with database.write() as unit:
            unit.catalogue.save_tariffs(SUPPLIER.id, told, at, pushed=True)


def nothing(unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
    """As if nobody had a wish."""


# --- measuring ----------------------------------------------------------------------------------------------


def measure(url: str, series: int, shared: int) -> dict[str, Any]:
    database, clock = SqlDatabase(open_engine(url)), Clock()
    service = PriceService(database, clock, nothing)
    service.is_behind()  # the first connection
    # As the clock process does it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    empty_mb = most_mb()
    clock.time = BEGAN.replace(minute=0)
    rounds = []
    for _ in range(ROUNDS):
        clock.time += EVERY
        rounds.append(timed(service.boundaries, series))
    full_mb = most_mb()
    floor = [timed(lambda: plain_update(database), series) for _ in range(3)]
    clock.time += timedelta(minutes=30)
    again = tariffs(shared, dearer=1)
    push(database, series, again, clock.time)
    pushed = timed(service.follow, series)
    push(database, series, again, clock.time + timedelta(hours=4))  # says nothing new, and costs the same then
    clock.time += timedelta(days=1)
    asked = timed(service.boundaries, 0)
    database.close()
    boundary = [statistics.median(one) for one in zip(*rounds, strict=True)]
    floor_s = statistics.median(wall for wall, _ in floor)
    return {
        "series": series,
        "boundary_s": round(boundary[0], 3),
        "boundary_cpu_s": round(boundary[1], 3),
        "rounds_s": [round(wall, 3) for wall, _ in rounds],
        "us_per_series": round(boundary[0] / series * 1e6, 1),
        "plain_update_s": round(floor_s, 3),
        "to_plain_update": round(boundary[0] / floor_s, 1),
        "pushed_s": round(pushed[0], 3),
        "pushed_cpu_s": round(pushed[1], 3),
        "asked_s": round(asked[0], 3),
        "most_mb": round(full_mb),
        "more_than_empty_mb": round(full_mb - empty_mb),
    }


def timed(step: Callable[[], int], expected: int) -> tuple[float, float]:
    """Seconds on the wall, and of this process's CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    done = step()
    took = time.perf_counter() - began, time.process_time() - cpu
    assert done == expected, f"{done} of {expected}"
    return took


def most_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plain_update(database: SqlDatabase) -> int:
    """What a boundary writes, without finding out what to write. Nothing is due by it."""
    later = "look_at + 1" if database.engine.dialect.name == "sqlite" else "look_at + interval '1 microsecond'"
    with database.engine.begin() as db:
        return db.execute(text(f"UPDATE price_series SET price = price || '', look_at = {later}")).rowcount


@contextmanager
def sqlite() -> Iterator[str | None]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


@contextmanager
def postgresql() -> Iterator[str | None]:
    from tests.postgres import NoPostgres, create_database, running_server

    try:
        with running_server(durable=True) as server:
            yield create_database(server).render_as_string(hide_password=False)
    except NoPostgres as reason:
        print(f"PostgreSQL skipped: {reason}", file=sys.stderr)
        yield None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--tariffs", type=int, default=200, help="that the series share")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    # A process of its own for each step, so that its memory is its own.
    alone = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=alone, max_tasks_per_child=1) as pool:
        for name, opened in (("sqlite", sqlite), ("postgresql", postgresql)):
            for series in asked.series:
                with opened() as url:
                    if url is not None:
                        pool.submit(prepare, url, series, asked.tariffs).result()
                        run = pool.submit(measure, url, series, asked.tariffs).result()
                        found.setdefault(name, []).append(run | {"load": round(os.getloadavg()[0], 1)})
    if asked.json:
        print(json.dumps({"tariffs": asked.tariffs} | found, indent=2))
        return
    print(f"{asked.tariffs} tariffs")
    for name, runs in found.items():
        for run in runs:
            print(
                f"  {name:<10} {run['series']} series: boundary {run['boundary_s']} s "
                f"(cpu {run['boundary_cpu_s']} s), {run['us_per_series']} µs each, "
                f"{run['to_plain_update']} times a plain UPDATE of the rows; "
                f"pushed {run['pushed_s']} s, asked {run['asked_s']} s; "
                f"memory {run['most_mb']} MB, {run['more_than_empty_mb']} MB of it for this; load {run['load']}"
            )


if __name__ == "__main__":
    main()
