"""Charging: what a driver, a supplier, the outbox and the clock may ask for. docs/money.md has the rules."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from core.charging import ChargeRecord, SessionUpdate
from core.errors import NotFound, SupplierUnavailable
from core.money import Money
from core.outbox import OutboxRow, Result
from core.ports import Booking, Clock, Database, HistoryFilter, ListsRecords, ListsStations, UnitOfWork
from core.services.charging.following import Following
from core.services.charging.means import WALLET, Means, Tell
from core.services.charging.quoting import Quoting
from core.services.charging.settling import Settling, orphans_of
from core.services.charging.starting import Starting
from core.services.charging.stopping import Stopping
from core.session import ChargingSession, FrozenQuote
from core.station import ConnectorRef, Rejected

DUE_AT_ONCE = 200
MOST_SESSIONS = 100
RECORDS_AT_ONCE = 200
# Partners date records before they publish them, and were away for a while: so far back is asked again each time.
RECORDS_OVERLAP = timedelta(days=3)

log = logging.getLogger(__name__)


class ChargingService:
    """The session machine over one database. Safe from many threads and processes.

    `key` signs quotes; `tell` writes a message to a person into the outbox; `ring` is called after a commit with the
    id of an outbox row that waits, and never raises.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        suppliers: Mapping[str, ListsStations],
        *,
        tell: Tell,
        ring: Callable[[int], None],
        key: bytes,
    ) -> None:
        means = Means(database, clock, suppliers, tell, ring, key)
        self.means = means
        self._quoting = Quoting(means)
        self._starting = Starting(means, self._quoting)
        self._stopping = Stopping(means)
        self._settling = Settling(means)
        self._following = Following(means, self._settling)

    # --- a driver ---------------------------------------------------------------------------------------------

    def quote(
        self, user_id: str, ref: ConnectorRef, energy_kwh: Decimal, *, station_id: str = "", code_rest: str = ""
    ) -> FrozenQuote:
        """What this gun costs for so many kWh, frozen for five minutes, and what would be held.

        Without a `station_id` the cheapest supplier that can start there. `code_rest` is handed on to the supplier
        with the start. Raises NotFound("no_such_gun"), UserError
        ("bad_energy", "cannot_start_here", "gun_out_of_order", "no_price", "price_too_old": its supplier was asked
        for a newer one and told none), Conflict("gun_busy").
        """
        return self._quoting.quote(user_id, ref, energy_kwh, station_id, code_rest)

    def start(
        self,
        user_id: str,
        quote_id: str,
        client_key: str,
        *,
        payment: str = WALLET,
        grow_to: Money | None = None,
    ) -> ChargingSession:
        """The driver's yes: session, hold and the order to start, in one transaction. The same key starts once.

        `payment` is "wallet", or the channel that pre-authorised the hold; `grow_to` is how far the driver lets the
        hold grow. Raises NotFound("no_such_quote"), NotReady("starts_halted"), TooMany("too_many_failed_starts"),
        NotEnoughMoney, UserError("cannot_start_here"), and Conflict: "quote_expired", "gun_busy", "you_are_charging",
        "other_request_same_key".
        """
        return self._starting.start(user_id, quote_id, client_key, payment, grow_to)

    def stop(self, user_id: str, session_id: str) -> ChargingSession:
        """Ask for the end. Before the start was sent it is taken back. Asking twice changes nothing.

        Raises NotFound("no_such_session").
        """
        return self._stopping.stop(user_id, session_id)

    def session(self, user_ids: list[str], session_id: str) -> ChargingSession:
        """One session of this person. Raises NotFound("no_such_session")."""
        with self.means.database.read() as unit:
            session = unit.sessions.get(session_id)
        if session is None or session.user_id not in user_ids:
            raise NotFound("no_such_session")
        return session

    def history(
        self, user_id: str, before: datetime | None = None, limit: int = 20, wanted: HistoryFilter | None = None
    ) -> list[ChargingSession]:
        """The charges of this person that are wanted, newest first; go on with the `created_at` of the last one."""
        most = max(1, min(limit, MOST_SESSIONS))
        with self.means.database.read() as unit:
            people = unit.people.same_person(user_id)
            return unit.sessions.of_user(people, before=before, limit=most, wanted=wanted)

    # --- the outbox -------------------------------------------------------------------------------------------

    def send_start(self, row: OutboxRow) -> Result:
        """Handler of "start" rows. Run again after a crash it asks, and never sends a second start."""
        return self._starting.send(row)

    def send_stop(self, row: OutboxRow) -> Result:
        """Handler of "stop" rows: up to three tries, then the driver is told how to end it by hand."""
        return self._stopping.send(row)

    # --- suppliers --------------------------------------------------------------------------------------------

    def apply(self, supplier_id: str, update: SessionUpdate) -> None:
        """A pushed word about a session. Repeated, late or contradicting ones change nothing."""
        self._following.apply(supplier_id, update)

    def book_record(self, supplier_id: str, record: ChargeRecord) -> Booking:
        """Book a stored record, once. What fits no rule is kept and becomes a case; it costs the driver nothing."""
        return self._settling.book(supplier_id, record)

    # --- the people who run it --------------------------------------------------------------------------------

    def attach(self, unit: UnitOfWork, orphan: Booking, session: ChargingSession, at: datetime) -> list[int]:
        """One of us says that this orphan belongs to that session, which the caller has locked: book it there.

        In the caller's transaction. Gives the outbox rows to ring for after the commit.
        """
        return self._settling.attach(unit, orphan, session, at)

    # --- the clock --------------------------------------------------------------------------------------------

    def follow(self, session_id: str) -> None:
        """Ask the supplier about one session and apply the answer; then the deadlines."""
        self._following.follow(session_id)

    def follow_due(self, within_s: float = 30) -> int:
        """Every session whose turn it is, each in its own try; how many. Begins nothing new after `within_s`."""
        give_up = time.monotonic() + within_s
        with self.means.database.read() as unit:
            due = unit.sessions.due(self.means.clock.now(), DUE_AT_ONCE)
        for session_id in due:
            if time.monotonic() > give_up:
                break
            try:
                self.follow(session_id)
            except Exception:
                log.exception("a session could not be followed", extra={"session": session_id})
        return len(due)

    def book_unbooked(self) -> int:
        """Records that are stored and were not booked when they came; how many."""
        with self.means.database.read() as unit:
            waiting = unit.bookings.unbooked(RECORDS_AT_ONCE)
        return self._book_each(waiting)

    def match_orphans(self) -> int:
        """Records that found no session, or no record to take back, when they came; how many were tried."""
        with self.means.database.read() as unit:
            waiting = orphans_of(unit, RECORDS_AT_ONCE)
        return self._book_each(waiting)

    def _book_each(self, waiting: Sequence[tuple[str, ChargeRecord]]) -> int:
        for supplier_id, record in waiting:
            try:
                self.book_record(supplier_id, record)
            except Exception:
                log.exception("a record could not be booked", extra={"supplier": supplier_id})
        return len(waiting)

    def pull_records(self, supplier_id: str) -> int | None:
        """Store what a supplier lists of the last days; how many. None for one that cannot, or is silent."""
        source = self.means.suppliers.get(supplier_id)
        if not isinstance(source, ListsRecords):
            return None
        at = self.means.clock.now()
        stored = 0
        try:
            for one in source.records(at - RECORDS_OVERLAP):
                if isinstance(one, Rejected):
                    with self.means.database.write() as unit:
                        unit.catalogue.quarantine(supplier_id, [one], at)
                    continue
                with self.means.database.write() as unit:
                    unit.records.add_record(supplier_id, one, at)
                stored += 1
        except SupplierUnavailable as error:
            log.warning("records were not pulled", extra={"supplier": supplier_id, "error": str(error)})
            return None
        return stored
