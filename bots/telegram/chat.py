"""Speaking into a chat: what Telegram refuses harmlessly is taken as done, and a pause it asks for is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramRetryAfter
from aiogram.methods import AnswerCallbackQuery, Response, SendChatAction, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup, InputMediaPhoto

LONGEST_PAUSE_S = 20  # a longer pause is left to the inbox, which tries again later
MOST_PAUSES = 2
TOAST_MAX = 200  # Bot API, answerCallbackQuery.text
BUSY_AFTER_S = 1.0
BUSY_EVERY_S = 4.0  # Telegram shows an action for five seconds

_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_TRIFLES = (AnswerCallbackQuery, SendChatAction)

log = logging.getLogger(__name__)


async def send(bot: Bot, chat_id: int, rendered: dict[str, Any]) -> int:
    """Send a rendered message; returns its id.

    Telegram has no key against repeats. When the connection breaks after it took the message, or we are killed
    before the update is marked as done, the update is worked again and the answer stands there twice: rather that
    than never.
    """
    sent = await bot.send_message(chat_id=chat_id, **rendered)
    return sent.message_id


async def edit(bot: Bot, chat_id: int, message_id: int, rendered: dict[str, Any]) -> bool:
    """Replace a message of ours; False when it is gone. Doing it twice is doing it once."""
    try:
        await bot.edit_message_text(chat_id=chat_id, message_id=message_id, **rendered)
    except TelegramBadRequest as refusal:
        return _still_there(refusal)
    return True


def _still_there(refusal: TelegramBadRequest) -> bool:
    """Whether a message that was not edited shows what it should already. Raises what is neither that nor gone."""
    words = refusal.message.lower()
    if "message is not modified" in words:
        return True
    if any(gone in words for gone in _GONE):
        return False
    raise refusal


async def send_photo(bot: Bot, chat_id: int, photo: BufferedInputFile, caption: str, keyboard: dict[str, Any]) -> int:
    """Send a picture with HTML under it; returns the message's id."""
    markup = InlineKeyboardMarkup.model_validate(keyboard)
    sent = await bot.send_photo(chat_id, photo, caption=caption, parse_mode="HTML", reply_markup=markup)
    return sent.message_id


async def edit_photo(
    bot: Bot, chat_id: int, message_id: int, photo: BufferedInputFile, caption: str, keyboard: dict[str, Any]
) -> bool:
    """Another picture in the place of one of ours; False when it is gone."""
    media = InputMediaPhoto(media=photo, caption=caption, parse_mode="HTML")
    markup = InlineKeyboardMarkup.model_validate(keyboard)
    try:
        await bot.edit_message_media(chat_id=chat_id, message_id=message_id, media=media, reply_markup=markup)
    except TelegramBadRequest as refusal:
        return _still_there(refusal)
    return True


async def edit_buttons(bot: Bot, chat_id: int, message_id: int, keyboard: dict[str, Any]) -> None:
    """Replace the buttons under a message and leave its words. Where it is gone there is nothing to press."""
    markup = InlineKeyboardMarkup.model_validate(keyboard)
    try:
        await bot.edit_message_reply_markup(chat_id=chat_id, message_id=message_id, reply_markup=markup)
    except TelegramBadRequest as refusal:
        words = refusal.message.lower()
        if "message is not modified" not in words and not any(gone in words for gone in _GONE):
            raise


async def answer(bot: Bot, callback_id: str, text: str = "", *, alert: bool = False) -> None:
    """End the button's spinner. A failure costs nothing: the press itself has been worked."""
    try:
        await bot.answer_callback_query(callback_id, text=text[:TOAST_MAX] or None, show_alert=alert)
    except TelegramAPIError as refusal:
        log.info("a button press was not answered", extra={"refusal": type(refusal).__name__})


@asynccontextmanager
async def busy(bot: Bot, chat_id: int, action: str = "find_location") -> AsyncIterator[None]:
    """Show that we are at it when the work takes over a second."""

    async def show() -> None:
        await asyncio.sleep(BUSY_AFTER_S)
        while True:
            await bot.send_chat_action(chat_id, action)
            await asyncio.sleep(BUSY_EVERY_S)

    sign = asyncio.create_task(show())
    try:
        yield
    finally:
        sign.cancel()
        with suppress(asyncio.CancelledError, TelegramAPIError):
            await sign


class WaitAsTold(BaseRequestMiddleware):
    """Waits as long as a 429 says and sends again, within reason."""

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        for _ in range(MOST_PAUSES):
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as pause:
                if isinstance(method, _TRIFLES) or pause.retry_after > LONGEST_PAUSE_S:
                    raise
                log.warning("Telegram asks to wait", extra={"retry_after_s": pause.retry_after})
                await asyncio.sleep(pause.retry_after)
        return await make_request(bot, method)
