"""Payments in the chat: asked before the money is taken, booked once after it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message, PreCheckoutQuery, Update

from adapters.payments.telegram import TelegramPayments
from bots.telegram import pay
from bots.telegram.crossing import Crossing
from bots.telegram.updates import ALLOWED, take_in_all
from bots.telegram.visit import identity
from core.money import Money
from core.payments import Topup, TopupState
from core.ports import CaseKind
from core.services.wallet import WalletService
from tests.bots.telegram.server import TOKEN, BotApi, Person
from tests.world import World, make_world

PROVIDER_TOKEN = "284685063:TEST:canary"


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


class Till:
    """Lin in a private chat with the bot, over the real services."""

    def __init__(self, world: World, telegram: BotApi) -> None:
        self.world, self.telegram = world, telegram
        services = world.services
        providers = {"telegram": TelegramPayments(PROVIDER_TOKEN)}
        self.wallet = WalletService(services.database, world.clock, providers, services.outbox.ring)
        self.services = replace(services, wallet=self.wallet)
        self.lin, self.wei = telegram.person("Lin"), telegram.person("Wei", "zh-hans")
        self.lins = services.accounts.greet(identity(self.lin.id), "en").user.id

    def order(self) -> Topup:
        topup, request = self.wallet.topup(self.lins, Money(5000, "CNY"), "telegram", "k", description="Top-up")
        assert request.kind == "invoice"
        assert request.fields["payload"] == topup.id
        return topup

    def works(self) -> None:
        """What waits at Telegram, by the handlers themselves."""

        async def run() -> None:
            run_core = Crossing()
            async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(self.telegram.url))) as bot:
                while self.telegram.pending:
                    update = Update.model_validate(self.telegram.pending.pop(0), context={"bot": bot})
                    handler: Callable[..., Any] = pay.paid if update.message else pay.before_paying
                    event: Message | PreCheckoutQuery | None = update.message or update.pre_checkout_query
                    await handler(event, bot=bot, services=self.services, run_core=run_core)
            run_core.close()

        asyncio.run(run())

    def asks(self, who: Person, payload: str, amount: int = 5000, currency: str = "CNY") -> tuple[bool, str]:
        """Whether the bot says yes, and what else it says; within ten seconds."""
        number = self.telegram.ask_before_paying(who.user, payload, amount, currency)
        started = time.monotonic()
        self.works()
        assert time.monotonic() - started < 10
        [answer] = self.telegram.made("answerPreCheckoutQuery", pre_checkout_query_id=number)
        return answer.params["ok"], answer.params.get("error_message", "")

    def pays(self, payload: str, amount: int = 5000, currency: str = "CNY", charge: str = "charge-1") -> None:
        self.lin.sends(
            successful_payment={
                "currency": currency,
                "total_amount": amount,
                "invoice_payload": payload,
                "telegram_payment_charge_id": charge,
                "provider_payment_charge_id": "p-1",
            }
        )
        self.works()

    def money(self) -> list[Money]:
        return [one.available for one in self.wallet.wallets(self.lins)]


@pytest.fixture
def till(tmp_path, telegram: BotApi) -> Iterator[Till]:
    world = make_world(tmp_path)
    yield Till(world, telegram)
    with world.services.database.read() as unit:
        assert list(unit.ledger.breaches(world.clock.now())) == []


def test_the_right_order_is_let_through(till: Till) -> None:
    assert till.asks(till.lin, till.order().id) == (True, "")


def test_everything_else_is_refused_with_a_sentence(till: Till) -> None:
    order = till.order()
    for who, payload, amount, currency in (
        (till.lin, "T-nobody", 5000, "CNY"),
        (till.lin, order.id, 50, "CNY"),
        (till.lin, order.id, 5000, "EUR"),
        (till.wei, order.id, 5000, "CNY"),
    ):
        ok, words = till.asks(who, payload, amount, currency)
        assert not ok
        assert words == (
            "找不到这笔付款，请重新发起。" if who is till.wei else "This payment is not known here. Start a new one."
        )
    till.world.clock.advance(hours=2)
    assert till.asks(till.lin, order.id) == (False, "This payment has expired. Start a new one.")


def test_no_money_is_taken_that_we_could_not_book(till: Till) -> None:
    order = till.order()
    with till.world.services.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE topups RENAME TO topups_gone")
    ok, words = till.asks(till.lin, order.id)
    with till.world.services.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE topups_gone RENAME TO topups")
    assert not ok
    assert "starting" in words or "went wrong" in words
    assert till.asks(till.lin, order.id) == (True, "")


def test_a_question_that_is_too_old_harms_nobody(till: Till) -> None:
    order = till.order()
    till.telegram.refuse_next("answerPreCheckoutQuery", 400, "Bad Request: query is too old")
    till.telegram.ask_before_paying(till.lin.user, order.id, 5000)
    till.works()
    assert till.asks(till.lin, order.id) == (True, "")


def test_paid_once_however_often_it_is_told(till: Till) -> None:
    order = till.order()
    for _ in range(3):
        till.pays(order.id)
    assert till.money() == [Money(5000, "CNY")]
    assert till.wallet.check_topup(till.lins, order.id).psp_transaction == "charge-1"
    assert till.telegram.made("sendMessage") == []  # the outbox says it
    assert till.asks(till.lin, order.id) == (False, "This is paid already. Look into your wallet.")


@pytest.mark.parametrize("odd", ["amount", "order"])
def test_what_does_not_fit_is_said_and_not_booked(till: Till, odd: str) -> None:
    order = till.order()
    if odd == "amount":
        till.pays(order.id, amount=500)
    else:
        till.pays("T-nobody")
    assert till.money() == []
    assert [message.text for message in till.lin.messages] == [
        "This payment does not fit its order. One of us looks at it; you need do nothing."
    ]
    with till.world.services.database.read() as unit:
        assert len(unit.cases.listed(kind=CaseKind.TOPUP)) == 1


def test_an_order_nobody_pays_is_closed_and_paid_late_it_is_booked(till: Till) -> None:
    """Telegram cannot be asked: the time alone closes it."""
    order = till.order()
    till.world.clock.advance(hours=2)
    till.wallet.look_at_topup(order.id)
    assert till.wallet.check_topup(till.lins, order.id).state is TopupState.CLOSED
    till.pays(order.id)
    assert till.money() == [Money(5000, "CNY")]


def test_refunds_are_paid_by_hand(till: Till) -> None:
    till.pays(till.order().id)
    [refund] = till.wallet.refund(till.lins, None, "k2")
    till.wallet.look_at_refund(refund.id)
    [refund] = till.wallet.refunds(till.lins)
    assert refund.state.value == "by_hand"
    assert refund.detail == "charge charge-1"


def test_telegram_is_asked_for_the_question_and_it_waits_behind_nothing(till: Till) -> None:
    assert "pre_checkout_query" in ALLOWED
    inbox = till.world.services.inbox
    sender = {"id": 7, "is_bot": False, "first_name": "Lin"}
    chat = {"id": 7, "type": "private", "first_name": "Lin"}
    take_in_all(
        inbox,
        [
            {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": "slow"}},
            {"update_id": 2, "message": {"message_id": 2, "date": 1, "chat": chat, "from": sender, "text": "waits"}},
            {"update_id": 3, "pre_checkout_query": {"id": "1", "from": sender, "currency": "CNY", "total_amount": 1}},
        ],
    )
    assert [message.key for message in inbox.claim("telegram", 10)] == ["1", "3"]


def test_no_token_stands_where_it_could_be_logged(till: Till) -> None:
    _, request = till.wallet.topup(till.lins, Money(5000, "CNY"), "telegram", "k")
    assert request.fields["provider_token"] == PROVIDER_TOKEN
    assert PROVIDER_TOKEN not in repr(request)
