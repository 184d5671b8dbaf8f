"""What is stored of the people who write to us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from core.money import Money
from core.user import Car, Channel, ConsentPurpose, Identity, User


class UserRepository(Protocol):
    def by_identity(self, identity: Identity) -> User | None: ...

    def get(self, user_id: str) -> User | None: ...

    def register(self, identity: Identity, language: str, at: datetime) -> tuple[User, bool]:
        """The person of this identity, and whether they are new. Two calls at once give one person."""
        ...

    def save(self, user: User) -> None: ...

    def grant_consent(self, user_id: str, purpose: ConsentPurpose, version: int, at: datetime) -> None: ...

    def withdraw_consent(self, user_id: str, purpose: ConsentPurpose, at: datetime) -> None:
        """Also deletes what was kept under it."""
        ...

    def has_consent(self, user_id: str, purpose: ConsentPurpose) -> bool: ...

    def keep_search(self, user_id: str, cell: tuple[float, float], at: datetime) -> None:
        """Remember the 1 km square of a search. Refuses (ValueError) without consent."""
        ...

    def last_search(self, user_id: str) -> tuple[float, float] | None:
        """The square of the last search that was kept."""
        ...

    def forget_searches(self, before: datetime) -> int: ...


class TieKind(StrEnum):
    """What keeps an account from being given up or joined with another."""

    SESSION = "session"  # a charge that has not been settled
    HOLD = "hold"
    REFUND = "refund"  # on its way back to the driver
    TOPUP = "topup"  # a payment that has been begun, or that one of us has to look at
    MONEY = "money"  # in the wallet


@dataclass(frozen=True, slots=True)
class Tie:
    """One thing that is still open. `amount` is None for a session, which may cost anything yet."""

    kind: TieKind
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Stray:
    """Free money on an account that was joined with another. `moved_by` is the number of the last transfer."""

    user_id: str
    owner: str  # whose it is now
    amount: Money
    moved_by: int


class PeopleRepository(Protocol):
    """Whole persons: how platforms name them, their cars, second accounts, and what goes when they go."""

    def identities(self, user_id: str) -> list[Identity]:
        """How the platforms name this person, those linked last first; also for an account that was joined."""
        ...

    def current(self, user_id: str) -> str:
        """The account that this one has become: itself, or the one it was joined with."""
        ...

    def same_person(self, user_id: str) -> list[str]:
        """The person's account and all that were joined with it: history and money are read over all of them."""
        ...

    def add_identity(self, identity: Identity, user_id: str, at: datetime) -> bool:
        """False when somebody else has it."""
        ...

    def move_identity(self, identity: Identity, to_user: str, at: datetime) -> None: ...

    def new_account(self, like: str, at: datetime) -> User:
        """An empty account in the language of another, known by no platform yet."""
        ...

    def merge(self, from_user: str, to_user: str, at: datetime) -> None:
        """Identities, cars, logins and past consents of one account go to another; the empty one stays as a name.

        No consent is carried over as one in force, and money is not moved here.
        """
        ...

    def cars(self, user_id: str) -> list[Car]: ...

    def save_cars(self, user_id: str, cars: Sequence[Car]) -> None:
        """These and no others. Raises ValueError unless exactly one is the usual one (of none, none)."""
        ...

    def ties(self, user_ids: Sequence[str]) -> list[Tie]: ...

    def strays(self, limit: int, *, owner: str | None = None) -> list[Stray]: ...

    def export(self, user_ids: Sequence[str]) -> dict[str, Any]:
        """Every row kept about the person, by table, as JSON values; secrets and hashes of secrets left out."""
        ...

    def forget(self, user_ids: Sequence[str], at: datetime) -> None:
        """Delete identities, profile, consents, searches, logins, codes and messages; bare ids stay for the books.

        Not the outbox, which has a `forget_user` of its own.
        """
        ...

    def traces(self, names: Sequence[str]) -> dict[str, int]:
        """In how many rows of which tables these names of a person still stand.

        Tables that only suppliers fill are left out, and so is the message that is being worked off.
        """
        ...


class LoginKind(StrEnum):
    TELEGRAM = "telegram"
    MINIPROGRAM = "miniprogram"
    WECHAT_PAGE = "wechat_page"
    LOCAL = "local"
    DOWNLOAD = "download"  # good for one download of an export, and for nothing else


@dataclass(frozen=True, slots=True)
class Login:
    """A session of the API or the page. The token itself is known to the client alone; we keep its SHA-256."""

    token_hash: str
    user_id: str
    kind: LoginKind
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class LoginRepository(Protocol):
    def add(self, login: Login) -> None: ...

    def get(self, token_hash: str) -> Login | None:
        """None when it is unknown or revoked."""
        ...

    def touch(self, token_hash: str, used_at: datetime, expires_at: datetime) -> None: ...

    def revoke(self, token_hash: str, at: datetime) -> bool: ...

    def revoke_all(self, user_id: str, at: datetime) -> int: ...

    def of_user(self, user_id: str) -> list[Login]: ...

    def purge(self, before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A single-use code that joins two chats to one person. Kept as SHA-256."""

    code_hash: str
    user_id: str  # who asked
    channel: Channel  # from where
    label: str  # what the asking side is called there, for the other side to know it by; "" where nothing is known
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class LinkCodeRepository(Protocol):
    def add(self, code: LinkCode) -> None:
        """Older codes of the same person end."""
        ...

    def get(self, code_hash: str) -> LinkCode | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def use(self, code_hash: str, at: datetime) -> bool:
        """False when it was used before."""
        ...

    def tries(self, user_id: str, since: datetime) -> int: ...

    def note_try(self, user_id: str, at: datetime) -> None:
        """Somebody entered a code that is none."""
        ...

    def purge(self, before: datetime) -> int: ...
