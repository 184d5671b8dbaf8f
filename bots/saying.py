"""The outbox's handler for messages to people: what to say in which language, and whether it is still to be said."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Protocol

from bots.wording import messages, wording
from bots.wording.messages import Said
from core.outbox import POLICIES, Fate, OutboxRow, Result
from core.ports import Clock, Database, Reach
from core.services.notify import CAN_WAIT, quiet_until, zone_of

log = logging.getLogger(__name__)


class Sender(Protocol):
    """Speaks in one channel. Never raises: what came of it is the result."""

    def send(self, row: OutboxRow, said: Said) -> Result: ...


def reached(database: Database, clock: Clock, row: OutboxRow) -> Reach | Result:
    """Whom a row is for, or why nothing is said to them here and now: since it was written they may have gone, asked
    for silence or fallen asleep, and their chat may be another person's."""
    with database.read() as unit:
        reach = unit.chats.reach(row.user_id)
    if reach is None:
        return Result(Fate.POINTLESS, error="the person is gone")
    if row.klass in CAN_WAIT:
        if reach.stopped:
            return Result(Fate.POINTLESS, error="they want nothing unasked")
        now = clock.now()
        until = quiet_until(reach, now)
        if until is not None:
            return Result(Fate.LATER, retry_after=until - now)
    if row.address not in {chat.identity.external_id for chat in reach.chats}:
        # Unlinked since, or another person's now: they must not read it.
        return Result(Fate.ELSEWHERE, error="the chat is no longer theirs")
    return reach


class Saying:
    """Handles rows of kind "say". `senders` by channel of the outbox."""

    def __init__(self, database: Database, clock: Clock, senders: Mapping[str, Sender]) -> None:
        self.database, self.clock, self.senders = database, clock, senders

    def __call__(self, row: OutboxRow) -> Result:
        reach = reached(self.database, self.clock, row)
        if isinstance(reach, Result):
            return reach
        sender = self.senders.get(row.channel)
        if sender is None:
            return Result(Fate.ELSEWHERE, error=f"nothing is set up to speak through {row.channel}")
        try:
            said = self._said(row, reach)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            log.exception("a message cannot be put into words", extra={"outbox_id": row.id})
            return Result(Fate.REFUSED, error=f"cannot be put into words: {type(error).__name__}")
        return sender.send(row, said)

    @staticmethod
    def _said(row: OutboxRow, reach: Reach) -> Said:
        body = json.loads(row.body)
        return messages.said(
            wording(reach.language),
            body["code"],
            body["params"],
            time_zone=zone_of(reach),
            subject=row.subject,
            repeat=row.interrupted and POLICIES[row.klass].marked_as_repeat,
        )
