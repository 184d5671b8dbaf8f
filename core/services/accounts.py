"""Accounts: the first message registers; what a driver tells us once is kept and can be changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.errors import UserError
from core.geo import Point
from core.ports import Clock, Database, UnitOfWork
from core.user import (
    CONSENT_VERSION,
    LEAST_BATTERY_KWH,
    MOST_BATTERY_KWH,
    Car,
    ConsentPurpose,
    Identity,
    User,
)

# Positions are kept only as the middle of a square of about 1 km (reference: PIPL Art. 28, necessity).
CELL_DEGREES = 0.01
CELL_ACCURACY_M = 700.0
# When somebody wrote last is kept to the hour, so that not every message costs a write.
CHAT_USED_AGAIN_AFTER = timedelta(hours=1)
MOST_CARS, CAR_NAME_MAX = 10, 40


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who wrote, and whether this is the first time."""

    user: User
    new: bool


class AccountService:
    """Everything about the person that is not money."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def greet(self, identity: Identity, language: str) -> Welcome:
        """The account behind a chat, registered now if it is new. Someone who writes is reachable again."""
        now = self.clock.now()
        with self.database.read() as unit:
            user, chat = unit.users.by_identity(identity), unit.chats.get(identity)
        # What was said there since they wrote is counted anew from now on.
        counted = chat is not None and chat.open and not chat.said
        known = chat is not None and counted and now - chat.used_at < CHAT_USED_AGAIN_AFTER
        if user is not None and user.reachable and known:
            return Welcome(user, new=False)
        with self.database.write() as unit:
            user, new = unit.users.register(identity, language, now)
            unit.chats.used(identity, now)
            if not user.reachable:
                user = replace(user, reachable=True)
                unit.users.save(user)
        return Welcome(user, new)

    def change(self, user_id: str, change: Callable[[User], User]) -> User:
        """Apply a change to the stored account in one transaction."""
        with self.database.write() as unit:
            user = unit.users.get(user_id)
            if user is None:
                raise LookupError(f"no user {user_id}")
            changed = change(user)
            unit.users.save(changed)
        return changed

    def cars(self, user_id: str) -> list[Car]:
        """The usual one first."""
        with self.database.read() as unit:
            return unit.people.cars(user_id)

    def keep_cars(self, user_id: str, cars: Sequence[Car]) -> list[Car]:
        """These are the person's cars now. Raises UserError. A car whose id is not theirs is a new one."""
        checked = [check_car(one) for one in cars]
        if len(checked) > MOST_CARS:
            raise UserError("too_many_cars", most=MOST_CARS)
        usual = next((n for n, one in enumerate(checked) if one.usual), 0)
        with self.database.write() as unit:
            if unit.users.get(user_id) is None:
                raise LookupError(f"no user {user_id}")
            mine = {one.id for one in unit.people.cars(user_id)}
            ids = [one.id if one.id in mine else "" for one in checked]
            # An id that is named twice is the first one's.
            ids = [one if one not in ids[:n] else "" for n, one in enumerate(ids)]
            unit.people.save_cars(
                user_id, [replace(one, id=ids[n], usual=n == usual) for n, one in enumerate(checked)]
            )
            return unit.people.cars(user_id)

    def unreachable(self, identity: Identity) -> None:
        """The person blocked us or left: nothing more is sent there until they write again."""
        with self.database.write() as unit:
            chat_gone(unit, identity, self.clock.now())

    def has_consent(self, user_id: str, purpose: ConsentPurpose) -> bool:
        with self.database.read() as unit:
            return unit.users.has_consent(user_id, purpose)

    def consent(self, user_id: str, purpose: ConsentPurpose, *, granted: bool) -> None:
        """Record a yes with time and version, or withdraw it; withdrawing deletes what was kept."""
        at = self.clock.now()
        with self.database.write() as unit:
            if granted:
                unit.users.grant_consent(user_id, purpose, CONSENT_VERSION, at)
            else:
                unit.users.withdraw_consent(user_id, purpose, at)

    def searched(self, user_id: str, point: Point) -> None:
        """Keep the 1 km square of a search, if the person agreed to that; otherwise keep nothing."""
        here = point.wgs84
        cell = (round(here.lat / CELL_DEGREES) * CELL_DEGREES, round(here.lng / CELL_DEGREES) * CELL_DEGREES)
        with self.database.read() as unit:
            agreed = unit.users.has_consent(user_id, ConsentPurpose.POSITION_HISTORY)
        if agreed:
            with self.database.write() as unit:
                if unit.users.has_consent(user_id, ConsentPurpose.POSITION_HISTORY):
                    unit.users.keep_search(user_id, (round(cell[0], 2), round(cell[1], 2)), self.clock.now())

    def last_area(self, user_id: str) -> Point | None:
        """The middle of the square the person searched in last, if they let us keep it."""
        with self.database.read() as unit:
            cell = unit.users.last_search(user_id)
        return Point(*cell, accuracy_m=CELL_ACCURACY_M) if cell else None


def check_car(car: Car) -> Car:
    """The car with its name on one line. Raises UserError for a battery that no car has."""
    if not LEAST_BATTERY_KWH <= car.battery_kwh <= MOST_BATTERY_KWH:
        raise UserError("bad_battery", least=LEAST_BATTERY_KWH, most=MOST_BATTERY_KWH)
    if not 0 < car.usable_kwh <= car.battery_kwh:
        raise UserError("bad_battery", least=LEAST_BATTERY_KWH, most=car.battery_kwh)
    name = " ".join("".join(one if one.isprintable() else " " for one in car.name).split())[:CAR_NAME_MAX]
    return replace(car, name=name)


def check_time_zone(name: str) -> str:
    """The IANA name of a time zone, or "" for none. Raises UserError."""
    try:
        if name:
            ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, not a name, a folder
        raise UserError("bad_time_zone", zone=name[:40]) from None
    return name


def chat_gone(unit: UnitOfWork, identity: Identity, at: datetime) -> None:
    """This chat takes nothing more; without another one the person is out of reach."""
    if unit.chats.gone(identity, at):
        return
    user = unit.users.by_identity(identity)
    if user is not None and user.reachable:
        unit.users.save(replace(user, reachable=False))
