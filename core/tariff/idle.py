"""What a car pays for standing at the gun when it no longer charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from core.tariff.daytime import moments_after
from core.tariff.elements import Dimension, NotCovered, SessionState
from core.tariff.pricelist import Tariff

# Who charges over night hears of the fee that begins in the morning.
_AHEAD = timedelta(hours=12)
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class IdleFee:
    """A price per minute, tax included, of standing without charging.

    `free_minutes` count from the start of the session, as everything does in OCPI; `not_before` is where the clock
    decides and the fee is not on yet.
    """

    per_minute: Decimal
    free_minutes: int
    currency: str
    not_before: datetime | None = None

    def begins(self, started_at: datetime, at: datetime) -> datetime:
        """From when a car that stopped charging at this moment pays."""
        free_until = started_at + timedelta(minutes=self.free_minutes)
        return max(at, free_until, self.not_before or at)


def idle_fee(tariff: Tariff, at: datetime, *, kwh: Decimal = Decimal(0)) -> IdleFee | None:
    """What holds at `at` (aware), or first within twelve hours after it; None where standing costs nothing.

    `kwh` is what has been charged by then, for the rare tariff that asks. A price of which the tax is not known is
    not told.
    """
    moment = at.astimezone(UTC)
    if (fee := _at(tariff, moment, kwh)) is not None:
        return fee
    for later in moments_after(moment, tariff.zone, tariff.clocks, 1) if tariff.clocks else ():
        if later - moment > _AHEAD:
            break
        if (fee := _at(tariff, later, kwh)) is not None:
            return IdleFee(fee.per_minute, fee.free_minutes, fee.currency, later.astimezone(at.tzinfo))
    return None


def _at(tariff: Tariff, moment: datetime, kwh: Decimal) -> IdleFee | None:
    """The first price above nothing, by the length of the session."""
    local = moment.astimezone(tariff.zone)
    for mark_us in (0, *tariff.duration_marks_us):
        standing = SessionState(Fraction(kwh), mark_us, power_kw=_NOTHING, current_a=_NOTHING)
        try:
            price = tariff.price(Dimension.PARKING_TIME, local, standing)
        except NotCovered:
            continue
        if price is not None and price.gross:
            # Whole minutes: nobody should be told a later moment than the one that is billed.
            return IdleFee(_per_minute(price.gross), mark_us // 60_000_000, tariff.currency)
    return None


def _per_minute(per_hour: Fraction) -> Decimal:
    return Decimal(per_hour.numerator) / Decimal(per_hour.denominator * 60)
