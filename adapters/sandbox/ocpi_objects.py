"""The city and its charges as OCPI 2.2.1 objects: positions in WGS-84, prices and energies as in the books."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.charge import Charge, Stage, Stretch
from adapters.sandbox.city import AFTER_TWO_HOURS_YUAN, IN_USE, PUBLIC, TWO_HOURS_FREE, TWO_HOURS_S, Gun, Place
from adapters.sandbox.life import Bay, GunState, Status
from adapters.sandbox.operator import Operator
from core.geo import Datum, Point

COUNTRY, PARTY, NAME = "CN", "SBX", "Sandbox Charging"
CONNECTOR = "1"  # each gun is an EVSE with one
_BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)

Object = dict[str, Any]

_STATUS = {
    Status.FREE: "AVAILABLE",
    Status.OCCUPIED: "CHARGING",  # plugged in: in use
    Status.CHARGING: "CHARGING",
    Status.RESERVED: "RESERVED",
    Status.FAULT: "OUTOFORDER",
    Status.OFFLINE: "INOPERATIVE",
}
_SESSION_STATUS = {
    Stage.STARTING: "PENDING",
    Stage.CHARGING: "ACTIVE",
    Stage.STOPPING: "ACTIVE",
    Stage.ENDED: "COMPLETED",
}


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fine_stamp(at: datetime) -> str:
    """To the millisecond: a charge is told about several times in one second."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_of(state: GunState) -> str:
    return "BLOCKED" if state.status is Status.FREE and state.bay is Bay.TAKEN else _STATUS[state.status]


# --- places ---------------------------------------------------------------------------------------------------


def location(operator: Operator, place: Place) -> Object:
    evses = [evse(operator, place, gun) for gun in place.guns]
    point = Point(float(place.lat), float(place.lng), Datum.GCJ02).wgs84
    always = place.hours in {"00:00-24:00", "24小时"}
    return {
        "country_code": COUNTRY,
        "party_id": PARTY,
        "id": place.id,
        "publish": place.status == IN_USE and place.kind == PUBLIC,
        "name": place.name,
        "address": place.address,
        "city": "深圳市",
        "country": "CHN",
        "coordinates": {"latitude": f"{point.lat:.7f}", "longitude": f"{point.lng:.7f}"},
        "evses": evses,
        "directions": [{"language": "zh", "text": place.guide}] if place.guide else [],
        "operator": {"name": NAME},
        "time_zone": "Asia/Shanghai",
        "opening_times": {"twentyfourseven": True} if always else {"twentyfourseven": False, **_hours(place)},
        "last_updated": max(one["last_updated"] for one in evses),
    }


def _hours(place: Place) -> Object:
    begin, end = place.hours.split()[-1].split("-")
    days = [{"weekday": day, "period_begin": begin, "period_end": end} for day in range(1, 8)]
    return {"regular_hours": days}


def evse_id(gun: Gun) -> str:
    return f"{COUNTRY}*{PARTY}*E{gun.id}"


def evse(operator: Operator, place: Place, gun: Gun) -> Object:
    changed_at = max(stamp(operator.state_since(gun.id)), stamp(_BUILT_AT))
    return {
        "uid": gun.id,
        "evse_id": evse_id(gun),
        "status": status_of(operator.state(gun.id)),
        "capabilities": ["REMOTE_START_STOP_CAPABLE"],
        "physical_reference": gun.label,
        "connectors": [
            {
                "id": CONNECTOR,
                "standard": "GBT_DC" if gun.is_dc else "GBT_AC",
                "format": "CABLE",
                "power_type": "DC" if gun.is_dc else "AC_1_PHASE",
                "max_voltage": 1000 if gun.is_dc else 220,
                "max_amperage": int(gun.power_kw * 1000 / (1000 if gun.is_dc else 220)),
                "max_electric_power": int(gun.power_kw * 1000),
                "tariff_ids": [tariff_id(place, gun)],
                "last_updated": stamp(_BUILT_AT),
            }
        ],
        "last_updated": changed_at,
    }


def tariff_id(place: Place, gun: Gun) -> str:
    return f"{place.id}-{'DC' if gun.is_dc else 'AC'}"


def tariffs(operator: Operator, place: Place) -> list[Object]:
    """One for the fast guns and one for the slow ones, where there are any."""
    first = {tariff_id(place, gun): gun for gun in reversed(list(place.guns))}
    return [tariff(operator, place, gun) for _, gun in sorted(first.items())]


def tariff(operator: Operator, place: Place, gun: Gun) -> Object:
    """Energy and service fee are one price per kWh here: OCPI knows no service fee."""
    periods = operator.prices(place, gun)
    elements = []
    for n, period in enumerate(periods):
        # What drivers pay, tax and all: a rate of zero says that nothing is added.
        component = {"type": "ENERGY", "price": period.energy + period.service, "vat": 0, "step_size": 1}
        element: Object = {"price_components": [component]}
        if len(periods) > 1:
            end = periods[(n + 1) % len(periods)].start
            element["restrictions"] = {"start_time": _clock(period.start), "end_time": _clock(end)}
        elements.append(element)
    if place.parking == TWO_HOURS_FREE:
        standing = {"type": "PARKING_TIME", "price": AFTER_TWO_HOURS_YUAN, "vat": 0, "step_size": 60}
        elements.append({"price_components": [standing], "restrictions": {"min_duration": TWO_HOURS_S}})
    return {
        "country_code": COUNTRY,
        "party_id": PARTY,
        "id": tariff_id(place, gun),
        "currency": "CNY",
        "elements": elements,
        "last_updated": stamp(max(operator.priced_at(place.id), _BUILT_AT)),
    }


def _clock(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}"


# --- charges --------------------------------------------------------------------------------------------------


def session_id(key: str) -> str:
    return "S" + hashlib.sha256(key.encode()).hexdigest()[:15].upper()


def session(charge: Charge, start: Mapping[str, Any], now: datetime, told_at: datetime) -> Object:
    """`start` is what the customer sent: its token, its reference, and where."""
    at = min(now, charge.ended_at) if charge.ended_at else now
    failed = charge.stage is Stage.ENDED and charge.started_at is None
    found = {
        **_owner(session_id(charge.start_seq), start),
        "start_date_time": stamp(charge.started_at or charge.asked_at),
        "kwh": charge.energy_kwh(at),
        "location_id": start["location_id"],
        "evse_uid": start["evse_uid"],
        "connector_id": CONNECTOR,
        "currency": "CNY",
        "charging_periods": [_period(one, start) for one in charge.stretches(at)],
        "total_cost": _cost(sum((one.energy_yuan + one.service_yuan for one in charge.stretches(at)), Decimal(0))),
        "status": "INVALID" if failed else _SESSION_STATUS[charge.stage],
        "last_updated": fine_stamp(told_at),
    }
    return found | ({"end_date_time": stamp(charge.ended_at)} if charge.ended_at else {})


def cdr(
    operator: Operator, charge: Charge, start: Mapping[str, Any], bill: Mapping[str, Any], told_at: datetime
) -> Object:
    """The bill as OCPI has it. Its total is the bill's, right or wrong."""
    place, gun = operator.city.gun_of[charge.gun_id]
    where = location(operator, place)
    ended_at = charge.ended_at or charge.asked_at
    began_at = charge.started_at or charge.asked_at
    hours = Decimal(str(round((ended_at - began_at).total_seconds()))) / 3600
    return {
        **_owner("C" + session_id(charge.start_seq)[1:], start),
        "start_date_time": stamp(began_at),
        "end_date_time": stamp(ended_at),
        "session_id": session_id(charge.start_seq),
        "cdr_location": {
            **{name: where[name] for name in ("id", "name", "address", "city", "country", "coordinates")},
            "evse_uid": gun.id,
            "evse_id": evse_id(gun),
            "connector_id": CONNECTOR,
            "connector_standard": "GBT_DC" if gun.is_dc else "GBT_AC",
            "connector_format": "CABLE",
            "connector_power_type": "DC" if gun.is_dc else "AC_1_PHASE",
        },
        "currency": "CNY",
        "tariffs": [tariff(operator, place, gun)],
        "charging_periods": [_period(one, start) for one in charge.stretches(ended_at)],
        "total_cost": _cost(bill["TotalMoney"]),
        "total_energy": charge.energy_kwh(ended_at),
        "total_energy_cost": _cost(bill["TotalMoney"]),
        "total_time": hours.quantize(Decimal("0.0001")),
        "last_updated": fine_stamp(told_at),
    }


def _owner(id_: str, start: Mapping[str, Any]) -> Object:
    token = start["token"]
    names = ("country_code", "party_id", "uid", "type", "contract_id")
    found = {
        "country_code": COUNTRY,
        "party_id": PARTY,
        "id": id_,
        "cdr_token": {name: token[name] for name in names if name in token},
        "auth_method": "COMMAND",
    }
    reference = start.get("authorization_reference")
    return found | ({"authorization_reference": reference} if reference else {})


def _period(stretch: Stretch, start: Mapping[str, Any]) -> Object:
    return {
        "start_date_time": stamp(stretch.start),
        "dimensions": [{"type": "ENERGY", "volume": stretch.energy_kwh}],
        "tariff_id": start["tariff_id"],
    }


def _cost(amount: Decimal) -> Object:
    """Consumer prices without a tax rate: net and gross are the same."""
    return {"excl_vat": amount, "incl_vat": amount}
