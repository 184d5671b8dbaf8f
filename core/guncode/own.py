"""Codes that we write ourselves: links that open our bot or page at a gun, and labels for guns."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from core.station import ConnectorRef

# Telegram takes 64 characters of A-Z a-z 0-9 _ - as a start parameter.
_PREFIX, _MOST = "g_", 64
PAYLOAD = re.compile(r"g_([A-Za-z0-9_-]{2,62})")
LINK_PAYLOAD = re.compile(r"link_[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class OwnLinks:
    """Where our links lead. With none named, any bot's link with one of our payloads is read."""

    bots: frozenset[str] = frozenset()  # Telegram user names, lower case
    pages: frozenset[str] = frozenset()  # hosts, lower case


def gun_payload(ref: ConnectorRef) -> str:
    """The gun as a parameter of `t.me/<bot>?start=` and `<page>/?gun=`; "" where its ids are too long for one."""
    told = f"{ref.operator_id}\x1f{ref.connector_id}".encode()
    payload = _PREFIX + base64.urlsafe_b64encode(told).decode().rstrip("=")
    return payload if len(payload) <= _MOST else ""


def read_payload(payload: str) -> ConnectorRef | None:
    """The gun in one of our payloads; None for anything else."""
    found = PAYLOAD.fullmatch(payload)
    if not found:
        return None
    try:
        told = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    operator_id, mark, connector_id = told.partition("\x1f")
    sound = mark and connector_id and told.replace("\x1f", "", 1).isprintable()
    return ConnectorRef(operator_id, connector_id) if sound else None


def write_hlht(ref: ConnectorRef, rest: str = "") -> str:
    """The text for a label in the form of T/CEC 102."""
    return f"hlht://{ref.connector_id}.{ref.operator_id}/{rest}"
