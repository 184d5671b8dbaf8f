"""Which wishes a batch of price changes crosses: our matchers beside the plain join on SQLite and PostgreSQL.

    python -m bench.alerts [--watches 100000 1000000] [--changes 50000] [--json]

Seven of ten wishes are about a station, three about a circle of 2, 5 or 10 km with filters. Each way starts with the
batch as lists of numbers in this process and ends with the answer in it: SQLite takes the batch into a table
("batch"), PostgreSQL as arrays with the question, ours as columns ("batch"). The databases have the same cells and
the best index we know of, and are told the cells of each change. All have to give the same answer. CPU milliseconds,
those of PostgreSQL's own process included, the best of several rounds; quote the ratios. PostgreSQL is left out,
with the reason, where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.prices.areas import AreaMatcher, AreaWish, cell_of, cells_touched, grid_of, metres_per_degree
from core.prices.matching import StationMatcher, Ticks

STATIONS = 100_000
RADII_M = (2_000, 5_000, 10_000)
ROUNDS = 5
Pairs = set[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class World:
    ticks: Ticks
    station: dict[str, np.ndarray]
    area: dict[str, np.ndarray]


def world(watches: int, changes: int, seed: int = 7) -> World:
    """Stations around forty centres of a country; prices of 0.80 to 2.20, thresholds from 25 % below to 5 % above."""
    dice = np.random.default_rng(seed)
    centres = dice.uniform((46, 6), (52, 14), (40, 2))
    at = centres[dice.integers(0, 40, STATIONS)] + dice.normal(0, 0.15, (STATIONS, 2))
    price = dice.integers(8_000, 22_000, STATIONS)
    plugs, power = 1 << dice.integers(0, 4, STATIONS), dice.choice([7_000, 22_000, 120_000], STATIONS)
    operator = dice.integers(1, 40, STATIONS)
    changed = dice.choice(STATIONS, changes, replace=changes > STATIONS)
    old = price[changed]
    new = (old * (1 + dice.normal(0, 0.1, changes))).astype(np.int64)
    ticks = Ticks(
        changed, old, new, at[changed, 0], at[changed, 1], plugs[changed], power[changed], operator[changed]
    )
    of_stations = watches * 7 // 10
    of_areas = watches - of_stations
    place = dice.integers(0, STATIONS, of_stations)
    middle = at[dice.integers(0, STATIONS, of_areas)] + dice.normal(0, 0.02, (of_areas, 2))
    return World(
        ticks,
        {
            "ids": np.arange(of_stations),
            "places": place,
            "thresholds": (price[place] * dice.uniform(0.75, 1.05, of_stations)).astype(np.int64),
        },
        {
            "ids": np.arange(of_stations, watches),
            "lat": middle[:, 0],
            "lng": middle[:, 1],
            "radius_m": dice.choice(RADII_M, of_areas),
            "thresholds": dice.integers(5_000, 9_000, of_areas),
            "plugs": np.where(dice.random(of_areas) < 0.5, 0, 1 << dice.integers(0, 4, of_areas)),
            "power_w": dice.choice([0, 0, 22_000, 50_000], of_areas),
            "operator": np.where(dice.random(of_areas) < 0.8, 0, dice.integers(1, 40, of_areas)),
        },
    )


# --- ours ---------------------------------------------------------------------------------------------------


def ours(made: World) -> tuple[StationMatcher, AreaMatcher, float]:
    began = time.perf_counter()
    stations, areas = StationMatcher(), AreaMatcher()
    stations.load(**made.station)
    areas.load(**made.area)
    return stations, areas, time.perf_counter() - began


def as_pairs(*found: tuple[np.ndarray, np.ndarray]) -> Pairs:
    return {pair for ids, ticks in found for pair in zip(ids.tolist(), ticks.tolist(), strict=True)}


def upkeep(stations: StationMatcher, areas: AreaMatcher) -> dict[str, float]:
    """Microseconds to put a wish in and to take it out again, merges included."""
    n = 5_000
    dice = np.random.default_rng(1)
    circles = [
        AreaWish(10**9 + k, float(lat), float(lng), 5_000, 9_000)
        for k, (lat, lng) in enumerate(dice.uniform((46, 6), (52, 14), (n, 2)))
    ]
    places = dice.integers(0, STATIONS, n).tolist()
    steps: dict[str, Callable[[int], object]] = {
        "station_add": lambda k: stations.add(10**9 + k, places[k], 10_000),
        "station_remove": lambda k: stations.remove(10**9 + k, places[k], 10_000),
        "area_add": lambda k: areas.add(circles[k]),
        "area_remove": lambda k: areas.remove(circles[k]),
    }
    figures = {}
    for name, step in steps.items():
        began = time.perf_counter()
        for k in range(n):
            step(k)
        figures[name] = round((time.perf_counter() - began) / n * 1e6, 1)
    return figures


# --- the databases ------------------------------------------------------------------------------------------

TABLES = (
    "CREATE TABLE station_watch (id BIGINT, place BIGINT, threshold BIGINT)",
    "CREATE TABLE area_watch (id INTEGER PRIMARY KEY, lat DOUBLE PRECISION, lng DOUBLE PRECISION, "
    "north DOUBLE PRECISION, east DOUBLE PRECISION, radius_m BIGINT, plugs BIGINT, power_w BIGINT, operator BIGINT)",
    "CREATE TABLE area_cell (cell BIGINT, threshold BIGINT, watch BIGINT)",
)
INDEXES = (
    "CREATE INDEX by_place ON station_watch (place, threshold, id)",
    "CREATE INDEX by_cell ON area_cell (cell, threshold, watch)",
    "ANALYZE",
)
STATION_JOIN = (
    "SELECT w.id, c.n FROM {change} JOIN station_watch w "
    "ON w.place = c.place AND w.threshold >= c.new AND w.threshold < c.old WHERE c.new < c.old"
)
AREA_JOIN = (
    "SELECT w.id, c.n FROM {change} "
    "JOIN area_cell a ON a.cell = c.cell AND a.threshold >= c.new AND a.threshold < c.old "
    "JOIN area_watch w ON w.id = a.watch WHERE c.new < c.old "
    "AND ((c.lat - w.lat) * w.north) * ((c.lat - w.lat) * w.north) "
    "+ ((c.lng - w.lng) * w.east) * ((c.lng - w.lng) * w.east) <= w.radius_m * w.radius_m "
    "AND (w.plugs = 0 OR (w.plugs & c.plugs) <> 0) AND w.power_w <= c.power_w "
    "AND (w.operator = 0 OR w.operator = c.operator)"
)
CHANGE = ("n", "place", "old", "new")
IN_CELL = ("n", "cell", "old", "new", "lat", "lng", "plugs", "power_w", "operator")


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes as lists: once each, and once for each cell they lie in."""

    change: tuple[list[Any], ...]
    in_cell: tuple[list[Any], ...]
    columns: tuple[list[Any], ...]  # of `Ticks`

    @classmethod
    def of(cls, made: World) -> Batch:
        ticks = made.ticks
        columns = (
            ticks.place, ticks.old, ticks.new, ticks.lat, ticks.lng, ticks.plugs, ticks.power_w, ticks.operator,
        )  # fmt: skip
        place, *others = [column.tolist() for column in columns]
        n, grids = list(range(len(place))), np.unique(grid_of(made.area["radius_m"]))
        cells = [cell for grid in grids for cell in cell_of(np.full(len(n), grid), ticks.lat, ticks.lng).tolist()]
        return cls(
            (n, place, others[0], others[1]),
            (n * len(grids), cells, *(one * len(grids) for one in others)),
            (place, *others),
        )

    def ticks(self) -> Ticks:
        return Ticks(*(np.array(column) for column in self.columns))


def rows_of(made: World) -> dict[str, Iterator[tuple[Any, ...]]]:
    """What goes into each table."""
    area = made.area
    north, east = metres_per_degree(area["lat"])
    touched = list(cells_touched(area["lat"], area["lng"], area["radius_m"]))
    which = np.concatenate([one for one, _ in touched])
    cells = np.concatenate([cell for _, cell in touched])

    def rows(*columns: np.ndarray) -> Iterator[tuple[Any, ...]]:
        return zip(*(column.tolist() for column in columns), strict=True)

    return {
        "station_watch": rows(made.station["ids"], made.station["places"], made.station["thresholds"]),
        "area_watch": rows(
            area["ids"], area["lat"], area["lng"], north.astype(float), east.astype(float), area["radius_m"],
            area["plugs"], area["power_w"], area["operator"],
        ),
        "area_cell": rows(cells, area["thresholds"][which], area["ids"][which]),
    }  # fmt: skip


Answer = list[tuple[int, int]]
Clock = Callable[[], float]  # CPU seconds


@dataclass(frozen=True, slots=True)
class Peer:
    """The steps of one way to do it; `hand_over` where the batch does not come with the questions."""

    clock: Clock
    station: Callable[[], Answer]
    area: Callable[[], Answer]
    hand_over: Callable[[], object] = lambda: None


@contextmanager
def sqlite(made: World, batch: Batch) -> Iterator[Peer]:
    db = sqlite3.connect(":memory:")
    for table in TABLES:
        db.execute(table)
    for name, rows in rows_of(made).items():
        first = next(rows)
        marks = ", ".join("?" * len(first))
        db.execute(f"INSERT INTO {name} VALUES ({marks})", first)
        db.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    for index in INDEXES:
        db.execute(index)
    taken = {"change": (CHANGE, batch.change), "in_cell": (IN_CELL, batch.in_cell)}
    for name, (names, _) in taken.items():
        db.execute(f"CREATE TEMP TABLE {name} ({', '.join(names)})")

    def hand_over() -> None:
        for name, (names, columns) in taken.items():
            db.execute(f"DELETE FROM {name}")
            db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(names))})", zip(*columns, strict=True))

    yield Peer(
        time.process_time,
        lambda: db.execute(STATION_JOIN.format(change="change c")).fetchall(),
        lambda: db.execute(AREA_JOIN.format(change="in_cell c")).fetchall(),
        hand_over,
    )
    db.close()


@contextmanager
def postgresql(made: World, batch: Batch) -> Iterator[Peer | None]:
    import psycopg

    from tests.postgres import NoPostgres, create_database, running_server

    def arrays(names: tuple[str, ...]) -> bytes:
        kinds = ("float8" if name in ("lat", "lng") else "bigint" for name in names)
        return f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)}) AS c({', '.join(names)})".encode()

    try:
        with running_server() as server:
            url = create_database(server).render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as db:
                # Several processes only cost more CPU, and are harder to count.
                db.execute("SET max_parallel_workers_per_gather = 0")
                for table in TABLES:
                    db.execute(table.encode())
                for name, rows in rows_of(made).items():
                    with db.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN".encode()) as copy:
                        for row in rows:
                            copy.write_row(row)
                for index in INDEXES:
                    db.execute(index.encode())
                db.execute("VACUUM")
                station = STATION_JOIN.encode().replace(b"{change}", arrays(CHANGE))
                area = AREA_JOIN.encode().replace(b"{change}", arrays(IN_CELL))
                yield Peer(
                    _with_backend(db.info.backend_pid),
                    lambda: db.execute(station, batch.change).fetchall(),
                    lambda: db.execute(area, batch.in_cell).fetchall(),
                )
    except NoPostgres as reason:
        print(f"PostgreSQL skipped: {reason}", file=sys.stderr)
        yield None


def _with_backend(pid: int) -> Clock:
    """Our CPU seconds and those of the process that serves us. Raises OSError where it runs on another machine."""
    stat = Path(f"/proc/{pid}/stat")
    if "postgres" not in stat.read_text():
        raise OSError(f"process {pid} is not PostgreSQL's")
    a_tick = 1 / os.sysconf("SC_CLK_TCK")

    def clock() -> float:
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) * a_tick

    return clock


# --- the race -----------------------------------------------------------------------------------------------


def best(step: Callable[[], object], rounds: int, clock: Clock = time.process_time) -> float:
    """CPU milliseconds of the cheapest round."""
    took = []
    for _ in range(rounds):
        began = clock()
        step()
        took.append(clock() - began)
    return min(took) * 1000


def measure(watches: int, changes: int) -> dict[str, Any]:
    made = world(watches, changes)
    batch = Batch.of(made)
    stations, areas, built_s = ours(made)
    found = as_pairs(stations.crossed(made.ticks), areas.crossed(made.ticks))

    def race() -> dict[str, float]:
        return {
            "batch": best(batch.ticks, ROUNDS),
            "station": best(lambda: stations.crossed(made.ticks), ROUNDS),
            "area": best(lambda: areas.crossed(made.ticks), ROUNDS),
        }

    # First and last in the run, and the better: the machine is not ours alone.
    first, peers = race(), {}
    for name, opened in (("sqlite", sqlite), ("postgresql", postgresql)):
        with opened(made, batch) as peer:
            if peer is None:
                continue
            handed_over = best(peer.hand_over, 2, peer.clock)
            answer = {*peer.station(), *peer.area()}
            assert answer == found, f"{name} has {len(answer)} alerts, ours are {len(found)}"
            peers[name] = {
                "batch": handed_over,
                "station": best(peer.station, 3, peer.clock),
                "area": best(peer.area, 3, peer.clock),
            }
    last = race()
    mine = {kind: min(first[kind], last[kind]) for kind in first}
    of_stations, of_areas = len(made.station["ids"]), len(made.area["ids"])
    memory = {
        "station": round(stations.nbytes / of_stations, 1),
        "area": round(areas.nbytes / of_areas, 1),
        "all": round((stations.nbytes + areas.nbytes) / watches, 1),
    }
    return {
        "watches": watches,
        "changes": changes,
        "falling": int((made.ticks.new < made.ticks.old).sum()),
        "alerts": len(found),
        "ms": {name: _rounded(one) for name, one in {"ours": mine, **peers}.items()},
        "to_ours": {name: round(sum(one.values()) / sum(mine.values()), 1) for name, one in peers.items()},
        "bytes_per_watch": memory,
        "built_s": round(built_s, 2),
        "upkeep_us": upkeep(stations, areas),
    }


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {kind: round(value, 1) for kind, value in (figures | {"all": sum(figures.values())}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watches", type=int, nargs="+", default=[100_000])
    parser.add_argument("--changes", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    runs = [measure(watches, asked.changes) for watches in asked.watches]
    if asked.json:
        print(json.dumps({"runs": runs}, indent=2))
        return
    for run in runs:
        print(f"{run['changes']} changes, {run['falling']} of them falling, {run['watches']} watches:", end=" ")
        print(f"{run['alerts']} alerts, the same from all")
        for name, one in run["ms"].items():
            ratio = f", {run['to_ours'][name]} times ours" if name in run["to_ours"] else ""
            steps = ", ".join(f"{step} {one[step]} ms" for step in ("batch", "station", "area", "all"))
            print(f"  {name:<11} {steps}{ratio}")
        print(f"  bytes per watch {run['bytes_per_watch']}, built in {run['built_s']} s, µs {run['upkeep_us']}")


if __name__ == "__main__":
    main()
