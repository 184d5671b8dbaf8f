"""What suppliers say of a session, pushed or asked for, and what time alone does to it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.charging import ChargingState, SessionUpdate
from core.errors import SupplierUnavailable
from core.ledger import Cause, NotEnoughMoney, held_for
from core.money import Money
from core.ports import CaseKind
from core.services.charging.means import Means, Transaction, working
from core.services.charging.metering import runs_out
from core.services.charging.settling import INVALID, Settling
from core.services.charging.stopping import BY_LIMIT, BY_US, ask_to_stop, stop_as_a_precaution
from core.services.charging.warning import begins_later, fee_of, price, warn
from core.session import (
    ASKED_TWICE_APART,
    LIVE,
    NOTHING_HELD_BEYOND,
    RECORD_FORGOTTEN_AFTER,
    RECORD_WITHIN,
    START_EXPIRES_AFTER,
    START_UNKNOWN_FOR_AT_MOST,
    ChargingSession,
    Event,
    SessionState,
    next_look_after,
)

# An accepted start becomes a session within this time, or it is one of those nobody knows anything about.
STARTS_WITHIN = timedelta(minutes=3)
# From here on a start in doubt is also told to stop: the driver has gone, or presses the button at the gun.
PRECAUTION_AFTER = timedelta(minutes=2)
# A stop that was accepted ends the charge within this time; one that failed is asked for again after the other.
STOPS_WITHIN = timedelta(minutes=3)
STOP_AGAIN_AFTER = timedelta(minutes=5)
SILENT_AFTER = timedelta(minutes=15)
# Promise P4 is kept although a job may be late.
HOLD_ENDS_AFTER = NOTHING_HELD_BEYOND - timedelta(hours=1)

_STARTING = frozenset({SessionState.STARTING, SessionState.START_UNKNOWN})
_ALIVE = frozenset({ChargingState.CHARGING, ChargingState.STOPPING})
_ASKED = LIVE - {SessionState.HELD}
_TOLD = ("started_at", "energy_kwh", "power_kw", "soc_percent")

log = logging.getLogger(__name__)


class Following:
    def __init__(self, means: Means, settling: Settling) -> None:
        self.means, self.settling = means, settling

    def follow(self, session_id: str) -> None:
        """Ask the supplier about one session, outside any transaction; then do what its answer and the time ask."""
        with self.means.database.read() as unit:
            session = unit.sessions.get(session_id)
        if session is None:
            return
        answered, update = self._ask(session)
        with working(self.means) as work:
            current = work.unit.sessions.get(session_id)
            assert current is not None
            if answered and update is not None:
                current = self._take(work, current, update)
            elif answered:
                current = _unknown_there(work, current)
            self._pass_time(work, _looked(work, current))

    def apply(self, supplier_id: str, update: SessionUpdate) -> None:
        """A push. One for a session that is not ours changes nothing."""
        with working(self.means) as work:
            found = work.unit.sessions.by_start_seq(supplier_id, update.start_seq)
            session = work.unit.sessions.get(found.id) if found is not None else None
            if session is not None:
                self._take(work, session, update)

    def _ask(self, session: ChargingSession) -> tuple[bool, SessionUpdate | None]:
        """Whether anybody answered, and what; None is "I know no such session"."""
        supplier = self.means.starter(session.supplier_id)
        if supplier is None or session.state not in _ASKED:
            return False, None
        try:
            return True, supplier.session(session.start_seq)
        except SupplierUnavailable as error:
            log.warning("a session's supplier is silent", extra={"session": session.id, "error": str(error)})
            return False, None

    # --- what is said -----------------------------------------------------------------------------------------

    def _take(self, work: Transaction, session: ChargingSession, update: SessionUpdate) -> ChargingSession:
        """One word of the supplier. The newest counts, filled up with what was said before; an end is final."""
        work.unit.records.save_session(session.supplier_id, update, work.at)
        told = work.unit.records.session(session.supplier_id, session.start_seq) or update
        if session.state is SessionState.START_FAILED and (told.state in _ALIVE or (told.energy_kwh or 0) > 0):
            return _came_to_life(work, session)
        if session.state not in LIVE:
            return session
        before, session = session, _metered(work, session, told)
        if told.state is ChargingState.INVALID:
            return _invalid(work, session)
        if told.state is ChargingState.ENDED:
            return _ended(work, session, told)
        if session.state in _STARTING and (told.state in _ALIVE or (told.energy_kwh or 0) > 0):
            session = _charges(work, session, told)
        if session.state is SessionState.CHARGING:
            session = _kept_within_the_hold(work, session)
        if session.state is SessionState.CHARGING:
            _warned(work, before, session)
        return session

    # --- what time does ---------------------------------------------------------------------------------------

    def _pass_time(self, work: Transaction, session: ChargingSession) -> None:
        """At most one deadline at a time; what follows from it comes at the next look."""
        in_state, age = work.at - session.changed_at, work.at - session.created_at
        match session.state:
            case _ if session.state in LIVE and age >= HOLD_ENDS_AFTER:
                settled = self.settling.provisional(work, session, Event.NO_RECORD)
                if settled is not None and session.state is not SessionState.AWAIT_RECORD:
                    stop_as_a_precaution(work, session)
            case SessionState.HELD if age >= START_EXPIRES_AFTER:
                work.fail(session, Event.NOT_SENT, "not_sent")
            case SessionState.STARTING if in_state >= STARTS_WITHIN:
                work.move(session, Event.START_SILENT, "accepted, and nothing seen of it")
            case SessionState.START_UNKNOWN if in_state >= START_UNKNOWN_FOR_AT_MOST:
                self.settling.provisional(work, session, Event.NO_ANSWER)
                stop_as_a_precaution(work, session)
            case SessionState.START_UNKNOWN if in_state >= PRECAUTION_AFTER:
                stop_as_a_precaution(work, session)
            case SessionState.AWAIT_RECORD if in_state >= RECORD_WITHIN:
                self.settling.provisional(work, session, Event.NO_RECORD)
            case SessionState.PROVISIONAL if in_state >= RECORD_FORGOTTEN_AFTER:
                work.move(session, Event.FORGOTTEN)
            case SessionState.STOPPING if in_state >= STOPS_WITHIN:
                work.move(session, Event.STOP_SILENT, "it goes on all the same")
            case SessionState.STOP_UNKNOWN if in_state >= STOP_AGAIN_AFTER:
                ask_to_stop(work, session, session.stop_reason)
            case SessionState.CHARGING if _silent_for(session, work.at) >= SILENT_AFTER:
                work.say(session, "charge_unseen", state=f"{session.seen_at or session.changed_at:%Y%m%d%H%M}")


def _silent_for(session: ChargingSession, at: datetime) -> timedelta:
    return at - (session.seen_at or session.changed_at)


def _looked(work: Transaction, session: ChargingSession) -> ChargingSession:
    """The next look is set. It never comes later than the hold may last."""
    if session.next_look_at is None or session.changed_at == work.at:
        return session  # it waits for nothing, or has just got its first look
    looks = session.looks + 1
    next_at = work.at + next_look_after(session.state, looks)
    if session.state in LIVE:
        ends_at = session.created_at + HOLD_ENDS_AFTER
        next_at = min(next_at, ends_at) if ends_at > work.at else next_at
    looked = replace(session, looks=looks, next_look_at=next_at)
    work.unit.sessions.save(looked)
    return looked


def _metered(work: Transaction, session: ChargingSession, told: SessionUpdate) -> ChargingSession:
    """The meter as it was last read; it does not run backwards."""
    said: dict[str, Any] = {name: getattr(told, name) for name in _TOLD if getattr(told, name) is not None}
    if session.energy_kwh is not None and said.get("energy_kwh", session.energy_kwh) < session.energy_kwh:
        del said["energy_kwh"]
    if told.cost is not None and (not told.currency or told.currency == session.currency):
        said["seen_cost"] = max(told.cost, session.seen_cost or Decimal(0))
    # By our own clock: theirs may be anything.
    metered = replace(session, unknown_since=None, seen_at=work.at, **said)
    work.unit.sessions.save(metered)
    return metered


def _charges(work: Transaction, session: ChargingSession, told: SessionUpdate) -> ChargingSession:
    began = session.started_at or told.started_at or told.at
    charging = work.move(session, Event.CHARGES, started_at=began)
    assert charging is not None
    if charging.stop_wanted_at is not None:
        return ask_to_stop(work, charging, charging.stop_reason) or charging
    work.say(charging, "charge_started", hold=charging.quote.hold)
    return charging


def _ended(work: Transaction, session: ChargingSession, told: SessionUpdate) -> ChargingSession:
    nothing = session.energy_kwh == 0 and not session.seen_cost
    if session.state in _STARTING and nothing:
        return _never_became_one(work, session)
    ended_at = session.ended_at or min(told.at, work.at)
    ended = work.move(session, Event.ENDED, ended_at=ended_at, power_kw=None) if _can_end(session) else None
    if ended is not None:
        standing = _standing(work, ended)
        work.say(
            ended,
            "charge_ended",
            energy_kwh=str(ended.energy_kwh or 0),
            reason=ended.stop_reason,
            per_minute=standing[0],
            idle_from_at=standing[1],
        )
    return ended or session


def _warned(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    """What a driver should hear never costs what the meter said, or the stop at the limit."""
    try:
        with work.attempt():
            warn(work, before, now)
    except Exception:
        log.exception("a driver could not be warned", extra={"session": now.id})


def _standing(work: Transaction, ended: ChargingSession) -> tuple[dict[str, str] | None, str | None]:
    """What standing costs, and from when. That it cannot be told never keeps a charge from ending."""
    try:
        with work.attempt():
            fee = fee_of(work, ended)
            return price(fee), begins_later(fee, ended, work)
    except Exception:
        log.exception("what standing costs could not be told", extra={"session": ended.id})
        return None, None


def _can_end(session: ChargingSession) -> bool:
    """It has ended once; that it is said again is no news for the diary."""
    return session.state is not SessionState.AWAIT_RECORD


def _invalid(work: Transaction, session: ChargingSession) -> ChargingSession:
    """The supplier will not bill it. One that was seen to charge waits for a record all the same; then it is free."""
    if session.state in _STARTING:
        return _never_became_one(work, session)
    if not _can_end(session):
        return session
    return work.move(session, Event.ENDED, INVALID, ended_at=work.at, power_kw=None, failure=INVALID) or session


def _came_to_life(work: Transaction, session: ChargingSession) -> ChargingSession:
    """It was refused, or unknown twice, and charges all the same: at our cost, so it is ended. Noted once."""
    if session.stop_reason:
        return session
    work.move(session, Event.CHARGES, "after the start had failed")
    noted = replace(session, stop_reason=BY_US, stop_wanted_at=work.at)
    work.unit.sessions.save(noted)
    # The stop that was sent when nobody knew of it found nothing to stop.
    stop_as_a_precaution(work, noted, "alive")
    work.open_case(CaseKind.REVIEW, session.id, "it charges, after the start had failed", session)
    return noted


def _never_became_one(work: Transaction, session: ChargingSession) -> ChargingSession:
    """Positive evidence that nothing will be billed."""
    if session.state is SessionState.STARTING:
        return work.fail(session, Event.START_REFUSED, "other") or session
    return work.fail(session, Event.NEVER_STARTED, "never_started") or session


def _unknown_there(work: Transaction, session: ChargingSession) -> ChargingSession:
    """ "I know no such session", which is believed when it is said twice, a minute apart."""
    if session.state is not SessionState.START_UNKNOWN:
        return session
    if session.unknown_since is None:
        session = replace(session, unknown_since=work.at)
        work.unit.sessions.save(session)
    if work.at - (session.unknown_since or work.at) < ASKED_TWICE_APART:
        return session
    failed = work.fail(session, Event.NEVER_STARTED, "never_started")
    # What only comes to life from here on is ended before it costs anybody much.
    stop_as_a_precaution(work, session)
    return failed or session


def _kept_within_the_hold(work: Transaction, session: ChargingSession) -> ChargingSession:
    hold = work.unit.ledger.hold(session.id)
    assert hold is not None
    if not runs_out(session, hold.amount, work.at):
        return session
    if (grown := _grown(work, session, hold.amount)) is not None:
        work.say(session, "hold_extended", state=str(grown.amount_minor), money=True, hold=grown)
        return session
    stopping = ask_to_stop(work, session, BY_LIMIT)
    if stopping is not None:
        work.say(stopping, "stopped_at_limit", money=True, hold=hold.amount)
    return stopping or session


def _grown(work: Transaction, session: ChargingSession, amount: Money) -> Money | None:
    """Posting 3: one more of the first hold, as far as the driver agreed and the wallet reaches."""
    if session.grow_to is None:
        return None
    by = min(session.quote.hold.amount_minor, session.grow_to.amount_minor - amount.amount_minor)
    if by <= 0:
        return None
    more = Money(by, session.currency)
    booked = work.unit.ledger.transfers_of(session.id)
    number = sum(one.transfer.cause is Cause.HOLD for one in booked)
    try:
        work.unit.ledger.post(held_for(session.id, session.user_id, more, number), work.at)
    except NotEnoughMoney:
        return None
    return work.unit.ledger.extend_hold(session.id, more).amount
