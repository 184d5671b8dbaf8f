"""A session to be priced, and the walk through it: how much of what was used at which price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from core.tariff.daytime import moments_between
from core.tariff.elements import Dimension, NotCovered, Reservation, SessionState, sensible
from core.tariff.pricelist import Priced, Tariff

# Longer is a broken clock, not a session; it bounds the walk over the boundaries of the days.
LONGEST_SESSION = timedelta(days=92)
_HOUR_US = 3_600_000_000


class Doing(StrEnum):
    CHARGING = "charging"
    PARKED = "parked"  # plugged in without charging
    RESERVED = "reserved"
    EXPIRED = "expired"  # reserved, and no charge followed


@dataclass(frozen=True, slots=True)
class Stretch:
    """A measured part of a session: energy and minutes from `start` (aware), the energy flowing evenly.

    Without `power_kw` a charging stretch has the mean of its energy and time; a current that nobody measured stays
    unknown. `tariff` is another one than the session's, where the driver changed it on the way.
    """

    start: datetime
    minutes: Decimal
    kwh: Decimal
    doing: Doing = Doing.CHARGING
    power_kw: Decimal | None = None
    current_a: Decimal | None = None
    tariff: Tariff | None = None

    def __post_init__(self) -> None:
        measured = (self.minutes, self.kwh, self.power_kw, self.current_a)
        if not all(value is None or sensible(value) for value in measured):
            raise ValueError(f"not a measured stretch: {self.minutes} min, {self.kwh} kWh")
        if self.start.tzinfo is None:
            raise ValueError("a stretch starts at a moment of a known time zone")


class Line(StrEnum):
    """The lines of a bill."""

    ENERGY = "energy"
    TIME = "time"
    PARKING_TIME = "parking_time"
    FLAT = "flat"
    RESERVATION = "reservation"  # its time and its fee
    PRICE_LIMIT = "price_limit"  # what a minimum adds, or a maximum takes off


@dataclass(slots=True)
class Used:
    """What was used at one price: kWh, hours, or 1 for a fee. `scale` is the step's units in one of them."""

    line: Line
    priced: Priced
    quantity: Fraction
    scale: int | None


_RESERVATION = {Doing.RESERVED: Reservation.RESERVATION, Doing.EXPIRED: Reservation.EXPIRES}


def walk(tariff: Tariff, session: Sequence[Stretch], *, covered: bool = False) -> list[Used]:
    """What the session used, in order, each at its price. Restrictions are asked anew wherever one may switch.

    `covered` insists that something has a price at every moment, instead of taking silence for free.
    """
    if not session:
        raise ValueError("a session has at least one stretch")
    used: list[Used] = []
    kwh = Fraction(0)
    origins: dict[bool, datetime] = {}  # where the session starts, and where its reservation does
    fees: set[Reservation | None] = set()
    for stretch in sorted(session, key=lambda one: one.start):
        own, start = stretch.tariff or tariff, stretch.start.astimezone(UTC)
        energy, length_us = Fraction(stretch.kwh), round(stretch.minutes * 60_000_000)
        reservation = _RESERVATION.get(stretch.doing)
        before_us = (start - origins.setdefault(reservation is None, start)) // timedelta(microseconds=1)
        if before_us + length_us > LONGEST_SESSION // timedelta(microseconds=1):
            raise ValueError(f"a session lasts at most {LONGEST_SESSION.days} days")
        power, current = _power_and_current(stretch, energy, length_us)
        wanted = _wanted(stretch.doing, energy, length_us)
        for first, last in pairwise(_cuts(own, start, length_us, kwh, energy, before_us)):
            passed_us = int(first * length_us)
            local = (start + timedelta(microseconds=passed_us)).astimezone(own.zone)
            state = SessionState(kwh + first * energy, before_us + passed_us, power, current)
            found = False
            for dimension, line, amount, scale in wanted:
                if line is Line.FLAT and reservation in fees:
                    continue
                priced = own.price(dimension, local, state, reservation)
                if priced is None:
                    continue
                found = True
                if dimension is Dimension.FLAT:
                    fees.add(reservation)
                    used.append(Used(_line(line, reservation), priced, Fraction(1), None))
                else:
                    _add(used, _line(line, reservation), priced, amount * (last - first), scale)
            if covered and not found and not own.prices_at(local, state):
                raise NotCovered(f"no price at {local.isoformat()}")
        if reservation is None:
            kwh += energy
    return used


def _add(used: list[Used], line: Line, priced: Priced, quantity: Fraction, scale: int) -> None:
    """One entry per price and change of price. Charging and parking time are rounded together, so theirs keep the
    order in which they came: the last entry is where the rounding goes."""
    reserved = line is Line.RESERVATION
    family = (one for one in reversed(used) if one.scale == scale and (one.line is Line.RESERVATION) is reserved)
    last = next(family, None)
    if last is not None and last.priced is priced:
        last.quantity += quantity
    else:
        used.append(Used(line, priced, quantity, scale))


def _line(line: Line, reservation: Reservation | None) -> Line:
    return line if reservation is None else Line.RESERVATION


_Wanted = tuple[tuple[Dimension, Line, Fraction, int], ...]


def _wanted(doing: Doing, energy: Fraction, length_us: int) -> _Wanted:
    """The dimensions that a stretch uses, and how much of each in all."""
    hours = Fraction(length_us, _HOUR_US)
    timed = (
        (Dimension.PARKING_TIME, Line.PARKING_TIME, hours, 3600)
        if doing is Doing.PARKED
        else (Dimension.TIME, Line.TIME, hours, 3600)
    )
    flat = (Dimension.FLAT, Line.FLAT, Fraction(1), 1)
    metered = ((Dimension.ENERGY, Line.ENERGY, energy, 1000),) if energy and doing not in _RESERVATION else ()
    return (*metered, *((timed,) if length_us else ()), flat)


def _power_and_current(stretch: Stretch, energy: Fraction, length_us: int) -> tuple[Fraction | None, Fraction | None]:
    power = None if stretch.power_kw is None else Fraction(stretch.power_kw)
    current = None if stretch.current_a is None else Fraction(stretch.current_a)
    if stretch.doing is not Doing.CHARGING:
        return power or Fraction(0), current or Fraction(0)
    if power is None and length_us:
        power = energy * _HOUR_US / length_us
    return power, current


def _cuts(
    tariff: Tariff, start: datetime, length_us: int, kwh: Fraction, energy: Fraction, before_us: int
) -> list[Fraction]:
    """Where in the stretch, from 0 to 1, a restriction may switch."""
    return sorted({Fraction(0), Fraction(1), *_inner_cuts(tariff, start, length_us, kwh, energy, before_us)})


def _inner_cuts(
    tariff: Tariff, start: datetime, length_us: int, kwh: Fraction, energy: Fraction, before_us: int
) -> Iterator[Fraction]:
    if tariff.clocks and length_us:
        end = start + timedelta(microseconds=length_us)
        for moment in moments_between(start, end, tariff.zone, tariff.clocks):
            yield Fraction((moment - start) // timedelta(microseconds=1), length_us)
    for mark_us in tariff.duration_marks_us:
        if before_us < mark_us < before_us + length_us:
            yield Fraction(mark_us - before_us, length_us)
    for mark in tariff.kwh_marks:
        if kwh < mark < kwh + energy:
            yield (mark - kwh) / energy
