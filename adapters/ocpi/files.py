"""OCPI location lists as files, with or without their tariff list: for instance the Dutch national data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from adapters.checks import Refused, rejected
from adapters.files import Document, Row, json_rows
from adapters.importer import Importer, Options, Price
from adapters.ocpi.messages import Source, key_of, newest_stamp, to_station
from adapters.ocpi.tariffs import OcpiTariff, Unsupported, chosen, is_tariff, judged, read_tariff, to_tariff
from core.errors import UserError
from core.station import NoPrice, Rejected, Station

# The pair as the Dutch access point names it (opendata.ndw.nu).
_LOCATIONS, _TARIFFS = "charging_point_locations_ocpi.json", "charging_point_tariffs_ocpi.json"


class OcpiFileImporter(Importer):
    kind = "ocpi-json"
    name = "OCPI locations"
    licence = "as published by the source"
    columns = frozenset({"id", "coordinates"})

    def __init__(self, document: Document, options: Options) -> None:
        super().__init__(document, options)
        self._prices: dict[tuple[str, tuple[str, ...], str, str], tuple[Price, str]] = {}
        self._refused: list[Rejected] = []
        self._texts: list[str] = []

    def rows(self) -> Iterator[Row]:
        return json_rows(self.document)

    def identify(self, row: Row) -> tuple[str, str]:
        return key_of(row.fields), newest_stamp(row.fields)

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        if not isinstance(row.fields.get("coordinates"), dict):
            raise Refused("not_a_location", "no coordinates")
        source = Source(self.supplier.id, self.supplier.datum, self.licence, self.attribution)
        self._texts = []
        station = to_station(row.fields, external_id, source, self._price_of)
        yield replace(station, price_text="; ".join(dict.fromkeys(self._texts))[:500])
        yield from self._told()

    def _stations(self) -> Iterator[Station | Rejected]:
        yield from super()._stations()
        yield from self._told()  # what came up beside a location that was itself refused

    def _told(self) -> list[Rejected]:
        """The tariffs refused since the last call."""
        refused, self._refused = self._refused, []
        return refused

    def _price_of(self, party: str, ids: Sequence[str], country: str, time_zone: str) -> Price:
        asked = (party, tuple(ids), country, time_zone)
        if asked not in self._prices:
            self._prices[asked] = self._new_price(*asked)
        price, text = self._prices[asked]
        if text and price.tariff_id is None:
            self._texts.append(text)
        return price

    def _new_price(self, party: str, ids: tuple[str, ...], country: str, time_zone: str) -> tuple[Price, str]:
        """One tariff gives the price. Several that differ leave it open: which one holds, we cannot know."""
        listed = [self._listed[key] for one in ids if (key := self._key(party, one)) in self._listed]
        candidates = chosen(listed, self.options.clock.now())
        text = next((one.text for one in candidates if one.text), "")
        no_price = NoPrice.TEXT_ONLY if text else NoPrice.NOT_PUBLISHED
        found: dict[str, Price] = {}
        for one in candidates:
            try:
                tariff = to_tariff(one.doc, country, time_zone)
            except Unsupported as reason:
                self._refuse(one, "unsupported_tariff", str(reason))
                return Price(None, no_price), text
            if judged(tariff):
                self._refuse(one, "implausible_price", "price per kWh")
                return Price(None, NoPrice.IMPLAUSIBLE), text
            found[tariff.id] = self.priced(tariff, None, one.updated_at)
        if len(found) == 1:
            return next(iter(found.values())), text
        return Price(None, no_price), text

    def _refuse(self, tariff: OcpiTariff, reason: str, detail: str) -> None:
        raw = Row(0, dict(tariff.doc)).raw
        self._refused.append(rejected(f"tariff {tariff.key}", reason, detail, raw))

    def _key(self, party: str, tariff_id: str) -> str:
        """Tariffs belong to the location's party; a list without parties (2.1.1) has bare ids."""
        full = f"{party}:{tariff_id}".upper()
        return full if full in self._listed else tariff_id.upper()

    @cached_property
    def _listed(self) -> dict[str, OcpiTariff]:
        """The tariff list by id, the newest of each."""
        document = self._tariff_document()
        found: dict[str, OcpiTariff] = {}
        for row in json_rows(document) if document else ():
            if row.problem or not is_tariff(row.fields):
                self._refused.append(
                    rejected(f"tariff row {row.number}", row.problem or "not_a_tariff", row.detail, row.raw)
                )
                continue
            tariff = read_tariff(row.fields)
            known = found.get(tariff.key)
            if known is None or newest_stamp(tariff.doc) > newest_stamp(known.doc):
                found[tariff.key] = tariff
        return found

    def _tariff_document(self) -> Document | None:
        if self.options.tariffs:
            return Document(self.options.tariffs, limits=self.document.limits)
        name = Path(self.document.name).name
        if not name.startswith(_LOCATIONS):
            return None
        # An address is asked for the file with the same ending; a folder may hold either.
        same = name.replace(_LOCATIONS, _TARIFFS)
        return self.document.beside(same, _TARIFFS, f"{_TARIFFS}.gz")

    def check(self) -> None:
        """Also says at once that the tariff file named is not there."""
        super().check()
        if self.options.tariffs:
            try:
                self._tariff_document()
            except UserError as error:
                raise UserError("no_such_file", path=self.options.tariffs) from error
