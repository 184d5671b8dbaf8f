"""Taps and guesses that arrive together, from threads, on both engines: the scan's limits hold all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from core.errors import KilowatchError
from core.geo import Point
from core.guncode import gun_payload
from core.scan import LAST_FOUR_TRIES, ScanSource, ScanState
from core.services.guns import TRIES_AT_MOST
from core.user import Channel, Identity
from tests.world import World, make_world

Answer = TypeVar("Answer")
AT_ONCE, ROUNDS = 8, 6


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    world = make_world(tmp_path, database_url=database_url)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture
def lin(world: World) -> str:
    return world.services.accounts.greet(Identity(Channel.TELEGRAM, "1"), "en").user.id


def together(*acts: Callable[[], Answer]) -> list[Answer | KilowatchError]:
    """What each came to; all begin at the same moment."""
    ready = Barrier(len(acts))

    def run(act: Callable[[], Answer]) -> Answer | KilowatchError:
        ready.wait(timeout=30)
        try:
            return act()
        except KilowatchError as problem:
            return problem

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def code(answer: object) -> str:
    return str(getattr(answer, "code", ""))


def test_guesses_that_arrive_together_are_counted_one_by_one(world: World, lin: str) -> None:
    station = world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=4)
    guns = world.services.guns
    scan = guns.identify(lin, gun_payload(station.connectors[0].ref), ScanSource.TYPED).scan
    assert scan.state is ScanState.ASK_LAST_FOUR
    answers = [
        answer
        for turn in range(ROUNDS)
        for answer in together(*(partial(guns.last_four, lin, scan.id, f"{n:04d}") for n in range(AT_ONCE)))
    ]
    looked_at = [code(answer) for answer in answers if code(answer) in {"wrong_last_four", "scan_wrong_number"}]
    assert sorted(looked_at) == ["scan_wrong_number", *["wrong_last_four"] * (LAST_FOUR_TRIES - 1)]
    assert guns.scan(lin, scan.id).scan.state is ScanState.REFUSED
    assert guns.scan(lin, scan.id).scan.tries == LAST_FOUR_TRIES


def test_guesses_at_several_scans_together_stay_within_the_hour(world: World, lin: str) -> None:
    station = world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=8, guns=8)
    guns = world.services.guns
    scans = [guns.identify(lin, gun_payload(gun.ref), ScanSource.TYPED).scan for gun in station.connectors]
    answers = [
        answer
        for turn in range(LAST_FOUR_TRIES)
        for answer in together(*(partial(guns.last_four, lin, one.id, "9999") for one in scans))
    ]
    tried = [code(answer) for answer in answers if code(answer) in {"wrong_last_four", "scan_wrong_number"}]
    assert len(tried) == TRIES_AT_MOST
    assert {code(answer) for answer in answers} == {"wrong_last_four", "too_many_scans"}


def test_of_two_choices_that_arrive_together_one_counts_and_both_are_told_which(world: World, lin: str) -> None:
    for turn in range(ROUNDS):
        for name in ("A", "B"):
            world.station(f"Pile {name}{turn}", 22.5410 + turn, 114.0580, price="1.20", free=2, guns=2)
        world.clock.advance(days=1)  # from one city to the next
        world.services.whereabouts.here(lin, Point(22.5410 + turn, 114.0580))
        guns = world.services.guns
        scan = guns.identify(lin, "01", ScanSource.TYPED).scan
        assert scan.state is ScanState.WHICH_GUN
        told = together(*(partial(guns.choose, lin, scan.id, number) for number in (0, 1)))
        kept = guns.scan(lin, scan.id)
        assert kept.gun is not None
        for one in told:
            if isinstance(one, KilowatchError):
                assert code(one) == "scan_answered"
            else:
                assert one.scan == kept.scan
                assert one.gun is not None
                assert one.gun.connector.ref == kept.gun.connector.ref == kept.scan.ref
                assert one.gun.station.id == kept.scan.station_id


def test_yes_said_many_times_at_once_is_one_yes(world: World, lin: str) -> None:
    station = world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=4)
    world.services.whereabouts.here(lin, Point(22.5480, 114.0580))
    guns = world.services.guns
    scan = guns.identify(lin, gun_payload(station.connectors[0].ref), ScanSource.CAMERA).scan
    assert scan.state is ScanState.ASK_STATION
    told = together(*[partial(guns.at_station, lin, scan.id)] * AT_ONCE)
    assert {one.scan.state for one in told if not isinstance(one, KilowatchError)} == {ScanState.PASSED}
    assert not [one for one in told if isinstance(one, KilowatchError)]


def test_a_report_is_not_lost_behind_an_answer(world: World, lin: str) -> None:
    station = world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=4)
    world.services.whereabouts.here(lin, Point(22.5480, 114.0580))
    guns = world.services.guns
    for _ in range(ROUNDS):
        scan = guns.identify(lin, gun_payload(station.connectors[0].ref), ScanSource.CAMERA).scan
        together(partial(guns.report, lin, scan.id, "broken"), *[partial(guns.at_station, lin, scan.id)] * 3)
        kept = guns.scan(lin, scan.id).scan
        assert (kept.state, kept.report) == (ScanState.PASSED, "broken")
        assert kept.reported_at is not None
