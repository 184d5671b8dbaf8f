"""Our books against the sandbox provider's own, over HTTP: lost notices, tampered amounts, refunds of theirs only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from flask import Flask

from adapters.payments.sandbox import NOTIFY_PATH, SandboxPayments
from adapters.sandbox.payments.routes import PaymentCounter, blueprint
from core.clock import SystemClock
from core.payments import Topup
from core.services.books import BooksService
from core.services.reconciliation import ReconciliationService
from core.services.reconciliation.findings import ZONE
from core.services.wallet import WalletService
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.partner import serving
from tests.storage.money_samples import yuan
from tests.world import SetClock


class House:
    """A wallet with a provider whose notices never arrive: nobody listens where it sends them."""

    def __init__(self, database: SqlDatabase, url: str, counter: PaymentCounter) -> None:
        self.database, self.url, self.theirs = database, url, counter.books
        self.clock = SetClock(datetime.now(UTC))
        provider = SandboxPayments(url, counter.key, f"http://127.0.0.1:9{NOTIFY_PATH}", SystemClock())
        providers = {provider.channel: provider}
        self.wallet = WalletService(database, self.clock, providers, lambda _: None)
        books = BooksService(database, self.clock)
        self.reconciliation = ReconciliationService(database, self.clock, books, self.wallet, {}, providers)
        self.orders = 0

    def pays(self, amount: str) -> Topup:
        """Lin pays on the provider's page."""
        self.orders += 1
        topup, _ = self.wallet.topup("lin", yuan(amount), "sandbox", f"key-{self.orders}")
        order = self.theirs.order(topup.id)
        assert order is not None
        page = f"{self.url}/pay/page/{topup.id}/{order['page_key']}"
        with requests.Session() as http:
            http.trust_env = False
            assert http.post(page, data={"choice": "pay"}, timeout=10).status_code == 200
        return topup

    def heard(self, topup: Topup) -> Topup:
        """We know of it all the same."""
        known = self.wallet.look_at_topup(topup.id)
        assert known is not None
        assert known.psp_transaction
        return known

    def found(self) -> set[str]:
        report = self.reconciliation.run("psp:sandbox", self.clock.now().astimezone(ZONE).date())
        assert report.whole
        return {one.key for one, _ in report.differences}

    def free(self) -> str:
        return str(sum(one.available.decimal for one in self.wallet.wallets("lin")))


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    database = SqlDatabase(open_engine(sqlite_url))
    counter, app = PaymentCounter(tmp_path / "provider"), Flask("provider")
    app.register_blueprint(blueprint(counter))
    with serving(app) as url:
        house = House(database, url, counter)
        yield house
    with database.read() as unit:
        assert list(unit.ledger.breaches(datetime.now(UTC))) == []
    counter.books.close()
    database.close()


def test_a_day_of_payments_and_refunds_agrees(house: House) -> None:
    house.heard(house.pays("50"))
    house.heard(house.pays("30"))
    [refund] = house.wallet.refund("lin", yuan("20"), "back")
    house.wallet.look_at_refund(refund.id)
    assert house.found() == set()
    assert house.free() == "60.00"


def test_a_lost_notice_is_found_asked_for_and_booked(house: House) -> None:
    topup = house.pays("50")
    assert house.free() == "0"
    assert house.found() == {f"payment_not_booked:{topup.id}"}
    assert house.free() == "50.00"
    assert house.found() == set()


def test_a_tampered_amount_of_theirs_is_found_and_not_booked(house: House) -> None:
    topup = house.heard(house.pays("50"))
    house.theirs.change_order(topup.id, paid_minor=4900)
    assert house.found() == {f"payment_amount:{topup.id}"}
    assert house.free() == "50.00"


def test_a_payment_that_is_gone_from_their_books_is_found_after_a_day(house: House) -> None:
    topup = house.heard(house.pays("50"))
    house.theirs.change_order(topup.id, state="unpaid", paid_at=None)
    assert house.found() == set()
    house.clock.advance(days=1)
    assert house.found() == {f"payment_not_theirs:{topup.id}"}
    assert house.free() == "50.00"


def test_a_refund_of_theirs_only_is_found_and_not_booked(house: House) -> None:
    topup = house.heard(house.pays("50"))
    at = datetime.now(UTC).isoformat()
    house.theirs.add_refund(
        {
            "refund_id": "NEVER",
            "order_id": topup.id,
            "amount_minor": 700,
            "currency": "CNY",
            "state": "paid",
            "psp_refund": "B1",
            "asked_at": at,
            "done_at": at,
            "detail": "",
        }
    )
    [found] = house.found()
    assert found.startswith("refund_unknown:")
    assert house.free() == "50.00"
