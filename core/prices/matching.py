"""Which of a million wishes a batch of ticks crosses, without looking at the others.

Every wish is a number that a falling value may reach: a price, a share of the usual price, "free guns" below zero.
Wishes lie sorted by (place, threshold); a tick from `old` to `new` finds those with `new <= threshold < old` by two
binary searches. An area wish (`areas`) lies in every cell of a grid that its circle touches; a tick looks into the
cell of its station and tests what it finds there. One matcher holds one kind of value.

All in whole numbers: a threshold has four places, a new price is rounded up to four, so that no comparison is lost to
rounding. Whoever holds a matcher sees to it that one thread at a time uses it. A crossing is not yet an alert:
`watching.judge` decides, with the state of the wish.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from core.prices.heap import Floats, Heap, Ints, Table

_SCALE = 10_000
# A key has 33 bits for the place and 30 for the value: up to 107,367 per kWh, in any currency.
VALUE_BITS = 30
_MOST = (1 << VALUE_BITS) - 1
# Prices and shares are above zero; free guns count down from here.
_OFFSET = 1 << 16


def units(value: Decimal) -> int:
    """A threshold as the number it is compared as: rounded down to four places, which wishes do not exceed."""
    return _clipped(int((value * _SCALE).to_integral_value(ROUND_FLOOR)))


def units_up(value: Decimal | None) -> int:
    """A value of a tick: rounded up, so that it reaches exactly the thresholds it reaches. Unknown is above all."""
    return _MOST if value is None else _clipped(int((value * _SCALE).to_integral_value(ROUND_CEILING)))


def _clipped(value: int) -> int:
    return min(max(value + _OFFSET, 0), _MOST)


@dataclass(frozen=True, slots=True)
class Ticks:
    """A batch of changes, in columns. `place` is our number for a group of guns, `old` and `new` are `units_up`.

    Where it is and what it has matters to area wishes only: plugs are bits, power is in watts.
    """

    place: Ints
    old: Ints
    new: Ints
    lat: Floats
    lng: Floats
    plugs: Ints
    power_w: Ints
    operator: Ints


def falling(ticks: Ticks) -> Ints:
    return np.flatnonzero(ticks.new < ticks.old)


class StationMatcher:
    """Wishes about one group of guns each, 20 bytes a wish. `place` counts from 0 up to 2^33."""

    def __init__(self) -> None:
        self._heap = Heap()
        self._table = Table(id=np.int64)

    def load(self, ids: Ints, places: Ints, thresholds: Ints) -> None:
        """Instead of what was there."""
        self._heap.load(places << VALUE_BITS | thresholds, self._table.load(id=ids))

    def add(self, watch_id: int, place: int, threshold: int) -> None:
        self._heap.put(place << VALUE_BITS | threshold, self._table.put(id=watch_id))

    def remove(self, watch_id: int, place: int, threshold: int) -> bool:
        """As it was added; whether it was there."""
        key = place << VALUE_BITS | threshold
        for row in self._heap.at(key):
            if self._table["id"][row] == watch_id:
                self._heap.take(key, row)
                self._table.drop(row)
                return True
        return False

    def crossed(self, ticks: Ticks) -> tuple[Ints, Ints]:
        """(wish, number of the tick) for each crossing, in no order."""
        number = falling(ticks)
        number = number[np.argsort(ticks.place[number])]
        place = ticks.place[number] << VALUE_BITS
        low, high = place | ticks.new[number], place | ticks.old[number]
        rows, asked = self._heap.between(low, high, number)
        ids: Ints = self._table["id"][rows]
        return ids, asked

    @property
    def nbytes(self) -> int:
        return self._heap.nbytes + self._table.nbytes
