"""This sticker is a fake: the driver's word, with the photo, for one of us to look at."""

from __future__ import annotations

import logging
from typing import Any

from aiogram import Router
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Command
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message
from aiohttp import ClientError

from bots.telegram import chat, files, render
from bots.telegram.keyboards import inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import ours
from bots.telegram.visit import Visit
from core.errors import NotFound, UserError
from core.scan import Scan

router = Router(name="report")
log = logging.getLogger(__name__)


@router.message(Command("report"))
async def newest(message: Message, visit: Visit) -> None:
    """Of the last code that was scanned."""
    only_in_private(visit)

    def read() -> Scan | None:
        with visit.services.database.read() as unit:
            return unit.scans.newest(unit.people.same_person(visit.user.id))

    found = await visit.run_core(read)
    if found is None:
        raise NotFound("no_such_scan")
    await _keep_evidence(visit, found)
    await visit.send(render.message(ours(_thanks(visit))))


async def pressed(call: CallbackQuery, visit: Visit, scan_id: str) -> None:
    """Thanks once: the button goes, whatever else stands there stays."""
    told = await visit.run_core(visit.services.guns.scan, visit.user.id, scan_id)
    await _keep_evidence(visit, told.scan)
    visit.toast = _thanks(visit)
    markup: InlineKeyboardMarkup | None = getattr(call.message, "reply_markup", None)
    assert call.message is not None
    rows: list[list[Any]] = markup.inline_keyboard if markup else []
    left = [[one.model_dump(exclude_none=True) for one in row if one.callback_data != call.data] for row in rows]
    await chat.edit_buttons(visit.bot, visit.chat_id, call.message.message_id, inline(left))


async def _keep_evidence(visit: Visit, found: Scan) -> None:
    """The photo too where Telegram hands it over; without it what the code said is evidence enough."""
    if found.reported_at is not None:
        return
    photo = None
    if found.photo_ref:
        try:
            photo = await files.download(visit.bot, found.photo_ref)
        except (UserError, TelegramAPIError, ClientError, TimeoutError) as error:
            log.warning("a report goes without its photo", extra={"scan": found.id, "error": type(error).__name__})
    await visit.run_core(visit.services.guns.report, visit.user.id, found.id, "", photo)


def _thanks(visit: Visit) -> str:
    return visit.say("🚩 Thank you. One of us looks at this sticker. Do not pay at it.")
