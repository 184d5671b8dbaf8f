"""How the sandbox speaks other partners' dialects. Written apart from the adapter's tables, to hold them to account.

Everything here starts from the 2016 edition's own words, in which the server thinks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.sandbox import keys
from adapters.sandbox.city import Place

Message = Mapping[str, Any]


def _as_is(message: Message, interface: str) -> Any:
    return message


def _no_extras(info: dict[str, Any], place: Place) -> dict[str, Any]:
    return info


@dataclass(frozen=True, slots=True)
class Tongue:
    """`say` words what goes out of an interface, `hear` what comes in; `station` adds to a StationInfo."""

    name: str
    say: Callable[[Message, str], Any] = _as_is
    hear: Callable[[Message, str], Any] = _as_is
    station: Callable[[dict[str, Any], Place], dict[str, Any]] = _no_extras


def _renamed(value: Any, rename: Callable[[str], str], number: Callable[[str, Any], Any], name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {rename(key): _renamed(part, rename, number, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part, rename, number, name) for part in value]
    return number(name, value)


def _same(name: str, value: Any) -> Any:
    return value


# --- Xiaoju -------------------------------------------------------------------------------------------------


def _say_xiaoju(message: Message, interface: str) -> Any:
    said = _renamed(message, lambda name: name.replace("Sevice", "Service"), _same)
    if interface == "query_equip_charge_status":
        said["ElectMoney"] = said.pop("ElecMoney")
    if "Total" in said:
        said["Total"] = str(said["Total"])
    for station in said.get("StationStatusInfos", []):
        station["FullStationID"] = keys.OPERATOR_ID + station["StationID"]
    return said


# --- StarCharge ---------------------------------------------------------------------------------------------


def _starcharge_station(info: dict[str, Any], place: Place) -> dict[str, Any]:
    """One price list for the whole station: that of its first gun."""
    prices = place.prices(next(place.guns))
    starts = [period.start for period in prices]
    ends = [*starts[1:], starts[0] if starts[0] != "000000" else "240000"]
    dear = max(period.energy for period in prices)
    fees = [
        {
            "StartTime": f"{period.start[:2]}:{period.start[2:4]}",
            "EndTime": f"{end[:2]}:{end[2:4]}",
            "ElectricityFee": period.energy,
            "ServiceFee": period.service,
            "PvType": 1 if period.energy == dear else 3,
        }
        for period, end in zip(prices, ends, strict=True)
    ]
    return info | {"StationFeeDetail": fees}


# --- supervision --------------------------------------------------------------------------------------------

_TYPE_2021 = {1: 1, 100: 2, 50: 3}
_CONSTRUCTION_2021 = {1: 101, 3: 102, 5: 103, 6: 201, 9: 202}


def _supervision_station(info: dict[str, Any], place: Place) -> dict[str, Any]:
    always = place.hours in {"00:00-24:00", "24小时"}
    said = info | {
        "StationType": _TYPE_2021[info["StationType"]],
        "Construction": _CONSTRUCTION_2021.get(info["Construction"], 255),
        "OpenAllDay": int(always),
        "OpenForBusinessDate": "2024-05-01",
        "MinElectricityPrice": min(period.energy for period in place.dc_prices),
    }
    if always:
        said["BusineHours"] = ""
    for equipment in said["EquipmentInfos"]:
        for gun in equipment["ConnectorInfos"]:
            gun["ConnectorUniqueID"] = f"{keys.OPERATOR_ID}{gun['ConnectorID']}"
            gun["QrCodes"] = [f"hlht://{gun['ConnectorID']}.{keys.OPERATOR_ID}/"]
    return said


# --- hmcs ---------------------------------------------------------------------------------------------------

_MICRO = re.compile(r".*(Price|Money|Lng|Lat)$")
_HUNDREDTHS = re.compile(r"(Total|Detail|TotalOrder|TotalDispute)Power|Soc")
_TENTHS = re.compile(r"(Current|Voltage)[ABC]")


def _factor(name: str) -> int:
    for pattern, factor in ((_MICRO, 1_000_000), (_HUNDREDTHS, 100), (_TENTHS, 10)):
        if pattern.fullmatch(name):
            return factor
    return 1


def _say_hmcs(message: Message, interface: str) -> Any:
    def number(name: str, value: Any) -> Any:
        factor = _factor(name)
        return round(value * factor) if factor > 1 and isinstance(value, int | Decimal) else value

    said = _renamed(message, lambda name: _small(name).replace("evice", "ervice"), number)
    if interface == "notification_charge_order_info":
        said["stayCost"] = 0
    return said


def _hear_hmcs(message: Message, interface: str) -> Any:
    def number(name: str, value: Any) -> Any:
        factor = _factor(_large(name))
        return Decimal(value) / factor if factor > 1 and isinstance(value, int) else value

    return _renamed(message, _large, number)


def _small(name: str) -> str:
    return re.sub("ID(?=s?$)", "Id", name[0].lower() + name[1:])


def _large(name: str) -> str:
    return re.sub("Id(?=s?$)", "ID", name[0].upper() + name[1:])


# --- all ----------------------------------------------------------------------------------------------------

CEC_2016 = Tongue("cec-2016")
TONGUES: Mapping[str, Tongue] = {
    tongue.name: tongue
    for tongue in (
        CEC_2016,
        Tongue("xiaoju", say=_say_xiaoju),
        Tongue("starcharge", station=_starcharge_station),
        Tongue("supervision", station=_supervision_station),
        Tongue("hmcs", say=_say_hmcs, hear=_hear_hmcs),
    )
}


def plain(message: Any) -> str:
    """For the books: readable, and numbers exactly as they were said."""
    return json.dumps(message, ensure_ascii=False, default=str)
