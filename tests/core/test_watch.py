"""What can be watched at all."""

from __future__ import annotations

from datetime import time

import pytest

from core.errors import UserError
from core.geo import Point
from core.watch import Way

HOURS = (500, frozenset({0}), time(7), time(9), "Pacific/Fiji")


def test_a_way_across_the_date_line_is_refused_and_not_taken_for_one_round_the_earth() -> None:
    assert Way((Point(-16.8, 179.9), Point(-16.8, 179.99)), *HOURS).holds(Point(-16.8, 179.95))
    with pytest.raises(UserError, match="bad_way"):
        Way((Point(-16.8, 179.99), Point(-16.8, -179.99)), *HOURS)
