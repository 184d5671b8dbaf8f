"""Telegram Payments: an invoice in the chat, over the provider behind our provider token.

The Bot API cannot be asked about an order and sends no notices: the bot is told by pre_checkout_query and
successful_payment (bots/telegram/pay.py). It pays nothing back either, but Stars, which are no money for charging: a
person does that in the provider's console.
"""

from __future__ import annotations

import json

from core.money import Money
from core.payments import PaymentRequest, Refund, RefundReport, RefundState, Topup

CHANNEL = "telegram"
# What the usual providers take; the token's own provider may take less, and then says so in the chat.
CURRENCIES = frozenset({"CNY", "EUR", "GBP", "HKD", "JPY", "KRW", "SGD", "USD"})
_TITLE_MAX, _DESCRIPTION_MAX = 32, 255  # characters, Bot API sendInvoice


class TelegramPayments:
    """core.ports.PaymentProvider."""

    channel = CHANNEL
    currencies = CURRENCIES

    def __init__(self, provider_token: str) -> None:
        self._token = provider_token

    def ping(self) -> str:
        return "a provider token is set; Telegram tells nobody whether it is good"

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        text = description.strip() or "Kilowatch"
        amount: Money = topup.amount
        return PaymentRequest(
            "invoice",
            {
                "title": text[:_TITLE_MAX],
                "description": text[:_DESCRIPTION_MAX],
                "payload": topup.id,
                "provider_token": self._token,
                "currency": amount.currency,
                # The Bot API counts in the smallest unit of the currency too.
                "prices": json.dumps([{"label": text[:_TITLE_MAX], "amount": amount.amount_minor}]),
            },
        )

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        return RefundReport(refund.id, RefundState.BY_HAND, detail=f"charge {of.psp_transaction}"[:300])
