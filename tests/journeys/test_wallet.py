"""A driver's money, from the log-in to the last line of the statement: our API, the sandbox provider's own books and
page, and its notices, all over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

import web
from adapters.payments import callbacks
from adapters.payments.sandbox import CHANNEL, NOTIFY_PATH, SandboxPayments
from adapters.sandbox.payments.routes import PaymentCounter, blueprint
from core.clock import SystemClock
from core.services.wallet.notices import PaymentNotices
from tests.adapters.ocpi.partner import serving
from tests.bots.driving import Driving
from tests.world import World, make_world

WITHIN = timedelta(seconds=60)


@dataclass
class Shop:
    url: str
    world: World
    driving: Driving
    provider_url: str
    token: str = ""
    wishes: int = 0

    def asks(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        self.wishes += 1
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "en"} if self.token else {}
        if method == "POST":
            headers["Idempotency-Key"] = key or f"journey-wish-{self.wishes}"
        answer = requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def balance(self) -> tuple[int, int, int]:
        (one,) = self.asks("GET", "/wallet")["balances"]
        return tuple(one[pot]["amount_minor"] for pot in ("available", "held", "refunding"))

    def provider_books(self) -> Any:
        return requests.get(f"{self.provider_url}/pay/control/books", timeout=30).json()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    world = make_world(tmp_path)
    world.clock.time = datetime.now(UTC)  # the provider's clock is the wall's
    driving, services = Driving(world), world.services
    counter, provider = PaymentCounter(tmp_path / "provider"), Flask("provider")
    provider.register_blueprint(blueprint(counter))
    app = web.create_app(services)
    providers: Any = services.wallet._till.providers
    with serving(provider) as provider_url, serving(app) as url:
        sandbox = SandboxPayments(provider_url, counter.key, url + NOTIFY_PATH, SystemClock())
        providers[CHANNEL] = sandbox
        notices = PaymentNotices(services.inbox, services.wallet, {CHANNEL: sandbox})
        # `work` is what the worker does, here at once.
        app.register_blueprint(callbacks.blueprint([CHANNEL], notices.take, notices.work))
        counter.start()
        yield Shop(url, world, driving, provider_url)
        counter.stop()


def waited(ready: Any) -> Any:
    end = datetime.now(UTC) + WITHIN
    while not (found := ready()):
        assert datetime.now(UTC) < end, "it did not come"
        time.sleep(0.05)
    return found


def test_in_out_and_why(shop: Shop) -> None:
    """Log in by a name, top up ¥50 on the provider's page, charge, take the rest back, read the statement."""
    shop.token = shop.asks("POST", "/auth/local", {"name": "lin"})["token"]
    fifty = {"channel": CHANNEL, "amount": {"amount_minor": 5000, "currency": "CNY"}}
    made = shop.asks("POST", "/wallet/topups", fifty, key="one-tap-of-lin")
    assert shop.asks("POST", "/wallet/topups", fifty, key="one-tap-of-lin") == made
    page = requests.get(made["pay"]["fields"]["url"], timeout=30)
    assert "50.00" in page.text
    for _ in range(2):  # an impatient driver
        requests.post(made["pay"]["fields"]["url"], data={"choice": "pay"}, timeout=30)
    # By the provider's notice alone: nobody asks about the order.
    waited(lambda: shop.asks("GET", "/wallet")["balances"])
    assert shop.balance() == (5000, 0, 0)

    ref = shop.driving.guns[0]
    quoted = shop.asks(
        "POST", "/quotes", {"gun": {"operator_id": ref.operator_id, "id": ref.connector_id}, "kwh": "20"}
    )
    begun = shop.asks("POST", "/sessions", {"quote_id": quoted["id"]})
    assert shop.balance() == (1200, 3800, 0)
    shop.driving.runs_jobs()
    shop.driving.ends(shop.driving.now_by_id(begun["id"]))
    paper = shop.asks("GET", f"/sessions/{begun['id']}/receipt")
    paid = paper["paid"]["amount_minor"]
    assert paper["as_agreed"] is True
    assert shop.balance() == (5000 - paid, 0, 0)

    preview = shop.asks("GET", f"/wallet/refunds/preview?amount_minor={5000 - paid}&currency=CNY")
    assert [one["channel"] for one in preview["ways"]] == [CHANNEL]
    shop.asks("POST", "/wallet/refunds", {"amount": "all"}, key="all-of-it-back")
    assert shop.balance() == (0, 0, 5000 - paid)
    shop.asks("POST", "/wallet/refunds", {"amount": "all"}, key="all-of-it-back")
    shop.driving.runs_jobs()
    (refund,) = waited(
        lambda: [one for one in shop.asks("GET", "/wallet/refunds")["refunds"] if one["state"] == "done"]
    )
    assert [step["state"] for step in refund["steps"]] == ["asked", "sent", "done"]
    assert shop.balance() == (0, 0, 0)

    lines = shop.asks("GET", "/wallet/statement")["lines"]
    assert [one["cause"] for one in reversed(lines)] == ["topup", "hold", "capture", "release", "refund", "refunded"]
    assert sum(one["available"]["amount_minor"] for one in lines) == 0
    assert all(one["reason"]["text"] and one["reference"] for one in lines)
    charge = [one for one in lines if one["session_id"]]
    assert {(one["gun"], one["per_kwh"], one["session_id"]) for one in charge} == {("P1-1", "1.5", begun["id"])}
    books = shop.provider_books()
    assert len([one for one in books["orders"] if one["state"] == "paid"]) == 1
    with shop.world.services.database.read() as unit:
        assert list(unit.ledger.breaches(shop.world.clock.now())) == []
