"""CHARGED: stations and piles of six cities, hourly prices where the set has them (Guo et al. 2025)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property

from adapters import checks
from adapters.checks import rejected
from adapters.files import Document, Row, csv_rows
from adapters.importer import Importer, Price, slug_of
from adapters.registers.daily_prices import DayPrices, HourPrice, day_tariff, last_full_days
from adapters.text import ID_CHARS, clean, power_kw, slug, whole
from adapters.timezones import time_zone_at, zone
from core.geo import Datum, in_mainland_china
from core.station import Connector, ConnectorRef, NoPrice, Rejected, Station, station_key

_PILE_FILES = ("piles.csv", "piles.csv.gz")
_PRICE_FILES = ("price_occupancy_hourly.csv.gz", "price_occupancy_hourly.csv")


@dataclass(frozen=True, slots=True)
class _City:
    name: str
    country: str
    currency: str


_CITIES = {
    "amsterdam": _City("Amsterdam", "NL", "EUR"),
    "johannesburg": _City("Johannesburg", "ZA", "ZAR"),
    "los-angeles": _City("Los Angeles", "US", "USD"),
    "melbourne": _City("Melbourne", "AU", "AUD"),
    "sao-paulo": _City("São Paulo", "BR", "BRL"),
    "shenzhen": _City("Shenzhen", "CN", "CNY"),
}


class ChargedImporter(Importer):
    """The city comes from the name of the file or its folder: it gives country, currency and the supplier's id."""

    kind = "charged"
    name = "CHARGED"
    licence = "MIT"
    attribution = "CHARGED, Guo et al., Scientific Data 12:1254 (2025), doi 10.5281/zenodo.15638530"
    url = "https://doi.org/10.5281/zenodo.15638530"
    columns = frozenset({"station_id", "longitude", "latitude", "pile_num", "avg_power_kw"})

    @cached_property
    def _slug(self) -> str:
        folder = self.document.name.partition("/")[0]
        return slug_of(tuple(_CITIES), self.document.name) or slug(folder.removeprefix("charged-"))

    @cached_property
    def _city(self) -> _City | None:
        return _CITIES.get(self._slug)

    def default_id(self) -> str:
        return f"charged-{self._slug}" if self._slug else "charged"

    def default_datum(self) -> Datum:
        """The set does not say. Its Shenzhen points are UrbanEV's, which are GCJ-02; elsewhere nothing is shifted."""
        if self._city:
            return Datum.GCJ02 if self._city.country == "CN" else Datum.WGS84
        for row in csv_rows(self.document):
            try:
                inside = in_mainland_china(float(row.fields["latitude"]), float(row.fields["longitude"]))
            except (KeyError, ValueError):
                continue
            return Datum.GCJ02 if inside else Datum.WGS84
        return Datum.WGS84

    def identify(self, row: Row) -> tuple[str, str]:
        return clean(row.fields["station_id"], ID_CHARS), ""

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        country = self._city.country if self._city else ""
        point = checks.place(row.fields["latitude"], row.fields["longitude"], self.supplier.datum, country)
        time_zone = time_zone_at(point.lat, point.lng, country)
        price, hours = self._price(external_id, time_zone)
        yield Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=f"{self._city.name if self._city else self._slug.title()} {external_id}",
            point=point,
            connectors=checks.guns(self._guns(row, external_id, price)),
            country=country,
            time_zone=time_zone,
            source_datum=self.supplier.datum,
            licence=self.licence,
            attribution=self.attribution,
        )
        if price.no_price is NoPrice.IMPLAUSIBLE and self._city:
            highest = max(hours, key=Decimal)
            yield rejected(external_id, "implausible_price", f"{highest} {self._city.currency}/kWh", ",".join(hours))

    def _guns(self, row: Row, external_id: str, price: Price) -> list[Connector]:
        piles = self._piles.get(external_id)
        if piles is None:
            count = whole(row.fields["pile_num"]) or 0
            # Without the piles the mean power of the station is all there is. 0.0 means unknown.
            return self._gun(f"{external_id}:1", "", row.fields["avg_power_kw"], count, price) if count > 0 else []
        return [gun for pile, power in piles for gun in self._gun(f"{external_id}:{pile}", pile, power, 1, price)]

    def _gun(self, connector_id: str, pile: str, power: str, count: int, price: Price) -> list[Connector]:
        ref = ConnectorRef(self.supplier.id, connector_id)
        return [
            Connector(
                ref=ref,
                power_kw=power_kw(power),
                pile=pile,
                count=count,
                tariff_id=price.tariff_id,
                price_seen_at=price.seen_at,
                no_price=price.no_price,
            )
        ]

    def _price(self, external_id: str, time_zone: str) -> tuple[Price, tuple[str, ...]]:
        day = self._days.get(external_id)
        if day is None or self._city is None:
            return Price(), ()
        tariff, no_price = day_tariff(day, self._city.currency, time_zone)
        seen_at = day.last_at.replace(tzinfo=zone(time_zone)).astimezone(UTC)
        return self.priced(tariff, no_price, seen_at), tuple(energy for energy, _ in day.hours)

    @cached_property
    def _piles(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in self._beside(_PILE_FILES):
            found[row.fields["station_id"]].append(
                (clean(row.fields["pile_id"], ID_CHARS), row.fields["avg_power_kw"])
            )
        return dict(found)

    @cached_property
    def _days(self) -> dict[str, DayPrices]:
        rows = self._beside(_PRICE_FILES)
        return last_full_days(
            HourPrice(
                row.fields["station_id"], datetime.fromisoformat(row.fields["time_local"]), row.fields["e_price"]
            )
            for row in rows
        )

    def _beside(self, names: tuple[str, ...]) -> Iterator[Row]:
        """Rows of a file of the same set. Only beside a file that belongs to it: its folder holds one city."""
        in_set = self.document.name.rpartition("/")[2].startswith("stations.")
        beside: Document | None = self.document.beside(*names) if in_set and not self.document.is_url else None
        return (row for row in csv_rows(beside) if not row.problem) if beside else iter(())
