"""Charged first, paid after: what the promise did not need never becomes stored value."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.errors import UserError
from core.ledger import psp, topped_up
from core.money import Money
from core.payments import Topup, TopupState
from core.session import ChargingSession, FrozenQuote, SessionState
from tests.core.services.charging.garage import Garage, yuan

S = SessionState


def promise(garage: Garage, quote: FrozenQuote, *, user_id: str = "", key: str = "tap", detail: str = "") -> None:
    """The provider has promised the hold of this quote to Wei, who has nothing else."""
    at, who = garage.clock.now(), user_id or garage.wei
    order = Topup(
        f"P{quote.id}"[:32], who, key, "sandbox", quote.hold, TopupState.PAID, at, at + timedelta(hours=2),
        quote_id=quote.id, psp_transaction=f"P{quote.id}", paid_at=at, detail=detail,
    )  # fmt: skip
    with garage.database.write() as unit:
        unit.payments.add_topup(order)
        unit.ledger.post(topped_up("sandbox", order.psp_transaction, who, quote.hold), at)


def at_the_provider(garage: Garage) -> Money:
    with garage.database.read() as unit:
        return -unit.ledger.balance(psp("sandbox", "CNY"))


def orders(garage: Garage, session: ChargingSession) -> list[str]:
    with garage.database.read() as unit:
        rows = [unit.outbox.get(row) for row in unit.outbox.due(garage.clock.now() + timedelta(hours=1), 100)]
    return [row.kind for row in rows if row is not None and row.subject == session.id]


def test_what_the_charge_did_not_need_goes_back_at_once(garage: Garage) -> None:
    quote = garage.quote(user_id=garage.wei)
    before = at_the_provider(garage)
    promise(garage, quote)
    session = garage.charging.start(garage.wei, quote.id, "tap", payment="sandbox")
    garage.work_outbox()
    garage.pass_time(minutes=10, step_s=60)
    garage.stop(garage.session(session.id))
    garage.pass_time(minutes=1)
    garage.pushes_record(session)
    cost = yuan(garage.supplier.charges[session.start_seq].cost(garage.clock.now()))
    assert (garage.session(session.id).state, garage.session(session.id).charged) == (S.SETTLED, cost)
    wallet = garage.wallet(garage.wei)
    assert (wallet.available, wallet.held) == (yuan(0), yuan(0))
    assert at_the_provider(garage) == before + cost
    assert orders(garage, session) == ["complete_authorisation"]


def test_a_start_that_fails_gives_the_whole_promise_back(garage: Garage) -> None:
    garage.supplier.refuses_starts = "gun_fault"
    quote = garage.quote(user_id=garage.wei)
    before = at_the_provider(garage)
    promise(garage, quote)
    session = garage.charging.start(garage.wei, quote.id, "tap", payment="sandbox")
    garage.work_outbox()
    assert garage.session(session.id).state is S.START_FAILED
    assert (garage.wallet(garage.wei).available, at_the_provider(garage)) == (yuan(0), before)
    assert orders(garage, session) == ["complete_authorisation"]


@pytest.mark.parametrize("wrong", ["another key", "another person", "used up", "another channel"])
def test_a_promise_is_good_for_one_yes_alone(garage: Garage, wrong: str) -> None:
    quote = garage.quote(user_id=garage.wei)
    promise(
        garage,
        quote,
        user_id=garage.lin if wrong == "another person" else "",
        key="other" if wrong == "another key" else "tap",
        detail="to take" if wrong == "used up" else "",
    )
    channel = "wechatpay" if wrong == "another channel" else "sandbox"
    with pytest.raises(UserError, match="not_authorised"):
        garage.charging.start(garage.wei, quote.id, "tap", payment=channel)
