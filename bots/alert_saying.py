"""The outbox's handler for alerts: what is still true of them is said in one message, and only once.

The row carries nothing: its alerts are looked at when they are said. Killed in the middle of it, the row's class
(alert: one too few is better than one too many) decides what becomes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bots.saying import Sender, reached
from bots.wording import Wording, wording
from core.outbox import Fate, OutboxRow, Result
from core.ports import Clock, Database
from core.services.alerts.telling import AlertsNow, TellingService
from core.services.notify import ways
from core.services.outbox import Handler

log = logging.getLogger(__name__)


@runtime_checkable
class SaysAlerts(Protocol):
    """A channel in which alerts can be said. Never raises: what came of it is the result."""

    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result: ...


@dataclass(frozen=True, slots=True)
class _Ready:
    """What there is to say, and who says it."""

    sender: SaysAlerts
    say: Wording
    now: AlertsNow


class AlertSaying:
    """Handles rows of kind "alert". Of `senders`, by channel of the outbox, those that say alerts are asked."""

    def __init__(
        self, database: Database, clock: Clock, telling: TellingService, senders: Mapping[str, Sender | SaysAlerts]
    ) -> None:
        self.database, self.clock, self.telling, self.senders = database, clock, telling, senders

    def __call__(self, row: OutboxRow) -> Result:
        return self.prepare(row)(row)

    def prepare(self, row: OutboxRow) -> Handler:
        """core.services.outbox.Prepares."""
        ids, ready = self.telling.ids_of_row(row.id), self._ready(row)

        def send(claimed: OutboxRow) -> Result:
            same = (claimed.channel, claimed.address) == (row.channel, row.address)
            # Until it was claimed, others may have joined it.
            still = ready if same and self.telling.ids_of_row(row.id) == ids else self._ready(claimed)
            return still if isinstance(still, Result) else self._send(claimed, still)

        return send

    def _ready(self, row: OutboxRow) -> _Ready | Result:
        """Nothing leaves us here."""
        reach = reached(self.database, self.clock, row)
        if isinstance(reach, Result):
            return reach
        if (row.channel, row.address) not in ways(reach, self.clock.now(), row.klass):
            # Other messages have taken the room since, or the window has closed.
            return Result(Fate.ELSEWHERE, error="there is no room for an alert any more")
        sender = self.senders.get(row.channel)
        if not isinstance(sender, SaysAlerts):
            return Result(Fate.ELSEWHERE, error=f"no alert is said through {row.channel}")
        now = self.telling.of_row(row.id, row.user_id)
        if now is None:
            return Result(Fate.POINTLESS, error="no longer true")
        return _Ready(sender, wording(reach.language), now)

    def _send(self, row: OutboxRow, ready: _Ready) -> Result:
        result = ready.sender.send_alerts(row, ready.say, ready.now)
        if result.fate is Fate.SENT:
            self._told(row, ready.now)
        return result

    def _told(self, row: OutboxRow, now: AlertsNow) -> None:
        """It was said, whatever comes: a database that is away for a moment must not put that in doubt."""
        try:
            self.telling.told(now)
        except Exception:
            log.exception("alerts could not be marked as told", extra={"outbox_id": row.id})
