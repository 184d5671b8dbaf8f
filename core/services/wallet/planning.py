"""Which top-ups a wish for money back goes to: the newest first, each no more than it has left."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from core.errors import UserError
from core.money import Money
from core.payments import REFUND_DUE_WITHIN, REFUND_LOOKS_AFTER, Refund, RefundState, Topup
from core.ports import UnitOfWork
from core.services.wallet.till import free_money


def plan(unit: UnitOfWork, holder: str, topups: Sequence[Topup], wanted: Money | None) -> list[tuple[Topup, Money]]:
    """What goes back to which of these top-ups, newest first; `wanted` None is all that can. Raises UserError."""
    limits = limits_of(unit, holder, topups)
    if wanted is not None:
        most = limits.get(wanted.currency, Money(0, wanted.currency))
        if most < wanted:
            raise UserError("refund_too_much", most=most)
        limits = {wanted.currency: wanted}
    planned = []
    for currency, limit in limits.items():
        rest = limit.amount_minor
        for topup in topups:
            if topup.amount.currency == currency and rest:
                part = min(rest, _left(topup))
                planned.append((topup, Money(part, currency)))
                rest -= part
    if not planned:
        raise UserError("nothing_to_refund")
    return planned


def limits_of(unit: UnitOfWork, holder: str, topups: Sequence[Topup]) -> dict[str, Money]:
    """The most that can go back, by currency: what the top-ups have left, and no more than is free."""
    limits = {}
    for currency in sorted({one.amount.currency for one in topups}):
        left = sum(_left(one) for one in topups if one.amount.currency == currency)
        limits[currency] = Money(min(left, free_money(unit, holder, currency)), currency)
    return limits


def adds_up(refunds: Sequence[Refund], wanted: Money) -> bool:
    same = all(one.amount.currency == wanted.currency for one in refunds)
    return same and sum(one.amount.amount_minor for one in refunds) == wanted.amount_minor


def request_id_of(user_id: str, client_key: str) -> str:
    """The wish's own number, which makes the same wish twice one. A refund's is two digits longer: at most 64 of
    A-Z a-z 0-9, as providers want it."""
    return "R" + hashlib.sha256(f"{user_id}\n{client_key}".encode()).hexdigest()[:26]


def new_refund(id_: str, request_id: str, user_id: str, topup: Topup, amount: Money, at: datetime) -> Refund:
    return Refund(
        id=id_,
        request_id=request_id,
        user_id=user_id,
        topup_id=topup.id,
        channel=topup.channel,
        amount=amount,
        state=RefundState.ASKED,
        asked_at=at,
        due_at=at + REFUND_DUE_WITHIN,
        # Should the outbox give up, the looks go on.
        next_look_at=at + REFUND_LOOKS_AFTER[-1],
    )


def _left(topup: Topup) -> int:
    return topup.amount.amount_minor - topup.refunded
