"""French stations (IRVE): the Ile-de-France files grouped per station, in both generations of their columns.

The official schema per charge point is in irve_points.py. Both give a station the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from adapters import checks
from adapters.checks import Refused, rejected
from adapters.files import Row
from adapters.hours import parse_hours
from adapters.importer import Importer, Price
from adapters.prices import free_tariff, parse_price
from adapters.text import NAME_CHARS, clean, evse_key, flag, joined, slug, whole
from adapters.timezones import time_zone_at
from core.geo import Point
from core.opening import OpeningHours
from core.station import (
    Connector,
    ConnectorRef,
    Facility,
    NoPrice,
    Plug,
    Rejected,
    Station,
    station_key,
)

LICENCE = "Licence Ouverte 2.0"
COUNTRY = "FR"
NOT_ROAMING = "NONCONCERNÉ"  # "Non concerné": the station has no id in the national scheme
_FREE_WORDS = {"gratuit"}
_NO_NAME = {"non_renseigné", "non renseigné"}


class IrveImporter(Importer):
    """What both shapes share: the station around the guns."""

    kind = "irve"
    name = "IRVE (data.gouv.fr)"
    licence = LICENCE
    attribution = "data.gouv.fr, Licence Ouverte 2.0 (Etalab)"
    url = "https://www.data.gouv.fr/fr/datasets/5448d3e0c751df01f85d0572/"

    def price(self, gratuit: object, text: object, seen_at: datetime | None) -> Price:
        """`gratuit` true is a declared free gun, unless the text beside it says something else."""
        written = clean(text)
        tariff, no_price = parse_price(written, COUNTRY)
        if flag(gratuit):
            if written and (tariff is None or tariff != free_tariff(COUNTRY)):
                return Price(None, NoPrice.TEXT_ONLY)
            return self.priced(free_tariff(COUNTRY), None, seen_at)
        return self.priced(tariff, no_price, seen_at)

    def station(
        self,
        fields: Mapping[str, str],
        external_id: str,
        point: Point,
        connectors: list[Connector],
        hours: OpeningHours,
    ) -> Station:
        brand = next((word for word in _brands(fields) if word), "")
        name = clean(fields.get("nom_station") or fields.get("n_station"), NAME_CHARS)
        address = joined(fields.get("adresse_station") or fields.get("ad_station"))
        reachable = clean(fields.get("accessibilite_pmr") or fields.get("accessibilite_pmr_grouped"))
        return Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=name or address or brand or external_id,
            point=point,
            connectors=checks.guns(connectors),
            operator_id=slug(brand),
            operator_name=brand,
            global_id=None if ":" in external_id else external_id,
            address=address,
            country=COUNTRY,
            time_zone=time_zone_at(point.lat, point.lng, COUNTRY),
            hours=hours,
            facilities=frozenset({Facility.ACCESSIBLE} if reachable[:10] in {"Accessible", "Réservé PM"} else ()),
            guide=joined(_said(fields.get("observations")), _said(fields.get("restriction_gabarit")), by="; "),
            source_datum=self.supplier.datum,
            licence=self.licence,
            attribution=self.attribution,
        )


def _brands(fields: Mapping[str, str]) -> Iterator[str]:
    for column in ("nom_enseigne", "n_enseigne", "nom_operateur", "n_operateur", "nom_amenageur", "n_amenageur"):
        word = clean(fields.get(column), NAME_CHARS)
        yield "" if word.casefold() in _NO_NAME else word


def _said(value: str | None) -> str:
    word = clean(value)
    return "" if word.casefold() in {"aucune", "inconnu", "non", "néant", "n/a", "0"} else word


def station_id(fields: Mapping[str, str]) -> str:
    """The roaming id in normal form; for stations outside roaming the operator's own, marked by a colon."""
    roaming = evse_key(fields.get("id_station_itinerance") or fields.get("id_station"))
    if roaming and roaming != NOT_ROAMING:
        return roaming
    local = clean(fields.get("id_station_local"), 60)
    owner = clean(fields.get("siren_amenageur") or slug(fields.get("nom_operateur") or ""), 40)
    return f"{owner}:{local}" if roaming and local and owner else ""


class IrveGroupedImporter(IrveImporter):
    """One row per station, guns counted by plug."""

    columns = frozenset({"Xlongitude", "Ylatitude", "nbre_pdc"})
    # Two names per plug: the 20 columns of 2021 and the 31 of 2022.
    _PLUGS = (
        (Plug.TYPE2, ("nb_T2_grouped",)),
        (Plug.CCS2, ("nb_combo_ccs_grouped", "nb_combo_grouped")),
        (Plug.CHADEMO, ("nb_chademo_grouped",)),
        (Plug.DOMESTIC, ("nb_EF_grouped",)),
        (Plug.TYPE3, ("nb_T3c_grouped",)),
        (Plug.OTHER, ("nb_autre_grouped",)),
    )

    def identify(self, row: Row) -> tuple[str, str]:
        return station_id(row.fields), ""

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        fields = row.fields
        point = checks.place(fields["Ylatitude"], fields["Xlongitude"], self.supplier.datum, COUNTRY)
        if flag(fields.get("station_deux_roues")):
            raise Refused("not_for_cars", "station_deux_roues")
        access = clean(fields.get("acces_recharge_grouped"))
        gratuit = fields.get("gratuit_grouped") or str(access.casefold() in _FREE_WORDS)
        text = "" if access.casefold() in _FREE_WORDS else access
        price = self.price(gratuit, text, self.document.dated)
        connectors = self._guns(fields, external_id, price)
        hours = parse_hours(fields.get("horaires_grouped") or fields.get("accessibilité_grouped"))
        yield replace(self.station(fields, external_id, point, connectors, hours), price_text=text)

    def _guns(self, fields: Mapping[str, str], external_id: str, price: Price) -> list[Connector]:
        counts = [(plug, max(whole(fields.get(name)) or 0 for name in names)) for plug, names in self._PLUGS]
        counts = [(plug, count) for plug, count in counts if count > 0]
        points = whole(fields.get("nbre_pdc")) or whole(fields.get("nb_prises_grouped")) or 0
        if not counts and points > 0:
            counts = [(Plug.UNKNOWN, points)]  # one operator fills in no plug at all
        # More plugs than charge points: several plugs share one, and only one car can use it.
        shared = external_id if sum(count for _, count in counts) > points else ""
        return [
            Connector(
                ref=ConnectorRef(self.supplier.id, f"{external_id}:{plug}"),
                plug=plug,
                count=count,
                pile=shared,
                tariff_id=price.tariff_id,
                price_seen_at=price.seen_at,
                no_price=price.no_price,
            )
            for plug, count in counts
        ]


def refusal_of_price(price: Price, external_id: str, text: str, raw: str) -> Iterator[Rejected]:
    if price.no_price is NoPrice.IMPLAUSIBLE:
        yield rejected(external_id, "implausible_price", text, raw)
