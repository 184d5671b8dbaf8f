"""A frozen quote as text: the one that is signed, and the one that is kept. The same quote is the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.money import Money
from core.session import FrozenQuote
from core.station import ConnectorRef
from core.tariff import Part

_MOMENTS = ("price_seen_at", "created_at", "expires_at")
_NUMBERS = ("energy_kwh", "price_per_kwh", "power_kw")
_AMOUNTS = ("expected", "hold")


def quote_to_text(quote: FrozenQuote) -> str:
    """Canonical JSON: sorted names, no blanks, decimals digit for digit."""
    said = {one.name: _plain(getattr(quote, one.name)) for one in fields(quote)}
    if not quote.code_rest:
        del said["code_rest"]  # quotes without it were signed before there was such a field
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def quote_from_text(text: str) -> FrozenQuote:
    """Raises ValueError, KeyError or TypeError for what is no quote of ours."""
    said: dict[str, Any] = json.loads(text)
    for name in _MOMENTS:
        said[name] = datetime.fromisoformat(said[name]) if said[name] else None
    for name in _NUMBERS:
        said[name] = Decimal(said[name]) if said[name] is not None else None
    for name in _AMOUNTS:
        said[name] = Money(*said[name])
    said["ref"] = ConnectorRef(*said["ref"])
    said["parts"] = {Part(part): Decimal(amount) for part, amount in said["parts"].items()}
    return FrozenQuote(**said)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Money):
        return [value.amount_minor, value.currency]
    if isinstance(value, ConnectorRef):
        return [value.operator_id, value.connector_id]
    if isinstance(value, Mapping):
        return {str(part): str(amount) for part, amount in value.items()}
    return value
