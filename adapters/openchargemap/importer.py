"""Open Charge Map stations from files (a JSON array or one record per line) and from its API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from adapters import checks
from adapters.checks import Refused, rejected
from adapters.files import Document, Row, json_rows
from adapters.hours import parse_hours
from adapters.importer import PRICE_FOR_MEMBERS, Importer, Options
from adapters.openchargemap.api import OcmApi
from adapters.openchargemap.messages import (
    PLANNED,
    PRIVATE_USAGE,
    REMOVED,
    connectors_of,
    id_of,
    licence_of,
    membership_required,
)
from adapters.prices import parse_price
from adapters.text import ID_CHARS, NAME_CHARS, clean, joined, slug, utc
from adapters.timezones import time_zone_at
from core.opening import UNKNOWN_HOURS, OpeningHours
from core.station import NoPrice, Parking, Rejected, Station, station_key

_REFERENCE = "reference.json"
_NO_OPERATOR = re.compile(r"^\(.*\)$")  # "(Unknown Operator)", "(Business Owner at Location)"
_ABOUT_HOURS = re.compile(r"(?i)\bhours?\b|\b\d{1,2}([:.]\d\d)? ?([ap]m|-)|\b24/7\b")
_PAY_LOT = re.compile(r"(?i)^(.*?); (pay lot)$")


class OcmImporter(Importer):
    kind = "ocm"
    name = "Open Charge Map"
    licence = "per record"
    attribution = "Open Charge Map contributors and data providers"
    url = "https://openchargemap.org"
    columns = frozenset({"ID", "AddressInfo", "Connections"})

    def rows(self) -> Iterator[Row]:
        return json_rows(self.document)

    def identify(self, row: Row) -> tuple[str, str]:
        moment = utc(row.fields.get("DateLastStatusUpdate"))
        return clean(row.fields.get("ID"), ID_CHARS), moment.isoformat() if moment else ""

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        record = row.fields
        provider = self._looked_up(record, "DataProvider")
        licence = licence_of(provider)
        if licence is None:
            title = clean(provider.get("Title")) or "provider unknown"
            raise Refused("licence", f"{title}: {clean(provider.get('License')) or 'no licence'}")
        status = id_of(record, "StatusType")
        if status in REMOVED | PLANNED:
            raise Refused("removed" if status in REMOVED else "planned", f"StatusTypeID {status}")
        where = record["AddressInfo"]
        country = clean(self._looked_up(where, "Country").get("ISOCode"), 2).upper()
        point = checks.place(where.get("Latitude"), where.get("Longitude"), self.supplier.datum, country)
        updated_at = utc(record.get("DateLastStatusUpdate"))
        price_text = clean(record.get("UsageCost"))
        tariff, no_price = parse_price(price_text, country)
        price = PRICE_FOR_MEMBERS if membership_required(record) else self.priced(tariff, no_price, updated_at)
        operator = clean(self._looked_up(record, "Operator", "OperatorInfo").get("Title"), NAME_CHARS)
        operator = "" if _NO_OPERATOR.match(operator) else operator
        guns = connectors_of(record, external_id, self.supplier.id, country, price, updated_at)
        hours, parking, guide = _access(clean(where.get("AccessComments")))
        address = _address(where)
        yield Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=clean(where.get("Title"), NAME_CHARS) or address or operator or external_id,
            point=point,
            connectors=checks.guns(list(guns)),
            operator_id=slug(operator),
            operator_name=operator,
            address=address,
            country=country,
            time_zone=time_zone_at(point.lat, point.lng, country),
            hours=hours,
            parking=parking,
            guide=guide,
            price_text=price_text,
            public=id_of(record, "UsageType") not in PRIVATE_USAGE,
            source_datum=self.supplier.datum,
            licence=licence.name,
            attribution=licence.attribution,
            updated_at=updated_at,
        )
        if price.no_price is NoPrice.IMPLAUSIBLE:
            yield rejected(external_id, "implausible_price", price_text, row.raw)

    def _looked_up(self, record: Mapping[str, Any], name: str, key: str = "") -> Mapping[str, Any]:
        """A nested object; in the compact shape, which has ids only, from the reference data."""
        given = record.get(key or name)
        if isinstance(given, Mapping):
            return given
        return self._reference.get((name, record.get(f"{name}ID")), {})

    @cached_property
    def _reference(self) -> dict[tuple[str, Any], Mapping[str, Any]]:
        document = self._reference_document()
        found: dict[tuple[str, Any], Mapping[str, Any]] = {}
        for row in json_rows(document) if document else ():
            for name, table in (
                ("DataProvider", "DataProviders"),
                ("Operator", "Operators"),
                ("Country", "Countries"),
            ):
                found |= {(name, one.get("ID")): one for one in row.fields.get(table) or []}
        return found

    def _reference_document(self) -> Document | None:
        if self.options.reference:
            return Document(self.options.reference)
        return None if self.document.is_url else self.document.beside(_REFERENCE)


class OcmApiImporter(OcmImporter):
    """The same records from the API, mirrored into a temporary file first: what is stored is a finished list."""

    def __init__(self, document: Document, options: Options, api: OcmApi | None = None) -> None:
        super().__init__(document, options)
        self._api = api or OcmApi(document.source, options.api_key)

    def rows(self) -> Iterator[Row]:
        return json_rows(self._mirror)

    @cached_property
    def _mirror(self) -> Document:
        return self._api.mirror()


def open_ocm(document: Document, options: Options) -> OcmImporter:
    """An address that ends in /poi is the API, every other one a file."""
    path = urlsplit(document.source).path.rstrip("/")
    api = document.is_url and path.endswith("/poi")
    return (OcmApiImporter if api else OcmImporter)(document, options)


def _access(comments: str) -> tuple[OpeningHours, Parking, str]:
    """Hours, parking and the way in, which share one field ("24 hours daily; pay lot"). Nothing is told twice."""
    found = _PAY_LOT.match(comments)
    words, parking = (found[1], Parking(False, found[2])) if found else (comments, Parking())
    hours = parse_hours(words)
    if hours.known or _ABOUT_HOURS.search(words):
        return hours, parking, ""
    return UNKNOWN_HOURS, parking, words


def _address(where: Mapping[str, Any]) -> str:
    names = ("AddressLine1", "AddressLine2", "Town", "StateOrProvince", "Postcode")
    return joined(*(where.get(name) for name in names))
