"""Chats outside a running conversation: through which of them a person can be reached, and calls to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.user import Identity, QuietHours


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat with a person. `used_at` is when they wrote last, to the hour; `gone` when they blocked us or left.

    Of a WeChat chat: `closed` when nothing said freely is taken there before they write again, `said` counts what was
    said freely since they wrote, `leaves` the one-time leaves to speak.
    """

    identity: Identity
    used_at: datetime
    gone: bool = False
    closed: bool = False
    said: int = 0
    leaves: int = 0

    @property
    def open(self) -> bool:
        return not (self.gone or self.closed)


@dataclass(frozen=True, slots=True)
class Reach:
    """What must be known to speak to a person unasked. Their chats that are not gone, the one used last first.

    `resting`: until when which channels of the outbox take nothing, for anybody.
    """

    user_id: str  # of the account that theirs was merged into, if it was
    language: str
    stopped: bool
    quiet: QuietHours | None
    time_zone: str
    chats: tuple[Chat, ...]
    resting: Mapping[str, datetime] = field(default_factory=dict)


class ChatRepository(Protocol):
    """Chats are the identities in which something can be said. Reading locks nobody's row."""

    def get(self, identity: Identity) -> Chat | None: ...

    def used(self, identity: Identity, at: datetime) -> None:
        """The person wrote: the chat is there."""
        ...

    def gone(self, identity: Identity, at: datetime) -> bool:
        """The person blocked us or left. Whether they have another chat."""
        ...

    def window_closed(self, identity: Identity, at: datetime) -> None:
        """The platform takes nothing said freely there before the person writes again."""
        ...

    def reach(self, user_id: str) -> Reach | None:
        """None when there is no such person any more."""
        ...

    def reaches(self, user_ids: Iterable[str]) -> Mapping[str, Reach]:
        """By the id that was asked for; without those that are no more."""
        ...


class TelegramMessenger(Protocol):
    """Calls to the Bot API outside a running conversation."""

    def ping(self) -> str:
        """The bot's user name. Raises SupplierUnavailable."""
        ...
