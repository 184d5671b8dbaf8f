"""Killed at every commit and every call of a top-up, a refund, a promise: the end is that of an undisturbed run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from core.errors import NotReady, UserError
from core.ledger import psp
from core.outbox import MessageClass, OutboxState
from core.payments import AuthorisationState, OrderState, RefundState, TopupState
from core.services.inbox import Inbox
from core.services.outbox import OutboxService
from core.services.wallet import WalletService
from core.services.wallet.notices import PaymentNotices
from core.user import Channel, Identity
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.core.services.wallet.conftest import yuan
from tests.crash import Fuse, Fused, FusedDatabase, Killed, matrix
from tests.paying import FakePayments
from tests.storage.money_samples import quote
from tests.world import NoQueue, SetClock

CHANNELS = count()


@dataclass(frozen=True)
class End:
    """What is left in the end, of this person and in the provider's books."""

    free: int
    refunding: int
    topups: tuple[TopupState, ...]
    refunds: tuple[RefundState, ...]
    kept: int  # by the provider
    psp: int  # the same by our books
    said: tuple[str, ...]
    cases: int


class Process:
    """The services of one process of ours, for one person and one provider, whose state outlives it."""

    def __init__(self, database: Any, provider: Any, clock: SetClock, lin: str, channel: str) -> None:
        self.database, self.clock, self.lin, self.channel = database, clock, lin, channel
        handlers: dict[str, Any] = {}
        self.outbox = OutboxService(database, clock, NoQueue(), handlers)
        self.wallet = WalletService(database, clock, {channel: provider}, self.outbox.ring)
        handlers |= {
            "refund": self.wallet.send_refund,
            "complete_authorisation": self.wallet.complete_authorisation,
        }
        self.notices = PaymentNotices(Inbox(database, clock), self.wallet, {channel: provider})

    def works_off(self) -> None:
        """Notices, and what stands in the outbox for providers."""
        self.notices.work(self.channel)
        for row in self.due_rows():
            self.outbox.deliver(row)

    def due_rows(self) -> list[int]:
        with self.database.read() as unit:
            due = unit.outbox.due(self.clock.now(), 1000)
            rows = [unit.outbox.get(row) for row in due]
        return [row.id for row in rows if row and row.kind != "say" and row.user_id == self.lin]

    def asks(self) -> None:
        """The jobs of the next hours: one that waits for a lease, or for its time, gets it."""
        for _ in range(2):
            self.works_off()
            self.clock.advance(minutes=11)
            for topup in self.wallet.topups(self.lin):
                self.wallet.look_at_topup(topup.id)
            for refund in self.wallet.refunds(self.lin):
                self.wallet.look_at_refund(refund.id)


Act = Callable[[Process, FakePayments], None]


class Play:
    def __init__(self, database: SqlDatabase, prepare: Act, act: Act, finish: Act) -> None:
        self.database, self.prepare, self.act, self.finish = database, prepare, act, finish

    def __call__(self, fuse: Fuse) -> End:
        clock, channel = SetClock(), f"fake{next(CHANNELS)}"
        provider = FakePayments(clock, channel=channel)
        with self.database.write() as unit:
            identity = Identity(Channel.TELEGRAM, channel)
            lin = unit.users.register(identity, "en", clock.now())[0].id
            unit.chats.used(identity, clock.now())
        self.prepare(Process(self.database, provider, clock, lin, channel), provider)
        doomed = Process(FusedDatabase(self.database, fuse), Fused(provider, fuse), clock, lin, channel)
        with suppress(Killed):
            self.act(doomed, provider)
        second = Process(self.database, provider, clock, lin, channel)
        self.finish(second, provider)
        second.asks()
        return self.end(second, provider)

    def end(self, process: Process, provider: FakePayments) -> End:
        with self.database.read() as unit:
            rows = unit.outbox.in_states(list(OutboxState), 10_000)
            cases = [one for one in unit.cases.listed(limit=10_000) if one.user_id == process.lin]
            at_psp = unit.ledger.balance(psp(process.channel, "CNY")).amount_minor
        said = sorted(
            row.dedupe_key.rsplit(":", 1)[1]
            for row in rows
            if row.klass is MessageClass.MONEY and row.user_id == process.lin
        )
        [wallet] = process.wallet.wallets(process.lin) or [None]
        return End(
            free=wallet.available.amount_minor if wallet else 0,
            refunding=wallet.refunding.amount_minor if wallet else 0,
            topups=tuple(one.state for one in process.wallet.topups(process.lin)),
            refunds=tuple(one.state for one in process.wallet.refunds(process.lin)),
            kept=provider.kept.amount_minor,
            psp=-at_psp,
            said=tuple(said),
            cases=len(cases),
        )


# --- what people and providers do -------------------------------------------------------------------------------


def nothing(process: Process, provider: FakePayments) -> None: ...


def orders(process: Process, provider: FakePayments) -> None:
    """The driver taps; what is not answered is tapped again."""
    with suppress(UserError, NotReady):
        process.wallet.topup(process.lin, yuan(50), process.channel, "tap")


def pays(process: Process, provider: FakePayments) -> None:
    """The driver pays, on the provider's page."""
    for order in list(provider.orders.values()):
        if order.state is OrderState.UNPAID:
            provider.pays(order.order_id)


def is_told(process: Process, provider: FakePayments) -> None:
    """The provider tells of every payment until it is thanked; here it tells anew every time."""
    for order in provider.orders.values():
        if order.state is OrderState.PAID:
            process.notices.take(process.channel, *provider.notice(order))
    process.notices.work(process.channel)


def tops_up(process: Process, provider: FakePayments) -> None:
    for step in (orders, pays, is_told):
        step(process, provider)


def tops_up_untold(process: Process, provider: FakePayments) -> None:
    """No notice ever comes."""
    for step in (orders, pays):
        step(process, provider)
    process.clock.advance(seconds=30)
    for topup in process.wallet.topups(process.lin):
        process.wallet.look_at_topup(topup.id)


def gives_up(process: Process, provider: FakePayments) -> None:
    """Ordered and never paid; the time of the order ends."""
    orders(process, provider)
    process.clock.advance(hours=3)
    for topup in process.wallet.topups(process.lin):
        process.wallet.look_at_topup(topup.id)


def wants_it_back(process: Process, provider: FakePayments) -> None:
    with suppress(UserError):
        process.wallet.refund(process.lin, None, "back")
    process.works_off()


def slow_provider(process: Process, provider: FakePayments) -> None:
    tops_up(process, provider)
    provider.refunds_become = RefundState.SENT


def wants_it_back_and_waits(process: Process, provider: FakePayments) -> None:
    wants_it_back(process, provider)
    provider.refunds_become = RefundState.DONE
    for refund in process.wallet.refunds(process.lin):
        if refund.id in provider.refund_states:
            provider.settles(refund)
            told = provider.notice(provider.refund_report(refund))
            process.notices.take(process.channel, *told)
    process.works_off()


def refusing_provider(process: Process, provider: FakePayments) -> None:
    tops_up(process, provider)
    provider.refunds_become = RefundState.REFUSED


def by_hand_provider(process: Process, provider: FakePayments) -> None:
    tops_up(process, provider)
    provider.refunds_become = RefundState.BY_HAND


def quoted(process: Process, provider: FakePayments) -> None:
    at = process.clock.now()
    with process.database.write() as unit:
        unit.sessions.save_quote(quote(process.channel, user_id=process.lin, at=at), "signed")


def promises(process: Process, provider: FakePayments) -> None:
    """Promised, agreed to, told; and then the driver walks away."""
    with suppress(UserError, NotReady):
        process.wallet.authorise(process.lin, f"quote-{process.channel}", process.channel, "tap")
    for promise in list(provider.promises.values()):
        if promise.state is AuthorisationState.WAITING:
            provider.agrees(promise.order_id)
        process.notices.take(process.channel, *provider.notice(provider.promises[promise.order_id]))
    process.works_off()
    process.clock.advance(minutes=11)
    for topup in process.wallet.topups(process.lin):
        process.wallet.look_at_topup(topup.id)


PAID = End(5000, 0, (TopupState.PAID,), (), 5000, 5000, ("paid",), 0)
BACK = replace(PAID, free=0, refunds=(RefundState.DONE,), kept=0, psp=0, said=("done", "paid"))
SCENARIOS = {
    "top-up": (nothing, tops_up, tops_up, PAID),
    "top-up that nobody tells of": (nothing, tops_up_untold, tops_up_untold, PAID),
    "top-up that nobody pays": (nothing, gives_up, gives_up, End(0, 0, (TopupState.CLOSED,), (), 0, 0, (), 0)),
    "promise of a charge that never began": (
        quoted,
        promises,
        promises,
        replace(PAID, free=0, kept=0, psp=0, said=()),
    ),
    "refund": (tops_up, wants_it_back, wants_it_back, BACK),
    "refund that takes a while": (
        slow_provider,
        wants_it_back_and_waits,
        wants_it_back_and_waits,
        replace(BACK, said=("done", "paid", "sent")),
    ),
    "refund that is refused": (
        refusing_provider,
        wants_it_back,
        wants_it_back,
        replace(PAID, refunds=(RefundState.REFUSED,), said=("paid", "refused"), cases=1),
    ),
    "refund by hand": (
        by_hand_provider,
        wants_it_back,
        wants_it_back,
        replace(PAID, free=0, refunding=5000, refunds=(RefundState.BY_HAND,), said=("by_hand", "paid"), cases=1),
    ),
}


def without_sent(end: End) -> End:
    return replace(end, said=tuple(one for one in end.said if one != "sent"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_anywhere_the_end_is_the_same(scenario: str, sqlite_url: str) -> None:
    survive(scenario, sqlite_url)


@pytest.mark.postgres
@pytest.mark.parametrize("scenario", ["top-up", "refund", "refund that is refused"])
def test_killed_anywhere_on_postgresql(scenario: str, postgres_url: str) -> None:
    survive(scenario, postgres_url)


def survive(scenario: str, url: str) -> None:
    prepare, act, finish, expected = SCENARIOS[scenario]
    database, points = SqlDatabase(open_engine(url)), 0
    for point, end in matrix(Play(database, prepare, act, finish)):
        # "On its way" is left out where a run that was killed heard at once that it had arrived.
        assert without_sent(end) == without_sent(expected), point
        points += bool(point)
    assert points >= 4, "so few points are no matrix"
    with database.read() as unit:
        assert list(unit.ledger.breaches(SetClock().now())) == []
    database.close()
