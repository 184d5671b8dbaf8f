"""A list that is too long for memory, put aside until it is known to be whole."""

from __future__ import annotations

import copyreg
import pickle
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from operator import attrgetter
from types import TracebackType
from typing import Any, Generic, TypeVar

from core.geo import Point
from core.opening import OpeningHours, Period
from core.station import Connector, ConnectorRef, Parking, Rejected, Station

T = TypeVar("T")


def _by_fields(kind: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    """How to write and remake one of ours. What dataclasses do by themselves takes twice as long."""
    names = [one.name for one in fields(kind)]
    values: Callable[[Any], Any] = attrgetter(*names)
    return lambda thing: (kind, values(thing))


# What a list of stations is full of. All have more than one field, so that attrgetter gives a tuple.
_OURS = (Station, Connector, ConnectorRef, Point, OpeningHours, Period, Parking, Rejected)
_WRITTEN = copyreg.dispatch_table | {kind: _by_fields(kind) for kind in _OURS}


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
        pickler = pickle.Pickler(self._file, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = _WRITTEN
        pickler.dump(thing)
        if self._file.tell() > self._max_bytes:
            raise SpoolFull(f"more than {self._max_bytes} bytes")

    def __iter__(self) -> Iterator[T]:
        """All things, from the first. Not while putting."""
        end = self._file.seek(0, 2)
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)  # noqa: S301 - our own, see above
