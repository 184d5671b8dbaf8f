"""OCPI tariffs to ours, or the reason why not: a tariff we cannot express exactly gives no number at all.

VAT: OCPI prices are net, with the VAT rate per component. A driver pays price * (1 + vat/100). "Omitted" means by the
specification that no VAT applies, but operators who forget the field look the same, and in a country with VAT a price
a fifth too low would win every comparison. So without a rate the price is taken as it stands only where it is
zero, where 2.3.0's `tax_included` says so, or outside the countries with VAT on charging; else it is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from adapters.ocpi.messages import key_of, texts_of
from adapters.prices import plausible_per_kwh
from adapters.text import clean, decimal, utc
from core.station import NoPrice
from core.tariff import Dimension, PriceComponent, Restrictions, Tariff, TariffElement

_DIMENSIONS = {
    "ENERGY": Dimension.ENERGY,
    "TIME": Dimension.TIME,
    "PARKING_TIME": Dimension.PARKING_TIME,
    "FLAT": Dimension.FLAT,
}
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_EXPRESSIBLE = frozenset(("start_time", "end_time", "start_date", "end_date", "day_of_week"))
# What a driver without a contract pays comes before what is meant for contracts; the profiles are chosen in an app.
_PREFERENCE = ("AD_HOC_PAYMENT", "REGULAR")
_NO_VAT = frozenset(("US", "CA", "HK"))


class Unsupported(ValueError):
    """The tariff says something that our tariffs cannot express yet. The text names it."""


@dataclass(frozen=True, slots=True)
class OcpiTariff:
    """A tariff of a list, before it is known where it applies."""

    key: str
    kind: str
    doc: Mapping[str, Any]
    text: str
    starts_at: datetime | None
    ends_at: datetime | None
    updated_at: datetime | None

    def holds(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


def is_tariff(doc: Mapping[str, Any]) -> bool:
    return {"id", "currency", "elements"} <= doc.keys()


def read_tariff(doc: Mapping[str, Any]) -> OcpiTariff:
    return OcpiTariff(
        key=key_of(doc),
        kind=clean(doc.get("type"), 40),
        doc=doc,
        text=texts_of(doc.get("tariff_alt_text")),
        starts_at=utc(doc.get("start_date_time")),
        ends_at=utc(doc.get("end_date_time")),
        updated_at=utc(doc.get("last_updated")),
    )


def chosen(tariffs: Sequence[OcpiTariff], at: datetime) -> list[OcpiTariff]:
    """The tariffs of a connector that concern a driver who comes by now; more than one is an open question."""
    valid = [one for one in tariffs if one.holds(at)]
    for kind in _PREFERENCE:
        found = [one for one in valid if one.kind == kind or (kind == "REGULAR" and not one.kind)]
        if found:
            return found
    return []


def to_tariff(doc: Mapping[str, Any], country: str, time_zone: str) -> Tariff:
    """The consumer's tariff at a location. Raises Unsupported."""
    for limit in ("min_price", "max_price"):
        if _limits(doc.get(limit)):
            raise Unsupported(limit)
    elements = []
    for element in doc.get("elements") or []:
        rules = _rules(element.get("restrictions"))
        if rules.get("reservation"):
            continue  # the price of reserving, not of charging
        components = tuple(_component(one, doc, country) for one in element.get("price_components") or [])
        elements.append(TariffElement(components, _restrictions(rules)))
    if not elements:
        raise Unsupported("no element for charging")
    limited = any(element.restrictions != Restrictions() for element in elements)
    try:
        return Tariff(clean(doc.get("currency"), 3).upper(), tuple(elements), time_zone if limited else "UTC")
    except ValueError as error:
        raise Unsupported(str(error)) from error


def judged(tariff: Tariff) -> NoPrice | None:
    """IMPLAUSIBLE when a kWh has a price that cannot be; declared zero is fine."""
    prices = (c.price for e in tariff.elements for c in e.components if c.dimension is Dimension.ENERGY)
    wrong = any(price and not plausible_per_kwh(price, tariff.currency) for price in prices)
    return NoPrice.IMPLAUSIBLE if wrong else None


def _limits(value: Any) -> bool:
    """Whether a minimum or maximum price is set to more than nothing. 2.1.1 and 2.3.0 have other shapes."""
    amounts = value.values() if isinstance(value, Mapping) else [value]
    return any(decimal(amount) for amount in amounts if not isinstance(amount, list)) or any(
        isinstance(amount, list) for amount in amounts
    )


def _rules(value: Any) -> Mapping[str, Any]:
    """Seen in the wild: restrictions as a list. One of them is the same as the object."""
    rules = value if isinstance(value, list) else [value]
    given = [one for one in rules if one]
    if len(given) > 1 or not all(isinstance(one, Mapping) for one in given):
        raise Unsupported("several restrictions in one element")
    return {name: rule for name, rule in given[0].items() if rule not in (None, [], "")} if given else {}


def _restrictions(rules: Mapping[str, Any]) -> Restrictions:
    if unknown := rules.keys() - _EXPRESSIBLE:
        raise Unsupported(f"restriction {', '.join(sorted(unknown))}")
    try:
        return Restrictions(
            start=_clock(rules.get("start_time")),
            end=_end(_clock(rules.get("end_time"))),
            weekdays=frozenset(_WEEKDAYS.index(day) for day in rules["day_of_week"])
            if "day_of_week" in rules
            else None,
            first_date=_date(rules.get("start_date")),
            last_date=_date(rules.get("end_date")),
        )
    except (TypeError, ValueError) as error:
        raise Unsupported(f"restriction that cannot be read: {error}") from error


def _clock(value: Any) -> time | None:
    return None if value is None else time.fromisoformat(str(value))


def _end(end: time | None) -> time | None:
    """ "23:59" and "19:59:59" are meant to the end of the minute: else a minute of each day would have no price."""
    if end is None or (end.second != 59 and (end.hour, end.minute) != (23, 59)):
        return end
    minutes = (end.hour * 60 + end.minute + 1) % (24 * 60)
    return time(minutes // 60, minutes % 60)


def _date(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def _component(doc: Mapping[str, Any], tariff: Mapping[str, Any], country: str) -> PriceComponent:
    dimension, price = _DIMENSIONS.get(clean(doc.get("type"), 20)), decimal(doc.get("price"))
    if dimension is None or price is None or price < 0:
        raise Unsupported(f"component {clean(doc.get('type'), 20)} at {doc.get('price')!r}")
    step = decimal(doc.get("step_size")) or Decimal(0)
    if step > 1 and price and dimension is not Dimension.FLAT:
        raise Unsupported(f"step size {step} of {dimension}")
    return PriceComponent(dimension, _gross(price, doc.get("vat"), clean(tariff.get("tax_included"), 3), country))


def _gross(price: Decimal, vat_value: Any, tax_included: str, country: str) -> Decimal:
    """See the head of this file."""
    vat = decimal(vat_value)
    if tax_included in {"YES", "N/A"} or not price:
        return price
    if vat is not None:
        if not 0 <= vat <= 50:
            raise Unsupported(f"VAT of {vat} %")
        return price * (1 + vat / 100)
    if country in _NO_VAT:
        return price
    raise Unsupported("VAT not stated")
