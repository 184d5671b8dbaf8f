"""What can be true of a station and of a price: the rules at the gate for suppliers that talk to us by themselves.

Each rule answers with the reason and the numbers it rests on, or None. Nothing here looks anything up.
docs/operations.md says what a person does with what is refused.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.geo import Point, distance_m
from core.station import Rejected, Station
from core.tariff import Dimension, PriceComponent, Tariff, TariffElement

# One address for so many stations is the head office.
MOST_AT_ONE_SPOT = 20
# A station does not walk; 200 m is the other side of a large car park.
LONGEST_MOVE_M = 200.0
# A move that is said again this much later is believed.
MOVE_BELIEVED_AFTER = timedelta(hours=1)
# With fewer stations or prices there is no crowd to stand out of.
SMALLEST_CROWD = 20
_NULL_ISLAND_DEG = 0.01
_AREA_MARGIN_DEG = 1.0
_TIMES_MEDIAN = 10
# Yuan for fen is a factor of 100; taxes and real changes beside it leave it within these bounds.
_JUMP = 50
# No element is looked for longer than this: weekdays repeat.
_A_WEEK = timedelta(days=7)
_RAW_MAX = 4_000

# Rows refused for these reasons say that the station is not there. All others are there, and not understood.
SAYS_GONE = frozenset({"planned", "removed", "no_connectors", "not_for_cars", "licence"})

# Refusals of a price or a state: the row they come with is taken, so they are no reason to doubt a list.
ABOUT_VALUES = frozenset(
    {
        "implausible_price",
        "tariff_gap",
        "tariff_overlap",
        "unsupported_tariff",
        "bad_tariff",
        "not_a_tariff",
        "no_policy",
        "bad_status",
    }
)

Spot = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why something is not believed. `reason` is a code of docs/glossary.md."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Area:
    """Degrees, around most of a supplier's stations."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        return self.south <= point.lat <= self.north and self.west <= point.lng <= self.east


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a supplier as a whole, to hold single words against."""

    area: Area | None = None
    crowded: frozenset[Spot] = frozenset()
    medians: Mapping[str, Decimal] = field(default_factory=dict)  # price per kWh by currency


def spot_of(point: Point) -> Spot:
    """A point to about a decimetre."""
    return round(point.lat, 6), round(point.lng, 6)


def area_of(spots: list[Spot]) -> Area | None:
    """Around the middle 96 %, a degree wider; None for too few. The few outside may be the wrong ones."""
    if len(spots) < SMALLEST_CROWD:
        return None
    lats, lngs = sorted(spot[0] for spot in spots), sorted(spot[1] for spot in spots)
    first, last = len(spots) // 50, len(spots) - 1 - len(spots) // 50
    margin = _AREA_MARGIN_DEG
    return Area(lats[first] - margin, lngs[first] - margin, lats[last] + margin, lngs[last] + margin)


def medians_of(prices: Iterable[tuple[Tariff, int]]) -> dict[str, Decimal]:
    """The middle price per kWh of all guns, by currency; `prices` come with the number of guns that have them."""
    by_currency: dict[str, list[Decimal]] = {}
    for tariff, guns in prices:
        if top := highest_price(tariff):
            by_currency.setdefault(tariff.currency, []).extend([top] * guns)
    return {one: statistics.median(all_) for one, all_ in by_currency.items() if len(all_) >= SMALLEST_CROWD}


def highest_price(tariff: Tariff) -> Decimal | None:
    """The highest price per kWh it has at any time; None when energy has no price."""
    return max((one.price for one in _energy(tariff.elements)), default=None)


# --- places -------------------------------------------------------------------------------------------------


def doubt_place(point: Point, known: Known) -> Doubt | None:
    """0,0; latitude and longitude exchanged; the head office."""
    here = f"{point.lat:.6f}, {point.lng:.6f}"
    if abs(point.lat) < _NULL_ISLAND_DEG and abs(point.lng) < _NULL_ISLAND_DEG:
        return Doubt("bad_coordinates", here)
    mirror = point.swapped
    if known.area and mirror and not known.area.holds(point) and known.area.holds(mirror):
        return Doubt("swapped_coordinates", f"{here}; exchanged it lies among the supplier's other stations")
    if spot_of(point) in known.crowded:
        return Doubt("crowded_point", f"{here} is said of more than {MOST_AT_ONE_SPOT} stations")
    return None


def doubt_move(held: Point, told: Point) -> Doubt | None:
    """A station that was somewhere else until now. The detail names both ends, to know a repetition by."""
    if spot_of(held) == spot_of(told) or (far_m := distance_m(held, told)) <= LONGEST_MOVE_M:
        return None
    ends = " → ".join(f"{one.lat:.6f}, {one.lng:.6f}" for one in (held, told))
    return Doubt("moved", f"{far_m:.0f} m, {ends}")


# --- prices -------------------------------------------------------------------------------------------------


def doubt_price(tariff: Tariff, held: Tariff | None, known: Known, at: datetime) -> Doubt | None:
    """Shape first, then size: against what this gun had until now, then against the supplier's others."""
    return _doubt_shape(tariff, at) or _doubt_jump(tariff, held) or _doubt_size(tariff, known)


def _doubt_shape(tariff: Tariff, at: datetime) -> Doubt | None:
    """Every moment of a week has a price, no two clock times fight, and nothing is free for a part of the day."""
    moment, end, zone = at, at + _A_WEEK, ZoneInfo(tariff.time_zone)
    elements = [one for one in tariff.elements if one.restrictions.reservation is None]
    while moment < end:
        local = moment.astimezone(zone)
        matching = [one for one in elements if one.restrictions.match(local)]
        if not matching:
            return Doubt("tariff_gap", f"no price at {local:%A %H:%M}")
        by_clock = [_prices(one) for one in matching if _is_by_clock(one)]
        if any(one != by_clock[0] for one in by_clock[1:]):
            return Doubt("tariff_overlap", f"two prices at {local:%A %H:%M}")
        boundary = tariff.next_boundary(moment)
        if boundary is None:
            break
        moment = boundary
    by_clock_only = [one for one in elements if _is_by_clock(one)]
    if any(one.price for one in _energy(by_clock_only)) and any(_is_free(one) for one in by_clock_only):
        return Doubt("implausible_price", "0 for a part of the day only; free is declared for all of it")
    return None


def _doubt_jump(tariff: Tariff, held: Tariff | None) -> Doubt | None:
    """Fen for yuan, cents for euros."""
    new, old = highest_price(tariff), highest_price(held) if held else None
    if new is None or not old or held is None or held.currency != tariff.currency:
        return None
    if new > old * _JUMP or new * _JUMP < old:
        return Doubt("implausible_price", f"{new:.6g} {tariff.currency} per kWh after {old:.6g}")
    return None


def _doubt_size(tariff: Tariff, known: Known) -> Doubt | None:
    new, median = highest_price(tariff), known.medians.get(tariff.currency)
    if new is None or median is None or new <= median * _TIMES_MEDIAN:
        return None
    return Doubt(
        "implausible_price", f"{new:.6g} {tariff.currency} per kWh; half of the supplier's guns cost ≤ {median:.6g}"
    )


def _is_by_clock(element: TariffElement) -> bool:
    """Whether only the time of day switches it."""
    rules = element.restrictions
    clock_only = type(rules)(start=rules.start, end=rules.end)
    return (rules.start is not None or rules.end is not None) and rules == clock_only


def _prices(element: TariffElement) -> dict[Dimension, Decimal]:
    return {one.dimension: one.price for one in element.components}


def _is_free(element: TariffElement) -> bool:
    prices = _prices(element)
    return Dimension.ENERGY in prices and not any(prices.values())


def _energy(elements: Iterable[TariffElement]) -> Iterable[PriceComponent]:
    return (one for element in elements for one in element.components if one.dimension is Dimension.ENERGY)


# --- for quarantine -----------------------------------------------------------------------------------------


def rejected_station(station: Station, doubt: Doubt) -> Rejected:
    raw = json.dumps(asdict(station), default=str, ensure_ascii=False)[:_RAW_MAX]
    return Rejected(station.external_id, doubt.reason, doubt.detail, raw)


def rejected_price(external_id: str, tariff: Tariff, doubt: Doubt) -> Rejected:
    return Rejected(
        external_id, doubt.reason, doubt.detail, json.dumps(tariff.to_json(), ensure_ascii=False)[:_RAW_MAX]
    )
