"""Who pays what of a charge record, in minor units. The driver never pays beyond the hold or the price shown.

The supplier is owed its own total; what of it the driver does not owe is ours to bear and to dispute.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# A record may differ from our own computation by this much before one of us looks: a minor unit per priced period, or
# half a per cent, whichever is more (reference: rounding per period in T/CEC 102 records).
TOLERATED_SHARE = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a hold is resolved: `captured + released` is the hold, `captured + overrun` what the supplier gets."""

    captured: int
    released: int
    overrun: int
    doubt: str = ""  # why one of us has to look: "above_hold", "above_price"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a late record changes; negative amounts go back."""

    from_user: int
    overrun: int
    doubt: str = ""


def tolerated(ours: int, periods: int) -> int:
    """How far a record may exceed our own computation, in minor units."""
    return max(periods, 1, int(ours * TOLERATED_SHARE))


def fair(total: int, ours: int | None, periods: int) -> tuple[int, str]:
    """What of the supplier's total the driver owes by the price shown, and the doubt. `ours` None: not computable."""
    if ours is None or total <= ours + tolerated(ours, periods):
        return total, ""
    return ours, "above_price"


def settle(hold: int, total: int, ours: int | None = None, periods: int = 1) -> Settlement:
    """A charge record against an active hold. Raises ValueError for a negative total or hold."""
    if hold < 0 or total < 0:
        raise ValueError("a charge costs nothing or more")
    owed, doubt = fair(total, ours, periods)
    captured = min(owed, hold)
    if owed > hold:
        doubt = "above_hold"
    return Settlement(captured, hold - captured, total - captured, doubt)


def adjust(
    hold: int, paid: int, borne: int, available: int, total: int, ours: int | None = None, periods: int = 1
) -> Adjustment:
    """A record after we had settled without it: `paid` by the driver and `borne` by us so far, of a hold of `hold`.

    The driver pays at most what the hold once allowed, and only what is in the wallet.
    """
    if total < 0:
        raise ValueError("a charge costs nothing or more")
    owed, doubt = fair(total, ours, periods)
    should_pay = min(owed, hold)
    if owed > hold:
        doubt = "above_hold"
    from_user = min(should_pay - paid, available) if should_pay > paid else should_pay - paid
    return Adjustment(from_user, total - (paid + from_user) - borne, doubt)
