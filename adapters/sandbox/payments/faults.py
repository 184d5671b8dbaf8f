"""What can go wrong with a payment on request, until it is taken back."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class PaymentFault(StrEnum):
    NOTICE_NEVER = "notice_never"
    NOTICE_LATE = "notice_late"  # "delay_s"
    NOTICE_TWICE = "notice_twice"  # two notices with numbers of their own about the same payment
    NOTICE_REPEATED = "notice_repeated"  # the very same bytes again
    NOTICE_FORGED = "notice_forged"  # signed with another key
    WRONG_AMOUNT = "wrong_amount"  # one minor unit more than ordered is paid
    WRONG_CURRENCY = "wrong_currency"
    UNKNOWN_ORDER = "unknown_order"  # the notice names an order that nobody made
    REFUND_REFUSED = "refund_refused"
    REFUND_SLOW = "refund_slow"  # taken, and paid out when the fault ends
    SLOW = "slow"  # "delay_s" for every answer
    BROKEN = "broken"  # every answer is a 500
    CUT = "cut"  # the work is done, the answer breaks off in the middle


class PaymentFaults:
    """Safe from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wishes: dict[PaymentFault, Mapping[str, Any]] = {}

    def set(self, fault: PaymentFault, wish: Mapping[str, Any]) -> None:
        with self._changed:
            self._wishes[fault] = dict(wish)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._wishes = {}
            self._changed.notify_all()

    def has(self, fault: PaymentFault) -> bool:
        with self._changed:
            return fault in self._wishes

    def seconds(self, fault: PaymentFault, default: float) -> float:
        """How long, as wished for; 0 when the fault is not asked for."""
        with self._changed:
            wish = self._wishes.get(fault)
        return 0.0 if wish is None else float(wish.get("delay_s", default))

    def sit_out(self, longest_s: float) -> None:
        """Wait so long, or until the faults change."""
        with self._changed:
            self._changed.wait(longest_s)
