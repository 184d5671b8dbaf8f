"""What a button carries: the search itself, packed into Telegram's 64 bytes.

Nothing about a search is kept on our side, so a button works after a restart and a week later. A button says what
should be (`free now: on`), not what to flip, so that an update worked twice has one effect.

    1L kT4xSoCDc ab 00 …      version, act, point (9), datum and sort (1), page (2), value
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.errors import UserError
from core.geo import Datum, Point
from core.wishes import Sort

VERSION = "1"  # raised when the meaning changes; buttons of another version are answered, not guessed
MOST_BYTES = 64  # Bot API, InlineKeyboardButton.callback_data

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_GRAIN = 100_000  # five decimals, about a metre
_LNG_STEPS = 360 * _GRAIN + 1
_LAT_STEPS = 180 * _GRAIN + 1
_POINT_CHARS, _PAGE_CHARS = 9, 2
_SEARCH_CHARS = _POINT_CHARS + 1 + _PAGE_CHARS
_SORTS = tuple(Sort)
_DATUMS = (Datum.WGS84, Datum.GCJ02)
MOST_PAGES = 64**_PAGE_CHARS


class Act(StrEnum):
    """What happens on a press."""

    LIST = "L"
    CARD = "C"
    VENUE = "V"
    HERE = "H"  # "I am really at this station": the search moves there
    FILTERS = "F"
    OPERATORS = "O"
    MODE = "M"
    POSITION = "P"
    ANSWER = "Q"  # to one of the questions asked once
    SETTING = "S"
    PROFILE = "U"
    LINKING = "K"
    LEAVING = "X"  # taking everything along, and deleting the account
    WALLET = "W"
    GUNS = "G"  # of a station: which one shall charge
    SCAN = "Z"  # answers to what is asked about a scanned gun, and the yes
    CHARGE = "E"  # a charge that runs, and what is said of it afterwards
    HISTORY = "Y"
    PRICES = "I"  # of a station over time: the picture
    WATCH = "B"  # a station: what can be wished there, and the wish
    AREA = "A"  # what can be wished of the stations around
    WATCHES = "J"  # my watches, and what becomes of one
    WAY = "R"  # that is driven: what is known of it so far


_WITH_SEARCH = frozenset(
    {
        *(Act.LIST, Act.CARD, Act.VENUE, Act.HERE, Act.FILTERS, Act.OPERATORS, Act.MODE, Act.POSITION, Act.GUNS),
        *(Act.WATCH, Act.AREA),
    }
)
_WITHOUT_SEARCH = frozenset(Act) - _WITH_SEARCH


@dataclass(frozen=True, slots=True)
class Search:
    """One page of one search. The filters, the mode and the kWh live in the account."""

    point: Point
    sort: Sort = Sort.RECOMMENDED
    page: int = 0


@dataclass(frozen=True, slots=True)
class Button:
    """A pressed button. `search` is None for acts on the account."""

    act: Act
    search: Search | None
    value: str = ""


def pack(act: Act, search: Search | None = None, value: str = "") -> str:
    """The callback_data of a button. Raises ValueError for what does not fit."""
    if (search is None) != (act in _WITHOUT_SEARCH):
        raise ValueError(f"{act.name} and its search do not belong together")
    data = VERSION + act + (_pack_search(search) if search else "") + value
    if len(data.encode()) > MOST_BYTES:
        raise ValueError(f"{len(data.encode())} bytes do not fit a button")
    return data


def unpack(data: str | None) -> Button:
    """The button behind callback_data. Raises UserError("old_button") for what is not of this version."""
    if not data or data[0] != VERSION or data[1:2] not in {act.value for act in Act}:
        raise UserError("old_button")
    act, rest = Act(data[1]), data[2:]
    if act in _WITHOUT_SEARCH:
        return Button(act, None, rest)
    return Button(act, _unpack_search(rest[:_SEARCH_CHARS]), rest[_SEARCH_CHARS:])


def pack_point(point: Point) -> str:
    """Nine characters, to the metre; the datum is not among them."""
    lat = min(max(round((point.lat + 90) * _GRAIN), 0), _LAT_STEPS - 1)
    lng = min(max(round((point.lng + 180) * _GRAIN), 0), _LNG_STEPS - 1)
    return _digits(lat * _LNG_STEPS + lng, _POINT_CHARS)


def unpack_point(text: str, datum: Datum = Datum.WGS84) -> Point:
    """Raises UserError("old_button")."""
    if len(text) != _POINT_CHARS or not set(text) <= _VALUE.keys():
        raise UserError("old_button")
    lat, lng = divmod(_number(text), _LNG_STEPS)
    if lat >= _LAT_STEPS:
        raise UserError("old_button")
    return Point(lat / _GRAIN - 90, lng / _GRAIN - 180, datum)


def _pack_search(search: Search) -> str:
    look = _DATUMS.index(search.point.datum) * len(_SORTS) + _SORTS.index(search.sort)
    page = min(max(search.page, 0), MOST_PAGES - 1)
    return pack_point(search.point) + _digits(look, 1) + _digits(page, _PAGE_CHARS)


def _unpack_search(text: str) -> Search:
    if len(text) != _SEARCH_CHARS or not set(text) <= _VALUE.keys():
        raise UserError("old_button")
    look = _number(text[_POINT_CHARS])
    if look >= len(_DATUMS) * len(_SORTS):
        raise UserError("old_button")
    datum, sort = divmod(look, len(_SORTS))
    point = unpack_point(text[:_POINT_CHARS], _DATUMS[datum])
    return Search(point, _SORTS[sort], _number(text[-_PAGE_CHARS:]))


def _digits(value: int, width: int) -> str:
    text = ""
    for _ in range(width):
        value, digit = divmod(value, 64)
        text = _DIGITS[digit] + text
    return text


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 64 + _VALUE[digit]
    return value
