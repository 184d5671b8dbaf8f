"""Short ways to write tariffs and sessions in tests. Prices are net with VAT on top, as OCPI writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.tariff import (
    Dimension,
    Doing,
    PriceComponent,
    PriceLimit,
    Restrictions,
    Stretch,
    Tariff,
    TariffElement,
    Tax,
)

# A Monday noon in winter, in UTC.
MONDAY = datetime(2026, 1, 12, 12, 0, tzinfo=UTC)


def net(kind: str, price: str, vat: int | str | None = None, step: int = 1) -> PriceComponent:
    """`energy 0.25 + 20 % in steps of 1 Wh`. Without a rate no VAT applies."""
    dimension = Dimension(kind)
    tax = Tax.NONE if vat is None else Tax.ADDED
    rate = None if vat is None else Decimal(vat)
    return PriceComponent(dimension, Decimal(price), step=0 if kind == "flat" else step, tax=tax, vat=rate)


def element(*components: PriceComponent, **restrictions: Any) -> TariffElement:
    return TariffElement(components, Restrictions(**restrictions))


def tariff(*elements: TariffElement, zone: str = "UTC", **limits: PriceLimit) -> Tariff:
    return Tariff("EUR", elements, zone, **limits)


def limit(without: str | None, with_tax: str | None) -> PriceLimit:
    sides = [None if side is None else Decimal(side) for side in (without, with_tax)]
    return PriceLimit(*sides)


def charging(
    minutes: float | str, kwh: float | str = 0, at: datetime = MONDAY, *,
    power: int | str | None = None, current: int | str | None = None,
) -> Stretch:  # fmt: skip
    return Stretch(
        at, Decimal(str(minutes)), Decimal(str(kwh)),
        power_kw=None if power is None else Decimal(power),
        current_a=None if current is None else Decimal(current),
    )  # fmt: skip


def doing(what: Doing, minutes: float | str, at: datetime = MONDAY) -> Stretch:
    return Stretch(at, Decimal(str(minutes)), Decimal(0), what)


def parked(minutes: float | str, at: datetime) -> Stretch:
    return doing(Doing.PARKED, minutes, at)


def later(minutes: float, start: datetime = MONDAY) -> datetime:
    return start + timedelta(minutes=minutes)
