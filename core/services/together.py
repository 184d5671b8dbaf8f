"""Many callers, one transaction: what comes while a commit is under way is committed together by the next one.

A commit waits for the disk, five milliseconds or so whatever is in it, and its statements cost as much for one as
for many. A thousand pushes a second cannot each have one; each still returns only after its own is on the disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from core.errors import NotReady

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST_AT_ONCE = 200
# In a crowd the next calls are milliseconds away, and each batch costs several. Alone nobody is waited for.
GATHER_S = 0.01
_LOOK_EVERY_S = 0.001


class _Ticket(Generic[Asked, Answer]):
    """One caller. It sleeps until it is answered, or until it is its turn to work for all who wait."""

    __slots__ = ("_asleep", "answers", "asked", "error", "is_done")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answers: list[Answer] = []
        self.error: BaseException | None = None
        self.is_done = False
        # A bare lock that is taken: an Event is three of them, and there are a thousand a second.
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def sleep(self) -> None:
        self._asleep.acquire()

    def wake(self) -> None:
        """Once for each `sleep`."""
        self._asleep.release()


class Together(Generic[Asked, Answer]):
    """Calls `work` with everything that waits. It answers each, in their order, or fails for all and changes nothing.

    What fails together is tried one by one, so that nobody pays for another's mistake.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answer]], gather_s: float = GATHER_S) -> None:
        self._work, self._gather_s = work, gather_s
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Asked, Answer]] = []
        self._at_work = False
        self._last = 0  # how many the last batch had

    def __call__(self, asked: Asked) -> Answer:
        ticket: _Ticket[Asked, Answer] = _Ticket(asked)
        with self._lock:
            self._waiting.append(ticket)
            is_first, self._at_work = not self._at_work, True
        if not is_first:
            ticket.sleep()
        if not ticket.is_done:
            self._work_for_all()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answers[0]

    def waiting(self) -> int:
        return len(self._waiting)

    def _work_for_all(self) -> None:
        """Whoever does this is the first of those who wait, and so in the batch itself."""
        self._gather()
        with self._lock:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        self._last = len(batch)
        me, *others = batch
        try:
            self._each(batch)
        except BaseException as stop:
            for ticket in batch:
                ticket.error = stop
            raise
        finally:
            me.is_done = True
            with self._lock:
                self._at_work = bool(self._waiting)
                if self._at_work:
                    self._waiting[0].wake()
            for ticket in others:
                ticket.is_done = True
                ticket.wake()

    def _gather(self) -> None:
        """Wait a little for as many as came last time."""
        if self._last > 1:
            give_up = time.monotonic() + self._gather_s
            while len(self._waiting) < min(self._last, MOST_AT_ONCE) and time.monotonic() < give_up:
                time.sleep(_LOOK_EVERY_S)

    def _each(self, batch: list[_Ticket[Asked, Answer]]) -> None:
        try:
            self._try(batch)
        except NotReady as error:
            # The database is away or locked: each for itself would only wait as long once more.
            for ticket in batch:
                ticket.error = error
        except Exception:  # noqa: BLE001 - each gets its own below
            for ticket in batch:
                try:
                    self._try([ticket])
                except Exception as error:  # noqa: BLE001 - raised where it was asked
                    ticket.error = error

    def _try(self, batch: list[_Ticket[Asked, Answer]]) -> None:
        answers = self._work([ticket.asked for ticket in batch])
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.answers = [answer]
