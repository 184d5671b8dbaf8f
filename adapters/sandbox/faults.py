"""What can go wrong with a charge on request: per gun, or at every gun, until it is taken back."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

_EVERYWHERE = ""


class ChargingFault(StrEnum):
    AUTH_UNPLUGGED = "auth_unplugged"  # query_equip_auth says that no car is plugged in
    AUTH_GUN_FAULT = "auth_gun_fault"  # it says that the gun has failed its self-check
    AUTH_SILENT = "auth_silent"  # it is not answered: nothing for "seconds", then none at all
    AUTH_BROKEN = "auth_broken"  # its answer says neither yes nor no
    START_REFUSED = "start_refused"  # "fail_reason": FailReason
    START_NEVER = "start_never"  # accepted, and nothing ever happens
    START_FAILS = "start_fails"  # accepted, and the start result says no
    START_SILENT = "start_silent"  # it charges, and we are not told: no answer for "seconds", then none at all
    START_LATE = "start_late"  # "delay_s": the answer comes late
    STOP_REFUSED = "stop_refused"  # "fail_reason"
    STOP_SILENT = "stop_silent"  # it stops, and we are not told
    GUN_BREAKS = "gun_breaks"  # "after_kwh"
    ZERO_ENERGY = "zero_energy"
    WRONG_TOTALS = "wrong_totals"  # the bill's total is ten yuan more than its parts
    RECORD_NEVER = "record_never"
    RECORD_LATE = "record_late"  # "delay_s"
    RECORD_TWICE = "record_twice"
    RECORD_DIFFERENT = "record_different"  # the second one is dearer
    PUSH_LOST = "push_lost"  # of the live state and of results; bills go their own way
    PUSH_TWICE = "push_twice"  # the very same bytes
    PUSH_OUT_OF_ORDER = "push_out_of_order"  # each second push overtakes the one before


class ChargingFaults:
    """Safe from many threads. Requests that are kept waiting go on as soon as the faults change."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wishes: dict[tuple[str, ChargingFault], Mapping[str, Any]] = {}

    def set(self, fault: ChargingFault, gun_id: str | None, wish: Mapping[str, Any]) -> None:
        with self._changed:
            self._wishes[gun_id or _EVERYWHERE, fault] = dict(wish)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._wishes = {}
            self._changed.notify_all()

    def wish(self, fault: ChargingFault, gun_id: str) -> Mapping[str, Any] | None:
        """The wish for this gun, or for all; None when this fault is not asked for."""
        with self._changed:
            here = self._wishes.get((gun_id, fault))
            return here if here is not None else self._wishes.get((_EVERYWHERE, fault))

    def has(self, fault: ChargingFault, gun_id: str) -> bool:
        return self.wish(fault, gun_id) is not None

    def number(self, fault: ChargingFault, gun_id: str, name: str, default: str) -> Decimal | None:
        """A number of the wish; None when the fault is not asked for."""
        wish = self.wish(fault, gun_id)
        return None if wish is None else Decimal(str(wish.get(name, default)))

    def sit_out(self, longest_s: float) -> None:
        with self._changed:
            self._changed.wait(longest_s)
