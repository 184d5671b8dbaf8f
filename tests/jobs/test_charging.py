"""Charges that go on by themselves: the jobs, each by one at a time."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.ledger import topped_up
from core.money import Money
from core.session import ChargingSession, SessionState
from core.user import Channel, Identity
from jobs import charging, context
from jobs.clock import schedules
from tests.fakes import FakeSupplier
from tests.world import HERE, World, make_world

S = SessionState


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    context.use(world.services)
    return world


@pytest.fixture
def supplier(world: World) -> FakeSupplier:
    fake = FakeSupplier(world.clock)
    fake.builds("P1", HERE)
    world.services.suppliers["fake"] = fake  # type: ignore[index]  # the world's own dict
    world.services.catalogue.load(fake, doubt_shrinking=False)
    world.services.catalogue.pull_prices(fake)
    return fake


@pytest.fixture
def session(world: World, supplier: FakeSupplier) -> ChargingSession:
    """Lin's, under way."""
    services, at = world.services, world.clock.now()
    with services.database.write() as unit:
        lin = unit.users.register(Identity(Channel.TELEGRAM, "1001"), "en", at)[0].id
        unit.ledger.post(topped_up("sandbox", "T1", lin, Money(10_000, "CNY")), at)
    quote = services.charging.quote(lin, supplier.listed["P1"].connectors[0].ref, Decimal(20))
    begun = services.charging.start(lin, quote.id, "tap")
    with services.database.read() as unit:
        due = unit.outbox.due(at, 10)
    for row in due:
        services.outbox.deliver(row)
    return begun


def state(world: World, session: ChargingSession) -> SessionState:
    return world.services.charging.session([session.user_id], session.id).state


def test_a_session_is_followed_and_its_record_booked(
    world: World, supplier: FakeSupplier, session: ChargingSession
) -> None:
    world.clock.advance(minutes=5)
    charging.follow_sessions()
    assert state(world, session) is S.CHARGING
    supplier.stop(session.ref, start_seq=session.start_seq)
    world.clock.advance(minutes=1)
    record = supplier.record_of(supplier.charges[session.start_seq])
    with world.services.database.write() as unit:
        unit.records.add_record("fake", record, world.clock.now())
    charging.book_records()
    assert state(world, session) is S.SETTLED


def test_one_that_cannot_be_followed_stops_no_other(
    world: World, supplier: FakeSupplier, session: ChargingSession
) -> None:
    class Broken(FakeSupplier):
        def session(self, start_seq: str) -> None:
            raise RuntimeError("not what an adapter raises")

    broken = Broken(world.clock)
    broken.charges = supplier.charges
    world.services.suppliers["fake"] = broken  # type: ignore[index]  # the world's own dict
    world.clock.advance(minutes=5)
    charging.follow_sessions()
    assert state(world, session) is S.STARTING
    world.services.suppliers["fake"] = supplier  # type: ignore[index]  # the world's own dict
    charging.follow_sessions()
    assert state(world, session) is S.CHARGING


def test_two_do_not_follow_at_once(world: World, supplier: FakeSupplier, session: ChargingSession) -> None:
    world.clock.advance(minutes=5)
    with world.services.database.write() as unit:
        assert unit.ticks.lease("follow_sessions", world.clock.now(), 40)
    charging.follow_sessions()
    assert state(world, session) is S.STARTING
    world.clock.advance(seconds=40)
    charging.follow_sessions()
    assert state(world, session) is S.CHARGING


def test_a_record_whose_push_was_lost_is_fetched(
    world: World, supplier: FakeSupplier, session: ChargingSession
) -> None:
    world.clock.advance(minutes=5)
    supplier.stop(session.ref, start_seq=session.start_seq)
    world.clock.advance(minutes=1)

    class Lists(FakeSupplier):
        def records(self, since: object) -> object:
            yield supplier.record_of(supplier.charges[session.start_seq])

    world.services.suppliers["fake"] = Lists(world.clock)  # type: ignore[index]  # the world's own dict
    assert "pull_records" in {one.job for one in schedules(world.services)}
    charging.pull_records("fake", str(int(world.clock.now().timestamp())))
    charging.book_records()
    assert state(world, session) is S.SETTLED


def test_a_supplier_that_lists_no_records_is_not_asked(world: World, supplier: FakeSupplier) -> None:
    assert "pull_records" not in {one.job for one in schedules(world.services)}
    assert world.services.charging.pull_records("fake") is None
