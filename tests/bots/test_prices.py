"""What is said of a price over time: judged or not, when it was lowest, when to charge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bots import prices
from bots.wording import wording
from core.prices.history import PriceHistory
from core.services.prices import GroupPrices
from core.station import Station
from core.tariff import Tariff, flat_tariff
from tests.world import NOW, World, make_world

EN, ZH = wording("en"), wording("zh-CN")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def road(world: World, **price: str) -> Station:
    station = world.station("Lotus Road", 22.541, 114.058, **(price or {"price": "1.20", "evening": "0.80"}))  # type: ignore[arg-type]  # only prices
    world.services.prices.follow()
    return station


def group(world: World, station: Station) -> GroupPrices:
    (found,) = world.services.prices.history(station.id)
    return found


def told(world: World, station: Station, kwh: int = 30) -> prices.Told:
    one = group(world, station)
    return prices.told(EN, world.services.prices, one, Decimal(kwh), world.clock.now())


def pass_days(world: World, station: Station, days: int) -> None:
    (tariff,) = world.source.price_lists.values()
    for _ in range(days):
        world.clock.advance(days=1)
        world.services.desk.prices(station.supplier_id, [(gun.ref, tariff) for gun in station.connectors])
        world.services.prices.boundaries()


def test_a_new_station_is_not_judged_and_has_no_other_price(world: World) -> None:
    said = told(world, station := road(world))
    assert (said.badge, said.rule) == (
        "Too new to judge",
        "A price is judged once it has been watched for four weeks.",
    )
    assert (said.usual, said.lowest) == ("", "")  # watched for a moment only: no day
    assert said.cheapest == "Cheapest of the next 24 hours: ¥0.80 from 20:00 to tomorrow 08:00"
    history = group(world, station).history
    assert [prices.span(history, NOW + timedelta(days=days)) for days in (0, 1, 3)] == [1, 1, 7], (
        "what has to be shown"
    )
    assert said.advice == "30 kWh · Wait: from 20:00 it costs ¥12.00 less."


def test_what_nobody_has_repeated_for_a_day_is_no_price_and_not_too_new(world: World) -> None:
    station = road(world)
    pass_days(world, station, 30)
    world.clock.advance(hours=30)
    world.services.prices.boundaries()
    said = told(world, station)
    assert said.now == "Not known now; last seen 30 h ago"
    assert said.badge == "The price is not known now"
    assert said.rule.startswith("A price that nobody has repeated for a day")
    assert (said.parts, said.cheapest, said.advice) == ("", "", "")
    assert said.lowest == "Lowest of the last 31 days: ¥0.80 (2026-11-23 20:00)"


def test_one_price_at_every_hour_needs_no_advice(world: World) -> None:
    said = told(world, road(world, price="1.20"))
    assert (said.cheapest, said.advice) == ("The same price at every hour of the next day.", "")


def test_when_now_is_the_cheapest_time(world: World) -> None:
    world.clock.advance(hours=10)  # it is ten in the evening there
    station = road(world)
    said = told(world, station)
    assert said.cheapest == "Cheapest of the next 24 hours: now, until tomorrow 08:00"
    assert said.advice == "30 kWh · Go now: waiting would not save 5 %."


def test_another_price_that_is_not_believed_yet_is_mentioned(world: World) -> None:
    station = road(world, price="1.20")
    assert told(world, station).doubted == ""
    half: Tariff = flat_tariff("CNY", Decimal("0.60"))
    world.clock.advance(minutes=5)
    world.services.desk.prices(station.supplier_id, [(gun.ref, half) for gun in station.connectors])
    world.services.prices.follow()
    said = told(world, station)
    assert said.doubted == "Another price has just been told. It counts once it is told again."
    assert said.now.startswith("¥1.20/kWh now")


def test_guns_are_named_by_what_is_known_of_them(world: World) -> None:
    one = group(world, road(world))
    assert prices.guns(EN, one) == "GB/T DC · 120 kW · 4 guns"
    assert prices.guns(ZH, replace(one, guns=1, series=replace(one.series, power_kw=None))) == "国标直流 · 1 枪"


@pytest.mark.parametrize(
    ("hours", "said"), [(7, "19:00"), (12, "tomorrow 00:00"), (36, "2026-11-25 00:00"), (-13, "2026-11-22 23:00")]
)
def test_times_on_the_clock_of_the_place(hours: int, said: str) -> None:
    assert prices.clock(EN, NOW + timedelta(hours=hours), NOW, "Asia/Shanghai") == said


def test_days_of_a_picture() -> None:
    history = PriceHistory(UTC)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    history.see(start + timedelta(hours=12), Decimal("1.00"))
    history.see(start + timedelta(hours=18), Decimal("2.00"))
    history.see(start + timedelta(hours=30), Decimal("2.00"))
    before, first, second = prices.by_day(history, start + timedelta(days=2), 3)
    assert before == prices.Day(start - timedelta(days=1))
    assert (first.low, first.mean, first.high) == (Decimal("1.00"), Decimal("1.50"), Decimal("2.00"))
    assert (second.mean, second.usual_low) == (Decimal("2.00"), None)
