"""Where the stations are: arrays sorted by latitude, and distances along the WGS-84 ellipsoid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.station import Station

Floats = NDArray[np.float64]

_AXIS_M = 6378137.0
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY_2 = _FLATTENING * (2 - _FLATTENING)
# The shortest degree of latitude is 110,574 m, at the equator.
_LEAST_M_PER_DEGREE = 110_500.0
# Within these bounds the plane is cheap and agrees with the ellipsoid to half a metre.
_PLANE_UP_TO_M = 25_000.0
_PLANE_UP_TO_LAT = 75.0


class Sites:
    """Immutable: which stations stand where. One latitude band of the circle's height is looked at per search."""

    def __init__(self, stations: Iterable[Station]) -> None:
        placed = sorted((one.point.lat, one.id, one.point.lng) for one in stations)
        self.ids = [station_id for _, station_id, _ in placed]
        self._lats: Floats = np.array([lat for lat, _, _ in placed], dtype=np.float64)
        self._lngs: Floats = np.array([lng for _, _, lng in placed], dtype=np.float64)

    def within(self, lat: float, lng: float, radius_m: float) -> list[tuple[str, float]]:
        """Ids and metres of the stations in the circle, nearest first; equally far ones by id or latitude."""
        # A little higher than the radius asks for, so that rounding loses nobody at the rim.
        height = radius_m / _LEAST_M_PER_DEGREE + 1e-6
        first = int(np.searchsorted(self._lats, lat - height, side="left"))
        last = int(np.searchsorted(self._lats, lat + height, side="right"))
        metres = distances_m(lat, lng, self._lats[first:last], self._lngs[first:last], radius_m)
        inside = np.flatnonzero(metres <= radius_m)
        order = inside[np.argsort(metres[inside], kind="stable")]
        return [(self.ids[first + int(n)], float(metres[n])) for n in order]

    def nearest_m(self, lat: float, lng: float) -> float | None:
        if not self.ids:
            return None
        return float(distances_m(lat, lng, self._lats, self._lngs, math.inf).min())


def distances_m(lat: float, lng: float, lats: Floats, lngs: Floats, radius_m: float) -> Floats:
    """Metres from one point to many. Exact enough up to `radius_m`; farther points only come out farther."""
    if radius_m <= _PLANE_UP_TO_M and abs(lat) <= _PLANE_UP_TO_LAT:
        return _on_a_plane(lat, lng, lats, lngs)
    return _on_the_ellipsoid(lat, lng, lats, lngs)


def _on_a_plane(lat: float, lng: float, lats: Floats, lngs: Floats) -> Floats:
    """The flat metric with the ellipsoid's two radii of curvature at the searched latitude."""
    bend = 1 - _ECCENTRICITY_2 * math.sin(math.radians(lat)) ** 2
    along_meridian = _AXIS_M * (1 - _ECCENTRICITY_2) / bend**1.5
    across = _AXIS_M / math.sqrt(bend)
    north = np.radians(lats - lat) * along_meridian
    # The shorter way round, also across the 180th meridian.
    east = np.radians((lngs - lng + 180) % 360 - 180) * across * np.cos(np.radians((lats + lat) / 2))
    result: Floats = np.hypot(north, east)
    return result


def _on_the_ellipsoid(lat: float, lng: float, lats: Floats, lngs: Floats) -> Floats:
    """Lambert's formula: haversine between reduced latitudes, corrected for the flattening. About 1e-6 off."""
    here = math.atan((1 - _FLATTENING) * math.tan(math.radians(lat)))
    there = np.arctan((1 - _FLATTENING) * np.tan(np.radians(lats)))
    half_lng = np.radians(lngs - lng) / 2
    chord: Any = np.sin((there - here) / 2) ** 2 + math.cos(here) * np.cos(there) * np.sin(half_lng) ** 2
    chord = np.clip(chord, 0.0, 1.0)
    angle = 2 * np.arcsin(np.sqrt(chord))
    mean, half = (here + there) / 2, (there - here) / 2
    # Where a denominator vanishes (the same point, the antipode) its numerator does, too.
    outward = np.sin(mean) ** 2 * np.cos(half) ** 2 / np.maximum(1 - chord, 1e-12)
    inward = np.cos(mean) ** 2 * np.sin(half) ** 2 / np.maximum(chord, 1e-30)
    correction = (angle - np.sin(angle)) * outward + (angle + np.sin(angle)) * inward
    result: Floats = _AXIS_M * (angle - _FLATTENING / 2 * correction)
    return result
