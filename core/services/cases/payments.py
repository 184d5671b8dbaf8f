"""Decisions about money at the payment providers, and what one of us has paid or received by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.ledger import (
    available,
    charged_back,
    payable,
    psp,
    psp_settled,
    refund_done,
    refund_refused,
    supplier_paid,
    topped_up,
)
from core.money import Money
from core.payments import OPEN_REFUNDS, Refund, RefundState, Topup, TopupState
from core.services.cases.desk import CaseError, Decision, Desk

# --- payments that did not fit --------------------------------------------------------------------------------


def decide_topup(desk: Desk) -> None:
    """A payment that was not booked: it is the driver's money, or it is not."""
    order = desk.unit.payments.topup(desk.case.subject)
    match desk.wish.decision:
        case Decision.NOTED:
            pass
        case Decision.REJECT:
            if order is not None and order.state is TopupState.PARKED:
                desk.unit.payments.save_topup(replace(order, state=TopupState.CLOSED, next_look_at=None))
        case Decision.BOOK:
            _book(desk, order)
        case other:
            raise CaseError(f"{other} is nothing for a payment: book, reject or note it")


def _book(desk: Desk, order: Topup | None) -> None:
    """The provider's amount becomes the driver's, under the provider's number."""
    channel, _, unknown = desk.case.subject.partition(":")
    if order is not None:
        channel = order.channel
    elif not unknown:
        raise CaseError(f"there is no order {desk.case.subject}")
    wish = desk.wish
    user_id = desk.unit.people.current(wish.user_id or (order.user_id if order else ""))
    transaction = wish.transaction or (order.psp_transaction if order else "")
    if not user_id or not transaction:
        raise CaseError("name the driver (--user) and the provider's number (--transaction)")
    paid = desk.unit.payments.by_transaction(channel, transaction)
    if paid is not None and (order is None or paid.id != order.id or order.state is TopupState.PAID):
        raise CaseError(f"transaction {transaction} has paid order {paid.id}")
    currency = order.amount.currency if order else _currency(desk)
    amount = desk.amount(currency, default=order.amount if order else None, at_most=Money(10**12, currency))
    if not desk.unit.ledger.post(topped_up(channel, transaction, user_id, amount), desk.at):
        raise CaseError(f"transaction {transaction} is booked")
    desk.booked.append(f"topped up {amount.decimal} {currency}")
    _keep_order(desk, order, channel, transaction, user_id, amount)
    desk.say(user_id, "topup_paid", amount)


def _currency(desk: Desk) -> str:
    """Of a payment for an order that is not ours: that of the only account at the provider."""
    channel = desk.case.subject.partition(":")[0]
    known = {
        account.currency for account, _ in desk.unit.ledger.accounts() if account == psp(channel, account.currency)
    }
    if len(known) != 1:
        raise CaseError(f"{channel} takes {', '.join(sorted(known)) or 'nothing yet'}: make a top-up order first")
    return known.pop()


def _keep_order(desk: Desk, order: Topup | None, channel: str, transaction: str, user_id: str, amount: Money) -> None:
    """What was paid in stands as an order too, so that it can go back the way it came."""
    done: dict[str, Any] = {
        "state": TopupState.PAID,
        "psp_transaction": transaction,
        "paid_at": desk.at,
        "next_look_at": None,
    }
    if order is not None and order.state is TopupState.PARKED and order.amount == amount:
        desk.unit.payments.save_topup(replace(order, **done, detail=f"case {desk.case.id}"))
        return
    if order is not None and order.state is TopupState.PARKED:
        desk.unit.payments.save_topup(replace(order, state=TopupState.CLOSED, psp_transaction="", next_look_at=None))
    booked = Topup(
        id=f"T{desk.case.id}",
        user_id=user_id,
        client_key=f"case:{desk.case.id}",
        channel=channel,
        amount=amount,
        state=TopupState.PAID,
        created_at=desk.at,
        expires_at=desk.at,
        psp_transaction=transaction,
        paid_at=desk.at,
        detail=f"case {desk.case.id}",
    )
    if desk.unit.payments.add_topup(booked) != booked:
        raise CaseError("this case has booked a payment already")


# --- refunds --------------------------------------------------------------------------------------------------


def decide_refund(desk: Desk) -> None:
    """A refund that a person paid out, or that nobody can."""
    refund = desk.unit.payments.refund(desk.case.subject)
    decision = desk.wish.decision
    if decision is Decision.NOTED:
        return
    if decision not in {Decision.DONE, Decision.REFUSED}:
        raise CaseError(f"{decision} is nothing for a refund: done, refused or noted")
    if refund is None:
        raise CaseError(f"there is no refund {desk.case.subject}: note it")
    if refund.state not in OPEN_REFUNDS:
        raise CaseError(f"the refund is {refund.state}: note it")
    over: dict[str, Any] = {"sent_at": refund.sent_at or desk.at, "done_at": desk.at, "next_look_at": None}
    if decision is Decision.DONE:
        desk.unit.ledger.post(refund_done(refund.id, refund.user_id, refund.channel, refund.amount), desk.at)
        number = desk.wish.transaction or refund.psp_refund
        done = replace(refund, state=RefundState.DONE, psp_refund=number, **over)
    else:
        _give_back(desk, refund)
        done = replace(refund, state=RefundState.REFUSED, **over)
    desk.unit.payments.save_refund(done)
    desk.booked.append(f"{refund.amount.decimal} {refund.amount.currency}")
    user_id = desk.unit.people.current(refund.user_id)
    desk.say(user_id, f"refund_{done.state}", refund.amount, due_at=refund.due_at.isoformat(), reference=refund.id)


def _give_back(desk: Desk, refund: Refund) -> None:
    topup = desk.unit.payments.topup(refund.topup_id)
    assert topup is not None, "a refund refers to its top-up"
    desk.unit.ledger.post(refund_refused(refund.id, refund.user_id, refund.amount), desk.at)
    desk.unit.payments.save_topup(replace(topup, refunded=topup.refunded - refund.amount.amount_minor))


# --- by hand, without a question before -----------------------------------------------------------------------


def pay_supplier(desk: Desk, supplier_id: str, batch: str, amount: Money) -> None:
    """Posting 16: at most what we owe."""
    owed = desk.unit.ledger.balance(payable(supplier_id, amount.currency))
    if owed < amount:
        raise CaseError(f"we owe {supplier_id} {owed.decimal} {amount.currency}")
    _once(desk.unit.ledger.post(supplier_paid(batch, supplier_id, amount), desk.at), batch)
    desk.booked.append(f"paid {amount.decimal} {amount.currency}")


def received(desk: Desk, channel: str, reference: str, net: Money) -> None:
    """Posting 15: the provider has paid out to our bank. At most what it has of ours."""
    there = -desk.unit.ledger.balance(psp(channel, net.currency))
    if there < net:
        raise CaseError(f"{channel} has {there.decimal} {net.currency} of ours")
    _once(desk.unit.ledger.post(psp_settled(channel, f"payout:{reference}", net, None), desk.at), reference)
    desk.booked.append(f"received {net.decimal} {net.currency}")


def charge_back(desk: Desk, topup: Topup, amount: Money) -> None:
    """Posting 17: what is no longer in the wallet is our loss. It cannot be refunded a second time."""
    left = Money(topup.amount.amount_minor - topup.refunded, topup.amount.currency)
    if topup.state is not TopupState.PAID or left < amount:
        raise CaseError(f"of {topup.id} ({topup.state}) at most {left.decimal} {left.currency} can be taken back")
    user_id = desk.unit.people.current(topup.user_id)
    free = desk.unit.ledger.balance(available(user_id, amount.currency))
    from_wallet = free if free < amount else amount
    posting = charged_back(
        desk.case.id, user_id, topup.channel, from_wallet=from_wallet, ours_to_bear=amount - from_wallet
    )
    _once(desk.unit.ledger.post(posting, desk.at), desk.case.id)
    desk.unit.payments.save_topup(replace(topup, refunded=topup.refunded + amount.amount_minor))
    desk.booked.append(f"taken back {amount.decimal}, of it ours {(amount - from_wallet).decimal} {amount.currency}")


def _once(booked: bool, reference: str) -> None:
    if not booked:
        raise CaseError(f"{reference} is booked already")
