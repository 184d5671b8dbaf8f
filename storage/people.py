"""Whole persons: how platforms name them, their cars, the accounts that were joined, and what they are tied by."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from core.ledger import FLOOR_ZERO, Pot
from core.money import Money
from core.payments import OPEN_REFUNDS, TopupState
from core.ports import Stray, Tie, TieKind
from core.session import LIVE
from core.station import Plug
from core.user import Car, Channel, Identity, User
from storage import personal
from storage.bulk import insert
from storage.tables import (
    accounts,
    cars,
    charging_sessions,
    consents,
    holds,
    identities,
    kept_searches,
    link_codes,
    link_tries,
    logins,
    refunds,
    topups,
    users,
)
from storage.users import SqlUsers

_OPEN_TOPUPS = (TopupState.CREATED, TopupState.PENDING, TopupState.PARKED)


class SqlPeople:
    """core.ports.PeopleRepository. Who changes accounts locks their rows in `users` first, in the order of ids."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    # --- who is who -------------------------------------------------------------------------------------------

    def identities(self, user_id: str) -> list[Identity]:
        named = identities.c
        statement = select(named.channel, named.external_id).where(named.user_id == self.current(user_id))
        rows = self.db.execute(statement.order_by(named.linked_at.desc(), named.channel, named.external_id))
        return [Identity(Channel(row.channel), row.external_id) for row in rows]

    def current(self, user_id: str) -> str:
        merged = self.db.execute(select(users.c.merged_into).where(users.c.id == user_id)).scalar()
        return merged or user_id

    def same_person(self, user_id: str) -> list[str]:
        root = self.current(user_id)
        second = select(users.c.id).where(users.c.merged_into == root).order_by(users.c.id)
        return [root, *self.db.execute(second).scalars()]

    def add_identity(self, identity: Identity, user_id: str, at: datetime) -> bool:
        row = {**_name(identity), "user_id": user_id, "linked_at": at}
        claim = insert(self.db, identities).values(row).on_conflict_do_nothing().returning(identities.c.user_id)
        return self.db.execute(claim).first() is not None

    def move_identity(self, identity: Identity, to_user: str, at: datetime) -> None:
        named = (identities.c.channel == identity.channel.value, identities.c.external_id == identity.external_id)
        self.db.execute(update(identities).where(*named).values(user_id=to_user, linked_at=at))

    def new_account(self, like: str, at: datetime) -> User:
        language = self.db.execute(select(users.c.language).where(users.c.id == like)).scalar_one()
        return SqlUsers(self.db, locks=True).create(language, at)

    def merge(self, from_user: str, to_user: str, at: datetime) -> None:
        ends = (consents.c.user_id == from_user, consents.c.withdrawn_at.is_(None))
        self.db.execute(update(consents).where(*ends).values(withdrawn_at=at))
        for table in (identities, consents, kept_searches, logins, link_tries):
            self.db.execute(update(table).where(table.c.user_id == from_user).values(user_id=to_user))
        # The car that is usual stays so: that of the account which remains.
        has_usual = select(cars.c.id).where(cars.c.user_id == to_user, cars.c.usual)
        moved = {"user_id": to_user} | ({"usual": False} if self.db.execute(has_usual).first() else {})
        self.db.execute(update(cars).where(cars.c.user_id == from_user).values(moved))
        self.db.execute(delete(link_codes).where(link_codes.c.user_id == from_user))
        joined = or_(users.c.id == from_user, users.c.merged_into == from_user)
        self.db.execute(update(users).where(joined).values(merged_into=to_user))

    # --- cars -------------------------------------------------------------------------------------------------

    def cars(self, user_id: str) -> list[Car]:
        rows = self.db.execute(select(cars).where(cars.c.user_id == user_id).order_by(cars.c.usual.desc(), cars.c.id))
        return [
            Car(row.id, row.name, Plug(row.plug), row.battery_kwh, row.usable_kwh, usual=row.usual) for row in rows
        ]

    def save_cars(self, user_id: str, mine: Sequence[Car]) -> None:
        if mine and sum(one.usual for one in mine) != 1:
            raise ValueError("one car is the usual one")
        self.db.execute(delete(cars).where(cars.c.user_id == user_id))
        for one in mine:
            row = {
                "id": one.id or secrets.token_urlsafe(9),
                "user_id": user_id,
                "name": one.name,
                "plug": one.plug.value,
                "battery_kwh": one.battery_kwh,
                "usable_kwh": one.usable_kwh,
                "usual": one.usual,
            }
            self.db.execute(insert(self.db, cars).values(row))

    # --- what they are tied by --------------------------------------------------------------------------------

    def ties(self, user_ids: Sequence[str]) -> list[Tie]:
        live = charging_sessions.c
        sessions = select(live.id).where(live.user_id.in_(user_ids), live.state.in_([one.value for one in LIVE]))
        held = select(holds.c.currency, func.sum(holds.c.amount)).where(
            holds.c.user_id.in_(user_ids), holds.c.state == "active"
        )
        back = select(refunds.c.currency, func.sum(refunds.c.amount)).where(
            refunds.c.user_id.in_(user_ids), refunds.c.state.in_([one.value for one in OPEN_REFUNDS])
        )
        begun = select(topups.c.currency, func.sum(topups.c.amount)).where(
            topups.c.user_id.in_(user_ids), topups.c.state.in_([one.value for one in _OPEN_TOPUPS])
        )
        wallet = select(accounts.c.currency, func.sum(accounts.c.balance)).where(
            accounts.c.owner.in_(user_ids), accounts.c.pot.in_([one.value for one in FLOOR_ZERO])
        )
        found = [Tie(TieKind.SESSION) for _ in self.db.execute(sessions)]
        for kind, table, sums in (
            (TieKind.HOLD, holds, held),
            (TieKind.REFUND, refunds, back),
            (TieKind.TOPUP, topups, begun),
            (TieKind.MONEY, accounts, wallet),
        ):
            rows = self.db.execute(sums.group_by(table.c.currency).order_by(table.c.currency))
            found += [Tie(kind, Money(int(amount), currency)) for currency, amount in rows if amount]
        return found

    def strays(self, limit: int, *, owner: str | None = None) -> list[Stray]:
        free = (accounts.c.pot == Pot.AVAILABLE.value, accounts.c.balance > 0, users.c.merged_into.is_not(None))
        statement = select(
            accounts.c.owner, users.c.merged_into, accounts.c.currency, accounts.c.balance, accounts.c.last_transfer
        )
        joined = statement.join(users, users.c.id == accounts.c.owner).where(*free)
        if owner is not None:
            joined = joined.where(users.c.merged_into == owner)
        rows = self.db.execute(joined.order_by(accounts.c.id).limit(limit))
        return [
            Stray(row.owner, row.merged_into, Money(row.balance, row.currency), row.last_transfer) for row in rows
        ]

    # --- everything, and nothing any more ---------------------------------------------------------------------

    def export(self, user_ids: Sequence[str]) -> dict[str, Any]:
        return personal.export(self.db, user_ids)

    def forget(self, user_ids: Sequence[str], at: datetime) -> None:
        personal.forget(self.db, user_ids, at)

    def traces(self, names: Sequence[str]) -> dict[str, int]:
        return personal.traces(self.db, names)


def _name(identity: Identity) -> dict[str, str]:
    return {"channel": identity.channel.value, "external_id": identity.external_id}
