"""Notices of payment providers: proved, stored under their own number before we say thank you, worked off after."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.money import Money
from core.payments import (
    AuthorisationReport,
    AuthorisationState,
    BadNotice,
    OrderReport,
    OrderState,
    RefundReport,
    RefundState,
)
from core.ports import InboxMessage, PaymentProvider, SendsNotices
from core.services.inbox import Inbox, Incoming
from core.services.wallet import WalletService

Report = OrderReport | RefundReport | AuthorisationReport
MOST_KEY = 128
WORKED_AT_ONCE = 50

log = logging.getLogger(__name__)


class PaymentNotices:
    """`take` is what a callback does, `work` what a job does. What is stored is our reading of a notice, no more."""

    def __init__(self, inbox: Inbox, wallet: WalletService, providers: Mapping[str, PaymentProvider]) -> None:
        self._inbox, self._wallet = inbox, wallet
        self._senders = {channel: one for channel, one in providers.items() if isinstance(one, SendsNotices)}

    @property
    def channels(self) -> list[str]:
        return list(self._senders)

    def take(self, channel: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Store a notice; False when it came before. Raises BadNotice. Calls nobody."""
        sender = self._senders.get(channel)
        if sender is None:
            raise BadNotice(f"{channel} is not set up")
        notice = sender.read_notice(headers, body)
        if not 0 < len(notice.key) <= MOST_KEY:
            raise BadNotice("it has no number")
        if notice.report is None:
            return False
        incoming = Incoming(notice.key, about(notice.report), to_text(notice.report))
        return self._inbox.accept_all(source_of(channel), [incoming]) == 1

    def work(self, channel: str) -> int:
        """Work off what has come; returns how many notices that were."""
        return self._inbox.work(source_of(channel), lambda message: self._one(channel, message), WORKED_AT_ONCE)

    def _one(self, channel: str, message: InboxMessage) -> None:
        self._wallet.reported(channel, from_text(message.body))


def source_of(channel: str) -> str:
    """The inbox's name for a channel."""
    return f"pay:{channel}"


def about(report: Report) -> str:
    """Our number in it: notices about the same order are worked one after the other."""
    return report.refund_id if isinstance(report, RefundReport) else report.order_id


def to_text(report: Report) -> str:
    """As JSON, for the inbox."""
    fields = {name: _plain(getattr(report, name)) for name in type(report).__slots__}
    return json.dumps({"kind": _KINDS[type(report)], **fields})


def from_text(text: str) -> Report:
    """What `to_text` wrote."""
    fields = json.loads(text)
    match fields.pop("kind"):
        case "order":
            return OrderReport(
                **fields
                | {
                    "state": OrderState(fields["state"]),
                    "amount": _money(fields["amount"]),
                    "paid_at": _moment(fields["paid_at"]),
                }
            )
        case "refund":
            return RefundReport(
                **fields
                | {
                    "state": RefundState(fields["state"]),
                    "amount": _money(fields["amount"]),
                    "done_at": _moment(fields["done_at"]),
                }
            )
        case "authorisation":
            limit = _money(fields["limit"])
            return AuthorisationReport(**fields | {"state": AuthorisationState(fields["state"]), "limit": limit})
    raise ValueError("a report of no kind that we know")


_KINDS: dict[type, str] = {OrderReport: "order", RefundReport: "refund", AuthorisationReport: "authorisation"}


def _plain(value: object) -> Any:
    match value:
        case Money():
            return [value.amount_minor, value.currency]
        case datetime():
            return value.isoformat()
    return value


def _money(value: Any) -> Money | None:
    return Money(*value) if value is not None else None


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if value is not None else None
