"""Watches as drivers set them: where one looks, whose it is and how long it lives; and the alerts it has made.

What a watch wishes and when it speaks is `core.prices.watching`. A watch is on the guns of one kind at a station, on
an area, or along a way at certain hours.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.errors import UserError
from core.geo import Point, distance_m
from core.prices.areas import LEAST_RADIUS_M, MOST_RADIUS_M
from core.prices.matching import VALUE_BITS, units
from core.prices.watching import LIVES_FOR, WINDOWS_DAYS, Rule, Watch, WatchState
from core.station import Plug

MOST_WATCHES = 30  # of one person, at a time
MOST_GUN_WATCHES = 5
MOST_ALERTS_A_DAY = 6  # messages; the next ones come as one in the morning
# A price this far below the usual one is told beyond the cap.
BEYOND_THE_CAP = Decimal("0.30")
DIGEST_AT = time(9)  # on the person's own clock
SNOOZED_FOR = timedelta(days=1)
# How near to the straight line a way's stations lie, and how long its legs may be.
LEAST_WIDTH_M, MOST_WIDTH_M = 200, 5_000
MOST_WAY_POINTS, LONGEST_WAY_M = 20, 100_000
_WORDS_MAX = 80
ANY_PRICE = (1 << VALUE_BITS) - 1  # a level that every falling price reaches: `judge` decides


KEPT_TO_PLACES = 3  # of a degree: about a hundred metres


class Where(StrEnum):
    STATION = "station"
    AREA = "area"
    WAY = "way"


class Ended(StrEnum):
    STOPPED = "stopped"  # by the person
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Needs:
    """What the car needs. Empty asks nothing."""

    plugs: frozenset[Plug] = frozenset()
    min_power_kw: Decimal | None = None
    operator_id: str = ""

    def fits(self, plug: Plug, power_kw: Decimal | None, operator_id: str) -> bool:
        if self.plugs and plug not in self.plugs:
            return False
        if self.min_power_kw is not None and (power_kw or Decimal(0)) < self.min_power_kw:
            return False
        return not self.operator_id or self.operator_id == operator_id


@dataclass(frozen=True, slots=True)
class StationGuns:
    """The guns of one kind at a station: those that share a price series."""

    station_id: str
    series_id: int
    plug: Plug
    power_kw: Decimal | None


@dataclass(frozen=True, slots=True)
class Area:
    """A circle. Raises UserError("bad_area") for one that is too small or too large."""

    centre: Point  # WGS-84
    radius_m: int
    needs: Needs = field(default_factory=Needs)

    def __post_init__(self) -> None:
        if not LEAST_RADIUS_M <= self.radius_m <= MOST_RADIUS_M:
            raise UserError("bad_area", least=LEAST_RADIUS_M, most=MOST_RADIUS_M)

    def holds(self, point: Point) -> bool:
        return distance_m(self.centre, point) <= self.radius_m


@dataclass(frozen=True, slots=True)
class Way:
    """A way that is driven on some weekdays (0 is Monday) between two hours, on the clock of `time_zone`.

    Stations count within `width_m` of the straight legs between its points. Raises UserError("bad_way").
    """

    points: tuple[Point, ...]  # WGS-84
    width_m: int
    days: frozenset[int]
    starts: time
    ends: time
    time_zone: str
    needs: Needs = field(default_factory=Needs)

    def __post_init__(self) -> None:
        legs = list(zip(self.points, self.points[1:], strict=False))
        length_m = sum(distance_m(one, other) for one, other in legs)
        if (
            not 2 <= len(self.points) <= MOST_WAY_POINTS
            or not LEAST_WIDTH_M <= self.width_m <= MOST_WIDTH_M
            or length_m > LONGEST_WAY_M
            # Across the date line: legs are straight lines of degrees here, and would go round the Earth.
            or any(abs(other.lng - one.lng) > 180 for one, other in legs)
            or not self.days
            or not self.days <= frozenset(range(7))
            or self.starts >= self.ends
        ):
            raise UserError("bad_way", width_least=LEAST_WIDTH_M, width_most=MOST_WIDTH_M)

    def driven(self, at: datetime) -> bool:
        """Whether it is driven at this moment."""
        local = at.astimezone(ZoneInfo(self.time_zone))
        return local.weekday() in self.days and self.starts <= local.time() < self.ends

    def next_drive(self, at: datetime) -> datetime:
        """When it is driven next, now if it is."""
        if self.driven(at):
            return at
        zone = ZoneInfo(self.time_zone)
        local = at.astimezone(zone)
        for ahead in range(8):
            day = local.date() + timedelta(days=ahead)
            begins = datetime.combine(day, self.starts, zone)
            if day.weekday() in self.days and begins > local:
                return begins.astimezone(at.tzinfo)
        raise AssertionError("a way has days")

    def holds(self, point: Point) -> bool:
        return any(
            _off_leg_m(one, other, point) <= self.width_m
            for one, other in zip(self.points, self.points[1:], strict=False)
        )


def _off_leg_m(one: Point, other: Point, point: Point) -> float:
    """How far a point is from the leg: its foot is found on the plane, the distance to it is the true one."""
    lat, lng = point.lat, point.lng
    north, east = other.lat - one.lat, other.lng - one.lng
    shrink = math.cos(math.radians((one.lat + other.lat) / 2))
    length_2 = north**2 + (east * shrink) ** 2
    along = 0.0 if not length_2 else ((lat - one.lat) * north + (lng - one.lng) * east * shrink**2) / length_2
    along = min(max(along, 0.0), 1.0)
    return distance_m(Point(one.lat + along * north, one.lng + along * east), point)


Place = StationGuns | Area | Way


def about(point: Point) -> Point:
    """As near as a person's places are kept."""
    here = point.wgs84
    return Point(round(here.lat, KEPT_TO_PLACES), round(here.lng, KEPT_TO_PLACES))


@dataclass(frozen=True, slots=True)
class StandingWatch:
    """One watch of one person.

    `label` is how the place was called when it was made; `origin` is about where the driver was then, for distances.
    `state.said` is the value of the last alert, `said_series` the guns it was about.
    """

    id: int  # 0 before it is stored
    user_id: str
    place: Place
    rule: Rule
    amount: Decimal
    currency: str
    label: str
    created_at: datetime
    expires_at: datetime
    cooldown: timedelta
    origin: Point | None = None
    state: WatchState = field(default_factory=WatchState)
    said_series: int | None = None
    level: int = ANY_PRICE  # as matched: `core.prices.matching.units`
    again_level: int | None = None  # what beats the last alert, until the price has recovered
    look_at: datetime | None = None  # when time alone may make it speak
    muted_until: datetime | None = None
    told: int = 0  # alerts so far
    note_at: datetime | None = None  # when to say how near the price came
    ended_at: datetime | None = None
    ended: Ended | None = None
    changed_at: datetime | None = None  # what matters to matching

    def __post_init__(self) -> None:
        if len(self.label) > _WORDS_MAX:
            object.__setattr__(self, "label", self.label[: _WORDS_MAX - 1] + "…")

    @property
    def wish(self) -> Watch:
        return Watch(
            str(self.id), self.rule, self.created_at, self.expires_at, self.amount, self.currency, self.cooldown
        )

    @property
    def where(self) -> Where:
        match self.place:
            case StationGuns():
                return Where.STATION
            case Area():
                return Where.AREA
        return Where.WAY

    def live(self, at: datetime) -> bool:
        """Whether it is watched: also while it is muted."""
        return self.ended_at is None and at < self.expires_at

    def muted(self, at: datetime) -> bool:
        return self.muted_until is not None and at < self.muted_until


def first_level(rule: Rule, amount: Decimal) -> int:
    """The level at which a new watch is matched, in the measure of its rule."""
    match rule:
        case Rule.BELOW:
            return units(amount)
        case Rule.BELOW_USUAL:
            return units(1 - amount / 100)
        case Rule.LOWEST:
            return low_of_days(int(amount))
    return ANY_PRICE


def low_of_days(days: int) -> int:
    """How low a price is that is the lowest of so many days: the lower, the more days."""
    return units(Decimal(WINDOWS_DAYS[-1] - days))


_BEATS = Decimal("0.98")


def after_alert(
    watch: StandingWatch, state: WatchState, series_id: int, look_at: datetime | None, changed_at: datetime | None
) -> StandingWatch:
    """It has spoken: what is at least 2 % better is found again before the price has recovered."""
    again = None if state.said is None or watch.rule is Rule.GUN_FREE else units(state.said * _BEATS)
    return replace(
        watch,
        state=state,
        said_series=series_id,
        again_level=again,
        told=watch.told + 1,
        look_at=look_at,
        changed_at=changed_at,
    )


def renewed(watch: StandingWatch, at: datetime) -> StandingWatch:
    """Live again for as long as a new one. What came true meanwhile is looked at: no tick will tell of it."""
    return replace(
        watch, ended_at=None, ended=None, expires_at=at + LIVES_FOR, muted_until=None, look_at=at, changed_at=at
    )


@dataclass(frozen=True, slots=True)
class NewAlert:
    """A watch has come true. Unique by (watch, version).

    `worth` is the share saved against what is usual or was before, per mille: the most valuable is sent first.
    `also` counts further stations of the same moment within the area or along the way.
    """

    watch_id: int
    user_id: str
    series_id: int
    station_id: str
    version: str
    rule: Rule
    at: datetime
    price: Decimal | None
    before: Decimal | None
    value: Decimal
    threshold: Decimal
    currency: str
    tariff_id: str
    worth: int = 0
    also: int = 0


@dataclass(frozen=True, slots=True)
class StoredAlert:
    id: int
    alert: NewAlert
    outbox_id: int | None
    told_at: datetime | None


def version_key(series_id: int, tariff_id: str, since: datetime) -> str:
    """Names what an alert is about: these guns, this tariff, and the moment from which it has cost this much."""
    return f"{series_id}:{tariff_id[:16]}:{int(since.timestamp())}"


def operator_number(operator_id: str) -> int:
    """An operator as 31 bits, for matching; 0 is nobody. Two may share a number: whoever matches looks again."""
    if not operator_id:
        return 0
    return int.from_bytes(hashlib.blake2b(operator_id.encode(), digest_size=4).digest()) & 0x7FFFFFFF or 1


_PLUG_BITS = {plug: 1 << number for number, plug in enumerate(sorted(Plug))}


def plug_bits(plugs: frozenset[Plug]) -> int:
    return sum(_PLUG_BITS[plug] for plug in plugs)


def plugs_of(bits: int) -> frozenset[Plug]:
    return frozenset(plug for plug, bit in _PLUG_BITS.items() if bits & bit)
