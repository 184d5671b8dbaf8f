"""A charge as it goes and those of the past over HTTP: the live view, where else to go, filters, file and opinion."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

import web
from bots.miniapp import models
from bots.miniapp import money_models as shapes
from core.geo import Point
from core.ports import CaseKind
from core.station import Station
from tests.bots.driving import WARY, Driving
from tests.bots.miniapp.test_wallet import Person, person
from tests.world import HERE, World


@pytest.fixture
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture
def lin(client: FlaskClient, driving: Driving) -> Person:
    who = person(client, "lin")
    who.tops_up(driving.world, 20000)
    return who


def now(who: Person, session_id: str, query: str = "") -> shapes.Session:
    return shapes.Session.model_validate(who.asks("GET", f"/sessions/{session_id}{query}"))


def test_the_live_view_is_that_of_the_chats(lin: Person, driving: Driving, world: World) -> None:
    session = driving.begins(lin.user_id)
    assert now(lin, session.id).view.title == "⏳ Starting…"
    world.clock.advance(minutes=10)
    driving.runs_jobs()
    shown = now(lin, session.id)
    assert (shown.view.title, shown.view.may_stop, shown.view.goes_on) == ("⚡ Charging", True, True)
    assert shown.hold is not None
    assert shown.cost_so_far is not None
    assert shown.hold.amount_minor == 3800
    assert 0 < shown.cost_so_far.amount_minor < 3800
    assert shown.minutes_left is not None
    assert 5 <= shown.minutes_left <= 15
    # Times are those of the station, noon in Shenzhen and ten minutes.
    assert any("12:10" in line for line in shown.view.lines)
    assert any("¥38.00" in line for line in shown.view.lines)
    assert now(lin, session.id, "?lang=zh-CN").view.title != shown.view.title
    (listed,) = shapes.SessionList.model_validate(lin.asks("GET", "/sessions")).sessions
    assert listed == shown
    stopped = shapes.Session.model_validate(lin.asks("POST", f"/sessions/{session.id}/stop"))
    assert not stopped.view.may_stop
    driving.ends(session)
    done = now(lin, session.id)
    assert (done.view.goes_on, done.hold, done.minutes_left, done.alternatives) == (False, None, None, [])
    assert done.charged == done.cost_so_far


def test_after_a_failed_start_the_next_free_guns_are_named(lin: Person, driving: Driving, world: World) -> None:
    driving.supplier.builds("P2", Point(HERE.lat + 0.004, HERE.lng), guns=2, name="Second best")
    world.services.catalogue.load(driving.supplier, doubt_shrinking=False)
    world.services.catalogue.pull_statuses(driving.supplier)
    world.services.catalogue.pull_prices(driving.supplier)
    world.services.index.refresh()
    driving.supplier.refuses_starts = "gun_offline"
    session = driving.begins(lin.user_id)
    shown = now(lin, session.id)
    assert shown.failure is not None
    assert (shown.state.value, shown.failure.code, shown.hold) == ("start_failed", "gun_offline", None)
    (other,) = shown.alternatives
    assert (other.name, other.free, other.price) == ("Second best", 2, "¥30.00 for 20 kWh (¥1.50/kWh)")
    assert 400 < other.distance_m < 500
    (listed,) = shapes.SessionList.model_validate(lin.asks("GET", "/sessions")).sessions
    assert listed.alternatives == []


def test_who_took_a_start_back_is_not_sent_away(lin: Person, driving: Driving) -> None:
    quote = driving.world.services.charging.quote(lin.user_id, driving.guns[0], Decimal(20))
    begun = lin.asks("POST", "/sessions", json={"quote_id": quote.id})
    lin.asks("POST", f"/sessions/{begun['id']}/stop")
    driving.runs_jobs()
    shown = now(lin, begun["id"])
    assert (shown.state.value, shown.alternatives) == ("start_failed", [])


# --- those of the past --------------------------------------------------------------------------------------------


@pytest.fixture
def past(lin: Person, driving: Driving) -> list[str]:
    """Two that were settled, a day apart, and a start that failed."""
    found = []
    for _ in range(2):
        session = driving.begins(lin.user_id)
        driving.ends(session)
        found.append(session.id)
        driving.world.clock.advance(days=1)
    driving.supplier.refuses_starts = "gun_offline"
    found.append(driving.begins(lin.user_id).id)
    return found


def listed(who: Person, query: str) -> list[str]:
    found = shapes.SessionList.model_validate(who.asks("GET", f"/sessions?{query}"))
    return [one.id for one in found.sessions]


def test_the_past_is_asked_by_time_state_and_station(lin: Person, past: list[str]) -> None:
    first, second, failed = past
    assert listed(lin, "") == [failed, second, first]
    assert listed(lin, "state=settled") == [second, first]
    assert listed(lin, "state=settled,start_failed&limit=2") == [failed, second]
    assert listed(lin, "state=settled&state=review") == [second, first]
    assert listed(lin, "since=2026-11-24&until=2026-11-24") == [second]
    assert listed(lin, "until=2026-11-23") == [first]
    assert listed(lin, "since=2026-11-25T00:00:00Z") == [failed]
    assert listed(lin, "since=2026-12") == []
    assert listed(lin, "station=sly") == [failed, second, first]
    assert listed(lin, "station=nowhere") == []
    page = shapes.SessionList.model_validate(lin.asks("GET", "/sessions?state=settled&limit=1"))
    assert page.next is not None
    assert listed(lin, f"state=settled&limit=1&before={page.next.replace('+', '%2B')}") == [first]


def test_what_cannot_be_asked_has_a_sentence(lin: Person) -> None:
    for query in ("since=soon", "until=2026-99-99", "state=asleep", "state=settled,asleep"):
        for path in ("/sessions", "/sessions.csv"):
            assert query.partition("=")[0] in lin.refused("GET", f"{path}?{query}", 400, "bad_value")


def test_the_file_holds_what_the_list_shows(lin: Person, past: list[str], client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {lin.token}"}
    answer = client.get("/api/v1/sessions.csv?state=settled&lang=zh-CN", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="kilowatch-charges-2026-11-25.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbf")
    header, *found = csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))
    assert header[0] == "编号"
    assert [row[0].lstrip("'") for row in found] == [past[1], past[0]]
    assert found[0][3] == WARY
    refused = client.get("/api/v1/sessions.csv")
    assert models.Error.model_validate(refused.get_json()).error.code == "not_logged_in"


def test_the_file_is_not_fetched_all_day(lin: Person, past: list[str], world: World) -> None:
    world.limiter.most = 3
    world.limiter.seen = {("export", lin.user_id): 3}
    lin.refused("GET", "/sessions.csv", 429, "too_many_requests")


# --- was it as promised? ------------------------------------------------------------------------------------------


def test_the_driver_says_whether_it_was_as_promised(lin: Person, driving: Driving, client: FlaskClient) -> None:
    session = driving.begins(lin.user_id)
    path = f"/sessions/{session.id}/opinion"
    lin.refused("POST", path, 409, "charge_goes_on", json={"promised": "yes"})
    driving.ends(session)
    assert now(lin, session.id).asks_opinion
    said = shapes.OpinionAnswer.model_validate(lin.asks("POST", path, json={"promised": "blocked"}))
    assert said.text.startswith("Thank you")
    shown = now(lin, session.id)
    assert (shown.opinion, shown.asks_opinion) == ("blocked", False)
    (listed,) = shapes.SessionList.model_validate(lin.asks("GET", "/sessions")).sessions
    assert listed == shown
    # The last word counts, and one about the price is looked at.
    lin.asks("POST", path, json={"promised": "price", "words": "the sign said 1.20\x00"})
    with driving.world.services.database.read() as unit:
        (case,) = unit.cases.listed(limit=5)
    assert case.kind is CaseKind.DISPUTE
    assert "1.20" in case.detail
    wrong: tuple[dict[str, Any], ...] = ({}, {"promised": "never"}, {"promised": "yes", "stars": 5})
    for body in wrong:
        lin.asks("POST", path, 400, json=body)
    person(client, "chen").refused("POST", path, 404, "no_such_session", json={"promised": "yes"})


# --- where codes are printed --------------------------------------------------------------------------------------


def test_a_station_of_the_sandbox_leads_to_its_labels(world: World, city: dict[str, Station]) -> None:
    here = city["Lotus Road Fast Charging"]

    def label_url(station: Station) -> str | None:
        return f"http://127.0.0.1:8001/labels/{station.external_id}" if station.id == here.id else None

    client = web.create_app(world.services, label_url=label_url).test_client()
    for station in (here, city["Civic Center P3"]):
        doc = models.StationDetail.model_validate(client.get(f"/api/v1/stations/{station.id}").get_json())
        assert doc.label_url == label_url(station)
    page = client.get(f"/?station={here.id}").get_data(as_text=True)
    assert "/labels/Lotus Road Fast Charging" in page
