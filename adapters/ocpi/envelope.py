"""The envelope around every OCPI answer, and the codes in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

OK = 1000
CLIENT_ERROR, INVALID, TOO_LITTLE, UNKNOWN_LOCATION, UNKNOWN_TOKEN = 2000, 2001, 2002, 2003, 2004
SERVER_ERROR, CANNOT_CALL_BACK, NO_COMMON_VERSION, MISSING_ENDPOINTS = 3000, 3001, 3002, 3003


class OcpiRefused(Exception):
    """The other side understood and said no, or said something that is no answer.

    `status_code` is OCPI's, `http_status` HTTP's; a 401 or 403 in any dress is `unauthorised`.
    """

    def __init__(self, http_status: int, status_code: int, message: str) -> None:
        super().__init__(f"HTTP {http_status}, OCPI {status_code}: {message}")
        self.http_status, self.status_code, self.message = http_status, status_code, message

    @property
    def unauthorised(self) -> bool:
        # Seen: 401, 403, and 400 or 200 with 3000 for a token that cannot be decoded.
        return self.http_status in (401, 403) or (self.http_status in (200, 400) and self.status_code == SERVER_ERROR)


def opened(http_status: int, body: bytes) -> Any:
    """The data of an answer. Raises OcpiRefused for everything that is not a success, 200 with status 3000 too."""
    try:
        answer = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise OcpiRefused(http_status, 0, "the answer is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("status_code"), int):
        raise OcpiRefused(http_status, 0, "the answer is not in OCPI's envelope")
    code, message = answer["status_code"], str(answer.get("status_message") or "")[:200]
    if not 200 <= http_status < 300 or not 1000 <= code < 2000:
        raise OcpiRefused(http_status, code, message)
    return answer.get("data")


def one_of(data: Any) -> dict[str, Any]:
    """A single object, also where it comes wrapped in a list. Raises OcpiRefused."""
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict):
            return one
    raise OcpiRefused(200, 0, "the answer has no object in it")


def many_of(data: Any) -> Iterator[Any]:
    """The members of a list, whatever they are; a single object is a list of one."""
    if isinstance(data, list):
        yield from data
    elif data is not None:
        yield data


def sealed(data: Any, at: datetime, code: int = OK, message: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = {} if data is None else {"data": data}
    return answer | {"status_code": code, "status_message": message or _WORDS[code], "timestamp": stamp(at)}


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def dumps(value: Any) -> str:
    """JSON in which a Decimal is a number, digit for digit as far as a float goes."""
    return _ENCODER.encode(value)


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER = json.JSONEncoder(default=_number, ensure_ascii=False, separators=(",", ":"))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_WORDS = {
    OK: "Success",
    CLIENT_ERROR: "Client error",
    INVALID: "Invalid or missing parameters",
    TOO_LITTLE: "Not enough information",
    UNKNOWN_LOCATION: "Unknown location",
    UNKNOWN_TOKEN: "Unknown token",
    SERVER_ERROR: "Server error",
    CANNOT_CALL_BACK: "Unable to use your endpoints",
    NO_COMMON_VERSION: "No version in common",
    MISSING_ENDPOINTS: "No matching endpoints",
}
