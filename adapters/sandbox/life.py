"""What happens at the guns: a function of the seed and of time, so that every look at one moment sees the same.

Each gun walks a small chain (free → charging → plugged in → free) whose pace follows the hour and the station's
popularity. A day begins at 04:00, the quietest hour, with a fresh draw.
"""

from __future__ import annotations

import random
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from zoneinfo import ZoneInfo

from adapters.sandbox.city import City, Gun

CHINA = ZoneInfo("Asia/Shanghai")
_DAY_STARTS_H = 4
_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S

# The share of guns in use by hour of the day, at a station of usual popularity.
_BUSY = (
    0.40, 0.34, 0.28, 0.24, 0.20, 0.22, 0.28, 0.36, 0.46, 0.52, 0.55, 0.60,
    0.64, 0.64, 0.58, 0.55, 0.55, 0.58, 0.62, 0.62, 0.60, 0.56, 0.52, 0.46,
)  # fmt: skip
# About 2 % of the guns are broken and 1 % offline at any moment; an outage may have begun the day before.
_FAULTS_A_DAY, _OFFLINE_A_DAY = 0.06, 0.03
_OUTAGE_S = (6 * _HOUR_S, 18 * _HOUR_S)
_BAY_BLOCKED, _RESERVED = 0.06, 0.06  # of the times a gun is free
_IDLE_AFTER_S = 6 * 60.0


class Status(IntEnum):
    """ConnectorStatusInfo.Status."""

    OFFLINE = 0
    FREE = 1
    OCCUPIED = 2
    CHARGING = 3
    RESERVED = 4
    FAULT = 255


class Bay(IntEnum):
    """ConnectorStatusInfo.ParkStatus."""

    UNKNOWN = 0
    FREE = 10
    TAKEN = 50


@dataclass(frozen=True, slots=True)
class GunState:
    status: Status
    bay: Bay


@dataclass(frozen=True, slots=True)
class Session:
    """One simulated charge that has ended."""

    gun_id: str
    started_at: datetime
    ended_at: datetime
    energy_kwh: Decimal


@dataclass(slots=True)
class _Day:
    """One gun's day: states by the second they begin, and its charges as (start, end, kWh)."""

    begins: list[float]
    states: list[GunState]
    charges: list[tuple[float, float, float]]


_FREE = GunState(Status.FREE, Bay.FREE)
_BLOCKED = GunState(Status.FREE, Bay.TAKEN)
_CHARGING = GunState(Status.CHARGING, Bay.TAKEN)
_PLUGGED_IN = GunState(Status.OCCUPIED, Bay.TAKEN)
_BOOKED = GunState(Status.RESERVED, Bay.FREE)


class Life:
    """States and charges of every gun. Safe from many threads."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._lock = threading.Lock()
        self._days: dict[datetime, dict[str, _Day]] = {}

    def state(self, gun_id: str, at: datetime) -> GunState:
        begin = _day_begin(at)
        day = self._day(begin, gun_id)
        return day.states[bisect_right(day.begins, (at - begin).total_seconds()) - 1]

    def state_since(self, gun_id: str, at: datetime) -> datetime:
        """When the state of this moment began, as far as this day goes back."""
        begin = _day_begin(at)
        day = self._day(begin, gun_id)
        return begin + timedelta(seconds=day.begins[bisect_right(day.begins, (at - begin).total_seconds()) - 1])

    def sessions(self, after: datetime, until: datetime) -> Iterator[Session]:
        """The charges that ended within (after, until]."""
        begin = _day_begin(after)
        while begin <= until:
            for gun_id in self._city.gun_of:
                for start, end, kwh in self._day(begin, gun_id).charges:
                    ended_at = begin + timedelta(seconds=end)
                    if after < ended_at <= until:
                        energy_kwh = Decimal(f"{kwh:.2f}")
                        yield Session(gun_id, begin + timedelta(seconds=start), ended_at, energy_kwh)
            begin += timedelta(days=1)

    def _day(self, begin: datetime, gun_id: str) -> _Day:
        with self._lock:
            days = self._days.get(begin)
            if days is None:
                for old in sorted(self._days)[:-1]:  # keep the one before: books may still look at it
                    del self._days[old]
                days = self._days[begin] = {}
            if gun_id not in days:
                place, gun = self._city.gun_of[gun_id]
                rng = random.Random(f"{self._city.seed}:{gun_id}:{begin:%Y%m%d}")
                days[gun_id] = _Walk(rng, gun, place.popularity).day()
            return days[gun_id]


def _day_begin(at: datetime) -> datetime:
    local = at.astimezone(CHINA) - timedelta(hours=_DAY_STARTS_H)
    return local.replace(hour=_DAY_STARTS_H, minute=0, second=0, microsecond=0)


# Energy and mean power of a charge, each from least to most: (kWh, kW). By "is it DC", and for the fast guns.
_Cars = tuple[tuple[float, float], tuple[float, float]]
_CARS: Mapping[bool, _Cars] = {True: ((12, 45), (38, 75)), False: ((8, 30), (6.2, 6.8))}
_FAST_CARS: _Cars = ((15, 50), (80, 160))
_FAST_FROM_KW = 250


class _Walk:
    """Draws one gun's day, from second 0 to its end."""

    def __init__(self, rng: random.Random, gun: Gun, popularity: float) -> None:
        self._rng, self._popularity = rng, popularity
        cars = _FAST_CARS if gun.power_kw >= _FAST_FROM_KW else _CARS[gun.is_dc]
        self._kwh, self._kw = cars
        self._share_of_rating = 0.62 * float(gun.power_kw) if gun.is_dc else float(gun.power_kw)
        self._day = _Day([], [], [])
        self._outage, self._outage_state = self._draw_outage()

    def day(self) -> _Day:
        second = 0.0
        if self._rng.random() < self._busy(second):
            second = self._stay(second, part=self._rng.random())
        while second < _DAY_S:
            second = self._gap(second)
            if second < _DAY_S:
                second = self._stay(second)
        return self._day if not self._outage else self._with_outage(*self._outage)

    def _busy(self, second: float) -> float:
        hour = int(second / _HOUR_S + _DAY_STARTS_H) % 24
        return min(_BUSY[hour] * self._popularity, 0.85)

    def _mark(self, second: float, state: GunState) -> None:
        self._day.begins.append(second)
        self._day.states.append(state)

    def _charge(self) -> tuple[float, float]:
        """Energy and seconds of one charge."""
        kwh = self._rng.uniform(*self._kwh)
        mean_kw = min(self._rng.uniform(*self._kw), self._share_of_rating)
        return kwh, kwh / mean_kw * _HOUR_S

    def _stay(self, second: float, part: float = 1.0) -> float:
        """A car charges, then stands for a while; `part` of it for one that came before the day began."""
        kwh, charge_s = self._charge()
        end = min(second + charge_s * part, _DAY_S)
        kwh *= (end - second) / charge_s
        self._mark(second, _CHARGING)
        self._day.charges.append((second, end, kwh))
        idle_s = min(self._rng.expovariate(1 / _IDLE_AFTER_S), 6 * _IDLE_AFTER_S)
        if end < _DAY_S:
            self._mark(end, _PLUGGED_IN)
        return end + idle_s

    def _gap(self, second: float) -> float:
        """Nobody charges: drawn hour by hour, because the pace changes with the hour."""
        kind = self._rng.random()
        self._mark(second, _BLOCKED if kind < _BAY_BLOCKED else _FREE)
        mean_kw = min(sum(self._kw) / 2, self._share_of_rating)
        stay_s = sum(self._kwh) / 2 / mean_kw * _HOUR_S + _IDLE_AFTER_S
        end = second
        while end < _DAY_S:
            hour_end = (end // _HOUR_S + 1) * _HOUR_S
            busy = self._busy(end)
            end += self._rng.expovariate(busy / (stay_s * (1 - busy)))
            if end < hour_end:
                break
            end = hour_end
        if kind > 1 - _RESERVED and second < end - 900 < _DAY_S:
            self._mark(end - 900, _BOOKED)
        return end

    def _draw_outage(self) -> tuple[tuple[float, float] | None, GunState]:
        kind, length = self._rng.random(), self._rng.uniform(*_OUTAGE_S)
        start = self._rng.uniform(-length, _DAY_S)
        state = GunState(Status.FAULT if kind < _FAULTS_A_DAY else Status.OFFLINE, Bay.UNKNOWN)
        return ((max(start, 0.0), start + length) if kind < _FAULTS_A_DAY + _OFFLINE_A_DAY else None), state

    def _with_outage(self, start: float, end: float) -> _Day:
        """The day with an outage laid over it: charges are cut, and the gun is free again afterwards."""
        day = _Day([], [], [])
        for second, state in zip(self._day.begins, self._day.states, strict=True):
            if second < start or second >= end:
                day.begins.append(second)
                day.states.append(state)
        at = bisect_right(day.begins, start)
        day.begins.insert(at, start)
        day.states.insert(at, self._outage_state)
        if end < _DAY_S and end not in day.begins:
            day.begins.insert(at + 1, end)
            day.states.insert(at + 1, _FREE)
        for began, ended, kwh in self._day.charges:
            if began < start or began >= end:
                stop = min(ended, start) if began < start else ended
                day.charges.append((began, stop, kwh * (stop - began) / (ended - began)))
        return day
