"""What every payment provider promises, whatever it speaks. A test class per adapter, and one fixture.

The fixture `desk` is the other side's own truth: the driver's phone, the provider's books and its bad days.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pytest

from core.money import Money
from core.payments import (
    AuthorisationState,
    BadNotice,
    BillKind,
    OrderReport,
    OrderState,
    PaymentRequest,
    PaymentUnavailable,
    Refund,
    RefundReport,
    RefundState,
    Topup,
    TopupState,
)

Notice = tuple[dict[str, str], bytes]  # its headers and its body


class PaymentDesk(Protocol):
    provider: Any
    payer: str

    def pays(self, order_id: str) -> None:
        """The driver pays what is asked."""
        ...

    def agrees(self, order_id: str) -> None:
        """The driver agrees that it is taken later."""
        ...

    def notice(self, order_id: str) -> Notice:
        """What the provider tells us of an order or refund, as it would arrive now."""
        ...

    def old_notice(self, order_id: str) -> Notice:
        """The same as it would have been sent ten minutes ago."""
        ...

    def forged_notice(self, order_id: str) -> Notice:
        """The same from somebody with another key."""
        ...

    def paid_back(self) -> int:
        """What the books say has gone back, in minor units."""
        ...

    def silent(self) -> AbstractContextManager[None]:
        """Within the block every answer is an error of the provider's."""
        ...

    def cut(self) -> AbstractContextManager[None]:
        """Within the block the work is done and the answer breaks off."""
        ...

    def calls(self) -> int:
        """How many calls have reached the provider."""
        ...

    def day(self) -> date:
        """Today, as its bills count days."""
        ...


def new_order(amount: Money | None = None) -> Topup:
    now = datetime.now(UTC)
    return Topup(
        id=f"T{secrets.token_hex(14)}",
        user_id="lin",
        client_key="k",
        channel="any",
        amount=amount or Money(5000, "CNY"),
        state=TopupState.PENDING,
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


def new_refund(topup: Topup, minor: int) -> Refund:
    now = datetime.now(UTC)
    return Refund(
        id=f"R{secrets.token_hex(14)}",
        request_id="w",
        user_id="lin",
        topup_id=topup.id,
        channel="any",
        amount=Money(minor, topup.amount.currency),
        state=RefundState.ASKED,
        asked_at=now,
        due_at=now,
    )


class PaymentContract:
    """Of a provider that can be asked, sends notices and publishes bills."""

    def order(self, desk: PaymentDesk) -> Topup:
        order = new_order()
        desk.provider.request(order, "Kilowatch", desk.payer)
        return order

    def paid(self, desk: PaymentDesk) -> Topup:
        order = self.order(desk)
        desk.pays(order.id)
        report = desk.provider.order(order)
        return replace(order, state=TopupState.PAID, psp_transaction=report.transaction)

    # --- orders -------------------------------------------------------------------------------------------------

    def test_an_order_says_how_to_pay(self, desk: PaymentDesk) -> None:
        request = desk.provider.request(new_order(), "Kilowatch", desk.payer)
        assert isinstance(request, PaymentRequest)
        assert request.kind in {"page", "jsapi"}
        assert request.fields

    def test_unknown_unpaid_paid(self, desk: PaymentDesk) -> None:
        order = new_order()
        assert desk.provider.order(order).state is OrderState.UNKNOWN
        desk.provider.request(order, "Kilowatch", desk.payer)
        assert desk.provider.order(order).state is OrderState.UNPAID
        desk.pays(order.id)
        paid = desk.provider.order(order)
        assert (paid.order_id, paid.state, paid.amount) == (order.id, OrderState.PAID, order.amount)
        assert paid.transaction
        assert paid.paid_at is not None
        assert abs(paid.paid_at - datetime.now(UTC)) < timedelta(minutes=2)
        assert desk.provider.order(order) == paid

    def test_the_same_order_twice_is_one(self, desk: PaymentDesk) -> None:
        order = new_order()
        for _ in range(2):
            desk.provider.request(order, "Kilowatch", desk.payer)
        desk.pays(order.id)
        with pytest.raises(PaymentUnavailable):
            desk.provider.request(order, "Kilowatch", desk.payer)  # nobody pays it again

    def test_a_closed_order_stays_closed(self, desk: PaymentDesk) -> None:
        order = self.order(desk)
        for _ in range(2):
            desk.provider.close(order)
        assert desk.provider.order(order).state is OrderState.CLOSED
        desk.provider.close(new_order())  # nothing to close is no error

    def test_closing_a_paid_order_changes_nothing(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        desk.provider.close(order)
        assert desk.provider.order(order).state is OrderState.PAID

    # --- refunds ------------------------------------------------------------------------------------------------

    def test_a_refund_sent_twice_is_paid_once(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        refund = new_refund(order, 2000)
        assert desk.provider.refund_report(refund).state is RefundState.ASKED
        first = desk.provider.refund(refund, order)
        again = desk.provider.refund(refund, order)
        asked = desk.provider.refund_report(refund)
        for report in (first, again, asked):
            assert report.refund_id == refund.id
            assert report.state in {RefundState.DONE, RefundState.SENT}
            assert report.amount == refund.amount
            assert report.psp_refund
        assert desk.paid_back() == 2000

    def test_parts_of_a_payment_go_back_until_nothing_is_left(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        for minor, state in ((2000, RefundState.DONE), (3000, RefundState.DONE), (1, RefundState.REFUSED)):
            assert desk.provider.refund(new_refund(order, minor), order).state is state
        assert desk.paid_back() == 5000

    def test_nothing_goes_back_for_a_payment_that_never_was(self, desk: PaymentDesk) -> None:
        order = replace(new_order(), psp_transaction="no-such-transaction")
        assert desk.provider.refund(new_refund(order, 2000), order).state is RefundState.REFUSED
        assert desk.paid_back() == 0

    # --- notices ------------------------------------------------------------------------------------------------

    def test_a_notice_says_what_asking_says(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        headers, body = desk.notice(order.id)
        notice = desk.provider.read_notice(headers, body)
        assert notice.report == desk.provider.order(order)
        assert isinstance(notice.report, OrderReport)
        assert notice.key
        assert desk.provider.read_notice(headers, body).key == notice.key  # a repetition is known by it

    def test_a_refund_is_told_too(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        refund = new_refund(order, 2000)
        desk.provider.refund(refund, order)
        report = desk.provider.read_notice(*desk.notice(refund.id)).report
        assert isinstance(report, RefundReport)
        assert (report.refund_id, report.state, report.amount) == (refund.id, RefundState.DONE, refund.amount)

    def test_headers_are_found_in_any_case(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        headers, body = desk.notice(order.id)
        upper = {name.upper(): value for name, value in headers.items()}
        assert desk.provider.read_notice(upper, body).report == desk.provider.order(order)

    def test_what_is_forged_old_or_damaged_is_refused_without_a_call(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        headers, body = desk.notice(order.id)
        before = desk.calls()
        bad: list[tuple[Mapping[str, str], bytes]] = [
            desk.forged_notice(order.id),
            desk.old_notice(order.id),
            (headers, body.replace(b"a", b"b", 1)),
            (headers, body + b" "),
            (headers, b""),
            (headers, b"\xff\xfe"),
            ({}, body),
        ]
        bad += [({k: v for k, v in headers.items() if k != name}, body) for name in headers]
        for name in headers:
            for value in ("", "x", "äöü", "٣٤٥", "1" * 5000, "-1"):
                bad.append((headers | {name: value}, body))
        for one_headers, one_body in bad:
            with pytest.raises(BadNotice):
                desk.provider.read_notice(one_headers, one_body)
        assert desk.calls() == before

    # --- bad days -----------------------------------------------------------------------------------------------

    def test_silence_is_one_kind_of_error(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        refund = new_refund(order, 100)
        with desk.silent():
            for call in (
                lambda: desk.provider.request(new_order(), "Kilowatch", desk.payer),
                lambda: desk.provider.order(order),
                lambda: desk.provider.close(order),
                lambda: desk.provider.refund(refund, order),
            ):
                with pytest.raises(PaymentUnavailable):
                    call()

    def test_a_refund_whose_answer_was_lost_is_paid_once(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        refund = new_refund(order, 2000)
        with desk.cut(), pytest.raises(PaymentUnavailable):
            desk.provider.refund(refund, order)
        assert desk.provider.refund(refund, order).state is RefundState.DONE
        assert desk.paid_back() == 2000

    # --- the bill -----------------------------------------------------------------------------------------------

    def test_the_bill_has_every_payment_and_refund(self, desk: PaymentDesk) -> None:
        order = self.paid(desk)
        refund = new_refund(order, 2000)
        report = desk.provider.refund(refund, order)
        self.order(desk)  # unpaid: not on it
        lines = {one.order_id: one for one in desk.provider.bill(desk.day())}
        assert set(lines) == {order.id, refund.id}
        paid, back = lines[order.id], lines[refund.id]
        assert (paid.kind, paid.amount, paid.transaction) == (BillKind.PAYMENT, order.amount, order.psp_transaction)
        assert (back.kind, back.amount, back.transaction) == (BillKind.REFUND, refund.amount, report.psp_refund)
        assert len({one.line_id for one in lines.values()}) == 2

    def test_a_day_without_payments(self, desk: PaymentDesk) -> None:
        assert list(desk.provider.bill(desk.day())) == []


class PromiseContract:
    """Of a provider that can promise now and take later."""

    def promise(self, desk: PaymentDesk) -> Topup:
        order = new_order()
        desk.provider.authorise(order, "Kilowatch", desk.payer)
        return order

    def test_unknown_waiting_authorised(self, desk: PaymentDesk) -> None:
        order = new_order()
        assert desk.provider.authorisation(order).state is AuthorisationState.UNKNOWN
        for _ in range(2):
            assert desk.provider.authorise(order, "Kilowatch", desk.payer).fields
        assert desk.provider.authorisation(order).state is AuthorisationState.WAITING
        desk.agrees(order.id)
        agreed = desk.provider.authorisation(order)
        assert (agreed.state, agreed.limit) == (AuthorisationState.AUTHORISED, order.amount)
        assert agreed.transaction

    def test_less_than_promised_is_taken_once(self, desk: PaymentDesk) -> None:
        order = self.promise(desk)
        desk.agrees(order.id)
        for _ in range(2):
            done = desk.provider.complete(order, Money(3210, "CNY"))
            assert done.state is AuthorisationState.COMPLETED
        assert desk.provider.authorisation(order).state is AuthorisationState.COMPLETED

    def test_nothing_is_taken(self, desk: PaymentDesk) -> None:
        agreed, waiting = self.promise(desk), self.promise(desk)
        desk.agrees(agreed.id)
        for order in (agreed, waiting):
            for _ in range(2):
                assert desk.provider.complete(order, Money(0, "CNY")).state is AuthorisationState.CANCELLED

    def test_no_more_than_promised_is_taken(self, desk: PaymentDesk) -> None:
        order = self.promise(desk)
        desk.agrees(order.id)
        with pytest.raises(PaymentUnavailable):
            desk.provider.complete(order, Money(5001, "CNY"))
        assert desk.provider.authorisation(order).state is AuthorisationState.AUTHORISED

    def test_nobody_agreed(self, desk: PaymentDesk) -> None:
        order = self.promise(desk)
        with pytest.raises(PaymentUnavailable):
            desk.provider.complete(order, Money(100, "CNY"))

    def test_an_answer_lost_is_no_harm(self, desk: PaymentDesk) -> None:
        order = self.promise(desk)
        desk.agrees(order.id)
        with desk.cut(), pytest.raises(PaymentUnavailable):
            desk.provider.complete(order, Money(3210, "CNY"))
        assert desk.provider.complete(order, Money(3210, "CNY")).state is AuthorisationState.COMPLETED

    def test_a_promise_is_told(self, desk: PaymentDesk) -> None:
        order = self.promise(desk)
        desk.agrees(order.id)
        assert desk.provider.read_notice(*desk.notice(order.id)).report == desk.provider.authorisation(order)
