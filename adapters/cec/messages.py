"""T/CEC 102 wire words to ours, at the edge, once. A broken row becomes Rejected and stops nothing else.

Rows come in as the partner spells them; `dialects.py` says how. Times on the wire have no zone: they are China's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from adapters.cec import fields, texts
from adapters.cec.config import CecConfig
from core.errors import UserError
from core.geo import Point, in_mainland_china
from core.opening import ALWAYS, OpeningHours
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    NoPrice,
    Plug,
    Rejected,
    Station,
    StatusReport,
    station_key,
)
from core.tariff import Tariff, time_of_use_tariff

TIME_ZONE = "Asia/Shanghai"
CURRENCY = "CNY"

_IN_USE = 50  # StationStatus: 0 unknown, 1 building, 5 closed, 6 maintenance, 50 in use
_BAY_FREE, _BAY_TAKEN = 10, 50  # ParkStatus; 0 unknown
NO_POLICY = 1  # FailReason of query_equip_business_policy

_STATUS: Mapping[int, ConnectorStatus] = {
    0: ConnectorStatus.OFFLINE,
    1: ConnectorStatus.FREE,
    2: ConnectorStatus.OCCUPIED,
    3: ConnectorStatus.CHARGING,
    4: ConnectorStatus.RESERVED,
    255: ConnectorStatus.FAULT,
}
_PLUG_BY_CONNECTOR: Mapping[int, Plug] = {
    1: Plug.DOMESTIC,
    2: Plug.GBT_AC,
    3: Plug.GBT_AC,
    4: Plug.GBT_DC,
    5: Plug.WIRELESS,
    6: Plug.OTHER,
}
# Only where ConnectorType is missing or unknown; 3 (combined) and 5 (other) say nothing about one gun.
_PLUG_BY_EQUIPMENT: Mapping[int, Plug] = {1: Plug.GBT_DC, 2: Plug.GBT_AC, 4: Plug.WIRELESS}

_MOST_KW = Decimal(2000)
_MOST_PER_KWH = Decimal(20)  # yuan; above it somebody wrote fen
_MOST_PERIODS = 96


class _Broken(Exception):
    """This row cannot be used, and why."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


# --- stations -----------------------------------------------------------------------------------------------


def read_station(wire: Any, config: CecConfig) -> Iterator[Station | Rejected]:
    """The station of one StationInfo, preceded by the guns in it that cannot be used."""
    if not isinstance(wire, Mapping):
        yield fields.rejected("", "bad_row", "a station is not an object", wire)
        return
    row = config.dialect.read(wire)
    external_id = fields.id_(row, "StationID")
    try:
        if not external_id:
            raise _Broken("missing_id", "StationID")
        point = _point(row, config)
    except _Broken as broken:
        yield fields.rejected(external_id, broken.reason, broken.detail, wire)
        return
    operator_id = fields.id_(row, "OperatorID") or config.their_operator_id
    price_text = "；".join(filter(None, (fields.text(row, "ElectricityFee"), fields.text(row, "ServiceFee"))))
    no_price = NoPrice.TEXT_ONLY if price_text else NoPrice.NOT_PUBLISHED
    connectors: dict[str, Connector] = {}
    for equipment in fields.items(row, "EquipmentInfos"):
        for gun in _read_guns(equipment, operator_id, no_price):
            if isinstance(gun, Rejected):
                yield Rejected(gun.external_id or external_id, gun.reason, gun.detail, gun.raw)
            else:
                connectors.setdefault(gun.ref.connector_id, gun)
    yield Station(
        id=station_key(config.supplier_id, external_id),
        supplier_id=config.supplier_id,
        external_id=external_id,
        name=fields.text(row, "StationName") or external_id,
        point=point,
        connectors=tuple(connectors.values()),
        operator_id=operator_id,
        operator_name=fields.text(row, "OperatorName") or config.name,
        global_id=f"cec:{operator_id}:{external_id}",
        address=fields.text(row, "Address"),
        country=fields.text(row, "CountryCode") or "CN",
        time_zone=TIME_ZONE,
        hours=_hours(row),
        parking=texts.parking(fields.text(row, "ParkFee")),
        facilities=texts.facilities(f"{fields.text(row, 'Remark')} {fields.text(row, 'ParkInfo')}"),
        phone=fields.text(row, "ServiceTel") or fields.text(row, "StationTel"),
        guide=fields.text(row, "SiteGuide"),
        price_text=price_text,
        public=fields.whole(row, "StationStatus") == _IN_USE
        and fields.whole(row, "StationType") not in config.dialect.restricted,
        source_datum=config.datum,
        licence=config.licence,
        attribution=config.attribution,
    )


def _hours(row: Mapping[str, Any]) -> OpeningHours:
    hours = texts.opening_hours(fields.text(row, "BusinessHours"))
    return ALWAYS if not hours.known and fields.whole(row, "OpenAllDay") == 1 else hours


def _point(row: Mapping[str, Any], config: CecConfig) -> Point:
    lat, lng = fields.number(row, "StationLat"), fields.number(row, "StationLng")
    if lat is None or lng is None:
        raise _Broken("bad_coordinates", "StationLat or StationLng is missing")
    if abs(lat) < 1 and abs(lng) < 1:
        raise _Broken("bad_coordinates", "0,0")
    try:
        point = Point(float(lat), float(lng), config.datum).wgs84
    except UserError as error:
        raise _Broken(error.code, f"{lat}, {lng}") from None
    mirror = point.swapped
    if mirror and in_mainland_china(mirror.lat, mirror.lng) and not in_mainland_china(point.lat, point.lng):
        raise _Broken("swapped_coordinates", f"{lat}, {lng}")
    return point


def _read_guns(equipment: Any, operator_id: str, no_price: NoPrice) -> Iterator[Connector | Rejected]:
    if not isinstance(equipment, Mapping):
        yield fields.rejected("", "bad_row", "equipment is not an object", equipment)
        return
    guns = fields.items(equipment, "ConnectorInfos")
    for gun in guns:
        connector_id = fields.id_(gun, "ConnectorID") if isinstance(gun, Mapping) else ""
        if not connector_id:
            yield fields.rejected("", "missing_id", "ConnectorID", gun)
            continue
        # The cabinet's power is that of a gun only where there is one gun: two share it.
        power_kw = _power(gun) or (_power(equipment) if len(guns) == 1 else None)
        yield Connector(
            ref=ConnectorRef(operator_id, connector_id),
            plug=_plug(gun, equipment),
            power_kw=power_kw,
            label=fields.text(gun, "ConnectorName"),
            pile=fields.text(equipment, "EquipmentName") or fields.text(equipment, "EquipmentID"),
            no_price=no_price,
            qr_texts=fields.printed(gun, "QrCodes"),
        )


def _plug(gun: Mapping[str, Any], equipment: Mapping[str, Any]) -> Plug:
    known = _PLUG_BY_CONNECTOR.get(fields.whole(gun, "ConnectorType") or 0)
    return known or _PLUG_BY_EQUIPMENT.get(fields.whole(equipment, "EquipmentType") or 0, Plug.UNKNOWN)


def _power(row: Mapping[str, Any]) -> Decimal | None:
    power_kw = fields.number(row, "Power")
    return power_kw if power_kw is not None and 0 < power_kw <= _MOST_KW else None


# --- statuses -----------------------------------------------------------------------------------------------


def read_station_status(wire: Any, config: CecConfig, at: datetime) -> Iterator[StatusReport | Rejected]:
    """The guns of one StationStatusInfo, as the supplier saw them at `at`."""
    if not isinstance(wire, Mapping):
        yield fields.rejected("", "bad_row", "a station's status is not an object", wire)
        return
    row = config.dialect.read(wire)
    station_id, full_id = fields.id_(row, "StationID"), fields.id_(row, "FullStationID")
    # Xiaoju: FullStationID is OperatorID + StationID, for partners who sell the guns of others.
    names_operator = len(full_id) > 9 and full_id.endswith(station_id)
    operator_id = full_id[:9] if names_operator else config.their_operator_id
    for gun in fields.items(row, "ConnectorStatusInfos"):
        report = read_connector_status(gun, operator_id, at)
        if isinstance(report, Rejected) and not report.external_id:
            report = Rejected(station_id, report.reason, report.detail, report.raw)
        yield report


def read_connector_status(row: Any, operator_id: str, at: datetime) -> StatusReport | Rejected:
    """One ConnectorStatusInfo, polled or pushed."""
    if not isinstance(row, Mapping):
        return fields.rejected("", "bad_row", "a gun's status is not an object", row)
    connector_id = fields.id_(row, "ConnectorID")
    if not connector_id:
        return fields.rejected("", "missing_id", "ConnectorID", row)
    code = fields.whole(row, "Status")
    if code is None or code not in _STATUS:
        return fields.rejected(connector_id, "bad_status", f"Status {row.get('Status')!r:.40}", row)
    status = _STATUS[code]
    bay = fields.whole(row, "ParkStatus")
    known = bay in {_BAY_FREE, _BAY_TAKEN}
    # A taken bay blocks only while the gun is free; otherwise it is the car that charges.
    blocked = bay == _BAY_TAKEN and status is ConnectorStatus.FREE
    return StatusReport(ConnectorRef(operator_id, connector_id), status, at, blocked if known else None)


# --- prices -------------------------------------------------------------------------------------------------


def read_policy(
    wire: Mapping[str, Any], ref: ConnectorRef, config: CecConfig
) -> tuple[ConnectorRef, Tariff] | Rejected | None:
    """The tariff in one answer of query_equip_business_policy; None where the gun has none."""
    answer = config.dialect.read(wire)
    if fields.whole(answer, "SuccStat") not in {0, None}:
        reason = fields.whole(answer, "FailReason")
        if reason == NO_POLICY:
            return None
        return fields.rejected(ref.connector_id, "no_policy", f"FailReason {reason}", wire)
    named = fields.id_(answer, "ConnectorID")
    if named and named != ref.connector_id:
        return fields.rejected(ref.connector_id, "wrong_connector", f"the answer is about {named}", wire)
    rows = fields.items(
        answer, "PolicyInfos"
    )  # SumPeriod can disagree with the list; the list is what we can compute with
    if not rows:
        return None
    try:
        if len(rows) > _MOST_PERIODS:
            raise _Broken("bad_tariff", f"{len(rows)} periods in a day")
        periods = {_period(row) for row in rows}  # a set: a row sent twice is one period
        return ref, time_of_use_tariff(CURRENCY, TIME_ZONE, tuple(periods))
    except _Broken as broken:
        return fields.rejected(ref.connector_id, broken.reason, broken.detail, wire)
    except ValueError as error:
        return fields.rejected(ref.connector_id, "bad_tariff", str(error), wire)


def read_listed_prices(wire: Any, config: CecConfig) -> Tariff | Rejected | None:
    """The day's prices in one StationInfo, for all its guns; None where the dialect or the station has none there."""
    name = config.dialect.list_prices
    rows = fields.items(wire, name) if name and isinstance(wire, Mapping) else []
    if not rows:
        return None
    station_id = fields.id_(config.dialect.keys(wire), "StationID")
    try:
        if len(rows) > _MOST_PERIODS:
            raise _Broken("bad_tariff", f"{len(rows)} periods in a day")
        _no_gaps(rows)
        periods = {_period(row, energy="ElectricityFee", service="ServiceFee") for row in rows}
        return time_of_use_tariff(CURRENCY, TIME_ZONE, tuple(periods))
    except _Broken as broken:
        return fields.rejected(station_id, broken.reason, broken.detail, rows)
    except ValueError as error:
        return fields.rejected(station_id, "bad_tariff", str(error), rows)


def priced(station: Station, tariff: Tariff, seen_at: datetime) -> Station:
    """The station with this tariff at every gun."""
    guns = (replace(gun, tariff_id=tariff.id, price_seen_at=seen_at, no_price=None) for gun in station.connectors)
    return replace(station, connectors=tuple(guns))


def _no_gaps(rows: list[Any]) -> None:
    """Each period ends where the next one starts; 24:00, 235959 and 0 are the same midnight."""
    spans = sorted((_start(row.get("StartTime")), row.get("EndTime")) for row in rows if isinstance(row, Mapping))
    for n, (_, end) in enumerate(spans):
        text = str(end).replace(":", "")
        midnight = text[:4] in {"2400", "2359"}
        if (time(0) if midnight else _start(end)) != spans[(n + 1) % len(spans)][0]:
            raise _Broken("tariff_gap", f"nothing after {end!r:.20}")


def _period(row: Any, *, energy: str = "ElecPrice", service: str = "ServicePrice") -> tuple[time, Decimal, Decimal]:
    if not isinstance(row, Mapping):
        raise _Broken("bad_tariff", "a period is not an object")
    energy_price, service_price = _price(row, energy), _price(row, service)
    if energy_price + service_price == 0:
        raise _Broken("implausible_price", "0 yuan/kWh")  # zero is how unknown is written; free is declared in words
    return _start(row.get("StartTime")), energy_price, service_price


def _price(row: Mapping[str, Any], name: str) -> Decimal:
    price = fields.number(row, name)
    if price is None:
        raise _Broken("bad_tariff", f"{name} is missing")
    if not 0 <= price <= _MOST_PER_KWH:
        raise _Broken("implausible_price", f"{name} {price:.6g}")
    return price


def _start(value: Any) -> time:
    """HHmmss as text, "07:00" as seen, or a number that lost its zeros (TELD: 000000 arrives as 0)."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if text:  # nothing at all is no midnight
        text = text.replace(":", "").ljust(6, "0") if ":" in text else text.zfill(6)
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        raise _Broken("bad_tariff", f"StartTime {value!r:.40}")
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        raise _Broken("bad_tariff", f"StartTime {value!r:.40}") from None
