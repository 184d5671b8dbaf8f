"""Charge first, pay after: an amount promised for one charge alone, of which only the cost is taken.

The promised amount passes through the wallet, so that hold, capture and release are those of every charge. What the
charge did not need goes back in the transaction that settles it (core/services/charging) and never becomes stored
value; the provider is then told to take the rest. A promise and its session share the driver's key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import Conflict, NotFound, UserError
from core.ledger import promise_returned, topped_up
from core.money import Money
from core.outbox import Fate, OutboxRow, Result
from core.payments import (
    SILENT_PROVIDER_ASKED_AGAIN_AFTER,
    TAKEN,
    TO_TAKE,
    AuthorisationReport,
    AuthorisationState,
    PaymentRequest,
    PaymentUnavailable,
    Topup,
    TopupState,
)
from core.ports import CaseKind, PreAuthorises, UnitOfWork
from core.services.wallet.till import KeyUsed, Till, asked_in_vain, free_money, open_case
from core.services.wallet.topups import PAYABLE, new_order, refuse_unpayable
from core.session import QUOTE_HOLDS_FOR, ChargingSession

# By then the charge has begun, or never will: its quote has ended.
BEGINS_WITHIN = QUOTE_HOLDS_FOR * 2
ENDED_LOOKED_FOR_EVERY = timedelta(minutes=10)


class Authorisations:
    def __init__(self, till: Till) -> None:
        self._till = till

    def channels(self) -> list[str]:
        """The ways of payment that can do this."""
        return [channel for channel, one in self._till.providers.items() if isinstance(one, PreAuthorises)]

    def open(
        self, user_id: str, quote_id: str, channel: str, client_key: str, payer: str, description: str
    ) -> tuple[Topup, PaymentRequest]:
        provider = self._able(channel)
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            hold = _hold_of(unit, user_id, quote_id, at)
            if hold.currency not in self._till.provider(channel).currencies:
                raise UserError("currency_not_taken", currency=hold.currency)
            order = unit.payments.add_topup(new_order(user_id, client_key, channel, hold, at, quote_id))
        if (order.channel, order.quote_id) != (channel, quote_id):
            raise KeyUsed
        refuse_unpayable(order)
        try:
            request = provider.authorise(order, description, payer)
        except PaymentUnavailable as error:
            raise asked_in_vain() from error
        with self._till.database.write() as unit:
            order = unit.payments.topup(order.id) or order
            if order.state is TopupState.CREATED:
                order = replace(order, state=TopupState.PENDING)
                unit.payments.save_topup(order)
        return order, request

    def _able(self, channel: str) -> PreAuthorises:
        provider = self._till.provider(channel)
        if not isinstance(provider, PreAuthorises):
            raise UserError("no_such_way_to_pay")
        return provider

    def _able_with(self, order: Topup) -> PreAuthorises:
        provider = self._till.provider_of_order(order.channel)
        if not isinstance(provider, PreAuthorises):
            raise PaymentUnavailable(f"{order.channel} is not set up to pre-authorise")
        return provider

    # --- the provider's word ------------------------------------------------------------------------------------

    def report(self, channel: str, report: AuthorisationReport) -> Topup | None:
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            order = unit.payments.topup(report.order_id)
            if order is None or order.channel != channel or not order.quote_id:
                detail = f"{channel}: a promise that we do not know, {report.order_id} ({report.state})"
                open_case(unit, CaseKind.TOPUP, f"{channel}:{report.order_id}"[:200], "", detail[:500], at)
                return None
            match report.state:
                case AuthorisationState.AUTHORISED:
                    return _authorised(unit, order, report, at)
                case AuthorisationState.COMPLETED:
                    return _taken(unit, order, at)
                case AuthorisationState.CANCELLED:
                    return _cancelled(unit, order, at)
                case AuthorisationState.WAITING | AuthorisationState.UNKNOWN:
                    return order

    # --- the end of the charge ------------------------------------------------------------------------------------

    def complete(self, row: OutboxRow) -> Result:
        """The outbox's handler, for a session that is settled. Safe to repeat: the amount is the same."""
        with self._till.database.write() as unit:
            session = unit.sessions.get(row.subject)
            order = unit.payments.of_quote(session.quote.id) if session else None
            if session is None or order is None:
                return Result(Fate.REFUSED, error="nothing was promised for this session")
            order = _to_take(unit, order, session)
        try:
            self._take(order)
        except PaymentUnavailable as error:
            return Result(Fate.NOT_SENT, error=str(error)[:300])
        return Result(Fate.SENT, sent_ref=order.id)

    def _take(self, order: Topup) -> Topup:
        if order.detail != TO_TAKE:
            return order
        total = Money(order.amount.amount_minor - order.refunded, order.amount.currency)
        return self.report(order.channel, self._able_with(order).complete(order, total)) or order

    # --- asking -----------------------------------------------------------------------------------------------------

    def look(self, order: Topup) -> Topup:
        """What became of it, at the provider and with the charge; gives back one whose charge never began."""
        try:
            after = self._look_at_booked(order) if order.state is TopupState.PAID else self._look_at_open(order)
        except PaymentUnavailable:
            return self._again(order, SILENT_PROVIDER_ASKED_AGAIN_AFTER)
        if after.state in PAYABLE or (after.state is TopupState.PAID and after.detail != TAKEN):
            return self._again(after, ENDED_LOOKED_FOR_EVERY)
        return after

    def _look_at_open(self, order: Topup) -> Topup:
        provider = self._able_with(order)
        report = provider.authorisation(order)
        if order.expires_at <= self._till.clock.now():
            if report.state is AuthorisationState.WAITING:
                report = provider.complete(order, Money(0, order.amount.currency))
            elif report.state is AuthorisationState.UNKNOWN:
                report = replace(report, state=AuthorisationState.CANCELLED)
        return self.report(order.channel, report) or order

    def _look_at_booked(self, order: Topup) -> Topup:
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            session = unit.sessions.by_client_key(order.user_id, order.client_key)
            if session is not None:
                session = unit.sessions.get(session.id)  # the session is locked before anything else
            known = unit.payments.topup(order.id) or order
            if session is not None and session.quote.id == order.quote_id and session.payment == order.channel:
                known = _to_take(unit, known, session)
            elif not known.detail and known.paid_at is not None and known.paid_at + BEGINS_WITHIN <= at:
                known = _returned(unit, known, at)
        return self._take(known)

    def _again(self, order: Topup, after: timedelta) -> Topup:
        with self._till.database.write() as unit:
            known = unit.payments.topup(order.id) or order
            if known.next_look_at is not None:
                known = replace(known, next_look_at=self._till.clock.now() + after)
                unit.payments.save_topup(known)
            return known


def _hold_of(unit: UnitOfWork, user_id: str, quote_id: str, at: datetime) -> Money:
    found = unit.sessions.quote(quote_id)
    if found is None or found[0].user_id != user_id:
        raise NotFound("no_such_quote")
    if at >= found[0].expires_at:
        raise Conflict("quote_expired")
    return found[0].hold


def _authorised(unit: UnitOfWork, order: Topup, report: AuthorisationReport, at: datetime) -> Topup:
    if order.state is TopupState.PAID:
        return order
    if report.limit != order.amount or not report.transaction:
        detail = f"{order.channel}: promised {report.limit} instead of {order.amount}, {report.transaction}"
        open_case(unit, CaseKind.TOPUP, order.id, order.user_id, detail[:500], at)
        parked = replace(order, state=TopupState.PARKED, next_look_at=None, detail="another amount")
        unit.payments.save_topup(parked)
        return parked
    unit.ledger.post(topped_up(order.channel, report.transaction, order.user_id, order.amount), at)
    booked = replace(
        order,
        state=TopupState.PAID,
        psp_transaction=report.transaction,
        paid_at=at,
        next_look_at=at + BEGINS_WITHIN,
        detail="",
    )
    unit.payments.save_topup(booked)
    return booked


def _taken(unit: UnitOfWork, order: Topup, at: datetime) -> Topup:
    """The provider has taken what we said."""
    if order.state is TopupState.PAID and order.detail == TO_TAKE:
        order = replace(order, detail=TAKEN, next_look_at=None)
        unit.payments.save_topup(order)
    elif order.state is not TopupState.PAID or not order.detail:
        detail = f"{order.channel}: completed, though we have not said what to take"
        open_case(unit, CaseKind.TOPUP, order.id, order.user_id, detail, at)
    return order


def _cancelled(unit: UnitOfWork, order: Topup, at: datetime) -> Topup:
    if order.state in PAYABLE:
        order = replace(order, state=TopupState.CLOSED, next_look_at=None)
        unit.payments.save_topup(order)
        return order
    nothing_to_take = order.detail == TO_TAKE and order.refunded == order.amount.amount_minor
    if order.state is TopupState.PAID and order.detail != TAKEN and not nothing_to_take:
        detail = f"{order.channel}: the promise was taken back, though it was booked"
        open_case(unit, CaseKind.TOPUP, order.id, order.user_id, detail, at)
        return order
    return _taken(unit, order, at) if nothing_to_take else order


def _to_take(unit: UnitOfWork, order: Topup, session: ChargingSession) -> Topup:
    """What the provider is to take, once the session's hold is resolved."""
    hold = unit.ledger.hold(session.id)
    if order.detail or order.state is not TopupState.PAID or hold is None or hold.active:
        return order
    order = replace(order, refunded=min(hold.released, order.amount).amount_minor, detail=TO_TAKE)
    unit.payments.save_topup(order)
    return order


def _returned(unit: UnitOfWork, order: Topup, at: datetime) -> Topup:
    # Should part of it have been spent otherwise meanwhile, the provider takes that part: it was spent.
    back = min(order.amount.amount_minor, free_money(unit, order.user_id, order.amount.currency))
    if back:
        amount = Money(back, order.amount.currency)
        unit.ledger.post(promise_returned(order.id, order.user_id, order.channel, amount), at)
    order = replace(order, refunded=back, detail=TO_TAKE)
    unit.payments.save_topup(order)
    return order
