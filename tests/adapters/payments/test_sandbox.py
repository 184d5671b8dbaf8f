"""The sandbox provider over real HTTP: the contract, its page, and its bad days as it has them on request."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, request

from adapters.payments import sandbox_wire
from adapters.payments.config import look_at
from adapters.payments.sandbox import NOTIFY_PATH, SandboxPayments
from adapters.sandbox.payments.books import Row
from adapters.sandbox.payments.house import order_view, refund_view
from adapters.sandbox.payments.routes import PaymentCounter, blueprint
from core.clock import SystemClock
from core.money import Money
from core.payments import BadNotice, OrderReport, OrderState, PaymentUnavailable, RefundState
from tests.adapters.ocpi.partner import serving
from tests.contracts.payments import Notice, PaymentContract, PromiseContract, new_order, new_refund

WITHIN_S = 30.0


class Merchant:
    """Where notices arrive: kept as they came."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.answers = 204

    def app(self) -> Flask:
        app = Flask("merchant")

        @app.post(NOTIFY_PATH)
        def notify() -> Response:
            self.heard.append((dict(request.headers), request.get_data()))
            return Response(status=self.answers)

        return app

    def wait_for(self, count: int) -> list[Notice]:
        deadline = time.monotonic() + WITHIN_S
        while len(self.heard) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(self.heard) >= count, f"{len(self.heard)} of {count} notices came"
        return self.heard


class Desk:
    """tests.contracts.payments.PaymentDesk."""

    payer = ""

    def __init__(self, url: str, merchant_url: str, counter: PaymentCounter, merchant: Merchant) -> None:
        self.url, self.counter, self.merchant = url, counter, merchant
        self.provider = SandboxPayments(url, counter.key, merchant_url + NOTIFY_PATH, SystemClock())
        self.http = requests.Session()
        self.http.trust_env = False
        self.heard_calls = 0

    def page_of(self, order_id: str) -> str:
        order = self.counter.books.order(order_id)
        assert order is not None
        return f"{self.url}/pay/page/{order_id}/{order['page_key']}"

    def pays(self, order_id: str) -> None:
        assert self.http.post(self.page_of(order_id), data={"choice": "pay"}, timeout=10).status_code == 200

    agrees = pays

    def notice(self, order_id: str) -> Notice:
        return self._notice(order_id, self.counter.key, datetime.now(UTC))

    def old_notice(self, order_id: str) -> Notice:
        return self._notice(order_id, self.counter.key, datetime.now(UTC) - timedelta(minutes=10))

    def forged_notice(self, order_id: str) -> Notice:
        return self._notice(order_id, b"another key", datetime.now(UTC))

    def _notice(self, number: str, key: bytes, at: datetime) -> Notice:
        books = self.counter.books
        if (order := books.order(number)) is not None:
            kind, about = order["kind"], order_view(order)
        else:
            refund = books.refund(number)
            assert refund is not None
            kind, about = "refund", refund_view(refund)
        body = json.dumps({"id": f"N{number}", "kind": kind, "about": about}).encode()
        return sandbox_wire.signed(key, sandbox_wire.NOTICE, NOTIFY_PATH, body, at), body

    def paid_back(self) -> int:
        return sum(one["amount_minor"] for one in self.refunds() if one["state"] == "paid")

    def refunds(self) -> list[Row]:
        return self.counter.books.everything()["refunds"]

    def fault(self, name: str | None, **more: Any) -> None:
        reply = self.http.post(f"{self.url}/pay/control/faults", json={"fault": name, **more}, timeout=10)
        assert reply.status_code == 204, reply.text

    @contextmanager
    def bad_day(self, name: str, **more: Any) -> Iterator[None]:
        self.fault(name, **more)
        try:
            yield
        finally:
            self.fault(None)

    def silent(self) -> Any:
        return self.bad_day("broken")

    def cut(self) -> Any:
        return self.bad_day("cut")

    def calls(self) -> int:
        return self.heard_calls

    def day(self) -> date:
        return datetime.now(UTC).date()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    counter, merchant = PaymentCounter(tmp_path), Merchant()
    app = Flask("sandbox")
    app.register_blueprint(blueprint(counter))
    counter.start()
    with serving(app) as url, serving(merchant.app()) as merchant_url:
        desk = Desk(url, merchant_url, counter, merchant)

        @app.before_request
        def count() -> None:
            desk.heard_calls += 1

        yield desk
        counter.stop()


class TestSandbox(PaymentContract, PromiseContract):
    """The shared promises."""


# --- the page ---------------------------------------------------------------------------------------------------


def test_the_driver_pays_on_a_page(desk: Desk) -> None:
    order = new_order()
    url = str(desk.provider.request(order, "Top-up <b>Lin</b>", "").fields["url"])
    page = desk.http.get(url, timeout=10)
    assert page.status_code == 200
    assert "¥50.00" in page.text
    assert "Top-up &lt;b&gt;Lin&lt;/b&gt;" in page.text
    assert re.findall(r'value="(\w+)"', page.text) == ["pay", "refuse"]
    paid = desk.http.post(url, data={"choice": "pay"}, timeout=10)
    assert "Paid 已付款" in paid.text
    assert desk.provider.order(order).state is OrderState.PAID
    assert desk.http.post(url, data={"choice": "pay"}, timeout=10).status_code == 409
    assert "Paid" in desk.http.get(url, timeout=10).text


def test_the_driver_refuses(desk: Desk) -> None:
    order = new_order()
    url = str(desk.provider.request(order, "Kilowatch", "").fields["url"])
    assert "Closed" in desk.http.post(url, data={"choice": "refuse"}, timeout=10).text
    assert desk.provider.order(order).state is OrderState.CLOSED
    assert desk.http.post(url, data={"choice": "pay"}, timeout=10).status_code == 409


def test_a_page_needs_its_key_and_a_choice(desk: Desk) -> None:
    order = new_order()
    url = str(desk.provider.request(order, "Kilowatch", "").fields["url"])
    assert desk.http.get(f"{desk.url}/pay/page/{order.id}/guessed", timeout=10).status_code == 404
    assert desk.http.get(f"{desk.url}/pay/page/T-nobody/guessed", timeout=10).status_code == 404
    assert desk.http.post(url, data={"choice": "what?"}, timeout=10).status_code == 400


def test_an_order_that_is_over_takes_no_money(desk: Desk) -> None:
    order = replace(new_order(), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    url = str(desk.provider.request(order, "Kilowatch", "").fields["url"])
    assert desk.http.post(url, data={"choice": "pay"}, timeout=10).status_code == 409
    assert desk.provider.order(order).state is OrderState.CLOSED


# --- its notices ------------------------------------------------------------------------------------------------


def told(desk: Desk, count: int = 1) -> list[OrderReport]:
    notices = [desk.provider.read_notice(*one) for one in desk.merchant.wait_for(count)]
    return [one.report for one in notices]  # type: ignore[misc]  # only orders here


def pay(desk: Desk) -> str:
    order = new_order()
    desk.provider.request(order, "Kilowatch", "")
    desk.pays(order.id)
    return order.id


def test_a_payment_is_told(desk: Desk) -> None:
    order_id = pay(desk)
    [report] = told(desk)
    assert (report.order_id, report.state, report.amount) == (order_id, OrderState.PAID, Money(5000, "CNY"))


def test_told_until_it_is_heard(desk: Desk) -> None:
    desk.merchant.answers = 503
    pay(desk)
    desk.merchant.wait_for(1)
    desk.merchant.answers = 204
    assert len(set(map(str, told(desk, 2)))) == 1
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        [notice] = desk.counter.books.everything()["notices"]
        if notice["outcome"] == "acknowledged":
            break
        time.sleep(0.02)
    assert (notice["outcome"], notice["tries"]) == ("acknowledged", 2)


@pytest.mark.parametrize(("fault", "keys"), [("notice_twice", 2), ("notice_repeated", 1)])
def test_told_twice(desk: Desk, fault: str, keys: int) -> None:
    with desk.bad_day(fault):
        pay(desk)
        heard = desk.merchant.wait_for(2)
        notices = [desk.provider.read_notice(*one) for one in heard]
    assert len({one.key for one in notices}) == keys
    assert notices[0].report == notices[1].report


def test_never_told_late_and_forged(desk: Desk) -> None:
    with desk.bad_day("notice_never"):
        silent = pay(desk)
    with desk.bad_day("notice_late", delay_s=3600):
        late = pay(desk)
    with desk.bad_day("notice_forged"):
        pay(desk)
        [forged] = desk.merchant.wait_for(1)
        with pytest.raises(BadNotice):
            desk.provider.read_notice(*forged)
    for order_id in (silent, late):
        assert desk.provider.order(replace(new_order(), id=order_id)).state is OrderState.PAID
    assert len(desk.merchant.heard) == 1


@pytest.mark.parametrize(
    ("fault", "amount"), [("wrong_amount", Money(5001, "CNY")), ("wrong_currency", Money(5000, "USD"))]
)
def test_another_amount_is_paid(desk: Desk, fault: str, amount: Money) -> None:
    with desk.bad_day(fault):
        order_id = pay(desk)
    [report] = told(desk)
    assert (report.order_id, report.amount) == (order_id, amount)
    assert desk.provider.order(replace(new_order(), id=order_id)).amount == amount


def test_a_notice_about_nothing(desk: Desk) -> None:
    with desk.bad_day("unknown_order"):
        order_id = pay(desk)
    [report] = told(desk)
    assert report.order_id != order_id


# --- its other bad days -----------------------------------------------------------------------------------------


def paid_order(desk: Desk):
    order = new_order()
    desk.provider.request(order, "Kilowatch", "")
    desk.pays(order.id)
    return order


def test_refunds_refused_and_slow(desk: Desk) -> None:
    order = paid_order(desk)
    with desk.bad_day("refund_refused"):
        refused = desk.provider.refund(new_refund(order, 1000), order)
    assert (refused.state, refused.detail) == (RefundState.REFUSED, "the account cannot take it")
    slow = new_refund(order, 5000)
    with desk.bad_day("refund_slow"):
        assert desk.provider.refund(slow, order).state is RefundState.SENT
        assert desk.provider.refund_report(slow).state is RefundState.SENT
        assert desk.paid_back() == 0
    assert desk.provider.refund_report(slow).state is RefundState.DONE
    assert desk.paid_back() == 5000


def test_slow_answers_are_silence(desk: Desk) -> None:
    order = new_order()
    with desk.bad_day("slow", delay_s=30):
        timer = threading.Timer(6.0, lambda: desk.fault(None))  # lets the server's thread go
        timer.start()
        with pytest.raises(PaymentUnavailable):
            desk.provider.order(order)
        timer.join()


def test_only_we_may_call_it(desk: Desk) -> None:
    stranger = SandboxPayments(desk.url, b"another key", "http://127.0.0.1:1/", SystemClock())
    with pytest.raises(PaymentUnavailable, match="401"):
        stranger.order(new_order())
    elsewhere = SandboxPayments(desk.url, desk.counter.key, "https://example.com/notify", SystemClock())
    with pytest.raises(PaymentUnavailable, match="400"):
        elsewhere.request(new_order(), "Kilowatch", "")


def test_its_levers_are_for_this_machine_and_for_programs(desk: Desk) -> None:
    form = desk.http.post(f"{desk.url}/pay/control/faults", data={"fault": "broken"}, timeout=10)
    assert form.status_code == 415
    assert desk.http.get(f"{desk.url}/pay/control/books", timeout=10).json()["orders"] == []


def test_one_number_is_one_order(desk: Desk) -> None:
    order = new_order()
    desk.provider.request(order, "Kilowatch", "")
    with pytest.raises(PaymentUnavailable, match="409"):
        desk.provider.request(replace(order, amount=Money(1, "CNY")), "Kilowatch", "")


def test_the_key_is_made_once_and_is_nobodys_else(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    keys: list[bytes] = []
    makers = [threading.Thread(target=lambda: keys.append(sandbox_wire.shared_key(folder))) for _ in range(4)]
    for one in makers:
        one.start()
    for one in makers:
        one.join()
    assert len(set(keys)) == 1
    assert len(keys[0]) == 64
    assert (folder / sandbox_wire.KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_call_is_no_notice(desk: Desk) -> None:
    """The same key signs both; one never passes for the other."""
    body = json.dumps({"id": "N", "kind": "payment", "about": {}}).encode()
    headers = sandbox_wire.signed(desk.counter.key, sandbox_wire.CALL, NOTIFY_PATH, body, datetime.now(UTC))
    with pytest.raises(BadNotice):
        desk.provider.read_notice(headers, body)


def test_the_doctor_hears_how_it_is(desk: Desk) -> None:
    assert look_at({"sandbox": desk.provider}) == "sandbox: play money"
    with desk.bad_day("broken"), pytest.raises(PaymentUnavailable):
        look_at({"sandbox": desk.provider})
