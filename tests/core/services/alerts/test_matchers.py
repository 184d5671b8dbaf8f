"""What lies along a way is found by the circles that stand for it."""

from __future__ import annotations

import random
from datetime import time

import pytest

from core.geo import Point, distance_m
from core.services.alerts.matchers import chain
from core.watch import Way


@pytest.mark.parametrize("width_m", [200, 800, 5_000])
def test_the_circles_hold_all_that_lies_along_a_way(width_m: int) -> None:
    dice = random.Random(width_m)
    points = (Point(22.50, 114.00), Point(22.55, 114.02), Point(22.55, 114.02), Point(22.53, 114.20))
    way = Way(points, width_m, frozenset({0}), time(7), time(9), "Asia/Shanghai")
    circles = list(chain(way))
    assert len(circles) < 60
    along = 0
    for _ in range(60):
        one, other = dice.choice(((points[0], points[1]), (points[2], points[3])))
        part, off = dice.random(), width_m / 111_320
        lat = one.lat + (other.lat - one.lat) * part + dice.uniform(-off, off)
        lng = one.lng + (other.lng - one.lng) * part + dice.uniform(-off, off)
        point = Point(lat, lng)
        if way.holds(point):
            along += 1
            assert min(distance_m(centre, point) - radius_m for centre, radius_m in circles) <= 0
    assert along >= 30
