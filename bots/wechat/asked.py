"""What a chat was asked last: what the next number, yes, or word of a charge is said to.

Kept in this process and forgotten. Without it nothing is started, stopped or chosen: the question is put again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bots.wechat.memory import Memory
from core.ports import Clock
from core.scan import SCAN_GOOD_FOR
from core.session import FrozenQuote

QUESTIONS_MAX = 10_000
KEPT_FOR: timedelta = SCAN_GOOD_FOR


class About(StrEnum):
    WHICH_SCAN = "which_scan"  # a number: several guns' codes were in one picture
    WHICH_GUN = "which_gun"  # a number
    GUN_NUMBER = "gun_number"  # what stands on the gun: typed alone it is no place
    AT_STATION = "at_station"  # yes or no
    OFFER = "offer"  # the word for a start, or another energy
    TOP_UP = "top_up"  # an offer for which money is missing
    STOP = "stop"  # yes or no
    WHY = "why"  # a number or a word: what was not as promised
    WISH = "wish"  # a number or a price: what a watch is to tell of


NUMBERED = frozenset({About.WHICH_SCAN, About.WHICH_GUN, About.WHY, About.GUN_NUMBER, About.WISH})
YES_OR_NO = frozenset({About.AT_STATION, About.STOP})


@dataclass(frozen=True, slots=True)
class Question:
    """`quote` is the offer as it was shown: only this one can be said yes to."""

    about: About
    scan_id: str = ""
    scan_ids: tuple[str, ...] = ()  # of WHICH_SCAN, in the order of their numbers
    session_id: str = ""
    quote: FrozenQuote | None = None


class Asked:
    """The open question of each chat, by openid."""

    def __init__(self, clock: Clock) -> None:
        self._open: Memory[Question] = Memory(clock, life=KEPT_FOR, most=QUESTIONS_MAX)

    def put(self, openid: str, question: Question) -> None:
        self._open.put(openid, question)

    def of(self, openid: str, *about: About) -> Question | None:
        """The open question, where it is about one of these."""
        question = self._open.get(openid)
        return question if question is not None and question.about in about else None

    def forget(self, openid: str) -> None:
        self._open.forget(openid)

    def other_numbers(self, openid: str) -> None:
        """A list was shown: from now on a number means one of its rows."""
        self._drop(openid, NUMBERED)

    def other_yes(self, openid: str) -> None:
        """Something else was asked that is answered by yes or no."""
        self._drop(openid, YES_OR_NO)

    def _drop(self, openid: str, about: frozenset[About]) -> None:
        if self.of(openid, *about):
            self.forget(openid)
