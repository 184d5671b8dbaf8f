"""Filling the catalogue: what suppliers and files tell is checked, stored in batches and announced.

A file is what a person wants to have in. A live supplier is read to the end before anything is stored: only a whole
list shows what is gone, what stands at one spot, and whether it is to be believed at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from core.errors import SupplierUnavailable
from core.ports import (
    ChangeStream,
    Clock,
    Database,
    Freeze,
    ListsChanges,
    ListsStations,
    PublishesTariffs,
    ReportsStatus,
)
from core.services.gate import MOVED, Sifted, crowded_of, known_of, sift, sift_places, sift_prices
from core.services.loading import LoadReport, Note, Progress, batched, carried, parted
from core.services.spool import Spool, SpoolFull
from core.services.trust import ABOUT_VALUES, SAYS_GONE, Known, area_of, spot_of
from core.station import Rejected, Supplier, station_key
from core.tariff import Tariff

BATCH = 1_000
# A supplier whose list is suddenly this much shorter, or this much of it new nonsense, is not believed: it is frozen.
MOST_VANISHING = 0.30
MOST_NONSENSE = 0.05
# Below these counts one station more or less would be a large share.
FEWEST_STATIONS, FEWEST_ROWS, FEWEST_REFUSED = 10, 20, 5
# A list that takes longer or is larger has no end. Jobs are given a little more (jobs/names.py).
LONGEST_PULL, LONGEST_STATUSES, LONGEST_PRICES = timedelta(minutes=25), timedelta(seconds=100), timedelta(minutes=9)
LARGEST_LIST_BYTES = 2 * 1024**3
# How far before the newest change we know of a delta begins: suppliers' clocks and ours overlap badly.
OVERLAP = timedelta(minutes=15)
US = "kilowatch"

T = TypeVar("T")

log = logging.getLogger(__name__)


class CatalogueService:
    """Writes what suppliers say. Each batch is one transaction; the list is never half removed."""

    def __init__(
        self,
        database: Database,
        stream: ChangeStream,
        clock: Clock,
        *,
        largest_list_bytes: int = LARGEST_LIST_BYTES,
    ) -> None:
        self.database, self.stream, self.clock = database, stream, clock
        self._largest_list_bytes = largest_list_bytes

    # --- whole lists ----------------------------------------------------------------------------------------

    def load(
        self, source: ListsStations, *, doubt_shrinking: bool, progress: Callable[[int], None] | None = None
    ) -> LoadReport:
        """Take in a supplier's whole list. Stations it no longer names are marked removed.

        With `doubt_shrinking` the list is that of a live supplier and goes through the gate: see `pull`. Raises
        SupplierUnavailable when the list breaks off: what came is kept, nothing is removed. `progress` is told the
        rows read so far.
        """
        tell = progress or (lambda rows: None)
        return self.pull(source, tell) if doubt_shrinking else self._import(source, tell)

    def _import(self, source: ListsStations, tell: Callable[[int], None]) -> LoadReport:
        started, supplier, done = self.clock.now(), source.supplier, Progress()
        with self.database.write() as unit:
            unit.catalogue.save_supplier(supplier)
        with self._noted(supplier, "catalogue"):
            for batch in batched(source.stations(), BATCH):
                done.rows += len(batch)
                stations, rejected = parted(batch)
                self._store(supplier.id, Sifted(stations, rejected), carried(source), done)
                tell(done.rows)
            with self.database.write() as unit:
                removed = unit.catalogue.remove_missing(supplier.id, done.listed, self.clock.now())
            self.stream.publish(removed)
        return self._report(supplier.id, done, started, removed=len(removed))

    def pull(self, source: ListsStations, tell: Callable[[int], None] = lambda rows: None) -> LoadReport:
        """The whole list of a live supplier, held against what we know of it before anything is stored.

        A list that lost more than 30 % of the stations, or of which more than 5 % is new nonsense, freezes the
        supplier: its last good state stays until a person thaws it.
        """
        started, supplier, done = self.clock.now(), source.supplier, Progress()
        with self.database.write() as unit:
            unit.catalogue.save_supplier(supplier)
            freeze, believing = unit.freezes.get(supplier.id), unit.freezes.believed(supplier.id)
        if freeze is not None:
            return self._ignored(freeze, "catalogue")
        with self._noted(supplier, "catalogue") as note, Spool[Sifted](self._largest_list_bytes) as spool:
            known, broken_off = self._read(source, spool, done, believing, tell)
            if broken_off is None and not believing and (why := self._why_freeze(supplier.id, done)):
                note.error = f"frozen: {why}"
                return self._freeze(supplier.id, why, spool, done, started)
            for sifted in spool:
                good, crowd = sift_places(known, sifted.stations)
                whole = replace(sifted, stations=good, rejected=(*sifted.rejected, *crowd))
                self._store(supplier.id, whole, carried(source), done)
            if broken_off is not None:
                raise broken_off
            removed = self._remove_missing(supplier.id, done, believing)
        return self._report(supplier.id, done, started, removed=removed)

    def _read(
        self,
        source: ListsStations,
        spool: Spool[Sifted],
        done: Progress,
        believing: bool,
        tell: Callable[[int], None],
    ) -> tuple[Known, SupplierUnavailable | None]:
        """Put the list aside, sifted, and return what it says as a whole, and with what error it broke off."""
        supplier_id, broken_off = source.supplier.id, None
        with self.database.read() as unit:
            held = known_of(unit, supplier_id)
        try:
            for batch in batched(self._in_time(source.supplier, source.stations(), LONGEST_PULL), BATCH):
                stations, rejected = parted(batch)
                at = self.clock.now()
                with self.database.read() as unit:
                    sifted = sift(unit, held, stations, carried(source), at, believing=believing)
                    whole = replace(sifted, rejected=(*rejected, *sifted.rejected))
                    nonsense = [one for one in whole.rejected if one.reason not in SAYS_GONE | ABOUT_VALUES]
                    done.new_nonsense += unit.catalogue.unseen(supplier_id, nonsense)
                done.rows += len(batch)
                done.places.update((spot_of(one.point), one.address) for one in sifted.stations)
                done.listed.update(one.id for one in sifted.stations)
                done.refused.update(station_key(supplier_id, one.external_id) for one in nonsense)
                spool.put(whole)
                tell(done.rows)
        except SupplierUnavailable as error:
            broken_off = error
        except SpoolFull as full:
            broken_off = SupplierUnavailable(source.supplier.name, "the list", str(full))
        crowded = crowded_of(done.places)
        spots = [spot for spot, _ in done.places.elements()]
        done.new_nonsense += sum(spot in crowded for spot in spots)
        return Known(held.area or area_of(spots), held.crowded | crowded), broken_off

    def _why_freeze(self, supplier_id: str, done: Progress) -> str:
        """Why this list is not believed; "" when it is. Where there is no good state yet, nothing is lost by it."""
        with self.database.read() as unit:
            held = {station_key(supplier_id, one) for one in unit.catalogue.external_ids(supplier_id)}
        gone = len(held - done.listed - done.refused)
        if len(held) >= FEWEST_STATIONS and gone / len(held) > MOST_VANISHING:
            done.vanished = gone
            return f"{gone} of {len(held)} stations gone in one list"
        bad = done.new_nonsense
        if held and done.rows >= FEWEST_ROWS and bad >= FEWEST_REFUSED and bad / done.rows > MOST_NONSENSE:
            return f"{bad} of {done.rows} rows newly refused in one list"
        return ""

    def _freeze(
        self, supplier_id: str, why: str, spool: Spool[Sifted], done: Progress, started: datetime
    ) -> LoadReport:
        at = self.clock.now()
        for sifted in spool:
            with self.database.write() as unit:
                unit.catalogue.quarantine(supplier_id, sifted.rejected, at)
            done.quarantined += len(sifted.rejected)
        with self.database.write() as unit:
            unit.freezes.freeze(Freeze(supplier_id, why, US, at))
        log.error("frozen at the last good state", extra={"supplier": supplier_id, "why": why})
        return replace(self._report(supplier_id, done, started), stations=0, frozen=why)

    def _remove_missing(self, supplier_id: str, done: Progress, believing: bool) -> int:
        """How many stations were removed. A list that names none at all says nothing."""
        with self.database.write() as unit:
            present = done.listed | done.refused
            if not present and not believing:
                done.vanished = len(unit.catalogue.external_ids(supplier_id))
                return 0
            ids = unit.catalogue.remove_missing(supplier_id, present, self.clock.now())
            unit.freezes.forget_thaw(supplier_id)
        self.stream.publish(ids)
        return len(ids)

    # --- what changed since ---------------------------------------------------------------------------------

    def pull_changes(self, source: ListsChanges) -> LoadReport | None:
        """What a supplier has changed since its newest change we know of; None before the first full list.

        Never removes: only a whole list shows what is gone. Raises SupplierUnavailable.
        """
        started, supplier, done = self.clock.now(), source.supplier, Progress()
        with self.database.read() as unit:
            newest = unit.catalogue.newest_update(supplier.id)
            freeze, known = unit.freezes.get(supplier.id), known_of(unit, supplier.id)
        if freeze is not None:
            return self._ignored(freeze, "changes")
        if newest is None:
            return None
        since = min(newest, started) - OVERLAP
        with self._noted(supplier, "changes"):
            for batch in batched(self._in_time(supplier, source.changes(since), LONGEST_PULL), BATCH):
                done.rows += len(batch)
                stations, rejected = parted(batch)
                with self.database.read() as unit:
                    sifted = sift(unit, known, stations, carried(source), self.clock.now())
                whole = replace(sifted, rejected=(*rejected, *sifted.rejected))
                self._store(supplier.id, whole, carried(source), done)
        return self._report(supplier.id, done, started)

    # --- states and prices ----------------------------------------------------------------------------------

    def pull_statuses(self, source: ReportsStatus) -> int:
        """Ask for the state of every gun; returns how many stations changed. Raises SupplierUnavailable."""
        supplier = source.supplier
        with self.database.read() as unit:
            freeze, asked_of = unit.freezes.get(supplier.id), unit.catalogue.external_ids(supplier.id)
        if freeze is not None:
            return self._ignored(freeze, "states").changed
        touched: set[str] = set()
        with self._noted(supplier, "status"):
            for batch in batched(self._in_time(supplier, source.statuses(asked_of), LONGEST_STATUSES), BATCH):
                reports = [item for item in batch if not isinstance(item, Rejected)]
                rejected = [item for item in batch if isinstance(item, Rejected)]
                at = self.clock.now()
                with self.database.write() as unit:
                    ids = unit.catalogue.save_statuses(supplier.id, reports, at)
                    unit.catalogue.quarantine(supplier.id, rejected, at)
                self.stream.publish(ids)
                touched.update(ids)
        return len(touched)

    def pull_prices(self, source: PublishesTariffs) -> int:
        """Ask for the tariff of every gun; returns how many stations changed. Raises SupplierUnavailable."""
        supplier = source.supplier
        with self.database.read() as unit:
            freeze, asked_of = unit.freezes.get(supplier.id), unit.catalogue.connector_refs(supplier.id)
            known = known_of(unit, supplier.id)
        if freeze is not None:
            return self._ignored(freeze, "prices").changed
        touched: set[str] = set()
        with self._noted(supplier, "tariffs"):
            for batch in batched(self._in_time(supplier, source.prices(asked_of), LONGEST_PRICES), BATCH):
                prices = [item for item in batch if not isinstance(item, Rejected)]
                rejected = [item for item in batch if isinstance(item, Rejected)]
                at = self.clock.now()
                with self.database.write() as unit:
                    good, doubted = sift_prices(unit, known, supplier.id, prices, at)
                    ids = unit.catalogue.save_tariffs(supplier.id, good, at)
                    unit.catalogue.quarantine(supplier.id, [*rejected, *doubted], at)
                self.stream.publish(ids)
                touched.update(ids)
        return len(touched)

    # --- shared ---------------------------------------------------------------------------------------------

    def _store(self, supplier_id: str, sifted: Sifted, tariffs: Mapping[str, Tariff], done: Progress) -> None:
        at = self.clock.now()
        with self.database.write() as unit:
            unit.catalogue.add_tariffs(tariffs[key] for key in tariffs.keys() - done.tariffs)
            diff = unit.catalogue.save_stations(sifted.stations, at)
            unit.catalogue.settle(supplier_id, MOVED, sifted.settled)
            unit.catalogue.quarantine(supplier_id, sifted.rejected, at)
        self.stream.publish(diff.touched)
        done.tariffs |= tariffs.keys()
        done.listed.update(one.id for one in sifted.stations)
        done.added, done.changed = done.added + len(diff.added), done.changed + len(diff.changed)
        done.unchanged += diff.unchanged
        done.quarantined += len(sifted.rejected)

    def _in_time(self, supplier: Supplier, items: Iterator[T], longest: timedelta) -> Iterator[T]:
        """The items, until they have taken too long."""
        last = self.clock.now() + longest
        for item in items:
            if self.clock.now() > last:
                raise SupplierUnavailable(supplier.name, "to the end", f"it took more than {longest}")
            yield item

    @contextmanager
    def _noted(self, supplier: Supplier, asked: str) -> Iterator[Note]:
        """Write down how the pull went: that it succeeded, or with what error it did not."""
        note = Note()
        try:
            yield note
        except SupplierUnavailable as error:
            self._note(supplier.id, asked, str(error))
            raise
        self._note(supplier.id, asked, note.error)

    def _note(self, supplier_id: str, asked: str, error: str) -> None:
        with self.database.write() as unit:
            unit.catalogue.note_pull(supplier_id, asked, self.clock.now(), error)

    def _ignored(self, freeze: Freeze, what: str) -> LoadReport:
        log.warning("frozen: not pulled", extra={"supplier": freeze.supplier_id, "asked": what, "why": freeze.reason})
        return LoadReport(freeze.supplier_id, frozen=freeze.reason)

    def _report(self, supplier_id: str, done: Progress, started: datetime, *, removed: int = 0) -> LoadReport:
        return LoadReport(
            supplier_id=supplier_id,
            rows=done.rows,
            stations=len(done.listed),
            added=done.added,
            changed=done.changed,
            unchanged=done.unchanged,
            removed=removed,
            quarantined=done.quarantined,
            vanished=done.vanished,
            seconds=(self.clock.now() - started).total_seconds(),
        )
