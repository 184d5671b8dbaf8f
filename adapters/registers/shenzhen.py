"""Two surveys of Shenzhen's public stations: UrbanEV (with hourly zone prices) and the older ST-EVCDP.

Both give GCJ-02. Neither names plugs or powers; GB/T is likely and not written down, so it stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property

from adapters import checks
from adapters.checks import rejected
from adapters.files import Document, Row, csv_rows
from adapters.importer import Importer, Options, Price
from adapters.registers.daily_prices import DayPrices, HourPrice, day_tariff, last_full_days
from adapters.text import ID_CHARS, clean, whole
from adapters.timezones import time_zone_at
from core.geo import Datum, Point
from core.station import Connector, ConnectorRef, NoPrice, Rejected, Station, station_key

COUNTRY, CITY, CURRENCY, TIME_ZONE = "CN", "Shenzhen", "CNY", "Asia/Shanghai"
_PRICE_FILES = ("zone_price_hourly.csv.gz", "zone_price_hourly.csv")


class ShenzhenImporter(Importer):
    """What both surveys share: nameless stations in GCJ-02."""

    datum = Datum.GCJ02
    lat_column, lng_column = "latitude", "longitude"

    def identify(self, row: Row) -> tuple[str, str]:
        return clean(row.fields["station_id"], ID_CHARS), ""

    def point(self, row: Row) -> Point:
        return checks.place(row.fields[self.lat_column], row.fields[self.lng_column], self.supplier.datum, COUNTRY)

    def station(self, external_id: str, point: Point, connectors: list[Connector]) -> Station:
        return Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=f"{CITY} {external_id}",
            point=point,
            connectors=checks.guns(connectors),
            country=COUNTRY,
            time_zone=time_zone_at(point.lat, point.lng, COUNTRY),
            source_datum=self.supplier.datum,
            licence=self.licence,
            attribution=self.attribution,
        )


class UrbanEvImporter(ShenzhenImporter):
    """The zone's mean price of the last full day stands for each of its stations."""

    kind = "urbanev"
    name = "UrbanEV, Shenzhen 2022/23"
    licence = "CC0 1.0"
    attribution = "UrbanEV, Li et al., Scientific Data 12:523 (2025)"
    url = "https://github.com/IntelligentSystemsLab/UrbanEV"
    columns = frozenset({"station_id", "longitude_gcj02", "latitude_gcj02", "pile_count"})
    lat_column, lng_column = "latitude_gcj02", "longitude_gcj02"

    def __init__(self, document: Document, options: Options) -> None:
        super().__init__(document, options)
        self._price_by_zone: dict[str, Price] = {}

    def default_id(self) -> str:
        return "urbanev-shenzhen"

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        point, zone = self.point(row), row.fields.get("zone_id", "")
        price = self._price(zone)
        count = whole(row.fields["pile_count"]) or 0
        gun = Connector(
            ref=ConnectorRef(self.supplier.id, f"{external_id}:1"),
            count=count,
            tariff_id=price.tariff_id,
            price_seen_at=price.seen_at,
            no_price=price.no_price,
        )
        yield self.station(external_id, point, [gun] if count > 0 else [])
        if price.no_price is NoPrice.IMPLAUSIBLE:
            yield rejected(external_id, "implausible_price", f"zone {zone}", row.raw)

    def _price(self, zone: str) -> Price:
        if zone not in self._price_by_zone:
            self._price_by_zone[zone] = self._new_price(self._days.get(zone))
        return self._price_by_zone[zone]

    def _new_price(self, day: DayPrices | None) -> Price:
        if day is None:
            return Price()
        tariff, no_price = day_tariff(day, CURRENCY, TIME_ZONE)
        return self.priced(tariff, no_price, day.last_at.astimezone(UTC))

    @cached_property
    def _days(self) -> dict[str, DayPrices]:
        beside = None if self.document.is_url else self.document.beside(*_PRICE_FILES)
        return last_full_days(_hour_prices(beside)) if beside else {}


def _hour_prices(document: Document) -> Iterator[HourPrice]:
    for row in csv_rows(document):
        if not row.problem:
            of = row.fields
            moment = datetime.fromisoformat(of["time"])
            yield HourPrice(of["zone_id"], moment, of["e_price_cny_kwh"], of["s_price_cny_kwh"])


class StEvcdpImporter(ShenzhenImporter):
    """Counts of fast and slow guns. Whether a fast one is DC, and of what plug, is not said."""

    kind = "st-evcdp"
    name = "ST-EVCDP, Shenzhen 2022"
    licence = "MIT"
    attribution = "ST-EVCDP, Qu et al., IEEE T-ITS 2024"
    url = "https://github.com/IntelligentSystemsLab/ST-EVCDP"
    columns = frozenset({"station_id", "longitude", "latitude", "fast", "slow"})

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        point = self.point(row)
        counts = [(speed, whole(row.fields[speed]) or 0) for speed in ("fast", "slow")]
        connectors = [
            Connector(ref=ConnectorRef(self.supplier.id, f"{external_id}:{speed}"), label=speed, count=count)
            for speed, count in counts
            if count > 0
        ]
        yield self.station(external_id, point, connectors)
