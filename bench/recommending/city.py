"""The city that is replayed: zones of Shenzhen with their real prices and how busy they were, hour by hour.

A zone stands for one station of thirteen guns. How busy it was is not published; its energy, against the most it
ever gave in an hour (the 99.5th percentile), stands for that. The wait follows from it by Sakasegawa's formula.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.geo import Datum, Point

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

GUNS = 13
SESSION_MIN = 60.0
LONGEST_WAIT_MIN = 45.0  # longer is a failed visit (MASTER, WWW'21)
FULL = 0.995  # the quantile of a zone's energy that counts as every gun taken
FULLEST = 0.999  # the formula has no answer for 1
WEEK_H = 168
LEARNT_WEEKS = 8  # profiles come from these; only later hours are asked about

WITHIN_KM = 15.0  # of the driver: the zones to choose from
REACHED_KM = 12.0  # nobody asks from farther away than this from every zone
EARTH_KM = 6371.0088

PRICES, STATIONS = "zone_price_hourly.csv.gz", "stations.csv"
FILES = (PRICES, STATIONS)


@dataclass(frozen=True)
class City:
    """Arrays are zone x hour. `began` is the hour at index 0, on the city's clock."""

    zones: tuple[str, ...]
    points: tuple[Point, ...]  # WGS-84
    origins: tuple[Point, ...]  # where drivers stand: the zones around, with or without a price series
    began: datetime
    price: Floats  # CNY per kWh
    energy_kwh: Floats
    busy: Floats  # 0 to 1

    @property
    def hours(self) -> int:
        return int(self.price.shape[1])

    @property
    def learnt_h(self) -> int:
        return LEARNT_WEEKS * WEEK_H

    def at(self, hour: float) -> datetime:
        return self.began + timedelta(hours=hour)

    def usually_busy(self) -> Floats:
        """Zone x hour of the week, from the first weeks alone. Index 0 is the hour of the week of `began`."""
        weeks = self.busy[:, : self.learnt_h].reshape(len(self.zones), LEARNT_WEEKS, WEEK_H)
        return np.asarray(weeks.mean(axis=1))


def queue_min(busy: Floats) -> Floats:
    """Minutes of waiting as the formula has them, without a limit."""
    load = np.minimum(busy, FULLEST)
    return np.asarray(SESSION_MIN * load ** (np.sqrt(2 * (GUNS + 1)) - 1) / (GUNS * (1 - load)))


def wait_min(busy: Floats) -> Floats:
    return np.minimum(queue_min(busy), LONGEST_WAIT_MIN)


def missing(folder: Path) -> list[str]:
    return [str(folder / name) for name in FILES if not (folder / name).is_file()]


def read_city(folder: Path) -> City:
    """Raises ValueError where the series of the zones are not of one length."""
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    began = ""
    with gzip.open(folder / PRICES, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            began = began or row["time"]
            per_kwh = round(float(row["e_price_cny_kwh"]) + float(row["s_price_cny_kwh"]), 4)
            series[row["zone_id"]].append((per_kwh, float(row["volume_kwh"])))
    zones = tuple(sorted(series, key=int))
    table = np.array([series[zone] for zone in zones])  # zone x hour x (price, energy)
    energy = table[:, :, 1]
    full = np.quantile(energy, FULL, axis=1)
    middles = _middles(folder / STATIONS)
    points = tuple(middles[zone] for zone in zones)
    away = km(points, middles.values()).min(axis=0)
    return City(
        zones=zones,
        points=points,
        origins=tuple(one for one, far in zip(middles.values(), away, strict=True) if far <= REACHED_KM),
        began=datetime.fromisoformat(began),
        price=table[:, :, 0],
        energy_kwh=energy,
        busy=np.minimum(energy / full[:, None], 1.0),
    )


def _middles(file: Path) -> dict[str, Point]:
    """Every zone lies in the middle of its stations. They are told in GCJ-02."""
    told: dict[str, list[Point]] = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            gcj02 = Point(float(row["latitude_gcj02"]), float(row["longitude_gcj02"]), Datum.GCJ02)
            told[row["zone_id"]].append(gcj02.wgs84)
    return {
        zone: Point(sum(one.lat for one in points) / len(points), sum(one.lng for one in points) / len(points))
        for zone, points in told.items()
    }


def km(here: Iterable[Point], there: Iterable[Point]) -> Floats:
    """Here x there, in straight lines. Within a city the Earth is flat."""
    here_lat, here_lng = np.radians([(one.lat, one.lng) for one in here]).T
    there_lat, there_lng = np.radians([(one.lat, one.lng) for one in there]).T
    north = here_lat[:, None] - there_lat
    east = (here_lng[:, None] - there_lng) * np.cos(there_lat.mean())
    return np.asarray(EARTH_KM * np.hypot(north, east))
