"""From the driver's yes to energy that flows: money held, the start sent once, its answer taken for what it is."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from core.charging import CommandReply, Outcome
from core.errors import Conflict, NotReady, TooMany, UserError
from core.ledger import held_for
from core.money import Money
from core.outbox import Fate, OutboxRow, Result
from core.payments import TopupState
from core.ports import SessionClash, StartsCharging, UnitOfWork
from core.services.charging.means import WALLET, Means, working
from core.services.charging.quoting import Quoting, gun_of, minted
from core.session import START_EXPIRES_AFTER, ChargingSession, Event, FrozenQuote, SessionState

FAILED_STARTS_AT_MOST = 3
FAILED_STARTS_WITHIN = timedelta(minutes=10)
_NUMBERS_TRIED = 3  # a number that is taken is a wonder; two in a row are a broken generator
_BUSY = {SessionClash.GUN_BUSY: "gun_busy", SessionClash.USER_BUSY: "you_are_charging"}


class Starting:
    def __init__(self, means: Means, quoting: Quoting) -> None:
        self.means, self.quoting = means, quoting

    def start(
        self, user_id: str, quote_id: str, client_key: str, payment: str, grow_to: Money | None
    ) -> ChargingSession:
        """See ChargingService.start."""
        with working(self.means) as work:
            unit, at = work.unit, work.at
            if (before := unit.sessions.by_client_key(user_id, client_key)) is not None:
                return _same(before, quote_id)
            frozen = self.quoting.checked(unit, user_id, quote_id, at)
            self._refuse(unit, user_id, at)
            supplier = self.means.starter(frozen.supplier_id)
            if supplier is None:
                raise UserError("cannot_start_here")
            if payment != WALLET and not _promised(unit, frozen, client_key, payment):
                raise UserError("not_authorised")
            wished = ChargingSession(
                id=secrets.token_urlsafe(12),
                user_id=user_id,
                client_key=client_key,
                start_seq="",
                supplier_id=frozen.supplier_id,
                station_id=frozen.station_id,
                ref=frozen.ref,
                gun_key=gun_of(frozen),
                quote=frozen,
                state=SessionState.HELD,
                payment=payment,
                created_at=at,
                changed_at=at,
                next_look_at=at + START_EXPIRES_AFTER,
                grow_to=grow_to,
            )
            session = _added(unit, wished, supplier)
            if session is None:
                # The same yes came twice at the same moment, and the other one was first.
                before = unit.sessions.by_client_key(user_id, client_key)
                assert before is not None
                return _same(before, quote_id)
            unit.ledger.open_hold(session.id, user_id, frozen.hold, at)
            unit.ledger.post(held_for(session.id, user_id, frozen.hold), at)
            work.command(session, "start")
        return session

    def _refuse(self, unit: UnitOfWork, user_id: str, at: datetime) -> None:
        if unit.halts.all():
            raise NotReady("starts_halted")
        if unit.sessions.failed_starts(user_id, at - FAILED_STARTS_WITHIN) >= FAILED_STARTS_AT_MOST:
            raise TooMany("too_many_failed_starts", retry_after_s=int(FAILED_STARTS_WITHIN.total_seconds()))

    # --- sending it -------------------------------------------------------------------------------------------

    def send(self, row: OutboxRow) -> Result:
        """The handler of "start": claim, ask outside any transaction, write down the outcome. Never sends twice."""
        session = self._claim(row.subject)
        if session is None:
            return Result(Fate.POINTLESS)
        supplier = self.means.starter(session.supplier_id)
        reply = (
            supplier.start(session.ref, start_seq=session.start_seq, gun_code_rest=session.quote.code_rest)
            if supplier is not None
            else CommandReply(Outcome.REJECTED, "not_sent", "the supplier is no longer connected")
        )
        self._outcome(session.id, reply)
        return Result(Fate.SENT, sent_ref=session.start_seq, error=reply.detail)

    def _claim(self, session_id: str) -> ChargingSession | None:
        """The session as STARTING, if it is ours to start now."""
        with working(self.means) as work:
            session = work.unit.sessions.get(session_id)
            if session is None:
                return None
            if session.state is SessionState.STARTING:
                # Somebody claimed it before us and died, before or after the supplier heard of it: ask, never again.
                work.move(session, Event.START_SILENT, "its sender died", next_look_at=work.at)
                return None
            if session.state is not SessionState.HELD:
                return None
            if work.at - session.created_at >= START_EXPIRES_AFTER:
                work.fail(session, Event.NOT_SENT, "not_sent")
                return None
            return work.move(session, Event.START_SENT)

    def _outcome(self, session_id: str, reply: CommandReply) -> None:
        with working(self.means) as work:
            session = work.unit.sessions.get(session_id)
            assert session is not None
            if reply.outcome is Outcome.REJECTED:
                work.fail(session, Event.START_REFUSED, reply.reason or "other")
            elif reply.outcome is Outcome.UNKNOWN and reply.reason == "not_sent":
                # We send once: what never left us cannot have started anything.
                work.fail(session, Event.START_REFUSED, "not_sent")
            elif reply.outcome is Outcome.UNKNOWN:
                silent = work.move(session, Event.START_SILENT, reply.detail)
                if silent is not None:
                    work.say(silent, "start_unknown")


def _added(unit: UnitOfWork, wished: ChargingSession, supplier: StartsCharging) -> ChargingSession | None:
    """Stored under a new number; None when the same yes was first. Raises Conflict for a busy gun or driver."""
    for _ in range(_NUMBERS_TRIED):
        session = replace(wished, start_seq=minted(supplier))
        clash = unit.sessions.add(session)
        if clash is None:
            return session
        if clash is SessionClash.SAME_KEY:
            return None
        if clash is not SessionClash.SAME_NUMBER:
            raise Conflict(_BUSY[clash])
    raise LookupError("no free start number was found")


def _promised(unit: UnitOfWork, frozen: FrozenQuote, client_key: str, channel: str) -> bool:
    """Whether the channel has promised the hold for exactly this yes: what is left of it goes back there."""
    order = unit.payments.of_quote(frozen.id)
    if order is None or order.state is not TopupState.PAID or order.detail:
        return False
    return (order.channel, order.client_key, order.user_id) == (channel, client_key, frozen.user_id)


def _same(before: ChargingSession, quote_id: str) -> ChargingSession:
    """The first answer again, unless it was a yes to something else."""
    if before.quote.id != quote_id:
        raise Conflict("other_request_same_key")
    return before
