"""French stations in the official static schema v2: one row per charge point, rows of one station merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from adapters import checks
from adapters.checks import Refused, rejected
from adapters.files import Row
from adapters.hours import parse_hours
from adapters.importer import Price
from adapters.registers.irve import COUNTRY, NOT_ROAMING, IrveImporter, refusal_of_price, station_id
from adapters.text import ID_CHARS, TEXT_CHARS, clean, evse_key, flag, joined, power_kw, utc
from core.station import Connector, ConnectorRef, Plug, Rejected, Station

_PLUGS = (
    ("prise_type_2", Plug.TYPE2),
    ("prise_type_combo_ccs", Plug.CCS2),
    ("prise_type_chademo", Plug.CHADEMO),
    ("prise_type_ef", Plug.DOMESTIC),
    ("prise_type_autre", Plug.OTHER),
)
_DC = frozenset({Plug.CCS2, Plug.CHADEMO})
_MOST_AC_KW = 43  # no AC plug in France gives more: a higher power of the point is that of its DC plugs


class IrvePointsImporter(IrveImporter):
    """Holds the rows of a station until its last one has come, wherever in the file they stand."""

    columns = frozenset({"id_pdc_itinerance", "coordonneesXY", "puissance_nominale"})

    def identify(self, row: Row) -> tuple[str, str]:
        """The charge point: the same one twice is a duplicate, many of one station are not."""
        point = evse_key(row.fields["id_pdc_itinerance"])
        if not point or point == NOT_ROAMING:
            local = clean(row.fields.get("id_pdc_local"), ID_CHARS) or f"row {row.number}"
            point = f"{station_id(row.fields)}:{local}"
        moment = utc(row.fields.get("date_maj"))
        return (point if station_id(row.fields) else ""), moment.isoformat() if moment else ""

    def _stations(self) -> Iterator[Station | Rejected]:
        older = self._older_rows()
        left = self._rows_by_station(older)
        waiting: dict[str, list[Row]] = {}
        for row in self.rows():
            if not self._identified(row)[0] or row.number in older:
                yield from self._one(row, older)  # which says why it is refused
                continue
            station = station_id(row.fields)
            waiting.setdefault(station, []).append(row)
            left[station] -= 1
            if not left[station]:
                yield from self._merged(station, waiting.pop(station))

    def _rows_by_station(self, older: dict[int, int]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in self.rows():
            if self._identified(row)[0] and row.number not in older:
                station = station_id(row.fields)
                counts[station] = counts.get(station, 0) + 1
        return counts

    def _merged(self, station: str, rows: list[Row]) -> Iterator[Station | Rejected]:
        """The newest row speaks for the station; each row adds its guns."""
        newest = max(rows, key=lambda row: (self._identified(row)[1], -row.number))
        connectors: list[Connector] = []
        for row in rows:
            try:
                connectors += self._guns(row)
            except Exception as error:  # noqa: BLE001  one unreadable charge point leaves the others
                yield rejected(station, "unreadable", f"{type(error).__name__}: {error}", row.raw)
        yield from self._one(replace(newest, fields=newest.fields | {"connectors": connectors}), {})

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        fields = row.fields
        station = station_id(fields)
        lng, _, lat = fields["coordonneesXY"].strip(" []").partition(",")
        point = checks.place(lat, lng, self.supplier.datum, COUNTRY)
        if flag(fields.get("station_deux_roues")):
            raise Refused("not_for_cars", "station_deux_roues")
        text = clean(fields.get("tarification"))
        yield replace(
            self.station(fields, station, point, fields["connectors"], parse_hours(fields.get("horaires"))),
            price_text=text,
            phone=clean(fields.get("telephone_operateur"), 40),
            public=clean(fields.get("condition_acces")) != "Accès réservé",
            updated_at=utc(fields.get("date_maj")),
        )
        yield from refusal_of_price(self._price(row), station, text, row.text)

    def _price(self, row: Row) -> Price:
        fields = row.fields
        return self.price(fields.get("gratuit"), fields.get("tarification"), utc(fields.get("date_maj")))

    def _guns(self, row: Row) -> list[Connector]:
        fields = row.fields
        plugs = [plug for column, plug in _PLUGS if flag(fields.get(column))] or [Plug.UNKNOWN]
        evse_id = joined(fields["id_pdc_itinerance"], limit=ID_CHARS)
        roaming = evse_key(evse_id) not in {"", NOT_ROAMING}
        point = evse_id if roaming else self.identify(row)[0]
        operator = evse_key(evse_id)[:5] if roaming else self.supplier.id
        price, power = self._price(row), power_kw(fields["puissance_nominale"])
        mixed = power is not None and power > _MOST_AC_KW and bool(_DC & set(plugs))
        return [
            Connector(
                ref=ConnectorRef(operator, point if len(plugs) == 1 else f"{point}:{plug}"),
                plug=plug,
                power_kw=None if mixed and plug not in _DC else power,
                label=clean(fields.get("id_pdc_local"), TEXT_CHARS),
                pile=point if len(plugs) > 1 else "",
                tariff_id=price.tariff_id,
                price_seen_at=price.seen_at,
                no_price=price.no_price,
            )
            for plug in plugs
        ]
