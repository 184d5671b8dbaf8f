"""GET /api/v1/stations/{id}/prices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from bots.miniapp import models
from bots.miniapp.price_models import StationPrices
from core.station import Station
from tests.world import NOW, World


@pytest.fixture
def road(world: World) -> Station:
    """1.20 by day, 0.80 from 20:00 to 08:00; it is noon in Shenzhen."""
    station = world.station("Lotus Road", 22.541, 114.058, price="1.20", evening="0.80")
    world.services.prices.follow()
    return station


def ask(client: FlaskClient, station: str, query: str = "", status: int = 200) -> Any:
    answer = client.get(f"/api/v1/stations/{station}/prices?{query}")
    assert answer.status_code == status, answer.text
    return answer.json


def pass_weeks(world: World, station: Station, weeks: int) -> None:
    """The supplier says the same every day."""
    (tariff,) = world.source.price_lists.values()
    for _ in range(7 * weeks):
        world.clock.advance(days=1)
        world.services.desk.prices(station.supplier_id, [(gun.ref, tariff) for gun in station.connectors])
        world.services.prices.boundaries()


def test_a_new_station(world: World, road: Station, client: FlaskClient) -> None:
    found = StationPrices.model_validate(ask(client, road.id, "days=7"))
    (group,) = found.groups
    assert (found.days, found.time_zone, group.guns, group.currency) == (7, "Asia/Shanghai", 4, "CNY")
    assert [(one.at, one.per_kwh) for one in group.steps] == [
        ("2026-11-16T04:00:00Z", None),
        ("2026-11-23T04:00:00Z", "1.2000"),
    ]
    assert [(one.at, one.per_kwh) for one in group.ahead] == [
        ("2026-11-23T04:00:00Z", "1.2000"),
        ("2026-11-23T12:00:00Z", "0.8000"),
        ("2026-11-24T00:00:00Z", "1.2000"),
    ]
    assert group.cheapest_ahead is not None
    assert group.cheapest_ahead.at == "2026-11-23T12:00:00Z"
    assert (group.badge.grade, group.badge.rule) == (
        "too_new",
        "A price is judged once it has been watched for four weeks.",
    )
    assert len(group.usual) == 7 * 24 + 1
    assert all(one.usual is None for one in group.usual)
    assert group.advice is None


def test_of_one_day_the_usual_of_the_next_is_told_too(road: Station, client: FlaskClient) -> None:
    (group,) = StationPrices.model_validate(ask(client, road.id, "days=1")).groups
    assert [group.usual[0].at, group.usual[-1].at] == ["2026-11-22T04:00:00Z", "2026-11-24T04:00:00Z"]


def test_after_five_weeks(world: World, road: Station, client: FlaskClient) -> None:
    pass_weeks(world, road, 5)
    (group,) = StationPrices.model_validate(ask(client, road.id, "days=30&lang=zh-CN")).groups
    assert (group.per_kwh, group.badge.grade, group.badge.text) == ("1.2000", "usual", "现在与平时差不多")
    assert group.badge.usual is not None
    assert group.badge.usual.median == "1.2000"
    assert group.lowest is not None
    assert group.lowest.per_kwh == "0.8000"
    assert len(group.steps) == 61, "two a day, and what held at the beginning"
    assert (len(group.by_day), group.usual) == (30, [])
    day = group.by_day[-1]
    assert (day.start, day.low, day.mean, day.high) == ("2026-12-27T04:00:00Z", "0.8000", "1.0000", "1.2000")
    assert (day.usual_low, day.usual_high) == ("1.0000", "1.0000")
    assert group.text.usual == "该时段平时：¥1.20"
    assert group.text.advice == "30 度 · 建议等一等：20:00 开始充可省 ¥12.00。"


@pytest.mark.parametrize(("until_h", "wait"), [(12, True), (6, False)])
def test_wait_or_go(road: Station, client: FlaskClient, until_h: int, wait: bool) -> None:
    by = (NOW + timedelta(hours=until_h)).isoformat().replace("+00:00", "Z")
    (group,) = StationPrices.model_validate(ask(client, road.id, f"kwh=30&by={by}")).groups
    assert group.advice is not None
    assert group.advice.wait is wait
    if wait:
        assert group.advice.text == "Wait: from 20:00 it costs ¥12.00 less."
        assert group.advice.better is not None
        assert group.advice.better.start_at == "2026-11-23T12:00:00Z"
    else:
        assert group.advice.text == "Go now: waiting would not save 5 %."


def test_unknown_stays_unknown(world: World, client: FlaskClient) -> None:
    silent = world.station("Silent Road", 22.542, 114.058)
    world.services.prices.follow()
    assert ask(client, silent.id)["groups"] == []
    priced = world.station("Lotus Road", 22.541, 114.058, price="1.20")
    world.services.prices.follow()
    world.clock.advance(hours=30)
    world.services.prices.boundaries()
    (group,) = StationPrices.model_validate(ask(client, priced.id, "kwh=30&by=2026-11-30T00:00:00Z")).groups
    assert (group.per_kwh, group.ahead, group.cheapest_ahead, group.advice) == (None, [], None, None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("days=2", "bad_value"),
        ("by=noon", "bad_value"),
        ("by=2026-11-23T22:00", "bad_value"),
        ("kwh=0", "bad_energy"),
    ],
)
def test_what_cannot_be_asked(road: Station, client: FlaskClient, query: str, code: str) -> None:
    assert models.Error.model_validate(ask(client, road.id, query, 400)).error.code == code


def test_no_such_station(client: FlaskClient) -> None:
    ask(client, "nowhere", status=404)
