"""Who waits for money hears of it unasked, once; what is later than promised becomes a case and a figure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bots.wording import wording
from bots.wording.messages import said
from core.payments import RefundState
from core.ports import CaseKind
from core.services.cases import Decision, Wish
from core.services.watchdog import Late, Watchdog
from core.session import ChargingSession, SessionState
from core.user import Channel
from storage.tables import outbox
from tests.bots.driving import Driving, yuan
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
def dog(world: World) -> Watchdog:
    return world.services.watchdog


def heard(world: World, subject: str, code: str, language: str = "en") -> list[str]:
    """What was said of this with that code, as it is read."""
    with world.services.database.engine.connect() as db:  # type: ignore[attr-defined]  # it is the SQL one
        rows = db.execute(select(outbox.c.body).where(outbox.c.subject == subject, outbox.c.kind == "say"))
        bodies = [json.loads(body) for body in rows.scalars()]
    params = [one["params"] for one in bodies if one["code"] == code]
    say = wording(language)
    return [
        said(say, code, one, time_zone="Asia/Shanghai", subject=subject, repeat=False).text for one in params
    ]  # fmt: skip


def ended_without_bill(world: World, driving: Driving, lin: str) -> ChargingSession:
    session = driving.begins(lin)
    world.clock.advance(minutes=10)
    driving.runs_jobs()
    world.services.charging.stop(lin, session.id)
    driving.runs_jobs()
    world.clock.advance(seconds=20)
    driving.runs_jobs()
    session = driving.now(session)
    assert session.state is SessionState.AWAIT_RECORD
    return session


def test_after_a_day_the_driver_hears_why_and_until_when(
    world: World, driving: Driving, lin: str, dog: Watchdog
) -> None:
    session = ended_without_bill(world, driving, lin)
    world.clock.time = session.created_at + timedelta(hours=24) - timedelta(seconds=1)
    assert (dog.look(), dog.late()) == (0, Late(0, 0, 0))
    world.clock.advance(seconds=1)
    assert dog.look() == 1
    assert dog.look() == 0
    [text] = heard(world, session.id, "hold_kept")
    why, until, reference = text.splitlines()
    assert why.endswith("¥38.00 is held since 2026-11-23 12:00, as the operator has not sent its bill yet.")
    assert until.startswith("It is settled by 2026-11-25 12:10 at the latest")
    assert session.id in reference
    [chinese] = heard(world, session.id, "hold_kept", "zh-CN")
    assert "运营商还没有发来账单" in chinese
    assert dog.late() == Late(1, 0, 0)
    assert world.services.cases.listed() == []


def test_a_charge_of_a_day_is_nobodys_worry_while_it_is_seen(
    world: World, driving: Driving, lin: str, dog: Watchdog
) -> None:
    session = driving.begins(lin)
    world.clock.advance(seconds=20)
    driving.runs_jobs()
    assert driving.now(session).state is SessionState.CHARGING
    world.clock.advance(hours=25)
    with world.services.database.write() as unit:
        seen = unit.sessions.get(session.id)
        assert seen is not None
        unit.sessions.save(replace(seen, seen_at=world.clock.now()))
    assert dog.look() == 0
    world.clock.advance(hours=1)
    assert dog.look() == 1
    [text] = heard(world, session.id, "hold_kept")
    assert "does not say whether the charge has ended" in text
    assert "settled by 2026-11-26 12:00 at the latest" in text


def test_a_start_in_doubt_was_told_before(world: World, driving: Driving, lin: str, dog: Watchdog) -> None:
    driving.supplier.swallows_starts = True
    session = driving.begins(lin)
    assert driving.now(session).state is SessionState.START_UNKNOWN
    world.clock.advance(hours=24)
    assert dog.look() == 0
    assert heard(world, session.id, "hold_kept") == []


def test_a_hold_beyond_the_promise_is_told_and_decided_by_one_of_us(
    world: World, driving: Driving, lin: str, dog: Watchdog
) -> None:
    session = ended_without_bill(world, driving, lin)
    world.clock.time = session.created_at + timedelta(hours=72)
    assert dog.look() == 1
    assert dog.look() == 0
    assert len(heard(world, session.id, "hold_overdue")) == 1
    assert dog.late() == Late(0, 1, 0)
    [case] = world.services.cases.listed()
    assert (case.kind, case.subject, case.user_id) == (CaseKind.REVIEW, session.id, lin)
    world.services.cases.decide(case.id, Wish(Decision.NOTED, "Mei", "the supplier was called"))
    assert dog.look() == 0
    assert world.services.cases.listed() == []
    world.services.charging.follow(session.id)  # as it should have been long ago
    assert dog.late() == Late(0, 0, 0)


@pytest.mark.parametrize("state", [RefundState.SENT, RefundState.BY_HAND])
def test_a_refund_past_its_day(world: World, driving: Driving, lin: str, dog: Watchdog, state: RefundState) -> None:
    [refund] = world.services.wallet.refund(lin, yuan(40), "key")
    with world.services.database.write() as unit:
        unit.payments.save_refund(replace(refund, state=state, sent_at=world.clock.now(), next_look_at=None))
    world.clock.time = refund.due_at - timedelta(seconds=1)
    assert dog.look() == 0
    world.clock.advance(seconds=1)
    assert [dog.look(), dog.look()] == [1, 0]
    [text] = heard(world, refund.id, "refund_overdue")
    assert text.startswith("¥40.00 was to be paid out by 2026-11-28, and we have not heard that it was.")
    [case] = world.services.cases.listed()
    assert (case.kind, case.subject) == (CaseKind.REFUND, refund.id)
    assert dog.late() == Late(0, 0, 1)


def test_one_that_cannot_be_told_does_not_keep_the_others_waiting(
    world: World, driving: Driving, lin: str, dog: Watchdog
) -> None:
    wei = driving.user_id(Channel.TELEGRAM, "2")
    driving.tops_up(wei, 100)
    first, second = (world.services.wallet.refund(who, yuan(40), "key")[0] for who in (lin, wei))
    told = []

    def tell(unit: object, user_id: str, *_: object, **__: object) -> int:
        if user_id == lin:
            raise ConnectionError
        told.append(user_id)
        return 1

    world.clock.time = max(first.due_at, second.due_at)
    careful = Watchdog(world.services.database, world.clock, tell=tell, ring=lambda _: None)
    assert careful.look() == 1
    assert told == [wei]
