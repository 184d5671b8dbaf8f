"""Every line has its reason, every receipt says who pays what, and nobody sees another's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import NotFound
from core.ledger import Cause, credited, held_for, settled
from core.money import Money
from core.ports import Booking, BookingState
from core.session import SessionState
from tests.core.services.wallet.conftest import House, yuan
from tests.storage.money_samples import quote, session


def charge(house: House, *, cost: int, captured: int) -> str:
    """A charge of Lin's with a hold of 40 yuan, settled by a record; costs in minor units."""
    at = house.clock.now()
    one = session(user_id=house.lin, at=at, quote=quote(user_id=house.lin, at=at))
    with house.database.write() as unit:
        unit.sessions.save_quote(one.quote, "signed")
        unit.sessions.add(one)
        unit.ledger.open_hold(one.id, house.lin, yuan(40), at)
        unit.ledger.post(held_for(one.id, house.lin, yuan(40)), at)
    house.clock.advance(minutes=30)
    at = house.clock.now()
    with house.database.write() as unit:
        unit.ledger.resolve_hold(one.id, captured, at)
        moved = {"captured": captured, "released": 4000 - captured, "overrun": cost - captured}
        unit.ledger.post(settled(one.id, house.lin, "lotus", "CNY", **moved), at)
        done = replace(
            one,
            state=SessionState.SETTLED,
            charged=Money(captured, "CNY"),
            energy_kwh=Decimal("16.4"),
            started_at=one.created_at,
            ended_at=at,
        )
        unit.sessions.save(done)
        paid, borne = Money(captured, "CNY"), Money(cost - captured, "CNY")
        unit.bookings.save(Booking("lotus", "R1", one.id, BookingState.APPLIED, paid + borne, paid, borne, at))
    return one.id


def test_every_line_has_its_reason(house: House) -> None:
    topup = house.tops_up(50)
    session_id = charge(house, cost=2500, captured=2500)
    [refund] = house.wallet.refund(house.lin, yuan(20), "k")
    house.works_off()
    lines = house.wallet.statement(house.lin)
    assert [(one.cause, one.available, one.held, one.refunding) for one in lines] == [
        (Cause.REFUNDED, yuan(0), yuan(0), yuan(-20)),
        (Cause.REFUND, yuan(-20), yuan(0), yuan(20)),
        (Cause.RELEASE, yuan(15), yuan(-15), yuan(0)),
        (Cause.CAPTURE, yuan(0), yuan(-25), yuan(0)),
        (Cause.HOLD, yuan(-40), yuan(40), yuan(0)),
        (Cause.TOPUP, yuan(50), yuan(0), yuan(0)),
    ]
    refunded, _, released, captured, _, paid_in = lines
    assert (paid_in.order_id, paid_in.channel, paid_in.reference) == (topup.id, "sandbox", topup.psp_transaction)
    assert (refunded.order_id, refunded.channel) == (refund.id, "sandbox")
    assert refunded.reference == f"back-{refund.id}"
    for one in (released, captured):
        assert one.session_id == session_id
        assert (one.station_name, one.gun_label) == ("Lotus Road “North”", "01")
        assert one.price_per_kwh == Decimal("1.50")
        assert one.tariff_id
    total = sum(one.available.amount_minor for one in lines)
    assert [one.available for one in house.wallet.wallets(house.lin)] == [Money(total, "CNY")]


def test_a_statement_goes_on_where_it_stopped(house: House) -> None:
    for _ in range(5):
        house.tops_up(10)
    seen, before = [], None
    while page := house.wallet.statement(house.lin, before, 2):
        assert len(page) <= 2
        seen += [one.order_id for one in page]
        before = page[-1].number
    assert seen == [one.id for one in house.wallet.topups(house.lin)]
    assert len(set(seen)) == 5
    assert house.wallet.statement(house.wei) == []
    assert len(house.wallet.statement(house.lin, None, -3)) == 1


def test_a_receipt_says_who_pays_what(house: House) -> None:
    house.tops_up(50)
    session_id = charge(house, cost=4300, captured=4000)
    receipt = house.wallet.receipt(house.lin, session_id)
    assert receipt.session.energy_kwh == Decimal("16.4")
    assert receipt.hold is not None
    assert (receipt.hold.amount, receipt.hold.captured, receipt.hold.released) == (yuan(40), yuan(40), yuan(0))
    assert (receipt.paid, receipt.borne, receipt.total) == (yuan(40), yuan(3), yuan(43))
    assert [one.transfer.cause for one in receipt.lines] == [Cause.HOLD, Cause.CAPTURE, Cause.OVERRUN]


def test_a_receipt_follows_what_came_later(house: House) -> None:
    house.tops_up(50)
    session_id = charge(house, cost=4300, captured=4000)
    with house.database.write() as unit:
        back = credited(session_id, "lotus:C1", house.lin, "lotus", "CNY", to_user=4000, to_us=300)
        unit.ledger.post(back, house.clock.now())
        one = unit.sessions.get(session_id)
        assert one is not None
        unit.sessions.save(replace(one, state=SessionState.CREDITED, charged=Money(0, "CNY")))
        booking = unit.bookings.get("lotus", "R1")
        assert booking is not None
        unit.bookings.save(replace(booking, state=BookingState.CREDITED))
    receipt = house.wallet.receipt(house.lin, session_id)
    assert (receipt.paid, receipt.borne, receipt.record) == (yuan(0), yuan(0), None)


def test_nobody_sees_anothers_receipt(house: House) -> None:
    house.tops_up(50)
    session_id = charge(house, cost=2500, captured=2500)
    for who, which in ((house.wei, session_id), (house.lin, "no session")):
        with pytest.raises(NotFound):
            house.wallet.receipt(who, which)
