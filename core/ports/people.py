"""What is stored of the people who write to us."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.user import ConsentPurpose, Identity, User


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
