"""What every imported row must pass, in one place: a place on Earth in its country, and an id of its own."""

from __future__ import annotations

from dataclasses import replace

from adapters.text import number
from adapters.timezones import in_or_near, is_country
from core.errors import UserError
from core.geo import Datum, Point
from core.station import Connector, Plug, Rejected

RAW_CHARS, DETAIL_CHARS = 65_536, 500
# More guns than any site has: a number slipped into the wrong column.
MOST_GUNS = 2_000
# NEMA 14-50, the strongest socket found in houses, gives 9.6 kW.
MOST_DOMESTIC_KW = 10


class Refused(Exception):
    """This row cannot be used. `reason` is a code of docs/glossary.md."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def rejected(external_id: str, reason: str, detail: str, raw: str) -> Rejected:
    return Rejected(external_id, reason, detail[:DETAIL_CHARS], raw[:RAW_CHARS])


def place(lat_value: object, lng_value: object, datum: Datum, country: str = "") -> Point:
    """The WGS-84 point of a row. Raises Refused for what is missing, swapped or in another country.

    `country` (ISO 3166-1 alpha-2) may be empty or one that the zone map does not know: then nothing is compared.
    """
    lat, lng = number(lat_value), number(lng_value)
    said = f"lat {lat_value!r}, lng {lng_value!r}"[:100]
    # (0, 0) is a default value, not a place: the sea off Ghana.
    if lat is None or lng is None or (abs(lat) < 0.001 and abs(lng) < 0.001):
        raise Refused("bad_coordinates", said)
    known = bool(country) and is_country(country)
    try:
        point = Point(lat, lng, datum).wgs84
    except UserError as error:
        mirrored = error.code == "swapped_coordinates" and (not known or in_or_near(lng, lat, country))
        raise Refused("swapped_coordinates" if mirrored else "bad_coordinates", said) from error
    if known and not in_or_near(point.lat, point.lng, country):
        mirror = point.swapped
        if mirror is not None and in_or_near(mirror.lat, mirror.lng, country):
            raise Refused("swapped_coordinates", f"{said}; exchanged they lie in {country}")
        raise Refused("outside_country", f"{said} is not in {country}")
    return point


def guns(connectors: list[Connector]) -> tuple[Connector, ...]:
    """The connectors of a station. Raises Refused where there is none, or more than there can be."""
    if not connectors:
        raise Refused("no_connectors", "the row names no gun in service")
    total = sum(connector.count for connector in connectors)
    if total > MOST_GUNS:
        raise Refused("implausible_count", f"{total} guns at one station")
    return tuple(map(_believable, connectors))


def _believable(connector: Connector) -> Connector:
    """Registers give a household socket the power of the Type 2 plug beside it: then its own is unknown."""
    if connector.plug is Plug.DOMESTIC and (connector.power_kw or 0) > MOST_DOMESTIC_KW:
        return replace(connector, power_kw=None)
    return connector
