"""Telegram Mini App `initData`: who opened it, by Telegram's signature.

Two signatures may stand in it: `hash`, an HMAC with our bot's token, and `signature`, Telegram's own Ed25519, which
anybody can check. (aiogram has both, but starts slowly, has no age limit, and raises on bytes that are not ASCII.)
Whatever is wrong, from a missing field to bytes that are no text, is one and the same refusal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import NotLoggedIn
from core.ports.login import Proven
from core.user import Channel, Identity

# Telegram's keys for third parties, as published with the Mini Apps documentation.
PUBLIC_KEYS = {
    "production": "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d",
    "test": "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec",
}
MOST_CHARS = 8_192
AGE_AT_LOGIN = timedelta(minutes=10)
CLOCKS_DIFFER_BY = timedelta(minutes=1)
_MOST_FIELDS = 32


class TelegramInitData:
    """core.ports.ReadsInitData for one bot.

    `keys` are the Ed25519 keys that count besides the bot's own token. Only production's by default: accounts of
    Telegram's test servers are anybody's, and their numbers may be those of real people.
    """

    def __init__(self, bot_token: str, keys: Sequence[str] = (PUBLIC_KEYS["production"],)) -> None:
        self._token, self._keys = bot_token, tuple(keys)
        self._bot_id = bot_token.partition(":")[0]

    def read(self, init_data: str, at: datetime) -> Proven:
        fields = _fields(init_data)
        if fields is None or not self._signed(fields):
            raise NotLoggedIn("login_refused")
        _check_age(fields.get("auth_date", ""), at)
        return _person(fields.get("user", ""))

    def _signed(self, fields: Mapping[str, str]) -> bool:
        return signed_with_token(fields, self._token) or any(
            signed_by_telegram(fields, self._bot_id, key) for key in self._keys
        )


def signed_with_token(fields: Mapping[str, str], bot_token: str) -> bool:
    """Whether `hash` was made with the bot's token. Only `hash` is left out: a `signature` is signed too."""
    given = fields.get("hash", "")
    key = hmac.digest(b"WebAppData", bot_token.encode(), "sha256")
    wanted = hmac.new(key, _check_string(fields, {"hash"}), hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def signed_by_telegram(fields: Mapping[str, str], bot_id: str, public_key: str) -> bool:
    """Whether `signature` is Telegram's own, for this bot."""
    given = fields.get("signature", "")
    try:
        raw = base64.b64decode(given.encode("ascii") + b"=" * (-len(given) % 4), altchars=b"-_", validate=True)
        text = f"{bot_id}:WebAppData\n".encode() + _check_string(fields, {"hash", "signature"})
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(raw, text)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _fields(init_data: str) -> dict[str, str] | None:
    """The fields, each once. None for what is no such list."""
    if not 0 < len(init_data) <= MOST_CHARS:
        return None
    try:
        pairs = parse_qsl(
            init_data, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def _check_string(fields: Mapping[str, str], without: set[str]) -> bytes:
    lines = (f"{name}={fields[name]}" for name in sorted(fields) if name not in without)
    return "\n".join(lines).encode("utf-8", "replace")


def _check_age(auth_date: str, at: datetime) -> None:
    if not (auth_date.isascii() and auth_date.isdigit() and len(auth_date) <= 12):
        raise NotLoggedIn("login_refused")
    signed_at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(auth_date))
    if signed_at - at > CLOCKS_DIFFER_BY:
        raise NotLoggedIn("login_refused")
    if at - signed_at > AGE_AT_LOGIN:
        raise NotLoggedIn("login_too_old")


def _person(text: str) -> Proven:
    try:
        user = json.loads(text)
        number = user["id"]
        # Telegram sends a number; some of its clients are said to have sent text.
        if isinstance(number, bool) or not str(number).isascii() or not str(number).isdigit():
            raise ValueError("no user id")
        user_id, language = int(number), str(user.get("language_code") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotLoggedIn("login_refused") from None
    return Proven(Identity(Channel.TELEGRAM, str(user_id)), language=language[:16])
