"""Alerts as a driver reads them in Telegram, with what can be done about each at one tap. Without aiogram."""

from __future__ import annotations

from bots import alerts, maps
from bots.alerts import Block, Words
from bots.telegram import nearby
from bots.telegram.buttons import Act, Search, pack
from bots.telegram.keyboards import Keyboard, Row, button, inline
from bots.telegram.markup import bold, fit, ours
from bots.telegram.render import Rendered, message
from bots.telegram.watch_buttons import LABELS, MY_WATCHES
from bots.telegram.watch_codes import LIST, OPEN, SNOOZE, STOP, shared
from bots.wording import Wording
from core.prices.watching import Rule
from core.services.alerts.telling import AlertNow, AlertsNow
from core.watch import StationGuns

MOST_WITH_BUTTONS = 3


def rendered(say: Wording, now: AlertsNow) -> Rendered:
    """A message in the shape of sendMessage."""
    told = alerts.words(say, now)
    blocks = [_text(n, block, told) for n, block in enumerate(told.blocks, 1)]
    if told.several:
        blocks.insert(0, bold(ours(told.title)))
    rest = ["\n".join(map(ours, told.rest))]
    return message(fit([block for block in blocks if block], droppable=rest), _keyboard(say, now, told))


def _text(number: int, block: Block, told: Words) -> str:
    sign = "🟢" if block.alert.rule is Rule.GUN_FREE else "📉"
    mark = f"{number}. " if told.several else f"{sign} "
    return "\n".join([bold(ours(mark + block.head)), *map(ours, block.lines)])


def _keyboard(say: Wording, now: AlertsNow, told: Words) -> Keyboard:
    rows: list[Row] = []
    for number, block in enumerate(told.blocks[:MOST_WITH_BUTTONS], 1):
        rows += _rows(say, block.alert, f"{number} " if told.several else "")
    if len(now.alerts) > 1:
        rows.append([button(say(MY_WATCHES), shared(LIST))])
    return inline(rows)


def _rows(say: Wording, one: AlertNow, mark: str) -> list[Row]:
    """The way there and the start; then peace. A wish for a free gun ends within hours: it is not put to sleep."""
    way, watch = next(iter(maps.links(one.station.point, one.station.name).values())), one.watch.id
    snooze, stop = (button(mark + say(LABELS[what]), shared(what, watch)) for what in (SNOOZE, STOP))
    free = one.rule is Rule.GUN_FREE
    rows: list[Row] = [
        [{"text": mark + say("🧭 Navigate"), "url": way}, button(mark + say("⚡ Open and start"), _open(one))],
        [stop] if free else [snooze, stop],
    ]
    return rows + (nearby.rows(say, one.alternatives) if free else [])


def _open(one: AlertNow) -> str:
    """The card of the station: a watch on an area or a way knows none."""
    if isinstance(one.watch.place, StationGuns):
        return shared(OPEN, one.watch.id)
    return pack(Act.CARD, Search(one.station.point), one.station.id)
