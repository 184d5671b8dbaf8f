"""How long the index takes to find what is near, beside two plain ways to do the same, in one run.

    python -m bench.search --n 100000 [--queries 300] [--json]

Peers: a latitude/longitude box in SQLite followed by exact distances, and a loop over all stations. Each peer must
first give the same answers. CPU microseconds per query of the whole process; quote the ratios, not the figures.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from core.clock import SystemClock
from core.geo import Point
from core.opening import ALWAYS
from core.station import Connector, ConnectorRef, Plug, Station, Supplier, station_key
from core.wishes import Filters
from storage.engine import open_engine
from storage.index import InMemoryStationIndex
from storage.migrate import upgrade
from storage.unit_of_work import SqlDatabase

RADIUS_M = 5_000
SUPPLIER = Supplier("bench", "bench", "Bench")


def city(n: int, seed: int) -> list[Station]:
    """Stations around forty centres of a country-sized area, a third of them spread wide."""
    dice = random.Random(seed)
    centres = [(dice.uniform(46, 52), dice.uniform(6, 14)) for _ in range(40)]
    stations = []
    for number in range(n):
        lat, lng = dice.choice(centres)
        spread = 0.5 if dice.random() < 0.33 else 0.04
        point = Point(lat + dice.gauss(0, spread), lng + dice.gauss(0, spread))
        guns = tuple(
            Connector(ConnectorRef("BENCH", f"{number}-{gun}"), Plug.CCS2, Decimal(dice.choice([22, 50, 150])))
            for gun in range(2)
        )
        key = station_key("bench", str(number))
        stations.append(Station(key, "bench", str(number), f"S{number}", point, guns, hours=ALWAYS))
    return stations


def metres(a: Point, b: Point) -> float:
    """Haversine, as a plain program would do it."""
    lat1, lat2 = math.radians(a.lat), math.radians(b.lat)
    half_lat, half_lng = (lat2 - lat1) / 2, math.radians(b.lng - a.lng) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lng) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


def sqlite_box(stations: list[Station]) -> Callable[[Point], set[str]]:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE s (id TEXT, lat REAL, lng REAL)")
    db.executemany("INSERT INTO s VALUES (?, ?, ?)", [(one.id, one.point.lat, one.point.lng) for one in stations])
    db.execute("CREATE INDEX near ON s (lat, lng)")
    by_id = {one.id: one for one in stations}

    def ask(here: Point) -> set[str]:
        dlat = RADIUS_M / 110_000
        dlng = dlat / math.cos(math.radians(here.lat))
        box = (here.lat - dlat, here.lat + dlat, here.lng - dlng, here.lng + dlng)
        rows = db.execute("SELECT id FROM s WHERE lat BETWEEN ? AND ? AND lng BETWEEN ? AND ?", box)
        return {key for (key,) in rows if metres(here, by_id[key].point) <= RADIUS_M}

    return ask


def measure(ask: Callable[[Point], object], places: list[Point]) -> float:
    """Median over five rounds of CPU microseconds per query."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for here in places:
            ask(here)
        rounds.append((time.process_time() - start) / len(places) * 1e6)
    return statistics.median(rounds)


def run(n: int, queries: int, seed: int = 7) -> dict[str, float]:
    stations = city(n, seed)
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        upgrade(url)
        database = SqlDatabase(open_engine(url))
        start = time.process_time()
        with database.write() as unit:
            unit.catalogue.save_supplier(SUPPLIER)
            unit.catalogue.save_stations(stations, clock.now())
        stored_s = time.process_time() - start
        index = InMemoryStationIndex(database, clock)
        start = time.process_time()
        index.refresh()
        loaded_s = time.process_time() - start
    at, nothing = clock.now(), Filters()

    def ours(here: Point) -> set[str]:
        found = index.nearby(here, radius_m=RADIUS_M, filters=nothing, at=at, limit=100_000)
        return {hit.station.id for hit in found.hits}

    def loop(here: Point) -> set[str]:
        return {one.id for one in stations if metres(here, one.point) <= RADIUS_M}

    box = sqlite_box(stations)
    dice = random.Random(seed + 1)
    places = [dice.choice(stations).point for _ in range(queries)]
    # Haversine and the ellipsoid differ by up to 0.6 %: only stations at the rim may be told apart.
    for here in places[:20]:
        rim = {one.id for one in stations if abs(metres(here, one.point) - RADIUS_M) < RADIUS_M * 0.006}
        assert ours(here) - rim == loop(here) - rim == box(here) - rim
    figures = {"ours": measure(ours, places), "sqlite_box": measure(box, places), "loop": measure(loop, places[:10])}
    return {
        "n": n,
        **{f"{name}_us": round(value, 1) for name, value in figures.items()},
        "sqlite_box_to_ours": round(figures["sqlite_box"] / figures["ours"], 2),
        "loop_to_ours": round(figures["loop"] / figures["ours"], 1),
        "store_us_per_station": round(stored_s / n * 1e6, 1),
        "load_us_per_station": round(loaded_s / n * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = run(given.n, given.queries)
    print(json.dumps(figures) if given.json else "\n".join(f"{name:>22} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
