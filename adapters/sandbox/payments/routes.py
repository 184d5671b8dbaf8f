"""The provider's HTTP: an interface for the merchant, a page for the driver, levers for tests. Loopback only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from html import escape
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from adapters.payments import sandbox_wire
from adapters.sandbox.payments.books import Books, Row
from adapters.sandbox.payments.faults import PaymentFault, PaymentFaults
from adapters.sandbox.payments.house import PAGE_KINDS, ProviderHouse, Refused, order_view, refund_view
from adapters.sandbox.payments.telling import Teller
from core.money import Money, is_currency
from core.payments import BadNotice

PREFIX = "/pay"
_MOST_MINOR = 10**12
_LONGEST_S = 30.0


class PaymentCounter:
    """Everything behind the routes. `teller` runs from `start` on."""

    def __init__(self, data_dir: Path) -> None:
        self.books, self.faults = Books(data_dir / "payments.sqlite"), PaymentFaults()
        self.key = sandbox_wire.shared_key(data_dir)
        self.house = ProviderHouse(self.books, self.faults)
        self.teller = Teller(self.books, self.faults, self.key)

    def start(self) -> None:
        self.teller.start()

    def stop(self) -> None:
        self.teller.stop()


def blueprint(counter: PaymentCounter) -> Blueprint:
    routes = Blueprint("sandbox_payments", __name__, url_prefix=PREFIX)
    api, page = _Api(counter), _Page(counter)
    for rule, view, method in (
        ("/api/orders", api.open_order, "POST"),
        ("/api/orders/<order_id>", api.order, "GET"),
        ("/api/orders/<order_id>/close", api.close, "POST"),
        ("/api/orders/<order_id>/complete", api.complete, "POST"),
        ("/api/refunds", api.refund, "POST"),
        ("/api/refunds/<refund_id>", api.known_refund, "GET"),
        ("/api/bill", api.bill, "GET"),
        ("/page/<order_id>/<page_key>", page.show, "GET"),
        ("/page/<order_id>/<page_key>", page.answer, "POST"),
        ("/control/books", api.everything, "GET"),
        ("/control/faults", api.set_fault, "POST"),
    ):
        routes.add_url_rule(rule, f"{view.__name__}_{method}", view, methods=[method])
    routes.register_error_handler(Refused, _refused)
    return routes


def _refused(refusal: Refused) -> tuple[Response, int]:
    return jsonify(error=str(refusal)), refusal.status


class _Api:
    def __init__(self, counter: PaymentCounter) -> None:
        self._counter, self._house = counter, counter.house

    def open_order(self) -> Response:
        wish = self._wish("order_id", "kind", "description", "notify_url", "expires_at")
        if wish["kind"] not in PAGE_KINDS or not _is_local(urlsplit(wish["notify_url"]).hostname):
            raise Refused(400, "a kind we know, and an address on this machine")
        datetime.fromisoformat(wish["expires_at"])
        order = self._house.open_order(wish)
        url = f"{request.host_url}pay/page/{order['order_id']}/{order['page_key']}"
        return self._answer({"page_url": url})

    def order(self, order_id: str) -> Response:
        self._heard()
        return self._answer(order_view(self._house.order(order_id)))

    def close(self, order_id: str) -> Response:
        self._heard()
        return self._answer(order_view(self._house.close(order_id)))

    def complete(self, order_id: str) -> Response:
        wish = self._wish()
        return self._answer(order_view(self._house.complete(order_id, wish["amount_minor"])))

    def refund(self) -> Response:
        return self._answer(refund_view(self._house.refund(self._wish("refund_id", "order_id"))))

    def known_refund(self, refund_id: str) -> Response:
        self._heard()
        return self._answer(refund_view(self._house.known_refund(refund_id)))

    def bill(self) -> Response:
        self._heard()
        try:
            day = date.fromisoformat(request.args.get("day", ""))
        except ValueError:
            raise Refused(400, "which day?") from None
        return self._answer({"lines": self._house.bill(day)})

    def everything(self) -> Response:
        _from_here()
        return jsonify(self._counter.books.everything())

    def set_fault(self) -> Response:
        """{"fault": name, "delay_s": n}; {"fault": null} ends all, and pays out what was slow."""
        _from_here()
        wish = request.get_json()
        if wish["fault"] is None:
            self._counter.faults.clear()
            self._house.pay_out()
        else:
            self._counter.faults.set(PaymentFault(wish["fault"]), wish)
        return Response(status=204)

    # --- hearing and answering ----------------------------------------------------------------------------------

    def _heard(self) -> bytes:
        """The body of a call that bears the merchant's signature, after the bad days had their way."""
        faults, body = self._counter.faults, request.get_data()
        target = f"{request.method} {request.full_path.rstrip('?')}"
        try:
            sandbox_wire.check(
                self._counter.key, sandbox_wire.CALL, target, dict(request.headers), body, datetime.now(UTC)
            )
        except BadNotice as bad:
            raise Refused(401, str(bad)) from None
        if (delay_s := faults.seconds(PaymentFault.SLOW, _LONGEST_S)) > 0:
            faults.sit_out(min(delay_s, _LONGEST_S))
        if faults.has(PaymentFault.BROKEN):
            raise Refused(500, "out of order")
        return body

    def _wish(self, *texts: str) -> Row:
        """A JSON object with these texts, and an amount."""
        try:
            wish: Row = json.loads(self._heard())
            amount, currency = wish["amount_minor"], wish["currency"]
            good = type(amount) is int and 0 <= amount <= _MOST_MINOR and is_currency(currency)
            if not good or not all(isinstance(wish[name], str) and 0 < len(wish[name]) <= 500 for name in texts):
                raise ValueError("a field is not what it should be")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(400, f"not understood: {error}") from None
        return wish

    def _answer(self, document: Mapping[str, Any]) -> Response:
        if not self._counter.faults.has(PaymentFault.CUT):
            return jsonify(document)
        text = json.dumps(document).encode()

        def half() -> Any:
            yield text[: len(text) // 2]
            raise ConnectionAbortedError("cut as wished")

        return Response(half(), headers={"Content-Length": str(len(text))}, content_type="application/json")


class _Page:
    """What the driver sees. Both languages at once: this provider is nobody's."""

    def __init__(self, counter: PaymentCounter) -> None:
        self._house = counter.house

    def show(self, order_id: str, page_key: str) -> Response:
        return _html(self._order(order_id, page_key))

    def answer(self, order_id: str, page_key: str) -> Response:
        order = self._order(order_id, page_key)
        choice = request.form.get("choice")
        if choice == "pay":
            order = self._house.says_yes(order["order_id"])
        elif choice == "refuse":
            order = self._house.says_no(order["order_id"])
        else:
            abort(400)
        return _html(order)

    def _order(self, order_id: str, page_key: str) -> Row:
        order = self._house.order(order_id)
        if order["page_key"] != page_key:
            abort(404)
        return order


_STATES = {
    "paid": "Paid 已付款",
    "authorised": "Agreed 已同意",
    "completed": "Charged 已扣款",
    "closed": "Closed 已关闭",
    "cancelled": "Cancelled 已取消",
}


def _html(order: Row) -> Response:
    amount = Money(order["amount_minor"], order["currency"])
    sum_ = f"{'¥' if amount.currency == 'CNY' else amount.currency + ' '}{amount.decimal}"
    verb = "Pay 支付" if order["kind"] == "payment" else "Agree to at most 同意最多"
    if (said := _STATES.get(order_view(order)["state"])) is None:
        body = (
            f'<form method="post"><button name="choice" value="pay">{verb} {sum_}</button>'
            '<button name="choice" value="refuse">Refuse 拒绝</button></form>'
        )
    else:
        body = f"<p>{said}. You may go back now. 可以返回了。</p>"
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Sandbox payment 沙盒支付</title>"
        "<style>body{font:18px/1.5 sans-serif;margin:2rem auto;max-width:24rem;padding:0 1rem}"
        "button{font:inherit;display:block;width:100%;padding:.8rem;margin:.8rem 0}</style>"
        "<h1>Play money 模拟付款</h1>"
        f"<p>{escape(order['description'])}</p><p><b>{sum_}</b></p>{body}</html>"
    )
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    response.headers["Cache-Control"] = "no-store"
    return response


def _from_here() -> None:
    if not _is_local(request.remote_addr):
        abort(403)
    if request.method == "POST" and request.mimetype != "application/json":
        abort(415)  # a page in a browser cannot send this across origins


def _is_local(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return address == "localhost"
