"""EVSE ids as ISO 15118 and DIN 91286 write them, and as they are found: without separators, inside other texts."""

from __future__ import annotations

import re
from urllib.parse import unquote

from core.guncode.code import Names

_OUTLET = r"[A-Z0-9*]{1,32}"
# Country, operator, then E (an outlet), P (a pool), S (a station) or, on many stickers, no letter at all.
_STARRED = re.compile(rf"(?i:[A-Z]{{2}}\*[A-Z0-9]{{3}}\*?{_OUTLET})")
_DASHED = re.compile(r"(?i:[A-Z]{2}-[A-Z0-9]{3}-[EPS][A-Z0-9*-]{1,32})")
_BARE = re.compile(r"(?i:[A-Z]{2}[A-Z0-9]{3}[EPS][A-Z0-9*]{1,32})")
_DIN = re.compile(r"\+?[0-9]{1,3}\*[0-9]{3,6}\*[0-9*]{1,32}")
_DIN_BARE = re.compile(r"\+[0-9]{7,38}")
_IN_TEXT = re.compile(r"(?i)(?<![A-Z0-9*])[A-Z]{2}\*[A-Z0-9]{3}\*?E[A-Z0-9*]{1,32}(?![A-Z0-9*])")
_CONTRACT = re.compile(r"(?i:[A-Z]{2}-[A-Z0-9]{3}-(?!E)[A-Z0-9]{6,9}(?:-[A-Z0-9])?)")
# Countries in which ids without separators are printed. Without the list ordinary words would pass for ids.
_COUNTRIES = frozenset({
    "AD", "AL", "AT", "AU", "BA", "BE", "BG", "BR", "CA", "CH", "CL", "CO", "CY", "CZ", "DE", "DK", "EE", "ES",
    "FI", "FO", "FR", "GB", "GE", "GG", "GI", "GR", "HR", "HU", "IE", "IL", "IM", "IN", "IS", "IT", "JE", "JP",
    "KR", "LI", "LT", "LU", "LV", "MA", "MC", "MD", "ME", "MK", "MT", "MX", "MY", "NL", "NO", "NZ", "PL", "PT",
    "RO", "RS", "SA", "SE", "SG", "SI", "SK", "SM", "TH", "TR", "UA", "UK", "US", "VA", "XK", "ZA", "AE",
})  # fmt: skip


def read_evse(text: str) -> Names:
    """Whether the whole text is an EVSE id whose separators or form leave no doubt, and what it names."""
    if _STARRED.fullmatch(text) or _DASHED.fullmatch(text):
        return _names(evse_key(text))
    return Names.GUN if _DIN.fullmatch(text) else Names.NOTHING


def read_bare_evse(text: str) -> Names:
    """The same for one without separators: words and phone numbers can look so."""
    key = evse_key(text)
    if _BARE.fullmatch(text) and text[:2].upper() in _COUNTRIES and any(map(str.isdigit, key[5:])):
        return _names(key)
    return Names.GUN if _DIN_BARE.fullmatch(text) else Names.NOTHING


def read_any_evse(text: str) -> Names:
    """What stands where an EVSE id must stand, as in `evseid=`."""
    found = read_evse(text)
    return found if found is not Names.NOTHING else read_bare_evse(text)


def decoded(text: str) -> str:
    """A value of a query or a path: `%2A` is a star, and a plus that somebody decoded to a blank is dropped."""
    return unquote(text, errors="replace").strip()


def evse_in(text: str) -> re.Match[str] | None:
    """An id with separators inside other text. Without them it could be part of any word."""
    return _IN_TEXT.search(text)


def is_contract_id(text: str) -> bool:
    return _CONTRACT.fullmatch(text) is not None


def evse_key(text: str) -> str:
    """The normal form for look-ups: upper case; ISO without separators, DIN as digits and stars."""
    if text[:1] in "+0123456789":
        return re.sub(r"[^0-9*]", "", text)
    return re.sub(r"[*\s-]", "", text).upper()


def issuer_of(evse_id: str) -> str:
    """Country and operator of an ISO id ("DEABC"); "" for a DIN id, whose numbers nobody else uses."""
    key = evse_key(evse_id)
    return key[:5] if key[:2].isalpha() and len(key) > 5 else ""


def _names(key: str) -> Names:
    """An id without its letter, as intercharge prints them, is an outlet's."""
    return {"P": Names.STATION, "S": Names.STATION}.get(key[5:6], Names.GUN)
