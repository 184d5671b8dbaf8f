"""From a code to an offer, over a real database: the scan is kept, its questions are answered once, tries run out."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import Conflict, NotAllowed, NotFound, TooMany, UserError
from core.geo import Point
from core.guncode import gun_payload, write_hlht
from core.ports import CaseKind
from core.scan import LAST_FOUR_TRIES, ScanSource, ScanState
from core.services.cases import Decision, Wish
from core.services.guns import REFUSED_AT_MOST, REPORTS_AT_MOST, GunService
from core.station import Station
from core.user import Channel, Identity
from tests.bots.driving import Driving, yuan
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


def person(world: World, name: str) -> str:
    return world.services.accounts.greet(Identity(Channel.TELEGRAM, name), "en").user.id


def code(station: Station, number: int = 0) -> str:
    return gun_payload(station.connectors[number].ref)


@pytest.fixture
def guns(world: World) -> GunService:
    return world.services.guns


def test_beside_the_gun_a_good_code_passes(world: World, guns: GunService, station: Station, lin: str) -> None:
    world.services.whereabouts.here(lin, NEAR)
    told = guns.identify(lin, code(station), ScanSource.PHOTO)
    assert told.scan.state is ScanState.PASSED
    assert told.gun is not None
    assert told.gun.connector.ref == station.connectors[0].ref
    assert told.problem is None
    assert guns.scan(lin, told.scan.id).scan == told.scan


def test_a_position_is_good_for_ten_minutes(world: World, guns: GunService, station: Station, lin: str) -> None:
    world.services.whereabouts.here(lin, NEAR)
    world.clock.advance(minutes=10, seconds=1)
    assert guns.identify(lin, code(station), TYPED).scan.state is ScanState.ASK_LAST_FOUR


def test_down_the_road_the_driver_says_the_station(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    world.services.whereabouts.here(lin, FARTHER)
    told = guns.identify(lin, code(station), ScanSource.CAMERA)
    assert told.scan.state is ScanState.ASK_STATION
    with pytest.raises(Conflict, match="scan_open"):
        guns.offer(lin, told.scan.id, Decimal(20))
    again = guns.scan(lin, told.scan.id)
    assert again.problem is not None
    assert again.problem.params == {"station": "Lotus Road"}
    for _ in range(2):  # a tap that comes twice
        assert guns.at_station(lin, told.scan.id).scan.state is ScanState.PASSED


def test_forty_kilometres_away_it_is_refused_for_good(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    world.services.whereabouts.here(lin, FAR)
    told = guns.identify(lin, code(station), TYPED)
    assert told.scan.state is ScanState.REFUSED
    assert isinstance(told.problem, NotAllowed)
    assert told.problem.code == "scan_too_far"
    for answer in (lambda: guns.at_station(lin, told.scan.id), lambda: guns.last_four(lin, told.scan.id, "1234")):
        with pytest.raises(Conflict, match="scan_answered"):
            answer()
    assert guns.scan(lin, told.scan.id).problem is not None


def test_without_a_position_the_last_four_characters_are_asked_three_times(
    guns: GunService, station: Station, lin: str
) -> None:
    told = guns.identify(lin, code(station), TYPED)
    assert told.scan.state is ScanState.ASK_LAST_FOUR
    assert guns.waiting_for_last_four(lin) == told.scan
    for left in (2, 1):
        with pytest.raises(UserError) as wrong:
            guns.last_four(lin, told.scan.id, "9999")
        assert wrong.value.params == {"left": left}
    with pytest.raises(Conflict, match="scan_wrong_number"):
        guns.last_four(lin, told.scan.id, "9999")
    with pytest.raises(Conflict, match="scan_answered"):
        guns.last_four(lin, told.scan.id, "oad0")  # right, and too late
    assert guns.waiting_for_last_four(lin) is None

    second = guns.identify(lin, code(station), TYPED)
    for _ in range(2):
        assert guns.last_four(lin, second.scan.id, " oad-0 ").scan.state is ScanState.PASSED


def test_a_gun_with_a_short_number_is_asked_for_the_position_alone(world: World, guns: GunService, lin: str) -> None:
    driving = Driving(world)
    ref = driving.supplier.builds("P7", world.here, guns=1).connectors[0].ref
    world.load(driving.supplier)
    told = guns.identify(lin, write_hlht(ref), TYPED)
    for problem in (told.problem, guns.scan(lin, told.scan.id).problem):
        assert problem is not None
        assert (told.scan.state, problem.code) == (ScanState.ASK_LAST_FOUR, "scan_ask_position")
    for _ in range(LAST_FOUR_TRIES + 1):  # no try is counted
        with pytest.raises(Conflict, match="scan_ask_position"):
            guns.last_four(lin, told.scan.id, "00P7")
    assert guns.waiting_for_last_four(lin) == told.scan


def test_a_code_of_several_guns_asks_which(world: World, guns: GunService, lin: str) -> None:
    first = world.station("Pile", 22.5410, 114.0580, price="1.20", free=2, guns=2)
    world.services.whereabouts.here(lin, NEAR)
    told = guns.identify(lin, "01", TYPED)
    assert told.scan.state is ScanState.PASSED or told.scan.state is ScanState.ASK_STATION  # one label, one gun here
    world.station("Pile B", 22.5411, 114.0581, price="1.20", free=2, guns=2)
    told = guns.identify(lin, "01", TYPED)
    assert told.scan.state is ScanState.WHICH_GUN
    assert [number for number, _ in told.choices] == [0, 1]
    mine = next(number for number, one in told.choices if one.station.id == first.id)
    chosen = guns.choose(lin, told.scan.id, mine)
    assert chosen.gun is not None
    assert chosen.gun.station.id == first.id
    assert guns.choose(lin, told.scan.id, mine).scan == chosen.scan
    with pytest.raises(Conflict, match="scan_answered"):
        guns.choose(lin, told.scan.id, 1 - mine)
    with pytest.raises(NotFound):
        guns.choose(lin, told.scan.id, 7)


def test_who_keeps_trying_has_to_wait(guns: GunService, lin: str) -> None:
    for _ in range(REFUSED_AT_MOST):
        assert guns.identify(lin, "https://pay.example/x", TYPED).scan.state is ScanState.REFUSED
    with pytest.raises(TooMany, match="too_many_scans"):
        guns.identify(lin, "https://pay.example/x", TYPED)


def test_an_accepted_scan_in_another_city_a_minute_ago_refuses(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    beijing = world.station("Beijing", 39.9, 116.4, price="1.0", free=1)
    world.services.whereabouts.here(lin, beijing.point)
    assert guns.identify(lin, code(beijing), TYPED).scan.state is ScanState.PASSED
    world.clock.advance(minutes=1)
    world.services.whereabouts.here(lin, NEAR)
    told = guns.identify(lin, code(station), TYPED)
    assert told.scan.state is ScanState.REFUSED
    assert "two_cities" in told.scan.reasons


def test_nobody_else_has_a_scan(world: World, guns: GunService, station: Station, lin: str) -> None:
    wei = person(world, "2")
    told = guns.identify(lin, code(station), TYPED)
    for touch in (
        lambda: guns.scan(wei, told.scan.id),
        lambda: guns.at_station(wei, told.scan.id),
        lambda: guns.last_four(wei, told.scan.id, "oad0"),
        lambda: guns.choose(wei, told.scan.id, 0),
        lambda: guns.offer(wei, told.scan.id, Decimal(20)),
        lambda: guns.report(wei, told.scan.id),
    ):
        with pytest.raises(NotFound, match="no_such_scan"):
            touch()


def test_a_report_keeps_the_evidence_and_opens_one_case(
    world: World, guns: GunService, station: Station, lin: str
) -> None:
    told = guns.identify(lin, "https://teld.cn.pay.example/?id=1", ScanSource.PHOTO, photo_ref="telegram:abc")
    first = guns.report(lin, told.scan.id, "pasted over", b"\xff\xd8 a photo")
    assert guns.report(lin, told.scan.id).id == first.id
    with world.services.database.read() as unit:
        kept = unit.scans.get(told.scan.id)
        assert kept is not None
        assert kept.report == "pasted over"
        assert kept.reported_at == world.clock.now()
        assert unit.scans.photo(told.scan.id) == b"\xff\xd8 a photo"
        assert [one.subject for one in unit.cases.listed(kind=CaseKind.STICKER)] == [told.scan.id]
    with world.services.database.write() as unit:
        world.clock.advance(days=400)
        assert unit.scans.purge(world.clock.now()) == 0  # evidence stays


def test_nobody_buries_the_cases_about_money_under_reports(world: World, guns: GunService, lin: str) -> None:
    for number in range(REPORTS_AT_MOST + 1):
        world.clock.advance(minutes=5)
        told = guns.identify(lin, f"https://teld.cn.pay.example/?id={number}", ScanSource.TYPED)
        if number < REPORTS_AT_MOST:
            guns.report(lin, told.scan.id)
    with pytest.raises(TooMany, match="too_many_scans"):
        guns.report(lin, told.scan.id)
    assert len(world.services.cases.listed(kind=CaseKind.STICKER)) == REPORTS_AT_MOST
    world.clock.advance(days=1)
    case = guns.report(lin, told.scan.id)
    world.services.cases.decide(case.id, Wish(Decision.NOTED, "Wei", "taken off"))
    assert guns.report(lin, told.scan.id).id == case.id


def test_the_offer_is_for_the_gun_of_the_scan(world: World, lin: str) -> None:
    driving = Driving(world)
    guns = world.services.guns
    world.services.whereabouts.here(lin, world.here)
    told = guns.identify(lin, gun_payload(driving.guns[1]), ScanSource.LIST)
    assert told.scan.state is ScanState.PASSED
    offer = guns.offer(lin, told.scan.id, Decimal(20))
    assert offer.quote.ref == driving.guns[1]
    assert offer.missing == offer.quote.hold
    driving.tops_up(lin, "500")
    offer = guns.offer(lin, told.scan.id, Decimal(20))
    assert offer.missing is None
    assert offer.available == yuan(500)
    with world.services.database.read() as unit:
        kept = unit.scans.get(told.scan.id)
    assert kept is not None
    assert kept.quote_id == offer.quote.id
    world.clock.advance(minutes=16)
    with pytest.raises(Conflict, match="scan_too_old"):
        guns.offer(lin, told.scan.id, Decimal(20))


@pytest.mark.parametrize("text", ["\x00\x00", "hlht://1\x00.2/", "\ud800 broken", "", "x" * 5000])
def test_whatever_a_decoder_reads_is_kept_and_refused(guns: GunService, lin: str, text: str) -> None:
    told = guns.identify(lin, text, ScanSource.PHOTO)
    assert told.scan.state is ScanState.REFUSED
    assert guns.scan(lin, told.scan.id).scan == told.scan
