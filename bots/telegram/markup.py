"""Text for Telegram's HTML: foreign words cleaned, cut and escaped, and a message kept under the limit."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from html.parser import HTMLParser

MOST_CHARS = 4096  # Bot API, sendMessage.text after entities are parsed; we count UTF-16 units, as entities do


def clean(text: str, most: int) -> str:
    """Foreign text on one line: no control, direction or invisible characters, at most `most` characters."""
    # Cut first, generously: a supplier may send megabytes.
    words = " ".join(text[: most * 8].split())
    kept = "".join(c for c in words if c == " " or unicodedata.category(c)[0] not in "CZ")
    kept = re.sub(r" {2,}", " ", kept).strip()
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def foreign(text: str, most: int) -> str:
    """Foreign text, ready to stand in HTML."""
    return html.escape(clean(text, most), quote=False)


def ours(text: str) -> str:
    """A sentence of ours, which may hold a name: escaped, not cut."""
    return html.escape(text, quote=False)


def bold(text: str) -> str:
    return f"<b>{text}</b>"


def link(label: str, address: str) -> str:
    return f'<a href="{html.escape(address, quote=True)}">{ours(label)}</a>'


def visible_length(text: str) -> int:
    """How long Telegram finds it: UTF-16 units without tags."""
    reader = _Words()
    reader.feed(text)
    reader.close()
    return len("".join(reader.words).encode("utf-16-le", "surrogatepass")) // 2


def fit(blocks: Sequence[str], *, droppable: Sequence[str] = (), most: int = MOST_CHARS) -> str:
    """The blocks with a line between them. Of `droppable`, shown last, as many as there is room for.

    Whole blocks are left out, never parts, so that no tag or entity is cut in two.
    """
    kept = [block for block in blocks if block]
    while len(kept) > 1 and visible_length("\n\n".join(kept)) > most:
        kept.pop()
    for block in droppable:
        if block and visible_length("\n\n".join([*kept, block])) <= most:
            kept.append(block)
    return "\n\n".join(kept)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)
