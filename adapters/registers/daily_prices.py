"""Hourly price series cut down to their last full day, which becomes a time-of-use tariff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from adapters.prices import plausible_per_kwh
from adapters.text import decimal
from core.station import NoPrice
from core.tariff import Tariff, time_of_use_tariff

_HOURS = 24
_DAYS_HELD = 3  # unfinished days kept per series, so that rows need not be in order


@dataclass(frozen=True, slots=True)
class HourPrice:
    """One hour of one series, as written; `at` is the series' own local time."""

    series: str
    at: datetime
    energy: str
    service: str = "0"


@dataclass(frozen=True, slots=True)
class DayPrices:
    """Energy and service price of the 24 hours of the last full day, and the last hour of the series."""

    hours: tuple[tuple[str, str], ...]
    last_at: datetime


def last_full_days(rows: Iterable[HourPrice]) -> dict[str, DayPrices]:
    """By series. A series without one full day is left out."""
    collected: dict[str, _Series] = {}
    for row in rows:
        collected.setdefault(row.series, _Series()).add(row)
    return {name: found for name, series in collected.items() if (found := series.result())}


class _Series:
    def __init__(self) -> None:
        self._open: dict[date, dict[int, tuple[str, str]]] = {}
        self._full: tuple[date, tuple[tuple[str, str], ...]] | None = None
        self._last_at: datetime | None = None

    def add(self, row: HourPrice) -> None:
        self._last_at = row.at if self._last_at is None or row.at > self._last_at else self._last_at
        day = row.at.date()
        hours = self._open.setdefault(day, {})
        hours[row.at.hour] = (row.energy, row.service)
        if len(hours) == _HOURS:
            del self._open[day]
            if self._full is None or day > self._full[0]:
                self._full = day, tuple(hours[hour] for hour in range(_HOURS))
        elif len(self._open) > _DAYS_HELD:
            del self._open[min(self._open)]

    def result(self) -> DayPrices | None:
        return DayPrices(self._full[1], self._last_at) if self._full and self._last_at else None


def day_tariff(day: DayPrices, currency: str, time_zone: str) -> tuple[Tariff | None, NoPrice | None]:
    """The tariff of a day. An hour at zero means unknown, not free; one nonsense hour spoils the day."""
    periods = list(_periods(day))
    if len(periods) < _HOURS or any(energy + service <= 0 for _, energy, service in periods):
        return None, NoPrice.NOT_PUBLISHED
    if not all(plausible_per_kwh(energy + service, currency) for _, energy, service in periods):
        return None, NoPrice.IMPLAUSIBLE
    return time_of_use_tariff(currency, time_zone, tuple(periods)), None


def _periods(day: DayPrices) -> Iterator[tuple[time, Decimal, Decimal]]:
    for hour, (energy_text, service_text) in enumerate(day.hours):
        energy, service = decimal(energy_text), decimal(service_text)
        if energy is not None and service is not None and energy >= 0 and service >= 0:
            yield time(hour), energy, service
