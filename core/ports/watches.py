"""What is kept of watches, of the alerts they made, and of the leave to speak that WeChat's users gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.geo import Point
from core.prices.watching import Rule
from core.station import Plug
from core.watch import NewAlert, StandingWatch, StoredAlert


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A live watch as it is matched."""

    id: int
    rule: Rule
    series_id: int  # 0 for an area or a way
    level: int
    again_level: int | None


@dataclass(frozen=True, slots=True)
class CircleRow:
    """A live watch on an area as it is matched."""

    id: int
    rule: Rule
    lat: float
    lng: float
    radius_m: int
    plugs: int  # bits
    min_power_kw: Decimal | None
    operator_id: str
    level: int
    again_level: int | None


@dataclass(frozen=True, slots=True)
class StationSpot:
    """Of a station what matters to areas and ways."""

    station_id: str
    point: Point
    operator_id: str


@dataclass(frozen=True, slots=True)
class GunsNow:
    """The guns of one kind at a station by what was last told, and how many of them nobody has told about lately."""

    free: int
    known: int
    guns: int


@dataclass(frozen=True, slots=True)
class JoinedRow:
    """A row of alerts that waits, with more in it now: as urgent as the most urgent, worth saying as long as any of
    them. `not_before` is given where it is not to wait any longer than until then."""

    id: int
    rank: int
    expires_at: datetime
    not_before: datetime | None = None


class WatchRepository(Protocol):
    def add(self, watch: StandingWatch) -> StandingWatch:
        """Stored, with its number."""
        ...

    def get(self, watch_id: int) -> StandingWatch | None:
        """Locked when the unit writes."""
        ...

    def some(self, watch_ids: Iterable[int]) -> list[StandingWatch]:
        """Those of these that there are, by number. Locked, in that order, when the unit writes."""
        ...

    def of_people(self, user_ids: Sequence[str], *, ended: bool = False) -> list[StandingWatch]:
        """Newest first; with `ended` those that have ended too."""
        ...

    def save(self, watches: Sequence[StandingWatch]) -> None:
        """What may change of a watch. Raises LookupError for one that is not there."""
        ...

    def save_spoken(self, watches: Sequence[StandingWatch]) -> None:
        """Of watches that are there what speaking, or keeping silent for a while, changes."""
        ...

    # --- for matching -----------------------------------------------------------------------------------------

    def levels(self, at: datetime) -> Iterator[Sequence[LevelRow]]:
        """All live watches on stations with a price rule, some thousand at a time."""
        ...

    def circles(self, at: datetime) -> Iterator[Sequence[CircleRow]]:
        """All live watches on areas, some thousand at a time."""
        ...

    def ways(self, at: datetime) -> Iterator[Sequence[StandingWatch]]:
        """All live watches on ways, some thousand at a time."""
        ...

    def changed(self, since: datetime, after: int | None = None) -> list[LevelRow]:
        """Live ones with a price rule that were made or got other levels at or after this moment, and all with a
        number after that one."""
        ...

    def spots(self, station_ids: Iterable[str]) -> dict[str, StationSpot]:
        """Of those that everybody is shown."""
        ...

    def stations_within(self, centre: Point, radius_m: float, limit: int) -> list[str]:
        """Public stations in the square around the circle, in no order."""
        ...

    # --- what time does -----------------------------------------------------------------------------------------

    def due(self, at: datetime, limit: int) -> list[StandingWatch]:
        """Live ones whose `look_at` has come. Locked when the unit writes."""
        ...

    def expired(self, at: datetime, limit: int) -> list[StandingWatch]:
        """Not ended, and their time is over. Locked when the unit writes."""
        ...

    def notes_due(self, at: datetime, limit: int) -> list[StandingWatch]:
        """Live ones whose `note_at` has come. Locked when the unit writes."""
        ...

    def usual_series(self, changed_since: datetime) -> list[int]:
        """Series that a live watch on a station holds against the usual, and whose tariff changed since then."""
        ...

    def of_series(self, series_ids: Iterable[int], rule: Rule) -> list[StandingWatch]:
        """Live watches on these guns with this rule. Locked when the unit writes."""
        ...

    def guns_turned(self, at: datetime, told_since: datetime, limit: int) -> list[tuple[StandingWatch, GunsNow]]:
        """Live watches for a free gun that have to be looked at: armed and there is one, or not and there is none."""
        ...

    def guns_now(self, station_id: str, plug: Plug, power_kw: Decimal | None, told_since: datetime) -> GunsNow: ...

    def purge(self, before: datetime) -> int:
        """Forget watches that ended before, with their alerts. Returns how many."""
        ...


class AlertRepository(Protocol):
    def written(self) -> int:
        """How many there have been so far, about."""
        ...

    def add(self, alerts: Sequence[NewAlert]) -> list[StoredAlert]:
        """Those that were not there yet, by (watch, version)."""
        ...

    def put_in(self, pairs: Sequence[tuple[int, int]]) -> None:
        """(alert, row of the outbox) for each: it is told by this row."""
        ...

    def join(self, rows: Sequence[JoinedRow]) -> None:
        """Alerts have joined these rows."""
        ...

    def of_row(self, outbox_id: int) -> list[StoredAlert]:
        """By worth, the most first."""
        ...

    def of_watch(self, watch_id: int, limit: int) -> list[StoredAlert]:
        """Newest first."""
        ...

    def untold(self, user_ids: Sequence[str], since: datetime) -> list[StoredAlert]:
        """Those nobody could be told of: no row, or one that ended without being sent. By worth, the most first."""
        ...

    def told(self, alert_ids: Sequence[int], at: datetime) -> None: ...

    def waiting_rows(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """By person, the row of alerts that waits to be sent; it cannot be claimed until the transaction ends."""
        ...

    def rows_since(self, user_ids: Sequence[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        """By person, when each of their rows of alerts was written, those that were dropped left out."""
        ...


class LeaveRepository(Protocol):
    """One-time leaves of WeChat: each lets us send one subscription notice, at any time. The platform does not tell
    how many are left, so this is our own count."""

    def count(self, openid: str, template: str) -> int: ...

    def given(self, openid: str, template: str, at: datetime) -> int:
        """One more; how many there are now."""
        ...

    def spent(self, openid: str, template: str, at: datetime) -> None: ...

    def withdrawn(self, openid: str, template: str, at: datetime) -> None:
        """There is none, whatever we had counted."""
        ...
