"""From a boundary that 50,000 prices reach to the messages of the drivers who watch them, in the database, committed.

    python -m bench.alert_rows [--watches 100000 1000000] [--series 50000] [--json]

The real services do it: the clock is set to a step of the tariffs, nothing is pushed, all prices rise or fall at
once; four hours later they fall again, and nobody is told the same again. Seven of ten watches are on a station,
three on a circle of one to five kilometres with some hundred stations; nine of ten are for a price, the others for so
much below the usual one or the lowest of a month. One in twenty of those for a price comes true. Every third watch is
another driver's, all of them on Telegram. Seconds on the wall ("cpu": of this process alone, as the machine is
shared); the same without watches is `python -m bench.boundaries`. SQLite is a file with synchronous=FULL, PostgreSQL
commits to disk; where its server is not installed it is left out, with the reason.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select

from bench.boundaries import BEGAN, EVERY, Clock, most_mb, postgresql, prepare, sqlite
from core.ports import UnitOfWork
from core.prices.matching import units
from core.prices.watching import Rule
from core.services.alerts import AlertService
from core.services.prices import PriceService, SeriesTick
from core.watch import low_of_days
from storage.bulk import chunks, insert_rows
from storage.engine import open_engine
from storage.tables import alerts, identities, outbox, price_series, stations, users, watches
from storage.unit_of_work import SqlDatabase

STATION_SHARE, OTHER_RULES, WATCHES_EACH = 0.7, 0.1, 3
RADII_M = (1_000, 2_000, 5_000)
COMES_TRUE = 0.05  # of those for a price
FALLS = Decimal("0.1")  # every other step; the others rise
_AT_ONCE = 20_000


def fill(url: str, count: int) -> None:
    """So many watches, and their drivers."""
    database = SqlDatabase(open_engine(url))
    dice = np.random.default_rng(7)
    with database.engine.begin() as db:
        series = db.execute(
            select(
                price_series.c.id, price_series.c.station_id, price_series.c.price, stations.c.lat, stations.c.lng
            ).join(stations, stations.c.id == price_series.c.station_id)
        ).all()
    people = count // WATCHES_EACH + 1
    for numbers in chunks(range(people), _AT_ONCE):
        with database.engine.begin() as db:
            insert_rows(db, insert(users), [_user(number) for number in numbers])
            insert_rows(db, insert(identities), [_chat(number) for number in numbers])
    for numbers in chunks(range(count), _AT_ONCE):
        with database.engine.begin() as db:
            insert_rows(db, insert(watches), [_watch(number, series, people, dice) for number in numbers])
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE")
    database.close()


def _user(number: int) -> dict[str, Any]:
    return {
        "id": f"u{number}", "language": "en", "created_at": BEGAN, "energy_kwh": Decimal(30), "mode": "balanced",
        "filters": "{}", "asked": "[]", "reachable": True, "stopped": False,
    }  # fmt: skip


def _chat(number: int) -> dict[str, Any]:
    return {"channel": "telegram", "external_id": f"{number}", "user_id": f"u{number}", "linked_at": BEGAN}


def _watch(number: int, series: Sequence[Any], people: int, dice: np.random.Generator) -> dict[str, Any]:
    at = series[int(dice.integers(len(series)))]
    kind, wide = dice.random(), dice.random() >= STATION_SHARE
    rule = Rule.BELOW if kind >= OTHER_RULES else Rule.BELOW_USUAL if kind >= OTHER_RULES / 2 else Rule.LOWEST
    true = dice.random() < COMES_TRUE
    if wide:
        # Each holds some hundred stations, and the cheapest of them ask for 1.40.
        wished = Decimal(int(dice.integers(14_000, 14_200) if true else dice.integers(9_000, 13_990))) / 10_000
    else:
        # Filled in at the low price, between two high ones.
        wished = at.price + FALLS / 2 if true else at.price * Decimal(int(dice.integers(50, 99))) / 100
    amount = {Rule.BELOW: round(wished, 4), Rule.BELOW_USUAL: Decimal(10), Rule.LOWEST: Decimal(30)}[rule]
    level = {Rule.BELOW: units(amount), Rule.BELOW_USUAL: units(Decimal("0.9")), Rule.LOWEST: low_of_days(30)}[rule]
    row = {column.name: None for column in watches.c if column.name != "id"}
    return row | {
        "user_id": f"u{number % people}", "place": "area" if wide else "station", "rule": rule.value,
        "station_id": "" if wide else at.station_id, "series_id": 0 if wide else at.id,
        "plug": "" if wide else "gbt_dc", "power_kw": None if wide else Decimal(120),
        "lat": at.lat if wide else None, "lng": at.lng if wide else None,
        "radius_m": int(dice.choice(RADII_M)) if wide else None, "plugs": 0, "operator_id": "", "shape": "",
        "amount": amount, "currency": "CNY" if rule is Rule.BELOW else "", "label": "Bench", "created_at": BEGAN,
        "expires_at": BEGAN + timedelta(days=180), "cooldown_s": 86_400, "armed": True, "level": level, "told": 0,
        "ended": "", "changed_at": BEGAN - timedelta(days=1),
    }  # fmt: skip


# --- measuring ----------------------------------------------------------------------------------------------


class Timed:
    """The service under the clock: how long the ticks of each transaction took it."""

    def __init__(self, service: AlertService) -> None:
        self.service, self.took_s = service, 0.0

    def __call__(self, unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        began = time.perf_counter()
        self.service.on_ticks(unit, ticks)
        self.took_s += time.perf_counter() - began


def measure(url: str, series: int) -> dict[str, Any]:
    database, clock = SqlDatabase(open_engine(url)), Clock()
    alerts_service = AlertService(database, clock, lambda *rows: None)
    timed = Timed(alerts_service)
    prices = PriceService(database, clock, timed)
    empty_mb, began = most_mb(), time.perf_counter()
    alerts_service.load()
    loaded_s, loaded_mb = time.perf_counter() - began, most_mb()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    runs = {}
    clock.time = BEGAN.replace(minute=0)
    for name in ("rises", "falls", "rises_again", "falls_again"):
        clock.time += EVERY
        before, timed.took_s = _counts(database), 0.0
        began, cpu = time.perf_counter(), time.process_time()
        ticks = prices.boundaries()
        took, used = time.perf_counter() - began, time.process_time() - cpu
        assert ticks == series, f"{ticks} ticks of {series}"
        after = _counts(database)
        runs[name] = {
            "s": round(took, 2), "cpu_s": round(used, 2), "for_watches_s": round(timed.took_s, 2),
            "alerts": after[0] - before[0], "rows": after[1] - before[1],
        }  # fmt: skip
    matchers = alerts_service._matchers
    count = _count(database, watches)
    database.close()
    return {
        "watches": count, "ticks": series, "loaded_s": round(loaded_s, 1),
        "bytes_per_watch": round(matchers.nbytes / count, 1), "loading_took_mb": round(loaded_mb - empty_mb),
        "most_mb": round(most_mb()), **runs,
    }  # fmt: skip


def _counts(database: SqlDatabase) -> tuple[int, int]:
    return _count(database, alerts), _count(database, outbox)


def _count(database: SqlDatabase, table: Any) -> int:
    with database.engine.begin() as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watches", type=int, nargs="+", default=[100_000])
    parser.add_argument("--series", type=int, default=50_000)
    parser.add_argument("--tariffs", type=int, default=200, help="that the series share")
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    alone = multiprocessing.get_context("spawn")
    engines = {"sqlite": sqlite, "postgresql": postgresql}
    with ProcessPoolExecutor(1, mp_context=alone, max_tasks_per_child=1) as pool:
        for name in asked.engines:
            for count in asked.watches:
                with engines[name]() as url:
                    if url is not None:
                        pool.submit(prepare, url, asked.series, asked.tariffs).result()
                        pool.submit(fill, url, count).result()
                        run = pool.submit(measure, url, asked.series).result()
                        found.setdefault(name, []).append(run | {"load": round(os.getloadavg()[0], 1)})
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for name, runs in found.items():
        for run in runs:
            print(f"{name}: {run['ticks']} ticks, {run['watches']} watches", end=", ")
            print(f"{run['bytes_per_watch']} bytes each in memory, read in {run['loaded_s']} s; load {run['load']}")
            for step in ("rises", "falls", "rises_again", "falls_again"):
                one = run[step]
                print(
                    f"  {step:<12} {one['s']} s (cpu {one['cpu_s']}), {one['for_watches_s']} of it for watches: "
                    f"{one['alerts']} alerts in {one['rows']} messages"
                )


if __name__ == "__main__":
    main()
