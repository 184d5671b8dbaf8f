"""The inbox: what a platform tells us is stored before we say thank you, and worked off afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from core.ports import Clock, Database, DeadMessage, InboxMessage, InboxState

MAX_ATTEMPTS = 5
RETRY_S = (1.0, 5.0, 30.0, 120.0)
LEASE_S = 60.0
KEEP_DONE_FOR = timedelta(days=2)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a platform told us, before it is stored. The messages of one lane are worked one after the other."""

    key: str
    lane: str
    body: str


class Inbox:
    """At least once in, worked once: (source, key) is unique, and one chat's messages keep their order."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def accept(self, source: str, key: str, lane: str, body: str) -> bool:
        """Store a message; False when it was delivered before."""
        with self.database.write() as unit:
            return unit.inbox.add(source, key, lane, body, self.clock.now())

    def accept_all(self, source: str, messages: Iterable[Incoming]) -> int:
        """Store a batch, all of it or nothing; returns how many were new.

        One transaction: on a slow disk each commit costs a second, and nobody else can write between them.
        """
        at = self.clock.now()
        with self.database.write() as unit:
            return sum(unit.inbox.add(source, one.key, one.lane, one.body, at) for one in messages)

    def claim(self, source: str, limit: int, finished: Sequence[InboxMessage] = ()) -> list[InboxMessage]:
        """Messages that are now ours to work off, at most one per lane; `finished` ones are done with first.

        Both in one transaction, so that a chat costs one commit per message and not two.
        A message that took its worker down with it every time comes back when its lease runs out; here it is
        given up.
        """
        with self.database.write() as unit:
            for message in finished:
                unit.inbox.done(message.id, self.clock.now())
            messages = unit.inbox.claim(source, limit=limit, lease_s=LEASE_S, at=self.clock.now())
        for message in messages:
            if message.attempts > MAX_ATTEMPTS:
                self.fail(message, RuntimeError("its worker never came back"))
        return [message for message in messages if message.attempts <= MAX_ATTEMPTS]

    def finish(self, *messages: InboxMessage, reply: str = "") -> None:
        """Worked off; all of them have the same reply, if any."""
        with self.database.write() as unit:
            for message in messages:
                unit.inbox.done(message.id, self.clock.now(), reply)

    def fail(self, message: InboxMessage, error: BaseException) -> bool:
        """Put a message back for another try, or give it up after five; True when given up."""
        retry_in_s = RETRY_S[min(message.attempts, len(RETRY_S)) - 1]
        with self.database.write() as unit:
            dead = unit.inbox.failed(
                message.id,
                self.clock.now(),
                f"{type(error).__name__}: {error}"[:500],
                retry_in_s=retry_in_s,
                max_attempts=MAX_ATTEMPTS,
            )
        if dead:
            log.error("gave up a message", extra={"inbox_id": message.id, "source": message.source})
        return dead

    def work(self, source: str, handle: Callable[[InboxMessage], str | None], limit: int = 10) -> int:
        """Handle messages one after the other; returns how many were taken.

        Each is claimed when its turn comes, so that no lease runs out behind a slow one.
        """
        for taken in range(limit):
            messages = self.claim(source, 1)
            if not messages:
                return taken
            self._work_one(messages[0], handle)
        return limit

    def _work_one(self, message: InboxMessage, handle: Callable[[InboxMessage], str | None]) -> None:
        try:
            reply = handle(message)
        except Exception as error:
            log.exception("a message failed", extra={"inbox_id": message.id, "source": message.source})
            self.fail(message, error)
        else:
            self.finish(message, reply=reply or "")

    def dead(self, limit: int = 50) -> list[DeadMessage]:
        """What was given up, newest first."""
        with self.database.read() as unit:
            return unit.inbox.dead(limit)

    def again(self, message_id: int) -> bool:
        """Work a message anew that was given up. False when it was not, or what it said is forgotten."""
        with self.database.write() as unit:
            return unit.inbox.again(message_id, self.clock.now())

    def reply(self, source: str, key: str) -> tuple[InboxState, str] | None:
        """What became of a message, and the reply kept with it."""
        with self.database.read() as unit:
            return unit.inbox.reply(source, key)

    def counts(self) -> dict[tuple[str, str], int]:
        with self.database.read() as unit:
            return dict(unit.inbox.counts())

    def purge(self) -> int:
        with self.database.write() as unit:
            return unit.inbox.purge(self.clock.now() - KEEP_DONE_FOR)
