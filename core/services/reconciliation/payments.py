"""A payment provider's bill of the day against our orders, and the reverse."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from core.ledger import Account, Cause, Posting, Pot, moved, posting, psp
from core.money import Money
from core.payments import TAKEN, BillKind, BillLine, PaymentUnavailable, Refund, RefundState, Topup, TopupState
from core.ports import AnswersForOrders, PaymentProvider, PublishesBills, UnitOfWork
from core.services.reconciliation.findings import Comparison, days_back, start_of
from core.services.wallet import WalletService

REFUNDS_AT_MOST = 1_000  # of one person, looked through for those of a promise

log = logging.getLogger(__name__)


def bills(provider: PublishesBills, run: Comparison) -> list[BillLine]:
    """The lines of three days. A bill that cannot be had makes the comparison a part of one."""
    lines: list[BillLine] = []
    for day in days_back(run.day):
        try:
            lines.extend(provider.bill(day))
        except PaymentUnavailable as error:
            run.whole = False
            run.differs("no_bill", run.scope, f"of {day}: {error}")
    return lines


def compare_bill(
    unit: UnitOfWork, channel: str, lines: Iterable[BillLine], run: Comparison
) -> tuple[set[str], set[str]]:
    """Every line against our orders. Gives the top-ups and refunds whose notice may have been lost."""
    lost_topups: set[str] = set()
    lost_refunds: set[str] = set()
    seen: set[tuple[BillKind, str]] = set()
    for line in lines:
        if (line.kind, line.line_id) in seen:
            run.differs("billed_twice", line.line_id, "the bill has this line twice", line.amount)
            continue
        seen.add((line.kind, line.line_id))
        if line.kind is BillKind.PAYMENT:
            if _payment_is_lost(unit, channel, line, run):
                lost_topups.add(line.order_id)
        elif _refund_is_lost(unit, channel, line, run):
            lost_refunds.add(line.order_id)
    return lost_topups, lost_refunds


def _payment_is_lost(unit: UnitOfWork, channel: str, line: BillLine, run: Comparison) -> bool:
    order = unit.payments.topup(line.order_id)
    if order is None or order.channel != channel:
        # A second payment of one order may have been booked by hand, under an order of its own.
        order = unit.payments.by_transaction(channel, line.transaction)
    if order is not None and order.psp_transaction != line.transaction:
        order = unit.payments.by_transaction(channel, line.transaction) or order
    if order is None:
        run.count(None, line.amount)
        run.differs("payment_unknown", line.transaction, f"for order {line.order_id}, which is not ours", line.amount)
        run.payments[f"{channel}:{line.order_id}"[:200]] = _on_the_bill(channel, line, "for no order of ours")
        return False
    paid = order.state is TopupState.PAID
    run.count(_expected(unit, order) if paid else None, line.amount)
    if not paid:
        detail = f"order {order.id} is {order.state} with us: its notice was lost, or does not fit"
        run.differs("payment_not_booked", order.id, detail, line.amount)
        return order.state is not TopupState.PARKED
    if order.psp_transaction != line.transaction and not order.quote_id:
        detail = f"order {order.id} was paid by {order.psp_transaction} already"
        run.differs("paid_twice", line.transaction, detail, line.amount)
        run.payments[order.id] = _on_the_bill(channel, line, detail)
    elif _expected(unit, order) != line.amount:
        detail = f"order {order.id} is {_expected(unit, order).decimal} with us, {line.amount.decimal} on their bill"
        run.differs("payment_amount", order.id, detail, line.amount)
    return False


def _on_the_bill(channel: str, line: BillLine, why: str) -> str:
    paid = f"{line.amount.decimal} {line.amount.currency}, transaction {line.transaction}"
    return f"{channel}: on the bill of {line.day}, {why}: {paid}"[:500]


def _expected(unit: UnitOfWork, order: Topup) -> Money:
    """What the provider bills: of a promise what it took. What of that went back again has lines of its own."""
    if not order.quote_id:
        return order.amount
    refunds = unit.payments.refunds_of(unit.people.same_person(order.user_id), REFUNDS_AT_MOST)
    back = sum(
        one.amount.amount_minor
        for one in refunds
        if one.topup_id == order.id and one.state is not RefundState.REFUSED
    )
    return Money(order.amount.amount_minor - order.refunded + back, order.amount.currency)


def _refund_is_lost(unit: UnitOfWork, channel: str, line: BillLine, run: Comparison) -> bool:
    refund = unit.payments.refund(line.order_id)
    if refund is None or refund.channel != channel:
        run.count(None, -line.amount)
        detail = f"they paid {line.order_id} back, which we never asked for"
        run.differs("refund_unknown", line.line_id, detail, line.amount)
        return False
    done = refund.state is RefundState.DONE
    run.count(-refund.amount if done else None, -line.amount)
    if not done:
        run.differs("refund_not_booked", refund.id, f"it is {refund.state} with us", line.amount)
        return refund.state is not RefundState.REFUSED
    if refund.amount != line.amount:
        detail = f"{refund.amount.decimal} with us, {line.amount.decimal} on their bill"
        run.differs("refund_amount", refund.id, detail, line.amount)
    return False


def compare_ours(unit: UnitOfWork, channel: str, lines: Iterable[BillLine], run: Comparison) -> None:
    """What we booked a day before the last one must stand on the bills by now: a day is long enough for a notice."""
    since, until = start_of(days_back(run.day, 2)[0]), start_of(run.day)
    if not run.whole:
        return
    known = {(line.kind, line.order_id) for line in lines} | {(line.kind, line.transaction) for line in lines}
    for order in unit.payments.topups_between(channel, since, until):
        named = {(BillKind.PAYMENT, order.id), (BillKind.PAYMENT, order.psp_transaction)}
        if order.state is TopupState.PAID and _is_taken(unit, order) and not named & known:
            run.count(_expected(unit, order), None)
            run.differs(
                "payment_not_theirs", order.id, "booked with us, on none of their bills", _expected(unit, order)
            )
    for refund in unit.payments.refunds_between(channel, since, until):
        if refund.state is RefundState.DONE and not _is_billed(refund, known):
            run.count(-refund.amount, None)
            run.differs("refund_not_theirs", refund.id, "done with us, on none of their bills", refund.amount)


def _is_taken(unit: UnitOfWork, order: Topup) -> bool:
    return not order.quote_id or (order.detail == TAKEN and _expected(unit, order).amount_minor > 0)


def _is_billed(refund: Refund, known: set[tuple[BillKind, str]]) -> bool:
    return bool({(BillKind.REFUND, refund.id), (BillKind.REFUND, refund.psp_refund)} & known)


# --- what follows ---------------------------------------------------------------------------------------------


def fee_posting(channel: str, line: BillLine) -> Posting | None:
    """Posting 15, the fee alone: the provider keeps it, or gives it back with a refund."""
    if line.fee is None or not line.fee.amount_minor:
        return None
    id_, currency = f"psp:{channel}:{line.line_id}:fee", line.fee.currency
    ours, theirs = Account(Pot.PSP_FEES, "", currency), psp(channel, currency)
    if line.fee.amount_minor < 0:
        ours, theirs = theirs, ours
    return posting(id_, moved(id_, ours, theirs, abs(line.fee.amount_minor), Cause.PSP_SETTLEMENT))


def ask_again(wallet: WalletService, provider: PaymentProvider, topups: list[Topup], refunds: Iterable[str]) -> None:
    """Lost notices are made up for by asking; the answer is booked as a notice would be, and only if it fits."""
    for order in topups:
        try:
            if order.quote_id:
                wallet.look_at_topup(order.id)
            elif isinstance(provider, AnswersForOrders):
                wallet.paid(order.channel, provider.order(order))
        except PaymentUnavailable as error:
            log.warning("a provider was asked in vain", extra={"topup": order.id, "error": str(error)})
    for refund_id in refunds:
        wallet.look_at_refund(refund_id)
