"""The command menu beside the text field, in both languages. Set again only when it differs."""

from __future__ import annotations

import logging

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand

from bots.wording import N_, wording

COMMANDS = {
    "start": N_("Send a location, get a list"),
    "scan": N_("Scan a gun and charge"),
    "charge": N_("The charge that runs"),
    "history": N_("Past charges, as a file too"),
    "watches": N_("My price watches"),
    "way": N_("Low prices along my way"),
    "wallet": N_("Balance, top up, refund, receipts"),
    "settings": N_("My charge, mode, data"),
    "me": N_("My profile: cars, quiet hours"),
    "link": N_("Link WeChat"),
    "safety": N_("How your money is safe"),
    "language": N_("Language / 语言"),
    "help": N_("How it works"),
    "stop": N_("No unasked messages"),
}
# Telegram's language codes have two letters; without one it is the menu for everybody else.
LANGUAGE_CODES = {None: "en", "zh": "zh-CN"}

log = logging.getLogger(__name__)


async def publish(bot: Bot) -> None:
    """Never raises: the menu is a convenience, and the next start tries again."""
    try:
        for code, language in LANGUAGE_CODES.items():
            say = wording(language)
            wanted = [BotCommand(command=name, description=say(text)) for name, text in COMMANDS.items()]
            if await bot.get_my_commands(language_code=code) != wanted:
                await bot.set_my_commands(wanted, language_code=code)
    except TelegramAPIError as error:
        log.warning("the command menu was not published", extra={"error": type(error).__name__})
