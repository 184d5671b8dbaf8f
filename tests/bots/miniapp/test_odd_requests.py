"""Whatever is sent to the routes of scans and charges is answered in our shape, and never breaks us."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

import web
from bots.miniapp import gun_models, models, money_models
from core.guncode import gun_payload
from tests.bots.driving import Driving
from tests.bots.miniapp.test_wallet import Person, person
from tests.world import World, make_world

TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["hlht://1.FAKE00001/", "P1-1", "1", "\x00", "https://bit.ly/x", "[]", '{"a":' * 500, "DE*ABC*E1"]
    ),
)
NUMBERS = st.one_of(st.none(), st.floats(), st.integers(-200, 200), st.booleans(), st.just("22.5"))
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.one_of(TEXTS, st.none(), st.integers()),
        "gun": st.one_of(st.fixed_dictionaries({"operator_id": TEXTS, "id": TEXTS}), st.text(max_size=5)),
        "source": st.sampled_from(["typed", "camera", "link", "photo", ""]),
        "lat": NUMBERS,
        "lng": NUMBERS,
        "datum": st.sampled_from(["wgs84", "gcj02", "bd09", "mars"]),
        "accuracy_m": NUMBERS,
    },
)
MOMENTS = st.one_of(st.text(max_size=12), st.dates().map(str), st.datetimes().map(lambda at: at.isoformat()))
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "since": MOMENTS,
        "until": MOMENTS,
        "state": st.sampled_from(["settled", "settled,review", ",", "asleep", ""]),
        "station": st.text(max_size=120),
        "limit": st.integers(-1, 101).map(str),
        "before": MOMENTS,
        "lang": st.text(max_size=5),
    },
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = make_world(tmp_path_factory.mktemp("odd"))
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture(scope="module")
def lin(world: World) -> Person:
    driving = Driving(world)
    world.services.index.refresh()
    label = gun_payload(driving.guns[0])
    who = person(web.create_app(world.services, read_photo=lambda image: [label]).test_client(), "lin")
    who.tops_up(world, 20000)
    driving.ends(driving.begins(who.user_id))
    return who


def ask(who: Person, method: str, path: str, **more: object) -> tuple[int, dict[str, object]]:
    client: FlaskClient = who.client
    headers = {"Authorization": f"Bearer {who.token}"}
    answer = client.open(f"/api/v1{path}", method=method, headers=headers, **more)  # type: ignore[arg-type]
    if answer.status_code != 200:
        models.Error.model_validate(answer.get_json())
    return answer.status_code, answer.get_json(silent=True) or {}


@given(body=BODIES)
@settings(max_examples=80, deadline=None)
def test_no_wish_breaks_the_scan(world: World, lin: Person, body: dict[str, object]) -> None:
    world.clock.advance(minutes=5)  # so that it is not the many scans that are refused
    status, doc = ask(lin, "POST", "/guns/resolve", data=json.dumps(body), content_type="application/json")
    assert status in (200, 400, 429)
    if status == 200:
        gun_models.Codes.model_validate(doc)


@given(where=st.fixed_dictionaries({}, optional={"lat": TEXTS, "lng": TEXTS, "datum": TEXTS, "accuracy_m": TEXTS}))
@settings(max_examples=40, deadline=None)
def test_no_field_breaks_the_picture(world: World, lin: Person, where: dict[str, str]) -> None:
    world.clock.advance(minutes=5)
    status, _ = ask(lin, "POST", "/guns/resolve", data=b"x", content_type="image/png", query_string=where)
    assert status in (200, 400, 429)


@given(question=QUESTIONS)
@settings(max_examples=80, deadline=None)
def test_no_question_breaks_the_past(lin: Person, question: dict[str, str]) -> None:
    status, doc = ask(lin, "GET", "/sessions", query_string=question)
    assert status in (200, 400)
    if status == 200:
        money_models.SessionList.model_validate(doc)
    status, _ = ask(lin, "GET", "/sessions.csv", query_string=question)
    assert status in (200, 400)
