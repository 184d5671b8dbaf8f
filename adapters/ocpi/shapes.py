"""What an object must have, which ids name it, and how a push changes what is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.ocpi.envelope import INVALID, UNKNOWN_LOCATION
from adapters.ocpi.messages import objects
from adapters.text import ID_CHARS, clean, utc

# Without these a push is refused with the reason (2001). Lists are read more kindly: what can be used is used.
REQUIRED: dict[str, tuple[str, ...]] = {
    "location": ("id", "coordinates", "last_updated"),
    "evse": ("uid", "status", "connectors", "last_updated"),
    "connector": ("id", "standard", "last_updated"),
    "tariff": ("id", "currency", "elements", "last_updated"),
    "session": ("id", "status", "kwh", "last_updated"),
    "cdr": ("id", "currency", "total_cost", "total_energy", "last_updated"),
}


class PushRefused(Exception):
    """The caller is told in OCPI's words."""

    def __init__(self, message: str, code: int = INVALID, http_status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.http_status = message, code, http_status


class UnknownLocation(PushRefused):
    """A part of a place we have never heard of: the caller should send the whole, and we ask for it ourselves."""

    def __init__(self) -> None:
        super().__init__("this location is not known here", UNKNOWN_LOCATION, 404)


def unknown(what: str, code: int = UNKNOWN_LOCATION) -> PushRefused:
    return PushRefused(f"{what} is not known here", code, 404)


def checked(kind: str, thing: Mapping[str, Any]) -> None:
    """Raises PushRefused for an object the standard does not allow."""
    missing = [name for name in REQUIRED[kind] if thing.get(name) is None]
    if missing:
        raise PushRefused(f"the {kind} lacks {', '.join(missing)}")
    if utc(thing["last_updated"]) is None:
        raise PushRefused(f"last_updated of the {kind} is no time")
    if not isinstance(thing.get("evses", []), list):
        raise PushRefused("evses is not a list")
    if kind == "evse":
        if not isinstance(thing["connectors"], list):
            raise PushRefused("connectors is not a list")
        for one in thing["connectors"]:
            if not isinstance(one, Mapping):
                raise PushRefused("a connector is not an object")
            checked("connector", one)


def same_id(given: Any, named: str) -> bool:
    """Ids are compared without case. A body that leaves its id out means the one in the address."""
    return given is None or clean(given, ID_CHARS).upper() == named.upper()


def is_older(change: Mapping[str, Any], held: Mapping[str, Any] | None) -> bool:
    """Pushes overtake each other: an older one is taken note of and dropped."""
    new, old = utc(change.get("last_updated")), utc((held or {}).get("last_updated"))
    return new is not None and old is not None and new < old


def patched(held: Mapping[str, Any], change: Mapping[str, Any], appended: str = "") -> dict[str, Any]:
    """What is named replaces what was there, lists whole; only the list `appended` grows."""
    if utc(change.get("last_updated")) is None:
        raise PushRefused("a PATCH must carry last_updated")
    merged = {**held, **change}
    if appended and isinstance(change.get(appended), list):
        before = held.get(appended)
        known = before if isinstance(before, list) else []
        merged[appended] = [*known, *(one for one in change[appended] if one not in known)]
    return merged


def raised(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a part is a change of the whole."""
    return {**parent, "last_updated": child["last_updated"]} if not is_older(child, parent) else dict(parent)


def part(parent: Mapping[str, Any] | None, listed: str, id_name: str, wanted: str) -> dict[str, Any] | None:
    """The EVSE or connector of this id."""
    named = wanted.upper()
    for one in objects((parent or {}).get(listed)):
        given = one.get(id_name)
        if given == wanted or clean(given, ID_CHARS).upper() == named:
            return one
    return None


def with_part(
    parent: Mapping[str, Any],
    listed: str,
    id_name: str,
    wanted: str,
    change: Callable[[dict[str, Any] | None], dict[str, Any]],
) -> dict[str, Any]:
    """The parent with one part replaced, or added at the end, and its own date raised."""
    before = part(parent, listed, id_name, wanted)
    after = change(before)
    known = parent.get(listed)
    parts = list(known) if isinstance(known, list) else []
    if before is None:
        parts.append(after)
    else:
        parts[next(n for n, one in enumerate(parts) if one is before)] = after
    return raised({**parent, listed: parts}, after)
