"""From alerts to messages: one row of the outbox for each driver and batch, the most valuable ones first.

What comes while a message still waits goes along with it. A driver who cannot be spoken to gets no row: the alerts
wait until they write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.outbox import MessageClass, NewRow
from core.ports import JoinedRow, Reach, UnitOfWork
from core.prices.watching import Rule
from core.services.notify import ALERT, quiet_until, ways, zone_of
from core.services.prices.past import Steps
from core.watch import BEYOND_THE_CAP, DIGEST_AT, MOST_ALERTS_A_DAY, NewAlert, StoredAlert

# A price that nobody knows the end of is news for so long; a free gun is for less.
NEWS_FOR, GUN_NEWS_FOR = timedelta(hours=12), timedelta(minutes=10)
_LEAST = timedelta(minutes=15)
# What had to wait for the morning is tried for so long then. Whether it is still true is asked as it leaves.
_WAITED_FOR = timedelta(hours=3)
_WORTH_IT = int(BEYOND_THE_CAP * 1000)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Written:
    """A row that can go out at once. The lowest rank first."""

    rank: int
    row_id: int


class Ends:
    """How long what an alert says will be true, by what is known now."""

    def __init__(self, unit: UnitOfWork, at: datetime, steps: Steps) -> None:
        self.unit, self.at, self.steps = unit, at, steps
        self._ends: dict[str, datetime] = {}

    def of(self, alert: NewAlert) -> datetime:
        if alert.rule is Rule.GUN_FREE:
            return self.at + GUN_NEWS_FOR
        return self._ends.get(alert.tariff_id, self.at + NEWS_FOR)

    def read(self, alerts: Sequence[NewAlert]) -> None:
        ids = {one.tariff_id for one in alerts if one.tariff_id}
        for tariff_id, tariff in self.unit.catalogue.tariffs(ids - self._ends.keys()).items():
            steps = iter(self.steps.between(tariff, self.at, self.at + NEWS_FOR))
            price = next(steps)[1]
            dearer = (moment for moment, later in steps if price is None or later is None or later > price)
            end = next(dearer, self.at + NEWS_FOR)
            self._ends[tariff_id] = max(end, self.at + _LEAST)


def write(unit: UnitOfWork, new: Sequence[NewAlert], at: datetime, ends: Ends) -> list[Written]:
    """Store the alerts with their rows. Those that were there are left as they are."""
    stored = unit.alerts.add(new)
    if not stored:
        return []
    reaches = unit.chats.reaches({one.alert.user_id for one in stored})
    there = {one.user_id: one for one in reaches.values()}
    by_way = {name: way for name, one in there.items() if (way := _way(one, at)) is not None}
    people = {name: there[name] for name in by_way}
    by_person: dict[str, list[StoredAlert]] = defaultdict(list)
    for one in sorted(stored, key=lambda one: (-one.alert.worth, one.id)):
        reach = reaches.get(one.alert.user_id)
        if reach is not None and reach.user_id in people:
            by_person[reach.user_id].append(one)
    ends.read([one.alert for alerts in by_person.values() for one in alerts])
    waiting = unit.alerts.waiting_rows(list(people))
    said = _said_today(unit, [one for name, one in people.items() if name not in waiting], at)
    rows: dict[str, NewRow] = {}
    joined: list[JoinedRow] = []
    put: list[tuple[int, int]] = []
    for name, alerts in by_person.items():
        worth, until = alerts[0].alert.worth, max(ends.of(one.alert) for one in alerts)
        if name in waiting:
            hurry = at if worth >= _WORTH_IT and quiet_until(people[name], at) is None else None
            joined.append(JoinedRow(waiting[name], _rank(worth), until, hurry))
            put += [(one.id, waiting[name]) for one in alerts]
        else:
            full = said.get(name, 0) >= MOST_ALERTS_A_DAY
            rows[name] = _row(people[name], by_way[name], alerts, at, until, full=full)
    numbers = unit.outbox.add_all(list(rows.values()), at)
    unit.alerts.join(joined)
    for name, row in rows.items():
        put += [(one.id, numbers[row.dedupe_key]) for one in by_person[name]]
    unit.alerts.put_in(put)
    return [Written(row.rank, numbers[row.dedupe_key]) for row in rows.values() if row.not_before is None]


def _way(reach: Reach, at: datetime) -> tuple[str, str] | None:
    """Where an alert may be said to this person now."""
    return None if reach.stopped else next(iter(ways(reach, at, MessageClass.ALERT)), None)


def _row(
    reach: Reach, way: tuple[str, str], alerts: Sequence[StoredAlert], at: datetime, until: datetime, *, full: bool
) -> NewRow:
    first, worth = alerts[0], alerts[0].alert.worth
    held = [quiet_until(reach, at), _digest_at(reach, at) if full and worth < _WORTH_IT else None]
    not_before = max((one for one in held if one is not None), default=None)
    return NewRow(
        dedupe_key=f"{MessageClass.ALERT}:{first.id}:due",
        klass=MessageClass.ALERT,
        kind=ALERT,
        subject=str(first.id),
        channel=way[0],
        address=way[1],
        user_id=reach.user_id,
        not_before=not_before,
        expires_at=until if not_before is None else max(until, not_before + _WAITED_FOR),
        rank=_rank(worth),
    )


def _rank(worth: int) -> int:
    return 1 + 999 - worth


def _said_today(unit: UnitOfWork, people: Sequence[Reach], at: datetime) -> Mapping[str, int]:
    """How many messages of alerts each of them got since midnight, on their own clock."""
    since = unit.alerts.rows_since([one.user_id for one in people], at - _A_DAY) if people else {}
    found = {}
    for one in people:
        midnight = at.astimezone(ZoneInfo(zone_of(one))).replace(hour=0, minute=0, second=0, microsecond=0)
        found[one.user_id] = sum(moment >= midnight for moment in since.get(one.user_id, ()))
    return found


def _digest_at(reach: Reach, at: datetime) -> datetime:
    """When what was too much is told: next morning, on their own clock."""
    local = at.astimezone(ZoneInfo(zone_of(reach)))
    morning = datetime.combine(local.date(), DIGEST_AT, local.tzinfo)
    if morning <= local:
        morning = datetime.combine(local.date() + _A_DAY, DIGEST_AT, local.tzinfo)
    return morning.astimezone(at.tzinfo)
