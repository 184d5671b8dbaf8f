"""Which pairs of descriptions mean one place: by ids, else by a score of everything both tell, else not at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise

from core.merging.descriptions import Description, likeness, same_operator, without_shared_gun_ids
from core.merging.study import Lessons, count_ratio
from core.merging.vicinity import close_pairs

MATCH_WITHIN_M = 250.0
THRESHOLD = 0.25
# With names or addresses that agree a twin may stand 100 m and more away; without any words only position speaks.
SCALE_WITH_WORDS_M, SCALE_ALONE_M = 100.0, 45.0
# How near the second best may come before we refuse to choose. Position alone must be much surer.
SECOND_WITH_WORDS, SECOND_ALONE = 0.9, 0.6
OPERATOR_UNKNOWN, COUNTS_UNKNOWN = 0.8, 0.8
# Numbers of guns that contradict each other: less than a third of the other's, and not just 1 against 3.
CONTRADICTING_RATIO, CONTRADICTING_GUNS = 1 / 3, 4
# Of the guns of the smaller description, so many must carry the other's ids.
LEAST_SHARED_GUNS = 0.5

Splits = Collection[frozenset[str]]


class Method(StrEnum):
    SAME_ID = "same_id"  # of the station
    SAME_GUNS = "same_guns"  # EVSE or connector ids
    LIKENESS = "likeness"  # distance, name, address, operator and guns together
    POSITION = "position"  # no words to compare: alone in the vicinity on both sides


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two stations were taken for one place. Likeness is None where there was nothing to compare."""

    one: str
    other: str
    method: Method
    score: float
    distance_m: float
    name: float | None = None
    address: float | None = None
    same_operator: bool | None = None
    guns: tuple[int, int] = (0, 0)
    counts_compared: bool = True
    id: str = ""  # the id they share
    shifted: tuple[str, ...] = ()  # suppliers whose wrong datum was put right for this comparison

    @property
    def by_id(self) -> bool:
        return self.method in (Method.SAME_ID, Method.SAME_GUNS)


def matches(descriptions: Sequence[Description], lessons: Lessons, splits: Splits = ()) -> list[Evidence]:
    """All accepted pairs, the surest first. Pairs in `splits` are never proposed."""
    known = without_shared_gun_ids(descriptions)
    by_id = _same_ids(known, lessons, splits)
    settled = _settled(by_id, known)
    scored = _scored(known, lessons, splits, settled)
    return sorted([*by_id, *scored], key=lambda found: (not found.by_id, -found.score, found.one, found.other))


# --- by id --------------------------------------------------------------------------------------------------


def _same_ids(known: Sequence[Description], lessons: Lessons, splits: Splits) -> list[Evidence]:
    by_global: dict[str, list[Description]] = defaultdict(list)
    by_gun: dict[str, list[Description]] = defaultdict(list)
    for one in known:
        if one.global_key:
            by_global[one.global_key].append(one)
        for key in one.gun_keys:
            by_gun[key].append(one)
    found: dict[tuple[str, str], Evidence] = {}
    for key, group in by_global.items():
        # Neighbours in the order of ids are enough to hold a group together, unless a person has split some.
        split = any(frozenset(pair) in splits for pair in combinations([one.id for one in group[:50]], 2))
        ordered = sorted(group, key=lambda one: one.id)
        for one, other in combinations(ordered, 2) if split else pairwise(ordered):
            if frozenset((one.id, other.id)) not in splits:
                found[one.id, other.id] = _by_id(one, other, Method.SAME_ID, key, lessons)
    for key, group in by_gun.items():
        for one, other in combinations(sorted(group, key=lambda one: one.id), 2):
            pair = (one.id, other.id)
            if pair in found or one.supplier_id == other.supplier_id or frozenset(pair) in splits:
                continue
            shared = len(one.gun_keys & other.gun_keys)
            if shared >= LEAST_SHARED_GUNS * min(len(one.gun_keys), len(other.gun_keys)):
                found[pair] = _by_id(one, other, Method.SAME_GUNS, key, lessons)
    return list(found.values())


def _by_id(one: Description, other: Description, method: Method, key: str, lessons: Lessons) -> Evidence:
    return Evidence(
        one.id,
        other.id,
        method,
        1.0,
        round(_far_m(one, other, lessons), 1),
        name=_rounded(likeness(one.name, other.name)),
        address=_rounded(likeness(one.address, other.address)),
        same_operator=same_operator(one, other),
        guns=(one.guns, other.guns),
        id=key,
        shifted=_shifted(one, other, lessons),
    )


def _settled(by_id: Iterable[Evidence], known: Sequence[Description]) -> set[tuple[str, str]]:
    """(station, supplier) pairs for which an id has said which station of the supplier it is."""
    supplier = {one.id: one.supplier_id for one in known}
    return {
        pair for found in by_id for pair in ((found.one, supplier[found.other]), (found.other, supplier[found.one]))
    }


# --- by score -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Choice:
    """What one station could be at one other supplier."""

    best: Evidence
    second: float = 0.0

    def offer(self, found: Evidence) -> None:
        if (found.score, self.best.distance_m) > (self.best.score, found.distance_m):
            self.best, self.second = found, self.best.score
        else:
            self.second = max(self.second, found.score)

    @property
    def is_clear(self) -> bool:
        most = SECOND_ALONE if self.best.method is Method.POSITION else SECOND_WITH_WORDS
        return self.second <= most * self.best.score


def _scored(
    known: Sequence[Description], lessons: Lessons, splits: Splits, settled: set[tuple[str, str]]
) -> list[Evidence]:
    """Mutual best pairs, each clear of the second best on both sides."""
    one, other, metres = close_pairs(*lessons.positions(known), MATCH_WITHIN_M)
    choices: dict[tuple[str, str], _Choice] = {}
    for a, b, far_m in zip(one.tolist(), other.tolist(), metres.tolist(), strict=True):
        first, second = known[a], known[b]
        if first.supplier_id == second.supplier_id:
            continue
        if (first.id, second.supplier_id) in settled or (second.id, first.supplier_id) in settled:
            continue
        found = compare(first, second, far_m, lessons)
        if found is None or frozenset((first.id, second.id)) in splits:
            continue
        for key in ((first.id, second.supplier_id), (second.id, first.supplier_id)):
            if key in choices:
                choices[key].offer(found)
            else:
                choices[key] = _Choice(found)
    supplier = {one.id: one.supplier_id for one in known}
    return [choice.best for key, choice in choices.items() if _is_mutual(key, choice, choices, supplier)]


def _is_mutual(
    key: tuple[str, str], choice: _Choice, choices: Mapping[tuple[str, str], _Choice], supplier: Mapping[str, str]
) -> bool:
    found = choice.best
    if key[0] != found.one:  # each pair is told once, from its first station
        return False
    back = choices[found.other, supplier[found.one]]
    return found.score >= THRESHOLD and back.best is found and choice.is_clear and back.is_clear


def compare(one: Description, other: Description, far_m: float, lessons: Lessons) -> Evidence | None:
    """The score of two descriptions of different suppliers; None when something speaks against it."""
    if far_m > MATCH_WITHIN_M or (one.plugs and other.plugs and not one.plugs & other.plugs):
        return None
    ratio = count_ratio(one, other)
    suppliers = frozenset((one.supplier_id, other.supplier_id))
    compared = suppliers not in lessons.counts_differ
    if compared and ratio < CONTRADICTING_RATIO and abs(one.guns - other.guns) >= CONTRADICTING_GUNS:
        return None
    operator = same_operator(one, other)
    if operator is False:
        return None
    name, address = likeness(one.name, other.name), likeness(one.address, other.address)
    words = _words(name, address)
    if words is None and suppliers in lessons.close_by_chance:
        return None
    scale_m = SCALE_ALONE_M if words is None else SCALE_WITH_WORDS_M
    score = math.exp(-((far_m / scale_m) ** 2) / 2)
    score *= 1.0 if words is None else words
    # Without words an unknown operator costs nothing: such sets name none, and only comparison counts there.
    score *= 1.0 if operator or words is None else OPERATOR_UNKNOWN
    score *= 0.3 + 0.7 * ratio if compared else COUNTS_UNKNOWN
    if score < THRESHOLD * SECOND_ALONE:  # neither good enough nor a rival
        return None
    return Evidence(
        min(one.id, other.id),
        max(one.id, other.id),
        Method.POSITION if words is None else Method.LIKENESS,
        round(score, 4),
        round(far_m, 1),
        name=_rounded(name),
        address=_rounded(address),
        same_operator=operator,
        guns=(one.guns, other.guns) if one.id < other.id else (other.guns, one.guns),
        counts_compared=compared,
        shifted=_shifted(one, other, lessons),
    )


def _words(name: float | None, address: float | None) -> float | None:
    """What the words say together: the better one counts more, since sources cut and abbreviate."""
    told = [value for value in (name, address) if value is not None]
    if not told:
        return None
    return 0.7 * max(told) + 0.3 * min(told)


def _far_m(one: Description, other: Description, lessons: Lessons) -> float:
    (lat, lng), (there_lat, there_lng) = lessons.position(one), lessons.position(other)
    half = math.sin(math.radians(there_lat - lat) / 2) ** 2
    half += (
        math.cos(math.radians(lat))
        * math.cos(math.radians(there_lat))
        * (math.sin(math.radians(there_lng - lng) / 2) ** 2)
    )
    return 2 * 6_371_009.0 * math.asin(math.sqrt(min(half, 1.0)))


def _shifted(one: Description, other: Description, lessons: Lessons) -> tuple[str, ...]:
    return tuple(sorted({one.supplier_id, other.supplier_id} & lessons.wrong_datums.keys()))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
