"""Who asks, where and when, and what each zone would really have cost them.

    cost = energy x price while it flows + 0.25 CNY per km there and back + the driver's time, driving and waiting

The regret of a choice is what it cost more than the cheapest zone within 15 km, in percent of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from bench.recommending.city import (
    EARTH_KM,
    GUNS,
    LONGEST_WAIT_MIN,
    WITHIN_KM,
    City,
    Floats,
    Ints,
    km,
    queue_min,
    wait_min,
)
from core.geo import Point
from core.wishes import Mode

KM_CNY = 0.25
SPEED_KMH = 25.0
ROADS = 1.3  # the way by road against the straight line
GUN_KW = Decimal(120)
MEAN_KW = 60.0  # over a charge

MODES = {10: Mode.CHEAP, 30: Mode.BALANCED, 60: Mode.HURRY, 100: Mode.HURRY}
ENERGIES_KWH = (10, 20, 30, 50)


@dataclass(frozen=True)
class Driver:
    """What the driver wants, and what we are told of it."""

    hour_cny: float
    kwh: int
    told_mode: Mode
    told_kwh: int

    @property
    def says(self) -> tuple[Mode, int]:
        return self.told_mode, self.told_kwh

    @classmethod
    def known(cls, hour_cny: int, kwh: int) -> Driver:
        return cls(hour_cny, kwh, MODES[hour_cny], kwh)

    @classmethod
    def unasked(cls, hour_cny: int, kwh: int) -> Driver:
        return cls(hour_cny, kwh, Mode.BALANCED, 30)


@dataclass(frozen=True)
class Requests:
    """Requests; arrays of one value each, or request x zone."""

    hour: Ints  # of the city's series
    minute: Floats
    where: tuple[Point, ...]
    straight_km: Floats  # request x zone
    road_km: Floats

    def __len__(self) -> int:
        return len(self.hour)

    @property
    def near(self) -> Floats:
        """1 for the zones to choose from, NaN for the others: multiply and they take no part."""
        return np.where(self.straight_km <= WITHIN_KM, 1.0, np.nan)


def ask(city: City, count: int, seed: int) -> Requests:
    """Requests from anywhere in the city, in hours as much as energy was really drawn in them."""
    dice = np.random.default_rng(seed)
    # Some hours are left at the end, so that every charge is over within the series.
    energy = city.energy_kwh[:, city.learnt_h : city.hours - 4].sum(axis=0)
    hour = city.learnt_h + dice.choice(len(energy), size=count, p=energy / energy.sum())
    where = tuple(city.origins[number] for number in dice.integers(len(city.origins), size=count))
    straight = km(where, city.points)
    return Requests(hour, dice.uniform(0, 60, count), where, straight, straight * ROADS)


def km_from_wrong_place(city: City, requests: Requests, off_km: float, seed: int) -> Floats:
    """Request x zone: as if the driver stood so far away, in any direction."""
    bearing = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(requests))
    moved = [
        Point(
            one.lat + np.degrees(off_km * np.cos(turn) / EARTH_KM),
            one.lng + np.degrees(off_km * np.sin(turn) / EARTH_KM / np.cos(np.radians(one.lat))),
        )
        for one, turn in zip(requests.where, bearing, strict=True)
    ]
    return km(moved, city.points)


def with_roads(requests: Requests, factor: Floats | float) -> Requests:
    return replace(requests, road_km=requests.straight_km * factor)


# --- the truth ----------------------------------------------------------------------------------------------


def paid_per_kwh(city: City, requests: Requests, kwh: int) -> Floats:
    """Request x zone: the mean price while the energy flows, from arrival on."""
    start = requests.hour[:, None] + requests.minute[:, None] / 60 + requests.road_km / SPEED_KMH
    # The price counted up from the beginning, so that the mean of any stretch is a difference.
    summed = np.concatenate([np.zeros((len(city.zones), 1)), np.cumsum(city.price, axis=1)], axis=1)
    length_h = kwh / MEAN_KW
    return (_counted(summed, city, start + length_h) - _counted(summed, city, start)) / length_h


def _counted(summed: Floats, city: City, moment: Floats) -> Floats:
    """`summed` up to each moment, zone by zone, in between as far as the hour has gone."""
    moment = np.minimum(moment, city.hours)
    whole = np.minimum(moment.astype(int), city.hours - 1)
    zone = np.arange(len(city.zones))
    return np.asarray(summed[zone, whole] + city.price[zone, whole] * (moment - whole))


@dataclass(frozen=True)
class Truth:
    """Request x zone for one driver; NaN where the zone is too far to choose."""

    cost: Floats
    wait: Floats
    failed: Floats
    per_kwh: Floats


def truth(city: City, requests: Requests, driver: Driver) -> Truth:
    near = requests.near
    busy = city.busy[:, requests.hour].T
    wait, per_kwh = wait_min(busy), paid_per_kwh(city, requests, driver.kwh)
    hours = requests.road_km / SPEED_KMH + wait / 60
    cost = driver.kwh * per_kwh + 2 * requests.road_km * KM_CNY + driver.hour_cny * hours
    failed = (queue_min(busy) >= LONGEST_WAIT_MIN).astype(float)
    return Truth(cost * near, wait * near, failed * near, per_kwh * near)


# --- what is told -------------------------------------------------------------------------------------------


def guns_free(city: City, hour: Ints) -> Ints:
    """Request x zone: whole guns, as a supplier would tell them."""
    return np.asarray(np.rint((1 - city.busy[:, hour].T) * GUNS), dtype=np.int64)
