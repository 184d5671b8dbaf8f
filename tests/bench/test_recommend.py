"""The judge of recommendations is right where the answer can be worked out by hand."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bench import recommend
from bench.recommending.city import City, queue_min, read_city
from bench.recommending.drivers import Driver, Requests, Truth, ask, paid_per_kwh, truth, with_roads
from bench.recommending.herding import Car, replay
from bench.recommending.measures import measure
from bench.recommending.ours import Ours, told
from bench.recommending.peers import cheapest, nearest, order
from bench.recommending.tables import by_driver
from core.geo import Point
from tests.shared import shared

HOURS = 24 * 7 * 21


def city() -> City:
    """A near zone that is dear, a far one that is cheap, and between them one that is full."""
    price = np.repeat([[1.6], [1.5], [1.0]], HOURS, axis=1)
    busy = np.repeat([[0.2], [1.0], [0.2]], HOURS, axis=1)
    points = (Point(22.50, 114.00), Point(22.51, 114.00), Point(22.52, 114.00))
    return City(("1", "2", "3"), points, points, datetime(2022, 9, 1, tzinfo=UTC), price, busy * 100, busy)


def one_request(hour: int = HOURS - 30, minute: float = 0) -> Requests:
    straight = np.array([[0.0, 1.1, 2.2]])
    return Requests(np.array([hour]), np.array([minute]), (Point(22.50, 114.00),), straight, straight * 1.3)


def test_the_cost_is_energy_driving_and_time() -> None:
    there = truth(city(), with_roads(one_request(), 1.0), Driver.known(30, 30)).cost[0]
    wait = float(queue_min(np.array([0.2]))[0])
    assert there[0] == pytest.approx(30 * 1.6 + 30 * wait / 60)
    assert there[2] == pytest.approx(30 * 1.0 + 2 * 2.2 * 0.25 + 30 * (2.2 / 25 + wait / 60))
    assert there[1] == pytest.approx(30 * 1.5 + 2 * 1.1 * 0.25 + 30 * (1.1 / 25 + 45 / 60))


def test_the_price_is_that_of_every_hour_in_which_energy_flows() -> None:
    """From a quarter to the hour on for half an hour: a quarter before the change, a quarter after it."""
    prices = city()
    prices.price[0, HOURS - 29 :] = 2.6
    paid = paid_per_kwh(prices, one_request(minute=45), 30)
    assert paid[0, 0] == pytest.approx((1.6 + 2.6) / 2)


def test_regret_and_places_of_a_list() -> None:
    cost = np.array([[60.0, 50.0, 55.0]] * 2)
    nothing = np.zeros_like(cost)
    measured = measure(Truth(cost, nothing, nothing, nothing), [[2, 1, 0]] * 2)
    assert measured.regret == pytest.approx(10)
    assert (measured.hit1, measured.hit3) == (0, 1)


def test_the_sorts_look_at_what_they_are_named_for() -> None:
    asked, known = one_request(), told(city(), one_request())
    assert order(nearest(city(), asked, known)).tolist() == [[0, 1, 2]]
    assert order(cheapest(city(), asked, known)).tolist() == [[2, 1, 0]]


def test_ours_is_asked_for_the_whole_cost() -> None:
    asked, known = one_request(), told(city(), one_request())
    assert Ours(city()).advise(asked, known, Driver.known(30, 30))[0][0] == 2
    assert Ours(city()).advise(asked, known, Driver.known(100, 10))[0][0] == 0


def test_what_is_not_there_yet_is_not_known() -> None:
    """A day's list of prices has of the hours to come what they were a day before."""
    prices = city()
    hour = 24 * 10 + 12
    prices.price[0, hour + 1 :] = 9.9
    day = Ours(prices).tariff(0, hour, 1.0)
    assert "9.9" not in json.dumps(day.to_json())


def test_real_prices_end_to_end() -> None:
    """No list is better than the oracle's, and the same seed gives the same figures."""
    folder = shared("data", "shenzhen")
    prices = read_city(folder)
    tables = [by_driver(prices, Ours(prices), ask(prices, 8, 3)) for _ in range(2)]
    assert tables[0] == tables[1]
    for row in tables[0].values():
        assert row["oracle"].regret == 0
        assert row["oracle"].ndcg == pytest.approx(1)
        assert min(one.regret for one in row.values()) == 0


def test_the_fourteenth_car_waits_for_the_first_to_leave() -> None:
    here = np.zeros(3)
    fleet = [
        Car(200.0 + number, number, 0, here, asks=number > 0, follows=False, stays_min=60) for number in range(14)
    ]
    outcome = replay(city(), fleet, None)
    assert outcome.wait_min == pytest.approx((60 - 13) / 14)
    assert outcome.others_wait_min == 0  # the first one


def test_without_the_data_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["recommend", "--data", str(tmp_path)])
    recommend.main()
    assert "zone_price_hourly.csv.gz" in capsys.readouterr().err
