"""The desk where suppliers tell us things unasked: stations, states, prices, sessions and charge records.

Each call ends with its commit, and what it changed is announced to every process after that. A frozen supplier
is heard and not believed, except about sessions and records: those are about money that has been spent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from core.charging import ChargeRecord, SessionUpdate
from core.ports import ChangeStream, Clock, Database, HearsOfCharges, RecordVerdict, TakenStates, UnitOfWork
from core.services.gate import MOVED, known_of, sift, sift_prices
from core.services.together import Together
from core.services.trust import Known
from core.station import ConnectorRef, Rejected, Station, StatusReport, station_key
from core.tariff import Tariff

# That a supplier speaks is written down this often, not with each of a thousand pushes a second.
NOTED_EVERY = timedelta(seconds=30)
KNOWN_FOR = timedelta(minutes=10)
CLOCKS_DIFFER_BY = timedelta(minutes=5)

log = logging.getLogger(__name__)


class SupplierDeskService:
    """core.ports.SupplierDesk. Safe from many threads and processes."""

    def __init__(
        self, database: Database, stream: ChangeStream, clock: Clock, charging: HearsOfCharges | None = None
    ) -> None:
        self.database, self.stream, self.clock, self.charging = database, stream, clock, charging
        self._noted: dict[str, datetime] = {}
        self._known: dict[str, tuple[datetime, Known]] = {}
        self._statuses_together = Together(self._statuses)

    def stations(self, supplier_id: str, stations: Sequence[Station], rejected: Sequence[Rejected] = ()) -> None:
        if any(one.supplier_id != supplier_id for one in stations):
            raise ValueError(f"{supplier_id} can only tell its own stations")
        at = self.clock.now()
        touched: list[str] = []
        with self.database.write() as unit:
            self._heard(unit, supplier_id, at)
            refused = [*rejected]
            if not self._frozen(unit, supplier_id, "stations"):
                newest = _not_overtaken(unit, stations, at)
                sifted = sift(unit, self._known_of(unit, supplier_id, at), newest, {}, at)
                touched = unit.catalogue.save_stations(sifted.stations, at, pushed=True).touched
                unit.catalogue.settle(supplier_id, MOVED, sifted.settled)
                refused += sifted.rejected
            # Last, as pulls do it: whoever locks in another order may wait in a ring.
            unit.catalogue.quarantine(supplier_id, refused, at)
        self._announce(supplier_id, at, touched)

    def removed(self, supplier_id: str, external_ids: Sequence[str]) -> None:
        at = self.clock.now()
        touched: list[str] = []
        with self.database.write() as unit:
            self._heard(unit, supplier_id, at)
            if not self._frozen(unit, supplier_id, "removals"):
                touched = unit.catalogue.remove(supplier_id, external_ids, at)
        self._announce(supplier_id, at, touched)

    def station(self, supplier_id: str, external_id: str) -> Station | None:
        with self.database.read() as unit:
            return next(unit.catalogue.stations([station_key(supplier_id, external_id)]), None)

    def statuses(self, supplier_id: str, reports: Sequence[StatusReport]) -> bool:
        return self._statuses_together((supplier_id, reports))

    def _statuses(self, pushes: Sequence[tuple[str, Sequence[StatusReport]]]) -> list[bool]:
        """Pushes of many callers, in one transaction."""
        told: dict[str, list[StatusReport]] = {}
        for supplier_id, reports in pushes:
            told.setdefault(supplier_id, []).extend(reports)
        with self.database.write() as unit:
            taken = self.take_states(unit, told)
        self.announce(taken)
        return [any(one.ref in taken.known[supplier_id] for one in reports) for supplier_id, reports in pushes]

    def take_states(self, unit: UnitOfWork, told: Mapping[str, Sequence[StatusReport]]) -> TakenStates:
        at = self.clock.now()
        known: dict[str, set[ConnectorRef]] = {}
        touched: dict[str, list[str]] = {}
        for supplier_id in sorted(told):  # one order for all, as every writer locks
            self._heard(unit, supplier_id, at)
            reports = told[supplier_id]
            frozen = self._frozen(unit, supplier_id, "states")
            touched[supplier_id] = [] if frozen else unit.catalogue.save_statuses(supplier_id, reports, at)
            known[supplier_id] = unit.catalogue.known(supplier_id, [one.ref for one in reports])
        return TakenStates(at, known, touched)

    def announce(self, taken: TakenStates) -> None:
        for supplier_id, ids in taken.touched.items():
            self._announce(supplier_id, taken.at, ids)

    def prices(self, supplier_id: str, prices: Sequence[tuple[ConnectorRef, Tariff]]) -> None:
        at = self.clock.now()
        touched: list[str] = []
        with self.database.write() as unit:
            self._heard(unit, supplier_id, at)
            if not self._frozen(unit, supplier_id, "prices"):
                good, doubted = sift_prices(unit, self._known_of(unit, supplier_id, at), supplier_id, prices, at)
                touched = unit.catalogue.save_tariffs(supplier_id, good, at, pushed=True)
                unit.catalogue.quarantine(supplier_id, doubted, at)
        self._announce(supplier_id, at, touched)

    def session(self, supplier_id: str, update: SessionUpdate) -> None:
        with self.database.write() as unit:
            unit.records.save_session(supplier_id, update, self.clock.now())
        if self.charging is not None:
            self._then(partial(self.charging.apply, supplier_id, update))

    def record(self, supplier_id: str, record: ChargeRecord) -> RecordVerdict:
        at = self.clock.now()
        with self.database.write() as unit:
            verdict = unit.records.add_record(supplier_id, record, at)
            if verdict is RecordVerdict.CONFLICT:
                unit.catalogue.introduce(supplier_id)
                unit.catalogue.quarantine(supplier_id, [_conflicting(record)], at)
        if verdict is RecordVerdict.CONFLICT:
            log.error("a charge record came again with another body", extra={"supplier": supplier_id})
        elif self.charging is not None:
            self._then(partial(self.charging.book_record, supplier_id, record))
        return verdict

    def _then(self, work: Callable[[], object]) -> None:
        """What follows from a word that is stored. The supplier has done its part; if ours fails, a job does it."""
        try:
            work()
        except Exception:
            log.exception("a word about a charge was stored and not acted upon yet")

    def _heard(self, unit: UnitOfWork, supplier_id: str, at: datetime) -> None:
        """Note that the supplier speaks, now and then. The first time it may be new to us."""
        noted = self._noted.get(supplier_id)
        if noted is None or not timedelta(0) <= at - noted < NOTED_EVERY:
            unit.catalogue.introduce(supplier_id)
            unit.catalogue.note_pull(supplier_id, "push", at)

    def _known_of(self, unit: UnitOfWork, supplier_id: str, at: datetime) -> Known:
        """What is known of the supplier as a whole; a little old is good enough for a crowd."""
        looked_at, known = self._known.get(supplier_id, (None, Known()))
        if looked_at is None or not timedelta(0) <= at - looked_at < KNOWN_FOR:
            known = known_of(unit, supplier_id)
            self._known[supplier_id] = at, known
        return known

    def _frozen(self, unit: UnitOfWork, supplier_id: str, what: str) -> bool:
        freeze = unit.freezes.get(supplier_id)
        if freeze is not None:
            log.warning("frozen: a push is ignored", extra={"supplier": supplier_id, "pushed": what})
        return freeze is not None

    def _announce(self, supplier_id: str, at: datetime, touched: Sequence[str]) -> None:
        """After the commit, so that whoever looks at once finds it."""
        noted = self._noted.get(supplier_id)
        if noted is None or not timedelta(0) <= at - noted < NOTED_EVERY:
            self._noted[supplier_id] = at
        self.stream.publish(touched)


def _not_overtaken(unit: UnitOfWork, stations: Sequence[Station], at: datetime) -> list[Station]:
    """Pushes overtake each other and delta pulls: what the supplier has changed since is not changed back."""
    held = unit.catalogue.held([one.id for one in stations])
    return [one for one in stations if not _older(one, held.get(one.id), at)]


def _older(told: Station, held: Station | None, at: datetime) -> bool:
    if held is None or held.updated_at is None or told.updated_at is None:
        return False
    # A date in the future is a mistake, and must not make the station deaf until that day.
    return told.updated_at < held.updated_at <= at + CLOCKS_DIFFER_BY


def _conflicting(record: ChargeRecord) -> Rejected:
    detail = f"held with another body; this one says {record.energy_kwh} kWh, {record.total_cost} {record.currency}"
    return Rejected(record.record_id, "record_conflict", detail, record.raw or repr(asdict(record)))
