"""Who waits for their money is told so, before they ask: holds that are still there, refunds that are late.

Each is said once. What is later than we promised (72 hours for a hold, the day we named for a refund) is also put
before one of us, as a case, and stands in the doctor's report and the metrics until it is over.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.outbox import MessageClass
from core.payments import OPEN_REFUNDS
from core.ports import Case, CaseKind, Clock, Database, UnitOfWork
from core.services.charging.means import Tell
from core.session import NOTHING_HELD_BEYOND, RECORD_WITHIN, ChargingSession, Hold, SessionState

TOLD_AFTER = timedelta(hours=24)
# A charge of a day is possible; one that nobody has heard of for an hour is not called charging.
UNSEEN_FOR = timedelta(hours=1)
AT_ONCE = 500
MOST_COUNTED = 10_000

# Here nothing flows any more. A start in doubt was told when it came into doubt, and is over after 24 hours.
_OVER = frozenset({SessionState.AWAIT_RECORD, SessionState.STOPPING, SessionState.STOP_UNKNOWN})
_HELD_TOO_LONG = "its hold is older than the 72 hours we promise"
_PAID_TOO_LATE = "not paid out by the day we named"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Late:
    """How many there are now: `holds` and `refunds` later than we promised, and `waiting` holds older than a day."""

    waiting: int
    holds: int
    refunds: int


class Watchdog:
    """`ring` is called after a commit with the outbox row that waits; it never raises."""

    def __init__(self, database: Database, clock: Clock, *, tell: Tell, ring: Callable[[int], object]) -> None:
        self.database, self.clock = database, clock
        self._tell, self._ring = tell, ring

    def look(self) -> int:
        """Tell whoever waits and has not been told; how many were. Safe to run twice, and at once."""
        at = self.clock.now()
        with self.database.read() as unit:
            holds = unit.ledger.old_holds(at - TOLD_AFTER, AT_ONCE)
            refunds = unit.payments.overdue_refunds(at, AT_ONCE)
        told = [self._carefully(self._look_at_hold, one.session_id, at) for one in holds]
        told += [self._carefully(self._look_at_refund, one.id, at) for one in refunds]
        return sum(told)

    def late(self) -> Late:
        """For the doctor and the metrics."""
        at = self.clock.now()
        with self.database.read() as unit:
            old = unit.ledger.old_holds(at - TOLD_AFTER, MOST_COUNTED)
            refunds = len(unit.payments.overdue_refunds(at, MOST_COUNTED))
        broken = sum(_is_broken(one, at) for one in old)
        return Late(len(old) - broken, broken, refunds)

    def _carefully(self, look: Callable[[UnitOfWork, str, datetime], int | None], subject: str, at: datetime) -> bool:
        """One that cannot be looked at must not keep the others from being heard."""
        try:
            with self.database.write() as unit:
                row = look(unit, subject, at)
        except Exception:
            log.exception("a late hold or refund could not be looked at", extra={"subject": subject})
            return False
        if row is not None:
            self._ring(row)
        return row is not None

    # --- holds ------------------------------------------------------------------------------------------------

    def _look_at_hold(self, unit: UnitOfWork, session_id: str, at: datetime) -> int | None:
        session, hold = unit.sessions.get(session_id), unit.ledger.hold(session_id)
        if session is None or hold is None or not hold.active:
            return None
        if _is_broken(hold, at):
            if _open_once(unit, CaseKind.REVIEW, session.id, _HELD_TOO_LONG, at, session.user_id, session.id):
                log.error("a hold is older than we promise", extra={"session": session.id})
            return self._say(unit, session.user_id, "hold_overdue", session.id, at, _about(session, hold))
        if not _is_over(session, at):
            return None
        params = _about(session, hold) | {"why": _why(session), "until_at": _ends(session, hold)}
        return self._say(unit, session.user_id, "hold_kept", session.id, at, params)

    # --- refunds ----------------------------------------------------------------------------------------------

    def _look_at_refund(self, unit: UnitOfWork, refund_id: str, at: datetime) -> int | None:
        refund = unit.payments.refund(refund_id)
        if refund is None or refund.state not in OPEN_REFUNDS or refund.due_at > at:
            return None
        if _open_once(unit, CaseKind.REFUND, refund.id, _PAID_TOO_LATE, at, refund.user_id):
            log.error("a refund is later than we promised", extra={"refund": refund.id})
        params: dict[str, object] = {"amount": refund.amount, "due_at": refund.due_at, "reference": refund.id}
        return self._say(unit, refund.user_id, "refund_overdue", refund.id, at, params)

    def _say(
        self, unit: UnitOfWork, user_id: str, code: str, subject: str, at: datetime, params: dict[str, object]
    ) -> int | None:
        who = unit.people.current(user_id)
        return self._tell(unit, who, code, params, klass=MessageClass.MONEY, subject=subject, state=code, at=at)


def _is_broken(hold: Hold, at: datetime) -> bool:
    return at - hold.held_at >= NOTHING_HELD_BEYOND


def _is_over(session: ChargingSession, at: datetime) -> bool:
    """Whether nothing flows any more, as far as anybody can tell."""
    if session.state is SessionState.CHARGING:
        return at - (session.seen_at or session.changed_at) >= UNSEEN_FOR
    return session.state in _OVER


def _why(session: ChargingSession) -> str:
    return "no_bill" if session.state is SessionState.AWAIT_RECORD else "no_end"


def _ends(session: ChargingSession, hold: Hold) -> datetime:
    """When all of it is settled or back at the latest: two days after the end, and never later than we promise."""
    promised = hold.held_at + NOTHING_HELD_BEYOND
    awaits = session.state is SessionState.AWAIT_RECORD
    return min(session.changed_at + RECORD_WITHIN, promised) if awaits else promised


def _about(session: ChargingSession, hold: Hold) -> dict[str, object]:
    return {
        "session_id": session.id,
        "station": session.quote.station_name,
        "hold": hold.amount,
        "held_at": hold.held_at,
    }


def _open_once(
    unit: UnitOfWork, kind: CaseKind, subject: str, detail: str, at: datetime, user_id: str, session_id: str = ""
) -> bool:
    """A case, unless there is one about this already, open or decided."""
    if any(one.detail == detail or one.decided_at is None for one in unit.cases.about(kind, subject)):
        return False
    unit.cases.open(Case(f"C{secrets.token_hex(6)}", kind, subject, session_id, user_id, detail, at))
    return True
