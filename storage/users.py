"""People: who they are, what they have told us, what they have allowed."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update
from sqlalchemy import insert as plain_insert

from core.station import Facility, Plug
from core.user import ConsentPurpose, Identity, QuietHours, User
from core.wishes import Filters, Mode
from storage.bulk import insert
from storage.tables import consents, identities, kept_searches, users


class SqlUsers:
    """core.ports.UserRepository.

    With `locks` a person who was read cannot be changed by others before the transaction ends, so that reading,
    changing and saving loses nothing. SQLite locks everything anyway.
    """

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self.locks = db, locks

    def by_identity(self, identity: Identity) -> User | None:
        named = (identities.c.channel == identity.channel.value, identities.c.external_id == identity.external_id)
        return self._one(select(users).join(identities, identities.c.user_id == users.c.id).where(*named))

    def get(self, user_id: str) -> User | None:
        return self._one(select(users).where(users.c.id == user_id))

    def register(self, identity: Identity, language: str, at: datetime) -> tuple[User, bool]:
        if (known := self.by_identity(identity)) is not None:
            return known, False
        new = self.create(language, at)
        claim = insert(self.db, identities).values(
            channel=identity.channel.value, external_id=identity.external_id, user_id=new.id, linked_at=at
        )
        claimed = self.db.execute(claim.on_conflict_do_nothing().returning(identities.c.user_id)).first()
        if claimed is not None:
            return new, True
        # Another process registered the person between the question and the claim.
        self.db.execute(delete(users).where(users.c.id == new.id))
        known = self.by_identity(identity)
        assert known is not None
        return known, False

    def create(self, language: str, at: datetime) -> User:
        """A new account that no platform knows yet."""
        new = User(id=secrets.token_urlsafe(12), language=language, created_at=at)
        self.db.execute(plain_insert(users).values(_row(new)))
        return new

    def save(self, user: User) -> None:
        """Raises LookupError for a person who is not registered."""
        changed = {name: value for name, value in _row(user).items() if name not in {"id", "created_at"}}
        if self.db.execute(update(users).where(users.c.id == user.id).values(changed)).rowcount == 0:
            raise LookupError(f"no user {user.id}")

    def grant_consent(self, user_id: str, purpose: ConsentPurpose, version: int, at: datetime) -> None:
        in_force = self.db.execute(
            select(consents.c.id, consents.c.version).where(*_in_force(user_id, purpose)).with_for_update()
        ).first()
        if in_force is not None:
            if in_force.version == version:
                return
            # A new wording replaces the old one; what was kept stays, as both allow it.
            self.db.execute(update(consents).where(consents.c.id == in_force.id).values(withdrawn_at=at))
        granted = insert(self.db, consents).values(
            user_id=user_id, purpose=purpose.value, version=version, granted_at=at
        )
        self.db.execute(granted.on_conflict_do_nothing())

    def withdraw_consent(self, user_id: str, purpose: ConsentPurpose, at: datetime) -> None:
        self.db.execute(update(consents).where(*_in_force(user_id, purpose)).values(withdrawn_at=at))
        if purpose is ConsentPurpose.POSITION_HISTORY:
            self.db.execute(delete(kept_searches).where(kept_searches.c.user_id == user_id))

    def has_consent(self, user_id: str, purpose: ConsentPurpose) -> bool:
        return self.db.execute(select(consents.c.id).where(*_in_force(user_id, purpose))).first() is not None

    def keep_search(self, user_id: str, cell: tuple[float, float], at: datetime) -> None:
        # Held until the commit, so that a withdrawal at the same moment also deletes this row.
        allowed = select(consents.c.id).where(*_in_force(user_id, ConsentPurpose.POSITION_HISTORY))
        if self.db.execute(allowed.with_for_update(read=True)).first() is None:
            raise ValueError(f"user {user_id} has not agreed that positions are kept")
        lat, lng = cell
        kept = plain_insert(kept_searches).values(user_id=user_id, cell_lat=lat, cell_lng=lng, searched_at=at)
        self.db.execute(kept)

    def last_search(self, user_id: str) -> tuple[float, float] | None:
        kept = kept_searches.c
        newest = select(kept.cell_lat, kept.cell_lng).where(kept.user_id == user_id).order_by(kept.id.desc()).limit(1)
        row = self.db.execute(newest).first()
        return (row.cell_lat, row.cell_lng) if row is not None else None

    def forget_searches(self, before: datetime) -> int:
        return self.db.execute(delete(kept_searches).where(kept_searches.c.searched_at < before)).rowcount

    def _one(self, statement: Select[Any]) -> User | None:
        if self.locks:
            statement = statement.with_for_update(of=users)
        row = self.db.execute(statement).first()
        return _user(row) if row is not None else None


def _in_force(user_id: str, purpose: ConsentPurpose) -> tuple[Any, ...]:
    return (consents.c.user_id == user_id, consents.c.purpose == purpose.value, consents.c.withdrawn_at.is_(None))


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "language": user.language,
        "created_at": user.created_at,
        "energy_kwh": user.energy_kwh,
        "mode": user.mode.value,
        "filters": filters_to_text(user.filters),
        "asked": json.dumps(sorted(user.asked)),
        "reachable": user.reachable,
        "stopped": user.stopped,
        "quiet_from": _minute(user.quiet.start) if user.quiet else None,
        "quiet_to": _minute(user.quiet.end) if user.quiet else None,
        "time_zone": user.time_zone or None,
        "merged_into": user.merged_into or None,
        "deleted_at": user.deleted_at,
    }


def _user(row: Any) -> User:
    return User(
        id=row.id,
        language=row.language,
        created_at=row.created_at,
        energy_kwh=row.energy_kwh,
        mode=Mode(row.mode),
        filters=filters_from_text(row.filters),
        asked=frozenset(json.loads(row.asked)),
        reachable=row.reachable,
        stopped=row.stopped,
        quiet=quiet_hours(row.quiet_from, row.quiet_to),
        time_zone=row.time_zone or "",
        merged_into=row.merged_into or "",
        deleted_at=row.deleted_at,
    )


def quiet_hours(start: int | None, end: int | None) -> QuietHours | None:
    """From minutes since midnight, as they are stored."""
    return None if start is None or end is None else QuietHours(_clock(start), _clock(end))


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


def filters_to_text(filters: Filters) -> str:
    """Only what is asked for, so that a filter added later is off for everybody."""
    sets = {"plugs": filters.plugs, "operators": filters.operators, "facilities": filters.facilities}
    limits = {"min_power_kw": filters.min_power_kw, "price_cap": filters.price_cap}
    document: dict[str, Any] = {name: sorted(values) for name, values in sets.items() if values}
    document |= {name: str(value) for name, value in limits.items() if value is not None}
    document |= {name: True for name in ("free_now", "open_now", "free_parking") if getattr(filters, name)}
    return json.dumps(document, ensure_ascii=False)


def filters_from_text(text: str) -> Filters:
    document = json.loads(text)

    def limit(name: str) -> Decimal | None:
        return Decimal(document[name]) if name in document else None

    return Filters(
        plugs=frozenset(Plug(one) for one in document.get("plugs", ())),
        min_power_kw=limit("min_power_kw"),
        price_cap=limit("price_cap"),
        operators=frozenset(document.get("operators", ())),
        free_now=document.get("free_now", False),
        open_now=document.get("open_now", False),
        free_parking=document.get("free_parking", False),
        facilities=frozenset(Facility(one) for one in document.get("facilities", ())),
    )
