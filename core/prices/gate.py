"""The sanity gate: what is said of a price is held against what was believed **for the same hours**.

A price far cheaper than the same hour had, a unit mixed up, nothing or less, something no gun costs: that waits for a
second reading. A step inside a believed time-of-use tariff is no news and never waits: the tariff is the same one.

Pure. `GateState` is all that has to be kept per group of guns: the believed tariff and the few that wait. Prices seen
hour by hour, without a tariff, go through the same rules in `observed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import TypeVar

from core.prices.bounds import plausible_per_kwh
from core.tariff import Dimension, PriceComponent, SessionState, Tariff

# Over 30 % cheaper than the same hour had: that waits.
_LEAST_PERCENT = 70
# Fen for yuan is a factor of 100; what else changed with it leaves it beyond this.
_UNIT_JUMP = 50
# A reading so soon after the first is the same word said twice: a repeated push, a page read again.
SECOND_READING_AFTER = timedelta(minutes=5)
# Different doubtful tariffs that may wait at once, for one group of guns.
_MOST_WAITING = 4

Price = TypeVar("Price", Decimal, Fraction)


class Reason(IntEnum):
    """Why something waits, the graver the greater."""

    MUCH_CHEAPER = 1
    UNIT_JUMP = 2
    OUT_OF_BOUNDS = 3
    NOTHING = 4  # zero or less
    OTHER_CURRENCY = 5


# A feed that mixes up its units says so again and again: there only somebody else's word helps, another supplier's or
# a person's. What costs nothing is believed on a second reading where no price is known to compare it with.
_OWN_WORD_HELPS = frozenset({Reason.MUCH_CHEAPER})


@dataclass(frozen=True, slots=True)
class Doubt:
    """`before` is what the same hour had; None where nothing was known or where it does not matter."""

    reason: Reason
    now: Fraction
    before: Fraction | None = None

    @property
    def own_word_helps(self) -> bool:
        return self.reason in _OWN_WORD_HELPS or (
            self.reason is Reason.NOTHING and self.before is None and not self.now
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Said once, not believed yet. `key` names what was said: the tariff's id, or the price."""

    key: str
    source: str
    since: datetime
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Accepted:
    """Believed. `changed` is False for what was believed before."""

    changed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Not shown as cheap and no reason for an alert, until it is said again."""

    doubt: Doubt
    since: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Doubtful at first, and believed now: somebody else says the same, or it was said again later."""

    doubt: Doubt
    since: datetime


Verdict = Accepted | Held | Confirmed


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the tariff of a group of guns. A supplier's pushes and pulls are one source."""

    source: str
    at: datetime
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class GateState:
    believed: Tariff | None = None
    waiting: tuple[Waiting, ...] = ()


def look(state: GateState, reading: Reading) -> tuple[GateState, Verdict]:
    """Hold a tariff against the believed one, over the coming week in its own time zone."""
    tariff, believed = reading.tariff, state.believed
    if believed is not None and tariff.id == believed.id:
        return replace(state, waiting=without(state.waiting, reading.source)), Accepted(changed=False)
    doubt = doubt_tariff(believed, tariff, reading.at)
    waiting, verdict = weigh(state.waiting, tariff.id, reading.source, reading.at, doubt)
    return GateState(believed if isinstance(verdict, Held) else tariff, waiting), verdict


def weigh(
    waiting: tuple[Waiting, ...], key: str, source: str, at: datetime, doubt: Doubt | None
) -> tuple[tuple[Waiting, ...], Verdict]:
    """What becomes of one word, with what waited before. A source that says something else takes its word back."""
    if doubt is None:
        return without(waiting, source), Accepted(changed=True)
    first = next((one for one in waiting if one.key == key), None)
    if first is None:
        left = without(waiting, source)[-(_MOST_WAITING - 1) :]
        return (*left, Waiting(key, source, at, doubt)), Held(doubt, at)
    if first.source != source or (doubt.own_word_helps and at - first.since >= SECOND_READING_AFTER):
        return tuple(one for one in waiting if one.key != key), Confirmed(doubt, first.since)
    return waiting, Held(doubt, first.since)


def without(waiting: tuple[Waiting, ...], source: str) -> tuple[Waiting, ...]:
    return tuple(one for one in waiting if one.source != source) if waiting else waiting


# --- doubts -------------------------------------------------------------------------------------------------


def doubt_tariff(before: Tariff | None, now: Tariff, at: datetime) -> Doubt | None:
    """The gravest doubt in any hour of the week from `at`. Pure, and half a millisecond: many guns share a pair."""
    if before is not None and before.currency != now.currency:
        return Doubt(Reason.OTHER_CURRENCY, Fraction(0))
    return _gravest((*_same_hours(before, now, at), *_at_any_time(now)))


def doubt_price(currency: str, before: Price | None, now: Price, *, per_kwh: bool = True) -> Doubt | None:
    """Of one hour: what it costs now, and what the same hour cost as far as we believed."""
    reason = _reason(currency if per_kwh else None, before, now)
    return None if reason is None else Doubt(reason, Fraction(now), None if before is None else Fraction(before))


def _reason(currency: str | None, before: Price | None, now: Price) -> Reason | None:
    if now <= 0:
        # What was free and stays free is no news.
        return None if now == 0 == before else Reason.NOTHING
    bounds = plausible_per_kwh(currency) if currency is not None else None
    if bounds is not None and not bounds[0] <= now <= bounds[1]:
        return Reason.OUT_OF_BOUNDS
    if not before:
        return None
    if now >= before * _UNIT_JUMP or now * _UNIT_JUMP <= before:
        return Reason.UNIT_JUMP
    return Reason.MUCH_CHEAPER if now * 100 < before * _LEAST_PERCENT else None


def _gravest(doubts: Iterable[Doubt | None]) -> Doubt | None:
    return max((one for one in doubts if one is not None), key=lambda one: one.reason, default=None)


def _same_hours(before: Tariff | None, now: Tariff, at: datetime) -> Iterator[Doubt | None]:
    """Every stretch of the coming week in which neither tariff changes: that is every hour, and parts of hours."""
    both = [one for one in (before, now) if one is not None]
    # Where every day is like the other, one shows all there is.
    end = at + timedelta(days=7 if any(one.by_date for one in both) else 1)
    moments = {at}
    for tariff in both:
        moment = tariff.next_boundary(at)
        while moment is not None and moment <= end:
            moments.add(moment)
            moment = tariff.next_boundary(moment)
    for moment in sorted(moments):
        was, is_ = _prices(before, moment) if before is not None else {}, _prices(now, moment)
        if Dimension.ENERGY in is_:
            yield doubt_price(now.currency, was.get(Dimension.ENERGY), is_[Dimension.ENERGY])
        elif Dimension.TIME in is_:
            yield doubt_price(now.currency, was.get(Dimension.TIME), is_[Dimension.TIME], per_kwh=False)
        elif Dimension.ENERGY in was and is_:
            # By the letter of a tariff a kWh without a price is free. (A gap in it is another gate's business.)
            yield doubt_price(now.currency, was[Dimension.ENERGY], Fraction(0))


def _at_any_time(tariff: Tariff) -> Iterator[Doubt | None]:
    """Bounds hold for what begins after this week, too. Nothing is allowed: the first kWh may be free."""
    for element in tariff.elements:
        for one in element.components:
            if one.dimension is Dimension.ENERGY and one.price:
                yield doubt_price(tariff.currency, None, _gross(one))


def _prices(tariff: Tariff, at: datetime) -> dict[Dimension, Fraction]:
    """What the first kWh and the first hour cost."""
    return {name: _gross(one) for name, one in tariff.prices_at(at, SessionState()).items()}


def _gross(component: PriceComponent) -> Fraction:
    """With tax, where it is known."""
    return component.gross if component.gross is not None else Fraction(component.price)
