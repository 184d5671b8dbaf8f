"""A payment provider in memory with books of its own: it behaves, and can be told to misbehave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

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
from core.services.wallet.notices import from_text, to_text


@dataclass
class FakePayments:
    """Orders and refunds by our numbers. The driver is `pays`; what the provider knows of is in `orders`."""

    clock: Clock
    channel: str = "sandbox"
    currencies: frozenset[str] = frozenset({"CNY", "EUR", "JPY"})
    orders: dict[str, OrderReport] = field(default_factory=dict)
    paid_back: dict[str, Refund] = field(default_factory=dict)
    promises: dict[str, AuthorisationReport] = field(default_factory=dict)
    taken: dict[str, Money] = field(default_factory=dict)
    refunds_become: RefundState = RefundState.DONE
    refund_states: dict[str, RefundState] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _is_silent: bool = False

    # --- the driver, and the weather --------------------------------------------------------------------------

    def pays(self, order_id: str, amount: Money | None = None, transaction: str = "") -> OrderReport:
        order = self.orders[order_id]
        assert order.state is OrderState.UNPAID
        paid = replace(
            order,
            state=OrderState.PAID,
            transaction=transaction or f"tx-{order_id}",
            amount=amount or order.amount,
            paid_at=self.clock.now(),
        )
        self.orders[order_id] = paid
        return paid

    def settles(self, refund: Refund, state: RefundState = RefundState.DONE) -> None:
        """What the provider makes of a refund that it was ordered to pay out."""
        self.refund_states[refund.id] = state
        if state is RefundState.DONE:
            self.paid_back[refund.id] = refund

    def agrees(self, order_id: str) -> AuthorisationReport:
        """The driver agrees that the amount is taken later."""
        agreed = replace(
            self.promises[order_id], state=AuthorisationState.AUTHORISED, transaction=f"promise-{order_id}"
        )
        self.promises[order_id] = agreed
        return agreed

    def notice(self, report: OrderReport | RefundReport | AuthorisationReport) -> tuple[dict[str, str], bytes]:
        """What it would post to us. The same report has the same number."""
        return {"Fake-Signature": "genuine"}, to_text(report).encode()

    @contextmanager
    def silent(self) -> Iterator[None]:
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False

    @property
    def kept(self) -> Money:
        """What this provider has of ours, in yuan: paid in, less paid back."""
        paid = sum(one.amount.amount_minor for one in self.orders.values() if one.transaction and one.amount)
        back = sum(one.amount.amount_minor for one in self.paid_back.values())
        return Money(paid - back + sum(one.amount_minor for one in self.taken.values()), "CNY")

    # --- what it answers --------------------------------------------------------------------------------------

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        self._answer("request")
        self.orders.setdefault(topup.id, OrderReport(topup.id, OrderState.UNPAID, amount=topup.amount))
        return PaymentRequest("page", {"url": f"https://pay.example/{topup.id}"})

    def order(self, topup: Topup) -> OrderReport:
        self._answer("order")
        return self.orders.get(topup.id, OrderReport(topup.id, OrderState.UNKNOWN))

    def close(self, topup: Topup) -> None:
        self._answer("close")
        order = self.orders[topup.id]
        if order.state is OrderState.UNPAID:
            self.orders[topup.id] = replace(order, state=OrderState.CLOSED)

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        self._answer("refund")
        self.settles(refund, self.refund_states.get(refund.id, self.refunds_become))
        return self.refund_report(refund)

    def refund_report(self, refund: Refund) -> RefundReport:
        self._answer("refund_report")
        state = self.refund_states.get(refund.id, RefundState.ASKED)
        return RefundReport(refund.id, state, psp_refund=f"back-{refund.id}", amount=refund.amount)

    def authorise(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        self._answer("authorise")
        waiting = AuthorisationReport(topup.id, AuthorisationState.WAITING, topup.amount)
        self.promises.setdefault(topup.id, waiting)
        return PaymentRequest("page", {"url": f"https://pay.example/promise/{topup.id}"})

    def authorisation(self, topup: Topup) -> AuthorisationReport:
        self._answer("authorisation")
        return self.promises.get(topup.id, AuthorisationReport(topup.id, AuthorisationState.UNKNOWN))

    def complete(self, topup: Topup, total: Money) -> AuthorisationReport:
        self._answer("complete")
        state = AuthorisationState.COMPLETED if total.amount_minor else AuthorisationState.CANCELLED
        assert self.taken.get(topup.id, total) == total, "completed before with another amount"
        self.promises[topup.id] = replace(self.promises[topup.id], state=state)
        self.taken[topup.id] = total
        return self.promises[topup.id]

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        if headers.get("Fake-Signature") != "genuine":
            raise BadNotice("not ours")
        text = body.decode()
        return Notice(hashlib.sha256(body).hexdigest(), from_text(text))

    def bill(self, day: date) -> Iterator[BillLine]:
        for one in self.orders.values():
            if one.transaction and one.amount:
                yield BillLine(
                    f"p-{one.order_id}", BillKind.PAYMENT, one.order_id, one.transaction, one.amount, None, day
                )

    def _answer(self, asked: str) -> None:
        self.asked.append(asked)
        if self._is_silent:
            raise PaymentUnavailable(f"{self.channel} did not answer {asked}")
