"""What is to be done: the inbox, the clock's slots, the doorbell, and how often somebody may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


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
