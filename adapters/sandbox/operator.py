"""The pretend operator at work: its city, what happens there now, its prices, and the levers that change them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from adapters.sandbox.books import Books
from adapters.sandbox.city import City, Gun, Place
from adapters.sandbox.clock import CityClock
from adapters.sandbox.life import GunState, Life, Status
from adapters.sandbox.prices import DayPrices, day_prices_of, flat_prices

_BOOK_EVERY = timedelta(minutes=1)
_LONGEST_CATCH_UP = timedelta(days=1)
LONGEST_FAULT_S = 3600.0


_OUT_OF_ORDER = frozenset({Status.FAULT, Status.OFFLINE})


class Fault(StrEnum):
    """How the operator's server can misbehave."""

    SILENT = "silent"
    SLOW = "slow"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class _Override:
    state: GunState
    since: datetime
    until: datetime | None  # None: until further notice

    def holds(self, at: datetime) -> bool:
        return self.until is None or at < self.until


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
        self.clock = CityClock(real_now)
        self._life = Life(city)
        self._real_now = real_now
        self._lock = threading.Lock()
        self._customers: dict[str, _Override] = {}  # guns at which a customer of ours charges
        self._overrides: dict[str, _Override] = {}
        self._factors: dict[str, Decimal] = {}
        self._set_prices: dict[str, DayPrices] = {}
        self._priced_at: dict[str, datetime] = {}

    def now(self) -> datetime:
        return self.clock.now()

    def state(self, gun_id: str) -> GunState:
        at = self.now()
        held = self._held(gun_id, at)
        return held.state if held else self._life.state(gun_id, at)

    def state_since(self, gun_id: str) -> datetime:
        """When the gun's state changed last; also when somebody let go of it."""
        at = self.now()
        held = self._held(gun_id, at)
        if held:
            return held.since
        ended = [one.until for one in (self._overrides.get(gun_id), self._customers.get(gun_id)) if one and one.until]
        return max([self._life.state_since(gun_id, at), *(until for until in ended if until <= at)])

    def _held(self, gun_id: str, at: datetime) -> _Override | None:
        """What holds the gun, if anything: a lever that breaks it, a customer of ours, another lever."""
        override, customer = self._overrides.get(gun_id), self._customers.get(gun_id)
        if override and not override.holds(at):
            override = None
        if customer and not customer.holds(at):
            customer = None
        if override and (override.state.status in _OUT_OF_ORDER or not customer):
            return override
        return customer

    def is_broken(self, gun_id: str) -> bool:
        """Whether somebody has pulled the lever; chance does not break a gun that a customer uses."""
        override = self._overrides.get(gun_id)
        return override is not None and override.holds(self.now()) and override.state.status is Status.FAULT

    def occupy(self, gun_id: str, state: GunState, until: datetime | None) -> None:
        """A customer's car is at the gun. Raises KeyError for no such gun."""
        _ = self.city.gun_of[gun_id]
        self._customers[gun_id] = _Override(state, self.now(), until)

    def prices(self, place: Place, gun: Gun) -> DayPrices:
        prices = self._set_prices.get(place.id) or place.prices(gun)
        factor = self._factors.get(place.id)
        return tuple(period.times(factor) for period in prices) if factor is not None else prices

    def priced_at(self, station_id: str) -> datetime:
        """When somebody changed the station's prices last."""
        return self._priced_at.get(station_id, datetime.min.replace(tzinfo=UTC))

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

    def set_clock(self, at: datetime | None, speed: float | None) -> None:
        """Stop the city's clock at a moment, let it run from there at a speed, or give it back to real time."""
        if at is None and speed is None:
            self.clock.real()
        else:
            self.clock.set(at, speed if speed is not None else 0.0)
        self._note("clock", f"{at.isoformat() if at else 'now'} x {speed or 0:g}")

    def set_state(self, gun_id: str, state: GunState | None, *, seconds: float) -> None:
        """Hold a gun in a state for a while; None gives it back to chance. Raises KeyError for no such gun."""
        _ = self.city.gun_of[gun_id]
        if state is None:
            self._overrides.pop(gun_id, None)
        else:
            self._overrides[gun_id] = _Override(state, self.now(), self.now() + timedelta(seconds=seconds))
        self._note("state", f"{gun_id} {f'{state.status.name} {state.bay.name}' if state else 'free to change'}")

    def multiply_price(self, station_id: str, factor: Decimal) -> None:
        _ = self.city.place_of[station_id]
        self._factors[station_id] = factor
        self._priced_at[station_id] = self._real_now()
        self._note("price", f"{station_id} x {factor}")

    def set_price(self, station_id: str, energy: Decimal, service: Decimal) -> None:
        """One price at all hours, for all guns of a station."""
        _ = self.city.place_of[station_id]
        self._set_prices[station_id] = flat_prices(energy, service)
        self._priced_at[station_id] = self._real_now()
        self._note("price", f"{station_id} = {energy} + {service}")

    def set_day(self, station_id: str, periods: Sequence[tuple[str, Decimal, Decimal]]) -> None:
        """Prices by hour of the day, for all guns of a station. Raises ValueError for starts that are no times."""
        _ = self.city.place_of[station_id]
        day = day_prices_of(periods)
        self._set_prices[station_id] = day
        self._priced_at[station_id] = self._real_now()
        self._note("price", f"{station_id} = {len(day)} periods")

    def reset_price(self, station_id: str) -> None:
        _ = self.city.place_of[station_id]
        self._set_prices.pop(station_id, None)
        self._factors.pop(station_id, None)
        self._priced_at[station_id] = self._real_now()
        self._note("price", f"{station_id} as usual")

    def _note(self, what: str, detail: str) -> None:
        self.books.note(self._real_now(), what, detail)
