"""Tariffs as JSON. What is not set is not written: an old tariff keeps its text, and with it its id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from core.tariff.elements import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    TariffElement,
    Tax,
)

_NUMBERS = ("min_kwh", "max_kwh", "min_current_a", "max_current_a", "min_power_kw", "max_power_kw")
_SECONDS = ("min_duration_s", "max_duration_s")


def element_to_json(element: TariffElement) -> dict[str, Any]:
    rules = element.restrictions
    doc: dict[str, Any] = {"components": [_component_to_json(one) for one in element.components]}
    if rules.start is not None or rules.end is not None:
        doc["start"], doc["end"] = _clock(rules.start), _clock(rules.end)
    if rules.weekdays is not None:
        doc["weekdays"] = sorted(rules.weekdays)
    if rules.first_date is not None:
        doc["first_date"] = rules.first_date.isoformat()
    if rules.last_date is not None:
        doc["last_date"] = rules.last_date.isoformat()
    for name in _NUMBERS:
        if (number := getattr(rules, name)) is not None:
            doc[name] = plain(number)
    for name in _SECONDS:
        if (seconds := getattr(rules, name)) is not None:
            doc[name] = seconds
    if rules.reservation is not None:
        doc["reservation"] = rules.reservation.value
    return doc


def element_from_json(doc: Mapping[str, Any]) -> TariffElement:
    session: dict[str, Any] = {name: Decimal(doc[name]) for name in _NUMBERS if name in doc}
    session |= {name: int(doc[name]) for name in _SECONDS if name in doc}
    restrictions = Restrictions(
        start=time.fromisoformat(doc["start"]) if doc.get("start") else None,
        end=time.fromisoformat(doc["end"]) if doc.get("end") else None,
        weekdays=frozenset(doc["weekdays"]) if "weekdays" in doc else None,
        first_date=date.fromisoformat(doc["first_date"]) if "first_date" in doc else None,
        last_date=date.fromisoformat(doc["last_date"]) if "last_date" in doc else None,
        reservation=Reservation(doc["reservation"]) if "reservation" in doc else None,
        **session,
    )
    return TariffElement(tuple(_component_from_json(one) for one in doc["components"]), restrictions)


def _component_to_json(component: PriceComponent) -> dict[str, Any]:
    doc: dict[str, Any] = {"dimension": component.dimension.value, "price": plain(component.price)}
    if component.service:
        doc["service"] = plain(component.service)
    if component.step:
        doc["step"] = component.step
    if component.tax is not Tax.INCLUDED:
        doc["tax"] = component.tax.value
    if component.vat is not None:
        doc["vat"] = plain(component.vat)
    return doc


def _component_from_json(doc: Mapping[str, Any]) -> PriceComponent:
    return PriceComponent(
        Dimension(doc["dimension"]),
        Decimal(doc["price"]),
        Decimal(doc.get("service", "0")),
        step=int(doc.get("step", 0)),
        tax=Tax(doc.get("tax", Tax.INCLUDED)),
        vat=Decimal(doc["vat"]) if "vat" in doc else None,
    )


def limit_to_json(limit: PriceLimit) -> dict[str, str]:
    sides = {"net": limit.net, "gross": limit.gross}
    return {name: plain(side) for name, side in sides.items() if side is not None}


def limit_from_json(doc: Mapping[str, str] | None) -> PriceLimit | None:
    return PriceLimit(**{name: Decimal(side) for name, side in doc.items()}) if doc else None


def _clock(value: time | None) -> str | None:
    return value.isoformat() if value is not None else None


def plain(value: Decimal) -> str:
    """The shortest plain decimal text, so that 1.0 and 1.00 are the same price."""
    text = format(value.normalize(), "f")
    return "0" if text in {"-0", "0"} else text
