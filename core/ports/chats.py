"""Calls to chats outside a running conversation."""

from __future__ import annotations

from typing import Protocol


class TelegramMessenger(Protocol):
    """Calls to the Bot API outside a running conversation."""

    def ping(self) -> str:
        """The bot's user name. Raises SupplierUnavailable."""
        ...
