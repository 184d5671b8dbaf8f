"""Ending a charge: at the driver's wish, before the hold is used up, and to be safe where a start is in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.charging import CommandReply, Outcome
from core.errors import NotFound
from core.outbox import Fate, OutboxRow, Result
from core.services.charging.means import Means, Transaction, working
from core.session import STOP_TRIES, ChargingSession, Event, SessionState

BY_DRIVER, BY_LIMIT, BY_US = "user", "limit", "precaution"
PRECAUTION = "precaution"  # of the outbox row's occasion: the session's state is not touched
_TRY_AGAIN_AFTER = timedelta(seconds=10)
_STOPPABLE = frozenset({SessionState.CHARGING, SessionState.STOP_UNKNOWN})
_NOT_YET = frozenset({SessionState.STARTING, SessionState.START_UNKNOWN})
# Here a charge may run that we do not count on: it is ended before it costs anybody anything.
_IN_DOUBT = frozenset({SessionState.START_UNKNOWN, SessionState.START_FAILED, SessionState.PROVISIONAL})


class Stopping:
    def __init__(self, means: Means) -> None:
        self.means = means

    def stop(self, user_id: str, session_id: str) -> ChargingSession:
        """See ChargingService.stop."""
        with working(self.means) as work:
            session = work.unit.sessions.get(session_id)
            if session is None or session.user_id != user_id:
                raise NotFound("no_such_session")
            if session.state is SessionState.HELD:
                return work.fail(session, Event.NOT_SENT, "cancelled") or session
            if session.state in _NOT_YET and session.stop_wanted_at is None:
                wished = replace(session, stop_wanted_at=work.at, stop_reason=BY_DRIVER)
                work.unit.sessions.save(wished)
                return wished
            return ask_to_stop(work, session, BY_DRIVER) or session

    def send(self, row: OutboxRow) -> Result:
        """The handler of "stop": ask outside any transaction, write down the outcome. May be sent more than once."""
        precaution = row.dedupe_key.endswith(f":{PRECAUTION}")
        session = self._claim(row.subject, precaution)
        if session is None:
            return Result(Fate.POINTLESS)
        supplier = self.means.starter(session.supplier_id)
        reply = (
            supplier.stop(session.ref, start_seq=session.start_seq)
            if supplier is not None
            else CommandReply(Outcome.UNKNOWN, "not_sent", "the supplier is no longer connected")
        )
        if precaution:
            silent = reply.outcome is Outcome.UNKNOWN
            return Result(Fate.NOT_SENT if silent else Fate.SENT, error=reply.detail)
        return self._outcome(session.id, reply, row.attempts)

    def _claim(self, session_id: str, precaution: bool) -> ChargingSession | None:
        with working(self.means) as work:
            session = work.unit.sessions.get(session_id)
            if session is None:
                return None
            if precaution:
                return session if session.state in _IN_DOUBT else None
            if session.state is SessionState.STOP_UNKNOWN:
                return work.move(session, Event.STOP_ASKED, "once more")
            return session if session.state is SessionState.STOPPING else None

    def _outcome(self, session_id: str, reply: CommandReply, attempts: int) -> Result:
        with working(self.means) as work:
            session = work.unit.sessions.get(session_id)
            assert session is not None
            if reply.outcome is Outcome.ACCEPTED:
                return Result(Fate.SENT)
            if reply.reason == "already_ended":
                work.move(session, Event.ENDED, "already ended", ended_at=session.ended_at or work.at)
                return Result(Fate.SENT)
            unheard = work.move(session, Event.STOP_SILENT, reply.reason or reply.detail)
            if unheard is None:  # it ended while we asked
                return Result(Fate.SENT)
            if attempts < STOP_TRIES:
                return Result(Fate.NOT_SENT, error=reply.detail, retry_after=_TRY_AGAIN_AFTER)
            work.say(unheard, "stop_failed", state=str(attempts))
            return Result(Fate.REFUSED, error=reply.detail or reply.reason)


def ask_to_stop(work: Transaction, session: ChargingSession, reason: str) -> ChargingSession | None:
    """STOPPING, with the order to the supplier; None (and a line in the diary) where there is nothing to stop."""
    if session.state not in _STOPPABLE:
        return None
    first = session.stop_reason or reason
    asked = work.move(session, Event.STOP_ASKED, reason, stop_wanted_at=work.at, stop_reason=first)
    if asked is not None:
        # A stop that was given up may be asked for again.
        work.command(asked, "stop", work.at.isoformat())
    return asked


def stop_as_a_precaution(work: Transaction, session: ChargingSession, why: str = "") -> None:
    """Once for each session and reason."""
    work.command(session, "stop", f"{why}:{PRECAUTION}" if why else PRECAUTION)
