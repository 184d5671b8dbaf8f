"""The callbacks: stored before we say thank you, worked off once, one answer for everything bad."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from adapters.payments.callbacks import MOST_BODY_BYTES, blueprint
from adapters.payments.sandbox import NOTIFY_PATH, SandboxPayments
from core.clock import SystemClock
from core.money import Money
from core.ports import CaseKind, InboxState
from core.services.inbox import Inbox
from core.services.outbox import OutboxService
from core.services.wallet import WalletService
from core.services.wallet.notices import PaymentNotices, source_of
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.partner import serving
from tests.adapters.payments.test_sandbox import Desk, Merchant
from tests.adapters.payments.test_sandbox import desk as sandbox_desk
from tests.world import NoQueue

desk = sandbox_desk


class Counter:
    """Our side: wallet, inbox, callbacks. The clock is the real one, as the provider's is."""

    def __init__(self, database: SqlDatabase, desk: Desk) -> None:
        clock = SystemClock()
        self.database, self.desk, self.inbox = database, desk, Inbox(database, clock)
        providers = {"sandbox": desk.provider}
        self.wallet = WalletService(database, clock, providers, OutboxService(database, clock, NoQueue(), {}).ring)
        self.notices = PaymentNotices(self.inbox, self.wallet, providers)
        self.rung: list[str] = []
        app = Flask("callbacks")
        app.register_blueprint(blueprint(self.notices.channels, self.notices.take, self.rung.append))
        self.http = Client(app)

    def order(self, amount: int = 5000) -> str:
        topup, _ = self.wallet.topup("lin", Money(amount, "CNY"), "sandbox", "k")
        return topup.id

    def tell(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        started = time.monotonic()
        answer = self.http.post(NOTIFY_PATH, headers=headers, data=body)
        assert time.monotonic() - started < 3.0, "the provider gives up after three seconds"
        return answer.status_code, answer.text

    def money(self) -> list[Money]:
        return [one.available for one in self.wallet.wallets("lin")]


@pytest.fixture
def counter(database: SqlDatabase, desk: Desk) -> Iterator[Counter]:
    yield Counter(database, desk)
    with database.read() as unit:
        assert list(unit.ledger.breaches(SystemClock().now())) == []


def test_stored_first_and_worked_off_once(counter: Counter) -> None:
    order_id = counter.order()
    counter.desk.pays(order_id)
    headers, body = counter.desk.notice(order_id)
    assert counter.tell(headers, body) == (204, "")
    assert counter.inbox.counts() == {(source_of("sandbox"), "new"): 1}
    assert counter.money() == []
    assert counter.rung == ["sandbox"]
    assert counter.tell(headers, body) == (204, "")  # a repetition: thanked for, not rung for
    assert counter.rung == ["sandbox"]
    assert counter.notices.work("sandbox") == 1
    assert counter.notices.work("sandbox") == 0
    assert counter.money() == [Money(5000, "CNY")]
    # Told again after it was worked off.
    assert counter.tell(headers, body) == (204, "")
    assert counter.notices.work("sandbox") == 0
    assert counter.inbox.reply(source_of("sandbox"), f"N{order_id}") == (InboxState.DONE, "")


def test_everything_bad_has_one_answer(counter: Counter) -> None:
    order_id = counter.order()
    counter.desk.pays(order_id)
    headers, body = counter.desk.notice(order_id)
    answers = {
        counter.tell(*counter.desk.forged_notice(order_id)),
        counter.tell(*counter.desk.old_notice(order_id)),
        counter.tell({}, b""),
        counter.tell(headers, body[:-1]),
        counter.tell(headers, b"x" * (MOST_BODY_BYTES + 1)),
        counter.tell(headers, b"\xff"),
    }
    assert answers == {(401, '{"code": "FAIL", "message": "refused"}')}
    assert counter.inbox.counts() == {}
    assert counter.rung == []


def test_a_store_that_is_away_makes_them_tell_us_again(counter: Counter, database: SqlDatabase) -> None:
    order_id = counter.order()
    counter.desk.pays(order_id)
    headers, body = counter.desk.notice(order_id)
    with database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE inbox RENAME TO inbox_gone")
    assert counter.tell(headers, body)[0] == 503
    with database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE inbox_gone RENAME TO inbox")
    assert counter.tell(headers, body)[0] == 204


@pytest.mark.parametrize("fault", ["wrong_amount", "wrong_currency", "unknown_order"])
def test_what_does_not_fit_is_kept_and_not_booked(counter: Counter, fault: str) -> None:
    with counter.desk.bad_day(fault):
        counter.desk.pays(counter.order())
        [notice] = counter.desk.merchant.wait_for(1)
        assert counter.tell(*notice)[0] == 204
    counter.notices.work("sandbox")
    assert counter.money() == []
    with counter.database.read() as unit:
        assert len(unit.cases.listed(kind=CaseKind.TOPUP)) == 1


def test_told_out_of_order(counter: Counter) -> None:
    """The refund's notice overtakes the payment's."""
    order_id = counter.order()
    counter.desk.pays(order_id)
    payment = counter.desk.notice(order_id)
    counter.wallet.check_topup("lin", order_id)
    [refund] = counter.wallet.refund("lin", None, "k")
    counter.wallet.look_at_refund(refund.id)
    for notice in (counter.desk.notice(refund.id), payment):
        assert counter.tell(*notice)[0] == 204
        counter.notices.work("sandbox")
    assert counter.money() == [Money(0, "CNY")]
    assert counter.desk.paid_back() == 5000


def test_only_the_channels_that_are_set_up(database: SqlDatabase, tmp_path: Path) -> None:
    inbox, clock = Inbox(database, SystemClock()), SystemClock()
    wallet = WalletService(database, clock, {}, lambda row: None)
    notices = PaymentNotices(inbox, wallet, {})
    app = Flask("callbacks")
    app.register_blueprint(blueprint(notices.channels, notices.take, lambda channel: None))
    for path in (NOTIFY_PATH, "/pay/wechat/notify"):
        assert Client(app).post(path, data=b"{}").status_code == 404


# --- the whole way --------------------------------------------------------------------------------------------------


def test_journey_paid_on_the_page_seen_in_the_wallet_and_all_of_it_back(counter: Counter, desk: Desk) -> None:
    """Pay page over HTTP, its notice over HTTP, wallet, refund, and two sets of books that agree."""
    assert counter.http.application is not None
    with serving(counter.http.application) as url:  # type: ignore[arg-type]  # it is the Flask application
        here = SandboxPayments(desk.url, desk.counter.key, url + NOTIFY_PATH, SystemClock())
        desk.provider = here
        lin = Counter(counter.database, desk)
        topup, request = lin.wallet.topup("lin", Money(5000, "CNY"), "sandbox", "tap-1")
        page = desk.http.get(str(request.fields["url"]), timeout=10)
        assert "Pay 支付 ¥50.00" in page.text
        desk.http.post(str(request.fields["url"]), data={"choice": "pay"}, timeout=10)
        deadline = time.monotonic() + 30
        while not lin.money() and time.monotonic() < deadline:
            lin.notices.work("sandbox")
            time.sleep(0.02)
        assert lin.money() == [Money(5000, "CNY")]
        [line] = lin.wallet.statement("lin")
        assert line.order_id == topup.id
        [refund] = lin.wallet.refund("lin", None, "tap-2")
        done = lin.wallet.look_at_refund(refund.id)
        assert done.amount == Money(5000, "CNY")
        assert lin.money() == [Money(0, "CNY")]
    books = desk.http.get(f"{desk.url}/pay/control/books", timeout=10).json()
    [order], [back] = books["orders"], books["refunds"]
    assert (order["order_id"], order["state"], order["paid_minor"]) == (topup.id, "paid", 5000)
    assert order["transaction"] == lin.wallet.topups("lin")[0].psp_transaction
    assert (back["refund_id"], back["state"], back["amount_minor"]) == (refund.id, "paid", 5000)


def test_a_merchant_that_hears_nothing_is_no_loss(desk: Desk, database: SqlDatabase) -> None:
    """No notice at all: found by asking."""
    assert isinstance(desk.merchant, Merchant)
    counter = Counter(database, desk)
    with desk.bad_day("notice_never"):
        order_id = counter.order()
        desk.pays(order_id)
    counter.wallet.look_at_topup(order_id)
    assert counter.money() == [Money(5000, "CNY")]
