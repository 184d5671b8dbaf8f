"""Two clocks on one PostgreSQL: each alert is made once, whoever is first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.geo import Point
from core.prices.watching import Rule
from core.services.alerts import AlertService
from core.services.prices import PriceService
from core.watch import Area
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.core.services.alerts.conftest import Watching
from tests.world import HERE, make_world


@pytest.mark.postgres
def test_each_alert_is_made_once(tmp_path, postgres_url: str) -> None:
    watching = Watching(make_world(tmp_path, database_url=postgres_url))
    watching.costs("1.20")
    here = watching.world.services
    database = SqlDatabase(open_engine(postgres_url))
    alerts = AlertService(database, watching.world.clock, lambda *rows: None)
    prices = PriceService(database, watching.world.clock, alerts.on_ticks)
    people = [watching.person(str(number)) for number in range(5)]
    for number, one in enumerate(people):
        watching.watch(one, "1.00")
        watching.watch(one, rule=Rule.GUN_FREE)
        watching.watch_around(one, Area(Point(HERE.lat, HERE.lng), 1_000 + number), "1.00")

    def both(*steps: Callable[[], object]) -> None:
        with ThreadPoolExecutor(len(steps)) as pool:
            for done in [pool.submit(step) for step in steps]:
                done.result()

    def made() -> list[int]:
        with database.read() as unit:
            return [len(unit.alerts.of_watch(number, 9)) for number in range(1, 16)]

    watching.says("0.95", free=1)
    both(here.prices.boundaries, prices.boundaries, here.alerts.look, alerts.look)
    assert made() == [1] * 15
    # The pause of the guns is over first, and that of the prices next day; both clocks look.
    watching.world.clock.advance(hours=1)
    watching.says("1.20", free=0)
    both(here.prices.boundaries, prices.boundaries, here.alerts.look, alerts.look)
    watching.world.clock.advance(hours=1)
    watching.says("0.95", free=1)
    both(here.prices.boundaries, prices.boundaries, here.alerts.look, alerts.look)
    assert made() == [1, 2, 1] * 5
    watching.world.clock.advance(hours=22)
    both(here.alerts.look, alerts.look, here.prices.boundaries, prices.boundaries)
    assert made() == [2, 2, 2] * 5
    with database.read() as unit:
        rows = unit.alerts.rows_since(people, watching.now - timedelta(days=2))
    # What waited took the later ones along.
    assert [len(rows[one]) for one in people] == [1] * 5
    database.close()
