"""What buttons about watches carry. Pure, and without aiogram.

`w:<what>:<watch>` also stands under alerts, which another process sends: such a button works under every message and
changes nothing there but itself. All others are of a message that is shown anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from core.errors import UserError
from core.ports.prices import series_id
from core.prices.watching import Rule
from core.services.watches import Wishable, WishesHere
from core.station import Connector, Station
from core.watch import StationGuns

SNOOZE, WAKE, STOP, RENEW, OPEN, LIST = "z", "w", "s", "n", "o", "l"
# Of my watches, beside the first four.
VIEW, ONE, ASK_AMOUNT, KEEP_AMOUNT, CHANGE, ASK_STOP_ALL, STOP_ALL = "v", "i", "a", "k", "c", "q", "x"
_RULES = {Rule.BELOW: "b", Rule.BELOW_USUAL: "u", Rule.LOWEST: "l", Rule.GUN_FREE: "g"}
_BY_LETTER = {letter: rule for rule, letter in _RULES.items()}
_SHARED = re.compile(r"w:(?:(l)|([zwsno]):([0-9]{1,18}))")


def shared(what: str, watch_id: int = 0) -> str:
    """The callback_data of a button that may stand under any message."""
    return "w:l" if what == LIST else f"w:{what}:{watch_id}"


def read_shared(data: str) -> tuple[str, int]:
    """Raises UserError("old_button")."""
    if not (found := _SHARED.fullmatch(data)):
        raise UserError("old_button")
    return found[1] or found[2], int(found[3] or 0)


def wish_code(wish: Wishable) -> str:
    return f"{_RULES[wish.rule]}{wish.amount.normalize():f}"


def read_wish(text: str) -> Wishable:
    """Raises UserError("old_button")."""
    try:
        return Wishable(_BY_LETTER[text[:1]], Decimal(text[1:]))
    except (KeyError, InvalidOperation):
        raise UserError("old_button") from None


def kind(series_id: int) -> str:
    """Three characters that tell the few kinds of guns of one station apart."""
    return f"{series_id & 0xFFF:03x}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A station, which of its kinds of guns ("" is the first), and the wish, once it is one.

    `apart`: the answer comes as a message of its own, and the one with the button stays.
    """

    station_id: str
    kind: str = ""
    wish: Wishable | None = None
    apart: bool = False

    def __str__(self) -> str:
        wish = wish_code(self.wish) if self.wish else ""
        return f"{self.station_id}~{self.kind}~{wish}{'+' if self.apart else ''}"

    @classmethod
    def read(cls, text: str) -> Wanted:
        """Raises UserError("old_button")."""
        station_id, *rest = text.split("~")
        if not station_id or len(rest) != 2:
            raise UserError("old_button")
        wish = rest[1].removesuffix("+")
        return cls(station_id, rest[0], read_wish(wish) if wish else None, rest[1].endswith("+"))

    @classmethod
    def free_gun(cls, station: Station, like: Connector) -> Wanted:
        """To be told when one like this is free; without one like this, when one of those that are most is."""
        alike = any((one.plug, one.power_kw) == (like.plug, like.power_kw) for one in station.connectors)
        its = kind(series_id(station.id, like.plug, like.power_kw)) if alike else ""
        return cls(station.id, its, Wishable(Rule.GUN_FREE, Decimal(0)), apart=True)

    def among(self, here: WishesHere) -> StationGuns:
        """The guns that are meant. Raises UserError("old_button") where they are no longer there."""
        if not self.kind:
            return here.guns
        found = next((one for one in (here.guns, *here.others) if kind(one.series_id) == self.kind), None)
        if found is None:
            raise UserError("old_button")
        return found


@dataclass(frozen=True, slots=True)
class Handle:
    """What shall become of one of my watches (or of all), and where that was pressed: a page of the list, or None for
    the message about that one."""

    what: str
    watch_id: int = 0
    page: int | None = None
    wish: Wishable | None = None

    def __str__(self) -> str:
        page = "" if self.page is None else f".{self.page}"
        return f"{self.what}{self.watch_id}{page}" + (f"~{wish_code(self.wish)}" if self.wish else "")

    @classmethod
    def read(cls, text: str) -> Handle:
        """Raises UserError("old_button")."""
        found = re.fullmatch(r"([a-z])([0-9]{1,18})(?:\.([0-9]{1,3}))?(?:~(.+))?", text)
        if not found:
            raise UserError("old_button")
        page = int(found[3]) if found[3] else None
        return cls(found[1], int(found[2]), page, read_wish(found[4]) if found[4] else None)
