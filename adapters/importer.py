"""What all importers share: rows become stations or refusals, duplicates are settled, nothing stops the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from adapters.checks import Refused, rejected
from adapters.files import Document, NoRows, Row, csv_rows, head
from adapters.text import slug
from core.clock import SystemClock
from core.errors import SupplierUnavailable, UserError
from core.geo import Datum
from core.ports import Clock
from core.station import NoPrice, Rejected, Station, Supplier
from core.tariff import Tariff

_LOOK_AT = 20  # rows that tell whether a file is of a kind


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen for an import. None stands for the kind's own default."""

    datum: Datum | None = None
    supplier_id: str | None = None
    tariffs: str | None = None  # ocpi-json: path or address of the tariff list
    reference: str | None = None  # ocm: path or address of the reference data
    api_key: str = ""  # ocm: for the API
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class Price:
    """What an importer knows of a price: the tariff's id or why there is none, and when it was seen."""

    tariff_id: str | None = None
    no_price: NoPrice | None = NoPrice.NOT_PUBLISHED
    seen_at: datetime | None = None


# Where a membership or a subscription is required: neither "free" nor a number is what the driver who comes by pays.
PRICE_FOR_MEMBERS = Price(None, NoPrice.MEMBERS)


class Importer(ABC):
    """A source of stations in one file. Subclasses say how a row is read."""

    kind: ClassVar[str]
    name: ClassVar[str]
    licence: ClassVar[str] = ""
    attribution: ClassVar[str] = ""
    url: ClassVar[str] = ""
    datum: ClassVar[Datum] = Datum.WGS84
    columns: ClassVar[frozenset[str]]  # a row that has all of them is of this kind

    def __init__(self, document: Document, options: Options) -> None:
        self.document, self.options = document, options
        document.passes = 2
        self.supplier = Supplier(
            id=options.supplier_id or self.default_id(),
            kind=self.kind,
            name=self.name,
            licence=self.licence,
            attribution=self.attribution,
            url=self.url,
            datum=options.datum or self.default_datum(),
        )
        self._tariffs: dict[str, Tariff] = {}

    def default_id(self) -> str:
        return self.kind

    def default_datum(self) -> Datum:
        return self.datum

    def rows(self) -> Iterator[Row]:
        return csv_rows(self.document)

    @abstractmethod
    def identify(self, row: Row) -> tuple[str, str]:
        """The supplier's id of the row's station, "" if none, and a text that is greater in a newer row."""

    @abstractmethod
    def read(self, row: Row, external_id: str) -> Iterator[Station | Rejected]:
        """The row as a station, and what of it was refused. Raises Refused when nothing of it can be used."""

    def check(self) -> None:
        """Raises UserError("wrong_file") when the file is not of this kind."""
        try:
            rows = head(self.rows(), _LOOK_AT)
        except NoRows as error:
            raise UserError("wrong_file", kind=self.kind, detail=str(error)[:200]) from error
        if not any(self.columns <= row.fields.keys() for row in rows):
            raise UserError("wrong_file", kind=self.kind, detail=f"no row with {', '.join(sorted(self.columns))}")

    def stations(self) -> Iterator[Station | Rejected]:
        self.check()
        return self._stations()

    def tariffs(self) -> dict[str, Tariff]:
        return self._tariffs

    def priced(self, tariff: Tariff | None, no_price: NoPrice | None, seen_at: datetime | None) -> Price:
        """Keep the tariff, so that `tariffs()` brings it along."""
        if tariff is None:
            return Price(None, no_price or NoPrice.NOT_PUBLISHED)
        tariff_id = tariff.id
        self._tariffs.setdefault(tariff_id, tariff)
        return Price(tariff_id, None, seen_at)

    def _stations(self) -> Iterator[Station | Rejected]:
        older = self._older_rows()
        for row in self.rows():
            yield from self._one(row, older)

    def _older_rows(self) -> dict[int, int]:
        """Rows that a newer row of the same station replaces, by number. Equal age: the first one stays."""
        newest: dict[str, tuple[str, int]] = {}
        older: dict[int, int] = {}
        for row in self.rows():
            external_id, stamp = self._identified(row)
            if not external_id:
                continue
            kept = newest.get(external_id)
            if kept is None:
                newest[external_id] = (stamp, row.number)
            elif stamp > kept[0]:
                older[kept[1]] = row.number
                newest[external_id] = (stamp, row.number)
            else:
                older[row.number] = kept[1]
        return older

    def _identified(self, row: Row) -> tuple[str, str]:
        if row.problem:
            return "", ""
        try:
            return self.identify(row)
        except Exception:  # noqa: BLE001  the second pass meets the same row and says what is wrong with it
            return "", ""

    def _one(self, row: Row, older: dict[int, int]) -> Iterator[Station | Rejected]:
        external_id = ""
        try:
            if row.problem:
                raise Refused(row.problem, row.detail)
            external_id, _ = self.identify(row)
            if not external_id:
                raise Refused("missing_id")
            if row.number in older:
                raise Refused("duplicate_id", f"row {row.number}: row {older[row.number]} is kept")
            yield from self.read(row, external_id)
        except Refused as refusal:
            yield rejected(external_id or f"row {row.number}", refusal.reason, refusal.detail, row.raw)
        except SupplierUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one unreadable row never stops the rest
            detail = f"{type(error).__name__}: {error}"
            yield rejected(external_id or f"row {row.number}", "unreadable", detail, row.raw)


def slug_of(known: Sequence[str], name: str) -> str | None:
    """Which of these words a file or folder name contains ("charged-sao-paulo/stations.csv" → "sao-paulo")."""
    words = f"-{slug(name, 200)}-"
    return next((word for word in known if f"-{word}-" in words), None)
