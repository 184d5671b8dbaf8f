"""Where on Earth a point is: its IANA time zone and its country, from the zone map of tzfpy."""

from __future__ import annotations

import importlib.resources
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import tzfpy

# Countries whose registers also list places that the zone map counts under another code.
_ALSO = {
    "FR": {"GP", "MQ", "GF", "RE", "YT", "BL", "MF", "PM", "NC", "PF", "WF", "MC"},
    "GB": {"IM", "JE", "GG", "GI"},
    "US": {"PR", "VI", "GU", "AS", "MP"},
    "NL": {"AW", "CW", "SX", "BQ"},
    "DK": {"FO", "GL"},
    "NO": {"SJ"},
    "FI": {"AX"},
    "XK": {"RS"},
    "IT": {"VA", "SM"},
    "CN": {"HK", "MO"},
}
# The map's outlines are simplified, and quays lie in the sea: as near as this counts as inside. About 5 km.
_NEAR_DEG = 0.05


@cache
def _countries() -> dict[str, str]:
    """Country code by zone name, from the tz database's own table."""
    table = (importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2].strip(): row[0] for row in rows}


@cache
def _first_zone(country: str) -> str | None:
    return next((zone for zone, code in _countries().items() if code == country), None)


@cache
def _usable(name: str) -> bool:
    return name in available_timezones()


def is_time_zone(name: object) -> bool:
    return isinstance(name, str) and bool(name) and _usable(name)


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def time_zone_at(lat: float, lng: float, country: str = "") -> str:
    """The IANA zone of a WGS-84 point; at sea and where the map is silent the country's first, else UTC."""
    name = tzfpy.get_tz(lng, lat)
    if name and not name.startswith("Etc/") and _usable(name):
        return name
    return _first_zone(country) or "UTC"


def country_at(lat: float, lng: float) -> str | None:
    """ISO 3166-1 alpha-2 of the country around a WGS-84 point; None at sea."""
    return _countries().get(tzfpy.get_tz(lng, lat))


def in_or_near(lat: float, lng: float, country: str) -> bool:
    """Whether the point lies in the country or within some kilometres of it."""
    wanted = {country} | _ALSO.get(country, set())
    if country_at(lat, lng) in wanted:
        return True
    steps = (-_NEAR_DEG, 0.0, _NEAR_DEG)
    around = [(lat + dy, lng + dx) for dy in steps for dx in steps]
    return any(country_at(y, x) in wanted for y, x in around if -90 <= y <= 90 and -180 <= x <= 180)


@cache
def is_country(code: str) -> bool:
    """Whether we can check points against this country at all."""
    return code in _ALSO or code in _countries().values()
