"""One charge at a sandbox gun: what flows, what it costs by the operator's own prices, and its bill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum

from adapters.sandbox.life import CHINA
from adapters.sandbox.prices import DayPrices, PricePeriod

_CENT = Decimal("0.01")


class Stage(IntEnum):
    """StartChargeSeqStat."""

    STARTING = 1
    CHARGING = 2
    STOPPING = 3
    ENDED = 4


class StopReason(IntEnum):
    USER = 0
    PLATFORM = 1
    VEHICLE = 2
    FAULT = 3
    DISCONNECTED = 4


@dataclass(slots=True)
class Charge:
    """Changed only by `Charging`, under its lock. Energy flows evenly from `started_at` until `wanted_kwh`."""

    start_seq: str
    gun_id: str
    asked_at: datetime
    power_kw: Decimal
    wanted_kwh: Decimal
    stage: Stage = Stage.STARTING
    started_at: datetime | None = None
    stop_asked_at: datetime | None = None
    ended_at: datetime | None = None
    stop_reason: StopReason | None = None
    breaks_at_kwh: Decimal | None = None
    never_starts: bool = False
    prices: DayPrices = ()

    @property
    def live(self) -> bool:
        return self.stage is not Stage.ENDED

    @property
    def full_at(self) -> datetime | None:
        """When the car has what it wants, or the gun breaks."""
        if self.started_at is None or self.power_kw == 0:
            return None
        kwh = self.wanted_kwh if self.breaks_at_kwh is None else min(self.wanted_kwh, self.breaks_at_kwh)
        return self.started_at + timedelta(hours=float(kwh / self.power_kw))

    def energy_kwh(self, at: datetime) -> Decimal:
        if self.started_at is None:
            return Decimal("0.00")
        until = min(at, self.ended_at) if self.ended_at else at
        hours = Decimal(str(max((until - self.started_at).total_seconds(), 0.0))) / 3600
        return min(self.power_kw * hours, self.wanted_kwh).quantize(_CENT, rounding=ROUND_HALF_UP)

    def stretches(self, at: datetime) -> list[Stretch]:
        """The charge so far, cut where the price changes. Energies add up to `energy_kwh`."""
        if self.started_at is None:
            return []
        until = min(at, self.ended_at) if self.ended_at else at
        found, before = [], Decimal("0.00")
        for start, end, period in price_stretches(self.prices, self.started_at, until):
            after = self.energy_kwh(end)
            found.append(Stretch(start, end, after - before, period))
            before = after
        return found


@dataclass(frozen=True, slots=True)
class Stretch:
    start: datetime
    end: datetime
    energy_kwh: Decimal
    period: PricePeriod

    @property
    def energy_yuan(self) -> Decimal:
        return (self.energy_kwh * self.period.energy).quantize(_CENT, rounding=ROUND_HALF_UP)

    @property
    def service_yuan(self) -> Decimal:
        return (self.energy_kwh * self.period.service).quantize(_CENT, rounding=ROUND_HALF_UP)


def price_stretches(
    prices: DayPrices, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, PricePeriod]]:
    """The time between two moments, cut at the starts of price periods; the last period of a day goes on."""
    ordered = sorted(prices, key=lambda one: one.start)
    while start < end:
        local = start.astimezone(CHINA)
        clock = local.strftime("%H%M%S")
        period = [one for one in ordered if one.start <= clock][-1:] or ordered[-1:]
        later = [one.start for one in ordered if one.start > clock]
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        next_start = _clock(day, later[0]) if later else _clock(day + timedelta(days=1), ordered[0].start)
        stop = min(end, next_start)
        yield start, stop, period[0]
        start = stop


def _clock(day: datetime, text: str) -> datetime:
    return day.replace(hour=int(text[:2]), minute=int(text[2:4]), second=int(text[4:]))
