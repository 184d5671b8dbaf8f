"""Reading single fields of a wire row, where anything may be missing or of the wrong kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from core.station import Rejected

_LONGEST_ID, _LONGEST_TEXT, _LONGEST_RAW = 64, 300, 20_000
# Four bytes a character, beside the ids, is what PostgreSQL keeps in an index.
_LONGEST_CODE, _MOST_CODES = 500, 8


def id_(row: Mapping[str, Any], name: str) -> str:
    """An id exactly as sent, or "" for what cannot be one. Some send ids as numbers."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    found = str(value)
    return found if found.strip() and found.isprintable() and len(found) <= _LONGEST_ID else ""


def text(row: Mapping[str, Any], name: str) -> str:
    """Text without control characters, cut at a length nobody needs."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(c if c.isprintable() else " " for c in str(value)).strip()[:_LONGEST_TEXT]


def printed(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What is printed on something, exactly as sent: one text or a list. Part of a code would be another code, so
    what is too long or no code is left out."""
    value = row.get(name)
    texts = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(one for one in texts if isinstance(one, str) and _is_code(one)))[:_MOST_CODES]


def _is_code(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= _LONGEST_CODE


def number(row: Mapping[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        found = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except InvalidOperation:
        return None
    # 1E-999999999 is a fine Decimal and a gigabyte once written out.
    exponent = found.as_tuple().exponent
    return found if isinstance(exponent, int) and exponent > -30 and found.adjusted() < 30 else None


def whole(row: Mapping[str, Any], name: str) -> int | None:
    found = number(row, name)
    return int(found) if found is not None and found == int(found) else None


def items(row: Mapping[str, Any], name: str) -> list[Any]:
    """A list; a single object where a list belongs is a list of one."""
    value = row.get(name)
    if isinstance(value, Mapping):
        return [value]
    return value if isinstance(value, list) else []


def rejected(external_id: str, reason: str, detail: str, raw: Any) -> Rejected:
    """A row for quarantine, in the partner's own words."""
    text_of_row = json.dumps(raw, ensure_ascii=False, default=str)
    return Rejected(external_id, reason, detail, text_of_row[:_LONGEST_RAW])
