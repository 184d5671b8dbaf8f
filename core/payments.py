"""Money on its way in and out: orders to a payment provider, and what the provider says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from core.errors import KilowatchError
from core.money import Money, minor_units


class PaymentUnavailable(KilowatchError):
    """The provider did not answer, or not in a way we understand. The order stands; we ask again later."""


class BadNotice(KilowatchError):
    """A notice that is not the provider's, or not for us. Refused with 401; the reason goes to the log only."""


class TopupState(StrEnum):
    CREATED = "created"  # written down, the provider not asked yet
    PENDING = "pending"  # the driver can pay
    PAID = "paid"
    PARKED = "parked"  # the provider names another amount or currency: one of us has to look
    CLOSED = "closed"  # not paid in time, or given up


@dataclass(frozen=True, slots=True)
class Topup:
    """One order to pay money in. Its id is our order number at the provider: A-Z, a-z, 0-9, at most 32."""

    id: str
    user_id: str
    client_key: str
    channel: str  # the provider: "sandbox", "wechatpay", "telegram"
    amount: Money
    state: TopupState
    created_at: datetime
    expires_at: datetime
    quote_id: str = ""  # pre-authorised for a charge by this quote alone
    psp_transaction: str = ""
    paid_at: datetime | None = None
    refunded: int = 0  # of it, in minor units, asked for and not refused
    looks: int = 0
    next_look_at: datetime | None = None
    detail: str = ""


class RefundState(StrEnum):
    ASKED = "asked"  # the money has left the wallet's free part
    SENT = "sent"  # the provider has taken the order
    DONE = "done"
    REFUSED = "refused"  # the provider cannot pay it out: the money is in the wallet again
    BY_HAND = "by_hand"  # this way of payment has no interface for refunds: one of us does it


# `Topup.detail` of a promise that is booked: the provider is to take what `refunded` leaves of it; it has taken that.
TO_TAKE, TAKEN = "to take", "taken"

OPEN_REFUNDS = frozenset({RefundState.ASKED, RefundState.SENT, RefundState.BY_HAND})
# What the providers promise for balance and cards; the driver is told the date.
REFUND_DUE_WITHIN = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money going back the way one top-up came. A wish to get money back may need several."""

    id: str
    request_id: str
    user_id: str
    topup_id: str
    channel: str
    amount: Money
    state: RefundState
    asked_at: datetime
    due_at: datetime
    sent_at: datetime | None = None
    done_at: datetime | None = None
    psp_refund: str = ""
    looks: int = 0
    next_look_at: datetime | None = None
    detail: str = ""


# --- what a provider says -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """How the driver pays. `kind` tells the front door what `fields` are.

    "page": `url` to open. "jsapi": the parameters of WeixinJSBridge / wx.requestPayment. "payscore": `businessType`,
    `queryString` and `extraData` of wx.openBusinessView. "invoice": the fields of a Telegram invoice, no chat.
    """

    kind: str
    fields: Mapping[str, object] = field(repr=False)


class OrderState(StrEnum):
    UNPAID = "unpaid"
    PAID = "paid"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # the provider does not know this order


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the provider says of an order, by a notice or when asked. The amount is the provider's word."""

    order_id: str
    state: OrderState
    transaction: str = ""
    amount: Money | None = None
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundReport:
    """What the provider says of a refund. ASKED: it knows of no such refund."""

    refund_id: str
    state: RefundState
    psp_refund: str = ""
    done_at: datetime | None = None
    detail: str = ""
    amount: Money | None = None  # by the provider's word; None when it does not say


class AuthorisationState(StrEnum):
    WAITING = "waiting"  # the driver has not agreed yet
    AUTHORISED = "authorised"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AuthorisationReport:
    """What the provider says of a pre-authorisation."""

    order_id: str
    state: AuthorisationState
    limit: Money | None = None
    transaction: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that has proved to be the provider's. `key` is its own number, by which a repetition is known.

    Without a report it says nothing that we need to know.
    """

    key: str
    report: OrderReport | RefundReport | AuthorisationReport | None


class BillKind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of the provider's daily bill. `order_id` is ours: of the top-up or the refund."""

    line_id: str
    kind: BillKind
    order_id: str
    transaction: str
    amount: Money
    fee: Money | None
    day: date


# When an order that should have been paid is asked for, after it was made: notices are repeated, but not promised.
LOOKS_AFTER = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
TOPUP_EXPIRES_AFTER = timedelta(hours=2)
REFUND_LOOKS_AFTER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
REFUND_LOOKS_EVERY = timedelta(hours=6)
SILENT_PROVIDER_ASKED_AGAIN_AFTER = timedelta(minutes=10)

# The least and the most of one top-up, in major units: a full battery or a few, and no more of the driver's money
# with us than that takes. Other currencies: as the last entry.
TOPUP_LIMITS = {
    "CNY": (1, 2_000),
    "HKD": (10, 2_000),
    "JPY": (100, 50_000),
    "KRW": (1_000, 500_000),
    "": (1, 300),
}


def topup_limits(currency: str) -> tuple[Money, Money]:
    """The least and the most of one top-up."""
    least, most = TOPUP_LIMITS.get(currency, TOPUP_LIMITS[""])
    scale = 10 ** minor_units(currency)
    return Money(least * scale, currency), Money(most * scale, currency)
