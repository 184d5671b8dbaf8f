"""Tariffs: what a charge costs at a gun, exactly, and when that changes.

The shape follows OCPI 2.2.1 `mod_tariffs`: elements in order, each with price components and restrictions; per
dimension the first element that matches gives the price. T/CEC 102 policies (energy price + service price per
period of the day) fit into it: the service price is a named part of the energy price.

This module knows flat and time-of-use prices. Restrictions on power, current, energy and duration, step sizes,
price limits and reservations are refused by `Tariff` for now instead of being computed wrongly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from core.money import Money, is_currency, round_once


class Dimension(StrEnum):
    ENERGY = "energy"  # per kWh
    TIME = "time"  # per hour of charging
    PARKING_TIME = "parking_time"  # per hour of standing without charging
    FLAT = "flat"  # once


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """A consumer price, tax included, per kWh, per hour or once. `service` is the service-fee part of `price`."""

    dimension: Dimension
    price: Decimal
    service: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (self.price.is_finite() and self.price >= 0 and 0 <= self.service <= self.price):
            raise ValueError(f"not a price: {self.price} of which service {self.service}")


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element applies, in the tariff's own time zone.

    `start` after `end` passes midnight; `end` 00:00 is the end of the day; `last_date` is exclusive
    (OCPI 2.2.1 TariffRestrictions). Weekdays: Monday is 0.
    """

    start: time | None = None
    end: time | None = None
    weekdays: frozenset[int] | None = None
    first_date: date | None = None
    last_date: date | None = None

    def match(self, local: datetime) -> bool:
        if self.weekdays is not None and local.weekday() not in self.weekdays:
            return False
        if self.first_date is not None and local.date() < self.first_date:
            return False
        if self.last_date is not None and local.date() >= self.last_date:
            return False
        now, start, end = local.time(), self.start or time(0), self.end or time(0)
        if start < end:
            return start <= now < end
        return now >= start or now < end if end != time(0) else now >= start


@dataclass(frozen=True, slots=True)
class TariffElement:
    components: tuple[PriceComponent, ...]
    restrictions: Restrictions = field(default_factory=Restrictions)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One price list. Immutable: a changed price is another tariff with another id."""

    currency: str
    elements: tuple[TariffElement, ...]
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if not is_currency(self.currency):
            raise ValueError(f"not a currency code: {self.currency!r}")
        if not self.elements:
            raise ValueError("an empty tariff is an unknown price, not a free one")

    @property
    def id(self) -> str:
        """Derived from the content, so that the same price list is the same tariff wherever it comes from."""
        return hashlib.blake2b(json.dumps(self.to_json(), sort_keys=True).encode(), digest_size=12).hexdigest()

    def prices_at(self, at: datetime) -> dict[Dimension, PriceComponent]:
        """The price of each dimension at one moment: the first matching element that has it."""
        local = at.astimezone(ZoneInfo(self.time_zone))
        prices: dict[Dimension, PriceComponent] = {}
        for element in self.elements:
            if element.restrictions.match(local):
                for component in element.components:
                    prices.setdefault(component.dimension, component)
        return prices

    def next_boundary(self, at: datetime) -> datetime | None:
        """The next moment at which a restriction may switch on or off, within eight days."""
        zone = ZoneInfo(self.time_zone)
        today = at.astimezone(zone).date()
        times = {time(0)}
        for element in self.elements:
            times |= {t for t in (element.restrictions.start, element.restrictions.end) if t is not None}
        if times == {time(0)} and all(e.restrictions == Restrictions() for e in self.elements):
            return None
        for day in range(9):
            for clock in sorted(times):
                # fold=0: in the repeated autumn hour the first one counts; a time skipped in spring moves on.
                moment = datetime.combine(today + timedelta(days=day), clock, zone).astimezone(at.tzinfo)
                if moment > at:
                    return moment
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "currency": self.currency,
            "time_zone": self.time_zone,
            "elements": [_element_to_json(element) for element in self.elements],
        }

    @classmethod
    def from_json(cls, doc: Mapping[str, Any]) -> Tariff:
        elements = tuple(_element_from_json(element) for element in doc["elements"])
        return cls(currency=doc["currency"], elements=elements, time_zone=doc["time_zone"])


class Part(StrEnum):
    """The parts of a bill that a driver sees."""

    ENERGY = "energy"
    SERVICE = "service"
    TIME = "time"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """The next change of the price per kWh."""

    at: datetime
    price_per_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The expected cost of one charge. `total` is rounded once; the parts are exact and add up to `exact`."""

    tariff_id: str
    total: Money
    exact: Decimal
    parts: Mapping[Part, Decimal]
    price_per_kwh: Decimal
    next_change: PriceChange | None


class NotCovered(ValueError):
    """The tariff has no price for this moment."""


# A charge never lasts longer than this in a quote; it bounds the walk over time-of-use boundaries.
LONGEST_CHARGE = timedelta(hours=48)


def quote(tariff: Tariff, *, kwh: Decimal, minutes: Decimal, at: datetime) -> Quote:
    """What `kwh` over `minutes` from `at` (aware) costs, energy flowing evenly. Raises NotCovered, ValueError."""
    if kwh <= 0 or minutes <= 0:
        raise ValueError("a charge has energy and takes time")
    length = min(timedelta(minutes=float(minutes)), LONGEST_CHARGE)
    now = tariff.prices_at(at)
    if not now:
        raise NotCovered(f"no price at {at.isoformat()}")
    parts = {part: Decimal(0) for part in Part}
    if flat := now.get(Dimension.FLAT):
        parts[Part.SESSION] += flat.price
    start, end = at, at + length
    while start < end:
        boundary = tariff.next_boundary(start)
        stop = min(end, boundary) if boundary else end
        prices = tariff.prices_at(start)
        share = Decimal(str((stop - start) / length))
        if energy := prices.get(Dimension.ENERGY):
            parts[Part.ENERGY] += kwh * share * (energy.price - energy.service)
            parts[Part.SERVICE] += kwh * share * energy.service
        if hourly := prices.get(Dimension.TIME):
            parts[Part.TIME] += hourly.price * minutes * share / 60
        if not prices:
            raise NotCovered(f"no price at {start.isoformat()}")
        start = stop
    exact = sum(parts.values(), Decimal(0))
    return Quote(
        tariff_id=tariff.id,
        total=round_once(exact, tariff.currency),
        exact=exact,
        parts={part: amount for part, amount in parts.items() if amount},
        price_per_kwh=now[Dimension.ENERGY].price if Dimension.ENERGY in now else Decimal(0),
        next_change=next_change(tariff, at),
    )


def next_change(tariff: Tariff, at: datetime) -> PriceChange | None:
    """When the price per kWh changes next, and to what; None when it stays for the coming week."""

    def per_kwh(moment: datetime) -> Decimal:
        component = tariff.prices_at(moment).get(Dimension.ENERGY)
        return component.price if component else Decimal(0)

    now, moment = per_kwh(at), at
    while (boundary := tariff.next_boundary(moment)) is not None and boundary - at <= timedelta(days=8):
        if (then := per_kwh(boundary)) != now:
            return PriceChange(at=boundary, price_per_kwh=then)
        moment = boundary
    return None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A measured part of a session: energy and minutes of charging from `start`."""

    start: datetime
    minutes: Decimal
    kwh: Decimal


def cost(tariff: Tariff, session: tuple[Stretch, ...]) -> Quote:
    """What a measured session costs. The session fee is taken once, at its first moment."""
    if not session:
        raise ValueError("a session has at least one stretch")
    quotes = [quote(tariff, kwh=part.kwh, minutes=part.minutes, at=part.start) for part in session]
    parts: dict[Part, Decimal] = {}
    for number, one in enumerate(quotes):
        for part, amount in one.parts.items():
            if part is Part.SESSION and number:
                continue
            parts[part] = parts.get(part, Decimal(0)) + amount
    exact = sum(parts.values(), Decimal(0))
    total = round_once(exact, tariff.currency)
    return Quote(quotes[0].tariff_id, total, exact, parts, quotes[0].price_per_kwh, quotes[-1].next_change)


# --- building ---------------------------------------------------------------------------------------------


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


# --- JSON -------------------------------------------------------------------------------------------------


def _element_to_json(element: TariffElement) -> dict[str, Any]:
    rules = element.restrictions
    doc: dict[str, Any] = {
        "components": [
            {"dimension": c.dimension.value, "price": _plain(c.price)}
            | ({"service": _plain(c.service)} if c.service else {})
            for c in element.components
        ]
    }
    if rules.start is not None or rules.end is not None:
        doc["start"], doc["end"] = _clock(rules.start), _clock(rules.end)
    if rules.weekdays is not None:
        doc["weekdays"] = sorted(rules.weekdays)
    if rules.first_date is not None:
        doc["first_date"] = rules.first_date.isoformat()
    if rules.last_date is not None:
        doc["last_date"] = rules.last_date.isoformat()
    return doc


def _element_from_json(doc: Mapping[str, Any]) -> TariffElement:
    components = tuple(
        PriceComponent(Dimension(c["dimension"]), Decimal(c["price"]), Decimal(c.get("service", "0")))
        for c in doc["components"]
    )
    restrictions = Restrictions(
        start=time.fromisoformat(doc["start"]) if doc.get("start") else None,
        end=time.fromisoformat(doc["end"]) if doc.get("end") else None,
        weekdays=frozenset(doc["weekdays"]) if "weekdays" in doc else None,
        first_date=date.fromisoformat(doc["first_date"]) if "first_date" in doc else None,
        last_date=date.fromisoformat(doc["last_date"]) if "last_date" in doc else None,
    )
    return TariffElement(components, restrictions)


def _clock(value: time | None) -> str | None:
    return value.isoformat() if value is not None else None


def _plain(value: Decimal) -> str:
    """The shortest plain decimal text, so that 1.0 and 1.00 are the same price."""
    text = format(value.normalize(), "f")
    return "0" if text in {"-0", "0"} else text
