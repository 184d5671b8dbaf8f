"""Filling the catalogue: what suppliers and files tell is checked, stored in batches and announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from core.errors import SupplierUnavailable
from core.ports import (
    CarriesTariffs,
    ChangeStream,
    Clock,
    Database,
    ListsStations,
    PublishesTariffs,
    ReportsStatus,
)
from core.station import Rejected, Station

BATCH = 1_000
# A supplier whose list is suddenly this much shorter is not believed; its stations stay as they were.
MOST_VANISHING = 0.30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one import or pull did. `vanished` stations were missing from a list too short to be believed."""

    supplier_id: str
    rows: int
    stations: int
    added: int
    changed: int
    unchanged: int
    removed: int
    quarantined: int
    vanished: int
    seconds: float


class CatalogueService:
    """Writes what suppliers say. Each batch is one transaction; the list is never half removed."""

    def __init__(self, database: Database, stream: ChangeStream, clock: Clock) -> None:
        self.database, self.stream, self.clock = database, stream, clock

    def load(
        self, source: ListsStations, *, doubt_shrinking: bool, progress: Callable[[int], None] | None = None
    ) -> LoadReport:
        """Take in a supplier's whole list. Stations it no longer names are marked removed.

        With `doubt_shrinking` a list that lost more than 30 % removes nothing. Raises SupplierUnavailable when
        the list breaks off: what came is kept, nothing is removed. `progress` is told the rows read so far.
        """
        started = self.clock.now()
        supplier = source.supplier
        with self.database.write() as unit:
            unit.catalogue.save_supplier(supplier)
        present: set[str] = set()
        stored: set[str] = set()  # tariffs
        rows = added = changed = unchanged = rejected_count = 0
        try:
            for batch in batched(source.stations(), BATCH):
                rows += len(batch)
                stations = [item for item in batch if isinstance(item, Station)]
                rejected = [item for item in batch if isinstance(item, Rejected)]
                rejected_count += len(rejected)
                met = source.tariffs() if isinstance(source, CarriesTariffs) else {}
                at = self.clock.now()
                with self.database.write() as unit:
                    unit.catalogue.add_tariffs(met[key] for key in met.keys() - stored)
                    diff = unit.catalogue.save_stations(stations, at)
                    unit.catalogue.quarantine(supplier.id, rejected, at)
                stored |= met.keys()
                self.stream.publish(diff.touched)
                present.update(station.id for station in stations)
                added, changed = added + len(diff.added), changed + len(diff.changed)
                unchanged += diff.unchanged
                if progress:
                    progress(rows)
        except SupplierUnavailable as error:
            self._note(supplier.id, "catalogue", str(error))
            raise
        removed, vanished = self._remove_missing(supplier.id, present, doubt_shrinking)
        self._note(supplier.id, "catalogue")
        return LoadReport(
            supplier_id=supplier.id,
            rows=rows,
            stations=len(present),
            added=added,
            changed=changed,
            unchanged=unchanged,
            removed=removed,
            quarantined=rejected_count,
            vanished=vanished,
            seconds=(self.clock.now() - started).total_seconds(),
        )

    def pull_statuses(self, source: ReportsStatus) -> int:
        """Ask for the state of every gun; returns how many stations changed. Raises SupplierUnavailable."""
        supplier = source.supplier
        with self.database.read() as unit:
            known = unit.catalogue.external_ids(supplier.id)
        touched: set[str] = set()
        try:
            for batch in batched(source.statuses(known), BATCH):
                reports = [item for item in batch if not isinstance(item, Rejected)]
                rejected = [item for item in batch if isinstance(item, Rejected)]
                at = self.clock.now()
                with self.database.write() as unit:
                    ids = unit.catalogue.save_statuses(supplier.id, reports, at)
                    unit.catalogue.quarantine(supplier.id, rejected, at)
                self.stream.publish(ids)
                touched.update(ids)
        except SupplierUnavailable as error:
            self._note(supplier.id, "status", str(error))
            raise
        self._note(supplier.id, "status")
        return len(touched)

    def pull_prices(self, source: PublishesTariffs) -> int:
        """Ask for the tariff of every gun; returns how many stations changed. Raises SupplierUnavailable."""
        supplier = source.supplier
        with self.database.read() as unit:
            refs = unit.catalogue.connector_refs(supplier.id)
        touched: set[str] = set()
        try:
            for batch in batched(source.prices(refs), BATCH):
                prices = [item for item in batch if not isinstance(item, Rejected)]
                rejected = [item for item in batch if isinstance(item, Rejected)]
                at = self.clock.now()
                with self.database.write() as unit:
                    ids = unit.catalogue.save_tariffs(supplier.id, prices, at)
                    unit.catalogue.quarantine(supplier.id, rejected, at)
                self.stream.publish(ids)
                touched.update(ids)
        except SupplierUnavailable as error:
            self._note(supplier.id, "tariffs", str(error))
            raise
        self._note(supplier.id, "tariffs")
        return len(touched)

    def _remove_missing(self, supplier_id: str, present: set[str], doubt_shrinking: bool) -> tuple[int, int]:
        """How many stations were removed, and how many vanished without being believed."""
        with self.database.write() as unit:
            known = len(unit.catalogue.external_ids(supplier_id))
            gone = known - len(present)
            if doubt_shrinking and known and gone / known > MOST_VANISHING:
                return 0, gone
            ids = unit.catalogue.remove_missing(supplier_id, present, self.clock.now())
        self.stream.publish(ids)
        return len(ids), 0

    def _note(self, supplier_id: str, asked: str, error: str = "") -> None:
        with self.database.write() as unit:
            unit.catalogue.note_pull(supplier_id, asked, self.clock.now(), error)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`, read as they come. What came before a failure is handed out first."""
    source = iter(items)
    while True:
        batch: list[T] = []
        try:
            batch.extend(islice(source, size))
        except SupplierUnavailable:
            # extend keeps what it took before the failure
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch
