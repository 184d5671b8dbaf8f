"""Watches over HTTP: what can be wished, setting one, handling it, what waits; and nobody touches another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

import web
from bots.miniapp import models
from bots.miniapp import watch_models as shapes
from bots.miniapp.strings import page_strings
from bots.miniapp.watch_strings import watch_strings
from core.prices.watching import Rule
from core.services.privacy import PrivacyService
from core.station import Plug
from core.tariff import flat_tariff
from core.user import Channel, Identity
from core.watch import MOST_WATCHES, Area, NewAlert, version_key
from tests.bots.miniapp.test_wallet import Person, person
from tests.world import NOW, World, make_world

STATIC = Path(web.__file__).parent / "bots" / "miniapp" / "static"
AREA_POINT = {"lat": 22.541, "lng": 114.058}
AREA = AREA_POINT | {"radius_m": 2000}
WAY = {
    "points": [{"lat": 22.541, "lng": 114.058}, {"lat": 22.6, "lng": 114.06}],
    "width_m": 500,
    "days": [0, 1, 2, 3, 4],
    "from": "07:00",
    "to": "09:00",
    "time_zone": "Asia/Shanghai",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = make_world(tmp_path_factory.mktemp("watches"))
    for name, lat, price in (("Lotus Road", 22.541, "1.20"), ("Silent Road", 22.545, None)):
        world.station(name, lat, 114.058, price=price, free=0)
    world.services.prices.follow()
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return web.create_app(world.services).test_client()


@pytest.fixture
def lin(world: World, client: FlaskClient) -> Person:
    who = person(client, "lin")
    world.services.watches.stop_all(who.user_id)
    return who


@pytest.fixture
def chen(client: FlaskClient) -> Person:
    return person(client, "chen")


def station(world: World, name: str) -> str:
    return next(one.id for one in world.source.items if one.name == name)  # type: ignore[union-attr]  # none is rejected


def sets(who: Person, world: World, status: int = 201, name: str = "Lotus Road", **more: Any) -> shapes.MadeWatch:
    body = {"station_id": station(world, name), "rule": "below", "amount": "1.10"} | more
    return shapes.MadeWatch.model_validate(who.asks("POST", "/watches", status, json=body))


def listed(who: Person) -> shapes.WatchList:
    return shapes.WatchList.model_validate(who.asks("GET", "/watches"))


# --- what can be wished -----------------------------------------------------------------------------------------


def test_what_can_be_wished(world: World, client: FlaskClient) -> None:
    at = f"/api/v1/stations/{station(world, 'Lotus Road')}/wishes"
    found = shapes.Wishes.model_validate(client.get(f"{at}?lang=en").json)
    assert (found.per_kwh, found.currency, found.text) == ("1.2000", "CNY", "GB/T DC · 120 kW · now ¥1.20/kWh")
    assert [(one.rule, one.amount, one.text) for one in found.wishes] == [
        ("below", "1.14", "¥1.14/kWh or less"),
        ("below_usual", "10", "10 % below the usual price of the hour"),
        ("lowest", "30", "Lowest price in 30 days"),
        ("gun_free", "0", "A gun is free"),
    ]
    assert found.wishes == shapes.Wishes.model_validate(client.get(f"{at}?guns={found.guns.id}&lang=en").json).wishes
    chinese = shapes.Wishes.model_validate(client.get(f"{at}?lang=zh-CN").json)
    assert chinese.wishes[0].text == "降到 ¥1.14/度"
    silent = client.get(f"/api/v1/stations/{station(world, 'Silent Road')}/wishes").json
    assert [one.rule for one in shapes.Wishes.model_validate(silent).wishes] == ["gun_free"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("nowhere", 404), ("%00", 404), ("{id}?guns=999999", 404), ("{id}?guns=0", 400), ("{id}?guns=1e5", 400)],
)
def test_what_cannot_be_asked(world: World, client: FlaskClient, path: str, status: int) -> None:
    at, _, query = path.format(id=station(world, "Lotus Road")).partition("?")
    answer = client.get(f"/api/v1/stations/{at}/wishes?{query}")
    assert answer.status_code == status
    assert models.Error.model_validate(answer.json).error.message


# --- setting ----------------------------------------------------------------------------------------------------


def test_two_taps_are_one_watch(world: World, lin: Person) -> None:
    made = sets(lin, world, lat=22.54, lng=114.05)
    assert (made.where, made.rule, made.amount, made.per_kwh, made.again) == (
        "station", "below", "1.1", "1.2000", False,
    )  # fmt: skip
    assert made.expires_at == "2027-05-22T04:00:00Z"
    assert made.lines[0] == "We watch it for you."
    assert made.told_where.channels == []
    assert "Link one" in made.told_where.text
    assert sets(lin, world, 200).id == made.id
    assert sets(lin, world, amount=0.9).id == made.id, "another amount changes it"
    (one,) = listed(lin).watches
    assert (one.amount, one.text.place, one.text.wish) == (
        "0.9", "Lotus Road · GB/T DC · 120 kW", "¥0.90/kWh or less",
    )  # fmt: skip


def test_both_taps_at_the_same_moment(world: World, lin: Person) -> None:
    app = web.create_app(world.services)

    def tap(_: int) -> int:
        body = {"station_id": station(world, "Lotus Road"), "rule": "lowest", "amount": "30"}
        headers = {"Authorization": f"Bearer {lin.token}"}
        return app.test_client().post("/api/v1/watches", json=body, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(tap, range(4))) == [200, 200, 200, 201]
    assert len(listed(lin).watches) == 1


def test_an_area_and_a_way(world: World, lin: Person) -> None:
    needs = {"plugs": ["gbt_dc"], "min_power_kw": "60", "operator": "Lotus"}
    body = {
        "area": AREA | needs,
        "rule": "below",
        "amount": "0.90",
        "currency": "CNY",
        "label": "Work\u202e\x00\n<b>",
    }
    area = shapes.MadeWatch.model_validate(lin.asks("POST", "/watches", 201, json=body))
    assert area.area is not None
    assert (area.area.radius_m, area.label) == (2000, "Work <b>")
    assert area.text.place.startswith("Around Work <b>, 2 km")
    assert area.needs == shapes.NeedsAnswer(plugs=[Plug.GBT_DC], min_power_kw="60", operator="Lotus")
    body = {"way": WAY, "rule": "below_usual", "amount": "10", "label": "To work"}
    way = shapes.MadeWatch.model_validate(lin.asks("POST", "/watches?lang=en", 201, json=body))
    assert "Mon - Fri" in way.text.place
    for one in (area, way):
        changed = lin.asks("PATCH", f"/watches/{one.id}", json={"amount": "15" if one is way else "0.8"})
        assert (changed["id"], changed["amount"]) == (one.id, "15" if one is way else "0.8")
    assert len(listed(lin).watches) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_request"),
        ({"rule": "below", "amount": "1"}, "bad_request"),
        ({"area": AREA, "way": WAY, "rule": "lowest", "amount": "30"}, "bad_request"),
        ({"area": AREA, "rule": "below", "amount": "1"}, "no_price_here"),
        ({"area": AREA, "rule": "gun_free"}, "bad_watch"),
        ({"area": AREA | {"radius_m": 99}, "rule": "lowest", "amount": "30"}, "bad_area"),
        ({"area": AREA | {"lat": 95}, "rule": "lowest", "amount": "30"}, "bad_coordinates"),
        ({"way": WAY | {"to": "06:00"}, "rule": "lowest", "amount": "30"}, "bad_way"),
        ({"way": WAY | {"points": [AREA_POINT]}, "rule": "lowest", "amount": "30"}, "bad_way"),
        ({"way": WAY | {"time_zone": "../../etc/passwd"}, "rule": "lowest", "amount": "30"}, "bad_time_zone"),
        ({"station_id": "here", "rule": "below", "amount": "0"}, "bad_watch"),
        ({"station_id": "here", "rule": "below", "amount": "-1"}, "bad_watch"),
        ({"station_id": "here", "rule": "below", "amount": "1.00001"}, "bad_watch"),
        ({"station_id": "here", "rule": "below", "amount": "NaN"}, "bad_request"),
        ({"station_id": "here", "rule": "below", "amount": "1E+999999"}, "bad_request"),
        ({"station_id": "here", "rule": "lowest", "amount": "31"}, "bad_watch"),
        ({"station_id": "here", "rule": "below_usual", "amount": "99"}, "bad_watch"),
        ({"station_id": "here", "rule": "below", "amount": "1", "colour": "red"}, "bad_request"),
        ({"station_id": "here", "rule": "below", "amount": "1", "lat": 22.5}, "bad_coordinates"),
    ],
)
def test_what_cannot_be_wished(world: World, lin: Person, body: dict[str, Any], code: str) -> None:
    if body.get("station_id") == "here":
        body = body | {"station_id": station(world, "Lotus Road")}
    lin.refused("POST", "/watches", 400, code, json=body)
    assert listed(lin).watches == []


def test_where_no_price_is_known_a_free_gun_can_be(world: World, lin: Person) -> None:
    body = {"station_id": station(world, "Silent Road"), "rule": "below", "amount": "1"}
    lin.refused("POST", "/watches", 400, "no_price_here", json=body)
    made = sets(lin, world, name="Silent Road", rule="gun_free", amount="0")
    assert made.free_guns == shapes.FreeGuns(free=0, known=4, guns=4)
    lin.refused("POST", "/watches", 404, "no_such_station", json=body | {"station_id": "\x00"})


def test_there_is_a_limit(world: World, lin: Person) -> None:
    for n in range(MOST_WATCHES):
        area = Area(world.here, 1_000 + n)
        world.services.watches.watch_area(lin.user_id, area, Rule.LOWEST, Decimal(30), label=str(n))
    body = {"area": AREA, "rule": "lowest", "amount": "30"}
    assert "30" in lin.refused("POST", "/watches", 409, "watch_limit", json=body)


# --- handling ---------------------------------------------------------------------------------------------------


def test_snoozed_woken_renewed_and_stopped(world: World, lin: Person) -> None:
    at = f"/watches/{sets(lin, world).id}"

    def changed(**body: Any) -> shapes.Watch:
        return shapes.Watch.model_validate(lin.asks("PATCH", at, json=body))

    assert changed(snooze=True).muted_until == "2026-11-24T04:00:00Z"
    assert changed(wake=True).muted_until is None
    assert changed(snooze="2026-11-25T12:00:00+08:00").muted_until == "2026-11-25T04:00:00Z"
    assert changed(snooze="9999-12-31T23:59:59-12:00").muted_until == "2027-05-22T04:00:00Z", (
        "no longer than it lives"
    )
    assert "silent until" in changed(amount="1.05", snooze=True).text.state
    for odd in ({}, {"snooze": "2026-11-23T03:00:00Z"}, {"snooze": "noon"}, {"snooze": True, "wake": True},
                {"snooze": False}, {"amount": None, "colour": "red"}):  # fmt: skip
        lin.refused("PATCH", at, 400, "bad_request", json=odd)
    stopped = shapes.Watch.model_validate(lin.asks("DELETE", at))
    assert (stopped.ended, stopped.ended_at) == ("stopped", "2026-11-23T04:00:00Z")
    assert lin.asks("DELETE", at)["ended"] == "stopped"
    assert listed(lin).watches == []
    lin.refused("PATCH", at, 404, "watch_gone", json={"amount": "1"})
    lin.refused("PATCH", at, 400, "bad_watch", json={"renew": True, "amount": "0"})
    assert shapes.WatchDetail.model_validate(lin.asks("GET", at)).ended == "stopped"
    assert changed(renew=True, amount="0.95").amount == "0.95"
    assert len(listed(lin).watches) == 1


def test_nobody_touches_anothers(world: World, lin: Person, chen: Person, client: FlaskClient) -> None:
    mine = sets(lin, world).id
    for watch_id in (mine, "0", "-1", "9" * 30, "1e3", "%00", "x"):
        at = f"/watches/{watch_id}"
        chen.refused("GET", at, 404, "watch_gone")
        chen.refused("PATCH", at, 404, "watch_gone", json={"snooze": True})
        chen.refused("DELETE", at, 404, "watch_gone")
    assert listed(chen).watches == []
    assert len(listed(lin).watches) == 1
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{mine}"),
        ("PATCH", f"/{mine}"),
        ("DELETE", f"/{mine}"),
    ):
        body = (
            {"station_id": station(world, "Lotus Road"), "rule": "gun_free"} if method == "POST" else {"wake": True}
        )
        assert client.open(f"/api/v1/watches{path}", method=method, json=body).status_code == 401


# --- what waits, and where it would arrive ----------------------------------------------------------------------


def comes_true(world: World, who: Person, watch_id: str, price: str, station_name: str = "Lotus Road") -> None:
    """An alert that found no way to the person."""
    at, cheap = world.clock.now(), Decimal(price)
    with world.services.database.write() as unit:
        (its,) = unit.prices.series_of([station(world, station_name)])
        alert = NewAlert(int(watch_id), who.user_id, its.id, its.station_id, version_key(its.id, price, at),
                         Rule.BELOW, at, cheap, Decimal("1.60"), cheap, cheap, "CNY", price, worth=100)  # fmt: skip
        assert unit.alerts.add([alert])


def test_what_waits_is_shown_while_it_is_true(world: World, lin: Person) -> None:
    watch = sets(lin, world, amount="1.10")
    comes_true(world, lin, watch.id, "1.00")
    assert listed(lin).waiting == [], "it costs 1.20 again"
    sets(lin, world, amount="1.30")
    comes_true(world, lin, watch.id, "1.25")
    (alert,) = listed(lin).waiting
    assert (alert.watch_id, alert.per_kwh, alert.before) == (watch.id, "1.2000", "1.6000")
    assert alert.head == "Lotus Road ¥1.20/kWh (was ¥1.60)"
    detail = shapes.WatchDetail.model_validate(lin.asks("GET", f"/watches/{watch.id}"))
    assert [one.per_kwh for one in detail.alerts] == ["1.2500", "1.0000"]
    assert detail.alerts[0].text == "2026-11-23 04:00 UTC · ¥1.25/kWh (was ¥1.60)"
    assert detail.alerts[0].told_at is None
    lin.asks("PATCH", f"/watches/{watch.id}", json={"seen": True})
    assert listed(lin).waiting == []


def test_the_chat_that_alerts_come_to(world: World, client: FlaskClient) -> None:
    wei = person(client, "wei")
    with world.services.database.write() as unit:
        unit.people.add_identity(Identity(Channel.TELEGRAM, "815"), wei.user_id, NOW)
    told = listed(wei).told
    assert (told.channels, told.text) == (["telegram"], "Alerts come to your chat in Telegram.")
    wei.asks("PATCH", "/me", json={"stopped": True})
    assert listed(wei).told.stopped


# --- the person's own -------------------------------------------------------------------------------------------


def test_export_and_delete_hold_watches_and_alerts(world: World, client: FlaskClient) -> None:
    gone = person(client, "gone")
    watch = sets(gone, world, amount="1.30")
    comes_true(world, gone, watch.id, "1.25")
    kept = gone.asks("GET", "/me/export")["kept"]
    assert [(one["id"], one["label"], one["amount"]) for one in kept["watches"]] == [
        (int(watch.id), "Lotus Road", "1.30")
    ]
    assert [one["price"] for one in kept["alerts"]] == ["1.25"]
    assert gone.asks("DELETE", "/me?confirm=delete")["proved"]
    with world.services.database.read() as unit:
        assert unit.watches.some([int(watch.id)]) == []
        assert unit.alerts.of_watch(int(watch.id), 9) == []
        live = [row.id for page in unit.watches.levels(world.clock.now()) for row in page]
    assert int(watch.id) not in live, "nothing is matched, so nothing fires"
    assert PrivacyService(world.services.database, world.clock).export(gone.user_id)["kept"]["watches"] == []


def test_a_deleted_persons_watches_fire_nothing(world: World, lin: Person, client: FlaskClient) -> None:
    road, gone = world.station("Drop Road", 22.7, 114.058, price="1.20"), person(client, "gone-too")
    world.services.prices.follow()
    watches = [int(sets(who, world, name="Drop Road", amount="1.00").id) for who in (lin, gone)]
    world.services.alerts.load()  # both are in memory when one of them goes
    gone.asks("DELETE", "/me?confirm=delete")
    world.clock.advance(minutes=1)
    cheaper = flat_tariff("CNY", Decimal("0.95"))
    world.services.desk.prices(road.supplier_id, [(gun.ref, cheaper) for gun in road.connectors])
    world.services.prices.follow()
    with world.services.database.read() as unit:
        told = [len(unit.alerts.of_watch(number, 9)) for number in watches]
    assert told == [1, 0]


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "title"), [("en", "My watches"), ("zh-CN", "我的提醒")])
def test_the_page_asks_who_is_there(client: FlaskClient, lang: str, title: str) -> None:
    page = client.get(f"/watches?lang={lang}").get_data(as_text=True)
    assert f"<h1>{title}</h1>" in page
    assert "<style" not in page
    assert " style=" not in page
    assert not re.search(r" on[a-z]+=", page)


def test_the_scripts_know_only_sentences_that_exist() -> None:
    known = {"watch": set(page_strings()["en"]), "watches": set(watch_strings()["en"])}
    for folder, sentences in known.items():
        text = "".join(path.read_text("utf-8") for path in (STATIC / folder).glob("*.js"))
        used = set(re.findall(r'\bt\("([\w.]+)"[,)]', text)) | set(re.findall(r'"(watches_\w+)"', text))
        assert used
        assert used <= sentences


# --- whatever is sent -------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(["\x00", "below", "1.1", "[]", "1E9", "Asia/Shanghai", "07:00"])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
ODD_AREAS = st.fixed_dictionaries({}, optional=dict.fromkeys(("lat", "lng", "radius_m", "plugs", "operator"), VALUES))
ODD_WAYS = st.fixed_dictionaries({}, optional=dict.fromkeys(WAY, VALUES))
ODD = st.fixed_dictionaries(
    {},
    optional={
        "rule": st.one_of(st.sampled_from(list(Rule)), VALUES),
        "amount": VALUES,
        "station_id": TEXTS,
        "guns": VALUES,
        "area": st.one_of(ODD_AREAS.map(lambda one: AREA | one), VALUES),
        "way": st.one_of(ODD_WAYS.map(lambda one: WAY | one), VALUES),
        "currency": st.one_of(st.sampled_from(["CNY", "ZZZ"]), VALUES),
        "label": VALUES,
        "snooze": VALUES,
    },
)


@settings(max_examples=25)
@given(body=ODD)
def test_whatever_is_sent_is_answered(world: World, client: FlaskClient, body: Any) -> None:
    who = person(client, "odd")
    headers = {"Authorization": f"Bearer {who.token}"}
    for method, path in (("POST", "/watches"), ("PATCH", "/watches/1")):
        answer = client.open(
            f"/api/v1{path}", method=method, data=json.dumps(body), content_type="application/json", headers=headers
        )
        assert answer.status_code in (200, 201, 400, 404, 409), answer.text
        if answer.status_code >= 400:
            models.Error.model_validate(answer.json)
    world.services.watches.stop_all(who.user_id)
