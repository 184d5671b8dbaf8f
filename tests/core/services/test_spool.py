"""Things put aside come back as they were, in order, and no more of them than agreed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.opening import OpeningHours, Period
from core.services.gate import Sifted
from core.services.spool import Spool, SpoolFull
from core.station import Facility, Parking, Rejected
from tests.fakes import FakeSupplier
from tests.world import HERE, NOW, SetClock

STATION = replace(
    FakeSupplier(SetClock()).builds("A", HERE),
    hours=OpeningHours(False, (Period(0, 480, 1200),), "Mo 8-20"),
    parking=Parking(True, "free for an hour"),
    facilities=frozenset({Facility.TOILET}),
    updated_at=NOW,
)


def test_what_is_put_aside_comes_back_as_it_was() -> None:
    things = [Sifted((STATION,), (Rejected("B", "bad_row", raw="{}"),), ("C",)), Sifted((), ())]
    with Spool[Sifted](1_000_000) as spool:
        for thing in things:
            spool.put(thing)
        assert list(spool) == things
        assert list(spool) == things  # as often as one likes


def test_an_empty_one_is_empty() -> None:
    with Spool[Sifted](10) as spool:
        assert list(spool) == []


def test_no_more_than_agreed() -> None:
    with Spool[Sifted](5_000) as spool:
        spool.put(Sifted((STATION,), ()))
        with pytest.raises(SpoolFull, match="more than 5000 bytes"):
            spool.put(Sifted(tuple(replace(STATION, id=str(n), name=f"Station {n}") for n in range(100)), ()))
