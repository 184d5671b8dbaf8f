"""Alerts that are due: made by the engine, of watches that many drivers have on some stations whose prices fall."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from core.clock import SystemClock
from core.prices.watching import Rule
from core.watch import StandingWatch, StationGuns, first_level
from storage.unit_of_work import SqlDatabase
from tests.delivery.senders import TOGETHER
from tests.world import World, make_world

STATIONS = 20
WISH = Decimal("1.00")


def due_alerts(database: SqlDatabase, url: str, folder: Path, user_ids: list[str]) -> int:
    """Each of these people gets an alert; how many rows wait in the outbox for them now."""
    now = SystemClock().now()
    world = make_world(folder, database_url=url)
    world.clock.time = now - timedelta(hours=1)
    stations = [_station(world, n, "1.20") for n in range(STATIONS)]
    world.services.prices.boundaries()
    with world.services.database.read() as unit:
        guns = {one.station_id: one for one in unit.prices.guns(stations)}
    places = [StationGuns(one, guns[one].series_id, guns[one].plug, guns[one].power_kw) for one in stations]
    for first in range(0, len(user_ids), TOGETHER):
        with database.write() as unit:
            for n, user_id in enumerate(user_ids[first : first + TOGETHER], first):
                unit.watches.add(_watch(user_id, places[n % STATIONS], world.clock.now()))
    world.clock.time = now
    for n in range(STATIONS):
        _station(world, n, "0.90")
    world.services.prices.boundaries()
    return sum(count for (klass, _), count in world.services.outbox.counts().items() if klass == "alert")


def _station(world: World, n: int, price: str) -> str:
    return world.station(f"Station {n}", 22.5 + n / 100, 114.05, price=price, free=2).id


def _watch(user_id: str, place: StationGuns, at: datetime) -> StandingWatch:
    return StandingWatch(
        id=0,
        user_id=user_id,
        place=place,
        rule=Rule.BELOW,
        amount=WISH,
        currency="CNY",
        label="Station",
        created_at=at,
        expires_at=at + timedelta(days=180),
        cooldown=timedelta(days=1),
        level=first_level(Rule.BELOW, WISH),
        changed_at=at,
    )
