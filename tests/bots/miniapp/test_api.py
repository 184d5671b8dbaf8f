"""The contract of /api/v1: shapes, sentences for mistakes, datums, paging, limits, and its own description."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from flask.testing import FlaskClient
from flask_openapi3.models import APISpec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import web
from bots.miniapp import models
from core.geo import Datum, Point, distance_m
from core.station import Station, Supplier, station_key
from core.tariff import flat_tariff
from tests.bots.miniapp.served import HOSTILE, equip, fill, served
from tests.world import HERE, Listed, World, make_world

AT = "/api/v1/stations?lat=22.5410&lng=114.0580"


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == "application/json"
    return answer.json


def sentence(client: FlaskClient, path: str, status: int, code: str, **headers: str) -> str:
    error = models.Error.model_validate(get(client, path, status, **headers)).error
    assert error.code == code
    return error.message


# --- the list -----------------------------------------------------------------------------------------------


def test_the_list_has_the_shape_we_publish(client: FlaskClient, city: dict[str, Station]):
    for texts in ("", "&texts=true"):
        found = models.StationList.model_validate(get(client, AT + texts))
        assert found.total == len(city)
        assert found.credits == ["Testing Power, open data"]
        assert found.next is None


def test_a_row_says_what_the_charge_costs_and_how_old_that_is(client: FlaskClient, city: dict[str, Station]):
    rows = {row["name"]: row for row in get(client, AT + "&kwh=30")["stations"]}
    row = rows["Lotus Road Fast Charging"]
    assert row["price"] == {
        "total": {"amount_minor": 3600, "currency": "CNY"},
        "per_kwh": "1.2000",
        "parts": {"energy": "24.00", "service": "12.00"},
        "kwh": "30",
        "seen_at": "2026-11-23T04:00:00Z",
        "next_change": {"at": "2026-11-23T12:00:00Z", "per_kwh": "0.7500"},
    }
    assert row["guns"] == {"total": 5, "free": 3, "last_free": 3, "as_of": "2026-11-23T04:00:00Z", "fresh": True}
    assert row["no_price"] is None
    assert row["distance_m"] == round(distance_m(HERE, Point(22.5420, 114.0590)))
    assert (row["max_power_kw"], row["plugs"], row["open_now"]) == ("120", ["gbt_dc"], True)
    assert row["parking"] == {"free": False, "text": "Parking: 2 h free, then ¥5 per hour"}
    assert "text" not in row


def test_an_unknown_price_is_null_with_a_reason(client: FlaskClient, city: dict[str, Station]):
    rows = {row["name"]: row for row in get(client, AT)["stations"]}
    row = rows["Hospital Car Park"]
    assert row["price"] is None
    assert row["no_price"] == {"reason": "text_only", "text": "Price only as text: Ask at the gate"}


def test_an_old_status_is_not_called_fresh(client: FlaskClient, world: World, city: dict[str, Station]):
    world.clock.advance(minutes=11)
    rows = {row["name"]: row for row in get(client, AT)["stations"]}
    guns = rows["Lotus Road Fast Charging"]["guns"]
    assert (guns["free"], guns["last_free"], guns["fresh"]) == (None, 3, False)


def test_supplier_text_is_one_clean_line(client: FlaskClient, city: dict[str, Station]):
    row = next(row for row in get(client, AT)["stations"] if row["name"].startswith("<img"))
    assert row["name"] == HOSTILE.replace("\u202e", "")
    assert row["id"] == city[HOSTILE].id


def test_a_very_long_name_is_cut(client: FlaskClient, world: World):
    world.station("长" * 5000, 22.54, 114.05, price="1")
    (row,) = get(client, AT)["stations"]
    assert len(row["name"]) == 100


def test_pages_follow_each_other_without_gap_or_repeat(client: FlaskClient, city: dict[str, Station]):
    seen, path = [], AT + "&limit=5&sort=distance"
    page = get(client, path)
    seen += page["stations"]
    while page["next"]:
        page = get(client, f"{path}&cursor={page['next']}")
        assert page["stations"]
        seen += page["stations"]
    assert len(seen) == len({row["id"] for row in seen}) == len(city)
    assert [row["distance_m"] for row in seen] == sorted(row["distance_m"] for row in seen)


def test_the_last_page_ends_the_list(client: FlaskClient, city: dict[str, Station]):
    first = get(client, AT + "&limit=5")
    answer = get(client, AT + f"&limit=100&cursor={first['next']}")
    assert len(answer["stations"]) == len(city) - 5
    assert answer["next"] is None


def test_sorts_and_filters_are_the_ones_of_the_core(client: FlaskClient, city: dict[str, Station]):
    cheapest = get(client, AT + "&sort=price&limit=1")["stations"][0]
    assert cheapest["name"] == "Bagualing Depot"
    free = get(client, AT + "&free_now=true&plug=gbt_dc&min_power_kw=100")
    assert {row["name"] for row in free["stations"]} == {
        "Lotus Road Fast Charging",
        "Huaqiang North Garage",
        HOSTILE.replace("\u202e", ""),
    }
    assert free["hidden"] == len(city) - 3
    assert free["notes"] == [f"{len(city) - 3} more hidden by your filters"]
    capped = get(client, AT + "&price_cap=32")["stations"]
    assert all(row["price"]["total"]["amount_minor"] <= 3200 for row in capped)
    assert {row["operator"]["name"] for row in get(client, AT + "&operator=Pearl+Power")["stations"]} == {
        "Pearl Power"
    }


@pytest.mark.parametrize("datum", list(Datum))
def test_a_datum_holds_for_what_goes_in_and_what_comes_out(
    client: FlaskClient, city: dict[str, Station], datum: Datum
):
    here = HERE.to(datum)
    answer = get(client, f"/api/v1/stations?lat={here.lat}&lng={here.lng}&datum={datum.value}&sort=distance")
    plain = get(client, AT + "&sort=distance")
    assert [row["id"] for row in answer["stations"]] == [row["id"] for row in plain["stations"]]
    for mine, theirs in zip(answer["stations"], plain["stations"], strict=True):
        assert mine["datum"] == datum.value
        assert distance_m(Point(mine["lat"], mine["lng"], datum), Point(theirs["lat"], theirs["lng"])) < 0.5
        assert abs(mine["distance_m"] - theirs["distance_m"]) <= 1
    assert answer["search"]["datum"] == datum.value
    assert answer["search"]["mainland_china"] is True


def test_a_typed_place_is_searched_around(client: FlaskClient, city: dict[str, Station]):
    answer = get(client, "/api/v1/stations?q=Huaqiang")
    assert answer["search"]["place"] == "Huaqiang"
    assert answer["stations"][0]["name"] == "Huaqiang North Garage"


def test_far_from_everything_says_how_far(client: FlaskClient, city: dict[str, Station]):
    answer = get(client, "/api/v1/stations?lat=0&lng=-30")
    assert answer["stations"] == []
    (note,) = answer["notes"]
    assert "No station within 200 km" in note


# --- language -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "header", "text"),
    [
        (AT + "&lang=zh-CN", "en", "24 小时营业"),
        (AT + "&lang=zh_TW", "", "24 小时营业"),
        (AT, "zh-CN,zh;q=0.9,en;q=0.8", "24 小时营业"),
        (AT, "fr;q=0.9,zh;q=0.5,en;q=0.7", "Open 24 hours"),
        (AT + "&lang=klingon", "zh", "Open 24 hours"),
        (AT, "", "Open 24 hours"),
    ],
)
def test_sentences_come_in_the_language_asked_for(
    client: FlaskClient, city: dict[str, Station], path: str, header: str, text: str
):
    rows = get(client, path, **({"Accept-Language": header} if header else {}))["stations"]
    assert rows[0]["hours"] == text


def test_mistakes_are_explained_in_the_language_asked_for(client: FlaskClient, city: dict[str, Station]):
    assert "kWh" in sentence(client, AT + "&kwh=x", 400, "bad_energy")
    chinese = sentence(client, AT + "&kwh=x", 400, "bad_energy", **{"Accept-Language": "zh-CN"})
    assert any("一" <= sign <= "鿿" for sign in chinese)


def test_a_place_that_two_suppliers_sell_is_one_row_with_two_offers(client: FlaskClient, world: World):
    dear = world.station("Lotus Road", 22.5412, 114.0580, price="1.50", free=1)
    tariff = flat_tariff("CNY", Decimal("1.10"))
    guns = tuple(replace(gun, tariff_id=tariff.id, status_at=None) for gun in dear.connectors)
    cheap = replace(
        dear, id=station_key("other", "1"), supplier_id="other", external_id="1", connectors=guns, operator_name="",
        attribution="Other, open data",
    )  # fmt: skip
    world.load(Listed([cheap], Supplier("other", "test", "Other"), {tariff.id: tariff}))
    assert len(get(client, AT)["stations"]) == 2
    world.services.merging.run()
    world.services.index.refresh()
    found = get(client, AT)
    (row,) = found["stations"]
    assert [(one["supplier"], one["price"]["total"]["amount_minor"]) for one in row["offers"]] == [
        ("other", 3300),
        ("test", 4500),
    ]
    assert (row["supplier"], row["guns_from"], row["guns"]["total"], row["guns"]["free"]) == ("other", "test", 4, 1)
    assert found["credits"] == ["Other, open data", "Testing Power, open data"]
    detail = get(client, f"/api/v1/stations/{dear.id}")
    models.StationDetail.model_validate(detail)
    assert [one["station_id"] for one in detail["offers"]] == [dear.id, cheap.id]
    assert detail["also_sold"] == ["Also sold by Other: ¥33.00 for 30 kWh"]
    assert get(client, f"/api/v1/stations/{dear.id}?lang=zh")["also_sold"] == ["也可由 Other 提供：充 30 度约 ¥33.00"]


# --- one station --------------------------------------------------------------------------------------------


def test_a_station_has_the_shape_we_publish(client: FlaskClient, world: World, city: dict[str, Station]):
    station = equip(world, city["Lotus Road Fast Charging"])
    for extra in ("", "?texts=1", "?lat=22.541&lng=114.058&datum=gcj02&texts=1&lang=zh"):
        models.StationDetail.model_validate(get(client, f"/api/v1/stations/{station.id}{extra}"))


def test_a_station_tells_every_gun_its_day_and_the_way(client: FlaskClient, world: World, city: dict[str, Station]):
    station = equip(world, city["Lotus Road Fast Charging"])
    one = get(client, f"/api/v1/stations/{station.id}?lat=22.5410&lng=114.0580")
    assert [gun["status"] for gun in one["connectors"]] == ["free"] * 3 + ["charging"] * 2
    gun = one["connectors"][0]
    assert (gun["label"], gun["per_kwh"], gun["currency"]) == ("01", "1.2000", "CNY")
    periods = one["tariffs"][gun["tariff_id"]]["periods"]
    assert [(p["from"], p["to"], p["per_kwh"], p["now"]) for p in periods] == [
        ("00:00", "08:00", "0.7500", False),
        ("08:00", "20:00", "1.2000", True),
        ("20:00", "24:00", "0.7500", False),
    ]
    assert [link["id"] for link in one["maps"]] == ["amap", "baidu", "apple", "google", "osm"]
    assert (one["phone"], one["licence"], one["time_zone"]) == ("0755-8888 0000", "CC BY 4.0", "Asia/Shanghai")
    assert one["distance_m"] == 151
    assert one["credits"] == ["Testing Power, open data"]


def test_a_station_without_a_position_has_no_distance_and_may_be_kept(client: FlaskClient, city: dict[str, Station]):
    path = f"/api/v1/stations/{city['Civic Center P3'].id}"
    answer = client.get(path)
    assert answer.json["distance_m"] is None
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert not again.data


@pytest.mark.parametrize("path", [AT, "/api/v1/places?q=22.5,114", "/api/v1/operators?q=22.5,114"])
def test_answers_about_a_position_are_kept_by_nobody(client: FlaskClient, city: dict[str, Station], path: str):
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_station_with_very_many_guns_is_cut_and_says_so(client: FlaskClient, world: World):
    station = world.station("Mega Hub", 22.54, 114.05, price="1", guns=230, free=5)
    one = get(client, f"/api/v1/stations/{station.id}")
    assert (len(one["connectors"]), one["connectors_left_out"]) == (200, 30)


def test_a_station_that_is_gone_is_404_with_a_next_step(client: FlaskClient, city: dict[str, Station]):
    assert "Search again" in sentence(client, "/api/v1/stations/nosuch", 404, "no_such_station")


# --- places and operators -----------------------------------------------------------------------------------


def test_a_place_comes_in_every_datum(client: FlaskClient, city: dict[str, Station]):
    answer = get(client, "/api/v1/places?q=22.5410,114.0580&datum=gcj02")
    place = models.PlaceAnswer.model_validate(answer).place
    truth = Point(22.5410, 114.0580, Datum.GCJ02)
    for datum, there in place.points.items():
        assert distance_m(Point(there.lat, there.lng, datum), truth) < 0.5
    assert (place.lat, place.lng) == (22.541, 114.058)


def test_an_unknown_place_is_said_so(client: FlaskClient, city: dict[str, Station]):
    assert "Atlantis" in sentence(client, "/api/v1/places?q=Atlantis", 400, "place_not_found")
    sentence(client, "/api/v1/places", 400, "no_position")
    sentence(client, "/api/v1/stations", 400, "no_position")


def test_operators_around_a_point_can_be_filtered_by(client: FlaskClient, city: dict[str, Station]):
    answer = models.OperatorList.model_validate(get(client, "/api/v1/operators?lat=22.541&lng=114.058"))
    for one in answer.operators:
        found = client.get(AT + "&operator=" + quote(one.id)).json
        assert found["stations"]


# --- limits and mistakes ------------------------------------------------------------------------------------


def test_asking_too_fast_says_when_to_come_back(client: FlaskClient, world: World, city: dict[str, Station]):
    world.limiter.most = 2
    assert [client.get(AT).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get(AT)
    assert answer.headers["Retry-After"] == "7"
    assert answer.json["error"]["code"] == "too_many_requests"
    assert client.get("/api/v1/openapi.json").status_code == 200


def test_names_are_counted_apart_from_coordinates(client: FlaskClient, world: World, city: dict[str, Station]):
    client.get("/api/v1/places?q=22.5,114")
    client.get("/api/v1/places?q=Huaqiang")
    assert world.limiter.seen == {("api", "127.0.0.1"): 2, ("places", "127.0.0.1"): 1}


@pytest.mark.parametrize(("path", "status", "code"), [
    ("/api/v1/nothing", 404, "not_found"),
    ("/api", 404, "not_found"),
    ("/api/v1/stations/a/b", 404, "not_found"),
    (AT + "&sort=beauty", 400, "bad_value"),
    ("/api/v1/stations?lat=114.058&lng=22.541", 400, "swapped_coordinates"),
    ("/api/v1/stations?lat=91&lng=0", 400, "swapped_coordinates"),
    ("/api/v1/stations?lat=1e999&lng=0", 400, "bad_coordinates"),
])  # fmt: skip
def test_mistakes_have_one_shape(client: FlaskClient, city: dict[str, Station], path: str, status: int, code: str):
    assert sentence(client, path, status, code)


def test_swapped_coordinates_that_exist_elsewhere_are_noticed(client: FlaskClient, world: World):
    world.station("Kreuzberg", 52.5, 13.4, price="0.5", currency="EUR")
    assert "swapped" in sentence(client, "/api/v1/stations?lat=13.4&lng=52.5", 400, "swapped_coordinates")


def test_other_methods_are_refused_in_our_shape(client: FlaskClient):
    answer = client.post("/api/v1/stations", json={})
    assert (answer.status_code, answer.json["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


_NAMES = [
    "lat", "lng", "datum", "kwh", "mode", "sort", "radius_m", "plug", "min_power_kw", "price_cap", "operator",
    "free_now", "open_now", "free_parking", "facility", "limit", "cursor", "lang", "q", "texts",
]  # fmt: skip
_VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "0", "-1", "1e400", "nan", "inf", "-0", "22.5", "114", "true", "gbt_dc", "gbt_dc,", ",",
                     "bd09", "price", "9" * 40, "0x10", "１２", "null", "[]", "{}", "%00", "1_000", " 5 "]),
    st.floats().map(str),
    st.integers().map(str),
    st.text(string.printable, max_size=12),
)  # fmt: skip


@pytest.fixture(scope="module")
def strong(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    world = make_world(tmp_path_factory.mktemp("strong"))
    fill(world)
    return web.create_app(world.services).test_client()


@given(pairs=st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=8), where=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_breaks_us(strong: FlaskClient, pairs: list[tuple[str, str]], where: bool):
    given_pairs = ([("lat", "22.541"), ("lng", "114.058")] if where else []) + pairs
    for path in ("/api/v1/stations", "/api/v1/places", "/api/v1/operators", "/api/v1/stations/x", "/"):
        answer = strong.get(path, query_string=given_pairs, headers={"Accept": "application/json"})
        assert answer.status_code in (200, 400, 404), answer.get_data(as_text=True)
        if answer.status_code != 200 and path != "/":
            models.Error.model_validate(answer.json)


# --- the description ----------------------------------------------------------------------------------------


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        mine = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return mine.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


def test_the_description_is_valid_and_covers_every_route(client: FlaskClient, app: Any):
    doc = get(client, "/api/v1/openapi.json")
    APISpec.model_validate(doc)
    for reference in _references(doc):
        node = doc
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    routes = {
        rule.rule.replace("<", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
    }
    assert routes == set(doc["paths"])
    for path in doc["paths"].values():
        for one in path.values():
            assert {"400", "429", "503"} <= set(one["responses"])
            assert {"200", "201", "302"} & set(one["responses"])
            assert "422" not in one["responses"]


def test_the_description_names_every_option(client: FlaskClient):
    parameters = get(client, "/api/v1/openapi.json")["paths"]["/api/v1/stations"]["get"]["parameters"]
    assert {one["name"] for one in parameters} == set(_NAMES)
    mode = next(one for one in parameters if one["name"] == "mode")
    assert "cheap" in json.dumps(mode) or "Mode" in json.dumps(mode)


# --- over a network -----------------------------------------------------------------------------------------


def test_over_real_http(tmp_path: Path):
    world = make_world(tmp_path)
    fill(world)
    with served(web.create_app(world.services)) as url:
        answer = requests.get(url + AT, timeout=10)
        assert answer.status_code == 200
        assert models.StationList.model_validate(answer.json()).stations
        refused = requests.get(url + "/api/v1/stations?lat=abc&lng=1", timeout=10)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_coordinates")
