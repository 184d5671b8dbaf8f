"""What happens at the guns: plausible by day and by night, and a function of time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from adapters.sandbox import city as sandbox_city
from adapters.sandbox.city import City
from adapters.sandbox.life import CHINA, Bay, Life, Status

MONDAY = datetime(2026, 11, 23, tzinfo=CHINA)


@pytest.fixture(scope="module")
def city() -> City:
    return sandbox_city.build()


@pytest.fixture(scope="module")
def life(city: City) -> Life:
    return Life(city)


def shares(life: Life, city: City, at: datetime) -> dict[Status, float]:
    counted = Counter(life.state(gun, at).status for gun in city.gun_of)
    return {status: counted[status] / len(city.gun_of) for status in Status}


@pytest.mark.parametrize("hour", range(9, 23))
def test_busy_by_day(life: Life, city: City, hour: int) -> None:
    share = shares(life, city, MONDAY + timedelta(hours=hour))
    assert 0.4 <= share[Status.CHARGING] + share[Status.OCCUPIED] <= 0.7
    assert 0.01 <= share[Status.FAULT] <= 0.035
    assert share[Status.OFFLINE] <= 0.02


def test_quiet_by_night(life: Life, city: City) -> None:
    share = shares(life, city, MONDAY + timedelta(hours=4, minutes=30))
    assert share[Status.CHARGING] + share[Status.OCCUPIED] < 0.3


def test_some_bays_are_blocked(life: Life, city: City) -> None:
    states = [life.state(gun, MONDAY + timedelta(hours=14)) for gun in city.gun_of]
    blocked = [one for one in states if one.status is Status.FREE and one.bay is Bay.TAKEN]
    assert 0.005 < len(blocked) / len(states) < 0.06


def test_states_change_and_go_through_the_chain(life: Life, city: City) -> None:
    gun = next(iter(city.gun_of))
    seen = [life.state(gun, MONDAY + timedelta(hours=5, minutes=minute)).status for minute in range(18 * 60)]
    changes = Counter((before, after) for before, after in pairwise(seen) if before is not after)
    assert sum(changes.values()) >= 6
    assert (Status.FREE, Status.CHARGING) in changes or (Status.RESERVED, Status.CHARGING) in changes


def test_the_same_moment_looks_the_same_to_everybody(life: Life, city: City) -> None:
    at = MONDAY + timedelta(hours=17, minutes=3)
    life.state(next(iter(city.gun_of)), at + timedelta(days=3))  # a look ahead changes nothing
    other = Life(city)
    assert all(life.state(gun, at) == other.state(gun, at) for gun in city.gun_of)


def test_charges_end_and_carry_energy(life: Life, city: City) -> None:
    after, until = MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=6)
    sessions = list(life.sessions(after, until))
    assert len(sessions) > 500
    for one in sessions:
        assert after < one.ended_at <= until
        assert one.started_at < one.ended_at
        assert 0 <= one.energy_kwh <= 60
        _, gun = city.gun_of[one.gun_id]
        hours = Decimal((one.ended_at - one.started_at).total_seconds()) / 3600
        assert one.energy_kwh <= gun.power_kw * hours + Decimal("0.01")


def test_charges_are_told_once_however_often_one_looks(life: Life) -> None:
    start = MONDAY + timedelta(hours=3, minutes=30)  # over the hour at which a day begins
    marks = [start + timedelta(minutes=10 * n) for n in range(7)]
    steps = [one for a, b in pairwise(marks) for one in life.sessions(a, b)]
    assert Counter(steps) == Counter(life.sessions(marks[0], marks[-1]))
    assert len(steps) == len(set(steps))


def test_a_charging_gun_says_so(life: Life, city: City) -> None:
    after = MONDAY + timedelta(hours=10)
    for one in list(life.sessions(after, after + timedelta(minutes=20))):
        middle = one.started_at + (one.ended_at - one.started_at) / 2
        assert life.state(one.gun_id, middle).status is Status.CHARGING
