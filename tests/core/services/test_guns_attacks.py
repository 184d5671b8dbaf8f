"""What somebody who means harm does at the product's door: late answers, positions that lie, a disk to be filled."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import Conflict, NotFound
from core.geo import Point
from core.guncode import gun_payload
from core.scan import ScanSource, ScanState
from core.services.guns import PHOTOS_AT_MOST, GunService
from core.shield import DriverPosition
from core.station import Station
from core.user import Channel, Identity
from tests.world import World, make_world

NEAR, FARTHER, FAR = Point(22.5411, 114.0580), Point(22.5480, 114.0580), Point(22.9000, 114.0580)
TYPED = ScanSource.TYPED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture
def station(world: World) -> Station:
    return world.station("Lotus Road", 22.5410, 114.0580, price="1.20", free=4)


@pytest.fixture
def lin(world: World) -> str:
    return person(world, "1")


@pytest.fixture
def guns(world: World) -> GunService:
    return world.services.guns


def person(world: World, name: str) -> str:
    return world.services.accounts.greet(Identity(Channel.TELEGRAM, name), "en").user.id


def code(station: Station) -> str:
    return gun_payload(station.connectors[0].ref)


def test_no_answer_is_taken_after_a_quarter_of_an_hour(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    asked = guns.identify(lin, code(station), TYPED)
    world.services.whereabouts.here(lin, FARTHER)
    where = guns.identify(lin, code(station), TYPED)
    world.services.whereabouts.here(lin, NEAR)
    passed = guns.identify(lin, code(station), TYPED)
    world.station("Pile B", 22.5411, 114.0581, price="1.20", free=2, guns=2)
    which = guns.identify(lin, "01", TYPED)
    states = [one.scan.state for one in (asked, where, passed, which)]
    assert states == [ScanState.ASK_LAST_FOUR, ScanState.ASK_STATION, ScanState.PASSED, ScanState.WHICH_GUN]
    world.clock.advance(minutes=15, seconds=1)
    for answer in (
        lambda: guns.last_four(lin, asked.scan.id, "oad0"),
        lambda: guns.at_station(lin, where.scan.id),
        lambda: guns.offer(lin, passed.scan.id, Decimal(20)),
        lambda: guns.choose(lin, which.scan.id, 0),
    ):
        with pytest.raises(Conflict, match="scan_too_old"):
            answer()
    assert guns.waiting_for_last_four(lin) is None


@pytest.mark.parametrize(
    ("point", "ahead"),
    [
        (Point(NEAR.lat, NEAR.lng, accuracy_m=math.nan), timedelta()),
        (Point(NEAR.lat, NEAR.lng, accuracy_m=math.inf), timedelta()),
        (Point(NEAR.lat, NEAR.lng, accuracy_m=-1.0), timedelta()),
        (Point(NEAR.lat, NEAR.lng, accuracy_m=2_001.0), timedelta()),
        (Point(FAR.lat, FAR.lng, accuracy_m=50_000.0), timedelta()),
        (NEAR, timedelta(minutes=2)),
        (NEAR, -timedelta(minutes=11)),
    ],
)
def test_a_position_that_says_nothing_passes_nobody(
    world: World, guns: GunService, station: Station, lin: str, point: Point, ahead: timedelta
) -> None:
    position = DriverPosition(point, world.clock.now() + ahead)
    assert guns.identify(lin, code(station), TYPED, position=position).scan.state is ScanState.ASK_LAST_FOUR


def test_a_position_cannot_be_changed_between_the_question_and_the_answer(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    world.services.whereabouts.here(lin, FAR)
    refused = guns.identify(lin, code(station), TYPED)
    world.services.whereabouts.here(lin, NEAR)
    with pytest.raises(Conflict, match="scan_answered"):
        guns.at_station(lin, refused.scan.id)
    with pytest.raises(Conflict, match="scan_answered"):
        guns.last_four(lin, refused.scan.id, "oad0")
    world.station("Pile B", 22.5411, 114.0581, price="1.20", free=2, guns=2)
    which = guns.identify(lin, "01", TYPED)
    world.services.whereabouts.here(lin, FAR)
    assert guns.choose(lin, which.scan.id, 0).scan.state is ScanState.REFUSED


def test_the_text_of_a_strangers_scan_is_nobody_elses(
    guns: GunService, world: World, station: Station, lin: str
) -> None:
    told = guns.identify(lin, code(station), TYPED)
    chen = person(world, "3")
    assert guns.waiting_for_last_four(chen) is None
    with pytest.raises(NotFound, match="no_such_scan"):
        guns.last_four(chen, told.scan.id, "oad0")
    # Scanning it again is a scan of one's own, with questions and tries of its own.
    own = guns.identify(chen, told.scan.text, TYPED)
    assert (own.scan.state, own.scan.user_id) == (ScanState.ASK_LAST_FOUR, chen)
    assert guns.scan(lin, told.scan.id).scan == told.scan


def test_nobody_fills_the_disk_with_photos(world: World, guns: GunService, lin: str) -> None:
    def report() -> bool:
        scan = guns.identify(lin, "https://news.example/", TYPED).scan
        guns.report(lin, scan.id, "look", b"\xff\xd8 a photo")
        world.clock.advance(minutes=16)
        with world.services.database.read() as unit:
            return unit.scans.photo(scan.id) is not None

    assert [report() for _ in range(PHOTOS_AT_MOST + 2)] == [True] * PHOTOS_AT_MOST + [False] * 2
    world.clock.advance(days=1)
    assert report()
