"""Accounts: the first message registers; what a driver tells us once is kept and can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.geo import Point
from core.ports import Clock, Database, UnitOfWork
from core.user import CONSENT_VERSION, ConsentPurpose, Identity, User

# Positions are kept only as the middle of a square of about 1 km (reference: PIPL Art. 28, necessity).
CELL_DEGREES = 0.01
CELL_ACCURACY_M = 700.0
# When somebody wrote last is kept to the hour, so that not every message costs a write.
CHAT_USED_AGAIN_AFTER = timedelta(hours=1)


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
        known = chat is not None and not chat.gone and now - chat.used_at < CHAT_USED_AGAIN_AFTER
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


def chat_gone(unit: UnitOfWork, identity: Identity, at: datetime) -> None:
    """This chat takes nothing more; without another one the person is out of reach."""
    if unit.chats.gone(identity, at):
        return
    user = unit.users.by_identity(identity)
    if user is not None and user.reachable:
        unit.users.save(replace(user, reachable=False))
