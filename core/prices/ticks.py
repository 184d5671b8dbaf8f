"""A price changes in three ways, and all three make a tick: a push, a pull, and the clock at a boundary.

`FollowedTariff` follows a group of guns that have a tariff, `FollowedPrice` a series of bare prices. Both put what
they hear through the gate, keep the history, and answer with a tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import StrEnum

from core.prices.gate import GateState, Held, Reading, Verdict, look
from core.prices.history import PriceHistory
from core.prices.observed import ObservedGate, Sighting
from core.tariff import Dimension, SessionState, Tariff


class Cause(StrEnum):
    PUSH = "push"
    PULL = "pull"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Tick:
    """What a kWh cost a moment ago and costs now, tax included as far as known; None: not known.

    `history` knows what is usual and what was lowest; its last step is this tick. `tariff_id` and the moment name the
    version: an alert is said once for each.
    """

    key: str
    at: datetime
    old: Decimal | None
    new: Decimal | None
    currency: str
    cause: Cause
    history: PriceHistory
    tariff_id: str = ""
    free_guns: int | None = None
    settled: bool = True  # False while a new series teaches its hours: nobody is alerted

    @property
    def changed(self) -> bool:
        return self.old != self.new


class FollowedTariff:
    """The guns at one place that share a tariff. Boundaries follow the tariff's own clock, `zone` the place's."""

    def __init__(self, key: str, zone: tzinfo, state: GateState | None = None) -> None:
        self.key, self.state = key, state or GateState()
        self.history = PriceHistory(zone)

    def hear(self, reading: Reading, cause: Cause = Cause.PULL) -> tuple[Verdict, Tick | None]:
        """A push or a pull. A tick when the price of this moment is another one now."""
        self.state, verdict = look(self.state, reading)
        if isinstance(verdict, Held):
            return verdict, self.clock(reading.at)
        return verdict, self._tick(reading.at, cause)

    def clock(self, at: datetime) -> Tick | None:
        """Time has passed. A tick when a boundary of the believed tariff lay in it and the price is another one."""
        return self._tick(at, Cause.CLOCK) if self.state.believed is not None else None

    def boundary(self, at: datetime) -> datetime | None:
        """When to look at the clock again."""
        return self.state.believed.next_boundary(at) if self.state.believed is not None else None

    def _tick(self, at: datetime, cause: Cause) -> Tick | None:
        tariff = self.state.believed
        assert tariff is not None
        old, new = self.history.price_at(at), price_per_kwh(tariff, at)
        self.history.see(at, new)
        if old == new:
            return None
        return Tick(self.key, at, old, new, tariff.currency, cause, self.history, tariff.id)


class FollowedPrice:
    """A series of bare prices. Each reading makes a tick, also an unchanged one: the usual changes by the hour."""

    def __init__(self, key: str, currency: str, zone: tzinfo) -> None:
        self.key, self.currency = key, currency
        self.gate, self.history = ObservedGate(currency, zone), PriceHistory(zone)

    def hear(self, seen: Sighting, cause: Cause = Cause.PULL) -> tuple[Verdict, Tick | None]:
        verdict = self.gate.look(seen)
        if isinstance(verdict, Held):
            return verdict, None
        old = self.history.price_at(seen.at)
        self.history.see(seen.at, seen.price)
        settled = not self.gate.learning(seen.at)
        tick = Tick(self.key, seen.at, old, seen.price, self.currency, cause, self.history, settled=settled)
        return verdict, tick


def price_per_kwh(tariff: Tariff, at: datetime) -> Decimal | None:
    """What the first kWh costs somebody who starts now; None where energy has no price of its own.

    Tax that comes on top is added, where the rate is known and the sum can be written.
    """
    component = tariff.prices_at(at, SessionState()).get(Dimension.ENERGY)
    if component is None:
        return None
    gross = component.gross
    return component.price if gross is None else Decimal(gross.numerator) / Decimal(gross.denominator)


def service_per_kwh(tariff: Tariff, at: datetime) -> Decimal | None:
    """The part of `price_per_kwh` that is the service fee; None where it is not told apart, or tax comes on top."""
    energy = tariff.prices_at(at, SessionState()).get(Dimension.ENERGY)
    if energy is None or not energy.service or price_per_kwh(tariff, at) != energy.price:
        return None
    return energy.service
