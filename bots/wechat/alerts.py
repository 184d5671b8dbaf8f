"""Alerts as a driver reads them in WeChat: one text of 2,048 bytes, with the way there and what can be replied.

Pure: everything shown comes in as arguments.
"""

from __future__ import annotations

from bots import alerts, maps
from bots.alerts import MOST_IN_FULL, Block, Words
from bots.wechat.render import TEXT_MAX_BYTES, cut_lines, link, plain
from bots.wechat.watch_words import hints_for
from bots.wording import Wording
from core.prices.watching import Rule
from core.services.alerts.telling import AlertsNow

LINE_MAX = 90
_MAP_NAME_BYTES = 36  # each of them may take three in a link


def text(say: Wording, now: AlertsNow) -> str:
    """As many alerts in full as there is room for, the most valuable first; the others are counted."""
    for most in range(min(MOST_IN_FULL, len(now.alerts)), 0, -1):
        told = alerts.words(say, now, most)
        shown = _text(say, told)
        if len(shown.encode()) <= TEXT_MAX_BYTES:
            return shown
    return cut_lines(shown)


def _text(say: Wording, told: Words) -> str:
    blocks = [_block(say, n, one, told) for n, one in enumerate(told.blocks, 1)]
    if told.several:
        blocks.insert(0, told.title)
    gun = told.blocks[0].alert.watch.rule is Rule.GUN_FREE
    replies = hints_for([one.alert.watch.id for one in told.blocks], say.language, gun=gun)
    return "\n\n".join([*blocks, "\n".join([*told.rest, *replies])])


def _block(say: Wording, number: int, one: Block, told: Words) -> str:
    station = one.alert.station
    name = station.name.encode(errors="ignore")[:_MAP_NAME_BYTES].decode(errors="ignore")
    way = next(iter(maps.links(station.point, name).values()))
    head = f"{number}. {one.head}" if told.several else one.head
    lines = [plain(line, LINE_MAX) for line in (head, *one.lines)]
    return "\n".join([*lines, link(say("🧭 Navigate"), way)])
