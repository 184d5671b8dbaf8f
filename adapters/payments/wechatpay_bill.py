"""WeChat Pay's trade bill of a day: a table with back-ticks before each value, behind a hash told under signature."""

from __future__ import annotations

import csv
import hashlib
import hmac
import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from adapters.payments.wechatpay_core import WechatPayCore
from core.money import Money, round_once
from core.payments import BillKind, BillLine, PaymentUnavailable

_MOST_BYTES = 512 * 1024 * 1024
_ORDER, _TRANSACTION, _STATE = "商户订单号", "微信订单号", "交易状态"
_REFUND, _PSP_REFUND = "商户退款单号", "微信退款单号"
_PAID, _BACK, _FEE, _CURRENCY = "订单金额", "申请退款金额", "手续费", "货币种类"


def lines(core: WechatPayCore, day: date) -> Iterator[BillLine]:
    """Every payment and refund of a day of WeChat's (Asia/Shanghai). Raises PaymentUnavailable."""
    told = core.call("trade_bill", bill_date=day.isoformat())
    if told.code == "NO_STATEMENT_EXIST":
        return iter(())
    url = told.body.get("download_url")
    if told.status != 200 or not isinstance(url, str):
        raise PaymentUnavailable(f"wechatpay: the bill is answered {told.status} {told.code}")
    # Fetched from where we call, whatever host it names.
    parts = urlsplit(url)
    raw = core.download(f"{parts.path}?{parts.query}")
    text = _unpacked(raw)
    given = str(told.body.get("hash_value", "")).lower()
    if not hmac.compare_digest(hashlib.sha1(text, usedforsecurity=False).hexdigest(), given):
        raise PaymentUnavailable("wechatpay: the bill is not the one that was announced")
    return iter(_read(text.decode("utf-8-sig"), day))


def _unpacked(raw: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        text = unpacker.decompress(raw, _MOST_BYTES)
    except zlib.error:
        return raw  # sent plain
    if unpacker.unconsumed_tail:
        raise PaymentUnavailable("wechatpay: the bill is larger than any we expect")
    return text


def _read(text: str, day: date) -> list[BillLine]:
    found = []
    rows = csv.reader(text.splitlines())
    names = [name.strip() for name in next(rows, [])]
    for row in rows:
        if not row or not row[0].startswith("`"):
            break  # the summary below the lines
        line = dict(zip(names, (value.lstrip("`").strip() for value in row), strict=False))
        try:
            found.append(_line(line, day))
        except (KeyError, ValueError, InvalidOperation) as error:
            raise PaymentUnavailable(f"wechatpay: a line of the bill cannot be read: {error}") from None
    return found


def _line(line: dict[str, str], day: date) -> BillLine:
    currency, refund = line[_CURRENCY], line[_STATE] == "REFUND"
    return BillLine(
        line_id=f"{day.isoformat()}:{line[_PSP_REFUND] if refund else line[_TRANSACTION]}",
        kind=BillKind.REFUND if refund else BillKind.PAYMENT,
        order_id=line[_REFUND] if refund else line[_ORDER],
        transaction=line[_PSP_REFUND] if refund else line[_TRANSACTION],
        amount=_money(line[_BACK] if refund else line[_PAID], currency),
        fee=_money(line[_FEE], currency),
        day=day,
    )


def _money(text: str, currency: str) -> Money:
    return round_once(Decimal(text), currency)
