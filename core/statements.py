"""What others say of a day that we have books of too: a supplier's list of orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class StatedOrder:
    """One charge as its supplier lists it. `number` is that of the record; None where it could not be read."""

    number: str
    energy_kwh: Decimal | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """A supplier's list of its orders of some time (T/CEC check_charge_orders), and what we answered.

    `disputed` has the reason for each number that we do not agree with: "unknown", "amount" or "energy".
    """

    reference: str
    since: datetime | None
    until: datetime | None
    orders: tuple[StatedOrder, ...]
    disputed: Mapping[str, str]
