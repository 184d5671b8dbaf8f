"""Who goes while an alert of theirs is being written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.core.services.alerts.conftest import Watching
from tests.world import make_world


@pytest.mark.postgres
def test_who_goes_while_an_alert_of_theirs_is_written_leaves_nothing(tmp_path, postgres_url: str) -> None:
    watching = Watching(make_world(tmp_path, database_url=postgres_url))
    watching.costs("1.20")
    lin = watching.person("1")
    watching.watch(lin, "1.00")
    services = watching.world.services
    heard, written, goes = services.prices.on_ticks, threading.Event(), threading.Event()

    def slow(unit, ticks):
        heard(unit, ticks)
        written.set()
        # Until they wait for what is locked here; a second is long for that.
        goes.wait(1)

    services.prices.on_ticks = slow
    watching.says("0.95")
    with ThreadPoolExecutor(2) as pool:
        following = pool.submit(services.prices.boundaries)
        written.wait(10)
        services.privacy.delete(lin)
        following.result()
    with services.database.read() as unit:
        assert unit.alerts.untold([lin], watching.now.replace(year=2020)) == []
    assert [row.address for row in watching.rows()] in ([], [""])
