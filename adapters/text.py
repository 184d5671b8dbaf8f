"""Words and numbers as suppliers write them, made safe to keep: trimmed text, bounded numbers, UTC times."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation

NAME_CHARS, ADDRESS_CHARS, TEXT_CHARS, ID_CHARS = 200, 300, 500, 100
# The strongest chargers on the road give 600 kW to cars; registers that write watts pass this by far.
MOST_POWER_KW = Decimal(1000)

_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_DROPPED = {"Cc", "Cf", "Cs", "Co"}  # control, direction marks and zero-width, halves of pairs, private use
# Two or three characters that are the bytes of one UTF-8 character read as Windows-1252 ("Â£" for "£").
_TWICE_ENCODED = re.compile("[\u00c2-\u00df][\u0080-\u00bf\u0152-\u2122]|\u00e2[\u0080-\u2122]{2}")


def clean(value: object, limit: int = TEXT_CHARS) -> str:
    """One line of plain text: no markup, no control characters, at most `limit` characters."""
    if value is None:
        return ""
    text = str(value)[: limit * 10]
    if not text.isprintable() or "<" in text or "&" in text:
        text = _TAG.sub(" ", html.unescape(text))
        text = "".join(" " if c in "\r\n\t" else c for c in text if c in "\r\n\t" or _kept(c))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _kept(character: str) -> bool:
    return (character.isascii() and character.isprintable()) or unicodedata.category(character) not in _DROPPED


def joined(*parts: object, by: str = ", ", limit: int = ADDRESS_CHARS) -> str:
    """The parts that say something, each once, in order."""
    words = [clean(part, limit) for part in parts]
    return clean(by.join(dict.fromkeys(word for word in words if word)), limit)


def repaired(text: str) -> str:
    """Undo UTF-8 that was taken for Windows-1252 once ("Â£5" is "£5"). Leaves everything else alone."""
    return _TWICE_ENCODED.sub(_decoded, text) if not text.isascii() else text


def _decoded(match: re.Match[str]) -> str:
    try:
        return match[0].encode("cp1252").decode("utf-8")
    except UnicodeError:
        return match[0]


def slug(text: str, limit: int = 40) -> str:
    """A short code of a name: small letters and digits with hyphens; other scripts stay as they are."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c if c.isalnum() else "-" for c in plain if not unicodedata.combining(c))
    return re.sub("-+", "-", kept).strip("-")[:limit].rstrip("-")


def evse_key(value: object) -> str:
    """An EVSE, pool or station id in its normal form: upper case, without `*` and spaces."""
    return re.sub(r"[*\s]", "", str(value or "")).upper()[:ID_CHARS]


def _figures(value: object) -> str:
    """The text of a number with a decimal point; "" for what is none (None, and JSON's true and false)."""
    text = "" if value is None or isinstance(value, bool) else str(value).strip()
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def number(value: object) -> float | None:
    """A finite number, decimal comma allowed; None for anything else."""
    try:
        found = float(_figures(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def decimal(value: object) -> Decimal | None:
    """The number exactly as written (a JSON number as its shortest text); None when it is none."""
    try:
        found = Decimal(_figures(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def whole(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def power_kw(value: object) -> Decimal | None:
    """A believable power, to 0.1 kW; None for nothing, zero ("unknown" in several registers) and nonsense."""
    found = decimal(value)
    if found is None or not 0 < found <= MOST_POWER_KW:
        return None
    return found.quantize(Decimal("0.1")) or None


_TRUE, _FALSE = {"true", "1", "yes", "oui", "vrai", "y"}, {"false", "0", "no", "non", "faux", "n"}


def flag(value: object) -> bool | None:
    """True or False however it is spelled; None when nobody said."""
    word = str(value if value is not None else "").strip().casefold()
    return True if word in _TRUE else False if word in _FALSE else None


def utc(value: object, zone: tzinfo = UTC) -> datetime | None:
    """A moment in UTC. Times without an offset are taken to be in `zone`; None for what is no time."""
    text = str(value or "").strip()
    if not text or text.startswith("0000"):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
