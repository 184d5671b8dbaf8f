"""What is learnt from how visits ended: enough to avoid a bad gun, too little to be fooled by one failure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ranking import CostPart, Offer, offer, rank
from core.reliability import NOTHING_LEARNT, WITHOUT_KNOWLEDGE, Reliability, learnt
from core.scan import Outcomes
from core.station import Station
from core.wishes import Sort, Wishes
from tests.core.test_ranking import NOW, gun, station

GUN = gun(0).ref
FEW = st.integers(0, 60)
SEEN = st.lists(st.tuples(st.sampled_from("ab"), FEW, FEW, FEW), max_size=8)


def outcomes(*seen: tuple[str, int, int, int]) -> list[Outcomes]:
    """(supplier, started, failed, complaints) of the guns 0, 1, 2…"""
    return [
        Outcomes(who, who, gun(n).ref, started, failed, bad) for n, (who, started, failed, bad) in enumerate(seen)
    ]


def chance(*seen: tuple[str, int, int, int]) -> float:
    """Of the first gun of supplier "a"."""
    return learnt(outcomes(*seen)).failure_chance("a", [GUN])


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((), 0.05),
        ((("b", 0, 60, 0),), 0.05),  # another supplier's guns
        ((("a", 0, 1, 0),), 0.206),
        ((("a", 1, 5, 0),), 0.493),
        ((("a", 200, 0, 0),), 0.00024),
        ((("a", 5, 0, 5),), 0.538),
        ((("a", 0, 0, 0), ("a", 60, 40, 0)), 0.3),  # a gun that nobody has tried, of a supplier that often fails
    ],
)
def test_by_hand(seen: tuple[tuple[str, int, int, int], ...], expected: float) -> None:
    assert chance(*seen) == pytest.approx(expected, rel=0.02)


@given(SEEN)
def test_it_is_a_chance(seen: list[tuple[str, int, int, int]]) -> None:
    known = learnt(outcomes(*seen))
    for supplier_id in "abc":
        for n in range(9):
            assert 0 < known.failure_chance(supplier_id, [gun(n).ref]) < 1


@given(SEEN, st.integers(0, 7), st.sampled_from(["failed", "complaints", "instead"]))
def test_more_failures_never_lower_it(seen: list[tuple[str, int, int, int]], which: int, how: str) -> None:
    """A failure more, a complaint more, or a visit that went wrong instead of well; at this gun or at any other."""
    before = outcomes(*seen)
    if which >= len(before):
        return
    one = before[which]
    worse = {
        "failed": replace(one, failed=one.failed + 1),
        "complaints": replace(one, complaints=one.complaints + 1),
        "instead": replace(one, started=max(one.started - 1, 0), failed=one.failed + min(one.started, 1)),
    }[how]
    after = [*before[:which], worse, *before[which + 1 :]]
    for supplier_id in "ab":
        for n in range(8):
            was, now = (learnt(each).failure_chance(supplier_id, [gun(n).ref]) for each in (before, after))
            assert now >= was - 1e-12


# --- in the ranking -------------------------------------------------------------------------------------------


def found(place: Station, km: float, known: Reliability) -> Offer:
    one = offer(place, km * 1000, Wishes(), {}, NOW, reliability=known)
    assert one is not None
    return one


def first(near: Station, far: Station, km: float, known: Reliability) -> str:
    return rank([found(near, 1.0, known), found(far, km, known)], Sort.RECOMMENDED)[0].station.id


def named(name: str) -> Station:
    return replace(station(name, gun(name)), supplier_id="a")


def tried(place: Station, started: int, failed: int) -> Reliability:
    return learnt([Outcomes("a", place.id, place.connectors[0].ref, started, failed, 0)])


def test_a_gun_that_fails_again_and_again_falls_behind_an_equal_one() -> None:
    bad, good = named("bad"), named("good")
    assert first(bad, good, 1.2, NOTHING_LEARNT) == "bad"
    assert first(bad, good, 1.2, tried(bad, started=1, failed=5)) == "good"


def test_one_failure_does_not_ruin_a_station() -> None:
    unlucky, other = named("unlucky"), named("other")
    once = tried(unlucky, started=0, failed=1)
    assert first(unlucky, other, 3.0, once) == "unlucky"
    risk = found(unlucky, 1.0, once).costs[CostPart.RISK] - found(unlucky, 1.0, NOTHING_LEARNT).costs[CostPart.RISK]
    assert 0 < risk < 2  # yuan


def test_without_a_visit_it_is_the_constant() -> None:
    assert Reliability().failure_chance("a", [GUN]) == learnt([]).failure_chance("a", []) == WITHOUT_KNOWLEDGE
