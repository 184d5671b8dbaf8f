"""A small memory that forgets: bounded in rows and in time, per process, shared by threads."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from core.ports import Clock

T = TypeVar("T")


class Memory(Generic[T]):
    """The last value under each key, for `life` after it was put. The oldest goes when there are `most`."""

    def __init__(self, clock: Clock, *, life: timedelta, most: int) -> None:
        self.clock, self.life, self.most = clock, life, most
        self._rows: OrderedDict[str, tuple[datetime, T]] = OrderedDict()
        self._lock = Lock()

    def put(self, key: str, value: T) -> None:
        with self._lock:
            self._put(key, value)

    def get(self, key: str) -> T | None:
        with self._lock:
            return self._get(key)

    def put_if_absent(self, key: str, value: T) -> T:
        """The value that stands under the key afterwards."""
        with self._lock:
            known = self._get(key)
            if known is not None:
                return known
            self._put(key, value)
            return value

    def forget(self, key: str) -> None:
        with self._lock:
            self._rows.pop(key, None)

    def __len__(self) -> int:
        with self._lock:
            self._drop_old()
            return len(self._rows)

    def _get(self, key: str) -> T | None:
        self._drop_old()
        row = self._rows.get(key)
        return row[1] if row else None

    def _put(self, key: str, value: T) -> None:
        self._rows.pop(key, None)
        self._rows[key] = (self.clock.now(), value)
        self._drop_old()
        while len(self._rows) > self.most:
            self._rows.popitem(last=False)

    def _drop_old(self) -> None:
        # rows stand in the order they were put, so the old ones are in front
        oldest = self.clock.now() - self.life
        while self._rows and next(iter(self._rows.values()))[0] < oldest:
            self._rows.popitem(last=False)
