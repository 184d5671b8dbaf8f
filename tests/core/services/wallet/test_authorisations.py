"""Charge first, pay after: promised, held, taken at cost; nothing of it stays with us."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Conflict, NotFound, NotReady, UserError
from core.ledger import held_for, psp, settled, voided
from core.money import Money
from core.outbox import MessageClass, NewRow
from core.payments import AuthorisationReport, AuthorisationState, OrderReport, OrderState, Topup, TopupState
from core.ports import CaseKind
from core.services.wallet.till import KeyUsed
from core.session import ChargingSession, FrozenQuote, SessionState
from tests.core.services.wallet.conftest import House, wallet_of, yuan
from tests.storage.money_samples import quote, session


class Drive:
    """Lin at a gun, with a quote whose hold is 40 yuan."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.quote: FrozenQuote = quote(user_id=house.lin, at=house.clock.now())
        with house.database.write() as unit:
            unit.sessions.save_quote(self.quote, "signed")

    def promises(self) -> Topup:
        order, _ = self.house.wallet.authorise(self.house.lin, self.quote.id, "sandbox", "key-1")
        return order

    def agrees(self, order: Topup) -> Topup:
        self.house.wallet.reported("sandbox", self.house.sandbox.agrees(order.id))
        return self.house.topup(order.id)

    def starts(self) -> ChargingSession:
        """As core.services.charging does it."""
        house, at = self.house, self.house.clock.now()
        started = session(user_id=house.lin, quote=self.quote, at=at, payment="sandbox")
        with house.database.write() as unit:
            assert unit.sessions.add(started) is None
            unit.ledger.open_hold(started.id, house.lin, self.quote.hold, at)
            unit.ledger.post(held_for(started.id, house.lin, self.quote.hold), at)
        return started

    def ends(self, started: ChargingSession, cost: int) -> None:
        """As core.services.charging does it: what was not needed goes back in the same transaction."""
        house, at, back = self.house, self.house.clock.now(), 4000 - cost
        with house.database.write() as unit:
            ended = replace(started, state=SessionState.SETTLED, charged=Money(cost, "CNY"))
            unit.sessions.save(ended)
            unit.ledger.resolve_hold(started.id, cost, at)
            unit.ledger.post(settled(started.id, house.lin, "lotus", "CNY", captured=cost, released=back), at)
            if back:
                unit.ledger.post(voided(started.id, house.lin, "sandbox", Money(back, "CNY")), at)
            row = NewRow(f"command:{started.id}:complete", MessageClass.COMMAND, "complete_authorisation", started.id)
            unit.outbox.add(row, at)

    def psp(self) -> Money:
        with self.house.database.read() as unit:
            return unit.ledger.balance(psp("sandbox", "CNY"))


@pytest.fixture
def drive(house: House) -> Drive:
    return Drive(house)


@pytest.mark.parametrize("cost", [2500, 4000, 0])
def test_promised_held_and_taken_at_cost(house: House, drive: Drive, cost: int) -> None:
    order = drive.promises()
    assert (order.state, order.amount) == (TopupState.PENDING, yuan(40))
    booked = drive.agrees(order)
    assert booked.state is TopupState.PAID
    assert house.money() == wallet_of(40)
    started = drive.starts()
    assert house.money() == wallet_of(0, held=40)
    drive.ends(started, cost)
    house.works_off()
    assert house.sandbox.taken == {order.id: Money(cost, "CNY")}
    assert house.money() == wallet_of(0)
    assert drive.psp() == Money(-cost, "CNY")
    taken = house.topup(order.id)
    assert (taken.refunded, taken.detail, taken.next_look_at) == (4000 - cost, "taken", None)
    assert house.wallet.refundable(house.lin) == []  # it was spent
    house.wallet.look_at_topup(order.id)
    assert house.sandbox.asked.count("complete") == 1


def test_a_promise_whose_charge_never_began_is_given_back(house: House, drive: Drive) -> None:
    order = drive.agrees(drive.promises())
    house.wallet.check_topup(house.lin, order.id)  # asked at once: the driver is only about to start
    assert house.money() == wallet_of(40)
    house.clock.advance(minutes=11)
    assert house.wallet.due()[0] == [order.id]
    house.wallet.look_at_topup(order.id)
    assert house.money() == wallet_of(0)
    assert house.sandbox.promises[order.id].state is AuthorisationState.CANCELLED
    assert house.sandbox.kept == yuan(0)
    assert house.wallet.due()[0] == []


def test_what_was_spent_otherwise_meanwhile_is_taken(house: House, drive: Drive) -> None:
    order = drive.agrees(drive.promises())
    other = session(9, user_id=house.lin, quote=quote(9, user_id=house.lin, hold=yuan(15)))
    with house.database.write() as unit:
        unit.sessions.save_quote(other.quote, "signed")
        unit.sessions.add(other)
        unit.ledger.open_hold(other.id, house.lin, yuan(15), house.clock.now())
        unit.ledger.post(held_for(other.id, house.lin, yuan(15)), house.clock.now())
    house.clock.advance(minutes=11)
    house.wallet.look_at_topup(order.id)
    assert house.sandbox.taken == {order.id: yuan(15)}
    assert drive.psp() == yuan(-15)


def test_a_charge_that_runs_is_left_alone_and_an_end_nobody_told_is_found(house: House, drive: Drive) -> None:
    order = drive.agrees(drive.promises())
    started = drive.starts()
    house.clock.advance(minutes=30)
    house.wallet.look_at_topup(order.id)
    assert house.money() == wallet_of(0, held=40)
    assert "complete" not in house.sandbox.asked
    drive.ends(started, 2500)
    with house.sandbox.silent():
        house.works_off()
    for _ in range(2):
        house.clock.advance(minutes=10)
        house.wallet.look_at_topup(order.id)
    assert house.sandbox.taken == {order.id: yuan(25)}
    assert house.topup(order.id).detail == "taken"


def test_found_by_asking_and_closed_when_nobody_agrees(house: House, drive: Drive) -> None:
    order = drive.promises()
    house.sandbox.agrees(order.id)
    house.clock.advance(seconds=30)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.PAID


def test_nobody_agrees_in_time(house: House, drive: Drive) -> None:
    order = drive.promises()
    house.clock.advance(minutes=1)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.PENDING
    house.clock.advance(hours=2)
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.CLOSED
    assert house.sandbox.promises[order.id].state is AuthorisationState.CANCELLED
    with pytest.raises(UserError, match="quote_expired"):
        drive.promises()


def test_an_order_the_provider_never_heard_of_is_closed(house: House, drive: Drive) -> None:
    with house.sandbox.silent(), pytest.raises(NotReady):
        drive.promises()
    [order] = house.wallet.topups(house.lin)
    house.clock.advance(hours=2)
    with house.sandbox.silent():
        house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.CREATED
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.CLOSED


@pytest.mark.parametrize("change", [{"limit": yuan(39)}, {"limit": Money(4000, "EUR")}, {"transaction": ""}])
def test_another_amount_is_parked(house: House, drive: Drive, change: dict[str, Any]) -> None:
    order = drive.promises()
    house.wallet.reported("sandbox", replace(house.sandbox.agrees(order.id), **change))
    assert house.topup(order.id).state is TopupState.PARKED
    assert house.money() is None
    assert [one.subject for one in house.cases(CaseKind.TOPUP)] == [order.id]
    house.wallet.look_at_topup(order.id)
    assert house.topup(order.id).state is TopupState.PARKED


def test_a_promise_is_not_a_payment(house: House, drive: Drive) -> None:
    order = drive.promises()
    house.notice(OrderReport(order.id, OrderState.PAID, "tx", yuan(40)))
    assert house.money() is None
    assert house.topup(order.id).state is TopupState.PARKED


def test_told_again_and_out_of_order(house: House, drive: Drive) -> None:
    order = drive.promises()
    agreed = house.sandbox.agrees(order.id)
    for report in (agreed, agreed, replace(agreed, state=AuthorisationState.WAITING)):
        house.wallet.reported("sandbox", report)
    assert house.money() == wallet_of(40)
    drive.ends(drive.starts(), 2500)
    house.works_off()
    for state in AuthorisationState:
        house.wallet.reported("sandbox", replace(agreed, state=state))
    assert house.money() == wallet_of(0)
    assert house.topup(order.id).detail == "taken"
    assert house.cases(CaseKind.TOPUP) == []


@pytest.mark.parametrize("state", [AuthorisationState.CANCELLED, AuthorisationState.COMPLETED])
def test_taken_back_or_taken_without_our_word_is_looked_at(
    house: House, drive: Drive, state: AuthorisationState
) -> None:
    order = drive.agrees(drive.promises())
    house.wallet.reported("sandbox", AuthorisationReport(order.id, state, yuan(40), "x"))
    assert [one.subject for one in house.cases(CaseKind.TOPUP)] == [order.id]
    assert house.money() == wallet_of(40)


def test_unknown_promises_are_kept(house: House) -> None:
    topup = house.order(50)
    for order_id in ("T-nobody", topup.id):
        house.wallet.reported("sandbox", AuthorisationReport(order_id, AuthorisationState.AUTHORISED, yuan(50), "x"))
    assert house.money() is None
    assert {one.subject for one in house.cases(CaseKind.TOPUP)} == {"sandbox:T-nobody", f"sandbox:{topup.id}"}


def test_whose_quote_and_which_way(house: House, drive: Drive) -> None:
    wallet = house.wallet
    with pytest.raises(NotFound):
        wallet.authorise(house.wei, drive.quote.id, "sandbox", "k")
    with pytest.raises(NotFound):
        wallet.authorise(house.lin, "no quote", "sandbox", "k")
    with pytest.raises(UserError, match="no_such_way_to_pay"):
        wallet.authorise(house.lin, drive.quote.id, "cash", "k")
    assert wallet.promising_channels() == ["sandbox", "card"]
    order = drive.promises()
    assert drive.promises() == order
    with pytest.raises(KeyUsed):
        wallet.authorise(house.lin, drive.quote.id, "card", "key-1")
    drive.agrees(order)
    with pytest.raises(UserError, match="already_paid"):
        drive.promises()
    house.clock.time += timedelta(minutes=5)
    with pytest.raises(Conflict):
        wallet.authorise(house.lin, drive.quote.id, "sandbox", "k2")


def test_a_settled_session_that_nothing_was_promised_for(house: House) -> None:
    house.writes(NewRow("c", MessageClass.COMMAND, "complete_authorisation", "no-session"))
    house.works_off()
    assert "complete" not in house.sandbox.asked
