"""Chats that were asked for the number of a gun: what is typed there next is no place. In memory, for ten minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

WAITS_FOR = timedelta(minutes=10)
MOST_CHATS = 10_000


class Expected:
    """Safe on the event loop. After a restart a number typed alone is looked up as a place; it is asked for again."""

    def __init__(self, most: int = MOST_CHATS) -> None:
        self.most = most
        self._until: dict[int, datetime] = {}
        self._albums: dict[str, datetime] = {}

    def number(self, chat_id: int, now: datetime) -> None:
        """A number is expected in this chat from now on."""
        _keep(self._until, chat_id, now, self.most)

    def is_number(self, chat_id: int, now: datetime) -> bool:
        return chat_id in self._until and self._until[chat_id] > now

    def no_more(self, chat_id: int) -> None:
        self._until.pop(chat_id, None)

    def said_of_album(self, album: str, now: datetime) -> bool:
        """Whether something was said of an album before: photos without a code are not lamented one by one."""
        said = album in self._albums
        _keep(self._albums, album, now, self.most)
        return said


def _keep(until: dict, key: object, now: datetime, most: int) -> None:  # type: ignore[type-arg]  # of either kind
    until.pop(key, None)
    until[key] = now + WAITS_FOR
    while len(until) > most or next(iter(until.values())) <= now:
        del until[next(iter(until))]
