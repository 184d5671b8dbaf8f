"""OCPI locations to our words: stations, connectors, statuses, hours. Tariffs are in tariffs.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters import checks
from adapters.checks import Refused
from adapters.hours import from_days
from adapters.importer import Price
from adapters.text import ID_CHARS, NAME_CHARS, clean, decimal, joined, power_kw, utc, whole
from adapters.timezones import country_at, is_time_zone, time_zone_at
from core.geo import Datum
from core.opening import ALWAYS, UNKNOWN_HOURS, OpeningHours
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    Facility,
    Plug,
    Rejected,
    Station,
    StatusReport,
    station_key,
)

_PLUGS = {
    "CHADEMO": Plug.CHADEMO, "IEC_62196_T1": Plug.TYPE1, "IEC_62196_T1_COMBO": Plug.CCS1, "IEC_62196_T2": Plug.TYPE2,
    "IEC_62196_T2_COMBO": Plug.CCS2, "IEC_62196_T3A": Plug.TYPE3, "IEC_62196_T3C": Plug.TYPE3, "GBT_AC": Plug.GBT_AC,
    "GBT_DC": Plug.GBT_DC, "SAE_J3400": Plug.NACS, "UNKNOWN": Plug.UNKNOWN,
}  # fmt: skip
_PLUG_FAMILIES = (
    ("DOMESTIC_", Plug.DOMESTIC),
    ("NEMA_", Plug.DOMESTIC),
    ("IEC_60309_", Plug.INDUSTRIAL),
)
# PLANNED and REMOVED are no guns. BLOCKED: something stands in the way, most often a car.
STATUSES = {
    "AVAILABLE": ConnectorStatus.FREE, "BLOCKED": ConnectorStatus.OCCUPIED, "CHARGING": ConnectorStatus.CHARGING,
    "INOPERATIVE": ConnectorStatus.OFFLINE, "OUTOFORDER": ConnectorStatus.FAULT, "RESERVED": ConnectorStatus.RESERVED,
    "UNKNOWN": ConnectorStatus.UNKNOWN,
}  # fmt: skip
_NO_GUN = frozenset(("PLANNED", "REMOVED"))
_FACILITIES = {
    "RESTAURANT": Facility.FOOD, "CAFE": Facility.FOOD, "MALL": Facility.SHOP, "SUPERMARKET": Facility.SHOP,
    "WIFI": Facility.WIFI, "CARPARK_CANOPY": Facility.CANOPY,
}  # fmt: skip
# ISO 3166-1 alpha-3, which OCPI uses for the location alone. Others are told by where the point lies.
_ALPHA2 = {
    "AUT": "AT", "BEL": "BE", "BGR": "BG", "CHE": "CH", "CYP": "CY", "CZE": "CZ", "DEU": "DE", "DNK": "DK",
    "ESP": "ES",
    "EST": "EE", "FIN": "FI", "FRA": "FR", "GBR": "GB", "GRC": "GR", "HRV": "HR", "HUN": "HU", "IRL": "IE",
    "ISL": "IS",
    "ITA": "IT", "LIE": "LI", "LTU": "LT", "LUX": "LU", "LVA": "LV", "MLT": "MT", "NLD": "NL", "NOR": "NO",
    "POL": "PL",
    "PRT": "PT", "ROU": "RO", "SRB": "RS", "SVK": "SK", "SVN": "SI", "SWE": "SE", "TUR": "TR", "UKR": "UA",
    "USA": "US",
    "CAN": "CA", "MEX": "MX", "BRA": "BR", "AUS": "AU", "NZL": "NZ", "CHN": "CN", "HKG": "HK", "JPN": "JP",
    "KOR": "KR",
    "SGP": "SG", "THA": "TH", "IND": "IN", "ZAF": "ZA", "ISR": "IL", "ARE": "AE",
}  # fmt: skip
# Power = phases times volts (to neutral) times amperes.
_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}

# (party, tariff ids, country, time zone) of a connector → its price
PriceOf = Callable[[str, Sequence[str], str, str], Price]


@dataclass(frozen=True, slots=True)
class Source:
    """What a location does not say about itself."""

    supplier_id: str
    datum: Datum
    licence: str
    attribution: str
    seen_at: datetime | None = None  # when the supplier vouched for the states; None: the EVSEs' own dates stand


def party_of(thing: Mapping[str, Any]) -> str:
    """Country and party code as one word ("BEBEC"). Ids are unique within it, and case does not count."""
    return (clean(thing.get("country_code"), 2) + clean(thing.get("party_id"), 3)).upper()


def key_of(thing: Mapping[str, Any]) -> str:
    """The id of a location or tariff, unique in a list of many parties; "" without an id."""
    own, party = clean(thing.get("id"), ID_CHARS), party_of(thing)
    return (f"{party}:{own}" if party and own else own).upper()


def to_station(
    location: Mapping[str, Any],
    external_id: str,
    source: Source,
    price_of: PriceOf,
    bad: list[Rejected] | None = None,
) -> Station:
    """Raises Refused for a location that cannot be used. EVSEs that cannot be used go into `bad`."""
    where = location["coordinates"]
    country = _ALPHA2.get(clean(location.get("country"), 3).upper(), "")
    point = checks.place(where.get("latitude"), where.get("longitude"), source.datum, country)
    country = country or country_at(point.lat, point.lng) or ""
    named = location.get("time_zone")
    time_zone = str(named) if is_time_zone(named) else time_zone_at(point.lat, point.lng, country)
    party = party_of(location)
    listed = location.get("evses") or []
    evses = [one for one in listed if not isinstance(one, Mapping) or clean(one.get("status"), 20) not in _NO_GUN]
    if listed and not evses:
        raise Refused("removed", "every EVSE is removed or planned")
    place = _Place(external_id, party or source.supplier_id, country, time_zone)
    operator = clean((location.get("operator") or {}).get("name"), NAME_CHARS)
    address = joined(location.get("address"), joined(location.get("postal_code"), location.get("city"), by=" "))
    return Station(
        id=station_key(source.supplier_id, external_id),
        supplier_id=source.supplier_id,
        external_id=external_id,
        name=clean(location.get("name"), NAME_CHARS) or address or operator or external_id,
        point=point,
        connectors=checks.guns(_sound_guns(evses, place, source, price_of, [] if bad is None else bad)),
        operator_id=party,
        operator_name=operator or party,
        address=address,
        country=country,
        time_zone=time_zone,
        hours=hours_of(location.get("opening_times")),
        facilities=frozenset(_FACILITIES[word] for word in location.get("facilities") or [] if word in _FACILITIES),
        guide=_directions(location.get("directions")),
        # 2.1.1 has no such field: what was sent could be shown.
        public=location.get("publish") is not False,
        source_datum=source.datum,
        licence=source.licence,
        attribution=joined(operator, source.attribution, by="; ", limit=500),
        updated_at=utc(location.get("last_updated")),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """What the guns of a location share."""

    external_id: str
    party: str
    country: str
    time_zone: str


def _sound_guns(
    evses: Sequence[Any], place: _Place, source: Source, price_of: PriceOf, bad: list[Rejected]
) -> list[Connector]:
    """The guns of all EVSEs that can be used. One that cannot loses neither the location nor the page."""
    found: dict[ConnectorRef, Connector] = {}
    for number, evse in enumerate(evses):
        name = f"{place.external_id} EVSE {clean(evse.get('uid'), ID_CHARS) if isinstance(evse, Mapping) else number}"
        try:
            guns = list(_guns(evse, place, source, price_of))
            if doubled := next((gun.ref for gun in guns if gun.ref in found), None):
                raise Refused("duplicate_id", f"{doubled.connector_id} is named twice")
        except Refused as refusal:
            bad.append(checks.rejected(name, refusal.reason, refusal.detail, repr(evse)))
        except Exception as error:  # noqa: BLE001  whatever shape it has, it stops nothing else
            bad.append(checks.rejected(name, "unreadable", f"{type(error).__name__}: {error}", repr(evse)))
        else:
            found |= {gun.ref: gun for gun in guns}
    if bad and not found:
        raise Refused(bad[-1].reason, bad[-1].detail)
    return list(found.values())


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def refs_of(evse: Mapping[str, Any], external_id: str, party: str) -> list[tuple[Mapping[str, Any], ConnectorRef]]:
    """The plugs of an EVSE and what we call them. The id is kept as it is printed on the sticker."""
    uid = clean(evse.get("uid"), ID_CHARS)
    printed = str(evse.get("evse_id") or "")
    if not printed.isprintable():
        printed = "".join(filter(str.isprintable, printed))
    printed = printed.strip()[:ID_CHARS]
    evse_id = printed or f"{external_id}:{uid}"
    plugs = evse.get("connectors") or []
    if not isinstance(plugs, list) or not all(isinstance(plug, Mapping) for plug in plugs):
        raise Refused("unreadable", "connectors is not a list of objects")
    named = [f"{evse_id}:{clean(plug.get('id'), 40)}" if len(plugs) > 1 else evse_id for plug in plugs]
    return [(plug, ConnectorRef(party, name)) for plug, name in zip(plugs, named, strict=True)]


def _guns(evse: Mapping[str, Any], place: _Place, source: Source, price_of: PriceOf) -> Iterator[Connector]:
    """One EVSE serves one car: its plugs are guns of one pile."""
    status = STATUSES.get(clean(evse.get("status"), 20), ConnectorStatus.UNKNOWN)
    for plug, ref in refs_of(evse, place.external_id, place.party):
        ids = plug.get("tariff_ids") or [plug.get("tariff_id")]
        price = price_of(place.party, [str(one) for one in ids if one], place.country, place.time_zone)
        yield Connector(
            ref=ref,
            plug=_plug(clean(plug.get("standard"), 40), place.country),
            power_kw=_power(plug),
            label=clean(evse.get("physical_reference"), 60),
            pile=clean(evse.get("uid"), ID_CHARS),
            status=status,
            status_at=source.seen_at or utc(evse.get("last_updated")),
            bay_blocked=True if evse.get("status") == "BLOCKED" else None,
            tariff_id=price.tariff_id,
            price_seen_at=price.seen_at,
            no_price=price.no_price,
        )


def status_reports(location: Mapping[str, Any], external_id: str, at: datetime) -> Iterator[StatusReport]:
    """The state of every gun of a location, as vouched for at `at`."""
    for evse in objects(location.get("evses")):
        if clean(evse.get("status"), 20) not in _NO_GUN:
            try:
                refs = refs_of(evse, external_id, party_of(location))
            except Refused:
                continue  # in quarantine since the location was read
            status = STATUSES.get(clean(evse.get("status"), 20), ConnectorStatus.UNKNOWN)
            for _, ref in refs:
                yield StatusReport(ref, status, at, bay_blocked=True if evse.get("status") == "BLOCKED" else None)


def _plug(standard: str, country: str) -> Plug:
    if standard == "TESLA_S" and country in {"US", "CA", "MX"}:
        return Plug.NACS
    family = next((plug for start, plug in _PLUG_FAMILIES if standard.startswith(start)), Plug.OTHER)
    return _PLUGS.get(standard, family if standard else Plug.UNKNOWN)


def _power(plug: Mapping[str, Any]) -> Decimal | None:
    """`max_electric_power` is in watts; without it volts and amperes (2.1.1 names in second place)."""
    if watts := decimal(plug.get("max_electric_power")):
        return power_kw(watts / 1000)
    volts = decimal(plug.get("max_voltage", plug.get("voltage")))
    amps = decimal(plug.get("max_amperage", plug.get("amperage")))
    phases = _PHASES.get(clean(plug.get("power_type"), 20))
    return power_kw(volts * amps * phases / 1000) if volts and amps and phases else None


def hours_of(times: Mapping[str, Any] | None) -> OpeningHours:
    """Regular hours. Exceptions are single days, which a weekly pattern cannot hold: they are left out."""
    if not times:
        return UNKNOWN_HOURS
    if times.get("twentyfourseven") is True:
        return ALWAYS
    days = [
        ((whole(one.get("weekday")) or 0) - 1, clean(one.get("period_begin"), 8), clean(one.get("period_end"), 8))
        for one in times.get("regular_hours") or []
    ]
    text = "; ".join(f"{day + 1} {start}-{end}" for day, start, end in days)
    return from_days(days, text) if days else UNKNOWN_HOURS


def texts_of(value: Any) -> str:
    """Of a list of DisplayTexts the English one, else the first."""
    texts = [one for one in value or [] if isinstance(one, Mapping)]
    chosen = next((one for one in texts if one.get("language") == "en"), texts[0] if texts else {})
    return clean(chosen.get("text"))


def _directions(value: Any) -> str:
    return texts_of(value) if isinstance(value, list) else ""


def newest_stamp(thing: Mapping[str, Any]) -> str:
    moment: datetime | None = utc(thing.get("last_updated"))
    return moment.isoformat() if moment else ""
