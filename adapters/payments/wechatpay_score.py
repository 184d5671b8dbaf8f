"""WeChat's pay-score: charge first, pay after. The hold is promised now, and the cost taken when it is known."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from wechatpayv3 import SignType

from adapters.payments.wechatpay import NO_ORDER, WechatPay, promise_of, unclear
from adapters.payments.wechatpay_core import WechatPayConfig
from core.money import Money
from core.payments import (
    AuthorisationReport,
    AuthorisationState,
    BadNotice,
    PaymentRequest,
    PaymentUnavailable,
    Refund,
    RefundReport,
    RefundState,
    Topup,
)
from core.ports import Clock


class WechatPayScore(WechatPay):
    """WeChat Pay with pay-score: core.ports.PreAuthorises too. Needs a `service_id` that WeChat has approved."""

    def authorise(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        answer = self._core.call(
            "payscore_create",
            out_order_no=topup.id,
            service_id=self.config.service_id,
            service_introduction="电动汽车充电",  # at most 20 characters
            time_range={"start_time": "OnAccept"},
            risk_fund={"name": "ESTIMATE_ORDER_COST", "amount": topup.amount.amount_minor},
        )
        package = answer.body.get("package")
        if answer.status != 200 or not isinstance(package, str):
            raise unclear("the promise", answer)
        data = {
            "mch_id": self.config.mch_id,
            "package": package,
            "timestamp": str(int(self._clock.now().timestamp())),
            "nonce_str": secrets.token_hex(16),
            "sign_type": "HMAC-SHA256",
        }
        data["sign"] = self._core.api.sign(data, SignType.HMAC_SHA256)
        query = "&".join(f"{name}={value}" for name, value in data.items())
        fields = {"businessType": "wxpayScoreUse", "queryString": query, "extraData": data}
        return PaymentRequest("payscore", fields)

    def authorisation(self, topup: Topup) -> AuthorisationReport:
        answer = self._core.call("payscore_query", service_id=self.config.service_id, out_order_no=topup.id)
        if answer.code in NO_ORDER:
            return AuthorisationReport(topup.id, AuthorisationState.UNKNOWN)
        if answer.status != 200:
            raise unclear("the question", answer)
        return self._clear_promise(answer.body)

    def complete(self, topup: Topup, total: Money) -> AuthorisationReport:
        if total.amount_minor:
            answer = self._core.call(
                "payscore_complete",
                out_order_no=topup.id,
                service_id=self.config.service_id,
                post_payments=[{"name": "充电费", "amount": total.amount_minor}],
                total_amount=total.amount_minor,
            )
        else:
            # Nothing to take: the order is given up, which is free for the driver.
            answer = self._core.call(
                "payscore_cancel", out_order_no=topup.id, service_id=self.config.service_id, reason="未产生费用"
            )
        known = self.authorisation(topup)
        ended = AuthorisationState.COMPLETED if total.amount_minor else AuthorisationState.CANCELLED
        if known.state is not ended:
            raise unclear("the end of the promise", answer)
        return known

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        if of.quote_id:
            # It goes by the number of the payment that WeChat collected, which its notices do not tell us.
            return RefundReport(refund.id, RefundState.BY_HAND, detail=f"pay-score order {of.psp_transaction}")
        return super().refund(refund, of)

    def _clear_promise(self, told: Mapping[str, Any]) -> AuthorisationReport:
        try:
            return promise_of(told, self.config.service_id)
        except BadNotice as bad:
            raise PaymentUnavailable(f"wechatpay: {bad}") from None


def open_wechatpay(config: WechatPayConfig, clock: Clock) -> WechatPay:
    """With pay-score where there is a service for it."""
    kind: Callable[[WechatPayConfig, Clock], WechatPay] = WechatPayScore if config.service_id else WechatPay
    return kind(config, clock)
