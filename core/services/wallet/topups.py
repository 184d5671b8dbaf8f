"""Money in: an order, the provider's word that it was paid, one posting.

The word comes by a notice or because we asked, often both and in any order. Whatever comes again changes nothing;
whatever does not fit our order is not booked but put before a person.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

from core.errors import NotFound, UserError
from core.ledger import topped_up
from core.money import Money
from core.outbox import MessageClass
from core.payments import (
    LOOKS_AFTER,
    SILENT_PROVIDER_ASKED_AGAIN_AFTER,
    TOPUP_EXPIRES_AFTER,
    OrderReport,
    OrderState,
    PaymentRequest,
    PaymentUnavailable,
    Topup,
    TopupState,
    topup_limits,
)
from core.ports import AnswersForOrders, CaseKind, PaymentProvider, UnitOfWork
from core.services.notify import tell
from core.services.wallet.till import KeyUsed, Till, asked_in_vain, open_case

PAYABLE = frozenset({TopupState.CREATED, TopupState.PENDING})
# The states in which somebody has to make a new order, with the sentence that says why.
_NOT_PAYABLE = {
    TopupState.PAID: "already_paid",
    TopupState.PARKED: "payment_in_review",
    TopupState.CLOSED: "topup_closed",
}


class Topups:
    def __init__(self, till: Till) -> None:
        self._till = till

    # --- an order ---------------------------------------------------------------------------------------------

    def open(
        self, user_id: str, amount: Money, channel: str, client_key: str, payer: str, description: str
    ) -> tuple[Topup, PaymentRequest]:
        provider = self._till.provider(channel)
        _check_amount(amount, provider)
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            order = unit.payments.add_topup(new_order(user_id, client_key, channel, amount, at))
        if (order.amount, order.channel) != (amount, channel):
            raise KeyUsed
        refuse_unpayable(order)
        try:
            request = provider.request(order, description, payer)
        except PaymentUnavailable as error:
            raise asked_in_vain() from error
        return self.opened(order.id), request

    def opened(self, topup_id: str) -> Topup:
        """The provider has the order. Its notice may have been faster than its answer."""
        with self._till.database.write() as unit:
            order = _known(unit, topup_id)
            if order.state is TopupState.CREATED:
                order = replace(order, state=TopupState.PENDING)
                unit.payments.save_topup(order)
            return order

    def may_be_paid(self, channel: str, topup_id: str, amount: Money, user_id: str) -> Topup:
        """Asked by a channel just before it takes the money. Raises UserError when it must not."""
        with self._till.database.read() as unit:
            order = unit.payments.topup(topup_id)
            theirs = order is not None and order.user_id in unit.people.same_person(user_id)
        if order is None or not theirs or order.channel != channel or order.amount != amount:
            raise NotFound("no_such_topup")
        refuse_unpayable(order)
        if order.expires_at <= self._till.clock.now():
            raise UserError("topup_closed")
        return order

    # --- the provider's word ----------------------------------------------------------------------------------

    def report(self, channel: str, report: OrderReport) -> Topup | None:
        """Book what was paid, once. Anything but a payment changes nothing: an order is closed by us."""
        if report.state is not OrderState.PAID:
            return None
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            order = unit.payments.topup(report.order_id)
            if order is None or order.channel != channel:
                # Nobody's money that we know of; kept, for whoever asks for it.
                _doubt(unit, channel, report, None, "for an order that we do not know", at)
                return None
            if order.state is TopupState.PAID and order.psp_transaction == report.transaction:
                return self._again(unit, order, report, at)
            if order.state is TopupState.PARKED:
                return order
            if wrong := _what_is_wrong(unit, order, report):
                return self._park(unit, order, report, wrong, at)
            done, row = self._book(unit, order, report, at)
        self._till.ring_all([row])
        return done

    def _again(self, unit: UnitOfWork, order: Topup, report: OrderReport, at: datetime) -> Topup:
        if report.amount not in (None, order.amount):
            _doubt(unit, order.channel, report, order, "another amount than it said before", at)
        return order

    def _park(self, unit: UnitOfWork, order: Topup, report: OrderReport, wrong: str, at: datetime) -> Topup:
        _doubt(unit, order.channel, report, order, wrong, at)
        if order.state is TopupState.PAID:
            return order  # it was paid well once; this is about money that came on top
        # The transaction stays with the order that it paid first.
        taken = unit.payments.by_transaction(order.channel, report.transaction) is not None
        parked = replace(
            order,
            state=TopupState.PARKED,
            psp_transaction="" if taken else report.transaction,
            paid_at=report.paid_at or at,
            next_look_at=None,
            detail=wrong,
        )
        unit.payments.save_topup(parked)
        return parked

    def _book(self, unit: UnitOfWork, order: Topup, report: OrderReport, at: datetime) -> tuple[Topup, int | None]:
        """Also for an order that we had closed: the money is real."""
        user_id = unit.people.current(order.user_id)
        unit.ledger.post(topped_up(order.channel, report.transaction, user_id, order.amount), at)
        paid = replace(
            order,
            state=TopupState.PAID,
            psp_transaction=report.transaction,
            paid_at=report.paid_at or at,
            next_look_at=None,
            detail="",
        )
        unit.payments.save_topup(paid)
        row = tell(
            unit,
            user_id,
            "topup_paid",
            {"amount": order.amount},
            klass=MessageClass.MONEY,
            subject=order.id,
            state="paid",
            at=at,
        )
        return paid, row

    # --- asking -----------------------------------------------------------------------------------------------

    def look(self, topup_id: str) -> Topup | None:
        """Ask the provider what became of an order; closes one whose time is over. None when there is no such order.

        A provider that cannot be asked, or is silent, changes nothing but the time of the next look.
        """
        with self._till.database.read() as unit:
            order = unit.payments.topup(topup_id)
        if order is None or order.state not in PAYABLE:
            return order
        over = order.expires_at <= self._till.clock.now()
        try:
            report = self._ask(order, close=over)
        except PaymentUnavailable:
            return self._later(topup_id)
        if report is not None and report.state is OrderState.PAID:
            return self.report(order.channel, report)
        return self._looked(topup_id, over=over or (report is not None and report.state is OrderState.CLOSED))

    def _ask(self, order: Topup, *, close: bool) -> OrderReport | None:
        provider = self._till.provider_of_order(order.channel)
        if not isinstance(provider, AnswersForOrders):
            return None
        report = provider.order(order)
        if not close or report.state is not OrderState.UNPAID:
            return report
        provider.close(order)
        # It may have been paid between the question and the closing.
        return provider.order(order)

    def _looked(self, topup_id: str, *, over: bool) -> Topup:
        with self._till.database.write() as unit:
            order = _known(unit, topup_id)
            if order.state not in PAYABLE:
                return order
            if over:
                order = replace(order, state=TopupState.CLOSED, next_look_at=None)
            else:
                looks = order.looks + 1
                order = replace(order, looks=looks, next_look_at=_look_at(order, looks))
            unit.payments.save_topup(order)
            return order

    def _later(self, topup_id: str) -> Topup:
        with self._till.database.write() as unit:
            order = _known(unit, topup_id)
            if order.state in PAYABLE:
                again_at = self._till.clock.now() + SILENT_PROVIDER_ASKED_AGAIN_AFTER
                order = replace(order, next_look_at=again_at)
                unit.payments.save_topup(order)
            return order


def refuse_unpayable(order: Topup) -> None:
    """Raises UserError for an order that takes no more money."""
    if order.state not in PAYABLE:
        raise UserError(_NOT_PAYABLE[order.state])


def new_order(user_id: str, client_key: str, channel: str, amount: Money, at: datetime, quote_id: str = "") -> Topup:
    order = Topup(
        # Readable for whoever looks it up at the provider, and not to be guessed.
        id=f"T{at:%Y%m%d%H%M%S}{secrets.token_hex(8)}",
        user_id=user_id,
        client_key=client_key,
        channel=channel,
        amount=amount,
        state=TopupState.CREATED,
        created_at=at,
        expires_at=at + TOPUP_EXPIRES_AFTER,
        quote_id=quote_id,
    )
    return replace(order, next_look_at=_look_at(order, 0))


def _look_at(order: Topup, looks: int) -> datetime:
    return order.created_at + LOOKS_AFTER[looks] if looks < len(LOOKS_AFTER) else order.expires_at


def _check_amount(amount: Money, provider: PaymentProvider) -> None:
    if amount.currency not in provider.currencies:
        raise UserError("currency_not_taken", currency=amount.currency)
    least, most = topup_limits(amount.currency)
    if not least <= amount <= most:
        raise UserError("bad_topup_amount", least=least, most=most)


def _what_is_wrong(unit: UnitOfWork, order: Topup, report: OrderReport) -> str:
    """Why this payment is not booked; "" when all is well."""
    if order.quote_id:
        return "paid, though it was to be pre-authorised"
    if order.state is TopupState.PAID:
        return "paid a second time, by another transaction"
    if not report.transaction or report.amount is None:
        return "paid, but the provider names no transaction or no amount"
    if report.amount != order.amount:
        return f"paid {report.amount.decimal} {report.amount.currency} instead of {order.amount.decimal} " + (
            order.amount.currency
        )
    if unit.payments.by_transaction(order.channel, report.transaction) is not None:
        return "its transaction has paid another order"
    return ""


def _doubt(unit: UnitOfWork, channel: str, report: OrderReport, order: Topup | None, why: str, at: datetime) -> None:
    said = f"{report.amount.decimal} {report.amount.currency}" if report.amount else "no amount"
    detail = f"{channel}: {why}. Order {report.order_id}, transaction {report.transaction or 'none'}, {said}"
    subject = order.id if order else f"{channel}:{report.order_id}"
    open_case(unit, CaseKind.TOPUP, subject[:200], order.user_id if order else "", detail[:500], at)


def _known(unit: UnitOfWork, topup_id: str) -> Topup:
    order = unit.payments.topup(topup_id)
    if order is None:
        raise NotFound("no_such_topup")
    return order
