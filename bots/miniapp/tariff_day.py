"""A tariff as the bars of one day: which price holds from when to when, today, where the station stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.tariff import Dimension, Tariff

MOST_PERIODS = 96  # T/CEC 102 and OCPI tariffs in the field change at most every quarter of an hour


@dataclass(frozen=True, slots=True)
class DayPeriod:
    """A stretch of local time with one price per kWh. `price` is None where the tariff says nothing."""

    start: datetime
    end: datetime
    price: Decimal | None
    service: Decimal
    now: bool

    @property
    def start_text(self) -> str:
        return f"{self.start:%H:%M}"

    @property
    def end_text(self) -> str:
        return "24:00" if self.end.date() > self.start.date() else f"{self.end:%H:%M}"


def day_periods(tariff: Tariff, at: datetime) -> list[DayPeriod]:
    """Today's periods in the tariff's own time zone, equal neighbours joined."""
    joined: list[DayPeriod] = []
    for period in _steps(tariff, at):
        last = joined[-1] if joined else None
        if last and (last.price, last.service) == (period.price, period.service):
            joined[-1] = replace(last, end=period.end, now=last.now or period.now)
        else:
            joined.append(period)
    return joined


def _steps(tariff: Tariff, at: datetime) -> Iterator[DayPeriod]:
    zone = ZoneInfo(tariff.time_zone)
    today, now = at.astimezone(zone).date(), at.astimezone(UTC)
    # In UTC: datetimes of one zone compare by the clock on the wall, which in autumn runs through an hour twice.
    start = datetime.combine(today, time(0), zone).astimezone(UTC)
    midnight = datetime.combine(today + timedelta(days=1), time(0), zone).astimezone(UTC)
    for _ in range(MOST_PERIODS):
        boundary = tariff.next_boundary(start)
        end = min(midnight, boundary) if boundary else midnight
        if end <= start:
            return
        energy = tariff.prices_at(start).get(Dimension.ENERGY)
        price, service = (energy.price, energy.service) if energy else (None, Decimal(0))
        yield DayPeriod(start.astimezone(zone), end.astimezone(zone), price, service, now=start <= now < end)
        start = end
