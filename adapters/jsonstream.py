"""JSON lists read element by element: arrays, `{"data": [...]}` envelopes and one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK_CHARS = 1 << 20
# One element larger than this is no station; it also bounds what a broken file can make us hold.
MOST_ELEMENT_CHARS = 32 << 20
_SPACE = " \t\r\n"


class BrokenJson(ValueError):
    """The text stops being JSON here; what follows cannot be found."""


class JsonScanner:
    """Takes JSON values off a stream, holding one value at a time."""

    def __init__(self, stream: TextIO, chunk_chars: int = CHUNK_CHARS) -> None:
        self._stream, self._chunk_chars = stream, chunk_chars
        self._buffer, self._at, self._ended = "", 0, False
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is not space, "" at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def take(self, wanted: str) -> bool:
        """Step over this character if it is the next one."""
        if self.peek() != wanted:
            return False
        self._at += 1
        return True

    def value(self) -> Any:
        """The next value whole. Raises BrokenJson."""
        self.peek()
        while True:
            try:
                found, end = self._decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                # Cut off by the end of the buffer, or broken: only more text can tell.
                if self._ended or len(self._buffer) - self._at > MOST_ELEMENT_CHARS or not self._fill():
                    raise BrokenJson(str(error)[:200]) from error
                continue
            if end == len(self._buffer) and isinstance(found, int | float) and self._fill():
                continue  # "12" may be the beginning of "123"
            self._at = end
            return found

    def elements(self) -> Iterator[Any]:
        """The elements of the array that begins here."""
        if not self.take("["):
            raise BrokenJson("no array")
        if self.take("]"):
            return
        while True:
            yield self.value()
            if self.take("]"):
                return
            if not self.take(","):
                raise BrokenJson("an element is not followed by a comma")

    def _fill(self) -> bool:
        # Reading as much again as is held keeps the work on a long value linear.
        more = self._stream.read(max(self._chunk_chars, len(self._buffer) - self._at))
        self._ended = self._ended or not more
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return bool(more)


def values(stream: TextIO, chunk_chars: int = CHUNK_CHARS) -> Iterator[Any]:
    """The elements of an array, of the `data` of an envelope, or the one object there is. Raises BrokenJson."""
    scanner = JsonScanner(stream, chunk_chars)
    if scanner.peek() == "[":
        yield from scanner.elements()
        return
    if not scanner.take("{"):
        raise BrokenJson("neither a list nor an object")
    whole: dict[str, Any] = {}
    while not scanner.take("}"):
        key = scanner.value()
        if not isinstance(key, str) or not scanner.take(":"):
            raise BrokenJson("an object without a key")
        if key == "data" and scanner.peek() == "[":
            yield from scanner.elements()
            return
        whole[key] = scanner.value()
        if not scanner.take(",") and scanner.peek() != "}":
            raise BrokenJson("a member is not followed by a comma")
    inner = whole.get("data")
    yield inner if isinstance(inner, dict) else whole
