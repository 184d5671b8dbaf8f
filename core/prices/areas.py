"""Wishes about an area: circles in the cells of a grid that is about as coarse as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.prices.heap import Floats, Heap, Ints, Table
from core.prices.matching import VALUE_BITS, Ticks, falling


@dataclass(frozen=True, slots=True)
class AreaWish:
    """Any station within a circle that has one of the plugs, the power, and the operator; 0 asks for nothing."""

    id: int
    lat: float
    lng: float
    radius_m: int
    threshold: int
    plugs: int = 0
    power_w: int = 0
    operator: int = 0


LEAST_RADIUS_M, MOST_RADIUS_M = 100, 50_000
_M_PER_DEGREE = 111_320.0
# Cells of the finest grid have this edge; each coarser one's is a quarter longer.
_FINEST_M, _COARSER, _GRIDS = 1_000.0, 1.25, 19
# A grid fits a circle when its cells are at least so many radii wide: five cells to a circle, and four stations
# looked at for each one inside. Finer cells cost memory, coarser ones time.
_RADII = 1.3
_EDGES = _FINEST_M * _COARSER ** np.arange(_GRIDS)
_MOST_COLUMNS = (360 * _M_PER_DEGREE / _EDGES).astype(np.int64) + 1
_ROWS = (180 * _M_PER_DEGREE / _EDGES).astype(np.int64) + 1
_FIRST_CELL = np.concatenate(([0], np.cumsum(_MOST_COLUMNS * _ROWS)[:-1]))
# Wider than any rounding of degrees, about a centimetre.
_HAIR = 1e-7
_NEAR_DATE_LINE = 170


def metres_per_degree(lat: Floats) -> tuple[Floats, Floats]:
    """To the north and to the east, on the WGS-84 ellipsoid. As single precision: that is what is kept."""
    phi = np.radians(lat)
    north = 111_132.954 - 559.822 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    east = 111_412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    return north.astype(np.float32), np.maximum(east, 1.0).astype(np.float32)


def _columns_of(grid: Ints, row: Ints) -> Ints:
    """How many cells a row of the grid has: about as wide as high, and closing round the Earth."""
    lat = np.abs((row + 0.5) * _EDGES[grid] / _M_PER_DEGREE - 90)
    return np.maximum(_MOST_COLUMNS[grid] * np.cos(np.radians(np.minimum(lat, 90))), 1).astype(np.int64)


def _row_of(grid: Ints, lat: Floats) -> Ints:
    return ((lat + 90) * (_M_PER_DEGREE / _EDGES[grid])).astype(np.int64)


def cell_of(grid: Ints, lat: Floats, lng: Floats) -> Ints:
    """The cell of a grid in which a place lies."""
    row = _row_of(grid, lat)
    columns = _columns_of(grid, row)
    column = ((lng + 180) / 360 * columns).astype(np.int64) % columns
    cell: Ints = _FIRST_CELL[grid] + row * _MOST_COLUMNS[grid] + column
    return cell


def cells_touched(lat: Floats, lng: Floats, radius_m: Ints) -> Iterator[tuple[Ints, Ints]]:
    """(number of the circle, cell) for every cell that a circle touches, a part of them at a time."""
    grid = grid_of(radius_m)
    north, east = metres_per_degree(lat)
    high = radius_m / north + _HAIR
    first_row, last_row = _row_of(grid, np.maximum(lat - high, -90)), _row_of(grid, np.minimum(lat + high, 90))
    for row_number in range(int((last_row - first_row).max(initial=-1)) + 1):
        some = np.flatnonzero(first_row + row_number <= last_row)
        row, its_grid = first_row[some] + row_number, grid[some]
        # How far the nearest edge of the row is from the middle, and how wide the circle is there.
        edge = _EDGES[its_grid] / _M_PER_DEGREE
        away = np.maximum(np.maximum(row * edge - 90 - lat[some], lat[some] - (row + 1) * edge + 90) - _HAIR, 0)
        half_m = np.sqrt(np.maximum((radius_m[some] + 0.01) ** 2 - (away * north[some]) ** 2, 0))
        half = np.minimum(half_m / east[some] + _HAIR, 180)
        columns = _columns_of(its_grid, row)
        west = np.floor((lng[some] - half + 180) / 360 * columns).astype(np.int64)
        count = np.minimum(np.floor((lng[some] + half + 180) / 360 * columns).astype(np.int64) - west + 1, columns)
        for number in range(int(count.max(initial=0))):
            there = np.flatnonzero(number < count)
            column = (west[there] + number) % columns[there]
            yield some[there], _FIRST_CELL[its_grid[there]] + row[there] * _MOST_COLUMNS[its_grid[there]] + column


class AreaMatcher:
    """Wishes about a circle: about 105 bytes each, in the four to six cells of their grid."""

    def __init__(self) -> None:
        self._heap = Heap()
        self._table = Table(
            id=np.int64, lat=np.float64, lng=np.float64, north=np.float32, east=np.float32, radius_2=np.float64,
            plugs=np.int32, power_w=np.int32, operator=np.int32,
        )  # fmt: skip
        self._in_grid = np.zeros(_GRIDS, np.int64)  # wishes per grid: empty ones are not looked into

    def load(
        self,
        ids: Ints,
        lat: Floats,
        lng: Floats,
        radius_m: Ints,
        thresholds: Ints,
        plugs: Ints,
        power_w: Ints,
        operator: Ints,
    ) -> None:
        """Instead of what was there."""
        north, east = metres_per_degree(lat)
        rows = self._table.load(
            id=ids, lat=lat, lng=lng, north=north, east=east, radius_2=np.square(radius_m, dtype=np.float64),
            plugs=plugs, power_w=power_w, operator=operator,
        )  # fmt: skip
        parts = list(cells_touched(lat, lng, radius_m))
        which = np.concatenate([one for one, _ in parts]) if parts else np.empty(0, np.int64)
        cells = np.concatenate([cell for _, cell in parts]) if parts else np.empty(0, np.int64)
        self._heap.load(cells << VALUE_BITS | thresholds[which], rows[which])
        self._in_grid = np.bincount(grid_of(radius_m), minlength=_GRIDS)

    def add(self, wish: AreaWish) -> None:
        self.add_all([wish])

    def add_all(self, wishes: Sequence[AreaWish]) -> None:
        """The cells of all of them are found at once: a tenth of the time each."""
        if not wishes:
            return
        lat, lng = np.array([one.lat for one in wishes]), np.array([one.lng for one in wishes])
        radius_m = np.array([one.radius_m for one in wishes])
        north, east = metres_per_degree(lat)
        rows = [
            self._table.put(
                id=one.id, lat=one.lat, lng=one.lng, north=north[n], east=east[n], radius_2=float(one.radius_m) ** 2,
                plugs=one.plugs, power_w=one.power_w, operator=one.operator,
            )
            for n, one in enumerate(wishes)
        ]  # fmt: skip
        for which, cells in cells_touched(lat, lng, radius_m):
            for n, cell in zip(which.tolist(), cells.tolist(), strict=True):
                self._heap.put(cell << VALUE_BITS | wishes[n].threshold, rows[n])
        np.add.at(self._in_grid, grid_of(radius_m), 1)

    def remove(self, wish: AreaWish) -> bool:
        """As it was added; whether it was there."""
        keys = self._keys(wish)
        row = next((row for row in self._heap.at(keys[0]) if self._table["id"][row] == wish.id), None)
        if row is None:
            return False
        for key in keys:
            self._heap.take(key, row)
        self._table.drop(row)
        self._in_grid[grid_of(_arrays(wish)[2])] -= 1
        return True

    def crossed(self, ticks: Ticks) -> tuple[Ints, Ints]:
        """(wish, number of the tick) for each crossing, in no order."""
        fallen = falling(ticks)
        grids = np.flatnonzero(self._in_grid)
        number = np.tile(fallen, len(grids))
        cell = cell_of(np.repeat(grids, len(fallen)), ticks.lat[number], ticks.lng[number]) << VALUE_BITS
        order = np.argsort(cell)
        number, cell = number[order], cell[order]
        return self._inside(ticks, *self._heap.between(cell | ticks.new[number], cell | ticks.old[number], number))

    def _inside(self, ticks: Ticks, rows: Ints, number: Ints) -> tuple[Ints, Ints]:
        """Of the pairs that share a cell those that fit; of a million pairs, so in place where that is quicker."""
        column = self._table.columns
        north = ticks.lat.take(number)
        north -= column["lat"].take(rows)
        north *= column["north"].take(rows)
        north *= north
        east = ticks.lng.take(number)
        east -= column["lng"].take(rows)
        if np.abs(ticks.lng).max(initial=0) > _NEAR_DATE_LINE:
            east -= 360 * np.rint(east / 360)  # the short way across it
        east *= column["east"].take(rows)
        east *= east
        east += north
        near = np.flatnonzero(east <= column["radius_2"].take(rows))
        rows, number = rows.take(near), number.take(near)
        plugs, operator = column["plugs"].take(rows), column["operator"].take(rows)
        fits = (plugs == 0) | (plugs & ticks.plugs.take(number) != 0)
        fits &= column["power_w"].take(rows) <= ticks.power_w.take(number)
        fits &= (operator == 0) | (operator == ticks.operator.take(number))
        fit = np.flatnonzero(fits)
        return column["id"].take(rows.take(fit)), number.take(fit)

    @property
    def nbytes(self) -> int:
        return self._heap.nbytes + self._table.nbytes

    @staticmethod
    def _keys(wish: AreaWish) -> list[int]:
        cells = [int(cell) for _, part in cells_touched(*_arrays(wish)) for cell in part]
        return [cell << VALUE_BITS | wish.threshold for cell in cells]


def _arrays(wish: AreaWish) -> tuple[Floats, Floats, Ints]:
    return np.array([wish.lat]), np.array([wish.lng]), np.array([wish.radius_m])


def grid_of(radius_m: Ints) -> Ints:
    """The grid that a circle lies in."""
    grid: Ints = np.minimum(np.searchsorted(_EDGES, _RADII * radius_m), _GRIDS - 1)
    return grid
