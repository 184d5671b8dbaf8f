"""Wallet and charges as JSON. Pure but for the wording."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bots import money, receipt
from bots.miniapp.shapes import NAME_MAX, clean, moment, plain
from bots.miniapp.shapes import money as amount
from bots.wording import Wording
from bots.wording.messages import start_failure
from core.money import Money
from core.payments import PaymentRequest, Refund, Topup
from core.ports import Wallet
from core.services.wallet import Receipt, StatementLine
from core.session import ChargingSession, FrozenQuote

Json = dict[str, Any]


def balance(one: Wallet, refundable: Money) -> Json:
    return {
        "available": amount(one.available),
        "held": amount(one.held),
        "refunding": amount(one.refunding),
        "refundable": amount(refundable),
    }


def topup(one: Topup) -> Json:
    return {
        "id": one.id,
        "channel": one.channel,
        "amount": amount(one.amount),
        "state": one.state.value,
        "created_at": moment(one.created_at),
        "expires_at": moment(one.expires_at),
        "paid_at": moment(one.paid_at),
        "quote_id": one.quote_id or None,
        "reference": one.psp_transaction,
    }


def how_to_pay(request: PaymentRequest) -> Json:
    return {"kind": request.kind, "fields": dict(request.fields)}


def refund(one: Refund, say: Wording) -> Json:
    steps = [
        {"state": state.value, "text": money.step(say, state, one.channel), "at": moment(at)}
        for state, at in money.steps(one)
    ]
    return {
        "id": one.id,
        "topup_id": one.topup_id,
        "channel": one.channel,
        "way": money.way(say, one.channel),
        "amount": amount(one.amount),
        "state": one.state.value,
        "steps": steps,
        "due_at": moment(one.due_at),
        "reference": one.psp_refund,
    }


def line(one: StatementLine, say: Wording) -> Json:
    price = one.price_per_kwh
    return {
        "number": one.number,
        "at": moment(one.booked_at),
        "cause": one.cause.value,
        "reason": {"code": one.cause.value, "text": money.cause(say, one), "detail": money.detail(say, one)},
        "available": amount(one.available),
        "held": amount(one.held),
        "refunding": amount(one.refunding),
        "session_id": one.session_id or None,
        "station": clean(one.station_name, NAME_MAX) or None,
        "operator": clean(one.operator_name, NAME_MAX) or None,
        "gun": clean(one.gun_label, NAME_MAX) or None,
        "tariff_id": one.tariff_id or None,
        "per_kwh": plain(price) if price is not None else None,
        "order_id": one.order_id or None,
        "channel": one.channel or None,
        "reference": (one.reference or one.session_id or one.order_id) or None,
    }


def quote(one: FrozenQuote) -> Json:
    return {
        "id": one.id,
        "station_id": one.station_id,
        "station": clean(one.station_name, NAME_MAX),
        "operator": clean(one.operator_name, NAME_MAX),
        "gun": _gun(one),
        "kwh": plain(one.energy_kwh),
        "expected": amount(one.expected),
        "parts": {part.value: plain(value) for part, value in one.parts.items()},
        "per_kwh": plain(one.price_per_kwh),
        "hold": amount(one.hold),
        "tariff_id": one.tariff_id,
        "price_seen_at": moment(one.price_seen_at),
        "expires_at": moment(one.expires_at),
    }


def _gun(one: FrozenQuote) -> Json:
    # The id goes back into a request, so it is not cut.
    return {
        "operator_id": one.ref.operator_id,
        "id": one.ref.connector_id,
        "label": clean(one.gun_label, NAME_MAX),
    }


def session(one: ChargingSession, say: Wording) -> Json:
    """Without what belongs to its present moment, see ongoing.py."""
    failure = {"code": one.failure, "text": start_failure(say, one.failure)} if one.failure else None
    return {
        "id": one.id,
        "state": one.state.value,
        "text": money.state(say, one),
        "station_id": one.station_id,
        "station": clean(one.quote.station_name, NAME_MAX),
        "operator": clean(one.quote.operator_name, NAME_MAX),
        "gun": _gun(one.quote),
        "payment": one.payment,
        "created_at": moment(one.created_at),
        "started_at": moment(one.started_at),
        "ended_at": moment(one.ended_at),
        "energy_kwh": _number(one.energy_kwh),
        "power_kw": _number(one.power_kw),
        "soc_percent": _number(one.soc_percent),
        "seen_at": moment(one.seen_at),
        "charged": amount(one.charged) if one.charged is not None else None,
        "failure": failure,
        "quote": quote(one.quote),
    }


def paper(one: Receipt, say: Wording, sheet: receipt.Sheet, shown: Json) -> Json:
    """`shown` is the session as every other answer has it."""
    record, hold = one.record, one.hold
    return {
        "session": shown,
        "record_id": record.record_id if record else None,
        "billed": amount(one.billed) if one.billed is not None else None,
        "by_price": amount(one.by_price) if one.by_price is not None else None,
        "as_agreed": one.as_agreed,
        "parts": {part.value: plain(value) for part, value in one.parts.items()},
        "periods": [
            {
                "from": moment(each.start),
                "to": moment(each.end),
                "energy_kwh": plain(each.energy_kwh),
                "energy_price": _number(each.energy_price),
                "service_price": _number(each.service_price),
            }
            for each in (record.periods if record else ())
        ],
        "held": amount(hold.amount) if hold else None,
        "paid": amount(one.paid),
        "given_back": amount(hold.released) if hold and not hold.active else None,
        "borne": amount(one.borne),
        "balance": amount(one.balance),
        "notes": list(sheet.notes),
        "promise": sheet.promise,
        "page": f"/receipts/{one.session.id}",
    }


def _number(value: Decimal | None) -> str | None:
    return plain(value) if value is not None else None
