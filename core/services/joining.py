"""Two accounts that turned out to be one person become one: what moves, what stays, and when it has to wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.errors import Conflict
from core.ledger import merged
from core.ports import Tie, TieKind, UnitOfWork
from core.user import ConsentPurpose, User

# While one of these is open, money may still come to or go from an account: first it is settled, then joined.
IN_THE_WAY = frozenset({TieKind.SESSION, TieKind.HOLD, TieKind.REFUND})
MOST_STRAYS = 100


def in_the_way(unit: UnitOfWork, *user_ids: str) -> list[Tie]:
    """What keeps these accounts from being joined with others."""
    every = [one for user_id in user_ids for one in unit.people.same_person(user_id)]
    return [tie for tie in unit.people.ties(every) if tie.kind in IN_THE_WAY]


def join(unit: UnitOfWork, second: str, first: str, at: datetime) -> None:
    """Make `second` a part of `first`. Raises Conflict while a charge or a refund of either is open.

    The profile of the first wins. What was said no to by either stays no: silence, and the keeping of positions.
    The second's free money moves by a transfer; its history stays under its own id and is read with the first's.
    """
    one, other = lock(unit, first, second)
    if in_the_way(unit, first, second):
        raise Conflict("link_tied")
    keeps = _keeps_positions(unit, one, other)
    unit.people.merge(second, first, at)
    if not keeps:
        unit.users.withdraw_consent(first, ConsentPurpose.POSITION_HISTORY, at)
    unit.users.save(
        replace(
            one,
            asked=one.asked | other.asked,
            stopped=one.stopped or other.stopped,
            reachable=one.reachable or other.reachable,
            quiet=one.quiet or other.quiet,
            time_zone=one.time_zone or other.time_zone,
        )
    )
    bring_home(unit, at, owner=first)


def lock(unit: UnitOfWork, first: str, second: str) -> tuple[User, User]:
    """Both accounts, in an order that two who meet share. Raises Conflict when one of them is gone."""
    found = {user_id: unit.users.get(user_id) for user_id in sorted({first, second})}
    one, other = found[first], found[second]
    if one is None or other is None or any(user.merged_into or user.deleted_at for user in (one, other)):
        raise Conflict("link_gone")
    return one, other


def _keeps_positions(unit: UnitOfWork, one: User, other: User) -> bool:
    """Only what the first agreed to, and the second was never asked or agreed to as well."""
    purpose = ConsentPurpose.POSITION_HISTORY
    agreed, too = (unit.users.has_consent(user.id, purpose) for user in (one, other))
    return agreed and (too or "consent" not in other.asked)


def bring_home(unit: UnitOfWork, at: datetime, *, owner: str | None = None) -> int:
    """Move free money on joined accounts to where it belongs; returns how many amounts.

    A late credit or refund goes to the account that its charge was made with, also after that was joined.
    """
    strays = unit.people.strays(MOST_STRAYS, owner=owner)
    for stray in strays:
        # The account's last transfer makes the id: the same money cannot be moved twice.
        unit.ledger.post(merged(f"{stray.user_id}:{stray.moved_by}", stray.user_id, stray.owner, [stray.amount]), at)
    return len(strays)
