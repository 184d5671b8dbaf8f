"""Charges that go on without anybody's pressing: suppliers asked about sessions, records booked and fetched.

Each job holds a lease in the database, so that no two do the same at once; running one twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from jobs.context import services
from jobs.names import TIMEOUTS_S

FOLLOW_WITHIN_S = 20.0  # and one more question: a lease left behind must not keep everybody waiting

log = logging.getLogger(__name__)


def follow_sessions() -> None:
    """Ask suppliers about every session whose turn it is, and do what time alone calls for."""
    _alone("follow_sessions", "", lambda: services().charging.follow_due(FOLLOW_WITHIN_S))


def book_records() -> None:
    """Book charge records that are stored and were not booked when they came."""
    _alone("book_records", "", lambda: services().charging.book_unbooked())


def match_orphans() -> None:
    """Try again with records that belonged to nothing when they came."""
    _alone("match_orphans", "", lambda: services().charging.match_orphans())


def pull_records(supplier_id: str, rung_at: str) -> None:
    """Fetch a supplier's records of the last days: a push may have been lost."""
    _alone("pull_records", supplier_id, lambda: services().charging.pull_records(supplier_id))


def _alone(job: str, subject: str, work: Callable[[], int | None]) -> None:
    """Unless another has it in hand. The lease of one that was killed runs out with its time."""
    name, at = f"{job}-{subject}" if subject else job, services().clock.now()
    with services().database.write() as unit:
        mine = unit.ticks.lease(name, at, TIMEOUTS_S[job])
    if not mine:
        return
    try:
        done = work()
    finally:
        with services().database.write() as unit:
            unit.ticks.release(name, at)
    if done:
        log.info("charges looked after", extra={"job": job, "subject": subject, "done": done})
