"""Files that people sent: fetched from Telegram when they are needed, and kept nowhere by us."""

from __future__ import annotations

from io import BytesIO

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest

from core.errors import UserError

FILE_MOST_BYTES = 20 * 1024 * 1024  # Bot API, getFile


async def download(bot: Bot, file_id: str, file_size: int | None = None) -> bytes:
    """A file that was sent to us. Raises UserError("photo_too_big")."""
    if file_size is not None and file_size > FILE_MOST_BYTES:
        raise UserError("photo_too_big")
    try:
        file = await bot.get_file(file_id)
    except TelegramBadRequest as refusal:
        if "too big" in refusal.message.lower():
            raise UserError("photo_too_big") from None
        raise UserError("photo_unreadable") from None
    if (file.file_size or 0) > FILE_MOST_BYTES or not file.file_path:
        raise UserError("photo_too_big")
    kept = BytesIO()
    await bot.download_file(file.file_path, kept)
    return kept.getvalue()
