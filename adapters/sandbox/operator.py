"""The pretend operator at work: its city, what happens there now, its prices, and the levers that change them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from adapters.sandbox.books import Books
from adapters.sandbox.city import City, Gun, Place
from adapters.sandbox.life import GunState, Life
from adapters.sandbox.prices import DayPrices, flat_prices

_BOOK_EVERY = timedelta(minutes=1)
_LONGEST_CATCH_UP = timedelta(days=1)
LONGEST_FAULT_S = 3600.0


class Fault(StrEnum):
    """How the operator's server can misbehave."""

    SILENT = "silent"
    SLOW = "slow"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class _Override:
    state: GunState
    until: datetime


class Outage:
    """A fault that ends by itself. Waiting requests go on as soon as it is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kind: Fault | None = None
        self._delay_s = 0.0
        self._until = 0.0

    def begin(self, kind: Fault | None, *, seconds: float, delay_s: float) -> None:
        with self._changed:
            self._kind, self._delay_s = kind, delay_s
            self._until = time.monotonic() + min(seconds, LONGEST_FAULT_S)
            self._changed.notify_all()

    def now(self) -> tuple[Fault | None, float]:
        """The fault of this moment and the delay that belongs to it."""
        with self._changed:
            over = time.monotonic() >= self._until
            return (None, 0.0) if over else (self._kind, self._delay_s)

    def sit_out(self, longest_s: float) -> None:
        """Wait until the fault is over or another begins, at most this long."""
        with self._changed:
            self._changed.wait(min(longest_s, max(self._until - time.monotonic(), 0.0)))


class Operator:
    """Safe from many threads. `now` is the city's clock; it can be stopped, so that a test sees one moment."""

    def __init__(self, city: City, books: Books, real_now: Callable[[], datetime]) -> None:
        self.city, self.books, self.outage = city, books, Outage()
        self._life = Life(city)
        self._real_now = real_now
        self._lock = threading.Lock()
        self._stopped_at: datetime | None = None
        self._overrides: dict[str, _Override] = {}
        self._factors: dict[str, Decimal] = {}
        self._set_prices: dict[str, DayPrices] = {}

    def now(self) -> datetime:
        return self._stopped_at or self._real_now()

    def state(self, gun_id: str) -> GunState:
        at = self.now()
        override = self._overrides.get(gun_id)
        return override.state if override and at < override.until else self._life.state(gun_id, at)

    def prices(self, place: Place, gun: Gun) -> DayPrices:
        prices = self._set_prices.get(place.id) or place.prices(gun)
        factor = self._factors.get(place.id)
        return tuple(period.times(factor) for period in prices) if factor is not None else prices

    def keep_books(self) -> None:
        """Book the charges that ended since last time; called on the way of every request, works once a minute.

        Life is a function of time, so charges may be booked late. Books begin when the data folder does, and
        catch up at most a day.
        """
        with self._lock:
            now = self._real_now()
            since = self.books.booked_until()
            if since is None:
                self.books.book((), now)
            elif now - since >= _BOOK_EVERY:
                ended = self._life.sessions(max(since, now - _LONGEST_CATCH_UP), now)
                self.books.book(((one, self._prices_of(one.gun_id)) for one in ended), now)

    def _prices_of(self, gun_id: str) -> DayPrices:
        return self.prices(*self.city.gun_of[gun_id])

    # --- levers ---------------------------------------------------------------------------------------------

    def stop_clock(self, at: datetime | None) -> None:
        """Stop the city's clock at a moment, or let it run again."""
        self._stopped_at = at
        self._note("clock", at.isoformat() if at else "runs")

    def set_state(self, gun_id: str, state: GunState | None, *, seconds: float) -> None:
        """Hold a gun in a state for a while; None gives it back to chance. Raises KeyError for no such gun."""
        _ = self.city.gun_of[gun_id]
        if state is None:
            self._overrides.pop(gun_id, None)
        else:
            self._overrides[gun_id] = _Override(state, self.now() + timedelta(seconds=seconds))
        self._note("state", f"{gun_id} {f'{state.status.name} {state.bay.name}' if state else 'free to change'}")

    def multiply_price(self, station_id: str, factor: Decimal) -> None:
        _ = self.city.place_of[station_id]
        self._factors[station_id] = factor
        self._note("price", f"{station_id} x {factor}")

    def set_price(self, station_id: str, energy: Decimal, service: Decimal) -> None:
        """One price at all hours, for all guns of a station."""
        _ = self.city.place_of[station_id]
        self._set_prices[station_id] = flat_prices(energy, service)
        self._note("price", f"{station_id} = {energy} + {service}")

    def reset_price(self, station_id: str) -> None:
        _ = self.city.place_of[station_id]
        self._set_prices.pop(station_id, None)
        self._factors.pop(station_id, None)
        self._note("price", f"{station_id} as usual")

    def _note(self, what: str, detail: str) -> None:
        self.books.note(self._real_now(), what, detail)
