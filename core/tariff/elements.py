"""What a tariff is made of: price components, the restrictions that switch them, and limits of the whole price."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

# The exponents of numbers we compute with: a supplier's 1e999999999 would take all memory.
_FINEST, _LARGEST = -60, 15


class NotCovered(ValueError):
    """The tariff gives no price for this: nothing holds at that moment, or what decides it is not known."""


class Dimension(StrEnum):
    ENERGY = "energy"  # per kWh
    TIME = "time"  # per hour of charging; with a reservation restriction, per hour of reservation
    PARKING_TIME = "parking_time"  # per hour of standing without charging
    FLAT = "flat"  # once


class Tax(StrEnum):
    """What a price says about tax."""

    INCLUDED = "included"  # the price is what the driver pays
    ADDED = "added"  # tax comes on top
    NONE = "none"  # no tax applies; not the same as a rate of 0 %


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """A price per kWh, per hour or once; as it stands a consumer price, tax included.

    `service` is the service-fee part of `price`. `step` is billed whole: watt-hours or seconds, 0 for none.
    `vat` is the rate in percent, None when nobody told us.
    """

    dimension: Dimension
    price: Decimal
    service: Decimal = Decimal(0)
    step: int = 0
    tax: Tax = Tax.INCLUDED
    vat: Decimal | None = None

    def __post_init__(self) -> None:
        if not (sensible(self.price) and sensible(self.service) and self.service <= self.price):
            raise ValueError(f"not a price: {self.price} of which service {self.service}")
        if self.step < 0:
            raise ValueError(f"not a step: {self.step}")
        if self.vat is not None and not sensible(self.vat):
            raise ValueError(f"not a rate: {self.vat} %")

    @property
    def tax_factor(self) -> Fraction | None:
        """Gross over net; None when the rate is not known."""
        if self.tax is Tax.NONE:
            return Fraction(1)
        return None if self.vat is None else 1 + Fraction(self.vat) / 100

    @property
    def net(self) -> Fraction | None:
        """The price without tax, where it is known."""
        factor, price = self.tax_factor, Fraction(self.price)
        if self.tax is not Tax.INCLUDED or not price:
            return price
        return None if factor is None else price / factor

    @property
    def gross(self) -> Fraction | None:
        """The price with tax, where it is known."""
        factor, price = self.tax_factor, Fraction(self.price)
        if self.tax is not Tax.ADDED or not price:
            return price
        return None if factor is None else price * factor


class Reservation(StrEnum):
    """An element with this word prices a reservation, not a charge (OCPI ReservationRestrictionType)."""

    RESERVATION = "reservation"
    EXPIRES = "expires"  # a reservation that no charge followed


@dataclass(frozen=True, slots=True)
class SessionState:
    """How far a session has come. Power and current are those of the moment; None when nobody measured them."""

    kwh: Fraction = Fraction(0)
    elapsed_us: int = 0
    power_kw: Fraction | None = None
    current_a: Fraction | None = None


def sensible(value: Decimal) -> bool:
    """Whether it is a finite number, not negative, of a size and fineness that exact arithmetic can bear."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and value >= 0 and exponent >= _FINEST and value.adjusted() <= _LARGEST


_NUMBERS = ("min_kwh", "max_kwh", "min_current_a", "max_current_a", "min_power_kw", "max_power_kw")
_CALENDAR = ("start", "end", "weekdays", "first_date", "last_date")


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element applies. All that is set must hold; clocks and dates in the tariff's own time zone.

    `start` after `end` passes midnight; `end` 00:00 is the end of the day; `last_date` is exclusive; minima are
    inclusive and maxima exclusive (OCPI 2.2.1 TariffRestrictions). Weekdays: Monday is 0. Energy and duration
    count from the start of the session, power and current are those of the moment (current over all phases).
    """

    start: time | None = None
    end: time | None = None
    weekdays: frozenset[int] | None = None
    first_date: date | None = None
    last_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current_a: Decimal | None = None
    max_current_a: Decimal | None = None
    min_power_kw: Decimal | None = None
    max_power_kw: Decimal | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    reservation: Reservation | None = None

    def __post_init__(self) -> None:
        numbers = (getattr(self, name) for name in _NUMBERS)
        if not all(number is None or sensible(number) for number in numbers):
            raise ValueError(f"not restrictions: {self}")

    @property
    def by_calendar(self) -> bool:
        return any(getattr(self, name) is not None for name in _CALENDAR)

    @property
    def by_session(self) -> bool:
        named = (one.name for one in fields(self) if one.name not in _CALENDAR and one.name != "reservation")
        return any(getattr(self, name) is not None for name in named)

    def match(self, local: datetime) -> bool:
        """Whether clock and calendar let the element apply."""
        if self.weekdays is not None and local.weekday() not in self.weekdays:
            return False
        if self.first_date is not None and local.date() < self.first_date:
            return False
        if self.last_date is not None and local.date() >= self.last_date:
            return False
        if self.start is None and self.end is None:
            return True
        now, start, end = local.time(), self.start or time(0), self.end or time(0)
        if start < end:
            return start <= now < end
        return now >= start or now < end if end != time(0) else now >= start

    def match_session(self, state: SessionState | None) -> bool | None:
        """Whether the course of the session lets it apply; None when that depends on something not known."""
        answers = (
            _within(self.min_kwh, None if state is None else state.kwh, self.max_kwh),
            _within(self.min_power_kw, None if state is None else state.power_kw, self.max_power_kw),
            _within(self.min_current_a, None if state is None else state.current_a, self.max_current_a),
            _within(_micro(self.min_duration_s), None if state is None else Fraction(state.elapsed_us),
                    _micro(self.max_duration_s)),
        )  # fmt: skip
        if False in answers:
            return False
        return None if None in answers else True


def _within(least: Decimal | int | None, value: Fraction | None, most: Decimal | int | None) -> bool | None:
    if least is None and most is None:
        return True
    if value is None:
        return None
    return (least is None or value >= Fraction(least)) and (most is None or value < Fraction(most))


def _micro(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1_000_000


@dataclass(frozen=True, slots=True)
class TariffElement:
    components: tuple[PriceComponent, ...]
    restrictions: Restrictions = field(default_factory=Restrictions)


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """The least or most a whole session costs. Both sides hold, each against its own total."""

    net: Decimal | None = None
    gross: Decimal | None = None

    def __post_init__(self) -> None:
        sides = [side for side in (self.net, self.gross) if side is not None]
        if not sides or not all(map(sensible, sides)):
            raise ValueError(f"not a price limit: {self.net} / {self.gross}")
