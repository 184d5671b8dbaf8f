"""A stand-in for WeChat Pay v3 over real HTTP: checks our signatures, signs its answers, encrypts its notices.

Written from the platform's documentation, with keys of its own; it shares no code with the adapter or its package.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask import Flask, Response, request

from adapters.payments.wechatpay_core import WechatPayConfig
from tests.adapters.ocpi.partner import serving

BEIJING = timezone(timedelta(hours=8))
MCH_ID, APP_ID, SERVICE_ID = "1900000109", "wx0000000000000001", "500001"
SERIAL, PUBLIC_KEY_ID = "5157F09EFDC096DE15EBE81A47057A72", "PUB_KEY_ID_0119000001092024"
API_V3_KEY = "0123456789abcdef0123456789abcdef"
OPENID = "oLinLinLinLinLinLinLinLinLin"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class Platform:
    """What WeChat Pay knows, and its bad days."""

    merchant: rsa.RSAPrivateKey = field(default_factory=new_key)
    own: rsa.RSAPrivateKey = field(default_factory=new_key)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    promises: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refund_status: str = "SUCCESS"
    refuse_refunds_with: tuple[int, str] | None = None
    broken: bool = False
    signs_with: rsa.RSAPrivateKey | None = None  # instead of its own
    answers_serial: str = PUBLIC_KEY_ID
    cut: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    # --- the driver ---------------------------------------------------------------------------------------------

    def pays(self, order_id: str, total: int | None = None, currency: str = "CNY") -> dict[str, Any]:
        order = self.orders[order_id]
        assert order["trade_state"] == "NOTPAY"
        order |= {
            "trade_state": "SUCCESS",
            "transaction_id": f"4200{secrets.randbelow(10**20):020d}",
            "success_time": datetime.now(BEIJING).isoformat(timespec="seconds"),
        }
        order["amount"] |= {"currency": currency}
        if total is not None:
            order["amount"]["total"] = total
        return order

    def confirms(self, order_id: str) -> dict[str, Any]:
        promise = self.promises[order_id]
        promise |= {"state": "DOING", "order_id": f"1500{secrets.randbelow(10**20):020d}"}
        return promise

    # --- notices ------------------------------------------------------------------------------------------------

    def notice(
        self,
        event: str,
        resource: Mapping[str, Any],
        *,
        key: rsa.RSAPrivateKey | None = None,
        at: float | None = None,
        serial: str = PUBLIC_KEY_ID,
        api_key: str = API_V3_KEY,
        number: str = "",
    ) -> tuple[dict[str, str], bytes]:
        """The headers and the body that it sends."""
        kind, nonce = event.partition(".")[0].lower(), secrets.token_hex(6)
        sealed = AESGCM(api_key.encode()).encrypt(nonce.encode(), json.dumps(resource).encode(), kind.encode())
        body = json.dumps(
            {
                "id": number or secrets.token_hex(16),
                "create_time": datetime.now(BEIJING).isoformat(timespec="seconds"),
                "resource_type": "encrypt-resource",
                "event_type": event,
                "summary": "支付成功",
                "resource": {
                    "original_type": kind,
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(sealed).decode(),
                    "associated_data": kind,
                    "nonce": nonce,
                },
            },
            ensure_ascii=False,
        ).encode()
        return self.signed(body, key=key, at=at, serial=serial), body

    def signed(
        self,
        body: bytes,
        *,
        key: rsa.RSAPrivateKey | None = None,
        at: float | None = None,
        serial: str = PUBLIC_KEY_ID,
    ) -> dict[str, str]:
        stamp, nonce = str(int(time.time() if at is None else at)), secrets.token_hex(16)
        text = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        signature = (key or self.own).sign(text, PKCS1v15(), SHA256())
        return {
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    # --- its interface ------------------------------------------------------------------------------------------

    def app(self) -> Flask:
        app = Flask("wechatpay")
        for rule, view, method in (
            ("/v3/pay/transactions/jsapi", self._prepay, "POST"),
            ("/v3/pay/transactions/out-trade-no/<number>", self._query, "GET"),
            ("/v3/pay/transactions/out-trade-no/<number>/close", self._close, "POST"),
            ("/v3/refund/domestic/refunds", self._refund, "POST"),
            ("/v3/refund/domestic/refunds/<number>", self._query_refund, "GET"),
            ("/v3/payscore/serviceorder", self._promise, "POST"),
            ("/v3/payscore/serviceorder", self._query_promise, "GET"),
            ("/v3/payscore/serviceorder/<number>/complete", self._complete, "POST"),
            ("/v3/payscore/serviceorder/<number>/cancel", self._cancel, "POST"),
            ("/v3/bill/tradebill", self._trade_bill, "GET"),
        ):
            app.add_url_rule(rule, f"{view.__name__}", self._behind_the_door(view), methods=[method])
        app.add_url_rule("/v3/billdownload/file", "file", self._file, methods=["GET"])
        app.add_url_rule("/v3/certificates", "certificates", lambda: self._never("certificates"), methods=["GET"])
        return app

    def _never(self, what: str) -> Response:
        self.calls.append(what)
        return Response(status=404)

    def _behind_the_door(self, view: Any) -> Any:
        def answer(**names: str) -> Response:
            self.calls.append(view.__name__.removeprefix("_"))
            if self.broken:
                return Response('{"code": "SYSTEM_ERROR"}', 500, content_type="application/json")
            if not self._knows_us():
                return self._answer(401, {"code": "SIGN_ERROR", "message": "错误的签名"})
            with self.lock:
                status, document = view(**names)
            return self._answer(status, document)

        return answer

    def _answer(self, status: int, document: Mapping[str, Any] | None) -> Response:
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        headers = self.signed(body, key=self.signs_with, serial=self.answers_serial)
        if self.cut:

            def half() -> Iterator[bytes]:
                yield body[: len(body) // 2]
                raise ConnectionAbortedError("cut as wished")

            return Response(half(), headers=headers | {"Content-Length": str(len(body) + 2)})
        return Response(body, status, headers=headers, content_type="application/json")

    def _knows_us(self) -> bool:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme != "WECHATPAY2-SHA256-RSA2048" or (said["mchid"], said["serial_no"]) != (MCH_ID, SERIAL):
            return False
        target = request.full_path.rstrip("?") if not request.query_string else request.full_path
        parts = (request.method, target, said["timestamp"], said["nonce_str"], request.get_data(as_text=True))
        text = "".join(f"{one}\n" for one in parts).encode()
        try:
            signature = base64.b64decode(said["signature"])
            self.merchant.public_key().verify(signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return abs(time.time() - int(said["timestamp"])) <= 300

    # --- orders ---------------------------------------------------------------------------------------------------

    def _prepay(self) -> tuple[int, Any]:
        wish = request.get_json()
        good = wish["mchid"] == MCH_ID and wish["appid"] == APP_ID and wish["payer"]["openid"] == OPENID
        if not good or not re.fullmatch(r"[A-Za-z0-9_*|-]{6,32}", wish["out_trade_no"]):
            return 400, {"code": "PARAM_ERROR"}
        datetime.fromisoformat(wish["time_expire"])
        order = self.orders.setdefault(
            wish["out_trade_no"],
            {
                "mchid": MCH_ID,
                "appid": APP_ID,
                "out_trade_no": wish["out_trade_no"],
                "trade_state": "NOTPAY",
                "amount": dict(wish["amount"]),
                "payer": wish["payer"],
                "notify_url": wish["notify_url"],
            },
        )
        if order["trade_state"] != "NOTPAY":
            return 403, {"code": "ORDERPAID" if order["trade_state"] == "SUCCESS" else "ORDER_CLOSED"}
        if order["amount"]["total"] != wish["amount"]["total"]:
            return 400, {"code": "INVALID_REQUEST"}
        return 200, {"prepay_id": f"wx{secrets.token_hex(16)}"}

    def _query(self, number: str) -> tuple[int, Any]:
        if request.args.get("mchid") != MCH_ID:
            return 400, {"code": "PARAM_ERROR"}
        order = self.orders.get(number)
        return (200, order) if order else (404, {"code": "ORDER_NOT_EXIST"})

    def _close(self, number: str) -> tuple[int, Any]:
        order = self.orders.get(number)
        if order is None:
            return 404, {"code": "ORDER_NOT_EXIST"}
        if order["trade_state"] == "SUCCESS":
            return 400, {"code": "ORDERPAID"}
        order["trade_state"] = "CLOSED"
        return 204, None

    # --- refunds --------------------------------------------------------------------------------------------------

    def _refund(self) -> tuple[int, Any]:
        wish = request.get_json()
        if self.refuse_refunds_with is not None:
            status, code = self.refuse_refunds_with
            return status, {"code": code, "message": "不行"}
        number = wish["out_refund_no"]
        if number in self.refunds:
            return 200, self.refunds[number]
        paid = [one for one in self.orders.values() if one.get("transaction_id") == wish["transaction_id"]]
        if not paid:
            return 404, {"code": "RESOURCE_NOT_EXISTS"}
        [order] = paid
        back = sum(
            one["amount"]["refund"]
            for one in self.refunds.values()
            if one["out_trade_no"] == order["out_trade_no"] and one["status"] not in ("CLOSED", "ABNORMAL")
        )
        if (
            wish["amount"]["total"] != order["amount"]["total"]
            or back + wish["amount"]["refund"] > order["amount"]["total"]
        ):
            return 400, {"code": "INVALID_REQUEST", "message": "订单金额或退款金额与之前请求不一致"}
        self.refunds[number] = {
            "refund_id": f"5000{secrets.randbelow(10**20):020d}",
            "out_refund_no": number,
            "transaction_id": wish["transaction_id"],
            "out_trade_no": order["out_trade_no"],
            "status": self.refund_status,
            "success_time": datetime.now(BEIJING).isoformat(timespec="seconds"),
            "amount": dict(wish["amount"]),
        }
        return 200, self.refunds[number]

    def _query_refund(self, number: str) -> tuple[int, Any]:
        refund = self.refunds.get(number)
        return (200, refund) if refund else (404, {"code": "RESOURCE_NOT_EXISTS"})

    # --- pay-score ------------------------------------------------------------------------------------------------

    def _promise(self) -> tuple[int, Any]:
        wish = request.get_json()
        if (
            wish["service_id"] != SERVICE_ID
            or len(wish["service_introduction"]) > 20
            or not wish["need_user_confirm"]
        ):
            return 400, {"code": "PARAM_ERROR"}
        promise = self.promises.setdefault(
            wish["out_order_no"],
            {
                "mchid": MCH_ID,
                "appid": APP_ID,
                "service_id": SERVICE_ID,
                "out_order_no": wish["out_order_no"],
                "state": "CREATED",
                "risk_fund": wish["risk_fund"],
                "total_amount": 0,
            },
        )
        if promise["risk_fund"] != wish["risk_fund"]:
            return 400, {"code": "INVALID_REQUEST"}
        return 200, promise | {"package": f"DJIOSQPYWDxsjdldeuwhdodwxasd_dDiodnwjh9we{secrets.token_hex(4)}"}

    def _query_promise(self) -> tuple[int, Any]:
        promise = self.promises.get(request.args.get("out_order_no", ""))
        return (200, promise) if promise else (404, {"code": "ORDER_NOT_EXIST"})

    def _complete(self, number: str) -> tuple[int, Any]:
        promise, wish = self.promises.get(number), request.get_json()
        if promise is None:
            return 404, {"code": "ORDER_NOT_EXIST"}
        total = sum(one["amount"] for one in wish["post_payments"])
        if promise["state"] == "DONE" and promise["total_amount"] == total:
            return 200, promise
        if promise["state"] != "DOING" or total != wish["total_amount"] or total > promise["risk_fund"]["amount"]:
            return 400, {"code": "INVALID_ORDER_STATE"}
        promise |= {"state": "DONE", "total_amount": total, "collection": {"state": "USER_PAYING"}}
        return 200, promise

    def _cancel(self, number: str) -> tuple[int, Any]:
        promise = self.promises.get(number)
        if promise is None:
            return 404, {"code": "ORDER_NOT_EXIST"}
        if promise["state"] not in ("CREATED", "DOING", "REVOKED") or len(request.get_json()["reason"]) > 30:
            return 400, {"code": "INVALID_ORDER_STATE"}
        promise["state"] = "REVOKED"
        return 200, promise

    # --- the bill -------------------------------------------------------------------------------------------------

    def _trade_bill(self) -> tuple[int, Any]:
        text = self._bill()
        if text is None:
            return 400, {"code": "NO_STATEMENT_EXIST"}
        url = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc"
        return 200, {"hash_type": "SHA1", "hash_value": hashlib.sha1(text).hexdigest(), "download_url": url}

    def _file(self) -> Response:
        self.calls.append("file")
        assert self._knows_us()
        return Response(gzip.compress(self._bill() or b""), content_type="text/plain")

    def _bill(self) -> bytes | None:
        lines = [_paid_line(one) for one in self.orders.values() if one["trade_state"] == "SUCCESS"]
        lines += [_back_line(one) for one in self.refunds.values()]
        if not lines:
            return None
        out = io.StringIO()
        out.write("\ufeff" + ",".join(_COLUMNS) + "\r\n")
        writer = csv.writer(out, lineterminator="\r\n")
        for line in lines:
            writer.writerow([f"`{line.get(name, '')}" for name in _COLUMNS])
        out.write("总交易单数,应结订单总金额\r\n`1,`50.00\r\n")
        return out.getvalue().encode()


_COLUMNS = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识",
    "交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额", "微信退款单号",
    "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "商品名称", "商户数据包",
    "手续费", "费率", "订单金额", "申请退款金额", "费率备注",
)  # fmt: skip


def _paid_line(order: dict[str, Any]) -> dict[str, str]:
    paid = f"{order['amount']['total'] / 100:.2f}"
    return {
        "微信订单号": order["transaction_id"],
        "商户订单号": order["out_trade_no"],
        "交易状态": "SUCCESS",
        "货币种类": "CNY",
        "应结订单金额": paid,
        "手续费": "0.30000",
        "订单金额": paid,
        "申请退款金额": "0.00",
        "商品名称": 'a "name", with signs',
    }


def _back_line(refund: dict[str, Any]) -> dict[str, str]:
    back = f"{refund['amount']['refund'] / 100:.2f}"
    return {
        "微信订单号": refund["transaction_id"],
        "商户订单号": refund["out_trade_no"],
        "交易状态": "REFUND",
        "货币种类": "CNY",
        "微信退款单号": refund["refund_id"],
        "商户退款单号": refund["out_refund_no"],
        "退款金额": back,
        "手续费": "-0.12000",
        "订单金额": "0.00",
        "申请退款金额": back,
    }


@contextmanager
def wechatpay() -> Iterator[tuple[Platform, WechatPayConfig]]:
    """The platform behind its own HTTP server, and the settings of a merchant it knows."""
    platform = Platform()
    with serving(platform.app()) as url:
        yield platform, merchant_config(platform, url)


def merchant_config(platform: Platform, url: str) -> WechatPayConfig:
    return WechatPayConfig(
        mch_id=MCH_ID,
        serial=SERIAL,
        private_key=private_pem(platform.merchant),
        api_v3_key=API_V3_KEY,
        public_key=public_pem(platform.own),
        public_key_id=PUBLIC_KEY_ID,
        app_id=APP_ID,
        notify_url="https://kilowatch.example/pay/wechat/notify",
        service_id=SERVICE_ID,
        api_base=url,
    )
