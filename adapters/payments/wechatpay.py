"""WeChat Pay v3: JSAPI orders, notices, refunds, pay-score as a promise, the daily bill. Yuan only."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from adapters.payments import wechatpay_bill
from adapters.payments.wechatpay_core import Answer, WechatPayConfig, WechatPayCore, moment
from core.errors import UserError
from core.money import Money
from core.payments import (
    AuthorisationReport,
    AuthorisationState,
    BadNotice,
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

CHANNEL = "wechatpay"
NOTIFY_PATH = "/pay/wechat/notify"
MINIPROGRAM = "miniprogram:"  # before the openid of somebody who pays in the mini-program
_YUAN = "CNY"
_DESCRIPTION_MAX = 40  # characters: the platform counts 127 bytes

_ORDERS = {
    "SUCCESS": OrderState.PAID,
    "REFUND": OrderState.PAID,  # it was paid, and has been refunded in part or whole
    "NOTPAY": OrderState.UNPAID,
    "USERPAYING": OrderState.UNPAID,
    "CLOSED": OrderState.CLOSED,
    "REVOKED": OrderState.CLOSED,
    "PAYERROR": OrderState.CLOSED,
}
_REFUNDS = {
    "SUCCESS": RefundState.DONE,
    "PROCESSING": RefundState.SENT,
    "CLOSED": RefundState.REFUSED,
    "ABNORMAL": RefundState.REFUSED,  # the card is closed: one of us settles it in WeChat's console
}
# What WeChat will not pay out however often it is asked. Anything else is tried again.
_NEVER = frozenset({"USER_ACCOUNT_ABNORMAL", "INVALID_REQUEST", "PARAM_ERROR", "RESOURCE_NOT_EXISTS"})
_PROMISES = {
    "CREATED": AuthorisationState.WAITING,
    "DOING": AuthorisationState.AUTHORISED,
    "DONE": AuthorisationState.COMPLETED,
    "REVOKED": AuthorisationState.CANCELLED,
    "EXPIRED": AuthorisationState.CANCELLED,
}
NO_ORDER = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS", "NO_SERVICE_ORDER"})


class WechatPay:
    """core.ports.PaymentProvider, AnswersForOrders, SendsNotices, PublishesBills."""

    channel = CHANNEL
    currencies = frozenset({_YUAN})

    def __init__(self, config: WechatPayConfig, clock: Clock) -> None:
        self.config, self._clock = config, clock
        self._core = WechatPayCore(config, clock)

    def ping(self) -> str:
        """Asks for an order that nobody made: the answer proves both signatures. Raises PaymentUnavailable."""
        answer = self._core.call("query", out_trade_no="kilowatch0ping")
        if answer.status != 200 and answer.code not in NO_ORDER:
            raise unclear("the question", answer)
        return f"merchant {self.config.mch_id}"

    # --- money in -----------------------------------------------------------------------------------------------

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        app_id, openid = self._payer(payer)
        answer = self._core.call(
            "pay",
            description=description[:_DESCRIPTION_MAX],
            out_trade_no=topup.id,
            amount={"total": topup.amount.amount_minor, "currency": topup.amount.currency},
            payer={"openid": openid},
            time_expire=topup.expires_at.isoformat(timespec="seconds"),
            appid=app_id,
        )
        prepay_id = answer.body.get("prepay_id")
        if answer.status != 200 or not isinstance(prepay_id, str):
            raise unclear("the order", answer)
        stamp, nonce, package = (
            str(int(self._clock.now().timestamp())),
            secrets.token_hex(16),
            f"prepay_id={prepay_id}",
        )
        signature = self._core.api.sign([app_id, stamp, nonce, package])
        fields = {"appId": app_id, "timeStamp": stamp, "nonceStr": nonce, "package": package}
        return PaymentRequest("jsapi", fields | {"signType": "RSA", "paySign": signature})

    def order(self, topup: Topup) -> OrderReport:
        answer = self._core.call("query", out_trade_no=topup.id)
        if answer.code in NO_ORDER:
            return OrderReport(topup.id, OrderState.UNKNOWN)
        if answer.status != 200:
            raise unclear("the question", answer)
        try:
            return self._order(answer.body, topup.id)
        except BadNotice as bad:
            raise PaymentUnavailable(f"wechatpay: {bad}") from None

    def close(self, topup: Topup) -> None:
        answer = self._core.call("close", out_trade_no=topup.id)
        if answer.status not in (200, 204) and answer.code not in NO_ORDER | {
            "ORDER_CLOSED",
            "ORDERCLOSED",
            "ORDERPAID",
        }:
            raise unclear("the closing", answer)

    def _payer(self, payer: str) -> tuple[str, str]:
        """The app that the payer's openid belongs to, and the openid."""
        mini = payer.startswith(MINIPROGRAM)
        openid, app_id = (
            payer.removeprefix(MINIPROGRAM),
            self.config.miniprogram_app_id if mini else self.config.app_id,
        )
        if not openid or not app_id:
            raise UserError("payer_needed")
        return app_id, openid

    # --- money back ---------------------------------------------------------------------------------------------

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        answer = self._core.call(
            "refund",
            out_refund_no=refund.id,
            transaction_id=of.psp_transaction,
            amount={
                "refund": refund.amount.amount_minor,
                "total": of.amount.amount_minor,
                "currency": refund.amount.currency,
            },
        )
        if answer.status == 200:
            return self._clear_refund(answer.body, refund.id)
        if answer.code not in _NEVER:
            raise unclear("the refund", answer)
        # A repeated order may be refused although the first one was taken.
        known = self.refund_report(refund)
        if known.state is not RefundState.ASKED:
            return known
        return RefundReport(refund.id, RefundState.REFUSED, detail=f"{answer.code} {answer.body.get('message', '')}")

    def refund_report(self, refund: Refund) -> RefundReport:
        answer = self._core.call("query_refund", out_refund_no=refund.id)
        if answer.code in NO_ORDER:
            return RefundReport(refund.id, RefundState.ASKED)
        if answer.status != 200:
            raise unclear("the question", answer)
        return self._clear_refund(answer.body, refund.id)

    def _clear_refund(self, told: Mapping[str, Any], refund_id: str) -> RefundReport:
        try:
            report = self._refund(told, told.get("status"))
        except BadNotice as bad:
            raise PaymentUnavailable(f"wechatpay: {bad}") from None
        if report.refund_id != refund_id:
            raise PaymentUnavailable("wechatpay: an answer about another refund")
        return report

    # --- what it says -------------------------------------------------------------------------------------------

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        notice = self._core.opened(headers, body)
        key, event, about = str(notice.get("id", "")), str(notice.get("event_type", "")), notice["resource"]
        if about.get("mchid") != self.config.mch_id:
            raise BadNotice("for another merchant")
        kind = event.partition(".")[0]
        if kind == "TRANSACTION":
            return Notice(key, self._order(about, _text(about, "out_trade_no")))
        if kind == "REFUND":
            return Notice(key, self._refund(about, about.get("refund_status")))
        if event in {"PAYSCORE.USER_CONFIRM", "PAYSCORE.USER_PAID"}:
            return Notice(key, promise_of(about, self.config.service_id))
        return Notice(key, None)

    def bill(self, day: date) -> Iterator[BillLine]:
        return wechatpay_bill.lines(self._core, day)

    def _order(self, told: Mapping[str, Any], order_id: str) -> OrderReport:
        if told.get("mchid") != self.config.mch_id or told.get("appid") not in self._apps:
            raise BadNotice("for another merchant or app")
        if _text(told, "out_trade_no") != order_id:
            raise BadNotice("about another order")
        state = _ORDERS.get(str(told.get("trade_state")))
        if state is None:
            raise BadNotice("in a state that we do not know")
        paid = state is OrderState.PAID
        return OrderReport(
            order_id=order_id,
            state=state,
            transaction=_text(told, "transaction_id") if paid else "",
            amount=_amount(told, "total") if paid else None,
            paid_at=moment(told.get("success_time")),
        )

    def _refund(self, told: Mapping[str, Any], status: Any) -> RefundReport:
        state = _REFUNDS.get(str(status))
        if state is None:
            raise BadNotice("a refund in a state that we do not know")
        return RefundReport(
            refund_id=_text(told, "out_refund_no"),
            state=state,
            psp_refund=_text(told, "refund_id"),
            done_at=moment(told.get("success_time")),
            detail=str(status) if state is RefundState.REFUSED else "",
            amount=_amount(told, "refund"),
        )

    @property
    def _apps(self) -> set[str]:
        return {one for one in (self.config.app_id, self.config.miniprogram_app_id) if one}


def promise_of(told: Mapping[str, Any], service_id: str) -> AuthorisationReport:
    if told.get("service_id") != service_id:
        raise BadNotice("for another service")
    state = _PROMISES.get(str(told.get("state")))
    if state is None:
        raise BadNotice("a promise in a state that we do not know")
    risk = told.get("risk_fund")
    amount = risk.get("amount") if isinstance(risk, dict) else None
    return AuthorisationReport(
        order_id=_text(told, "out_order_no"),
        state=state,
        limit=Money(amount, _YUAN) if type(amount) is int else None,
        transaction=str(told.get("order_id", "")),
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise BadNotice(f"without {name}")
    return value


def _amount(told: Mapping[str, Any], name: str) -> Money:
    amount = told.get("amount")
    minor = amount.get(name) if isinstance(amount, dict) else None
    currency = amount.get("currency", _YUAN) if isinstance(amount, dict) else None
    try:
        return Money(minor, currency)  # type: ignore[arg-type]  # checked by Money itself
    except (TypeError, ValueError, AttributeError):
        raise BadNotice("without an amount that is one") from None


def unclear(what: str, answer: Answer) -> PaymentUnavailable:
    return PaymentUnavailable(f"wechatpay: {what} is answered {answer.status} {answer.code}")
