"""Puts the features together: whom an update reaches, and what becomes of errors on the way.

A UserError becomes a sentence. A chat that is gone is noted. Everything else goes up to the inbox, which tries again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramForbiddenError
from aiogram.types import Update

from bots.pictures import Pictures
from bots.telegram import (
    account,
    charging,
    chat,
    find,
    history,
    linking,
    offer,
    pay,
    price_history,
    profile,
    render,
    report,
    safety,
    scan,
    wallet,
    watch,
    watch_list,
    watch_way,
)
from bots.telegram.crossing import Crossing
from bots.telegram.expected import Expected
from bots.telegram.live import LiveLocations
from bots.telegram.markup import ours
from bots.telegram.reception import receive, words_for_us
from bots.telegram.scan import ReadsCodes
from bots.telegram.updates import ALLOWED, chat_of, language_code_of
from bots.telegram.visit import Visit, identity
from bots.wording import Wording, phrases, wording
from core.errors import UserError
from core.services import Services
from core.user import language_for

Handler = Callable[[Any, dict[str, Any]], Awaitable[Any]]


def build_dispatcher(services: Services, run_core: Crossing, read_codes: ReadsCodes) -> Dispatcher:
    """The features in the order they are asked; `account` last, because it answers what nobody knows.

    `read_codes` reads the QR codes in a photo: the process that starts knows the reader.
    """
    dispatcher = Dispatcher(
        disable_fsm=True,
        services=services,
        run_core=run_core,
        read_codes=read_codes,
        live=LiveLocations(),
        expected=Expected(),
        pictures=Pictures(),
    )
    dispatcher.message.outer_middleware(_around_message)
    dispatcher.edited_message.outer_middleware(_around_edit)
    dispatcher.callback_query.outer_middleware(_around_press)
    features = (
        # What was asked last is answered first; `watch_list` also knows buttons that are not packed as ours are.
        *(pay, watch_list, watch),
        *(linking, scan, report, offer, charging, history, price_history, profile, wallet, safety),
        *(watch_way, find),
        account,
    )
    dispatcher.include_routers(*(feature.router for feature in features))
    return dispatcher


async def feed(dispatcher: Dispatcher, bot: Bot, update: dict[str, Any]) -> None:
    """Work one update. Kinds we did not ask for are let pass."""
    if any(kind in update for kind in ALLOWED):
        await dispatcher.feed_update(bot, Update.model_validate(update, context={"bot": bot}))


async def apologise(services: Services, run_core: Crossing, bot: Bot, update: dict[str, Any]) -> None:
    """An update was given up after its last try: tell the person, in private chats only."""
    chat_id = chat_of(update)
    if chat_id is None or int(chat_id) < 0:
        return
    language = language_for(language_code_of(update))
    welcome = await run_core(services.accounts.greet, identity(int(chat_id)), language)
    sorry = phrases.trouble(wording(welcome.user.language))
    await chat.send(bot, int(chat_id), render.message(ours(sorry)))


async def _around_message(handler: Handler, message: Any, data: dict[str, Any]) -> Any:
    bot, who = data["bot"], message.from_user
    if message.successful_payment is not None:
        # Money that was taken is booked, whoever asks too fast and wherever it was paid.
        return await handler(message, data)
    text = await words_for_us(message, bot)
    if who is None or who.is_bot or text is None:
        return None
    try:
        data["visit"] = await receive(bot, who, message.chat, **_house(data), text=text)
        return await handler(message, data)
    except UserError as mistake:
        sentence = phrases.error(_say(data, who.language_code), mistake)
        await chat.send(bot, message.chat.id, render.message(ours(sentence)))
    except TelegramForbiddenError:
        await _gone(data, who.id, message.chat.type)
    return None


async def _around_edit(handler: Handler, message: Any, data: dict[str, Any]) -> Any:
    try:
        return await handler(message, data)
    except TelegramForbiddenError:
        if message.from_user is not None:
            await _gone(data, message.from_user.id, message.chat.type)
    return None


async def _around_press(handler: Handler, call: Any, data: dict[str, Any]) -> Any:
    """The spinner on the button ends whatever happens."""
    bot, words, alert = data["bot"], "", False
    try:
        if call.message is None:
            raise UserError("old_button")
        visit = data["visit"] = await receive(bot, call.from_user, call.message.chat, **_house(data))
        await handler(call, data)
        words = visit.toast
    except UserError as mistake:
        alert = True
        words = phrases.error(_say(data, call.from_user.language_code), mistake)
    except TelegramForbiddenError:
        await _gone(data, call.from_user.id, call.message.chat.type if call.message else "")
    finally:
        await chat.answer(bot, call.id, words, alert=alert)


def _house(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("services", "run_core", "live", "expected")}


def _say(data: dict[str, Any], language_code: str | None) -> Wording:
    visit: Visit | None = data.get("visit")
    return visit.say if visit else wording(language_for(language_code))


async def _gone(data: dict[str, Any], user_id: int, chat_type: str) -> None:
    """Telegram says we may not write here any more. In a group that is the group's matter, not the person's."""
    if chat_type == "private":
        await data["run_core"](data["services"].accounts.unreachable, identity(user_id))
