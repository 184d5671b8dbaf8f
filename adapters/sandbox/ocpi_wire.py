"""OCPI on the wire, as the sandbox's server writes and reads it: envelope, pages, tokens."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from adapters.cec import json_text
from adapters.sandbox.ocpi_objects import COUNTRY, NAME, PARTY, Object, stamp

_MOST_A_PAGE = 100
_COMMAND_TIMEOUT_S = 30


class Refusal(Exception):
    def __init__(self, http_status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.http_status, self.code, self.message = http_status, code, message


def sealed(data: Any, http_status: int = 200, code: int = 1000, message: str = "Success") -> Response:
    answer = {"status_code": code, "status_message": message, "timestamp": stamp(datetime.now(UTC))}
    text = json_text.write(answer if data is None else {"data": data, **answer})
    return Response(text, status=http_status, content_type="application/json")


def result(word: str, text: str = "") -> Response:
    message = [{"language": "en", "text": text}] if text else []
    return sealed({"result": word, "timeout": _COMMAND_TIMEOUT_S, "message": message})


def page(objects: Iterable[Object]) -> Response:
    """Those changed within the dates asked for, one page of them."""
    dates = {name: _date(name) for name in ("date_from", "date_to")}
    found = [
        one
        for one in objects
        if (dates["date_from"] is None or one["last_updated"] >= dates["date_from"])
        and (dates["date_to"] is None or one["last_updated"] < dates["date_to"])
    ]
    offset, limit = _count("offset", 0), min(_count("limit", _MOST_A_PAGE), _MOST_A_PAGE) or _MOST_A_PAGE
    answer = sealed(found[offset : offset + limit])
    answer.headers["X-Total-Count"], answer.headers["X-Limit"] = str(len(found)), str(_MOST_A_PAGE)
    if offset + limit < len(found):
        asked = "".join(f"&{name}={date}" for name, date in dates.items() if date)
        answer.headers["Link"] = f'<{request.base_url}?offset={offset + limit}&limit={limit}{asked}>; rel="next"'
    return answer


def _date(name: str) -> str | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, 2001, name) from None
    return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))


def _count(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Refusal(400, 2001, name)
    return int(text)


def body() -> Object:
    """The object in the request. Raises Refusal."""
    try:
        found = json_text.read(request.get_data())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(400, 2001, "an object is needed")
    return found


def base() -> str:
    return f"{request.host_url.rstrip('/')}/ocpi"


def credentials_of(token: str) -> Object:
    role = {"role": "CPO", "country_code": COUNTRY, "party_id": PARTY, "business_details": {"name": NAME}}
    return {"token": token, "url": f"{base()}/versions", "roles": [role]}


def tokens_in(header: str) -> list[str]:
    """The token as it stands, and what it says in Base64: both are sent."""
    raw = header.partition(" ")[2].strip()
    try:
        decoded = base64.b64decode(raw, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return [raw]
    return [raw, decoded]


def is_among(token: str, candidates: list[str]) -> bool:
    return any(secrets.compare_digest(token.encode(), one.encode()) for one in candidates)
