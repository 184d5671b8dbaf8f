"""What we keep of a person: all of it as JSON, and none of it any more."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from core.errors import Conflict
from core.ports import Clock, Database, Tie, TieKind

# Why an account cannot be deleted yet, and which sentence says what to do about it.
_FIRST = {
    TieKind.SESSION: "delete_session",
    TieKind.HOLD: "delete_hold",
    TieKind.REFUND: "delete_refund",
    TieKind.TOPUP: "delete_topup",
    TieKind.MONEY: "delete_money",
}

log = logging.getLogger(__name__)


class StillTied(Conflict):
    """Something is open that has to be settled first. `ties` holds all of it, the message the first."""

    def __init__(self, ties: list[Tie]) -> None:
        first = ties[0]
        super().__init__(_FIRST[first.kind], **({"amount": first.amount} if first.amount else {}))
        self.ties = ties


@dataclass(frozen=True, slots=True)
class Gone:
    """An account that was deleted. `traces` says in how many rows of which tables a name of theirs still stands."""

    user_id: str
    names: int  # how many names of platforms were looked for
    traces: dict[str, int]

    @property
    def proved(self) -> bool:
        return not self.traces


class PrivacyService:
    """Raises LookupError for a person we do not know."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def export(self, user_id: str) -> dict[str, Any]:
        """Everything kept about this person, by table, as JSON values; amounts are in minor units."""
        with self.database.read() as unit:
            user_ids = unit.people.same_person(user_id)
            kept = unit.people.export(user_ids)
        return {
            "exported_at": self.clock.now().isoformat().replace("+00:00", "Z"),
            "user_id": user_ids[0],
            "about": "Everything Kilowatch keeps about you. Amounts are in minor units (fen, cents), times in UTC.",
            "kept": kept,
        }

    def ties(self, user_id: str) -> list[Tie]:
        """What has to be settled before the account can be deleted."""
        with self.database.read() as unit:
            return unit.people.ties(unit.people.same_person(user_id))

    def delete(self, user_id: str) -> Gone:
        """Delete the person, and look for what is left of them. Raises StillTied while anything is open.

        The books keep their rows under an id that leads to nobody.
        """
        at = self.clock.now()
        with self.database.write() as unit:
            user_ids = unit.people.same_person(user_id)
            for one in sorted(user_ids):
                if unit.users.get(one) is None:
                    raise LookupError(f"no user {one}")
            if ties := unit.people.ties(user_ids):
                raise StillTied(ties)
            # Whoever writes an alert of theirs is done first, or finds no watch any more.
            unit.watches.of_people(user_ids, ended=True)
            names = [identity.external_id for identity in unit.people.identities(user_id)]
            for one in user_ids:
                unit.outbox.forget_user(one)
            unit.people.forget(user_ids, at)
        with self.database.read() as unit:
            traces = unit.people.traces(names)
        self.database.scrub()
        gone = Gone(user_ids[0], len(names), traces)
        if not gone.proved:
            log.error("a deleted person has left traces", extra={"user_id": gone.user_id, "tables": sorted(traces)})
        else:
            log.info("a person is deleted", extra={"user_id": gone.user_id})
        return gone
