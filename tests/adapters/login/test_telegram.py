"""initData against the known vectors, and against everything that is none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from adapters.login.telegram import PUBLIC_KEYS, TelegramInitData
from core.errors import NotLoggedIn
from core.user import Channel, Identity

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "telegram_initdata.json"
TOKEN = "4711:test-token"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LIN = {"id": 815, "first_name": "Lin", "language_code": "zh-hans"}


def check_string(fields: dict[str, str], *without: str) -> str:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without)


def init_data(*, token: str = TOKEN, at: datetime = NOW, user: Any = LIN, **more: str) -> str:
    """As Telegram signs it for the bot."""
    fields = {"auth_date": str(int(at.timestamp())), "query_id": "q", "user": json.dumps(user), **more}
    key = hmac.digest(b"WebAppData", token.encode(), "sha256")
    return urlencode(fields | {"hash": hmac.new(key, check_string(fields).encode(), hashlib.sha256).hexdigest()})


def vectors() -> list[Any]:
    if not VECTORS.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the known vectors are not here"))]
    return [pytest.param(one, id=one["id"]) for one in json.loads(VECTORS.read_text())["vectors"]]


@pytest.mark.parametrize("vector", vectors())
def test_a_known_vector(vector: dict[str, Any]) -> None:
    if vector["kind"] == "hmac_bot_token":
        reader = TelegramInitData(vector["bot_token"], keys=())
    else:
        reader = TelegramInitData(f"{vector['bot_id']}:unknown", keys=[vector["public_key"]])
    signed_at = datetime.fromtimestamp(vector.get("auth_date", 1650385342), UTC)
    if vector["valid"]:
        proven = reader.read(vector["init_data"], signed_at + timedelta(minutes=9))
        assert proven.identity.channel is Channel.TELEGRAM
        assert proven.identity.external_id.isdigit()
        with pytest.raises(NotLoggedIn, match="login_too_old"):
            reader.read(vector["init_data"], signed_at + timedelta(minutes=11))
    else:
        with pytest.raises(NotLoggedIn, match="login_refused"):
            reader.read(vector["init_data"], signed_at)


def test_who_opened_it() -> None:
    proven = TelegramInitData(TOKEN).read(init_data(), NOW)
    assert proven.identity == Identity(Channel.TELEGRAM, "815")
    assert (proven.language, proven.unionid) == ("zh-hans", "")


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (timedelta(minutes=10), None),
        (timedelta(minutes=10, seconds=1), "login_too_old"),
        (-timedelta(seconds=50), None),
        (-timedelta(minutes=2), "login_refused"),
    ],
)
def test_how_old_it_may_be(age: timedelta, code: str | None) -> None:
    text = init_data(at=NOW - age)
    if code is None:
        assert TelegramInitData(TOKEN).read(text, NOW)
        return
    with pytest.raises(NotLoggedIn, match=code):
        TelegramInitData(TOKEN).read(text, NOW)


@pytest.mark.parametrize("auth_date", ["", "soon", "-1", "1.5", "９９", "1" * 13, "1e9"])
def test_a_date_that_is_none(auth_date: str) -> None:
    with pytest.raises(NotLoggedIn, match="login_refused"):
        TelegramInitData(TOKEN).read(init_data(auth_date=auth_date), NOW)


@pytest.mark.parametrize(
    "user", [None, [], "815", {}, {"id": True}, {"id": -1}, {"id": "x"}, {"id": None}, {"id": "８１５"}, {"id": 1.5}]
)
def test_a_user_that_is_none(user: Any) -> None:
    with pytest.raises(NotLoggedIn, match="login_refused"):
        TelegramInitData(TOKEN).read(init_data(user=user), NOW)


def test_a_signature_field_is_signed_with_the_rest() -> None:
    assert TelegramInitData(TOKEN).read(init_data(signature="anything"), NOW)
    forged = init_data(signature="anything").replace("signature=anything", "signature=another")
    with pytest.raises(NotLoggedIn):
        TelegramInitData(TOKEN).read(forged, NOW)


def test_another_bots_word_and_a_field_twice_are_refused() -> None:
    good = init_data()
    for forged in (init_data(token="4712:other"), good + "&user=%7B%22id%22%3A1%7D", good + "&start_param=x"):
        with pytest.raises(NotLoggedIn, match="login_refused"):
            TelegramInitData(TOKEN).read(forged, NOW)


def test_telegrams_own_signature_counts_for_this_bot_alone() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    fields = {"auth_date": str(int(NOW.timestamp())), "user": json.dumps(LIN), "hash": "0" * 64}
    signed = private.sign(f"4711:WebAppData\n{check_string(fields, 'hash')}".encode())
    text = urlencode(fields | {"signature": base64.urlsafe_b64encode(signed).decode().rstrip("=")})
    assert TelegramInitData(TOKEN, [PUBLIC_KEYS["production"], public]).read(text, NOW).identity.external_id == "815"
    for reader in (TelegramInitData(TOKEN), TelegramInitData("4712:x", [public])):
        with pytest.raises(NotLoggedIn, match="login_refused"):
            reader.read(text, NOW)


ODD = [
    "",
    "hash",
    "&&&",
    "=",
    "hash=%ff%fe",
    "hash=é&auth_date=1",
    "signature=é&auth_date=1",
    "signature=\ud800",
    "user=\ud800&hash=\udfff",
    "hash=" + "0" * 64,
    "a=b&" * 5_000,
    "x" * 100_000,
    "\x00",
]


@pytest.mark.parametrize("text", ODD)
def test_garbage_is_a_plain_refusal(text: str) -> None:
    with pytest.raises(NotLoggedIn, match="login_refused"):
        TelegramInitData(TOKEN).read(text, NOW)


@given(st.text(max_size=200), st.sampled_from(["", "hash=", "signature=", "auth_date=1&hash=", "user="]))
def test_whatever_comes_is_a_plain_refusal(text: str, front: str) -> None:
    with pytest.raises(NotLoggedIn):
        TelegramInitData(TOKEN).read(front + text, NOW)
