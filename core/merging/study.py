"""What holds for whole suppliers: whose points are written in another datum than believed, and whose numbers of
guns count something else. One station proves neither; hundreds of twins do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

import numpy as np

from core.geo import Datum, Point, in_mainland_china
from core.merging.descriptions import Description
from core.merging.vicinity import Floats, close_pairs, nearest

# A twin is clear when it is this near and the next station is this much farther.
TWIN_WITHIN_M, NEXT_FARTHER_M = 45.0, 20.0
# So many clear twins must appear when the other datum is assumed, and more than twice as many as without.
LEAST_TWINS, TWINS_MARGIN = 20, 10
MOST_LOOKED_AT = 1_000
# Two sets that describe other stations meet by chance, too: as often as when one of them is moved away by this much.
CHANCE_MOVES_M = ((600.0, 0.0), (-600.0, 0.0), (0.0, 600.0), (0.0, -600.0))
MOST_BY_CHANCE = 0.3
# Numbers of guns of two suppliers say nothing about each other when half of the twins differ by more than this.
COUNTS_DIFFER, LEAST_COUNTS = 1 / 3, 30

_DEGREE_M = 111_195.0


class Placed(Protocol):
    """Anything that a supplier has put somewhere."""

    @property
    def supplier_id(self) -> str: ...

    @property
    def lat(self) -> float: ...

    @property
    def lng(self) -> float: ...

    @property
    def datum(self) -> Datum: ...


@dataclass(frozen=True, slots=True)
class WrongDatum:
    """A supplier's points are believed to be `believed` and match its neighbours' as `really`."""

    supplier_id: str
    believed: Datum
    really: Datum
    shift_m: float  # how far its points stand from where they belong, on average
    twins: int  # clear twins found with the shift removed, among `looked_at` of its stations
    twins_as_told: int
    looked_at: int
    against: tuple[str, ...]  # the suppliers whose points it was compared with

    def put_right(self, lat: float, lng: float) -> tuple[float, float]:
        """Where a point that we hold of this supplier really is."""
        raw = Point(lat, lng).to(self.believed)
        there = Point(raw.lat, raw.lng, self.really).wgs84
        return there.lat, there.lng


@dataclass(frozen=True, slots=True)
class Lessons:
    """What to know of suppliers before their stations are compared."""

    wrong_datums: Mapping[str, WrongDatum] = field(default_factory=dict)
    counts_differ: frozenset[frozenset[str]] = frozenset()  # pairs of suppliers
    close_by_chance: frozenset[frozenset[str]] = (
        frozenset()
    )  # pairs of suppliers for which position alone says nothing

    def position(self, one: Placed) -> tuple[float, float]:
        """Where to look for twins: the point we hold, with a known shift removed."""
        wrong = self.wrong_datums.get(one.supplier_id)
        return wrong.put_right(one.lat, one.lng) if wrong and wrong.believed is one.datum else (one.lat, one.lng)

    def positions(self, descriptions: Iterable[Placed]) -> tuple[Floats, Floats]:
        placed = np.array([self.position(one) for one in descriptions], dtype=np.float64).reshape(-1, 2)
        return placed[:, 0], placed[:, 1]


def study(descriptions: Iterable[Description]) -> Lessons:
    """Compare every supplier with every other one."""
    by_supplier: dict[str, list[Description]] = defaultdict(list)
    for one in descriptions:
        by_supplier[one.supplier_id].append(one)
    lessons = Lessons(_wrong_datums(by_supplier))
    twins = _mutual_twins([one for stations in by_supplier.values() for one in stations], lessons)
    return Lessons(
        lessons.wrong_datums,
        frozenset(pair for pair, found in twins.items() if _counts_differ(found)),
        frozenset(pair for pair, found in twins.items() if _by_chance(pair, found, by_supplier, lessons)),
    )


# --- datums -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trial:
    """How many clear twins one supplier has at another, as told and with its points read in another datum."""

    as_told: int
    best: int
    really: Datum

    @property
    def doubtful(self) -> bool:
        return self.best >= max(LEAST_TWINS, 2 * self.as_told + TWINS_MARGIN)


def _wrong_datums(by_supplier: Mapping[str, Sequence[Description]]) -> dict[str, WrongDatum]:
    samples = {key: _in_china(stations) for key, stations in by_supplier.items()}
    samples = {key: sample for key, sample in samples.items() if len(sample) >= LEAST_TWINS}
    where = {key: _arrays(by_supplier[key]) for key in samples}
    trials = {(one, other): _try(samples[one], where[other]) for one in samples for other in samples if one != other}
    found: dict[str, WrongDatum] = {}
    while doubts := {pair: trial for pair, trial in trials.items() if trial.doubtful}:
        # If one is moved, the other need not be: the one that disagrees with most and agrees with fewest.
        accused = min({one for one, _ in doubts}, key=lambda key: _credibility(key, trials, samples))
        found[accused] = _verdict(accused, samples[accused], doubts)
        trials = {pair: trial for pair, trial in trials.items() if accused not in pair}
    return found


def _credibility(
    supplier_id: str, trials: Mapping[tuple[str, str], _Trial], samples: Mapping[str, Sequence[Description]]
) -> tuple[int, bool, int, str]:
    agreed = disputed = 0
    for (one, other), trial in trials.items():
        if one == supplier_id:
            # Samples differ, so the two sides of one dispute count a little differently: both get the same weight.
            back = trials[other, one]
            if trial.doubtful or back.doubtful:
                disputed += max(trial.best, back.best)
            else:
                agreed += max(trial.as_told, back.as_told)
    # Two alone cannot tell who errs. In mainland China maps are GCJ-02, so raw GPS is the likelier mistake.
    told_wgs84 = samples[supplier_id][0].datum is Datum.WGS84
    return (agreed - disputed, not told_wgs84, len(samples[supplier_id]), supplier_id)


def _verdict(supplier_id: str, sample: Sequence[Description], doubts: Mapping[tuple[str, str], _Trial]) -> WrongDatum:
    own = {other: trial for (one, other), trial in doubts.items() if one == supplier_id}
    weights: dict[Datum, int] = defaultdict(int)
    for trial in own.values():
        weights[trial.really] += trial.best
    really = max(weights, key=lambda datum: weights[datum])
    best = max((trial for trial in own.values() if trial.really is really), key=lambda trial: trial.best)
    wrong = WrongDatum(supplier_id, sample[0].datum, really, 0.0, 0, 0, 0, ())
    moved = [wrong.put_right(one.lat, one.lng) for one in sample]
    shifts = [_metres(one.lat, one.lng, *there) for one, there in zip(sample, moved, strict=True)]
    against = tuple(sorted(other for other, trial in own.items() if trial.really is really))
    return WrongDatum(
        supplier_id, sample[0].datum, really, round(float(np.mean(shifts)), 1), best.best, best.as_told, len(sample),
        against,
    )  # fmt: skip


def _try(sample: Sequence[Description], there: tuple[Floats, Floats]) -> _Trial:
    believed = sample[0].datum
    as_told = _clear_twins(*_arrays(sample), *there)
    counts = {}
    for datum in Datum:
        if datum is not believed:
            wrong = WrongDatum("", believed, datum, 0.0, 0, 0, 0, ())
            moved = np.array([wrong.put_right(one.lat, one.lng) for one in sample])
            counts[datum] = _clear_twins(moved[:, 0], moved[:, 1], *there)
    really = max(counts, key=lambda datum: counts[datum])
    return _Trial(as_told, counts[really], really)


def _clear_twins(lats: Floats, lngs: Floats, there_lats: Floats, there_lngs: Floats) -> int:
    margin = 0.01
    near = (there_lats >= lats.min() - margin) & (there_lats <= lats.max() + margin)
    near &= (there_lngs >= lngs.min() - margin) & (there_lngs <= lngs.max() + margin)
    first, second = nearest(lats, lngs, there_lats[near], there_lngs[near], TWIN_WITHIN_M + NEXT_FARTHER_M)
    return int(
        np.count_nonzero((first <= TWIN_WITHIN_M) & (second - np.minimum(first, TWIN_WITHIN_M) >= NEXT_FARTHER_M))
    )


def _in_china(stations: Sequence[Description]) -> list[Description]:
    """Some of the stations for which the datum matters, spread over the list, all of the supplier's main datum."""
    step = max(1, len(stations) // (2 * MOST_LOOKED_AT))
    ordered = sorted(stations, key=lambda one: one.id)[::step]
    inside = [one for one in ordered if in_mainland_china(one.lat, one.lng)]
    if not inside:
        return []
    datums = [one.datum for one in inside]
    main = max(sorted(set(datums)), key=datums.count)
    return [one for one in inside if one.datum is main][:MOST_LOOKED_AT]


def _arrays(stations: Sequence[Description]) -> tuple[Floats, Floats]:
    return np.array([one.lat for one in stations]), np.array([one.lng for one in stations])


def _metres(lat: float, lng: float, there_lat: float, there_lng: float) -> float:
    north, east = (there_lat - lat) * _DEGREE_M, (there_lng - lng) * _DEGREE_M * np.cos(np.radians(lat))
    return float(np.hypot(north, east))


# --- twins --------------------------------------------------------------------------------------------------

Twins = list[tuple[Description, Description]]


def _mutual_twins(every: Sequence[Description], lessons: Lessons) -> dict[frozenset[str], Twins]:
    """For each pair of suppliers the stations that are nearest to each other, within TWIN_WITHIN_M."""
    one, other, metres = close_pairs(*lessons.positions(every), TWIN_WITHIN_M)
    nearest_of: dict[tuple[int, str], tuple[float, int]] = {}
    for a, b, far_m in zip(one.tolist(), other.tolist(), metres.tolist(), strict=True):
        first, second = every[a].supplier_id, every[b].supplier_id
        if first != second:
            nearest_of[a, second] = min(nearest_of.get((a, second), (far_m, b)), (far_m, b))
            nearest_of[b, first] = min(nearest_of.get((b, first), (far_m, a)), (far_m, a))
    twins: dict[frozenset[str], Twins] = defaultdict(list)
    for (a, supplier_id), (_, b) in nearest_of.items():
        own = every[a].supplier_id
        if a < b and nearest_of[b, own][1] == a:
            twins[frozenset((own, supplier_id))].append((every[a], every[b]))
    return twins


def _counts_differ(twins: Twins) -> bool:
    """Whether close stations hardly ever agree on the number of guns: one supplier counts cabinets, or merged
    sites, or nothing at all."""
    return len(twins) >= LEAST_COUNTS and median(count_ratio(one, other) for one, other in twins) < COUNTS_DIFFER


def _by_chance(
    pair: frozenset[str], twins: Twins, by_supplier: Mapping[str, Sequence[Description]], lessons: Lessons
) -> bool:
    """Whether two suppliers' stations are not closer to each other than places of one town just are."""
    if len(twins) < LEAST_TWINS:
        return False
    small, large = sorted((by_supplier[key] for key in pair), key=len)
    step = max(1, len(small) // MOST_LOOKED_AT)
    lats, lngs = lessons.positions(small[::step])
    there = lessons.positions(large)
    found = _close(lats, lngs, *there)
    moved = []
    for north_m, east_m in CHANCE_MOVES_M:
        up, right = north_m / _DEGREE_M, east_m / (_DEGREE_M * np.maximum(np.cos(np.radians(lats)), 0.01))
        moved.append(_close(lats + up, lngs + right, *there))
    return float(np.mean(moved)) > MOST_BY_CHANCE * found


def _close(lats: Floats, lngs: Floats, there_lats: Floats, there_lngs: Floats) -> int:
    first, _ = nearest(lats, lngs, there_lats, there_lngs, TWIN_WITHIN_M)
    return int(np.count_nonzero(np.isfinite(first)))


def count_ratio(one: Description, other: Description) -> float:
    return min(one.guns, other.guns) / max(one.guns, other.guns, 1)
