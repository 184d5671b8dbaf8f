"""The provider in memory keeps the promises of the real ones."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, date, datetime

import pytest

from core.clock import SystemClock
from tests.contracts.payments import Notice, PaymentContract, PromiseContract
from tests.paying import FakePayments


class Desk:
    """tests.contracts.payments.PaymentDesk."""

    payer = ""

    def __init__(self) -> None:
        self.provider = FakePayments(SystemClock())

    def pays(self, order_id: str) -> None:
        self.provider.pays(order_id)

    def agrees(self, order_id: str) -> None:
        self.provider.agrees(order_id)

    def notice(self, order_id: str) -> Notice:
        provider = self.provider
        if order_id in provider.paid_back:
            return provider.notice(provider.refund_report(provider.paid_back[order_id]))
        return provider.notice((provider.orders | provider.promises)[order_id])

    def old_notice(self, order_id: str) -> Notice:
        """It dates nothing, so an old one is one that it would no longer sign."""
        return {"Fake-Signature": "old"}, self.notice(order_id)[1]

    def forged_notice(self, order_id: str) -> Notice:
        return {"Fake-Signature": "forged"}, self.notice(order_id)[1]

    def paid_back(self) -> int:
        return sum(one.amount.amount_minor for one in self.provider.paid_back.values())

    def silent(self) -> AbstractContextManager[None]:
        return self.provider.silent()

    def cut(self) -> AbstractContextManager[None]:
        return self.provider.unheard()

    def calls(self) -> int:
        return len(self.provider.asked)

    def day(self) -> date:
        return datetime.now(UTC).date()


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestFakePayments(PaymentContract, PromiseContract):
    """The shared promises."""
