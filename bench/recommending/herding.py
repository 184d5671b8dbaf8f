"""The closed loop: what drivers take from us fills the guns that the next ones are told of.

Two days of the city, car by car. Every car is one that really charged somewhere; half of them ask us first, from
somewhere around the zone they went to, and four in ten of those follow the first place of the list (MASTER, WWW'21,
saw 0.396). The others go where they went. Guns are taken in the order of arrival; states are told every 15 minutes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol

import numpy as np

from bench.recommending.city import GUNS, LONGEST_WAIT_MIN, SESSION_MIN, City, Floats, km
from bench.recommending.drivers import KM_CNY, ROADS, SPEED_KMH

ACCEPTED = 0.4
ASKING = 0.5  # of all cars
DEMAND = 1.25  # times the real one: guns of a whole zone in one pool seldom let anybody wait
TOLD_EVERY_MIN = 15.0
WARM_UP_H, HOURS = 3, 48
HOUR_CNY, KWH = 30, 30
FIRST_DAY_H = 24 * 7 * 20  # a Thursday in January, outside what profiles are learnt from


class Adviser(Protocol):
    def first(
        self, hour: int, at: datetime, km: Floats, free: Sequence[int], status_at: datetime, coming: Floats
    ) -> int:
        """The zone at the top of the list."""


@dataclass(frozen=True, order=True)
class Car:
    asks_at_min: float
    number: int
    zone: int  # where it went
    km: Floats = field(compare=False)  # from where it asks, to every zone
    asks: bool = field(compare=False)
    follows: bool = field(compare=False)
    stays_min: float = field(compare=False)


@dataclass(frozen=True)
class Outcome:
    """Of all cars, those that asked and those that did not. Costs are of those that asked."""

    wait_min: float
    wait_p95: float
    failed: float
    others_wait_min: float
    cost: float
    fairness: float  # Jain's index over how busy the zones were: 1 when all are alike

    def to_json(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def cars(city: City, seed: int) -> list[Car]:
    dice = np.random.default_rng(seed)
    away = km(city.origins, city.points)
    around = [np.flatnonzero(away.argmin(axis=1) == zone) for zone in range(len(city.zones))]
    found: list[Car] = []
    for hour in range(HOURS):
        arriving = dice.poisson(city.busy[:, FIRST_DAY_H + hour] * GUNS * DEMAND * 60 / SESSION_MIN)
        for zone in np.repeat(np.arange(len(city.zones)), arriving):
            place = away[dice.choice(around[zone])]
            asks = bool(dice.random() < ASKING)
            follows = bool(asks and dice.random() < ACCEPTED)
            minute, stays = hour * 60 + dice.uniform(0, 60), dice.exponential(SESSION_MIN)
            found.append(Car(minute, len(found), int(zone), place, asks, follows, stays))
    return sorted(found)


@dataclass(frozen=True)
class _Visit:
    car: Car
    zone: int
    arrived_min: float
    wait_min: float


class _Loop:
    """The guns of the city from minute to minute. `told_free` is what the suppliers last said.

    `sent` are the drivers that were told to go somewhere and would not be there yet: minute of arrival and zone. With
    `counts_sent` they are demand, as likely as drivers follow.
    """

    def __init__(self, city: City, adviser: Adviser | None, counts_sent: bool) -> None:
        self.city, self.adviser, self.counts_sent = city, adviser, counts_sent
        self.sent: list[tuple[float, int]] = []
        self.free = [GUNS] * len(city.zones)
        self.queues: list[deque[tuple[float, Car]]] = [deque() for _ in city.zones]
        self.told_free, self.told_min = list(self.free), 0.0
        self.visits: list[_Visit] = []
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = count()

    def then(self, minute: float, do: Callable[..., None], *what: object) -> None:
        """Of events of the same minute the one that was planned first comes first."""
        heapq.heappush(self._events, (minute, next(self._numbers), do, what))

    def run(self) -> None:
        while self._events:
            minute, _, do, what = heapq.heappop(self._events)
            do(minute, *what)

    def tell(self, minute: float) -> None:
        self.told_free, self.told_min = list(self.free), minute
        self.sent = [one for one in self.sent if one[0] > minute]

    def ask(self, minute: float, car: Car) -> None:
        first = self._advised(minute, car) if car.asks else car.zone
        zone = first if car.follows else car.zone
        self.then(minute + _drive_min(car, zone), self.arrive, car, zone)

    def arrive(self, minute: float, car: Car, zone: int) -> None:
        self.queues[zone].append((minute, car))
        self._plug_in(minute, zone)

    def leave(self, minute: float, zone: int) -> None:
        self.free[zone] += 1
        self._plug_in(minute, zone)

    def _plug_in(self, minute: float, zone: int) -> None:
        while self.free[zone] and self.queues[zone]:
            arrived, car = self.queues[zone].popleft()
            self.free[zone] -= 1
            self.visits.append(_Visit(car, zone, arrived, minute - arrived))
            self.then(minute + car.stays_min, self.leave, zone)

    def _advised(self, minute: float, car: Car) -> int:
        if self.adviser is None:
            return car.zone
        hour = FIRST_DAY_H + int(minute // 60)
        began = self.city.at(FIRST_DAY_H)
        at, status_at = began + timedelta(minutes=minute), began + timedelta(minutes=self.told_min)
        coming = np.zeros(len(self.city.zones))
        for _, zone in self.sent if self.counts_sent else ():
            coming[zone] += ACCEPTED
        first = self.adviser.first(hour, at, car.km, self.told_free, status_at, coming)
        self.sent.append((minute + _drive_min(car, first), first))
        return first


def replay(city: City, fleet: Sequence[Car], adviser: Adviser | None, counts_sent: bool = False) -> Outcome:
    """`adviser` None: everybody goes where they went."""
    loop = _Loop(city, adviser, counts_sent)
    for minute in np.arange(0, HOURS * 60, TOLD_EVERY_MIN):
        loop.then(float(minute), loop.tell)
    for car in fleet:
        loop.then(car.asks_at_min, loop.ask, car)
    loop.run()
    return _outcome(city, loop.visits)


def _drive_min(car: Car, zone: int) -> float:
    return float(car.km[zone]) * ROADS / SPEED_KMH * 60


def _outcome(city: City, visits: Sequence[_Visit]) -> Outcome:
    counted = [one for one in visits if one.car.asks_at_min >= WARM_UP_H * 60]
    waits = np.array([one.wait_min for one in counted])
    asked = np.array([one.car.asks for one in counted])
    busy = np.bincount([one.zone for one in visits], [one.car.stays_min for one in visits], len(city.zones))
    return Outcome(
        wait_min=float(waits.mean()),
        wait_p95=float(np.quantile(waits, 0.95)),
        failed=float((waits > LONGEST_WAIT_MIN).mean()),
        others_wait_min=float(waits[~asked].mean()),
        cost=float(np.mean([_cost(city, one) for one in counted if one.car.asks])),
        fairness=float(busy.sum() ** 2 / (len(busy) * (busy**2).sum())),
    )


def _cost(city: City, one: _Visit) -> float:
    """At the price of the hour of arrival."""
    km_there = float(one.car.km[one.zone]) * ROADS
    price = city.price[one.zone, FIRST_DAY_H + int(one.arrived_min // 60)]
    hours = (_drive_min(one.car, one.zone) + one.wait_min) / 60
    return float(KWH * price + 2 * km_there * KM_CNY + HOUR_CNY * hours)
