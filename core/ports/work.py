"""What is to be done: the inbox, the outbox, the clock's slots, the doorbell, and how often somebody may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from core.outbox import MessageClass, NewRow, OutboxRow, OutboxState


class InboxState(StrEnum):
    NEW = "new"
    WORKING = "working"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One thing a platform told us, kept until it has been worked off. `lane` orders: one chat is one lane."""

    id: int
    source: str
    key: str
    lane: str
    body: str
    attempts: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """One that was given up. What it said is nobody's business here."""

    id: int
    source: str
    attempts: int
    error: str
    received_at: datetime


class InboxRepository(Protocol):
    """What platforms send us, stored under a unique key before we answer 200 (at least once in, once worked)."""

    def add(self, source: str, key: str, lane: str, body: str, at: datetime) -> bool:
        """Store it; False when (source, key) is there already."""
        ...

    def claim(self, source: str, *, limit: int, lease_s: float, at: datetime) -> list[InboxMessage]:
        """Take up to `limit` messages, oldest first, at most one per lane and none from a lane at work."""
        ...

    def done(self, message_id: int, at: datetime, reply: str = "") -> None:
        """Finished: the body is dropped at once, the key and the reply are kept."""
        ...

    def failed(self, message_id: int, at: datetime, error: str, *, retry_in_s: float, max_attempts: int) -> bool:
        """Put it back for later, or declare it dead after `max_attempts`; True when dead."""
        ...

    def reply(self, source: str, key: str) -> tuple[InboxState, str] | None:
        """The state of a message and the reply kept with it."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many messages there are by (source, state)."""
        ...

    def dead(self, limit: int) -> list[DeadMessage]:
        """Newest first."""
        ...

    def again(self, message_id: int, at: datetime) -> bool:
        """Put a dead message back as if it were new. False when it is not dead, or has no body any more."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget finished messages that are older; dead ones lose their bodies. Returns how many."""
        ...


class TickRepository(Protocol):
    """Slots of periodic work: each runs once, whoever gets there first."""

    def take(self, job: str, slot: str, at: datetime) -> bool: ...

    def lease(self, work: str, at: datetime, lease_s: float) -> bool:
        """Have this work to oneself; False while another has it whose lease has not run out."""
        ...

    def release(self, work: str, at: datetime) -> None:
        """Give back the lease taken at this moment; another's is left alone."""
        ...

    def purge(self, before: datetime) -> int: ...


class JobQueue(Protocol):
    def enqueue(self, job: str, *ids: str) -> bool:
        """Ring for a job by its name in `jobs/`. False when Redis is away: a sweep will find the work."""
        ...

    def ping(self) -> None: ...


class RateLimiter(Protocol):
    def hit(self, bucket: str, who: str) -> None:
        """Count one request of a person or address. Raises TooMany."""
        ...


class Pauses(Protocol):
    """Which channels rest, for senders about to call. The outbox keeps it too, and gives nothing out meanwhile."""

    def begin(self, channel: str, lasts: timedelta) -> None:
        """All processes know from now on, as far as they can be told at once."""
        ...

    def left(self, channel: str) -> timedelta | None: ...


class OutboxRepository(Protocol):
    """What must be said or done next. Written in the transaction of the fact behind it."""

    def add(self, row: NewRow, at: datetime) -> int | None:
        """The new row's id; None when its dedupe key is there already."""
        ...

    def add_all(self, rows: Sequence[NewRow], at: datetime) -> dict[str, int]:
        """Many at once: the ids of those that were not there yet, by dedupe key."""
        ...

    def due(self, at: datetime, limit: int, *, orders: bool | None = None) -> list[int]:
        """Rows to be worked: those whose sender's lease has run out, then due and pending ones; each by rank, then
        oldest first.

        With `orders` the orders alone, or the messages alone.

        Rows of a paused channel are left out, and those whose turn it is not: a chat's messages keep their order,
        and no chat and no channel gets more than its pace (core.outbox.PACES).
        """
        ...

    def ready(self, row_id: int, at: datetime) -> OutboxRow | None:
        """As it stands, if `claim` would give it out or settle it now. Nothing is claimed."""
        ...

    def claim(self, row_id: int, token: str, at: datetime, lease: timedelta) -> OutboxRow | None:
        """Make it ours, one attempt counted. None when it is done, not due, not at its turn, or another's.

        `interrupted` says that an earlier sender died in the middle. A row whose policy is not to be sent again then
        becomes UNCERTAIN and is not given out, one past its time EXPIRED, one whose sender died five times DEAD.
        """
        ...

    def finish(
        self,
        row_id: int,
        token: str,
        state: OutboxState,
        at: datetime,
        *,
        next_at: datetime | None = None,
        doubtful: bool = False,
        counted: bool = True,
        sent_ref: str = "",
        error: str = "",
    ) -> bool:
        """What came of it; of what was sent the body is dropped. False when another has the row: the lease ran out.

        `doubtful`: this attempt may have arrived, whatever becomes of the row. Not `counted`: it was no failure.
        """
        ...

    def redirect(self, row_id: int, token: str, channel: str, address: str, at: datetime, error: str) -> bool:
        """To be said in another chat of the person, at once; `error` says why not in this one."""
        ...

    def decide(
        self, row_id: int, states: Sequence[OutboxState], to: OutboxState, at: datetime, note: str
    ) -> OutboxRow | None:
        """One of us moves a row that stands in one of these states; None when it does not.

        To PENDING it starts anew, without the time after which it would not be said. `note` stands as its error.
        """
        ...

    def get(self, row_id: int) -> OutboxRow | None: ...

    def in_states(self, states: Sequence[OutboxState], limit: int) -> list[OutboxRow]:
        """Newest first."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many rows there are by (class, state)."""
        ...

    def waits_since(self, at: datetime) -> Mapping[str, datetime]:
        """By class since when the longest waiting of those that may go out could have gone."""
        ...

    def uncertain_of(self, user_id: str, klass: MessageClass, since: datetime) -> int:
        """How many messages of a class may not have reached this person."""
        ...

    def last_sent(self, user_id: str, klass: MessageClass) -> datetime | None:
        """When a message of a class that surely left was begun last."""
        ...

    def pause(self, channel: str, until: datetime) -> None:
        """The platform asked for a pause: nothing leaves for this channel until then."""
        ...

    def paused(self, at: datetime) -> dict[str, datetime]: ...

    def forget_user(self, user_id: str) -> int:
        """Drop addresses and bodies of this person's messages, and those not sent yet. Orders to others stay."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget rows that ended before. An order that was given up stays until one of us has decided."""
        ...
