"""The tariff itself: a price list that knows which price holds when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.money import is_currency
from core.tariff import stored
from core.tariff.daytime import moments_after
from core.tariff.elements import (
    Dimension,
    NotCovered,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SessionState,
    TariffElement,
    Tax,
)

_DAYS_AHEAD = 8


class Priced(NamedTuple):
    """A component with its exact prices, worked out once."""

    component: PriceComponent
    net: Fraction | None
    gross: Fraction | None


# The elements that may give one dimension its price, in order; None is an element without restrictions.
_Candidates = tuple[tuple[Restrictions | None, Priced], ...]


@dataclass(frozen=True)
class Tariff:
    """One price list. Immutable: a changed price is another tariff with another id."""

    currency: str
    elements: tuple[TariffElement, ...]
    time_zone: str = "UTC"
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None

    def __post_init__(self) -> None:
        if not is_currency(self.currency):
            raise ValueError(f"not a currency code: {self.currency!r}")
        if not self.elements:
            raise ValueError("an empty tariff is an unknown price, not a free one")

    @cached_property
    def id(self) -> str:
        """Derived from the content, so that the same price list is the same tariff wherever it comes from."""
        return hashlib.blake2b(json.dumps(self.to_json(), sort_keys=True).encode(), digest_size=12).hexdigest()

    # --- what holds when --------------------------------------------------------------------------------------

    def prices_at(self, at: datetime, state: SessionState | None = None) -> dict[Dimension, PriceComponent]:
        """The price of each dimension at one moment of charging: the first matching element that has it.

        Without a `state` a dimension whose price depends on the course of the session is left out: it has no
        price that could be shown on a list.
        """
        local = at.astimezone(self.zone)
        prices: dict[Dimension, PriceComponent] = {}
        for dimension in Dimension:
            try:
                found = self.price(dimension, local, state)
            except NotCovered:
                continue
            if found is not None:
                prices[dimension] = found.component
        return prices

    def price(
        self,
        dimension: Dimension,
        local: datetime,
        state: SessionState | None,
        reservation: Reservation | None = None,
    ) -> Priced | None:
        """The price of one dimension; None where it costs nothing. NotCovered when the unknown decides it."""
        for rules, priced in self._candidates.get((reservation, dimension), ()):
            if rules is None:
                return priced
            if not rules.match(local):
                continue
            match rules.match_session(state):
                case True:
                    return priced
                case None:
                    raise NotCovered(f"the price of {dimension} depends on a power or current that is not known")
        return None

    def next_boundary(self, at: datetime) -> datetime | None:
        """The next moment at which the clock or the calendar may switch an element, within eight days."""
        if not self.clocks:
            return None
        ahead = moments_after(at.astimezone(UTC), self.zone, self.clocks, _DAYS_AHEAD)
        moment = next(ahead, None)
        return None if moment is None else moment.astimezone(at.tzinfo)

    # --- worked out once --------------------------------------------------------------------------------------

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def clocks(self) -> tuple[time, ...]:
        """The clock times at which something may switch; none when nothing does."""
        rules = [element.restrictions for element in self.elements if element.restrictions.by_calendar]
        if not rules:
            return ()
        named = {clock for one in rules for clock in (one.start, one.end) if clock is not None}
        return tuple(sorted(named | {time(0)}))

    @cached_property
    def by_date(self) -> bool:
        """Whether one day may differ from the next."""
        rules = [element.restrictions for element in self.elements]
        return any(one.weekdays is not None or one.first_date or one.last_date for one in rules)

    @cached_property
    def kwh_marks(self) -> tuple[Fraction, ...]:
        """The energies at which something switches."""
        rules = [element.restrictions for element in self.elements]
        return tuple(sorted({Fraction(v) for one in rules for v in (one.min_kwh, one.max_kwh) if v is not None}))

    @cached_property
    def duration_marks_us(self) -> tuple[int, ...]:
        """The lengths of a session at which something switches."""
        rules = [element.restrictions for element in self.elements]
        named = {v for one in rules for v in (one.min_duration_s, one.max_duration_s) if v is not None}
        return tuple(sorted(seconds * 1_000_000 for seconds in named))

    @cached_property
    def is_plain(self) -> bool:
        """Whether clock and calendar alone decide a consumer's price, without steps and limits."""
        components = [one for element in self.elements for one in element.components]
        return (
            self.min_price is None
            and self.max_price is None
            and not any(element.restrictions.by_session for element in self.elements)
            and all(one.tax is Tax.INCLUDED and one.vat is None and not one.step for one in components)
        )

    @cached_property
    def one_energy_price(self) -> bool:
        """Whether a kWh costs the same at all times."""
        candidates = self._candidates.get((None, Dimension.ENERGY), ())
        return not candidates or candidates[0][0] is None

    @cached_property
    def tax_factor(self) -> Fraction | None:
        """Gross over net where it is the same for everything that costs something."""
        components = [one for element in self.elements for one in element.components if one.price]
        factors = {one.tax_factor for one in components}
        return factors.pop() if len(factors) == 1 else None

    @cached_property
    def _candidates(self) -> dict[tuple[Reservation | None, Dimension], _Candidates]:
        found: dict[tuple[Reservation | None, Dimension], list[tuple[Restrictions | None, Priced]]] = {}
        closed = set()
        for reservation, element in self._by_reservation():
            rules = element.restrictions
            restricted = rules.by_calendar or rules.by_session
            for component in element.components:
                key = (reservation, component.dimension)
                if key not in closed:
                    priced = Priced(component, component.net, component.gross)
                    found.setdefault(key, []).append((rules if restricted else None, priced))
                    if not restricted:
                        closed.add(key)
        return {key: tuple(listed) for key, listed in found.items()}

    def _by_reservation(self) -> list[tuple[Reservation | None, TariffElement]]:
        """Each element under what it prices. An expired reservation falls back on the price of reserving."""
        listed = [(element.restrictions.reservation, element) for element in self.elements]
        fallback = [(Reservation.EXPIRES, one) for word, one in listed if word is Reservation.RESERVATION]
        return listed + fallback

    # --- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        doc: dict[str, Any] = {
            "currency": self.currency,
            "time_zone": self.time_zone,
            "elements": [stored.element_to_json(element) for element in self.elements],
        }
        limits = {"min_price": self.min_price, "max_price": self.max_price}
        return doc | {name: stored.limit_to_json(limit) for name, limit in limits.items() if limit is not None}

    @classmethod
    def from_json(cls, doc: Mapping[str, Any]) -> Tariff:
        return cls(
            currency=doc["currency"],
            elements=tuple(stored.element_from_json(element) for element in doc["elements"]),
            time_zone=doc["time_zone"],
            min_price=stored.limit_from_json(doc.get("min_price")),
            max_price=stored.limit_from_json(doc.get("max_price")),
        )
