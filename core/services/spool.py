"""A list that is too long for memory, put aside until it is known to be whole."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class SpoolFull(Exception):
    """More bytes than agreed."""


class Spool(Generic[T]):
    """Things of our own, in order, in a file that nobody else can open and that is gone with the block.

    Pickle is safe here for just that reason: nothing is read that this process has not written a moment ago.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file = tempfile.TemporaryFile(prefix="kilowatch-")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Spool[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, thing: T) -> None:
        """Raises SpoolFull."""
        pickle.dump(thing, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        if self._file.tell() > self._max_bytes:
            raise SpoolFull(f"more than {self._max_bytes} bytes")

    def __iter__(self) -> Iterator[T]:
        """All things, from the first. Not while putting."""
        end = self._file.seek(0, 2)
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)  # noqa: S301 - our own, see above
