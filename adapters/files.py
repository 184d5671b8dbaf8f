"""Files of station data, from the disk or an address: plain or gzip, CSV or JSON, read row by row within bounds."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast
from urllib.parse import urljoin, urlsplit

import orjson

from adapters import jsonstream
from adapters.download import Limits, download, is_url
from core.errors import SupplierUnavailable, UserError

Progress = Callable[[int, int], None]  # bytes done, bytes in all

_GZIP_MAGIC = b"\x1f\x8b"
# A stray quote swallows the lines behind it: a record that spans more than this is taken apart again.
_MOST_LINES_A_RECORD = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One row or object of a file. `problem` is set instead of `fields` where it could not be read."""

    number: int
    fields: dict[str, Any]
    text: str = ""
    problem: str = ""
    detail: str = ""

    @property
    def raw(self) -> str:
        """The row as it came (a JSON object as equal JSON)."""
        return self.text or json.dumps(self.fields, ensure_ascii=False, default=str)


class NoRows(ValueError):
    """The file is not of this shape at all."""


class Document:
    """A file that can be read several times. An address is fetched once, into a temporary file.

    `passes` is how often the reader means to go through it; progress counts all of them.
    """

    def __init__(self, source: str, *, limits: Limits | None = None, progress: Progress | None = None) -> None:
        self.source, self.limits, self.passes = source, limits or Limits(), 1
        self.is_url = is_url(source)
        self._progress, self._done = progress, 0
        self._fetched: Any = None
        if not self.is_url and not Path(source).is_file():
            raise UserError("no_such_file", path=source)

    @property
    def name(self) -> str:
        """The file's own name, and the folder's in front of it."""
        path = Path(urlsplit(self.source).path if self.is_url else str(Path(self.source).resolve()))
        return f"{path.parent.name}/{path.name}"

    @property
    def dated(self) -> datetime | None:
        """The day in the file's name ("…_2022-12-05.csv"), where there is one."""
        found = re.search(r"(20\d\d)-(\d\d)-(\d\d)", Path(self.name).name)
        try:
            return datetime.combine(date.fromisoformat(found[0]), time(), UTC) if found else None
        except ValueError:
            return None

    def beside(self, *names: str) -> Document | None:
        """The first of these files in the same folder; for an address the first name there, which may be missing."""
        if self.is_url:
            return Document(urljoin(self.source, names[0]), limits=self.limits)
        paths = (Path(self.source).parent / name for name in names)
        return next((Document(str(path), limits=self.limits) for path in paths if path.is_file()), None)

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """The unpacked text. Raises SupplierUnavailable where the file is broken, cut off or too large."""
        with self._raw() as (raw, total):
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            start = self._done
            watched = io.BufferedReader(_Watched(raw, lambda at: self._tell(start + at, total * self.passes)))
            stream = gzip.GzipFile(fileobj=watched) if packed else watched
            bounded = _Bounded(stream, self.limits.content_bytes, self.name)
            yield io.TextIOWrapper(io.BufferedReader(bounded, 1 << 18), "utf-8-sig", errors="replace", newline="")

    def lines(self) -> Iterator[str]:
        """Lines with their ends. One longer than the limit comes in pieces."""
        with self.text() as stream:
            while line := stream.readline(self.limits.line_chars):
                yield line

    @contextmanager
    def _raw(self) -> Iterator[tuple[BinaryIO, int]]:
        if self.is_url and self._fetched is None:
            # The file goes away with this object: Document outlives every reading of it.
            fetched = tempfile.NamedTemporaryFile(prefix="kilowatch-")  # noqa: SIM115
            download(self.source, cast("BinaryIO", fetched), self.limits, self._progress)
            fetched.flush()
            self._fetched = fetched
        path = Path(self._fetched.name if self._fetched else self.source)
        try:
            raw = path.open("rb")
        except OSError as error:
            raise UserError("no_such_file", path=self.source) from error
        with raw:
            yield raw, path.stat().st_size

    def _tell(self, done: int, total: int) -> None:
        self._done = done
        if self._progress:
            self._progress(min(done, total), total)


class _Watched(io.RawIOBase):
    """Tells how many bytes of the file have been read."""

    def __init__(self, raw: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file, self._tell_done, self._count = raw, tell, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._count += len(chunk)
        self._tell_done(self._count)
        return len(chunk)


class _Bounded(io.RawIOBase):
    """Stops a file that unpacks into more than we take, and says so when it is cut off."""

    def __init__(self, stream: Any, most_bytes: int, name: str) -> None:
        self._stream, self._left, self._name = stream, most_bytes, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._stream.read1(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise SupplierUnavailable(self._name, "file", f"cannot be unpacked: {error}") from error
        self._left -= len(chunk)
        if self._left < 0:
            raise SupplierUnavailable(self._name, "file", "is larger than we take")
        buffer[: len(chunk)] = chunk
        return len(chunk)


# --- CSV --------------------------------------------------------------------------------------------------


class _Lines:
    """Lines with a memory of what the current record took, and a way to give them back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._returned = lines, list[str]()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _MOST_LINES_A_RECORD:
            raise csv.Error("a quote is never closed")
        line = self._returned.pop() if self._returned else next(self._lines)
        self.taken.append(line)
        self.number += 1
        return line

    def give_back(self) -> str:
        """Return all but the first line of the record, which stays spoilt."""
        self._returned.extend(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        return self.taken[0]


def csv_rows(document: Document) -> Iterator[Row]:
    """The records of a CSV file with a header. One with the wrong number of fields comes as a problem."""
    lines = _Lines(document.lines())
    first = next(lines, "")
    header = next(csv.reader([first], delimiter=_delimiter(first)), [])
    reader = csv.reader(lines, delimiter=_delimiter(first))
    while True:
        lines.taken = []
        start = lines.number + 1
        try:
            values = next(reader)
            detail = f"{len(values)} fields instead of {len(header)}"
        except StopIteration:
            return
        except csv.Error as error:
            values, detail = [], str(error)
        if len(values) == len(header):
            yield Row(start, dict(zip(header, values, strict=True)), "".join(lines.taken))
        elif values or len(lines.taken) > 1:
            # Only the first line is lost: what an unclosed quote has swallowed is read again.
            yield Row(start, {}, lines.give_back(), "broken_line", f"line {start}: {detail}")


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


# --- JSON -------------------------------------------------------------------------------------------------


def json_rows(document: Document) -> Iterator[Row]:
    """The objects of a JSON array, an envelope with `data`, one object, or one object per line.

    Raises NoRows where the file is not JSON, SupplierUnavailable where it breaks off.
    """
    if _one_per_line(document):
        yield from _json_lines(document)
        return
    number = 0
    with document.text() as stream:
        try:
            for value in jsonstream.values(stream):
                number += 1
                yield _object_row(number, value)
        except jsonstream.BrokenJson as error:
            if not number:
                raise NoRows(str(error)) from error
            raise SupplierUnavailable(document.name, "file", f"broken after object {number}: {error}") from error


def _one_per_line(document: Document) -> bool:
    """Whether one of the first two lines is a whole object by itself, and not an envelope."""
    with document.text() as stream:
        heads = [stream.readline(document.limits.line_chars) for _ in range(2)]
    if heads[0].lstrip().startswith("["):
        return False  # the elements of an array may stand in lines of their own
    for line in heads:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        return isinstance(value, dict) and not isinstance(value.get("data"), list | dict)
    return False


def _json_lines(document: Document) -> Iterator[Row]:
    for number, line in enumerate(document.lines(), 1):
        if not line.strip():
            continue
        try:
            yield _object_row(number, orjson.loads(line), line)
        except orjson.JSONDecodeError as error:
            yield Row(number, {}, line, "broken_line", f"line {number}: {error}")


def _object_row(number: int, value: Any, text: str = "") -> Row:
    if isinstance(value, dict):
        return Row(number, value, text)
    return Row(number, {}, text or json.dumps(value, default=str), "broken_line", f"row {number} is no object")


def head(rows: Iterator[Row], count: int) -> list[Row]:
    return list(itertools.islice(rows, count))
