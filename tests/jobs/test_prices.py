"""Prices are followed beside the clock, soon and without being rung for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.prices.ticks import Cause
from core.prices.watching import Rule
from core.station import ConnectorStatus, Station, StatusReport
from core.tariff import flat_tariff
from core.user import Channel, Identity
from core.watch import Ended
from jobs import context, names, prices, watches
from jobs.clock import UPKEEP
from tests.storage.samples import yuan
from tests.world import World, make_world

WITHIN_S = 20.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@contextmanager
def following(world: World) -> Iterator[None]:
    stop = threading.Event()
    thread = prices.start_following(world.services, stop)
    try:
        yield
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def wait_for(world: World, station: Station, tariff_id: str) -> None:
    give_up = time.monotonic() + WITHIN_S
    while not any(
        one.tariff is not None and one.tariff.id == tariff_id for one in world.services.prices.history(station.id)
    ):
        assert time.monotonic() < give_up, "nobody has followed"
        time.sleep(0.01)


def test_a_push_is_followed_without_a_bell(world: World) -> None:
    station = world.station("Lotus Road", 22.541, 114.058, price="1.20")
    with following(world):
        wait_for(world, station, flat_tariff("CNY", yuan("1.20").elements[0].components[0].price).id)
        world.clock.advance(minutes=1)
        pushed = yuan("1.10")
        world.services.desk.prices(station.supplier_id, [(gun.ref, pushed) for gun in station.connectors])
        wait_for(world, station, pushed.id)
    with world.services.database.read() as unit:
        (series,) = unit.prices.series_of([station.id])
        versions = unit.prices.versions([series.id], series.began_at)[series.id]
    assert [one.cause for one in versions] == [Cause.PULL, Cause.PUSH]


def test_what_a_push_and_what_time_mean_for_watches_is_found(world: World) -> None:
    station = world.station("Lotus Road", 22.541, 114.058, price="1.20", free=0)
    rung: list[int | None] = []
    world.services.alerts.ring = lambda *rows: rung.extend(rows)
    with world.services.database.write() as unit:
        lin, _ = unit.users.register(Identity(Channel.TELEGRAM, "1"), "en", world.clock.now())
    with following(world):
        wait_for(world, station, yuan("1.20").id)
        world.services.watches.watch_station(lin.id, station.id, Rule.BELOW, Decimal("1.15"))
        world.services.watches.watch_station(lin.id, station.id, Rule.GUN_FREE)
        world.clock.advance(minutes=1)
        world.services.desk.prices(station.supplier_id, [(gun.ref, yuan("1.10")) for gun in station.connectors])
        told = [StatusReport(gun.ref, ConnectorStatus.FREE, world.clock.now()) for gun in station.connectors]
        world.services.desk.statuses(station.supplier_id, told)
        give_up = time.monotonic() + WITHIN_S
        while True:
            with world.services.database.read() as unit:
                found = [one.alert.rule for number in (1, 2) for one in unit.alerts.of_watch(number, 9)]
            if found == [Rule.BELOW, Rule.GUN_FREE]:
                break
            assert time.monotonic() < give_up, found
            time.sleep(0.01)
    # The later one went along.
    assert len(rung) == 1


def test_it_outlives_what_goes_wrong(world: World, caplog: pytest.LogCaptureFixture) -> None:
    station = world.station("Lotus Road", 22.541, 114.058, price="1.20")
    failed = threading.Event()

    def fails_once(unit: object, ticks: object) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("once")

    world.services.prices.on_ticks = fails_once
    prices_again, prices.AGAIN_AFTER_S = prices.AGAIN_AFTER_S, 0.01
    try:
        with following(world):
            wait_for(world, station, yuan("1.20").id)
    finally:
        prices.AGAIN_AFTER_S = prices_again
    assert failed.is_set()
    assert "prices could not be followed" in caplog.text


def test_old_prices_are_compacted_every_day(world: World) -> None:
    assert UPKEEP["compact_prices"] == timedelta(days=1).total_seconds()
    assert names.JOBS["compact_prices"] == "jobs.prices.compact_prices"
    world.station("Lotus Road", 22.541, 114.058, price="1.20")
    world.services.prices.follow()
    context.use(world.services)
    world.clock.advance(days=100)
    prices.compact_prices()
    with world.services.database.write() as unit:
        assert unit.prices.forget_observations(world.clock.now(), 10) == 0, "they are gone already"


def test_watches_are_looked_after_every_hour(world: World) -> None:
    assert UPKEEP["look_after_watches"] == timedelta(hours=1).total_seconds()
    assert names.JOBS["look_after_watches"] == "jobs.watches.look_after_watches"
    station = world.station("Lotus Road", 22.541, 114.058, price="1.20", free=0)
    watch = world.services.watches.watch_station("u1", station.id, Rule.GUN_FREE).watch
    context.use(world.services)
    world.clock.advance(hours=13)
    watches.look_after_watches()
    with world.services.database.read() as unit:
        (kept,) = unit.watches.some([watch.id])
    assert kept.ended is Ended.EXPIRED
