"""Sorted keys in arrays, with a small part beside them for what changes: how wishes lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[np.int32]

_GONE = -1
# The small part is merged when it, or what was taken out, is this large or a sixteenth of the whole.
_LEAST_MERGE, _MERGE_SHARE = 4_096, 16
_NEW_BYTES = 200  # of one in the small part, a dict of lists


class Heap:
    """Sorted keys, each with the row of a wish: 12 bytes. Putting in and taking out touches a small part."""

    def __init__(self) -> None:
        self.keys: Ints = np.empty(0, np.int64)
        self.rows: Rows = np.empty(0, np.int32)
        self._gone = 0
        self._new: dict[int, list[int]] = {}
        self._new_count = 0
        self._new_sorted: tuple[Ints, Rows] | None = None

    def load(self, keys: Ints, rows: Rows) -> None:
        """Instead of what was there."""
        order = np.argsort(keys)
        self._set(keys[order], rows[order])

    def put(self, key: int, row: int) -> None:
        self._new.setdefault(key, []).append(row)
        self._new_count += 1
        self._new_sorted = None
        if self._new_count > max(_LEAST_MERGE, len(self.keys) // _MERGE_SHARE):
            self._merge()

    def at(self, key: int) -> list[int]:
        """The rows at a key."""
        first, last = np.searchsorted(self.keys, (key, key + 1))
        return [*(int(row) for row in self.rows[first:last] if row != _GONE), *self._new.get(key, ())]

    def take(self, key: int, row: int) -> None:
        new = self._new.get(key, [])
        if row in new:
            new.remove(row)
            self._new_count -= 1
            self._new_sorted = None
            return
        first, last = np.searchsorted(self.keys, (key, key + 1))
        self.rows[first + np.flatnonzero(self.rows[first:last] == row)[0]] = _GONE
        self._gone += 1
        if self._gone > max(_LEAST_MERGE, len(self.keys) // _MERGE_SHARE):
            self._merge()

    def between(self, low: Ints, high: Ints, number: Ints) -> tuple[Ints, Ints]:
        """(row, number of the question) for every key from `low` until before `high`. Quickest when `low` ascends."""
        rows, asked = _between(self.keys, self.rows, low, high, number)
        if self._new_count:
            new_rows, new_asked = _between(*self._sorted(), low, high, number)
            rows, asked = np.concatenate((rows, new_rows)), np.concatenate((asked, new_asked))
        if self._gone:
            there = rows != _GONE
            rows, asked = rows[there], asked[there]
        return rows, asked

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.rows.nbytes + _NEW_BYTES * self._new_count

    def _set(self, keys: Ints, rows: Rows) -> None:
        self.keys, self.rows, self._gone = keys, rows, 0
        self._new, self._new_count, self._new_sorted = {}, 0, None

    def _sorted(self) -> tuple[Ints, Rows]:
        if self._new_sorted is None:
            flat = sorted((key, row) for key, rows in self._new.items() for row in rows)
            self._new_sorted = (
                np.array([key for key, _ in flat], np.int64), np.array([row for _, row in flat], np.int32),
            )  # fmt: skip
        return self._new_sorted

    def _merge(self) -> None:
        there = self.rows != _GONE
        keys, rows = self.keys[there], self.rows[there]
        new_keys, new_rows = self._sorted()
        at = np.searchsorted(keys, new_keys)
        self._set(np.insert(keys, at, new_keys), np.insert(rows, at, new_rows))


def _between(keys: Ints, rows: Rows, low: Ints, high: Ints, number: Ints) -> tuple[Ints, Ints]:
    first, last = np.searchsorted(keys, low), np.searchsorted(keys, high)
    hit = np.flatnonzero(last > first)
    if not len(hit):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first = first[hit]
    counts = last[hit] - first
    ends = np.cumsum(counts)
    # One run after the other: first, first + 1, … last - 1.
    runs = np.repeat(first - ends + counts, counts)
    runs += np.arange(ends[-1])
    # As wide as numpy wants its indices, once for all the columns that are looked up with them.
    return rows.take(runs).astype(np.int64), np.repeat(number[hit], counts)


class Table:
    """Columns of what is known of each wish, by row; rows that are free are used again."""

    def __init__(self, **types: type) -> None:
        self.columns: dict[str, NDArray[Any]] = {name: np.empty(0, kind) for name, kind in types.items()}
        self._used = 0
        self._free: list[int] = []

    def load(self, **columns: NDArray[Any]) -> Rows:
        for name, column in self.columns.items():
            self.columns[name] = np.ascontiguousarray(columns[name], column.dtype)
        self._used, self._free = len(columns["id"]), []
        return np.arange(self._used, dtype=np.int32)

    def put(self, **values: float) -> int:
        row = self._free.pop() if self._free else self._used
        if row == self._used:
            if row == len(self.columns["id"]):
                for name, column in self.columns.items():
                    self.columns[name] = np.resize(column, max(1024, row + row // 8))
            self._used += 1
        for name, value in values.items():
            self.columns[name][row] = value
        return row

    def drop(self, row: int) -> None:
        self._free.append(row)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self.columns.values()) + 40 * len(self._free)
