"""POST /telegram: who is believed, what is stored, and that nothing makes it fall over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bots.telegram.webhook import MOST_BYTES, SECRET_HEADER, telegram_webhook
from tests.world import World, make_world

SECRET = "s3cret-of-the_webhook"
UPDATE = {
    "update_id": 77,
    "message": {"message_id": 1, "date": 1, "chat": {"id": 42, "type": "private"}, "text": "hi"},
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def client(world: World) -> FlaskClient:
    app = Flask("test")
    app.register_blueprint(telegram_webhook(world.services.inbox, SECRET))
    return app.test_client()


def post(client: FlaskClient, body: bytes | dict[str, Any], secret: str | None = SECRET) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {SECRET_HEADER: secret} if secret is not None else {}
    return client.post("/telegram", data=data, headers=headers, content_type="application/json").status_code


def stored(world: World) -> int:
    return sum(world.services.inbox.counts().values())


def test_an_update_is_stored_in_the_lane_of_its_chat(world: World, client: FlaskClient) -> None:
    assert post(client, UPDATE) == 200
    message = world.services.inbox.claim("telegram", 5)[0]
    assert (message.key, message.lane) == ("77", "42")
    assert json.loads(message.body) == UPDATE


def test_a_repeated_update_is_stored_once_and_thanked_for(world: World, client: FlaskClient) -> None:
    assert [post(client, UPDATE), post(client, UPDATE)] == [200, 200]
    assert stored(world) == 1


@pytest.mark.parametrize(
    "secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", "päss", "密码".encode().decode("latin-1")]
)
def test_without_the_secret_nothing_is_taken(world: World, client: FlaskClient, secret: str | None) -> None:
    assert post(client, UPDATE, secret) == 403
    assert stored(world) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"{}",
        b'{"update_id": "77"}',
        b'{"update_id": true}',
        b'{"update_id": 7.0}',
        b'{"update_id": -1}',
        b'{"update_id": 9223372036854775808}',
        b'{"update_id": ' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"update_id": 5, "message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_update_is_refused(world: World, client: FlaskClient, body: bytes) -> None:
    assert post(client, body) == 400
    assert stored(world) == 0


def test_a_body_over_a_megabyte_is_refused(world: World, client: FlaskClient) -> None:
    assert post(client, {**UPDATE, "pad": "x" * MOST_BYTES}) == 413
    assert stored(world) == 0


@pytest.mark.parametrize(
    ("update", "lane"),
    [
        ({"update_id": 1, "callback_query": {"from": {"id": 9}, "message": {"chat": {"id": -100}}}}, "-100"),
        ({"update_id": 1, "callback_query": {"from": {"id": 9}, "inline_message_id": "a"}}, "9"),
        ({"update_id": 1, "edited_message": {"chat": {"id": 3}}}, "3"),
        ({"update_id": 1, "my_chat_member": {"chat": {"id": 4}, "from": {"id": 4}}}, "4"),
        ({"update_id": 1, "message": {"chat": "broken"}}, "update 1"),
        ({"update_id": 1, "message": None, "poll": {}}, "update 1"),
    ],
)
def test_lanes(world: World, client: FlaskClient, update: dict[str, Any], lane: str) -> None:
    assert post(client, update) == 200
    assert world.services.inbox.claim("telegram", 1)[0].lane == lane


def test_text_no_database_would_take_is_kept(world: World, client: FlaskClient) -> None:
    body = rb'{"update_id": 5, "message": {"chat": {"id": 1}, "text": "\ud800 \u0000"}}'
    assert post(client, body) == 200
    assert json.loads(world.services.inbox.claim("telegram", 1)[0].body) == json.loads(body)


def test_there_is_no_webhook_without_a_secret(world: World) -> None:
    with pytest.raises(ValueError, match="secret"):
        telegram_webhook(world.services.inbox, "")
