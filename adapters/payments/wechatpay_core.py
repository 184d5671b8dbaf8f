"""wechatpayv3, fenced: its requests go through our own door, and it never fetches a certificate.

What the package leaves to its users (reference: measured on 2.0.4): no timeout unless one is given, redirects and
proxies as the machine says, no age check, an unknown serial makes it call out before anything is verified, refusals
as bare exceptions, and a logger that prints keys. So: public-key mode only, the serial first, no logger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization

from adapters.http import Kind, Patience, SupplierHttp
from core.errors import SupplierUnavailable
from core.payments import BadNotice, PaymentUnavailable
from core.ports import Clock

API_BASE = "https://api.mch.weixin.qq.com"
MOST_AGE_S = 300
# The parts of a signature that the package reads; nothing else of a caller's headers reaches it.
_MARKS = (
    "Wechatpay-Signature",
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature-Type",
)
_SIGN_TEST = "WECHATPAY/SIGNTEST/"  # sent on purpose, to see whether we refuse it
_CALL = Patience(total_s=10.0, max_bytes=1024 * 1024, tries=1, kind=Kind.COMMAND)
_BILL = Patience(total_s=60.0, max_bytes=64 * 1024 * 1024, tries=1, kind=Kind.CATALOGUE)


@dataclass(frozen=True, slots=True)
class WechatPayConfig:
    """A merchant in public-key mode. Keys are PEM texts; `service_id` is "" without pay-score."""

    mch_id: str
    serial: str  # of our own certificate
    private_key: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    public_key: str
    public_key_id: str
    app_id: str
    notify_url: str
    miniprogram_app_id: str = ""
    service_id: str = ""
    api_base: str = API_BASE


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is WeChat's own word for what is wrong, "" when all is well."""

    status: int
    body: Mapping[str, Any]

    @property
    def code(self) -> str:
        return "" if self.status < 300 else str(self.body.get("code", ""))


class _Door(Core):  # type: ignore[misc]  # the package has no types
    """Core's signing and verifying, over our own HTTP."""

    def __init__(self, config: WechatPayConfig, clock: Clock) -> None:
        super().__init__(
            mchid=config.mch_id,
            cert_serial_no=config.serial,
            private_key=config.private_key,
            apiv3_key=config.api_v3_key,
            public_key=config.public_key,
            public_key_id=config.public_key_id,
        )
        self._gate_way = config.api_base
        self._http, self._clock = SupplierHttp("wechatpay", config.api_base), clock

    def _update_certificates(self) -> None:
        """In public-key mode there are none; nobody makes us fetch any."""

    def request(  # the package's own signature
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Any = None,
        skip_verify: bool = False,
        sign_data: Any = None,
        files: Any = None,
        cipher_data: bool = False,
        headers: Any = None,
    ) -> tuple[int, bytes]:
        # The very bytes that are signed are sent.
        text = json.dumps(data) if data else ""
        signature = build_authorization(
            path, method.value, self._mchid, self._cert_serial_no, self._private_key, data=text
        )
        ours = {
            "Authorization": signature,
            "Wechatpay-Serial": self._public_key_id,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "kilowatch",
        }
        patience = _BILL if skip_verify else _CALL
        reply = self._http.send(method.value, path, patience, headers=ours, body=lambda: text.encode())
        if 200 <= reply.status < 300 and not skip_verify:
            try:
                self.verified(reply.headers, reply.body)
            except BadNotice as bad:
                raise PaymentUnavailable(f"wechatpay: an answer that is not WeChat's: {bad}") from None
        return reply.status, reply.body

    def verified(self, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The marks of a signature that is WeChat's and fresh. Raises BadNotice; calls nobody."""
        given = {name.lower(): value for name, value in headers.items()}
        marks = {name: given.get(name.lower(), "") for name in _MARKS}
        if marks["Wechatpay-Serial"] != self._public_key_id:
            raise BadNotice("the serial is not one of ours")
        if marks["Wechatpay-Signature"].startswith(_SIGN_TEST):
            raise BadNotice("a signature made to be refused")
        timestamp = marks["Wechatpay-Timestamp"]
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise BadNotice("it bears no date")
        if abs(self._clock.now().timestamp() - int(timestamp)) > MOST_AGE_S:
            raise BadNotice("it is too old")
        try:
            good = self._verify_signature(marks, body.decode("utf-8"))
        except Exception as error:  # noqa: BLE001 - the package raises bare exceptions for what others sent
            raise BadNotice(f"it cannot be verified: {type(error).__name__}") from None
        if not good:
            raise BadNotice("the signature is not WeChat's")
        return marks


class WechatPayCore:
    """The package's calls, with one kind of error each way."""

    def __init__(self, config: WechatPayConfig, clock: Clock) -> None:
        self.config = config
        self._door = _Door(config, clock)
        self.api = WeChatPay(
            wechatpay_type=WeChatPayType.JSAPI,
            mchid=config.mch_id,
            private_key=config.private_key,
            cert_serial_no=config.serial,
            appid=config.app_id,
            apiv3_key=config.api_v3_key,
            notify_url=config.notify_url,
            public_key=config.public_key,
            public_key_id=config.public_key_id,
        )
        self.api._core = self._door

    def call(self, name: str, **params: Any) -> Answer:
        """One of the package's calls by its name. Raises PaymentUnavailable when there is no clear answer."""
        try:
            status, body = getattr(self.api, name)(**params)
        except SupplierUnavailable as error:
            raise PaymentUnavailable(str(error)) from None
        try:
            document = json.loads(body) if body else {}
        except ValueError:
            raise PaymentUnavailable(f"wechatpay: {status}, and not JSON") from None
        if not isinstance(document, dict):
            raise PaymentUnavailable(f"wechatpay: {status}, and not an object")
        return Answer(status, document)

    def download(self, path: str) -> bytes:
        """A bill's bytes; they bear no signature, but a hash that was told with one. Raises PaymentUnavailable."""
        try:
            status, body = self._door.request(path, skip_verify=True)
        except SupplierUnavailable as error:
            raise PaymentUnavailable(str(error)) from None
        if status != 200:
            raise PaymentUnavailable(f"wechatpay: the bill answers {status}")
        return body

    def opened(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """A notice with its resource decrypted. Raises BadNotice."""
        marks = self._door.verified(headers, body)
        try:
            notice = self.api.callback(marks, body)
        except Exception as error:  # noqa: BLE001 - the package raises bare exceptions for what others sent
            raise BadNotice(f"it cannot be opened: {type(error).__name__}") from None
        if not isinstance(notice, dict) or not isinstance(notice.get("resource"), dict):
            raise BadNotice("it cannot be opened")
        return notice


def moment(text: Any) -> datetime | None:
    """WeChat's times carry their offset."""
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None
