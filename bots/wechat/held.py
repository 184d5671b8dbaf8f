"""Alerts that nobody could be told of, shown with the next answer: what is still true of them, in few words.

The answer is what the driver waits for: it is never late, and never lost, for what stands beside it.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bots import alerts
from bots.wechat.account import Visitor
from bots.wechat.render import TEXT_MAX_BYTES, plain
from core.services import Services
from core.services.alerts.telling import AlertsNow

SHOWN = 3
LINE_MAX = 70
PATIENCE_S = 0.8
THREADS = 2

log = logging.getLogger(__name__)


class Held:
    def __init__(self, services: Services, *, patience_s: float = PATIENCE_S) -> None:
        self.telling, self._patience_s = services.telling, patience_s
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wechat-held")

    def beside(self, visitor: Visitor, answer: str) -> str:
        """The answer, with what was held before it as far as there is room."""
        if visitor.user.stopped:
            return answer
        looking = self._pool.submit(self.telling.held, visitor.user.id)
        try:
            now = looking.result(self._patience_s)
            return answer if now is None else self._together(visitor, now, answer)
        except TimeoutError:
            looking.cancel()
            log.warning("what was held took too long to look at")
        except Exception:
            log.exception("what was held could not be shown")
        return answer

    def _together(self, visitor: Visitor, now: AlertsNow, answer: str) -> str:
        for shown in range(min(SHOWN, len(now.alerts)), 0, -1):
            text = f"{_held(visitor, now, shown)}\n\n{answer}"
            if len(text.encode()) <= TEXT_MAX_BYTES:
                self.telling.told(replace(now, alerts=now.alerts[:shown]))
                return text
        # A long list leaves no room: at least that there is something.
        short = visitor.say.plural("🔔 {n} alert waits: “watches”", "🔔 {n} alerts wait: “watches”", len(now.alerts))
        text = f"{short}\n{answer}"
        return text if len(text.encode()) <= TEXT_MAX_BYTES else answer


def _held(visitor: Visitor, now: AlertsNow, shown: int) -> str:
    say, told = visitor.say, alerts.words(visitor.say, now, shown)
    lines = [say("🔔 True now, and we could not write to you:")]
    for one in told.blocks:
        reply = say("→ “show {n}”", n=one.alert.watch.id)
        lines.append(f"· {plain(one.head, LINE_MAX)} {reply}")
    if more := len(now.alerts) - shown:
        lines.append(say("and {n} more: reply “watches”.", n=more))
    return "\n".join(lines)
