"""Which stations stand close to each other: a grid over the whole Earth, without a seam at any meridian."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

_EARTH_M = 6_371_009.0
_BITS = 17  # cells per axis: enough for cells of 100 m
# Half of a cell's 26 neighbours: each pair of cells is looked at once.
_FORWARD = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
LEAST_RADIUS_M = 100.0


def close_pairs(lats: Floats, lngs: Floats, radius_m: float) -> tuple[Numbers, Numbers, Floats]:
    """All pairs at most `radius_m` apart, as two arrays of positions, and their distance along the chord.

    Points on a sphere in cells of a cube: no distortion at the poles and no edge at 180°. Against the ellipsoid
    a distance is off by 0.5 % at most, which is a metre or two here.
    """
    here = _on_sphere(lats, lngs)
    cells = np.floor((here + _EARTH_M) / max(radius_m, LEAST_RADIUS_M)).astype(np.int64) + 1
    keys = _key(cells)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    found: list[tuple[Numbers, Numbers]] = [_within_cells(ordered, order)]
    for step in _FORWARD:
        wanted = _key(cells + np.array(step, dtype=np.int64))
        found.append(_expand(np.arange(len(keys)), ordered, order, wanted))
    one = np.concatenate([a for a, _ in found])
    other = np.concatenate([b for _, b in found])
    metres = np.sqrt(((here[one] - here[other]) ** 2).sum(axis=1))
    inside = metres <= radius_m
    return one[inside], other[inside], metres[inside]


def nearest(
    lats: Floats, lngs: Floats, there_lats: Floats, there_lngs: Floats, radius_m: float
) -> tuple[Floats, Floats]:
    """For each point the distances of the nearest and second nearest of the others; infinite when beyond."""
    count = len(lats)
    one, other, metres = close_pairs(np.append(lats, there_lats), np.append(lngs, there_lngs), radius_m)
    low, high = np.minimum(one, other), np.maximum(one, other)
    across = (low < count) & (high >= count)
    low, metres = low[across], metres[across]
    order = np.lexsort((metres, low))
    low, metres = low[order], metres[order]
    first = np.full(count, np.inf)
    second = np.full(count, np.inf)
    starts = np.flatnonzero(np.r_[True, low[1:] != low[:-1]]) if len(low) else np.array([], dtype=np.int64)
    first[low[starts]] = metres[starts]
    followed = starts[np.append(starts[1:], len(low)) - starts > 1]
    second[low[followed]] = metres[followed + 1]
    return first, second


def _on_sphere(lats: Floats, lngs: Floats) -> Floats:
    lat, lng = np.radians(lats), np.radians(lngs)
    flat = np.cos(lat)
    points: Floats = _EARTH_M * np.stack((flat * np.cos(lng), flat * np.sin(lng), np.sin(lat)), axis=1)
    return points


def _key(cells: Numbers) -> Numbers:
    keys: Numbers = ((cells[:, 0] << _BITS) + cells[:, 1] << _BITS) + cells[:, 2]
    return keys


def _within_cells(ordered: Numbers, order: Numbers) -> tuple[Numbers, Numbers]:
    """Each pair within one cell once: a point with those that come after it."""
    ends = np.searchsorted(ordered, ordered, side="right")
    counts = ends - np.arange(len(ordered)) - 1
    firsts = np.repeat(np.arange(len(ordered)), counts)
    return order[firsts], order[firsts + 1 + _counting(counts)]


def _expand(points: Numbers, ordered: Numbers, order: Numbers, wanted: Numbers) -> tuple[Numbers, Numbers]:
    starts = np.searchsorted(ordered, wanted, side="left")
    counts = np.searchsorted(ordered, wanted, side="right") - starts
    return np.repeat(points, counts), order[np.repeat(starts, counts) + _counting(counts)]


def _counting(counts: Numbers) -> Numbers:
    """0, 1, 2… for each count: [2, 0, 3] gives [0, 1, 0, 1, 2]."""
    total = int(counts.sum())
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    steps: Numbers = np.arange(total) - starts
    return steps
