"""Was it as promised? Asked once, answered by the driver alone, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Conflict, NotFound
from core.ports import CaseKind
from core.scan import Opinion, Promised
from core.services.aftermath import ASKED_WITHIN, AftermathService
from core.session import ChargingSession
from core.user import Channel
from tests.bots.driving import Driving
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture
def lin(driving: Driving) -> str:
    lin = driving.user_id(Channel.TELEGRAM, "1")
    driving.tops_up(lin, 100)
    return lin


@pytest.fixture
def after(world: World) -> AftermathService:
    return world.services.aftermath


def opinion(world: World, session: ChargingSession) -> Opinion | None:
    with world.services.database.read() as unit:
        return unit.opinions.get(session.id)


def test_it_is_asked_when_it_is_settled_and_until_it_is_answered(
    world: World, driving: Driving, lin: str, after: AftermathService
) -> None:
    session = driving.begins(lin)
    assert not after.asked(session)
    with pytest.raises(Conflict, match="charge_goes_on"):
        after.answer(lin, session.id, Promised.YES)
    session = driving.ends(session)
    assert after.asked(session)
    assert after.answer(lin, session.id, Promised.YES) == opinion(world, session)
    assert not after.asked(session)


def test_nobody_is_asked_for_ever(world: World, driving: Driving, lin: str, after: AftermathService) -> None:
    session = driving.ends(driving.begins(lin))
    world.clock.time += ASKED_WITHIN
    assert after.asked(session)
    world.clock.time += timedelta(seconds=1)
    assert not after.asked(session)
    assert after.answer(lin, session.id, Promised.OTHER).promised is Promised.OTHER


def test_a_failed_start_is_not_asked_about(driving: Driving, lin: str, after: AftermathService) -> None:
    driving.supplier.refuses_starts = "gun_fault"
    session = driving.begins(lin)
    assert not after.asked(session)
    assert after.answer(lin, session.id, Promised.BLOCKED).promised is Promised.BLOCKED


def test_strangers_are_not_heard(world: World, driving: Driving, lin: str, after: AftermathService) -> None:
    session = driving.ends(driving.begins(lin))
    chen = driving.user_id(Channel.TELEGRAM, "2")
    for who, which in ((chen, session.id), (lin, "none")):
        with pytest.raises(NotFound, match="no_such_session"):
            after.answer(who, which, Promised.PRICE)
    assert opinion(world, session) is None
    assert world.services.cases.listed() == []


def test_the_last_word_counts_and_a_wrong_price_is_one_case(
    world: World, driving: Driving, lin: str, after: AftermathService
) -> None:
    session = driving.ends(driving.begins(lin))
    for promised in (Promised.BROKEN, Promised.PRICE, Promised.PRICE):
        after.answer(lin, session.id, promised, words="2.00 on the sign")
    kept = opinion(world, session)
    assert kept is not None
    assert kept.promised is Promised.PRICE
    [case] = world.services.cases.listed()
    assert (case.kind, case.session_id, case.user_id) == (CaseKind.DISPUTE, session.id, lin)
    assert case.detail == (
        "the driver says the price was not as promised: quoted 30.00 CNY, paid 14.96 CNY. 2.00 on the sign"
    )


@pytest.mark.parametrize(("promised", "complaints"), [(Promised.BROKEN, 1), (Promised.BLOCKED, 1), (Promised.YES, 0)])
def test_broken_and_blocked_count_against_the_gun(
    world: World, driving: Driving, lin: str, after: AftermathService, promised: Promised, complaints: int
) -> None:
    session = driving.ends(driving.begins(lin))
    after.answer(lin, session.id, promised)
    with world.services.database.read() as unit:
        [outcome] = unit.opinions.outcomes(world.clock.now() - timedelta(days=30))
    assert (outcome.ref, outcome.started, outcome.failed, outcome.complaints) == (session.ref, 1, 0, complaints)


def test_who_complains_again_and_again_is_one_driver(
    world: World, driving: Driving, lin: str, after: AftermathService
) -> None:
    wei = driving.user_id(Channel.TELEGRAM, "2")
    driving.tops_up(wei, 100)
    driving.ends(driving.begins(wei))
    for _ in range(3):
        world.clock.time += timedelta(minutes=11)
        driving.sync()
        session = driving.ends(driving.begins(lin, kwh="1"))
        after.answer(lin, session.id, Promised.BROKEN)
    with world.services.database.read() as unit:
        [outcome] = unit.opinions.outcomes(world.clock.now() - timedelta(days=30))
    assert (outcome.started, outcome.failed, outcome.complaints) == (2, 0, 1)
    world.clock.time += timedelta(minutes=11)
    driving.sync()
    driving.ends(driving.begins(lin, kwh="1"))
    with world.services.database.read() as unit:
        [outcome] = unit.opinions.outcomes(world.clock.now() - timedelta(days=30))
    assert (outcome.started, outcome.failed, outcome.complaints) == (2, 0, 0)
