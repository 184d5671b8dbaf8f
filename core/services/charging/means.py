"""What every part of charging works with, and the one way in which a session changes its state."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from core.ledger import settled, voided
from core.outbox import MessageClass, NewRow
from core.ports import Case, CaseKind, Clock, Database, ListsStations, StartsCharging, UnitOfWork
from core.services.alternatives import Alternative, alternatives
from core.session import MOVES, ChargingSession, Event, SessionEvent, SessionState, next_look_after

# The driver called it off, or has to plug in: no reason to send them away.
_ANOTHER_GUN_HELPS_NOT = frozenset({"cancelled", "not_plugged_in"})
WALLET = "wallet"  # of ChargingSession.payment; anything else is the channel that pre-authorised

log = logging.getLogger(__name__)


class Tell(Protocol):
    """core.services.notify.tell: a message to a person, written in the transaction of the fact behind it."""

    def __call__(
        self,
        unit: UnitOfWork,
        user_id: str,
        code: str,
        params: Mapping[str, object],
        *,
        klass: MessageClass,
        subject: str,
        state: str,
        at: datetime,
    ) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """`ring` is called after a commit with the outbox row that waits; it never raises."""

    database: Database
    clock: Clock
    suppliers: Mapping[str, ListsStations]
    tell: Tell
    ring: Callable[[int], None]
    key: bytes = field(repr=False)  # signs quotes

    def starter(self, supplier_id: str) -> StartsCharging | None:
        """The supplier, if it can charge."""
        source = self.suppliers.get(supplier_id)
        return source if isinstance(source, StartsCharging) else None


class Transaction:
    """One unit of work on one session: what changes it, what is said, and what is to be rung for after the commit."""

    def __init__(self, means: Means, unit: UnitOfWork, at: datetime) -> None:
        self.means, self.unit, self.at = means, unit, at
        self.rows: list[int] = []

    def move(
        self, session: ChargingSession, event: Event, detail: str = "", **changes: Any
    ) -> ChargingSession | None:
        """Where the event leads, saved with the changes and noted; None, noted too, where it is not possible."""
        to = MOVES[event].get(session.state)
        self.unit.sessions.note(SessionEvent(session.id, self.at, event, session.state, to, detail))
        if to is None:
            return None
        fresh: dict[str, Any] = {"looks": 0, "next_look_at": first_look(to, self.at), **changes}
        moved = replace(session, state=to, changed_at=self.at, **fresh)
        self.unit.sessions.save(moved)
        return moved

    def command(self, session: ChargingSession, kind: str, occasion: str = "", body: str = "{}") -> None:
        """An order to the supplier, once for each occasion."""
        row = NewRow(
            dedupe_key=f"command:{session.id}:{kind}" + (f":{occasion}" if occasion else ""),
            klass=MessageClass.COMMAND,
            kind=kind,
            subject=session.id,
            body=body,
            user_id=session.user_id,
        )
        self._ring_for(self.unit.outbox.add(row, self.at))

    def say(
        self, session: ChargingSession, code: str, *, state: str = "", money: bool = False, **params: Any
    ) -> None:
        """A message to the driver, once for each code and `state`. Amounts are Money."""
        said: dict[str, object] = {"session_id": session.id, "station": session.quote.station_name}
        said |= params
        klass = MessageClass.MONEY if money else MessageClass.CHARGE
        key = f"{code}:{state}" if state else code
        self._ring_for(
            self.means.tell(
                self.unit, session.user_id, code, said, klass=klass, subject=session.id, state=key, at=self.at
            )
        )

    def open_case(self, kind: CaseKind, subject: str, detail: str, session: ChargingSession | None = None) -> None:
        """One of us has to look. There is one open case for each kind and subject."""
        case = Case(
            id=secrets.token_hex(6),
            kind=kind,
            subject=subject,
            session_id=session.id if session else "",
            user_id=session.user_id if session else "",
            detail=detail,
            opened_at=self.at,
        )
        self.unit.cases.open(case)

    def resolve(self, session: ChargingSession, *, captured: int, overrun: int = 0) -> None:
        """Postings 4 to 8: take what is owed and give back the rest, at once. Minor units.

        What a pre-authorisation did not need goes back to where it came from, and never becomes stored value.
        """
        hold = self.unit.ledger.resolve_hold(session.id, captured, self.at)
        if hold is None:
            return
        currency, released = session.currency, hold.released
        self.unit.ledger.post(
            settled(
                session.id,
                session.user_id,
                session.supplier_id,
                currency,
                captured=captured,
                released=released.amount_minor,
                overrun=overrun,
            ),
            self.at,
        )
        if session.payment == WALLET:
            return
        # The hold may have grown beyond the promise, out of the wallet: that part stays there.
        promised = min(released, session.quote.hold)
        if promised.amount_minor:
            self.unit.ledger.post(voided(session.id, session.user_id, session.payment, promised), self.at)
        row = NewRow(
            dedupe_key=f"command:{session.id}:complete_authorisation",
            klass=MessageClass.COMMAND,
            kind="complete_authorisation",
            subject=session.id,
            user_id=session.user_id,
        )
        self._ring_for(self.unit.outbox.add(row, self.at))

    def fail(self, session: ChargingSession, event: Event, failure: str) -> ChargingSession | None:
        """The start came to nothing: posting 7, all of the hold is back."""
        failed = self.move(session, event, failure, failure=failure)
        if failed is not None:
            self.resolve(failed, captured=0)
            other = self._other_gun(failed)
            self.say(
                failed,
                "start_failed",
                money=True,
                reason=failure,
                released=failed.quote.hold,
                nearby=other.station.name if other else "",
                away_m=round(other.distance_m) if other else None,
                free=other.free if other else None,
            )
        return failed

    def _other_gun(self, failed: ChargingSession) -> Alternative | None:
        """Where the next free gun is; None where there is none, or no need of one."""
        if failed.failure in _ANOTHER_GUN_HELPS_NOT:
            return None
        try:
            with self.attempt():
                return next(iter(alternatives(self.unit, failed.station_id, failed.ref, self.at)), None)
        except Exception:
            # A neighbour that cannot be read must not keep the hold from coming back.
            log.exception("no other gun could be looked for", extra={"session": failed.id})
            return None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What may fail without costing the rest; what was written inside is then gone, and nothing rung for."""
        before = len(self.rows)
        try:
            with self.unit.attempt():
                yield
        except Exception:
            del self.rows[before:]
            raise

    def _ring_for(self, row_id: int | None) -> None:
        if row_id is not None:
            self.rows.append(row_id)


@contextmanager
def working(means: Means) -> Iterator[Transaction]:
    """A transaction of its own; what it wants rung for is rung for after the commit."""
    with means.database.write() as unit:
        work = Transaction(means, unit, means.clock.now())
        yield work
    for row in work.rows:
        means.ring(row)


_ASKED_ABOUT = frozenset(SessionState) - {
    SessionState.START_FAILED,
    SessionState.SETTLED,
    SessionState.REVIEW,
    SessionState.CREDITED,
    SessionState.CLOSED,
}


def first_look(state: SessionState, at: datetime) -> datetime | None:
    """When somebody looks after a session that came into this state; None for one that waits for nothing."""
    return at + next_look_after(state, 0) if state in _ASKED_ABOUT else None
