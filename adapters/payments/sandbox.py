"""The sandbox provider, for one machine without any platform: play money, over real HTTP, with books of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from adapters.http import COMMAND, STATUS, Patience, SupplierHttp
from adapters.payments import sandbox_wire
from core.errors import SupplierUnavailable
from core.money import Money
from core.payments import (
    AuthorisationReport,
    AuthorisationState,
    BadNotice,
    BillKind,
    BillLine,
    Notice,
    OrderReport,
    OrderState,
    PaymentRequest,
    PaymentUnavailable,
    Refund,
    RefundReport,
    RefundState,
    Topup,
)
from core.ports import Clock

CHANNEL = "sandbox"
NOTIFY_PATH = "/pay/sandbox/notify"
CURRENCIES = frozenset({"CNY", "EUR", "GBP", "HKD", "JPY", "KRW", "USD"})
_REFUNDS = {"paid": RefundState.DONE, "processing": RefundState.SENT, "refused": RefundState.REFUSED}


class SandboxPayments:
    """core.ports.PaymentProvider and all its abilities. `notify_url` is where the provider reaches us."""

    channel = CHANNEL
    currencies = CURRENCIES

    def __init__(self, base_url: str, key: bytes, notify_url: str, clock: Clock) -> None:
        self._http = SupplierHttp("sandbox payments", base_url)
        self._key, self._notify_url, self._clock = key, notify_url, clock

    def ping(self) -> str:
        """Raises PaymentUnavailable."""
        self._ask("GET", "/pay/api/orders/ping", STATUS)
        return "play money"

    # --- money in ---------------------------------------------------------------------------------------------

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        return self._open(topup, "payment", description)

    def order(self, topup: Topup) -> OrderReport:
        found = self._ask("GET", f"/pay/api/orders/{topup.id}", STATUS)
        return OrderReport(topup.id, OrderState.UNKNOWN) if found is None else _order(found)

    def close(self, topup: Topup) -> None:
        self._ask("POST", f"/pay/api/orders/{topup.id}/close", COMMAND, {})

    def _open(self, topup: Topup, kind: str, description: str) -> PaymentRequest:
        wish = {
            "order_id": topup.id,
            "kind": kind,
            **_amount(topup.amount),
            "description": description[:100],
            "notify_url": self._notify_url,
            "expires_at": topup.expires_at.isoformat(),
        }
        answer = self._ask("POST", "/pay/api/orders", COMMAND, wish)
        if answer is None:
            raise PaymentUnavailable("the sandbox does not take the order")
        return PaymentRequest("page", {"url": str(answer["page_url"])})

    # --- money back -------------------------------------------------------------------------------------------

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        wish = {"refund_id": refund.id, "order_id": of.id, **_amount(refund.amount)}
        answer = self._ask("POST", "/pay/api/refunds", COMMAND, wish)
        if answer is None:
            return RefundReport(refund.id, RefundState.REFUSED, detail="the sandbox does not know the payment")
        return _refund(answer)

    def refund_report(self, refund: Refund) -> RefundReport:
        answer = self._ask("GET", f"/pay/api/refunds/{refund.id}", STATUS)
        return RefundReport(refund.id, RefundState.ASKED) if answer is None else _refund(answer)

    # --- promises ---------------------------------------------------------------------------------------------

    def authorise(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        return self._open(topup, "promise", description)

    def authorisation(self, topup: Topup) -> AuthorisationReport:
        found = self._ask("GET", f"/pay/api/orders/{topup.id}", STATUS)
        return AuthorisationReport(topup.id, AuthorisationState.UNKNOWN) if found is None else _promise(found)

    def complete(self, topup: Topup, total: Money) -> AuthorisationReport:
        done = self._ask("POST", f"/pay/api/orders/{topup.id}/complete", COMMAND, _amount(total))
        return AuthorisationReport(topup.id, AuthorisationState.UNKNOWN) if done is None else _promise(done)

    # --- what it says ---------------------------------------------------------------------------------------------

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        sandbox_wire.check(self._key, sandbox_wire.NOTICE, NOTIFY_PATH, headers, body, self._clock.now())
        try:
            told = json.loads(body)
            reader = _READERS[told["kind"]]
            return Notice(str(told["id"])[:64], reader(told["about"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadNotice(f"it cannot be read: {type(error).__name__}") from None

    def bill(self, day: date) -> Iterator[BillLine]:
        found = self._ask("GET", f"/pay/api/bill?{urlencode({'day': day.isoformat()})}", STATUS)
        for line in (found or {}).get("lines", ()):
            yield BillLine(
                line_id=str(line["line_id"]),
                kind=BillKind(line["kind"]),
                order_id=str(line["order_id"]),
                transaction=str(line["transaction"]),
                amount=_money(line),
                fee=None,
                day=day,
            )

    # --- the wire -------------------------------------------------------------------------------------------------

    def _ask(self, method: str, target: str, patience: Patience, wish: Mapping[str, Any] | None = None) -> Any:
        """The JSON it answers; None for 404. Raises PaymentUnavailable for everything but a clear answer."""
        body = b"" if wish is None else json.dumps(wish).encode()
        headers = {"Content-Type": "application/json"} | sandbox_wire.signed(
            self._key, sandbox_wire.CALL, f"{method} {target}", body, self._clock.now()
        )
        try:
            reply = self._http.send(method, target, patience, headers=headers, body=lambda: body)
        except SupplierUnavailable as error:
            raise PaymentUnavailable(str(error)) from None
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise PaymentUnavailable(f"the sandbox answers {reply.status}")
        try:
            answer = json.loads(reply.body)
            if not isinstance(answer, dict):
                raise TypeError("not an object")
        except (ValueError, TypeError) as error:
            raise PaymentUnavailable(f"the sandbox cannot be understood: {type(error).__name__}") from None
        return answer


def _amount(amount: Money) -> dict[str, Any]:
    return {"amount_minor": amount.amount_minor, "currency": amount.currency}


def _money(told: Mapping[str, Any]) -> Money:
    return Money(told["amount_minor"], told["currency"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _order(told: Mapping[str, Any]) -> OrderReport:
    return OrderReport(
        order_id=str(told["order_id"]),
        state=OrderState(told["state"]),
        transaction=str(told["transaction"]),
        amount=_money(told),
        paid_at=_moment(told["paid_at"]),
    )


def _promise(told: Mapping[str, Any]) -> AuthorisationReport:
    return AuthorisationReport(
        order_id=str(told["order_id"]),
        state=AuthorisationState(told["state"]),
        limit=_money(told),
        transaction=str(told["transaction"]),
    )


def _refund(told: Mapping[str, Any]) -> RefundReport:
    return RefundReport(
        refund_id=str(told["refund_id"]),
        state=_REFUNDS[told["state"]],
        psp_refund=str(told["psp_refund"]),
        done_at=_moment(told["done_at"]),
        detail=str(told.get("detail", "")),
        amount=_money(told),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], OrderReport | AuthorisationReport | RefundReport]] = {
    "payment": _order,
    "promise": _promise,
    "refund": _refund,
}
