"""Stations and connectors as rows, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from core.geo import Datum, Point
from core.opening import OpeningHours, Period
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    Facility,
    NoPrice,
    Parking,
    Plug,
    Station,
)

# A row as it came from the database, or as it goes there.
Row = RowMapping | dict[str, Any]
# What a gun's live reports set; everything else about it is the list's.
LIVE_COLUMNS = ("status", "status_at", "bay_blocked", "tariff_id", "price_seen_at", "no_price")


def station_row(station: Station) -> dict[str, Any]:
    """The columns that the supplier's list fills."""
    return {
        "id": station.id,
        "supplier_id": station.supplier_id,
        "external_id": station.external_id,
        "name": station.name,
        "lat": float(station.point.lat),
        "lng": float(station.point.lng),
        "accuracy_m": station.point.accuracy_m,
        "operator_id": station.operator_id,
        "operator_name": station.operator_name,
        "global_id": station.global_id,
        "address": station.address,
        "country": station.country,
        "time_zone": station.time_zone,
        "hours": hours_to_text(station.hours),
        "parking_free": station.parking.free,
        "parking_text": station.parking.text,
        "facilities": facilities_to_text(station.facilities),
        "phone": station.phone,
        "guide": station.guide,
        "price_text": station.price_text,
        "public": station.public,
        "source_datum": station.source_datum.value,
        "licence": station.licence,
        "attribution": station.attribution,
        "updated_at": station.updated_at,
    }


def connector_row(station: Station, position: int, connector: Connector) -> dict[str, Any]:
    # With a tariff there is no reason for having none, whatever the default says.
    no_price = connector.no_price.value if connector.no_price and not connector.tariff_id else None
    return {
        "station_id": station.id,
        "operator_id": connector.ref.operator_id,
        "connector_id": connector.ref.connector_id,
        "supplier_id": station.supplier_id,
        "position": position,
        "plug": connector.plug.value,
        "power_kw": connector.power_kw,
        "label": connector.label,
        "pile": connector.pile,
        "count": connector.count,
        "status": connector.status.value,
        "status_at": connector.status_at,
        "bay_blocked": connector.bay_blocked,
        "tariff_id": connector.tariff_id,
        "price_seen_at": connector.price_seen_at,
        "no_price": no_price,
    }


def content_hash(
    station: dict[str, Any], connectors: list[dict[str, Any]], texts: Sequence[dict[str, Any]] = ()
) -> str:
    """Equal for equal lists. Live status and price stay out: they have clocks of their own."""
    guns = [[one[name] for name in one if name not in LIVE_COLUMNS] + _reason(one) for one in connectors]
    # Stations without texts, nearly all, keep the hash that they had before there were any.
    printed = [[list(one.values()) for one in texts]] if texts else []
    document = json.dumps([list(station.values()), guns, *printed], default=str, ensure_ascii=True)
    return hashlib.blake2b(document.encode(), digest_size=12).hexdigest()


def _reason(connector: dict[str, Any]) -> list[str | None]:
    return [] if connector["tariff_id"] else [connector["no_price"]]


def to_station(row: Row, connectors: tuple[Connector, ...]) -> Station:
    return Station(
        id=row["id"],
        supplier_id=row["supplier_id"],
        external_id=row["external_id"],
        name=row["name"],
        point=Point(row["lat"], row["lng"], accuracy_m=row["accuracy_m"]),
        connectors=connectors,
        operator_id=row["operator_id"],
        operator_name=row["operator_name"],
        global_id=row["global_id"],
        address=row["address"],
        country=row["country"],
        time_zone=row["time_zone"],
        hours=hours_from_text(row["hours"]),
        parking=_parking(row["parking_free"], row["parking_text"]),
        facilities=facilities_from_text(row["facilities"]),
        phone=row["phone"],
        guide=row["guide"],
        price_text=row["price_text"],
        public=row["public"],
        source_datum=Datum(row["source_datum"]),
        licence=row["licence"],
        attribution=row["attribution"],
        updated_at=row["updated_at"],
    )


def to_connector(row: Row) -> Connector:
    return Connector(
        ref=ConnectorRef(row["operator_id"], row["connector_id"]),
        plug=Plug(row["plug"]),
        power_kw=row["power_kw"],
        label=row["label"],
        pile=row["pile"],
        count=row["count"],
        status=ConnectorStatus(row["status"]),
        status_at=row["status_at"],
        bay_blocked=row["bay_blocked"],
        tariff_id=row["tariff_id"],
        price_seen_at=row["price_seen_at"],
        no_price=NoPrice(row["no_price"]) if row["no_price"] else None,
    )


# A catalogue has few different hours and very many stations: reading them once saves time and memory.


@lru_cache(maxsize=10_000)
def hours_to_text(hours: OpeningHours) -> str:
    document: dict[str, Any] = {}
    if hours.always:
        document["always"] = True
    if hours.periods:
        document["periods"] = [[one.weekday, one.start, one.end] for one in hours.periods]
    if hours.text:
        document["text"] = hours.text
    return json.dumps(document, ensure_ascii=False)


@lru_cache(maxsize=10_000)
def hours_from_text(text: str) -> OpeningHours:
    document = json.loads(text)
    periods = tuple(Period(*one) for one in document.get("periods", ()))
    return OpeningHours(document.get("always", False), periods, document.get("text", ""))


@lru_cache(maxsize=1_000)
def facilities_to_text(facilities: frozenset[Facility]) -> str:
    return json.dumps(sorted(facilities))


@lru_cache(maxsize=1_000)
def facilities_from_text(text: str) -> frozenset[Facility]:
    return frozenset(Facility(one) for one in json.loads(text))


@lru_cache(maxsize=10_000)
def _parking(free: bool | None, text: str) -> Parking:
    return Parking(free, text)
