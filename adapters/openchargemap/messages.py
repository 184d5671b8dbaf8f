"""Open Charge Map's words to ours. The numbers are the ids of its reference data (2021-11)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.importer import Price
from adapters.text import TEXT_CHARS, clean, decimal, power_kw, whole
from core.station import Connector, ConnectorRef, ConnectorStatus, Plug

_PLUGS = {
    0: Plug.UNKNOWN, 1: Plug.TYPE1, 2: Plug.CHADEMO, 3: Plug.DOMESTIC, 4: Plug.INDUSTRIAL, 5: Plug.OTHER,
    6: Plug.OTHER,
    7: Plug.OTHER, 8: Plug.OTHER, 9: Plug.DOMESTIC, 10: Plug.DOMESTIC, 11: Plug.DOMESTIC, 13: Plug.DOMESTIC,
    14: Plug.DOMESTIC, 15: Plug.DOMESTIC, 16: Plug.INDUSTRIAL, 17: Plug.INDUSTRIAL, 18: Plug.INDUSTRIAL,
    21: Plug.OTHER,
    22: Plug.DOMESTIC, 23: Plug.DOMESTIC, 24: Plug.WIRELESS, 25: Plug.TYPE2, 26: Plug.TYPE3, 28: Plug.DOMESTIC,
    29: Plug.DOMESTIC, 31: Plug.OTHER, 32: Plug.CCS1, 33: Plug.CCS2, 34: Plug.INDUSTRIAL, 35: Plug.INDUSTRIAL,
    36: Plug.TYPE3, 1036: Plug.TYPE2, 1037: Plug.DOMESTIC, 1038: Plug.GBT_AC, 1039: Plug.GBT_AC, 1040: Plug.GBT_DC,
    1041: Plug.INDUSTRIAL, 1042: Plug.DOMESTIC,
}  # fmt: skip
# Tesla's own plug: NACS where it was born; elsewhere a Type 2 shape that gives power to Teslas only.
_TESLA = frozenset((27, 30))
_NACS_COUNTRIES = frozenset(("US", "CA", "MX", "PR", "JP", "KR", "TW"))

PLANNED, REMOVED = frozenset((150,)), frozenset((200, 210))
# 50 and 75 say "in service", not "free". 30 "temporarily unavailable" is marked operational in the reference data,
# but a driver who comes finds it out of order. 10 and 20 are automated and as old as their date.
_STATUS = {
    10: ConnectorStatus.FREE,
    20: ConnectorStatus.CHARGING,
    30: ConnectorStatus.FAULT,
    100: ConnectorStatus.FAULT,
}
# Restricted access; staff, visitors or customers; privately owned and by notice only.
PRIVATE_USAGE = frozenset((2, 3, 6))
_MEMBERS_USAGE = frozenset((2, 4))

_THREE_PHASE, _DIRECT = 20, 30
_LINE_VOLTAGE = 300  # below it the voltage of three-phase AC is that of one phase


@dataclass(frozen=True, slots=True)
class Licence:
    """Under what we may show a record, and whom we name."""

    name: str
    attribution: str


_OPEN = (
    (re.compile(r"attribution-sharealike 4\.0|cc[ -]by-sa 4\.0", re.I), "CC BY-SA 4.0"),
    (re.compile(r"attribution 4\.0|cc[ -]by 4\.0", re.I), "CC BY 4.0"),
    (re.compile(r"creativecommons\.org/licenses/by/(\d\.\d)", re.I), "CC BY {0}"),
    (re.compile(r"creativecommons\.org/licenses/by-sa/(\d\.\d)", re.I), "CC BY-SA {0}"),
    (re.compile(r"open government licen[cs]e v(\d\.\d)", re.I), "OGL v{0}"),
    (re.compile(r"may be used for any purpose whatsoever", re.I), "any purpose (NREL AFDC)"),
    (re.compile(r"licence_ouverte|licence ouverte", re.I), "Licence Ouverte"),
    (re.compile(r"\bcc0\b|public domain", re.I), "public domain"),
    (re.compile(r"\bodbl\b|open database licen[cs]e", re.I), "ODbL"),
)
_CLOSED = re.compile(r"non-?commercial|by-nc|noderiv|by-nd|by agreement", re.I)


def licence_of(provider: Mapping[str, Any]) -> Licence | None:
    """The provider's open licence; None when it has none. The flag alone is set on non-commercial data too."""
    text = clean(provider.get("License"), 2000)
    if provider.get("IsOpenDataLicensed") is not True or not text or _CLOSED.search(text):
        return None
    for pattern, name in _OPEN:
        if found := pattern.search(text):
            title = clean(provider.get("Title"), TEXT_CHARS)
            return Licence(
                name.format(*found.groups()), f"{title}, via Open Charge Map ({name.format(*found.groups())})"
            )
    return None


def id_of(record: Mapping[str, Any], name: str) -> int | None:
    """The id of a nested object, whichever way it is given: `StatusTypeID` or `StatusType.ID`."""
    found = record.get(f"{name}ID")
    if found is None and isinstance(record.get(name), Mapping):
        found = record[name].get("ID")
    return whole(found)


def membership_required(record: Mapping[str, Any]) -> bool:
    """Whether only members may charge; said in full records by a flag, in compact ones by the kind of usage."""
    usage = record.get("UsageType")
    stated = usage.get("IsMembershipRequired") if isinstance(usage, Mapping) else None
    return stated if isinstance(stated, bool) else id_of(record, "UsageType") in _MEMBERS_USAGE


def connectors_of(
    record: Mapping[str, Any],
    external_id: str,
    supplier_id: str,
    country: str,
    price: Price,
    changed_at: datetime | None,
) -> Iterator[Connector]:
    """The guns in service. A record without connections is still a charging place: its points, kind unknown."""
    site_status = id_of(record, "StatusType")
    connections = record.get("Connections") or []
    if not connections:
        connections = [{"ID": 0, "Quantity": whole(record.get("NumberOfPoints")) or 1}]
    for n, connection in enumerate(connections, 1):
        own_status = id_of(connection, "StatusType")
        count = whole(connection.get("Quantity"))
        if own_status in PLANNED | REMOVED or count == 0:
            continue
        # A site that is out of order overrules guns that nobody has updated.
        status = _STATUS.get(site_status if site_status in {30, 100} else own_status or site_status or 0)
        key = whole(connection.get("ID"))
        yield Connector(
            ref=ConnectorRef(supplier_id, f"{external_id}:{n if key is None else key}"),
            plug=_plug(id_of(connection, "ConnectionType"), country),
            power_kw=_power(connection),
            label=clean(connection.get("Reference"), 60),
            count=max(count or 1, 1),
            status=status or ConnectorStatus.UNKNOWN,
            status_at=changed_at if status else None,
            tariff_id=price.tariff_id,
            price_seen_at=price.seen_at,
            no_price=price.no_price,
        )


def _plug(kind: int | None, country: str) -> Plug:
    if kind in _TESLA:
        return Plug.NACS if country in _NACS_COUNTRIES else Plug.OTHER
    return Plug.UNKNOWN if kind is None else _PLUGS.get(kind, Plug.OTHER)


def _power(connection: Mapping[str, Any]) -> Decimal | None:
    """PowerKW, else what amps, volts and the kind of current make of it; None when one of them is missing."""
    if (given := power_kw(connection.get("PowerKW"))) is not None:
        return given
    amps, volts, current = (
        decimal(connection.get("Amps")),
        decimal(connection.get("Voltage")),
        id_of(connection, "CurrentType"),
    )
    if not amps or not volts or current is None:
        return None
    phases = Decimal(1)
    if current == _THREE_PHASE:
        phases = Decimal(str(math.sqrt(3))) if volts >= _LINE_VOLTAGE else Decimal(3)
    return power_kw(amps * volts * phases / 1000)
