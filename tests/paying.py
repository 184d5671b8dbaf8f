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
    _is_unheard: bool = False

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
        body = to_text(report).encode()
        return {"Fake-Signature": _signature(body)}, body

    @contextmanager
    def silent(self) -> Iterator[None]:
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """The work is done, and its answer lost."""
        self._is_unheard = True
        try:
            yield
        finally:
            self._is_unheard = False

    @property
    def kept(self) -> Money:
        """What this provider has of ours, in yuan: paid in, less paid back."""
        paid = sum(one.amount.amount_minor for one in self.orders.values() if one.transaction and one.amount)
        back = sum(one.amount.amount_minor for one in self.paid_back.values())
        return Money(paid - back + sum(one.amount_minor for one in self.taken.values()), "CNY")

    # --- what it answers --------------------------------------------------------------------------------------

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        self._answer("request")
        new = OrderReport(topup.id, OrderState.UNPAID, amount=topup.amount)
        if self.orders.setdefault(topup.id, new).state is not OrderState.UNPAID:
            raise PaymentUnavailable("nobody can pay this order any more")
        self._answered()
        return PaymentRequest("page", {"url": f"https://pay.example/{topup.id}"})

    def order(self, topup: Topup) -> OrderReport:
        self._answer("order")
        return self.orders.get(topup.id, OrderReport(topup.id, OrderState.UNKNOWN))

    def close(self, topup: Topup) -> None:
        self._answer("close")
        order = self.orders.get(topup.id)
        if order is not None and order.state is OrderState.UNPAID:
            self.orders[topup.id] = replace(order, state=OrderState.CLOSED)

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        self._answer("refund")
        known = self.refund_states.get(refund.id)
        state = known or (self.refunds_become if self._has(refund, of) else RefundState.REFUSED)
        self.settles(refund, state)
        self._answered()
        return self.refund_report(refund)

    def refund_report(self, refund: Refund) -> RefundReport:
        self._answer("refund_report")
        state = self.refund_states.get(refund.id, RefundState.ASKED)
        return RefundReport(refund.id, state, psp_refund=f"back-{refund.id}", amount=refund.amount)

    def _has(self, refund: Refund, of: Topup) -> bool:
        """Whether so much of this payment is still there."""
        order, taken = self.orders.get(of.id), self.taken.get(of.id)
        paid = order.amount if order is not None and order.state is OrderState.PAID else taken
        back = sum(one.amount.amount_minor for one in self.paid_back.values() if one.topup_id == of.id)
        return paid is not None and back + refund.amount.amount_minor <= paid.amount_minor

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
        promise = self.promises[topup.id]
        agreed = promise.state is AuthorisationState.AUTHORISED
        if self.taken.get(topup.id, total) != total or topup.amount < total:
            raise PaymentUnavailable("not that much was promised")
        if total.amount_minor and not agreed and topup.id not in self.taken:
            raise PaymentUnavailable("nobody has promised that")
        state = AuthorisationState.COMPLETED if total.amount_minor else AuthorisationState.CANCELLED
        self.promises[topup.id] = replace(promise, state=state)
        self.taken[topup.id] = total
        self._answered()
        return self.promises[topup.id]

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        every = {name.lower(): value for name, value in headers.items()}
        if every.get("fake-signature") != _signature(body):
            raise BadNotice("not ours")
        return Notice(_signature(body), from_text(body.decode()))

    def bill(self, day: date) -> Iterator[BillLine]:
        for one in self.orders.values():
            if one.transaction and one.amount:
                number = f"p-{one.order_id}"
                yield BillLine(number, BillKind.PAYMENT, one.order_id, one.transaction, one.amount, None, day)
        for back in self.paid_back.values():
            yield BillLine(f"b-{back.id}", BillKind.REFUND, back.id, f"back-{back.id}", back.amount, None, day)

    def _answer(self, asked: str) -> None:
        self.asked.append(asked)
        if self._is_silent:
            raise PaymentUnavailable(f"{self.channel} did not answer {asked}")

    def _answered(self) -> None:
        if self._is_unheard:
            raise PaymentUnavailable(f"{self.channel}: the answer was lost")


def _signature(body: bytes) -> str:
    return hashlib.sha256(b"the fake's own key" + body).hexdigest()
