"""Which buttons stand under messages about watches. Pure, and without aiogram. What they carry is in watch_codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bots import watches
from bots.telegram.buttons import Act, Search, pack
from bots.telegram.keyboards import Keyboard, Row, button, inline
from bots.telegram.watch_codes import (
    ASK_AMOUNT,
    ASK_STOP_ALL,
    CHANGE,
    KEEP_AMOUNT,
    LIST,
    ONE,
    OPEN,
    RENEW,
    SNOOZE,
    STOP,
    STOP_ALL,
    VIEW,
    WAKE,
    Handle,
    Wanted,
    kind,
    shared,
)
from bots.wording import N_, Wording
from core.prices.watching import WINDOWS_DAYS, Outlook, Rule
from core.services.watches import Made, Seen, Wishable, WishesHere
from core.watch import StandingWatch

LABELS = {
    SNOOZE: N_("💤 Snooze a day"),
    WAKE: N_("🔔 Wake"),
    STOP: N_("🔕 Stop"),
    RENEW: N_("↩ Watch again"),
}
# In a row with the number of the watch there is little room.
_SHORT = {SNOOZE: N_("💤 Snooze"), WAKE: LABELS[WAKE], STOP: LABELS[STOP], RENEW: N_("🔄 Renew")}
MY_WATCHES = N_("🔔 My watches")
PAGE = 5
MOST_KINDS = 6


def _press(label: str, handle: Handle, *, chosen: bool = False) -> dict[str, Any]:
    return button(label, pack(Act.WATCHES, None, str(handle)), chosen=chosen)


# --- setting ----------------------------------------------------------------------------------------------------


def wishes(say: Wording, here: WishesHere, search: Search) -> Keyboard:
    """The offered wishes, and the other guns of the station."""
    its = kind(here.guns.series_id)

    def data(wanted: Wanted) -> str:
        return pack(Act.WATCH, search, str(wanted))

    offered: list[Row] = [
        [button(watches.button(say, one, here.currency), data(Wanted(here.station.id, its, one)))]
        for one in here.wishes
    ]
    guns = sorted((here.guns, *here.others), key=lambda one: (one.plug, -(one.power_kw or 0)))[:MOST_KINDS]
    kinds: list[Row] = [
        [
            button(
                watches.kind(say, one.plug, one.power_kw),
                data(Wanted(here.station.id, kind(one.series_id))),
                chosen=one == here.guns,
            )
        ]
        for one in guns
    ]
    return inline([*offered, *(kinds if here.others else []), [back_to_station(say, search, here.station.id)]])


def back_to_station(say: Wording, search: Search, station_id: str) -> dict[str, Any]:
    return button(say("◀ Station"), pack(Act.CARD, search, station_id))


def made(say: Wording, one: Made, back: Row, nearby: Sequence[Row]) -> Keyboard:
    """Under the answer to a new watch; first what can be reached, where the wish was below all that was ever seen."""
    watch, offer = one.watch, one.outlook.offer
    reachable: Row = []
    if one.outlook.outlook is Outlook.NEVER and offer is not None:
        wish = Wishable(Rule.BELOW, offer)
        label = watches.button(say, wish, watch.currency)
        reachable = [_press(label, Handle(CHANGE, watch.id, wish=wish))]
    stop = [button(say(LABELS[STOP]), shared(STOP, watch.id)), *_change(say, watch)]
    return inline([*nearby, reachable, stop, [button(say(MY_WATCHES), shared(LIST)), *back]])


def _change(say: Wording, watch: StandingWatch) -> Row:
    if watch.rule is Rule.GUN_FREE:
        return []
    return [_press(say("✏️ Change amount"), Handle(ASK_AMOUNT, watch.id))]


# --- my watches -------------------------------------------------------------------------------------------------


def pages(watches: int) -> int:
    return max(-(-watches // PAGE), 1)


def on_page(seen: Sequence[Seen], page: int) -> Sequence[Seen]:
    return seen[page * PAGE : (page + 1) * PAGE]


def listing(say: Wording, seen: Sequence[Seen], page: int, now: datetime, *, undo: int | None = None) -> Keyboard:
    """A row for each watch of the page. `undo` was just stopped."""
    count = pages(len(seen))
    rows: list[Row] = []
    if undo is not None:
        rows.append([_press(say("↩ Undo: watch again"), Handle(RENEW, undo, page))])
    for number, one in enumerate(on_page(seen, page), start=page * PAGE + 1):
        watch = one.watch
        row = [_press(f"{number} ➡", Handle(ONE, watch.id))]
        row += [_press(say(_SHORT[what]), Handle(what, watch.id, page)) for what in (*_wanted(watch, now), RENEW)]
        rows.append(row)
    if count > 1:
        rows.append([
            _press("◀", Handle(VIEW, 0, (page - 1) % count)),
            _press(f"{page + 1}/{count}", Handle(VIEW, 0, page)),
            _press("▶", Handle(VIEW, 0, (page + 1) % count)),
        ])  # fmt: skip
    rows.append([button(say("🛣 Watch my way"), pack(Act.WAY, None, ""))])
    if seen:
        rows.append([_press(say("🔕 Stop all"), Handle(ASK_STOP_ALL))])
    return inline(rows)


def panel(say: Wording, watch: StandingWatch, now: datetime) -> Keyboard:
    """Under the message about one of my watches."""
    state = [_press(say(LABELS[what]), Handle(what, watch.id)) for what in _wanted(watch, now)]
    more: list[Row] = []
    if watch.live(now):
        more = [
            [button(say("➡ Look there"), shared(OPEN, watch.id)), *_change(say, watch)],
            [_press(say("🔄 Renew"), Handle(RENEW, watch.id))],
        ]
    return inline([*more, state, [_press(say("◀ My watches"), Handle(VIEW, 0, 0))]])


def amounts(say: Wording, watch: StandingWatch) -> Keyboard:
    """Under the question for another amount: what there is to choose from, and leaving it as it is."""
    days: Row = []
    if watch.rule is Rule.LOWEST:
        days = [
            _press(
                say("{n} days", n=one),
                Handle(CHANGE, watch.id, wish=Wishable(Rule.LOWEST, Decimal(one))),
                chosen=one == watch.amount,
            )
            for one in WINDOWS_DAYS
        ]
    return inline([days, [_press(say("Leave it as it is"), Handle(KEEP_AMOUNT, watch.id))]])


def stop_all(say: Wording, count: int) -> Keyboard:
    yes = say.plural("🔕 Yes, stop it", "🔕 Yes, stop all {n}", count)
    return inline([[_press(yes, Handle(STOP_ALL)), _press(say("No"), Handle(VIEW, 0, 0))]])


def _wanted(watch: StandingWatch, now: datetime) -> tuple[str, ...]:
    """What can be done with a watch as it is now. A wish for a free gun ends before a day of silence would."""
    if not watch.live(now):
        return (RENEW,)
    if watch.rule is Rule.GUN_FREE and not watch.muted(now):
        return (STOP,)
    return (WAKE, STOP) if watch.muted(now) else (SNOOZE, STOP)


def after(rows: Sequence[Row], say: Wording, watch: StandingWatch, now: datetime) -> list[Row]:
    """The buttons of any message after a press: those of this watch say what can be done now, all others stay."""
    theirs = {shared(what, watch.id): what for what in (SNOOZE, WAKE, STOP, RENEW)}
    had = {theirs[one["callback_data"]] for row in rows for one in row if one.get("callback_data") in theirs}
    wanted = _wanted(watch, now)
    if had == {STOP} and watch.live(now) and not watch.muted(now):
        wanted = (STOP,)  # under the answer to a new watch
    labels = [one["text"] for row in rows for one in row if one.get("callback_data") in theirs]
    # One message may tell of several: "2 💤 Snooze a day".
    mark = found[0] if labels and (found := re.match(r"\d+ ", labels[0])) else ""
    fresh: Row = [button(mark + say(LABELS[what]), shared(what, watch.id)) for what in wanted]
    changed: list[Row] = []
    for row in rows:
        kept: Row = []
        for one in row:
            if one.get("callback_data") in theirs:
                kept += fresh
                fresh = []
            else:
                kept.append(one)
        changed.append(kept)
    return [row for row in (*changed, fresh) if row]
