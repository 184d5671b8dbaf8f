"""The UK National Chargepoint Registry: 158 columns, up to eight connectors per line (closed to updates, 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from adapters import checks
from adapters.checks import Refused, rejected
from adapters.files import Row
from adapters.hours import from_days, parse_hours
from adapters.importer import PRICE_FOR_MEMBERS, Importer, Price
from adapters.prices import free_tariff, parse_price
from adapters.text import ID_CHARS, NAME_CHARS, clean, flag, joined, power_kw, repaired, slug, utc
from adapters.timezones import time_zone_at, zone
from core.opening import ALWAYS, UNKNOWN_HOURS, OpeningHours
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    NoPrice,
    Parking,
    Plug,
    Rejected,
    Station,
    station_key,
)

COUNTRY = "GB"
_ZONE = zone("Europe/London")
_MOST_CONNECTORS = 8
_PLUGS = {
    "Type 2 Mennekes (IEC62196)": Plug.TYPE2,
    "3-pin Type G (BS1363)": Plug.DOMESTIC,
    "JEVS G105 (CHAdeMO) DC": Plug.CHADEMO,
    "Type 2 Combo (IEC62196) DC": Plug.CCS2,
    "Type 2 Tesla (IEC62196) DC": Plug.OTHER,  # fits Teslas only
    "Type 1 SAEJ1772 (IEC 62196)": Plug.TYPE1,
    "Type 3 Scame (IEC62196)": Plug.TYPE3,
}
_OUT_OF_SERVICE, _PLANNED = "Out of service", "Planned"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# The restriction is free text: these words say that a driver from the street may not charge …
_PRIVATE = (
    "not for public", "no public access", "not available to the general public", "not available to the public",
    "private parking only", "private charger", "private workplace", "fleet", "employees and visitors only",
    "staff use only", "car club vehicles only", "carpool members only", "pool cars only",
)  # fmt: skip
# … and these take it back for at least a part of the week.
_PUBLIC_AT_TIMES = ("available to members of the public", "available for public use", "publicly available")


class UkNcrImporter(Importer):
    kind = "uk-ncr"
    name = "UK National Chargepoint Registry"
    licence = "OGL v3.0"
    attribution = "Contains public sector information licensed under the Open Government Licence v3.0 (UK NCR, DfT)"
    url = "https://www.gov.uk/guidance/find-and-use-data-on-public-electric-vehicle-chargepoints"
    columns = frozenset({"chargeDeviceID", "latitude", "longitude", "connector1ID"})

    def identify(self, row: Row) -> tuple[str, str]:
        return clean(row.fields["chargeDeviceID"], ID_CHARS), _updated(row.fields)

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        fields = {name: repaired(value) for name, value in row.fields.items() if value}
        point = checks.place(fields.get("latitude"), fields.get("longitude"), self.supplier.datum, COUNTRY)
        if fields.get("chargeDeviceStatus") == _PLANNED:
            raise Refused("planned", _PLANNED)
        updated_at = utc(_updated(fields), _ZONE)
        price_text = joined(fields.get("paymentRequiredDetails"), fields.get("subscriptionRequiredDetails"), by="; ")
        price = self._price(fields, updated_at)
        operator = clean(fields.get("deviceControllerName") or fields.get("deviceOwnerName"), NAME_CHARS).lstrip("*")
        yield Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=clean(fields.get("name"), NAME_CHARS) or clean(fields.get("reference"), NAME_CHARS) or external_id,
            point=point,
            connectors=checks.guns(list(_guns(fields, self.supplier.id, external_id, price, updated_at))),
            operator_id=slug(operator),
            operator_name=operator,
            address=_address(fields),
            country=COUNTRY,
            time_zone=time_zone_at(point.lat, point.lng, COUNTRY),
            hours=_hours(fields),
            parking=_parking(fields),
            guide=_guide(fields),
            price_text=price_text,
            public=_is_public(fields),
            source_datum=self.supplier.datum,
            licence=self.licence,
            attribution=joined(self.attribution, fields.get("attribution"), by="; ", limit=500),
            updated_at=updated_at,
        )
        if price.no_price is NoPrice.IMPLAUSIBLE:
            yield rejected(external_id, "implausible_price", price_text, row.raw)

    def _price(self, fields: Mapping[str, str], seen_at: datetime | None) -> Price:
        """Free where no payment and no subscription is asked; a number only where the details are one, clearly."""
        details = clean(fields.get("paymentRequiredDetails"))
        tariff, no_price = parse_price(details, COUNTRY)
        subscription = flag(fields.get("subscriptionRequired")) or bool(fields.get("subscriptionRequiredDetails"))
        paid = flag(fields.get("paymentRequired"))
        free = free_tariff(COUNTRY)
        if subscription:
            return PRICE_FOR_MEMBERS
        if paid is False and (not details or tariff == free):
            return self.priced(free, None, seen_at)
        if paid and tariff is not None and tariff != free:
            return self.priced(tariff, None, seen_at)
        # "Free" where payment is required, or a price where it is not: the line contradicts itself.
        return Price(None, NoPrice.TEXT_ONLY if tariff is not None else no_price)


def _updated(fields: Mapping[str, str]) -> str:
    return max((fields.get(name, "") for name in ("lastUpdated", "dateUpdated", "dateCreated")), default="")


def _guns(
    fields: Mapping[str, str], supplier_id: str, external_id: str, price: Price, updated_at: datetime | None
) -> Iterator[Connector]:
    out_of_service = fields.get("chargeDeviceStatus") == _OUT_OF_SERVICE
    for n in range(1, _MOST_CONNECTORS + 1):
        kind, state = fields.get(f"connector{n}Type", ""), fields.get(f"connector{n}Status", "")
        if not fields.get(f"connector{n}ID") or state == _PLANNED:
            continue
        broken = out_of_service or state == _OUT_OF_SERVICE
        yield Connector(
            ref=ConnectorRef(supplier_id, f"{external_id}:{n}"),
            plug=_PLUGS.get(kind, Plug.OTHER if kind else Plug.UNKNOWN),
            power_kw=power_kw(fields.get(f"connector{n}RatedOutputKW")),
            label=str(n),
            status=ConnectorStatus.FAULT if broken else ConnectorStatus.UNKNOWN,
            status_at=updated_at if broken else None,
            tariff_id=price.tariff_id,
            price_seen_at=price.seen_at,
            no_price=price.no_price,
        )


def _hours(fields: Mapping[str, str]) -> OpeningHours:
    days = []
    for weekday, name in enumerate(_DAYS):
        start, end = fields.get(f"access{name}From", ""), fields.get(f"access{name}To", "")
        if start or end:
            days.append((weekday, start, end))
    if days:
        return from_days(days, text="; ".join(f"{_DAYS[day]} {start}-{end}" for day, start, end in days))
    if flag(fields.get("access24Hours")):
        return ALWAYS
    told = parse_hours(fields.get("accessRestrictionDetails"))
    return told if told.known else UNKNOWN_HOURS  # any other text there is part of the way in


def _parking(fields: Mapping[str, str]) -> Parking:
    """The flag 0 is what most lines were filed with and says little: only a fee is taken at its word."""
    text = joined(fields.get("parkingFeesDetails"), fields.get("parkingFeesUrl"), by="; ", limit=500)
    if not flag(fields.get("parkingFeesFlag")):
        return Parking(None, text)
    return Parking(None if "free" in text.casefold() else False, text)


def _guide(fields: Mapping[str, str]) -> str:
    names = (
        "locationLongDescription",
        "locationShortDescription",
        "accessRestrictionDetails",
        "physicalRestrictionText",
    )
    return joined(*(fields.get(name) for name in names), by="; ", limit=500)


def _address(fields: Mapping[str, str]) -> str:
    building = joined(fields.get("subBuildingName"), fields.get("buildingName"))
    street = joined(fields.get("buildingNumber"), fields.get("thoroughfare"), by=" ")
    rest = (fields.get(name) for name in ("street", "dependantLocality", "town", "county", "postcode"))
    return joined(building, street, *rest)


def _is_public(fields: Mapping[str, str]) -> bool:
    said = joined(fields.get("accessRestrictionDetails"), fields.get("physicalRestrictionText"), by="; ", limit=500)
    words = said.casefold()
    if any(phrase in words for phrase in _PUBLIC_AT_TIMES):
        return True
    return not any(phrase in words for phrase in _PRIVATE)
