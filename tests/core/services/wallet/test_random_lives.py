"""Random lives of wallets: whatever people, providers and the weather do, both sets of books agree in the end."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from random import Random

import pytest

from core.errors import UserError
from core.ledger import psp
from core.money import Money
from core.payments import OrderState, PaymentUnavailable, RefundState, TopupState
from core.services.wallet import StatementLine
from tests.core.services.wallet.conftest import House, yuan

STEPS = 120
_WHAT = ("order", "order", "pay", "pay", "notice", "notice", "look", "refund", "mood", "work")
_FOR_NOW = (RefundState.DONE, RefundState.SENT, RefundState.REFUSED)


class Life:
    def __init__(self, house: House, seed: int) -> None:
        self.house, self.random = house, Random(seed)
        self.heard: list = []  # notices that may come again

    def step(self) -> None:
        house, random = self.house, self.random
        who = random.choice([house.lin, house.wei])
        silent = house.sandbox.silent() if random.random() < 0.15 else nullcontext()
        with silent, suppress(UserError, PaymentUnavailable):
            match random.choice(_WHAT):
                case "order":
                    # A key out of few: taps come twice, also for another amount.
                    key = f"tap-{random.randrange(25)}"
                    house.wallet.topup(who, yuan(random.choice((10, 20, 50))), "sandbox", key)
                case "pay":
                    self.pay()
                case "notice" if self.heard:
                    house.wallet.reported("sandbox", random.choice(self.heard))
                case "look":
                    self.look()
                case "refund":
                    amount = None if random.random() < 0.3 else Money(random.randrange(1, 6000), "CNY")
                    house.wallet.refund(who, amount, f"back-{random.randrange(15)}")
                case "mood":
                    house.sandbox.refunds_become = random.choice(_FOR_NOW)
                case "work":
                    house.works_off()
        house.clock.advance(seconds=random.choice((1, 10, 60, 900, 4000)))

    def pay(self) -> None:
        """Somebody pays; now and then an amount that was not asked for."""
        sandbox = self.house.sandbox
        waiting = sorted(one.order_id for one in sandbox.orders.values() if one.state is OrderState.UNPAID)
        if waiting:
            wrong = Money(1, "CNY") if self.random.random() < 0.1 else None
            self.heard.append(sandbox.pays(self.random.choice(waiting), wrong))

    def look(self) -> None:
        house = self.house
        for who in (house.lin, house.wei):
            for topup in house.wallet.topups(who):
                house.wallet.look_at_topup(topup.id)
            for refund in house.wallet.refunds(who):
                house.wallet.look_at_refund(refund.id)
                self.heard.append(house.sandbox.refund_report(refund))

    def calms_down(self) -> None:
        """Everybody answers again, and every slow refund arrives."""
        sandbox = self.house.sandbox
        sandbox.refunds_become = RefundState.DONE
        for _ in range(3):
            self.house.works_off()
            for who in (self.house.lin, self.house.wei):
                for refund in self.house.wallet.refunds(who):
                    if sandbox.refund_states.get(refund.id) is RefundState.SENT:
                        sandbox.settles(refund)
            self.house.clock.advance(hours=3)
            self.look()


@pytest.mark.parametrize("seed", range(4))
def test_both_books_agree_in_the_end(house: House, seed: int) -> None:
    life = Life(house, seed)
    for number in range(STEPS):
        life.step()
        if number % 10 == 0:
            with house.database.read() as unit:
                assert list(unit.ledger.breaches(house.clock.now())) == [], f"after step {number} of seed {seed}"
    life.calms_down()
    topups = [one for who in (house.lin, house.wei) for one in house.wallet.topups(who, 500)]
    refunds = [one for who in (house.lin, house.wei) for one in house.wallet.refunds(who, 500)]
    parked = sum(
        one.amount.amount_minor
        for one in house.sandbox.orders.values()
        if one.amount and house.topup(one.order_id).state is TopupState.PARKED
    )
    with house.database.read() as unit:
        at_psp = -unit.ledger.balance(psp("sandbox", "CNY")).amount_minor
    assert house.sandbox.kept.amount_minor == at_psp + parked
    assert {one.state for one in refunds} <= {RefundState.DONE, RefundState.REFUSED}
    assert {one.state for one in topups} <= {TopupState.PAID, TopupState.PARKED, TopupState.CLOSED}
    for who in (house.lin, house.wei):
        for wallet in house.wallet.wallets(who):
            assert wallet.refunding == Money(0, "CNY")
            assert sum(one.available.amount_minor for one in statement(house, who)) == wallet.available.amount_minor
    assert len(topups) > 5, "a life in which something happens"
    assert refunds


def statement(house: House, who: str) -> list[StatementLine]:
    """All of it, page by page."""
    lines: list[StatementLine] = []
    while page := house.wallet.statement(who, lines[-1].number if lines else None, 20):
        lines += page
    return lines
