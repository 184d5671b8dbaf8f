"""Where else to go, for a driver who stands before a gun that does not start: the nearest free ones that fit.

Asked of the database and not of an index, so that chats, page and the process that sends messages all say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.geo import Point, distance_m
from core.ports import UnitOfWork
from core.ports.search import FreeGunsAt
from core.station import STATUS_FRESH_FOR, ConnectorRef, Plug, Station

WITHIN_M = 5_000
# Looked at more closely, the nearest first: some are the same place at another supplier, some are closed.
_LOOKED_AT = 12


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another station with `free` guns that fit, `distance_m` from the one where it did not work."""

    station: Station
    distance_m: float
    free: int


def alternatives(
    unit: UnitOfWork, station_id: str, ref: ConnectorRef, at: datetime, limit: int = 1
) -> list[Alternative]:
    """The nearest stations with a free gun of the same plug, none of them the same place; nearest first.

    Free is what a supplier has said within ten minutes. A station that is closed now is left out, one whose hours
    nobody knows is not.
    """
    here = next(iter(unit.catalogue.stations([station_id])), None)
    gun = next((one for one in here.connectors if one.ref == ref), None) if here else None
    if here is None or gun is None or gun.plug is Plug.UNKNOWN:
        return []
    told_since = at - STATUS_FRESH_FOR
    around = unit.vicinity.free_guns(here.point, within_m=WITHIN_M, plug=gun.plug, told_since=told_since)
    same_place = _same_place(unit, station_id)
    nearest = sorted(
        (one for one in around if one.station_id not in same_place),
        key=lambda one: (_apart(here.point, one), one.station_id),
    )[:_LOOKED_AT]
    stations = {one.id: one for one in unit.catalogue.stations([one.station_id for one in nearest])}
    found: list[Alternative] = []
    for one in nearest:
        station = stations[one.station_id]
        far_m = distance_m(here.point, station.point)
        if far_m <= WITHIN_M and station.hours.is_open(at.astimezone(ZoneInfo(station.time_zone))) is not False:
            found.append(Alternative(station, far_m, one.free))
        if len(found) == limit:
            break
    return found


def _same_place(unit: UnitOfWork, station_id: str) -> set[str]:
    """Every supplier's description of the place: its guns are the ones the driver stands before."""
    link = unit.links.links([station_id]).get(station_id)
    members = unit.links.members([link.place_id]) if link else []
    return {station_id, *(one.station_id for one in members)}


def _apart(here: Point, other: FreeGunsAt) -> float:
    """What orders places that are near each other; cheaper than the distance along the ellipsoid."""
    lat, lng = other.point.lat - here.lat, other.point.lng - here.lng
    return math.hypot(lat, lng * math.cos(math.radians(here.lat)))
