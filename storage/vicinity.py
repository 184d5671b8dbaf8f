"""The neighbourhood out of the database, for processes that keep no index of the stations."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, or_, select

from core.geo import Point
from core.ports.search import FreeGunsAt
from core.station import ConnectorStatus, Plug
from storage.bulk import rows_by
from storage.tables import connectors, stations

_DEGREE_M = 111_320  # of latitude, and of longitude at the equator
_S, _G = stations.c, connectors.c


def in_square(around: Point, within_m: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What is true of stations in a square of twice `within_m`."""
    here = around.wgs84
    up = within_m / _DEGREE_M
    # Near a pole a degree of longitude is nothing; nobody charges there.
    across = up / max(math.cos(math.radians(here.lat)), 0.01)
    return _S.lat.between(here.lat - up, here.lat + up), _S.lng.between(here.lng - across, here.lng + across)


class SqlVicinity:
    """core.ports.search.VicinityRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def free_guns(self, around: Point, *, within_m: float, plug: Plug, told_since: datetime) -> list[FreeGunsAt]:
        near = (*in_square(around, within_m), _S.removed_at.is_(None), _S.public)
        listed = select(_S.id, _S.lat, _S.lng).where(*near)
        points = {row.id: Point(row.lat, row.lng) for row in self.db.execute(listed)}
        free = select(_G.station_id).where(
            _G.plug == plug.value,
            _G.status == ConnectorStatus.FREE.value,
            _G.status_at >= told_since,
            or_(_G.bay_blocked.is_(None), ~_G.bay_blocked),
        )
        # In two steps: as one join SQLite would begin with all guns of the country.
        counts = Counter(row["station_id"] for row in rows_by(self.db, free, _G.station_id, points))
        return [FreeGunsAt(station_id, points[station_id], count) for station_id, count in counts.items()]
