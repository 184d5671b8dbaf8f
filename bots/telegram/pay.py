"""Payments in the chat: the question before the money is taken, and the word that it was.

Telegram waits ten seconds for an answer to the question, so it is answered here and not by a job. What was paid
comes once or several times, and Telegram cannot be asked about it: whatever else is wrong, it is booked.
"""

from __future__ import annotations

import logging

from aiogram import Bot, F, Router
from aiogram.exceptions import TelegramAPIError
from aiogram.types import Message, PreCheckoutQuery

from bots.telegram import chat, render
from bots.telegram.crossing import Crossing
from bots.telegram.markup import ours
from bots.telegram.visit import identity
from bots.wording import phrases, wording
from core.errors import UserError
from core.money import Money
from core.payments import OrderReport, OrderState, TopupState
from core.services import Services
from core.user import language_for

CHANNEL = "telegram"  # of core.payments

router = Router(name="pay")
log = logging.getLogger(__name__)


@router.pre_checkout_query()
async def before_paying(query: PreCheckoutQuery, bot: Bot, services: Services, run_core: Crossing) -> None:
    """Yes only to an order of this very person, of this amount, that still waits for its money."""
    say = wording(language_for(query.from_user.language_code))
    refusal = ""
    try:
        await run_core(_check, services, query)
    except UserError as problem:
        refusal = phrases.error(say, problem)
    except Exception:
        # No money is taken that we may not be able to book.
        log.exception("a payment could not be checked")
        refusal = phrases.trouble(say)
    try:
        await bot.answer_pre_checkout_query(query.id, ok=not refusal, error_message=refusal or None)
    except TelegramAPIError as problem:
        # Ten seconds are over, mostly: Telegram took no money, and the person taps again.
        log.warning("a question before paying was answered in vain", extra={"refusal": type(problem).__name__})


def _check(services: Services, query: PreCheckoutQuery) -> None:
    """Raises UserError."""
    user = services.accounts.greet(identity(query.from_user.id), language_for(query.from_user.language_code)).user
    amount = Money(query.total_amount, query.currency)
    services.wallet.may_be_paid(CHANNEL, query.invoice_payload, amount, user.id)


@router.message(F.successful_payment)
async def paid(message: Message, bot: Bot, services: Services, run_core: Crossing) -> None:
    """Book it, once. That it is in the wallet is said by the outbox; here only what is odd."""
    payment = message.successful_payment
    assert payment is not None
    report = OrderReport(
        order_id=payment.invoice_payload,
        state=OrderState.PAID,
        transaction=payment.telegram_payment_charge_id,
        amount=Money(payment.total_amount, payment.currency),
        paid_at=message.date,
    )
    order = await run_core(services.wallet.paid, CHANNEL, report)
    if order is None or order.state is not TopupState.PAID:
        say = wording(language_for(message.from_user.language_code if message.from_user else None))
        sentence = phrases.error(say, UserError("payment_in_review"))
        await chat.send(bot, message.chat.id, render.message(ours(sentence)))
