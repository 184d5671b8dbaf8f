"""The German federal register (Bundesnetzagentur) in its JSON API shape. No prices, no live status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters import checks
from adapters.checks import Refused
from adapters.files import Row, json_rows
from adapters.hours import from_days, weekday
from adapters.importer import Importer
from adapters.text import ID_CHARS, NAME_CHARS, clean, evse_key, joined, power_kw, slug
from adapters.timezones import time_zone_at
from core.opening import ALWAYS, UNKNOWN_HOURS, OpeningHours
from core.station import Connector, ConnectorRef, ConnectorStatus, Plug, Rejected, Station, station_key

_PLUGS = {
    "AC Typ 2 Steckdose": Plug.TYPE2,
    "AC Typ 2 Fahrzeugkupplung": Plug.TYPE2,
    "AC Typ 1 Steckdose": Plug.TYPE1,
    "AC Typ 1 Fahrzeugkupplung": Plug.TYPE1,
    "AC Schuko": Plug.DOMESTIC,
    "AC CEE 3-polig": Plug.INDUSTRIAL,
    "AC CEE 5-polig": Plug.INDUSTRIAL,
    "DC Fahrzeugkupplung Typ Combo 2 (CCS)": Plug.CCS2,
    "DC Fahrzeugkupplung Typ Combo 1 (CCS)": Plug.CCS1,
    "DC CHAdeMO": Plug.CHADEMO,
    "DC Tesla Fahrzeugkupplung (Typ 2)": Plug.OTHER,  # fits Teslas only
}
_LIVE = "In Betrieb"
_STATUS = {"Außer Betrieb": ConnectorStatus.FAULT, "In Wartung": ConnectorStatus.FAULT}
_RESERVED = ("nur für", "kein öffentlich", "nicht öffentlich", "mitarbeit")


class BnetzaImporter(Importer):
    kind = "bnetza"
    name = "Bundesnetzagentur Ladesäulenregister"
    licence = "CC BY 4.0"
    attribution = "Bundesnetzagentur.de, CC BY 4.0"
    url = "https://www.bundesnetzagentur.de/ladesaeulenregister"
    columns = frozenset({"id", "coordinates", "evses"})

    def rows(self) -> Iterator[Row]:
        return json_rows(self.document)

    def identify(self, row: Row) -> tuple[str, str]:
        return clean(row.fields.get("id"), ID_CHARS), ""

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        fields = row.fields
        where = fields.get("coordinates") or {}
        point = checks.place(where.get("latitude"), where.get("longitude"), self.supplier.datum, "DE")
        state = clean((fields.get("status") or {}).get("operational")) or _LIVE
        if state not in {_LIVE, *_STATUS}:
            raise Refused("planned" if "plan" in state.casefold() else "removed", state)
        operator = fields.get("operator") or {}
        brand = clean(operator.get("displayName") or operator.get("companyName"), NAME_CHARS)
        street = joined(fields.get("street"), fields.get("house_no"), by=" ")
        town = joined(fields.get("postal_code"), fields.get("city"), by=" ")
        status = _STATUS.get(state, ConnectorStatus.UNKNOWN)
        access = clean(fields.get("access_restriction"))
        yield Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            # The register gives no names: brand and street are what is painted on the post and on the wall.
            name=joined(brand, street, limit=NAME_CHARS) or f"{external_id}",
            point=point,
            connectors=checks.guns(list(self._guns(fields, external_id, status))),
            operator_id=slug(brand),
            operator_name=brand,
            address=joined(street, town),
            country="DE",
            time_zone=time_zone_at(point.lat, point.lng, "DE"),
            hours=_hours(fields),
            guide=joined(fields.get("address_addition"), None if access == "Keine Beschränkung" else access, by="; "),
            public=not any(word in access.casefold() for word in _RESERVED),
            source_datum=self.supplier.datum,
            licence=self.licence,
            attribution=self.attribution,
        )

    def _guns(self, fields: Mapping[str, Any], external_id: str, status: ConnectorStatus) -> Iterator[Connector]:
        for at, evse in enumerate(fields.get("evses") or [], 1):
            plugs = evse.get("connectors") or []
            evse_id = clean(evse.get("evse_id"), ID_CHARS)
            for n, connector in enumerate(plugs, 1):
                kind = clean(connector.get("connector_type"))
                suffix = f":{n}" if len(plugs) > 1 else ""
                if evse_id:
                    ref = ConnectorRef(evse_key(evse_id)[:5], f"{evse_id}{suffix}")
                else:
                    ref = ConnectorRef(self.supplier.id, f"{external_id}:{at}{suffix}")
                yield Connector(
                    ref=ref,
                    plug=_PLUGS.get(kind, Plug.OTHER if kind else Plug.UNKNOWN),
                    power_kw=power_kw(connector.get("max_electric_power_connector")),
                    pile=evse_id or f"{external_id}:{at}",
                    status=status,
                )


def _hours(fields: Mapping[str, Any]) -> OpeningHours:
    if clean(fields.get("opening_hours_specification")) == "247":
        return ALWAYS
    days = []
    for day in fields.get("opening_days") or []:
        number = weekday(clean(day.get("weekday")))
        days.append((-1 if number is None else number, clean(day.get("open_from")), clean(day.get("open_to"))))
    return from_days(days) if days else UNKNOWN_HOURS
