"""The one way in for polling and webhook: an update is stored before Telegram hears that we have it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.services.inbox import Inbox, Incoming

SOURCE = "telegram"
# What we ask Telegram for.
ALLOWED = ("message", "edited_message", "callback_query", "my_chat_member", "pre_checkout_query")
_MOST_ID = 2**63


def take_in(inbox: Inbox, update: object) -> bool:
    """Store an update; False when it came before. Raises ValueError for what is no update."""
    return take_in_all(inbox, [update]) == 1


def take_in_all(inbox: Inbox, updates: Iterable[object]) -> int:
    """Store a batch, all of it or nothing; returns how many are new. Raises ValueError for what is no update."""
    return inbox.accept_all(SOURCE, [_incoming(update) for update in updates])


def _incoming(update: object) -> Incoming:
    if not isinstance(update, dict):
        raise ValueError("an update is a JSON object")
    number = update.get("update_id")
    if type(number) is not int or not 0 <= number < _MOST_ID:
        raise ValueError("an update has a whole update_id")
    # ASCII keeps lone surrogates and NUL escaped, which no database would take as text.
    body = json.dumps(update, ensure_ascii=True, separators=(",", ":"))
    # The question before a payment has ten seconds: it waits behind nothing else of its chat.
    lane = None if "pre_checkout_query" in update else chat_of(update)
    return Incoming(str(number), lane or f"update {number}", body)


def chat_of(update: dict[str, Any]) -> str | None:
    """The chat an update belongs to, whose updates are worked one after the other; the sender where there is none."""
    for kind in ALLOWED:
        event = update.get(kind)
        if not isinstance(event, dict):
            continue
        message = event.get("message")
        for holder in (event, message if isinstance(message, dict) else {}):
            if (chat := _id(holder.get("chat"))) is not None:
                return chat
        return _id(event.get("from"))
    return None


def language_code_of(update: dict[str, Any]) -> str | None:
    """The language of the sender's Telegram, as it says."""
    for kind in ALLOWED:
        event = update.get(kind)
        sender = event.get("from") if isinstance(event, dict) else None
        code = sender.get("language_code") if isinstance(sender, dict) else None
        if isinstance(code, str):
            return code
    return None


def _id(party: object) -> str | None:
    number = party.get("id") if isinstance(party, dict) else None
    return str(number) if type(number) is int and abs(number) < _MOST_ID else None
