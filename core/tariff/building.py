"""The two kinds of tariff that are written by hand: one price, and a day of periods."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from core.tariff.elements import Dimension, PriceComponent, Restrictions, TariffElement
from core.tariff.pricelist import Tariff


def flat_tariff(currency: str, per_kwh: Decimal, *, session_fee: Decimal = Decimal(0)) -> Tariff:
    """One price per kWh at all times; both zero means declared free."""
    components = [PriceComponent(Dimension.ENERGY, per_kwh)]
    if session_fee:
        components.append(PriceComponent(Dimension.FLAT, session_fee))
    return Tariff(currency, (TariffElement(tuple(components)),))


def time_of_use_tariff(currency: str, time_zone: str, periods: tuple[tuple[time, Decimal, Decimal], ...]) -> Tariff:
    """A day of (start, energy price, service price) per kWh. Each period ends where the next one starts.

    Sorted here; if the first does not start at midnight the last one wraps round it (T/CEC 102.3 PolicyInfo).
    Equal neighbours become one period. Raises ValueError when two periods start at the same time.
    """
    ordered = sorted(periods)
    starts = [start for start, _, _ in ordered]
    if not ordered or len(set(starts)) != len(starts):
        raise ValueError("periods of a day start at different times")
    merged = [one for n, one in enumerate(ordered) if n == 0 or one[1:] != ordered[n - 1][1:]]
    if len(merged) > 1 and merged[0][1:] == merged[-1][1:]:
        # the same price before and after midnight is one period that wraps
        merged = merged[1:]
    elements = []
    for n, (start, energy, service) in enumerate(merged):
        end = merged[(n + 1) % len(merged)][0]
        restrictions = Restrictions() if len(merged) == 1 else Restrictions(start=start, end=end)
        component = PriceComponent(Dimension.ENERGY, energy + service, service)
        elements.append(TariffElement((component,), restrictions))
    return Tariff(currency, tuple(elements), time_zone)
