"""WeChat Pay over real HTTP against a stand-in with real keys: the contract, and every trap of the package."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from adapters.payments.config import look_at
from adapters.payments.wechatpay import WechatPay
from adapters.payments.wechatpay_core import WechatPayConfig
from adapters.payments.wechatpay_score import WechatPayScore, open_wechatpay
from core.clock import SystemClock
from core.errors import UserError
from core.money import Money
from core.payments import (
    AuthorisationReport,
    AuthorisationState,
    BadNotice,
    OrderReport,
    OrderState,
    PaymentUnavailable,
    RefundReport,
    RefundState,
    Topup,
)
from core.ports import PreAuthorises
from tests.adapters.payments import wechatpay_server as stand_in
from tests.adapters.payments.wechatpay_server import BEIJING, OPENID, Platform, new_key, wechatpay
from tests.contracts.payments import Notice, PaymentContract, PromiseContract, new_order, new_refund
from tests.shared import vectors

OTHER_KEY = new_key()


class Desk:
    """tests.contracts.payments.PaymentDesk."""

    payer = OPENID

    def __init__(self, platform: Platform, config: WechatPayConfig) -> None:
        self.platform, self.config = platform, config
        self.provider = self.new_provider()

    def new_provider(self) -> WechatPay:
        """As another process of ours has it: nothing is remembered, no breaker is open."""
        return open_wechatpay(self.config, SystemClock())

    def pays(self, order_id: str) -> None:
        self.platform.pays(order_id)

    def agrees(self, order_id: str) -> None:
        self.platform.confirms(order_id)

    def notice(self, order_id: str, **how: Any) -> Notice:
        platform = self.platform
        if order_id in platform.promises:
            return platform.notice("PAYSCORE.USER_CONFIRM", platform.promises[order_id], **how)
        if order_id in platform.refunds:
            refund = dict(platform.refunds[order_id])
            told = refund | {"mchid": stand_in.MCH_ID, "refund_status": refund.pop("status")}
            return platform.notice("REFUND.SUCCESS", told, **how)
        return platform.notice("TRANSACTION.SUCCESS", platform.orders[order_id], **how)

    def old_notice(self, order_id: str) -> Notice:
        return self.notice(order_id, at=time.time() - 600)

    def forged_notice(self, order_id: str) -> Notice:
        return self.notice(order_id, key=OTHER_KEY)

    def paid_back(self) -> int:
        return sum(one["amount"]["refund"] for one in self.platform.refunds.values())

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.platform.broken = True
        yield
        self.platform.broken = False
        self.provider = self.new_provider()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.platform.cut = True
        yield
        self.platform.cut = False

    def calls(self) -> int:
        return len(self.platform.calls)

    def day(self) -> date:
        return datetime.now(BEIJING).date()


@pytest.fixture(scope="module")
def merchant() -> Iterator[tuple[Platform, WechatPayConfig]]:
    """Keys take a while to make; the books are emptied for every test."""
    with wechatpay() as made:
        yield made


@pytest.fixture
def desk(merchant: tuple[Platform, WechatPayConfig]) -> Desk:
    platform, config = merchant
    fresh = Platform(merchant=platform.merchant, own=platform.own)
    for name in Platform.__dataclass_fields__:
        if name != "lock":
            setattr(platform, name, getattr(fresh, name))
    return Desk(platform, config)


class TestWechatPay(PaymentContract, PromiseContract):
    """The shared promises."""


# --- orders -----------------------------------------------------------------------------------------------------


def test_the_parameters_of_the_bridge_are_signed(desk: Desk) -> None:
    """Checked with the merchant's public key, as WeChat does."""
    order = new_order()
    request = desk.provider.request(order, "充值" * 100, OPENID)
    assert request.kind == "jsapi"
    fields = {name: str(value) for name, value in request.fields.items()}
    text = "".join(f"{fields[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    signature = base64.b64decode(fields["paySign"])
    desk.platform.merchant.public_key().verify(signature, text.encode(), PKCS1v15(), SHA256())
    assert fields["package"].startswith("prepay_id=wx")
    assert desk.platform.orders[order.id]["notify_url"] == "https://kilowatch.example/pay/wechat/notify"


@pytest.mark.parametrize("payer", ["", "miniprogram:", "miniprogram:oLin"])
def test_nobody_pays_without_an_openid_of_one_of_our_apps(desk: Desk, payer: str) -> None:
    with pytest.raises(UserError, match="payer_needed"):
        desk.provider.request(new_order(), "Kilowatch", payer)
    assert desk.platform.calls == []


def test_a_payer_in_the_mini_program_pays_in_its_app(desk: Desk) -> None:
    provider = open_wechatpay(
        replace(desk.config, app_id="wx-other", miniprogram_app_id=stand_in.APP_ID), SystemClock()
    )
    request = provider.request(new_order(), "Kilowatch", f"miniprogram:{OPENID}")
    assert request.fields["appId"] == stand_in.APP_ID


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("SUCCESS", OrderState.PAID),
        ("REFUND", OrderState.PAID),
        ("NOTPAY", OrderState.UNPAID),
        ("USERPAYING", OrderState.UNPAID),
        ("CLOSED", OrderState.CLOSED),
        ("REVOKED", OrderState.CLOSED),
        ("PAYERROR", OrderState.CLOSED),
    ],
)
def test_every_state_of_an_order(desk: Desk, state: str, meaning: OrderState) -> None:
    order = new_order()
    desk.provider.request(order, "Kilowatch", OPENID)
    desk.platform.pays(order.id)["trade_state"] = state
    report = desk.provider.order(order)
    assert report.state is meaning
    assert (report.amount is not None) is (meaning is OrderState.PAID)


@pytest.mark.parametrize(
    "change",
    [
        {"mchid": "1900000001"},
        {"appid": "wx-of-somebody"},
        {"out_trade_no": "another"},
        {"trade_state": "NEW_STATE"},
        {"transaction_id": ""},
        {"transaction_id": 7},
        {"amount": None},
        {"amount": {"total": 50.5, "currency": "CNY"}},
        {"amount": {"total": "5000", "currency": "CNY"}},
        {"amount": {"total": True, "currency": "CNY"}},
        {"amount": {"total": 5000, "currency": "yuan"}},
        {"amount": {"total": 5000, "currency": None}},
    ],
)
def test_an_answer_or_a_notice_that_is_not_about_our_order(desk: Desk, change: dict[str, Any]) -> None:
    order = new_order()
    desk.provider.request(order, "Kilowatch", OPENID)
    wrong = dict(desk.platform.pays(order.id)) | change
    desk.platform.orders[order.id] = wrong
    with pytest.raises(PaymentUnavailable):
        desk.provider.order(order)
    if "out_trade_no" in change:
        return  # in a notice that is simply another order
    with pytest.raises(BadNotice):
        desk.provider.read_notice(*desk.platform.notice("TRANSACTION.SUCCESS", wrong))


def test_an_answer_with_another_signature_is_none(desk: Desk) -> None:
    order = new_order()
    desk.provider.request(order, "Kilowatch", OPENID)
    desk.platform.signs_with = OTHER_KEY
    with pytest.raises(PaymentUnavailable, match="not WeChat's"):
        desk.provider.order(order)
    desk.platform.signs_with, desk.platform.answers_serial = None, "ABCDEF"
    with pytest.raises(PaymentUnavailable, match="serial"):
        desk.provider.order(order)
    assert "certificates" not in desk.platform.calls


def test_wechat_refuses_a_stranger(desk: Desk) -> None:
    provider = open_wechatpay(replace(desk.config, private_key=stand_in.private_pem(OTHER_KEY)), SystemClock())
    with pytest.raises(PaymentUnavailable, match="401 SIGN_ERROR"):
        provider.order(new_order())


# --- notices ----------------------------------------------------------------------------------------------------


def paid(desk: Desk) -> Topup:
    order = new_order()
    desk.provider.request(order, "Kilowatch", OPENID)
    desk.pays(order.id)
    return replace(order, psp_transaction=desk.platform.orders[order.id]["transaction_id"])


@pytest.mark.parametrize("serial", ["5157F09EFDC096DE15EBE81A47057A73", "PUB_KEY_ID_OTHER", "not hexadecimal", ""])
def test_an_unknown_serial_makes_nobody_call_out(desk: Desk, serial: str) -> None:
    order = paid(desk)
    before = list(desk.platform.calls)
    for key in (None, OTHER_KEY):
        with pytest.raises(BadNotice, match="serial"):
            desk.provider.read_notice(*desk.notice(order.id, serial=serial, key=key))
    assert desk.platform.calls == before
    # And what is genuine is read as before: no key was dropped.
    assert desk.provider.read_notice(*desk.notice(order.id)).report is not None


def test_other_names_for_the_headers_reach_nobody(desk: Desk) -> None:
    """The package would believe these before the real ones, and so look up another serial."""
    order = paid(desk)
    headers, body = desk.notice(order.id)
    before = list(desk.platform.calls)
    for twist in (lambda name: f"HTTP_{name.upper().replace('-', '_')}", str.lower):
        forged = {twist(name): "x" for name in headers}
        report = desk.provider.read_notice(forged | headers, body).report
        assert isinstance(report, OrderReport)
    assert desk.platform.calls == before


def test_a_test_of_our_refusal_is_refused(desk: Desk) -> None:
    order = paid(desk)
    headers, body = desk.notice(order.id)
    with pytest.raises(BadNotice, match="to be refused"):
        desk.provider.read_notice(headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/abc"}, body)


@pytest.mark.parametrize("seconds", [-360, -301, 301, 3600])
def test_five_minutes_either_way(desk: Desk, seconds: int) -> None:
    order = paid(desk)
    with pytest.raises(BadNotice, match="too old"):
        desk.provider.read_notice(*desk.notice(order.id, at=time.time() + seconds))
    within = 290 if seconds > 0 else -290
    assert desk.provider.read_notice(*desk.notice(order.id, at=time.time() + within)).report is not None


def test_for_another_merchant_or_with_another_key_of_ours(desk: Desk) -> None:
    order = paid(desk)
    others = dict(desk.platform.orders[order.id]) | {"mchid": "1900000001"}
    with pytest.raises(BadNotice, match="another merchant"):
        desk.provider.read_notice(*desk.platform.notice("TRANSACTION.SUCCESS", others))
    with pytest.raises(BadNotice, match="cannot be opened"):
        desk.provider.read_notice(*desk.notice(order.id, api_key="f" * 32))


@pytest.mark.parametrize(
    "change",
    [
        {"resource_type": "plain"},
        {"resource": None},
        {"resource": []},
        {"resource": {"algorithm": "NONE"}},
        {"resource": {"algorithm": "AEAD_AES_256_GCM", "ciphertext": "@@", "nonce": "x", "associated_data": ""}},
        {"resource": {"algorithm": "AEAD_AES_256_GCM", "ciphertext": 7, "nonce": 7}},
    ],
)
def test_genuine_and_yet_unreadable(desk: Desk, change: dict[str, Any]) -> None:
    _, body = desk.notice(paid(desk).id)
    odd = json.dumps(json.loads(body) | change).encode()
    with pytest.raises(BadNotice):
        desk.provider.read_notice(desk.platform.signed(odd), odd)
    for text in (b"[]", b'"x"', b"null", b"{}", b""):
        with pytest.raises(BadNotice):
            desk.provider.read_notice(desk.platform.signed(text), text)


def test_events_we_need_not_know(desk: Desk) -> None:
    told = {"mchid": stand_in.MCH_ID, "openid": OPENID}
    notice = desk.provider.read_notice(*desk.platform.notice("PAYSCORE.USER_OPEN_SERVICE", told, number="n-1"))
    assert (notice.key, notice.report) == ("n-1", None)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SUCCESS", RefundState.DONE),
        ("PROCESSING", RefundState.SENT),
        ("CLOSED", RefundState.REFUSED),
        ("ABNORMAL", RefundState.REFUSED),
    ],
)
def test_every_state_of_a_refund(desk: Desk, status: str, state: RefundState) -> None:
    order = paid(desk)
    refund = new_refund(order, 2000)
    desk.platform.refund_status = status
    assert desk.provider.refund(refund, order).state is state
    report = desk.provider.read_notice(*desk.notice(refund.id)).report
    assert isinstance(report, RefundReport)
    assert (report.state, report.amount) == (state, Money(2000, "CNY"))


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ((403, "USER_ACCOUNT_ABNORMAL"), RefundState.REFUSED),
        ((400, "INVALID_REQUEST"), RefundState.REFUSED),
        ((404, "RESOURCE_NOT_EXISTS"), RefundState.REFUSED),
        ((403, "NOT_ENOUGH"), None),
        ((403, "NO_AUTH"), None),
    ],
)
def test_what_is_refused_for_good_and_what_for_now(
    desk: Desk, code: tuple[int, str], state: RefundState | None
) -> None:
    order = paid(desk)
    refund = new_refund(order, 2000)
    desk.platform.refuse_refunds_with = code
    if state is None:
        with pytest.raises(PaymentUnavailable, match=code[1]):
            desk.provider.refund(refund, order)
        return
    report = desk.provider.refund(refund, order)
    assert report.state is state
    assert code[1] in report.detail


def test_a_refusal_of_a_repetition_does_not_undo_the_first(desk: Desk) -> None:
    order = paid(desk)
    refund = new_refund(order, 2000)
    desk.provider.refund(refund, order)
    desk.platform.refuse_refunds_with = (400, "INVALID_REQUEST")
    assert desk.provider.refund(refund, order).state is RefundState.DONE


# --- pay-score --------------------------------------------------------------------------------------------------


def test_promises_only_where_there_is_a_service(desk: Desk) -> None:
    assert isinstance(desk.provider, PreAuthorises)
    plain = open_wechatpay(replace(desk.config, service_id=""), SystemClock())
    assert not isinstance(plain, PreAuthorises)
    assert type(plain) is WechatPay
    assert isinstance(desk.provider, WechatPayScore)


def test_the_view_is_signed_with_the_api_key(desk: Desk) -> None:
    request = desk.provider.authorise(new_order(), "Kilowatch", OPENID)
    assert request.kind == "payscore"
    data = dict(request.fields["extraData"])
    sign = data.pop("sign")
    text = "&".join(f"{name}={data[name]}" for name in sorted(data)) + f"&key={stand_in.API_V3_KEY}"
    assert hmac.new(stand_in.API_V3_KEY.encode(), text.encode(), hashlib.sha256).hexdigest().upper() == sign
    assert re.fullmatch(r"mch_id=.*&sign=[0-9A-F]{64}", str(request.fields["queryString"]))


@pytest.mark.parametrize("change", [{"service_id": "other"}, {"state": "NEW"}, {"out_order_no": ""}])
def test_a_promise_that_is_not_ours(desk: Desk, change: dict[str, Any]) -> None:
    order = new_order()
    desk.provider.authorise(order, "Kilowatch", OPENID)
    wrong = dict(desk.platform.confirms(order.id)) | change
    with pytest.raises(BadNotice):
        desk.provider.read_notice(*desk.platform.notice("PAYSCORE.USER_CONFIRM", wrong))
    desk.platform.promises[order.id] = wrong
    with pytest.raises(PaymentUnavailable):
        desk.provider.authorisation(order)


def test_paid_later_and_expired(desk: Desk) -> None:
    order = new_order()
    desk.provider.authorise(order, "Kilowatch", OPENID)
    promise = desk.platform.confirms(order.id) | {"state": "DONE"}
    report = desk.provider.read_notice(*desk.platform.notice("PAYSCORE.USER_PAID", promise)).report
    assert isinstance(report, AuthorisationReport)
    assert report.state is AuthorisationState.COMPLETED
    desk.platform.promises[order.id]["state"] = "EXPIRED"
    assert desk.provider.authorisation(order).state is AuthorisationState.CANCELLED


# --- the bill ---------------------------------------------------------------------------------------------------


def test_fees_are_on_the_bill(desk: Desk) -> None:
    order = paid(desk)
    desk.provider.refund(new_refund(order, 2000), order)
    fees = [one.fee for one in desk.provider.bill(desk.day())]
    assert fees == [Money(30, "CNY"), Money(-12, "CNY")]


def test_a_bill_that_was_changed_on_the_way_is_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(desk)
    true_bill = desk.platform._bill
    bills = iter([true_bill(), true_bill().replace(b"50.00", b"90.00")])
    monkeypatch.setattr(desk.platform, "_bill", lambda: next(bills))
    with pytest.raises(PaymentUnavailable, match="announced"):
        list(desk.provider.bill(desk.day()))


# --- secrets ----------------------------------------------------------------------------------------------------


def test_no_key_stands_in_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        order = paid(desk)
        desk.provider.refund(new_refund(order, 2000), order)
        desk.provider.read_notice(*desk.notice(order.id))
        with pytest.raises(BadNotice):
            desk.provider.read_notice(*desk.forged_notice(order.id))
    text = caplog.text + repr(desk.config)
    assert stand_in.API_V3_KEY not in text
    assert "Authorization" not in text
    assert "PRIVATE KEY" not in text


# --- a vector of somebody else's --------------------------------------------------------------------------------


def test_the_platforms_own_example_is_refused_for_its_age_alone() -> None:
    """A notice of 2021 that verifies to this day: our age check is what stops it."""
    [vector] = [one for one in vectors("wechat.json")["vectors"] if one["id"] == "pay_v3_notify_payscore"]
    certificate = load_pem_x509_certificate(vector["platform_certificate"].encode())
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    config = replace(
        stand_in.merchant_config(Platform(), "http://127.0.0.1:1"),
        public_key=pem,
        public_key_id=vector["headers"]["Wechatpay-Serial"],
        api_v3_key=vector["apiv3_key"],
    )

    class In2021(SystemClock):
        def now(self) -> datetime:
            return datetime.fromtimestamp(int(vector["headers"]["Wechatpay-Timestamp"]) + 3, BEIJING)

    body = vector["body"].encode()
    with pytest.raises(BadNotice, match="too old"):
        open_wechatpay(config, SystemClock()).read_notice(vector["headers"], body)
    with pytest.raises(BadNotice, match="another merchant"):  # it verifies and opens
        open_wechatpay(config, In2021()).read_notice(vector["headers"], body)


def test_the_doctor_hears_how_it_is(desk: Desk) -> None:
    assert look_at({"wechatpay": desk.provider}) == f"wechatpay: merchant {stand_in.MCH_ID}"
    stranger = open_wechatpay(replace(desk.config, private_key=stand_in.private_pem(OTHER_KEY)), SystemClock())
    with pytest.raises(PaymentUnavailable, match="SIGN_ERROR"):
        look_at({"wechatpay": stranger})
