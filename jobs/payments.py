"""Payments: working off what providers have told us, and asking them what they have not."""

from __future__ import annotations

import logging

from core.services.wallet import WalletService
from jobs.context import services
from jobs.names import TIMEOUTS_S

LOOKED_AT_ONCE = 20

log = logging.getLogger(__name__)


def work_notices() -> None:
    """What the providers' notices said. Running it again, or twice at once, changes nothing."""
    notices = services().notices
    done = sum(notices.work(channel) for channel in notices.channels)
    if done:
        log.info("payment notices worked off", extra={"notices": done})


def look_at_payments() -> None:
    """Ask about top-ups and refunds whose time has come. One that fails does not keep the others waiting.

    One worker at a time: a silent provider makes it long, and two would ask the same.
    """
    at, work = services().clock.now(), "look_at_payments"
    with services().database.write() as unit:
        if not unit.ticks.lease(work, at, TIMEOUTS_S[work]):
            return
    try:
        wallet = services().wallet
        topups, refunds = wallet.due(LOOKED_AT_ONCE)
        for topup_id in topups:
            _look(wallet, topup_id=topup_id)
        for refund_id in refunds:
            _look(wallet, refund_id=refund_id)
    finally:
        with services().database.write() as unit:
            unit.ticks.release(work, at)


def _look(wallet: WalletService, *, topup_id: str = "", refund_id: str = "") -> None:
    try:
        if topup_id:
            wallet.look_at_topup(topup_id)
        else:
            wallet.look_at_refund(refund_id)
    except Exception:
        log.exception("a payment could not be looked at", extra={"topup": topup_id, "refund": refund_id})
