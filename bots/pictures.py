"""Pictures of prices for chats: drawn one after another in a thread of their own, no more than can be waited for.

What draws is imported with the first picture; a process that never draws never pays for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import BoundedSemaphore

from bots import prices
from bots.chart import chart
from bots.wording import Wording
from core.prices.history import Step
from core.services.prices import GroupPrices

# Of a tenth of a second each; the first one takes one or two seconds more.
MOST_WAITING = 12
PATIENCE_S = 6.0

log = logging.getLogger(__name__)

Draw = Callable[..., bytes]


class TooManyPictures(Exception):
    """Whoever asks now would wait too long."""


class Pictures:
    """Safe from many threads. `draw` is bots.chart.chart."""

    def __init__(self, draw: Draw = chart, most_waiting: int = MOST_WAITING) -> None:
        self._draw = draw
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._places = BoundedSemaphore(most_waiting)

    def of(
        self, group: GroupPrices, *, name: str, several: bool, at: datetime, days: int, say: Wording
    ) -> Future[bytes]:
        """A PNG of one of a station's groups of guns; where there are `several`, it says which. Raises
        TooManyPictures."""
        if not self._places.acquire(blocking=False):
            raise TooManyPictures
        try:
            drawn = self._thread.submit(
                self._draw, group.history, name=name, currency=group.series.currency, at=at, days=days, say=say,
                guns=prices.kind(say, group) if several else "", ahead=[Step(*one) for one in group.ahead],
            )  # fmt: skip
        except BaseException:
            self._places.release()
            raise
        # Also when nobody waits for it any more and it is never drawn.
        drawn.add_done_callback(lambda _: self._places.release())
        return drawn
