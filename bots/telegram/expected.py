"""What chats were asked: what is sent there next is the answer, and no place. In memory, for ten minutes.

The number of a gun is asked for most often; other questions are objects of whoever asks. The last question counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

WAITS_FOR = timedelta(minutes=10)
MOST_CHATS = 10_000

Question = TypeVar("Question")


class Expected:
    """Safe on the event loop. After a restart a number typed alone is looked up as a place; it is asked for again."""

    def __init__(self, most: int = MOST_CHATS) -> None:
        self.most = most
        self._until: dict[int, datetime] = {}
        self._albums: dict[str, datetime] = {}
        self._asked: dict[int, tuple[datetime, object]] = {}

    def number(self, chat_id: int, now: datetime) -> None:
        """A number is expected in this chat from now on."""
        self._asked.pop(chat_id, None)
        _keep(self._until, chat_id, now, self.most)

    def is_number(self, chat_id: int, now: datetime) -> bool:
        return chat_id in self._until and self._until[chat_id] > now

    def ask(self, chat_id: int, question: object, now: datetime) -> None:
        """This has been asked in the chat, and nothing else is waited for."""
        self.no_more(chat_id)
        self._asked[chat_id] = (now + WAITS_FOR, question)
        while len(self._asked) > self.most or next(iter(self._asked.values()))[0] <= now:
            del self._asked[next(iter(self._asked))]

    def asked(self, chat_id: int, kind: type[Question], now: datetime) -> Question | None:
        """The open question, if it is of this kind."""
        until, question = self._asked.get(chat_id, (now, None))
        return question if isinstance(question, kind) and until > now else None

    def no_more(self, chat_id: int) -> None:
        self._until.pop(chat_id, None)
        self._asked.pop(chat_id, None)

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
