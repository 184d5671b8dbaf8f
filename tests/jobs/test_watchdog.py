"""The job that tells people who wait for their money, the doctor's line about it, and its figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from bots.miniapp import health
from core.user import Channel
from jobs import context
from jobs.clock import UPKEEP
from jobs.watchdog import watch_promises
from storage.tables import outbox
from storage.unit_of_work import SqlDatabase
from tests.bots.driving import Driving, yuan
from tests.storage.samples import rows
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    context.use(world.services)
    return world


def test_a_late_refund_is_told_once_and_counted(world: World) -> None:
    assert isinstance(world.services.database, SqlDatabase)
    driving = Driving(world)
    lin = driving.user_id(Channel.TELEGRAM, "1")
    driving.tops_up(lin, 50)
    [refund] = world.services.wallet.refund(lin, yuan(50), "key")
    world.clock.time = refund.due_at
    for _ in range(2):
        watch_promises()
    told = [row for row in rows(world.services.database, outbox) if "refund_overdue" in row.dedupe_key]
    assert [row.subject for row in told] == [refund.id]
    figures = _figures(world)
    assert "kilowatch_refunds_overdue 1.0" in figures
    assert "kilowatch_holds_overdue 0.0" in figures
    assert "kilowatch_holds_waiting 0.0" in figures


def test_it_is_looked_at_every_ten_minutes() -> None:
    assert UPKEEP["watch_promises"] == 600


def _figures(world: World) -> str:
    app = Flask(__name__)
    app.register_blueprint(health.blueprint(world.services, CollectorRegistry()))
    return app.test_client().get("/metrics").text
