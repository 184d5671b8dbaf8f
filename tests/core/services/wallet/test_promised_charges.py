"""A charge paid by promise, all real but gun and provider: nothing of it stays with us, whatever becomes of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import UserError
from core.ledger import credited, held_for, psp
from core.money import Money
from core.payments import RefundState, TopupState
from core.ports import BookingState
from core.session import ChargingSession, SessionState
from core.user import Channel, Identity
from jobs import charging, context, payments
from tests.fakes import FakeSupplier
from tests.world import HERE, World, make_world


class Drive:
    def __init__(self, world: World) -> None:
        context.use(world.services)
        self.world, self.services = world, world.services
        self.supplier = FakeSupplier(world.clock)
        self.supplier.builds("P1", HERE)
        world.services.suppliers["fake"] = self.supplier  # type: ignore[index]  # the world's own dict
        world.services.catalogue.load(self.supplier, doubt_shrinking=False)
        world.services.catalogue.pull_prices(self.supplier)
        with world.services.database.write() as unit:
            at = world.clock.now()
            self.lin = unit.users.register(Identity(Channel.TELEGRAM, "1001"), "en", at)[0].id
        ref = self.supplier.listed["P1"].connectors[0].ref
        self.quote = world.services.charging.quote(self.lin, ref, Decimal(20))

    def promises(self) -> str:
        order, _ = self.services.wallet.authorise(self.lin, self.quote.id, "sandbox", "tap")
        report = self.world.payments.agrees(order.id)
        self.services.notices.take("sandbox", *self.world.payments.notice(report))
        payments.work_notices()
        assert self.services.wallet.check_topup(self.lin, order.id).state is TopupState.PAID
        return order.id

    def starts(self, grow_to: Money | None = None) -> ChargingSession:
        session = self.services.charging.start(self.lin, self.quote.id, "tap", payment="sandbox", grow_to=grow_to)
        self.works_off()
        return session

    def works_off(self) -> None:
        with self.services.database.read() as unit:
            due = unit.outbox.due(self.world.clock.now(), 50)
        for row in due:
            self.services.outbox.deliver(row)

    def passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.world.clock.advance(minutes=1)
            charging.follow_sessions()
            self.works_off()

    def ends(self, session: ChargingSession) -> SessionState:
        self.supplier.stop(session.ref, start_seq=session.start_seq)
        self.world.clock.advance(minutes=1)
        record = self.supplier.record_of(self.supplier.charges[session.start_seq])
        with self.services.database.write() as unit:
            unit.records.add_record("fake", record, self.world.clock.now())
        charging.book_records()
        self.works_off()
        return self.services.charging.session([self.lin], session.id).state

    def paid(self, session: ChargingSession) -> Money:
        return self.services.wallet.receipt(self.lin, session.id).paid

    def free(self) -> int:
        return sum(one.available.amount_minor for one in self.services.wallet.wallets(self.lin))

    def at_psp(self) -> int:
        with self.services.database.read() as unit:
            return -unit.ledger.balance(psp("sandbox", "CNY")).amount_minor


@pytest.fixture
def drive(tmp_path: Path):
    drive = Drive(make_world(tmp_path))
    yield drive
    assert drive.services.books.report().breaches == []


def test_the_provider_takes_what_the_charge_cost(drive: Drive) -> None:
    order_id = drive.promises()
    session = drive.starts()
    assert drive.free() == 0
    drive.passes(5)
    assert drive.ends(session) is SessionState.SETTLED
    paid = drive.paid(session)
    assert 0 < paid.amount_minor < drive.quote.hold.amount_minor
    assert drive.world.payments.taken == {order_id: paid}
    assert (drive.free(), drive.at_psp()) == (0, paid.amount_minor)


def test_a_charge_that_does_not_start_costs_nothing(drive: Drive) -> None:
    order_id = drive.promises()
    drive.supplier.refuses_starts = "gun_fault"
    session = drive.starts()
    assert drive.services.charging.session([drive.lin], session.id).state is SessionState.START_FAILED
    drive.works_off()
    assert drive.world.payments.taken == {order_id: Money(0, "CNY")}
    assert (drive.free(), drive.at_psp()) == (0, 0)


def test_no_start_without_the_promise(drive: Drive) -> None:
    with pytest.raises(UserError):
        drive.starts()
    drive.services.wallet.authorise(drive.lin, drive.quote.id, "sandbox", "tap")
    with pytest.raises(UserError):
        drive.starts()  # nobody has agreed yet


def test_what_grew_out_of_the_wallet_stays_in_the_wallet(drive: Drive) -> None:
    topup, _ = drive.services.wallet.topup(drive.lin, Money(10_000, "CNY"), "sandbox", "wallet")
    drive.services.wallet.paid("sandbox", drive.world.payments.pays(topup.id))
    drive.promises()
    hold = drive.quote.hold.amount_minor
    session = drive.starts(grow_to=Money(hold * 2, "CNY"))
    with drive.services.database.write() as unit:
        # As following does when the cost comes near the hold.
        by = Money(hold, "CNY")
        unit.sessions.get(session.id)
        unit.ledger.extend_hold(session.id, by)
        unit.ledger.post(held_for(session.id, drive.lin, by, hold), drive.world.clock.now())
    drive.passes(2)
    drive.ends(session)
    paid = drive.paid(session).amount_minor
    assert 0 < paid < hold
    taken = sum(one.amount_minor for one in drive.world.payments.taken.values())
    assert (taken, drive.free()) == (0, 10_000 - paid)
    assert drive.at_psp() == 10_000


def test_what_is_credited_later_goes_back_the_way_it_came(drive: Drive) -> None:
    drive.promises()
    session = drive.starts()
    drive.passes(5)
    drive.ends(session)
    paid = drive.paid(session)
    with drive.services.database.write() as unit:
        one = unit.sessions.get(session.id)
        back = credited(session.id, "fake:C", drive.lin, "fake", "CNY", to_user=paid.amount_minor, to_us=0)
        unit.ledger.post(back, drive.world.clock.now())
        assert one is not None
        unit.sessions.save(replace(one, state=SessionState.CREDITED, charged=Money(0, "CNY")))
        booking = unit.bookings.live(session.id)
        assert booking is not None
        unit.bookings.save(replace(booking, state=BookingState.CREDITED))
    assert drive.services.wallet.refundable(drive.lin) == [paid]
    [refund] = drive.services.wallet.refund(drive.lin, None, "back")
    drive.works_off()
    assert drive.services.wallet.refunds(drive.lin)[0].state is RefundState.DONE
    assert (drive.free(), drive.at_psp(), refund.amount) == (0, 0, paid)
