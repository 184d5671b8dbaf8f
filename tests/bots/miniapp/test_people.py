"""Logging in, being oneself, and nobody else: /auth and /me."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

import web
from adapters.login.telegram import TelegramInitData
from adapters.login.wechat import MiniProgramCodes, PageCodes
from bots.miniapp import models
from bots.miniapp import people_models as shapes
from bots.miniapp.auth import COOKIE, CSRF_COOKIE, CSRF_HEADER, STATE_COOKIE, current_user
from bots.miniapp.idempotent import idempotent, request_key
from core.services.linking import WaysOver
from core.services.login import Doors
from core.user import Channel, Identity
from tests.adapters.login.test_telegram import ODD, TOKEN, init_data
from tests.bots.miniapp.served import served
from tests.bots.wechat.pretend import Api, serving_api
from tests.core.services.test_linking import charging, paid_in, refunding
from tests.world import World, make_world

OPENID, UNIONID = "oLin-_0123456789012345678901", "oUnion-_01234567890123456789"
PROGRAM, PAGE = "/sns/jscode2session", "/sns/oauth2/access_token"
AUTH, ME = "/api/v1/auth", "/api/v1/me"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving_api() as api:
        yield api


@pytest.fixture
def world(tmp_path: Path, api: Api) -> World:
    doors = Doors(
        telegram=TelegramInitData(TOKEN),
        miniprogram=MiniProgramCodes("wxprogram", "canary-s3cret", api.url),
        page=PageCodes("wxofficial", "canary-s3cret", api.url),
        local=True,
    )
    return make_world(tmp_path, doors=doors, ways=WaysOver(bot_name=lambda: "kw_bot"))


def sent(client: FlaskClient, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = client.open(path, method=method, **more)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.json


def refused(client: FlaskClient, method: str, path: str, status: int, code: str, **more: Any) -> str:
    error = models.Error.model_validate(sent(client, method, path, status, **more)).error
    assert error.code == code
    return error.message


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def lin(client: FlaskClient, world: World, **user: Any) -> dict[str, str]:
    text = init_data(at=world.clock.now(), user={"id": 815, "language_code": "en", **user})
    return bearer(sent(client, "POST", f"{AUTH}/telegram", json={"init_data": text})["token"])


def wei(client: FlaskClient) -> dict[str, str]:
    return bearer(sent(client, "POST", f"{AUTH}/local", json={"name": "wei"})["token"])


# --- logging in -------------------------------------------------------------------------------------------------


def test_telegram_logs_in_with_a_token_in_the_body(client: FlaskClient, world: World) -> None:
    text = init_data(at=world.clock.now())
    login = shapes.Login.model_validate(sent(client, "POST", f"{AUTH}/telegram", json={"init_data": text}))
    assert (login.new, login.csrf_token) == (True, None)
    assert login.token
    assert client.get_cookie(COOKIE) is None
    me = shapes.Me.model_validate(sent(client, "GET", ME, headers=bearer(login.token)))
    assert (me.id, me.language, me.channels) == (login.user_id, "zh-CN", [Channel.TELEGRAM])


@pytest.mark.parametrize("text", ODD)
def test_garbage_for_init_data_is_refused_and_never_a_500(client: FlaskClient, text: str) -> None:
    body = json.dumps({"init_data": text})
    answer = client.post(f"{AUTH}/telegram", data=body, content_type="application/json")
    assert answer.status_code in (400, 401), answer.json
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"init_data": 5}', b'{"init_data": "x", "y": 1}', b"\xff"]
)
def test_a_body_that_is_none_is_a_mistake_with_a_sentence(client: FlaskClient, body: bytes) -> None:
    for path in ("telegram", "wechat/miniprogram", "local"):
        answer = client.post(f"{AUTH}/{path}", data=body, content_type="application/json")
        assert answer.status_code in (200, 400), answer.json
    assert refused(client, "POST", f"{AUTH}/telegram", 400, "bad_request", data=body, content_type="text/plain")


def test_an_old_or_forged_one_is_a_401(client: FlaskClient, world: World) -> None:
    old = init_data(at=world.clock.now() - timedelta(minutes=11))
    refused(client, "POST", f"{AUTH}/telegram", 401, "login_too_old", json={"init_data": old})
    forged = init_data(at=world.clock.now(), token="4712:other")
    message = refused(client, "POST", f"{AUTH}/telegram", 401, "login_refused", json={"init_data": forged})
    assert "open it again" in message


def test_the_miniprogram_logs_in_by_code(client: FlaskClient, api: Api) -> None:
    api.answers[PROGRAM] = [{"openid": OPENID, "session_key": "canary-key", "unionid": UNIONID}]
    answer = client.post(f"{AUTH}/wechat/miniprogram", json={"code": "0a1B"})
    assert answer.status_code == 200
    assert b"canary-key" not in answer.data
    me = sent(client, "GET", ME, headers=bearer(answer.json["token"]))
    assert me["channels"] == ["miniprogram", "unionid"]
    for errcode, status, code in (
        (40163, 401, "login_code_used"),
        (45011, 429, "too_many_requests"),
        (-1, 503, "login_silent"),
    ):
        api.answers[PROGRAM] = [{"errcode": errcode}]
        refused(client, "POST", f"{AUTH}/wechat/miniprogram", status, code, json={"code": "0a1B"})


def test_the_page_in_wechat_goes_there_and_back(client: FlaskClient, api: Api) -> None:
    away = client.get(f"{AUTH}/wechat/page?to=/%3Fstation%3D1")
    assert away.status_code == 302
    asked = parse_qs(urlsplit(away.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"https://kilowatch.example{AUTH}/wechat/page/back"]
    api.answers[PAGE] = [{"openid": OPENID, "access_token": "canary"}]
    back = client.get(f"{AUTH}/wechat/page/back?code=0a1B&state={asked['state'][0]}")
    assert (back.status_code, back.headers["Location"]) == (302, "/?station=1")
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.secure, cookie.same_site) == (True, True, "Lax")
    assert sent(client, "GET", ME, base_url="https://localhost")["channels"] == ["wechat"]
    assert client.get_cookie(STATE_COOKIE) is None
    # The state was good for one way back.
    assert client.get(f"{AUTH}/wechat/page/back?code=0a1B&state={asked['state'][0]}").status_code == 401


@pytest.mark.parametrize("state", ["", "another", "é", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_another_browsers_way_back_is_refused(client: FlaskClient, api: Api, state: str) -> None:
    client.get(f"{AUTH}/wechat/page")
    answer = client.get(f"{AUTH}/wechat/page/back", query_string={"code": "0a1B", "state": state})
    assert answer.status_code == 401
    assert api.calls == []


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "x", "", "/a b", "/\r\nX: 1"]
)
def test_nobody_is_led_elsewhere(client: FlaskClient, api: Api, to: str) -> None:
    away = client.get(f"{AUTH}/wechat/page", query_string={"to": to})
    state = parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]
    api.answers[PAGE] = [{"openid": OPENID}]
    back = client.get(f"{AUTH}/wechat/page/back?code=0a1B&state={state}")
    assert back.headers["Location"] == "/"


def test_a_local_login_is_for_this_machine(client: FlaskClient) -> None:
    assert wei(client)
    far: list[dict[str, Any]] = [
        {"environ_base": {"REMOTE_ADDR": "192.168.1.7"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"Origin": "https://evil.example"}},
    ]
    for more in far:
        refused(client, "POST", f"{AUTH}/local", 403, "not_from_here", json={}, **more)
    refused(client, "POST", f"{AUTH}/local", 400, "bad_name", json={"name": "../x"})


def test_a_local_login_is_offered_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    client = web.create_app(make_world(tmp_path, doors=Doors()).services).test_client()
    for path, body in (("local", {}), ("telegram", {"init_data": "x"}), ("wechat/miniprogram", {"code": "x"})):
        refused(client, "POST", f"{AUTH}/{path}", 404, "login_not_offered", json=body)
    refused(client, "GET", f"{AUTH}/wechat/page", 404, "login_not_offered")


def test_logging_in_is_counted_by_address(client: FlaskClient, world: World) -> None:
    world.limiter.most = 1
    wei(client)
    refused(client, "POST", f"{AUTH}/local", 429, "too_many_requests", json={"name": "lin"})
    assert {bucket for bucket, _ in world.limiter.seen} == {"login"}


def test_logging_out_ends_the_token(client: FlaskClient, world: World) -> None:
    one, other = lin(client, world), lin(client, world)
    assert sent(client, "DELETE", AUTH, headers=one) == {"ended": 1}
    refused(client, "GET", ME, 401, "not_logged_in", headers=one)
    assert sent(client, "DELETE", f"{AUTH}?everywhere=true", headers=other) == {"ended": 1}
    refused(client, "GET", ME, 401, "not_logged_in", headers=other)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer x", "Bearer é", "bearer " + "x" * 500]
)
def test_without_a_good_token_there_is_nobody(client: FlaskClient, header: str) -> None:
    for method, path in (
        ("GET", ME),
        ("PATCH", ME),
        ("DELETE", ME),
        ("GET", f"{ME}/export"),
        ("POST", f"{AUTH}/link"),
        ("DELETE", AUTH),
    ):
        refused(client, method, path, 401, "not_logged_in", json={}, headers={"Authorization": header})


# --- cookies and CSRF -------------------------------------------------------------------------------------------


def by_cookie(client: FlaskClient) -> str:
    """The CSRF token of a login by cookie."""
    doc = sent(client, "POST", f"{AUTH}/local", json={"name": "lin", "cookie": True})
    assert doc["token"] is None
    readable = client.get_cookie(CSRF_COOKIE)
    assert readable is not None
    assert readable.value == doc["csrf_token"]
    return str(doc["csrf_token"])


@pytest.fixture
def client(app: Flask, world: World) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def plain(tmp_path: Path) -> FlaskClient:
    """The page over http, as on one machine: its cookies are not for https alone."""
    return web.create_app(make_world(tmp_path / "plain", public_url="").services).test_client()


def test_a_cookie_reads_but_changes_nothing_by_itself(plain: FlaskClient) -> None:
    csrf = by_cookie(plain)
    cookie = plain.get_cookie(COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
    assert sent(plain, "GET", ME)["language"] == "en"
    wrong: list[dict[str, str]] = [
        {},
        {CSRF_HEADER: ""},
        {CSRF_HEADER: "0" * 32},
        {CSRF_HEADER: "é"},
        {CSRF_HEADER: csrf, "Origin": "https://evil.example"},
        {CSRF_HEADER: csrf, "Origin": "null"},
        {CSRF_HEADER: csrf, "Sec-Fetch-Site": "cross-site"},
    ]
    for headers in wrong:
        refused(plain, "PATCH", ME, 403, "not_from_our_page", json={"kwh": 15}, headers=headers)
        refused(plain, "DELETE", f"{ME}?confirm=delete", 403, "not_from_our_page", headers=headers)
    assert sent(plain, "GET", ME)["kwh"] == "30"
    good = {CSRF_HEADER: csrf, "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert sent(plain, "PATCH", ME, json={"kwh": 15}, headers=good)["kwh"] == "15"
    sent(plain, "DELETE", AUTH, headers=good)
    assert plain.get_cookie(COOKIE) is None


def test_nobody_elsewhere_logs_a_browser_in(plain: FlaskClient) -> None:
    body = {"name": "lin", "cookie": True}
    refused(
        plain, "POST", f"{AUTH}/local", 403, "not_from_here", json=body, headers={"Origin": "https://evil.example"}
    )
    assert plain.get_cookie(COOKIE) is None


# --- the profile ------------------------------------------------------------------------------------------------

PROFILE = {
    "language": "zh-CN",
    "kwh": 42.5,
    "mode": "hurry",
    "time_zone": "Asia/Shanghai",
    "quiet": {"from": "22:00", "to": "07:30"},
    "stopped": True,
    "keep_searches": True,
    "cars": [
        {"name": " Blue \u202e Leaf ", "plug": "chademo", "battery_kwh": 40},
        {"name": "ID.4", "plug": "ccs2", "battery_kwh": 77, "usable_kwh": 50.5, "usual": True},
    ],
}


def test_the_profile_is_kept_as_it_was_said(client: FlaskClient, world: World) -> None:
    who = lin(client, world)
    sent(client, "PATCH", ME, json=PROFILE, headers=who)
    me = shapes.Me.model_validate(sent(client, "GET", ME, headers=who)).model_dump(by_alias=True, mode="json")
    assert {name: me[name] for name in PROFILE if name not in ("cars", "kwh")} == {
        name: value for name, value in PROFILE.items() if name not in ("cars", "kwh")
    }
    assert me["kwh"] == "42.5"
    assert [(car["name"], car["battery_kwh"], car["usable_kwh"], car["usual"]) for car in me["cars"]] == [
        ("ID.4", "77", "50.5", True),
        ("Blue Leaf", "40", "32", False),
    ]
    after = sent(client, "PATCH", ME, json={"quiet": None, "cars": [], "keep_searches": False}, headers=who)
    assert (after["quiet"], after["cars"], after["keep_searches"], after["mode"]) == (None, [], False, "hurry")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kwh": 0}, "bad_energy"),
        ({"kwh": "NaN"}, "bad_energy"),
        ({"mode": "fast"}, "bad_value"),
        ({"time_zone": "Moon/Base"}, "bad_time_zone"),
        ({"time_zone": "../../etc/passwd"}, "bad_time_zone"),
        ({"quiet": {"from": "25:00", "to": "07:00"}}, "bad_request"),
        ({"quiet": {"from": "22:00"}}, "bad_request"),
        ({"language": "fr"}, "bad_request"),
        ({"kwhs": 5}, "bad_request"),
        ({"cars": [{"plug": "ccs2", "battery_kwh": 0}]}, "bad_battery"),
        ({"cars": [{"plug": "ccs2", "battery_kwh": 40, "usable_kwh": 41}]}, "bad_battery"),
        ({"cars": [{"plug": "ccs2", "battery_kwh": 1e300}]}, "bad_request"),
        ({"cars": [{"plug": "tesla", "battery_kwh": 40}]}, "bad_request"),
        ({"cars": [{"plug": "ccs2", "battery_kwh": 40}] * 11}, "too_many_cars"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: FlaskClient, world: World, body: dict[str, Any], code: str
) -> None:
    who = lin(client, world)
    before = sent(client, "GET", ME, headers=who)
    assert refused(client, "PATCH", ME, 400, code, json=body, headers=who)
    assert sent(client, "GET", ME, headers=who) == before


def test_somebody_elses_car_is_not_touched(client: FlaskClient, world: World) -> None:
    one, other = lin(client, world), wei(client)
    car = {"name": "Leaf", "plug": "chademo", "battery_kwh": 40}
    (mine,) = sent(client, "PATCH", ME, json={"cars": [car]}, headers=one)["cars"]
    (theirs,) = sent(client, "PATCH", ME, json={"cars": [car | {"id": mine["id"], "name": "Stolen"}]}, headers=other)[
        "cars"
    ]
    assert theirs["id"] != mine["id"]
    assert sent(client, "GET", ME, headers=one)["cars"] == [mine]
    twice = sent(client, "PATCH", ME, json={"cars": [car | {"id": mine["id"]}] * 2}, headers=one)["cars"]
    assert len({one["id"] for one in twice}) == 2


# --- linking ----------------------------------------------------------------------------------------------------


def test_linking_telegram_and_the_miniprogram_over_the_api(client: FlaskClient, world: World, api: Api) -> None:
    api.answers[PROGRAM] = [{"openid": OPENID, "session_key": "k"}]
    telegram = lin(client, world)
    program = bearer(sent(client, "POST", f"{AUTH}/wechat/miniprogram", json={"code": "0a1B"})["token"])
    paid_in(world.services.database, sent(client, "GET", ME, headers=program)["id"], 1200)
    asked = shapes.LinkAnswer.model_validate(sent(client, "POST", f"{AUTH}/link", json={}, headers=telegram))
    assert asked.code
    assert asked.telegram_url == f"https://t.me/kw_bot?start=link_{asked.code[3:]}"
    offer = sent(client, "POST", f"{AUTH}/link", json={"code": asked.code}, headers=program)
    assert (offer["state"], offer["channel"]) == ("offer", "telegram")
    assert offer["brings"] == [{"amount_minor": 1200, "currency": "CNY"}]
    done = sent(client, "POST", f"{AUTH}/link", json={"code": asked.code, "confirm": True}, headers=program)
    assert done["state"] == "linked"
    assert sent(client, "GET", ME, headers=program) == sent(client, "GET", ME, headers=telegram)
    refused(client, "POST", f"{AUTH}/link", 400, "link_code_unknown", json={"code": asked.code}, headers=program)
    refused(client, "DELETE", f"{AUTH}/link", 400, "confirm_unlink", headers=telegram)
    left = sent(client, "DELETE", f"{AUTH}/link?confirm=unlink", headers=telegram)
    assert (left["state"], left["channel"]) == ("unlinked", "wechat")
    refused(client, "GET", ME, 401, "not_logged_in", headers=program)
    assert sent(client, "GET", ME, headers=telegram)["channels"] == ["telegram"]


# --- everything, and nothing any more ---------------------------------------------------------------------------


def test_the_export_has_what_is_mine_alone(client: FlaskClient, world: World) -> None:
    one, other = lin(client, world), wei(client)
    sent(client, "PATCH", ME, json=PROFILE, headers=one)
    mine, theirs = (sent(client, "GET", ME, headers=who)["id"] for who in (one, other))
    paid_in(world.services.database, mine, 4200)
    answer = client.get(f"{ME}/export", headers=one)
    shapes.Export.model_validate(answer.json)
    assert "attachment" in answer.headers["Content-Disposition"]
    kept = answer.json["kept"]
    assert {row["name"] for row in kept["cars"]} == {"Blue Leaf", "ID.4"}
    assert [row["amount"] for row in kept["topups"]] == [4200]
    assert [row["cause"] for row in kept["transfers"]] == ["topup"]
    assert theirs not in answer.text
    assert one["Authorization"].split()[1] not in answer.text


def test_a_link_from_a_chat_shows_it_once(client: FlaskClient, world: World) -> None:
    lin(client, world)
    with world.services.database.read() as unit:
        user = unit.users.by_identity(Identity(Channel.TELEGRAM, "815"))
    assert user is not None
    path = f"/download/{world.services.login.ticket(user.id)}"
    for _ in range(2):  # an app that looks behind a link uses nothing up
        assert "once" in client.get(path).text
    assert client.post(path).json["user_id"] == user.id
    refused(client, "POST", path, 401, "ticket_used", headers={"Accept": "application/json"})


def test_deleting_needs_a_yes_and_empty_hands(client: FlaskClient, world: World) -> None:
    who = lin(client, world)
    mine = sent(client, "GET", ME, headers=who)["id"]
    database, at = world.services.database, world.clock.now()
    refused(client, "DELETE", ME, 400, "confirm_first", headers=who)
    charge = charging(database, mine, at)
    refused(client, "DELETE", f"{ME}?confirm=delete", 409, "delete_session", headers=who)
    charge.end()
    message = refused(client, "DELETE", f"{ME}?confirm=delete", 409, "delete_money", headers=who)
    assert "¥10.00" in message
    assert sent(client, "GET", ME, headers=who)["id"] == mine


def test_an_open_refund_keeps_the_account(client: FlaskClient, world: World) -> None:
    who = wei(client)
    refunding(world.services.database, sent(client, "GET", ME, headers=who)["id"], world.clock.now())
    assert "¥5.00" in refused(client, "DELETE", f"{ME}?confirm=delete", 409, "delete_refund", headers=who)


def test_a_deleted_person_is_nobody(client: FlaskClient, world: World) -> None:
    who = lin(client, world)
    before = sent(client, "GET", ME, headers=who)["id"]
    assert sent(client, "DELETE", f"{ME}?confirm=delete", headers=who) == {
        "deleted": True,
        "proved": True,
        "names_looked_for": 1,
    }
    refused(client, "GET", ME, 401, "not_logged_in", headers=who)
    assert sent(client, "GET", ME, headers=lin(client, world))["id"] != before


# --- once and no more -------------------------------------------------------------------------------------------


class Till:
    """A view that moves money: counts what it did, by the person's key."""

    def __init__(self, world: World) -> None:
        self.done: dict[tuple[str, str], int] = {}
        self.fails = False
        app = web.create_app(world.services)

        @app.post("/pay")
        @idempotent(world.services, "pay")
        def pay() -> Any:
            if self.fails:
                raise RuntimeError("cut off after the effect")
            user, key = current_user(world.services), request_key()
            self.done[user.id, key] = self.done.get((user.id, key), 0) + 1
            answer = app.json.response({"paid": len(self.done)})
            answer.status_code = 201
            return answer

        self.client = app.test_client()


def test_the_same_key_is_the_same_answer(world: World) -> None:
    till = Till(world)
    client, key = till.client, {"Idempotency-Key": "tap-0001"}
    who = lin(client, world) | key
    first = client.post("/pay", json={"a": 1, "b": 2}, headers=who)
    again = client.post("/pay", data='{"b":2, "a":1}', content_type="application/json", headers=who)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert list(till.done.values()) == [1]
    refused(client, "POST", "/pay", 409, "idempotency_conflict", json={"a": 2}, headers=who)
    assert client.post("/pay", json={"a": 2}, headers=wei(client) | key).json == {"paid": 2}


@pytest.mark.parametrize("key", ["", "short", "x" * 129, "with space", "é" * 8])
def test_without_a_key_no_money_moves(world: World, key: str) -> None:
    till = Till(world)
    who = lin(till.client, world) | {"Idempotency-Key": key}
    refused(till.client, "POST", "/pay", 400, "idempotency_key_missing", json={}, headers=who)
    refused(till.client, "POST", "/pay", 401, "not_logged_in", json={}, headers={"Idempotency-Key": "tap-0001"})
    assert till.done == {}


def test_a_request_that_was_cut_off_may_be_sent_again_but_not_changed(world: World) -> None:
    till = Till(world)
    who = lin(till.client, world) | {"Idempotency-Key": "tap-0001"}
    till.fails = True
    assert till.client.post("/pay", json={"a": 1}, headers=who).status_code == 500
    till.fails = False
    refused(till.client, "POST", "/pay", 409, "idempotency_conflict", json={"a": 2}, headers=who)
    assert till.client.post("/pay", json={"a": 1}, headers=who).status_code == 201


def test_many_at_once_have_one_answer(world: World) -> None:
    till = Till(world)
    who = lin(till.client, world) | {"Idempotency-Key": "tap-0001"}
    with served(till.client.application) as base, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: requests.post(f"{base}/pay", json={}, headers=who, timeout=30), range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
