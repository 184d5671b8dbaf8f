"""Stations, reports and times for the storage tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, select

from core.geo import Point
from core.station import Connector, ConnectorRef, ConnectorStatus, Plug, Station, StatusReport, Supplier, station_key
from core.tariff import Tariff, flat_tariff
from storage.unit_of_work import SqlDatabase

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LOTUS = Supplier("lotus", "test", "Lotus Power", licence="CC0", attribution="Lotus", url="https://lotus.example")
BAMBOO = Supplier("bamboo", "test", "Bamboo Charging")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def ref(number: str | int) -> ConnectorRef:
    return ConnectorRef("OP1", str(number))


def gun(number: str | int = 1, **more: Any) -> Connector:
    plain: dict[str, Any] = {"ref": ref(number), "plug": Plug.GBT_DC, "power_kw": Decimal("120.0")}
    return Connector(**plain | more)


def station(number: str | int = 1, *guns: Connector, supplier: Supplier = LOTUS, **more: Any) -> Station:
    """Without guns given it has one, named after the station."""
    plain: dict[str, Any] = {
        "id": station_key(supplier.id, str(number)),
        "supplier_id": supplier.id,
        "external_id": str(number),
        "name": f"Station {number}",
        "point": Point(22.54, 114.05),
        "connectors": guns or (gun(number),),
    }
    return Station(**plain | more)


def report(number: str | int, status: ConnectorStatus, at: datetime, **more: Any) -> StatusReport:
    return StatusReport(ref(number), status, at, **more)


def yuan(price: str) -> Tariff:
    return flat_tariff("CNY", Decimal(price))


def save(database: SqlDatabase, *stations: Station, at: datetime = NOON) -> None:
    """Store the stations, and the suppliers they come from."""
    with database.write() as unit:
        for supplier in (LOTUS, BAMBOO):
            unit.catalogue.save_supplier(supplier)
        unit.catalogue.save_stations(stations, at)


def stored(database: SqlDatabase, *ids: str) -> list[Station]:
    with database.read() as unit:
        return list(unit.catalogue.stations(ids or None))


def only(database: SqlDatabase) -> Station:
    (one,) = stored(database)
    return one


def rows(database: SqlDatabase, table: Table) -> list[Any]:
    with database.engine.begin() as db:
        return list(db.execute(select(table)))
