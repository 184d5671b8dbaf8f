"""Dying at every point: the harness that kills a process before and after each commit and each call to the outside.

def play(fuse):
    world = …                                        # set up with the bare database
    try:
        act(world_on(FusedDatabase(database, fuse), Fused(supplier, fuse)))
    except Killed:
        pass
    … build everything anew on the same database, run the jobs …
    return end_state

for point, end_state in matrix(play): …              # the first one, without a name, is undisturbed
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from core.ports import Database, UnitOfWork

EndState = TypeVar("EndState")
KILLED = 137  # the exit status of a process that was killed


class Killed(BaseException):
    """The process is gone. No `except Exception` may hold it up."""


class Fuse:
    """Counts the points it passes and blows at one of them; with `exits` the process really ends there."""

    def __init__(self, blows_at: int = 0, *, exits: bool = False) -> None:
        self.blows_at, self.exits = blows_at, exits
        self.points: list[str] = []
        self.blown = False

    def burn(self, point: str) -> None:
        if self.blown:
            raise Killed  # a dead process does nothing more
        self.points.append(point)
        if len(self.points) == self.blows_at:
            self.blown = True
            if self.exits:
                os._exit(KILLED)
            raise Killed


class FusedDatabase:
    """core.ports.Database: before each commit nothing of it is there, after it all of it is."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        self.database, self.fuse = database, fuse

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        with self.database.read() as unit:
            yield unit

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        writer = _writer()
        with self.database.write() as unit:
            yield unit
            self.fuse.burn(f"before the commit of {writer}")
        self.fuse.burn(f"after the commit of {writer}")

    def ping(self) -> None:
        self.database.ping()

    def scrub(self) -> bool:
        return self.database.scrub()


class Fused:
    """Whoever is outside (a supplier, a payment provider), reached over a line that can be cut at either end.

    `heard` is called when the other side has done its part.
    """

    def __init__(self, outside: Any, fuse: Fuse, heard: Callable[[], None] = lambda: None) -> None:
        self._outside, self._fuse, self._heard = outside, fuse, heard

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._outside, name)
        if not callable(found):
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._fuse.burn(f"before the call of {name}")
            answer = found(*args, **named)
            self._heard()
            self._fuse.burn(f"after the call of {name}")
            return answer

        return call


def matrix(play: Callable[[Fuse], EndState]) -> Iterator[tuple[str, EndState]]:
    """The end state of an undisturbed run, and of one for each point that it passed."""
    fuse = Fuse()
    yield "", play(fuse)
    for number, point in enumerate(fuse.points, 1):
        blowing = Fuse(number)
        ended = play(blowing)
        assert blowing.blown, f"point {number} ({point}) was not reached again"
        yield f"{number}. {blowing.points[-1]}", ended


def in_a_process(work: Callable[[], None]) -> int:
    """Do it in a child that may die of it; its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _writer() -> str:
    """Who opened the transaction: the nearest function that is not part of opening one."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name in {"_writer", "write", "__enter__", "working"}:
        frame = frame.f_back
    return frame.f_code.co_qualname
