"""Watches that end, with a last message; and once a month, how near the price came to a wish that was never met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.outbox import MessageClass
from core.ports import UnitOfWork
from core.prices.history import Low
from core.prices.watching import Rule, nearest_since
from core.services.notify import tell
from core.services.prices.past import Past, Steps
from core.watch import Ended, StandingWatch, StationGuns

ENDED_AT_ONCE = 100  # each asks of a history
NOTE_EVERY = timedelta(days=30)
KEPT_FOR = timedelta(days=90)  # once they have ended
ENDED, QUIET = "watch_ended", "watch_quiet"  # bots/wording/messages.py


class Ender:
    """Within one transaction. The rows it wrote are in `rows`."""

    def __init__(self, unit: UnitOfWork, at: datetime, steps: Steps) -> None:
        self.unit, self.at = unit, at
        self._past = Past(unit, steps)
        self.rows: list[int | None] = []

    def end(self, watches: Sequence[StandingWatch]) -> None:
        """Their time is over."""
        self.unit.watches.save([replace(one, ended_at=self.at, ended=Ended.EXPIRED) for one in watches])
        for one in watches:
            # Whoever was told of a gun has had what they waited for.
            if one.rule is not Rule.GUN_FREE or not one.told:
                said = {"told": one.told or None} | self._nearest(one, one.created_at)
                self._tell(one, ENDED, said, f"{ENDED}:{int(one.expires_at.timestamp())}")

    def note(self, watches: Sequence[StandingWatch]) -> None:
        """A month has passed since they were made, or since the last word."""
        later = []
        for one in watches:
            since = self.at - NOTE_EVERY
            if one.state.alerted_at is None or one.state.alerted_at < since:
                nearest = self._nearest(one, max(since, one.created_at))
                # Nothing is said of guns whose price nobody knows.
                if nearest:
                    days = (self.at - max(one.state.alerted_at or one.created_at, one.created_at)).days
                    said = {"days": days, "until_at": one.expires_at} | nearest
                    self._tell(one, QUIET, said, f"{QUIET}:{self.at.date()}")
            later.append(replace(one, note_at=self.at + NOTE_EVERY))
        self.unit.watches.save(later)

    def _nearest(self, one: StandingWatch, since: datetime) -> dict[str, object]:
        """How near the price came to a wish that was never met."""
        if one.rule is not Rule.BELOW or one.told or not isinstance(one.place, StationGuns):
            return {}
        series = next(iter(self.unit.prices.some([one.place.series_id])), None)
        if series is None or series.currency != one.currency:
            return {}
        low: Low | None = nearest_since(one.wish, self._past.of(series, self.at), since, self.at)
        # Of a wish that was met already as it was made nothing is worth saying.
        if low is None or low.price <= one.amount:
            return {}
        return {"nearest": {"price": str(low.price), "currency": one.currency}, "nearest_at": low.at}

    def _tell(self, one: StandingWatch, code: str, said: Mapping[str, object], state: str) -> None:
        row = tell(
            self.unit,
            one.user_id,
            code,
            {**_wish(one), **said, "watch_id": one.id},
            klass=MessageClass.NOTICE,
            subject=f"watch-{one.id}",
            state=state,
            at=self.at,
        )
        self.rows.append(row)


def _wish(one: StandingWatch) -> dict[str, object]:
    """Where and what for: the gaps of the sentence that belongs to the rule."""
    match one.rule:
        case Rule.BELOW:
            return {"place": one.label, "below": {"price": str(one.amount), "currency": one.currency}}
        case Rule.BELOW_USUAL:
            return {"place": one.label, "percent": one.amount}
        case Rule.LOWEST:
            return {"place": one.label, "window_days": one.amount}
    return {"guns_at": one.label}
