"""Positions: points that name their datum, the three datums we meet, and distance.

WGS-84 is the only datum inside. GCJ-02 (AMap, Tencent, T/CEC 102) and BD-09 (Baidu) exist at the edges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from geopy.distance import geodesic

from core.errors import UserError

_AXIS_M = 6378245.0  # Krasovsky 1940, which the GCJ-02 shift is written for
_ECCENTRICITY_2 = 0.00669342162296594323
_BD_K = math.pi * 3000.0 / 180.0


class Datum(StrEnum):
    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


@dataclass(frozen=True, slots=True)
class Point:
    """A place on Earth: degrees in `datum`, and how far off it may be.

    Raises UserError("bad_coordinates") for anything that is not on Earth, or
    UserError("swapped_coordinates") where exchanging the two numbers would put it right.
    """

    lat: float
    lng: float
    datum: Datum = Datum.WGS84
    accuracy_m: float | None = None

    def __post_init__(self) -> None:
        lat, lng = self.lat, self.lng
        if not (math.isfinite(lat) and math.isfinite(lng)) or not (-180 <= lng <= 180 or -90 <= lng <= 90):
            raise UserError("bad_coordinates", lat=lat, lng=lng)
        if not -90 <= lat <= 90:
            code = "swapped_coordinates" if -180 <= lat <= 180 and -90 <= lng <= 90 else "bad_coordinates"
            raise UserError(code, lat=lat, lng=lng)

    def to(self, datum: Datum) -> Point:
        """The same place in another datum. Outside mainland China the three agree."""
        if datum is self.datum:
            return self
        lat, lng = _TO_WGS84[self.datum](self.lat, self.lng)
        lat, lng = _FROM_WGS84[datum](lat, lng)
        return replace(self, lat=lat, lng=lng, datum=datum)

    @property
    def wgs84(self) -> Point:
        return self.to(Datum.WGS84)

    @property
    def swapped(self) -> Point | None:
        """The point with latitude and longitude exchanged, where that is a place on Earth."""
        return replace(self, lat=self.lng, lng=self.lat) if -90 <= self.lng <= 90 else None


def distance_m(a: Point, b: Point) -> float:
    """Metres between two points along the WGS-84 ellipsoid."""
    a, b = a.wgs84, b.wgs84
    return float(geodesic((a.lat, a.lng), (b.lat, b.lng)).meters)


_NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?"
_PAIR = re.compile(rf"^\s*\(?\s*({_NUMBER})\s*°?\s*[,;，；\s]\s*({_NUMBER})\s*°?\s*\)?\s*$")


def parse_point(text: str, datum: Datum = Datum.WGS84) -> Point | None:
    """Read typed coordinates, "22.54, 114.05" (latitude first). None when the text is something else."""
    pair = _PAIR.match(text)
    return Point(float(pair[1]), float(pair[2]), datum) if pair else None


# --- mainland China -------------------------------------------------------------------------------------

# Where the GCJ-02 shift applies: (longitude, latitude), clockwise from the mouth of the Yalu. Drawn by us from
# border towns, a few kilometres fine on land, finer beside Hong Kong and Macau (which maps leave unshifted)
# and wide at sea. Technical, not political: it says which points map makers shift.
_MAINLAND: tuple[tuple[float, float], ...] = (
    (124.15, 39.75), (124.30, 39.93), (124.37, 40.08), (124.392, 40.114), (124.90, 40.47), (125.70, 40.87),
    (126.02, 40.91), (126.24, 41.12), (126.55, 41.60), (126.90, 41.77), (127.15, 41.53), (128.00, 41.405),
    (128.23, 41.408), (128.30, 41.55), (128.10, 41.98), (128.90, 42.02), (129.22, 42.26),
    (129.72, 42.45), (129.85, 42.955),
    (130.12, 42.95), (130.25, 42.85), (130.50, 42.60), (130.64, 42.42), (130.60, 42.80), (131.05, 42.87),
    (131.30, 43.40), (131.25, 44.05), (131.28, 44.42), (131.00, 44.85), (131.80, 45.30), (132.90, 45.03),
    (133.15, 45.13), (133.70, 45.95), (134.13, 46.80), (134.72, 47.70), (134.68, 48.41),
    (134.25, 48.41), (133.50, 48.14),
    (132.60, 47.78), (131.00, 47.70), (130.95, 48.20), (130.50, 48.88), (129.50, 49.40), (128.70, 49.59),
    (127.60, 49.90), (127.52, 50.262), (127.33, 50.60), (126.95, 51.35), (126.60, 51.90), (126.08, 52.75),
    (125.00, 53.18), (123.60, 53.55), (122.35, 53.50), (121.40, 53.33), (120.20, 52.75), (120.70, 52.45),
    (120.62, 51.90), (119.75, 50.90), (119.30, 50.30), (119.10, 49.98), (117.85, 49.52), (117.40, 49.63),
    (116.70, 49.85), (115.60, 47.92), (116.90, 47.87), (117.80, 48.00), (118.50, 47.97), (119.75, 47.15),
    (119.92, 46.70), (118.30, 46.75), (117.40, 46.35), (116.60, 46.30), (115.70, 45.45), (114.50, 45.38),
    (113.60, 44.75), (112.00, 45.08), (111.45, 44.30), (111.95, 43.69), (111.00, 43.35), (110.40, 42.77),
    (107.40, 42.45), (105.00, 41.60), (103.30, 41.90), (100.80, 42.66), (99.50, 42.57), (97.20, 42.78),
    (96.38, 42.73), (95.40, 44.27), (93.50, 44.97), (90.90, 45.20), (90.70, 46.10), (91.03, 46.57),
    (90.00, 47.87), (88.60, 48.18), (87.80, 49.17), (87.30, 49.10), (85.75, 48.40), (85.55, 47.10),
    (84.70, 47.00), (83.00, 47.20), (82.30, 45.55), (82.55, 45.20), (80.40, 45.05), (79.90, 44.90),
    (80.38, 44.60), (80.38, 43.10), (80.25, 42.10), (78.50, 41.55), (76.90, 41.05), (76.30, 40.40),
    (75.50, 40.62), (74.80, 40.45), (73.80, 39.85), (73.60, 39.45), (73.90, 38.55), (74.80, 38.40),
    (74.90, 37.30), (75.42, 36.85), (76.00, 36.00), (76.90, 35.60), (78.00, 35.45), (78.90, 34.30),
    (78.80, 33.50), (79.45, 32.70), (78.50, 32.50), (78.75, 31.50), (80.20, 30.57), (81.10, 30.05),
    (82.20, 30.10), (84.00, 29.30), (85.20, 28.35), (86.00, 27.95), (86.90, 27.99), (88.10, 27.90),
    (88.78, 28.00), (88.80, 27.45), (88.92, 27.30), (89.02, 27.55), (89.60, 28.20), (90.40, 28.20),
    (91.60, 27.87), (92.10, 27.77),
    (93.20, 28.55), (94.30, 29.10), (95.40, 29.10), (96.30, 29.30), (97.00, 28.40), (97.40, 28.20),
    (98.20, 28.10), (98.70, 27.50), (98.70, 26.20), (98.55, 25.80), (97.75, 24.90), (97.55, 24.45),
    (97.54, 23.94), (97.72, 23.88), (97.88, 23.99), (98.70, 24.05), (98.90, 23.20), (99.50, 22.90),
    (99.20, 22.12), (100.00, 21.70), (101.10, 21.56), (101.70, 21.14), (101.82, 21.60), (101.60, 22.20),
    (102.10, 22.40), (102.50, 22.75), (103.00, 22.45), (103.60, 22.78), (103.965, 22.506), (104.40, 22.75),
    (104.85, 22.95), (105.35, 23.32), (106.20, 22.98), (106.70, 22.60), (106.60, 22.10), (106.70, 21.97),
    (107.35, 21.60), (107.97, 21.536), (108.15, 21.45), (108.40, 20.50), (108.20, 19.00), (108.40, 18.00),
    (109.50, 17.90), (110.50, 18.30), (111.50, 19.80), (112.50, 21.20), (113.40, 21.80), (113.548, 22.08),
    (113.548, 22.172), (113.533, 22.186), (113.531, 22.206), (113.537, 22.2135), (113.551, 22.2145),
    (113.60, 22.19), (113.75, 22.15), (113.83, 22.30), (113.86, 22.41), (113.95, 22.465), (114.01, 22.498),
    (114.04, 22.503), (114.067, 22.5158), (114.082, 22.5180), (114.100, 22.5270), (114.114, 22.5305),
    (114.132, 22.5395), (114.155, 22.5530), (114.180, 22.5570), (114.2265, 22.5505), (114.30, 22.562),
    (114.42, 22.575), (114.460, 22.535), (114.47, 22.44), (114.60, 22.35), (115.50, 22.50), (116.80, 22.90),
    (117.60, 23.35), (118.18, 24.38), (118.24, 24.50), (118.45, 24.53), (118.90, 24.60), (119.60, 25.05),
    (119.98, 25.60), (119.85, 26.15), (120.40, 26.60), (121.30, 27.40), (122.20, 28.50), (123.00, 30.00),
    (122.60, 31.50), (122.10, 32.50), (121.30, 34.50), (122.90, 36.60), (123.20, 37.60), (122.00, 38.60),
    (123.30, 39.40),
)  # fmt: skip


def in_mainland_china(lat: float, lng: float) -> bool:
    """Whether map makers shift this WGS-84 point (ray casting over the polygon above)."""
    if not (17.9 <= lat <= 53.6 and 73.6 <= lng <= 134.8):
        return False
    inside = False
    x1, y1 = _MAINLAND[-1]
    for x2, y2 in _MAINLAND:
        if (y1 > lat) != (y2 > lat) and lng < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
        x1, y1 = x2, y2
    return inside


# --- the shifts -----------------------------------------------------------------------------------------


def _offset(lat: float, lng: float) -> tuple[float, float]:
    """The GCJ-02 offset in degrees at a WGS-84 point, after the published reverse engineering of the shift."""
    x, y = lng - 105.0, lat - 35.0
    pi, sin = math.pi, math.sin
    ripple = 20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north_m += (ripple + 20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north_m += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east_m += (ripple + 20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east_m += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    flattening = 1.0 - _ECCENTRICITY_2 * sin(math.radians(lat)) ** 2
    north = math.degrees(north_m / (_AXIS_M * (1.0 - _ECCENTRICITY_2) / flattening**1.5))
    east = math.degrees(east_m / (_AXIS_M / math.sqrt(flattening) * math.cos(math.radians(lat))))
    return north, east


def _shift(lat: float, lng: float) -> tuple[float, float]:
    north, east = _offset(lat, lng)
    return lat + north, lng + east


def _wgs84_to_gcj02(lat: float, lng: float) -> tuple[float, float]:
    return _shift(lat, lng) if in_mainland_china(lat, lng) else (lat, lng)


def _gcj02_to_wgs84(lat: float, lng: float) -> tuple[float, float]:
    if not _near_china(lat, lng):
        return lat, lng
    found = _invert(_shift, lat, lng)
    return found if in_mainland_china(*found) else (lat, lng)


def _near_china(lat: float, lng: float) -> bool:
    return 17.0 <= lat <= 54.5 and 73.0 <= lng <= 135.5


def _to_baidu(lat: float, lng: float) -> tuple[float, float]:
    radius = math.hypot(lng, lat) + 0.00002 * math.sin(lat * _BD_K)
    angle = math.atan2(lat, lng) + 0.000003 * math.cos(lng * _BD_K)
    return radius * math.sin(angle) + 0.006, radius * math.cos(angle) + 0.0065


def _wgs84_to_bd09(lat: float, lng: float) -> tuple[float, float]:
    return _to_baidu(*_shift(lat, lng)) if in_mainland_china(lat, lng) else (lat, lng)


def _bd09_to_wgs84(lat: float, lng: float) -> tuple[float, float]:
    if not _near_china(lat, lng):
        return lat, lng
    found = _invert(_shift, *_invert(_to_baidu, lat, lng))
    return found if in_mainland_china(*found) else (lat, lng)


def _invert(forward: Callable[[float, float], tuple[float, float]], lat: float, lng: float) -> tuple[float, float]:
    """Neither shift has a closed inverse: walk back by the error until it is below 0.1 mm (5 rounds do)."""
    guess_lat, guess_lng = lat, lng
    for _ in range(10):
        there_lat, there_lng = forward(guess_lat, guess_lng)
        off_lat, off_lng = there_lat - lat, there_lng - lng
        guess_lat, guess_lng = guess_lat - off_lat, guess_lng - off_lng
        if abs(off_lat) < 1e-9 and abs(off_lng) < 1e-9:
            break
    return guess_lat, guess_lng


def _same(lat: float, lng: float) -> tuple[float, float]:
    return lat, lng


_TO_WGS84 = {Datum.WGS84: _same, Datum.GCJ02: _gcj02_to_wgs84, Datum.BD09: _bd09_to_wgs84}
_FROM_WGS84 = {Datum.WGS84: _same, Datum.GCJ02: _wgs84_to_gcj02, Datum.BD09: _wgs84_to_bd09}
