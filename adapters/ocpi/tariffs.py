"""OCPI tariffs to ours: once as the driver's price list, once in full for checking a charge record.

The driver's list holds what is paid at the gun, tax included. OCPI prices are net, with the VAT rate per component: a
driver pays price * (1 + vat/100). "Omitted" means by the specification that no VAT applies, but operators who forget
the field look the same, and in a country with VAT a price a fifth too low would win every comparison. So without a
rate the price is taken as it stands only where it is zero, where 2.3.0's `tax_included` says so, or outside the
countries with VAT on charging; else it is unknown. A tariff we cannot express exactly gives no number at all.

The full list takes the tariff at its word, net and gross (2.1.1 knows no VAT: there the gross price stays unknown).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from adapters.ocpi.messages import key_of, texts_of
from adapters.ocpi.tariff_fields import (
    Unsupported,
    objects,
    priced,
    restrictions_of,
    rules_of,
    sides,
    tax_included,
    vat_of,
)
from adapters.prices import plausible_per_kwh
from adapters.text import clean, decimal, utc
from core.station import NoPrice
from core.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    Tax,
)

__all__ = [
    "OcpiTariff",
    "Unsupported",
    "Version",
    "chosen",
    "is_tariff",
    "judged",
    "read_tariff",
    "to_full_tariff",
    "to_tariff",
    "version_of",
]

# What a driver without a contract pays comes before what is meant for contracts; the profiles are chosen in an app.
_PREFERENCE = ("AD_HOC_PAYMENT", "REGULAR")
# Fields that 2.1.1 does not have.
_SINCE_2_2 = ("country_code", "party_id", "type", "min_price", "max_price")
_NO_VAT = frozenset(("US", "CA", "HK"))


class Version(StrEnum):
    V2_1_1 = "2.1.1"
    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


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


# --- the driver's list ----------------------------------------------------------------------------------------


@contextmanager
def _or_unsupported() -> Iterator[None]:
    """What core refuses as a price, limit or currency is refused here."""
    try:
        yield
    except Unsupported:
        raise
    except (ValueError, ArithmeticError) as error:
        raise Unsupported(str(error)) from error


@_or_unsupported()
def to_tariff(doc: Mapping[str, Any], country: str, time_zone: str) -> Tariff:
    """The consumer's tariff at a location. Raises Unsupported."""
    doc = {**doc, "elements": [one for one in objects(doc.get("elements"), "elements") if not _of_reservation(one)]}
    elements = _elements(doc, lambda one: _consumer_component(one, doc, country))
    if not elements:
        raise Unsupported("no element for charging")
    limits = {name: _consumer_limit(doc, name, country) for name in ("min_price", "max_price")}
    return _tariff(doc, elements, time_zone, limits)


def _of_reservation(element: Mapping[str, Any]) -> bool:
    """Reserving has a price of its own, which is not that of charging."""
    return bool(rules_of(element.get("restrictions")).get("reservation"))


def _consumer_component(doc: Mapping[str, Any], tariff: Mapping[str, Any], country: str) -> PriceComponent:
    dimension, price, step = priced(doc)
    gross = price * _consumer_factor(doc.get("vat"), tariff, country) if price else price
    # A step of one unit, and one of something free, changes no price; a fee has none.
    matters = step > 1 and price and dimension is not Dimension.FLAT
    return PriceComponent(dimension, gross, step=step if matters else 0)


def _consumer_factor(vat_value: Any, tariff: Mapping[str, Any], country: str) -> Decimal:
    """What a price of the tariff is multiplied by; see the head of this file."""
    vat = vat_of(vat_value)
    if tax_included(tariff) in {"YES", "NA"}:
        return Decimal(1)
    if vat is not None:
        return 1 + vat / 100
    if country in _NO_VAT:
        return Decimal(1)
    raise Unsupported("VAT not stated")


def _consumer_limit(doc: Mapping[str, Any], name: str, country: str) -> PriceLimit | None:
    """The limit with tax. Where only the other side is given, the one tax rate of the tariff leads to it."""
    net, gross = sides(doc.get(name))
    if not net and not gross:
        return None
    if gross is None and net is not None:
        rates = {
            _consumer_factor(one.get("vat"), doc, country) for one in _components(doc) if decimal(one.get("price"))
        }
        if len(rates) != 1 or tax_included(doc) == "YES":
            raise Unsupported(f"{name} without tax")
        gross = net * rates.pop()
    return PriceLimit(gross=gross)


# --- the full list --------------------------------------------------------------------------------------------


@_or_unsupported()
def to_full_tariff(doc: Mapping[str, Any], time_zone: str, version: Version) -> Tariff:
    """The tariff with net and gross prices, steps and reservations, as a charge record is made of it.

    Raises Unsupported.
    """
    any_vat = any(vat_of(one.get("vat")) is not None for one in _components(doc))
    included = tax_included(doc) if version is Version.V2_3_0 else "NO"
    # Omitted: 2.1.1 cannot say it. In 2.2.1 no VAT applies. In 2.3.0 that holds beside components with VAT; a tariff
    # that names no rate at all leaves taxes to be added later, as in North America.
    says_none = included == "NA" or version is Version.V2_2_1 or (included == "NO" and any_vat)

    def component(one: Mapping[str, Any]) -> PriceComponent:
        dimension, price, step = priced(one)
        vat = vat_of(one.get("vat")) if included != "NA" else None
        tax = Tax.INCLUDED if included == "YES" else Tax.NONE if vat is None and says_none else Tax.ADDED
        return PriceComponent(dimension, price, step=0 if dimension is Dimension.FLAT else step, tax=tax, vat=vat)

    elements = _elements(doc, component)
    if not elements:
        raise Unsupported("no elements")
    limits = {}
    for name in ("min_price", "max_price"):
        net, gross = sides(doc.get(name))
        limits[name] = PriceLimit(net, gross) if net or gross else None
    return _tariff(doc, elements, time_zone, limits)


def version_of(doc: Mapping[str, Any]) -> Version | None:
    """The version whose marks a tariff bears; None when it could be of any."""
    limits = [doc.get(name) for name in ("min_price", "max_price")]
    if doc.get("tax_included") or any(isinstance(one, Mapping) and "before_taxes" in one for one in limits):
        return Version.V2_3_0
    newer = any(
        doc.get(name) is not None for name in ("country_code", "party_id", "type", *("min_price", "max_price"))
    )
    return Version.V2_2_1 if newer or any("vat" in one for one in _components(doc)) else None


# --- what both share ------------------------------------------------------------------------------------------


def judged(tariff: Tariff) -> NoPrice | None:
    """IMPLAUSIBLE when a kWh has a price that cannot be; declared zero is fine."""
    prices = (c.price for e in tariff.elements for c in e.components if c.dimension is Dimension.ENERGY)
    wrong = any(price and not plausible_per_kwh(price, tariff.currency) for price in prices)
    return NoPrice.IMPLAUSIBLE if wrong else None


def _tariff(
    doc: Mapping[str, Any],
    elements: tuple[TariffElement, ...],
    time_zone: str,
    limits: Mapping[str, PriceLimit | None],
) -> Tariff:
    local = any(element.restrictions.by_calendar for element in elements)
    currency = clean(doc.get("currency"), 3).upper()
    return Tariff(currency, elements, time_zone if local else "UTC", limits["min_price"], limits["max_price"])


def _elements(
    doc: Mapping[str, Any], component: Callable[[Mapping[str, Any]], PriceComponent]
) -> tuple[TariffElement, ...]:
    return tuple(
        TariffElement(
            tuple(component(one) for one in _components_of(element)),
            restrictions_of(rules_of(element.get("restrictions"))),
        )
        for element in objects(doc.get("elements"), "elements")
    )


def _components(doc: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for element in objects(doc.get("elements"), "elements") for one in _components_of(element)]


def _components_of(element: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(element.get("price_components"), "price_components")
