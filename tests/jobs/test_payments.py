"""Payments by jobs: notices worked off, silence asked about, one failure holding up nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.money import Money
from core.payments import TopupState
from core.services.wallet import WalletService
from jobs import context, payments
from jobs.clock import schedules
from tests.world import World, make_world

FIFTY = Money(5000, "CNY")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    context.use(world.services)
    return world


def order(world: World, who: str = "lin") -> str:
    topup, _ = world.services.wallet.topup(who, FIFTY, "sandbox", f"key of {who}")
    return topup.id


def money(world: World, who: str = "lin") -> list[Money]:
    return [one.available for one in world.services.wallet.wallets(who)]


def test_notices_are_worked_off_once(world: World) -> None:
    report = world.payments.pays(order(world))
    assert world.services.notices.take("sandbox", *world.payments.notice(report))
    payments.work_notices()
    payments.work_notices()
    assert money(world) == [FIFTY]


def test_what_nobody_told_is_asked_for_in_its_time(world: World) -> None:
    world.payments.pays(order(world))
    payments.look_at_payments()
    assert money(world) == []
    world.clock.advance(seconds=30)
    payments.look_at_payments()
    assert money(world) == [FIFTY]
    [refund] = world.services.wallet.refund("lin", None, "back")
    world.clock.advance(hours=1)
    payments.look_at_payments()  # the outbox never rang; the look orders it
    assert world.services.wallet.refunds("lin")[0].psp_refund == f"back-{refund.id}"
    assert money(world) == [Money(0, "CNY")]


def test_one_that_fails_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("lin", "wei"):
        world.payments.pays(order(world, who))
    look = WalletService.look_at_topup
    broken = [one.id for one in world.services.wallet.topups("lin")]

    def breaks(self: WalletService, topup_id: str):
        if topup_id in broken:
            raise RuntimeError("an order of another world")
        return look(self, topup_id)

    monkeypatch.setattr(WalletService, "look_at_topup", breaks)
    world.clock.advance(seconds=30)
    payments.look_at_payments()
    assert (money(world), money(world, "wei")) == ([], [FIFTY])


def test_one_worker_at_a_time(world: World) -> None:
    world.payments.pays(order(world))
    world.clock.advance(seconds=30)
    with world.services.database.write() as unit:
        assert unit.ticks.lease("look_at_payments", world.clock.now(), 300)
    payments.look_at_payments()
    assert money(world) == []
    world.clock.advance(seconds=301)
    payments.look_at_payments()
    assert money(world) == [FIFTY]
    assert world.services.wallet.topups("lin")[0].state is TopupState.PAID


def test_the_clock_rings_for_both(world: World) -> None:
    every = {one.job: one.every_s for one in schedules(world.services)}
    assert every["work_notices"] <= 5
    assert every["look_at_payments"] <= 15
