"""What the sandbox operator charges: a day of energy prices by season of the day, plus its own service fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from decimal import ROUND_HALF_UP, Decimal

_PEAK, _FLAT, _VALLEY = Decimal("1.2200"), Decimal("0.7300"), Decimal("0.2900")
_FOUR_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class PricePeriod:
    """From `start` (HHmmss) until the next period of the day; yuan per kWh."""

    start: str
    energy: Decimal
    service: Decimal

    def times(self, factor: Decimal) -> PricePeriod:
        return PricePeriod(self.start, _rounded(self.energy * factor), _rounded(self.service * factor))


DayPrices = tuple[PricePeriod, ...]

# Energy by start of period. "commercial" begins after midnight: its last period goes on until 07:00.
_PLANS: dict[str, tuple[tuple[str, Decimal], ...]] = {
    "city": (
        ("000000", _VALLEY), ("080000", _FLAT), ("100000", _PEAK), ("120000", _FLAT), ("140000", _PEAK),
        ("190000", _FLAT),
    ),
    "commercial": (
        ("070000", Decimal("0.7000")), ("090000", Decimal("1.1300")), ("113000", Decimal("0.7000")),
        ("140000", Decimal("1.1300")), ("163000", Decimal("0.7000")), ("190000", Decimal("1.3000")),
        ("210000", Decimal("0.7000")), ("230000", Decimal("0.2500")),
    ),
    "night": (("000000", Decimal("0.2600")), ("070000", Decimal("0.8900")), ("230000", Decimal("0.2600"))),
    "flat": (("000000", Decimal("0.8500")),),
}  # fmt: skip

PLANS = tuple(_PLANS)


def day_prices(plan: str, service: Decimal) -> DayPrices:
    """The operator takes its service fee at all hours alike."""
    return tuple(PricePeriod(start, energy, service) for start, energy in _PLANS[plan])


def flat_prices(energy: Decimal, service: Decimal) -> DayPrices:
    return (PricePeriod("000000", _rounded(energy), _rounded(service)),)


def day_prices_of(periods: Sequence[tuple[str, Decimal, Decimal]]) -> DayPrices:
    """From (start, energy, service), in any order. Raises ValueError for a start that is no time, or for none."""
    starts = [time(int(start[:2]), int(start[2:4]), int(start[4:])) for start, _, _ in periods]
    if not starts or len(set(starts)) < len(starts):
        raise ValueError("each period has a start of its own")
    by_start = {start: (energy, service) for start, energy, service in periods}
    return tuple(PricePeriod(start, *map(_rounded, by_start[start])) for start in sorted(by_start))


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(_FOUR_PLACES, rounding=ROUND_HALF_UP)
