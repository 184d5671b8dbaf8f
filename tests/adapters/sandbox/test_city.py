"""The sandbox city is plausible, and the same every time."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from adapters.sandbox import city as sandbox_city
from adapters.sandbox.city import City
from adapters.sandbox.places import NEIGHBOURHOODS
from core.geo import Datum, Point, distance_m, in_mainland_china

DISTRICTS = {"福田", "南山", "罗湖", "宝安", "龙岗", "龙华", "盐田", "光明", "坪山"}


@pytest.fixture(scope="module")
def city() -> City:
    return sandbox_city.build()


def test_two_starts_give_the_same_city(city: City) -> None:
    assert sandbox_city.build().places == city.places
    assert sandbox_city.build(seed=1).places != city.places


def test_stations_lie_where_their_name_says(city: City) -> None:
    by_name = {f"{hood.district}·{hood.name}": hood for hood in NEIGHBOURHOODS}
    for place in city.places:
        [hood] = [hood for start, hood in by_name.items() if place.name.startswith(start)]
        point = Point(float(place.lat), float(place.lng), Datum.GCJ02)
        assert distance_m(point, Point(hood.lat, hood.lng, Datum.GCJ02)) < hood.spread_m + 10
        assert in_mainland_china(point.wgs84.lat, point.wgs84.lng)
        assert place.area_code == hood.area_code
        assert f"深圳市{hood.district}区" in place.address


def test_every_district_has_stations(city: City) -> None:
    assert {place.name.split("·")[0] for place in city.places} == DISTRICTS
    assert len(city.places) == len({place.name for place in city.places}) == 300


def test_guns_and_ids(city: City) -> None:
    ids = [gun.id for place in city.places for gun in place.guns]
    assert len(ids) == len(set(ids)) == len(city.gun_of)
    assert all(re.fullmatch(r"\d{15}", one) for one in ids)
    sizes = [len(list(place.guns)) for place in city.places]
    assert min(sizes) == 2
    assert 40 < max(sizes) <= 60
    powers = {(gun.power_kw, gun.is_dc) for place in city.places for gun in place.guns}
    assert powers == {(Decimal(kw), kw > 7) for kw in (7, 60, 120, 180, 250, 480)}


def test_prices_are_those_of_a_city_like_this(city: City) -> None:
    periods = [period for place in city.places for period in (*place.dc_prices, *place.ac_prices)]
    assert all(Decimal("0.25") <= one.energy <= Decimal("1.30") for one in periods)
    assert all(Decimal("0.20") <= one.service <= Decimal("0.80") for one in periods)
    lengths = Counter(len(place.dc_prices) for place in city.places)
    assert lengths[1] > 10  # one price all day
    assert len(lengths) > 2


def test_a_few_stations_are_not_for_everybody(city: City) -> None:
    shown = [one for one in city.places if (one.kind, one.status) == (sandbox_city.PUBLIC, sandbox_city.IN_USE)]
    assert 290 <= len(shown) < 300
