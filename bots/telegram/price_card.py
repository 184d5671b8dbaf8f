"""What stands under the picture of a station's prices: the words, and the buttons for another one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bots import prices
from bots.telegram.buttons import Act, Search, pack
from bots.telegram.keyboards import Keyboard, Row, button, inline
from bots.telegram.markup import bold, fit, foreign, ours
from bots.telegram.watch_codes import Wanted, kind
from bots.wording import Wording
from core.errors import UserError
from core.prices.history import Grade
from core.services.prices import GroupPrices

CAPTION_MAX = 1024  # Bot API, after entities are parsed
NAME_MAX, MOST_KINDS = 60, 6
_SPANS = {"d": 1, "w": 7, "m": 30, "q": 90}
_LETTERS = {days: letter for letter, days in _SPANS.items()}
_LIGHTS = {Grade.GOOD: "🟢", Grade.USUAL: "⚪", Grade.DEAR: "🔴", Grade.TOO_NEW: "⏳"}


@dataclass(frozen=True, slots=True)
class Which:
    """What is looked at: a station, for how long, and which of its kinds of guns; "" is the first.

    A button carries `w3f.STATION`; that of a station's card, which does not know the kinds, `.STATION`.
    """

    station_id: str
    days: int = 7
    kind: str = ""

    def __str__(self) -> str:
        return f"{_LETTERS[self.days]}{self.kind}.{self.station_id}"

    @classmethod
    def read(cls, text: str) -> Which:
        """Raises UserError("old_button")."""
        head, dot, station_id = text.partition(".")
        if not dot or not station_id or (head and head[0] not in _SPANS) or len(head) > 4:
            raise UserError("old_button")
        return cls(station_id, _SPANS[head[0]], head[1:]) if head else cls(station_id)

    def among(self, groups: Sequence[GroupPrices]) -> GroupPrices:
        """The kind that is meant; the first one where it is no longer there."""
        return next((one for one in groups if kind(one.series.id) == self.kind), groups[0])


def caption(say: Wording, name: str, told: prices.Told, grade: Grade) -> str:
    head = [bold(foreign(name, NAME_MAX) or ours(say("Charging station"))), ours(told.guns)]
    price = f"💰 {bold(ours(told.now))}" + (f"\n{ours(told.parts)}" if told.parts else "")
    judged = [f"{_LIGHTS[grade]} {bold(ours(told.badge))}", f"<i>{ours(told.rule)}</i>"]
    figures = [("📊", told.usual), ("⬇️", told.lowest), ("🕗", told.cheapest), ("👉", told.advice)]
    lines = [f"{sign} {ours(text)}" for sign, text in figures if text]
    doubted = f"⚠️ {ours(told.doubted)}" if told.doubted else ""
    return fit(["\n".join(head), price, doubted, "\n".join(lines), "\n".join(judged)], most=CAPTION_MAX)


def beneath(say: Wording, which: Which, groups: Sequence[GroupPrices], search: Search | None) -> Keyboard:
    """Other spans of time, other guns, and a watch on those that are shown; none without a search to begin from."""
    shown = which.among(groups)
    which = replace(which, kind=kind(shown.series.id))
    spans: Row = [
        _press(say(label), replace(which, days=days), chosen=days == which.days)
        for days, label in prices.SPANS.items()
    ]
    kinds: list[Row] = [
        [_press(prices.guns(say, one), replace(which, kind=kind(one.series.id)), chosen=one is shown)]
        for one in groups[:MOST_KINDS]
    ]
    watch: Row = []
    if search is not None:
        wanted = Wanted(which.station_id, which.kind)
        watch.append(button(say("🔔 Watch price"), pack(Act.WATCH, search, str(wanted))))
    return inline([spans, *(kinds if len(kinds) > 1 else []), watch])


def _press(label: str, which: Which, *, chosen: bool) -> dict[str, object]:
    return button(label, pack(Act.PRICES, None, str(which)), chosen=chosen)
