"""Where else to charge, when a gun cannot be had: buttons to stations around that have a free gun which fits."""

from __future__ import annotations

from collections.abc import Sequence

from bots import money
from bots.telegram.buttons import Act, Search, pack
from bots.telegram.keyboards import Row, button
from bots.wording import Wording
from core.services.alternatives import Alternative

LABEL_MAX = 28


def rows(say: Wording, found: Sequence[Alternative]) -> list[Row]:
    """A button for each."""
    return [[button(_label(say, one), pack(Act.CARD, Search(one.station.point), one.station.id))] for one in found]


def _label(say: Wording, one: Alternative) -> str:
    free = say.plural("{n} free", "{n} free", one.free)
    return money.joined(f"➡ {money.clean(one.station.name, LABEL_MAX)}", say.distance(one.distance_m), free)
