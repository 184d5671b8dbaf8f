"""The matchers against brute force: exactly the same crossings, whatever was put in and taken out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geo import Point, distance_m
from core.prices import heap
from core.prices.areas import AreaMatcher, AreaWish, metres_per_degree
from core.prices.matching import StationMatcher, Ticks, units, units_up

CENTRES = ((22.54, 114.06), (59.91, 10.75), (-16.8, 179.98), (0.0, 0.0), (-33.9, 151.2), (78.22, 15.65))


@pytest.fixture(autouse=True)
def small_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merge early, so that few wishes go through all of it."""
    monkeypatch.setattr(heap, "_LEAST_MERGE", 20)


def ticks(rows: Sequence[tuple[int, int, int, float, float, int, int, int]]) -> Ticks:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float64, np.int64, np.int64, np.int64)
    arrays: list[Any] = [np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return Ticks(*arrays)


def pairs(found: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    return sorted(zip(found[0].tolist(), found[1].tolist(), strict=True))


def prices(dice: random.Random) -> tuple[int, int]:
    return dice.randrange(100, 140), dice.randrange(100, 140)


def near(dice: random.Random) -> tuple[float, float]:
    lat, lng = dice.choice(CENTRES)
    return lat + dice.uniform(-0.1, 0.1), (lng + dice.uniform(-0.2, 0.2) + 180) % 360 - 180


def some_ticks(dice: random.Random, n: int) -> list[tuple[int, int, int, float, float, int, int, int]]:
    return [
        (
            dice.randrange(12),
            *prices(dice),
            *near(dice),
            dice.randrange(8),
            dice.choice([7_000, 50_000]),
            dice.randrange(3),
        )
        for _ in range(n)
    ]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), loaded=st.integers(0, 80), steps=st.integers(0, 120))
def test_stations(seed: int, loaded: int, steps: int) -> None:
    dice = random.Random(seed)
    there = {number: (dice.randrange(12), dice.randrange(100, 140)) for number in range(loaded)}
    matcher = StationMatcher()
    matcher.load(
        np.array(list(there), np.int64),
        np.array([place for place, _ in there.values()], np.int64),
        np.array([threshold for _, threshold in there.values()], np.int64),
    )
    for number in range(loaded, loaded + steps):
        if there and dice.random() < 0.5:
            gone = dice.choice(list(there))
            assert matcher.remove(gone, *there[gone])
            assert not matcher.remove(gone, *there.pop(gone))
        there[number] = dice.randrange(12), dice.randrange(100, 140)
        matcher.add(number, *there[number])
    asked = some_ticks(dice, 60)
    expected = sorted(
        (number, n)
        for n, (place, old, new, *_) in enumerate(asked)
        for number, (its_place, threshold) in there.items()
        if its_place == place and new <= threshold < old
    )
    assert pairs(matcher.crossed(ticks(asked))) == expected


def area_wish(dice: random.Random, number: int) -> AreaWish:
    lat, lng = near(dice)
    radius_m = dice.choice([100, 900, 2_000, 5_000, 10_000, 50_000])
    return AreaWish(
        number, lat, lng, radius_m, dice.randrange(100, 140), plugs=dice.choice([0, 0, 1, 6]),
        power_w=dice.choice([0, 0, 22_000]), operator=dice.choice([0, 0, 1]),
    )  # fmt: skip


def crosses(wish: AreaWish, tick: tuple[int, int, int, float, float, int, int, int]) -> bool:
    _, old, new, lat, lng, plugs, power_w, operator = tick
    north, east = (float(one[0]) for one in metres_per_degree(np.array([wish.lat])))
    degrees = (lng - wish.lng + 180) % 360 - 180
    return (
        new <= wish.threshold < old
        and ((lat - wish.lat) * north) ** 2 + (degrees * east) ** 2 <= wish.radius_m**2
        and (not wish.plugs or bool(wish.plugs & plugs))
        and wish.power_w <= power_w
        and wish.operator in (0, operator)
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), loaded=st.integers(0, 120), steps=st.integers(0, 60))
def test_areas(seed: int, loaded: int, steps: int) -> None:
    dice = random.Random(seed)
    there = {number: area_wish(dice, number) for number in range(loaded)}
    matcher = AreaMatcher()
    names = ("id", "lat", "lng", "radius_m", "threshold", "plugs", "power_w", "operator")
    columns = {name: np.array([getattr(wish, name) for wish in there.values()]) for name in names}
    whole: dict[str, Any] = {
        name: column.astype(np.float64 if name in ("lat", "lng") else np.int64) for name, column in columns.items()
    }
    matcher.load(*(whole[name] for name in names))
    for number in range(loaded, loaded + steps):
        if there and dice.random() < 0.5:
            gone = dice.choice(list(there))
            assert matcher.remove(there[gone])
            assert not matcher.remove(there.pop(gone))
        there[number] = area_wish(dice, number)
        matcher.add(there[number])
    asked = some_ticks(dice, 60)
    expected = sorted(
        (number, n) for n, tick in enumerate(asked) for number, wish in there.items() if crosses(wish, tick)
    )
    assert pairs(matcher.crossed(ticks(asked))) == expected


def test_an_empty_matcher_and_a_quiet_batch() -> None:
    assert pairs(StationMatcher().crossed(ticks([]))) == []
    matcher = AreaMatcher()
    assert pairs(matcher.crossed(ticks(some_ticks(random.Random(1), 5)))) == []
    wish = AreaWish(7, 22.54, 114.06, 2_000, 120)
    matcher.add(wish)
    here = (1, 130, 120, 22.54, 114.06, 0, 0, 0)
    assert pairs(matcher.crossed(ticks([here]))) == [(7, 0)]
    # Reached is reached: exactly there, from there, rising, not at all.
    for old, new in ((130, 121), (120, 110), (110, 130), (125, 125)):
        assert pairs(matcher.crossed(ticks([(1, old, new, *here[3:])]))) == []
    assert not matcher.remove(replace(wish, threshold=121))
    assert matcher.remove(wish)
    assert pairs(matcher.crossed(ticks([here]))) == []


@pytest.mark.parametrize("lat", [0.0, 22.5, 48.0, 66.0])
def test_the_flat_measure_is_near_the_true_one(lat: float) -> None:
    north, east = (float(one[0]) for one in metres_per_degree(np.array([lat])))
    for dlat, dlng in ((0.05, 0), (0, 0.09), (0.04, -0.05)):
        flat = ((dlat * north) ** 2 + (dlng * east) ** 2) ** 0.5
        assert flat == pytest.approx(distance_m(Point(lat, 10), Point(lat + dlat, 10 + dlng)), rel=3e-3)


@settings(deadline=None)
@given(
    threshold=st.decimals("-6.5", "1000", places=4),
    old=st.decimals("-6.5", "1000", places=7),
    new=st.decimals("-6.5", "1000", places=7),
)
def test_whole_numbers_compare_like_the_decimals(threshold: Decimal, old: Decimal, new: Decimal) -> None:
    assert (units_up(new) <= units(threshold) < units_up(old)) is (new <= threshold < old)
    assert units(threshold) < units_up(None)
