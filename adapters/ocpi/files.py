"""OCPI location lists as files, with or without their tariff list: for instance the Dutch national data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from adapters.checks import Refused
from adapters.files import Document, Row, json_rows
from adapters.importer import Importer
from adapters.ocpi.messages import Source, key_of, newest_stamp, to_station
from adapters.ocpi.pricebook import PriceBook, newest_of
from adapters.ocpi.tariffs import is_tariff, read_tariff
from core.errors import UserError
from core.station import Rejected, Station
from core.tariff import Tariff

# The pair as the Dutch access point names it (opendata.ndw.nu).
_LOCATIONS, _TARIFFS = "charging_point_locations_ocpi.json", "charging_point_tariffs_ocpi.json"


class OcpiFileImporter(Importer):
    kind = "ocpi-json"
    name = "OCPI locations"
    licence = "as published by the source"
    columns = frozenset({"id", "coordinates"})

    def rows(self) -> Iterator[Row]:
        return json_rows(self.document)

    def identify(self, row: Row) -> tuple[str, str]:
        return key_of(row.fields), newest_stamp(row.fields)

    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        if not isinstance(row.fields.get("coordinates"), dict):
            raise Refused("not_a_location", "no coordinates")
        source = Source(self.supplier.id, self.supplier.datum, self.licence, self.attribution)
        self._book.take_texts()
        bad: list[Rejected] = []
        station = to_station(row.fields, external_id, source, self._book.price_of, bad)
        yield replace(station, price_text=self._book.take_texts())
        yield from bad
        yield from self._book.take_refused()

    def tariffs(self) -> dict[str, Tariff]:
        return self._book.made

    def _stations(self) -> Iterator[Station | Rejected]:
        yield from super()._stations()
        yield from self._book.take_refused()  # what came up beside a location that was itself refused

    @cached_property
    def _book(self) -> PriceBook:
        document = self._tariff_document()
        rows = list(json_rows(document)) if document else []
        good = [row for row in rows if not row.problem and is_tariff(row.fields)]
        book = PriceBook(newest_of(read_tariff(row.fields) for row in good), self.options.clock.now())
        for row in rows:
            if row.problem or not is_tariff(row.fields):
                book.refuse(f"tariff row {row.number}", row.problem or "not_a_tariff", row.detail, row.raw)
        return book

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
