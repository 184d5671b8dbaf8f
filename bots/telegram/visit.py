"""One update being answered: who asks, in which chat, in which language, and what answering needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiogram import Bot

from bots.telegram import chat
from bots.telegram.crossing import Crossing
from bots.telegram.expected import Expected
from bots.telegram.live import LiveLocations
from bots.telegram.render import Rendered
from bots.wording import Wording, wording
from core.geo import Point
from core.services import Services
from core.user import Channel, Identity, User
from core.wishes import Sort, Wishes


def identity(user_id: int) -> Identity:
    return Identity(Channel.TELEGRAM, str(user_id))


@dataclass(slots=True)
class Visit:
    """What every handler works with."""

    bot: Bot
    services: Services
    run_core: Crossing
    live: LiveLocations
    expected: Expected
    user: User
    chat_id: int
    private: bool
    text: str = ""  # of a message, without the mention of the bot
    toast: str = ""  # said over the chat when a press has been worked

    @property
    def say(self) -> Wording:
        return wording(self.user.language)

    @property
    def now(self) -> datetime:
        return self.services.clock.now()

    def wishes(self, sort: Sort) -> Wishes:
        user = self.user
        return Wishes(energy_kwh=user.energy_kwh, mode=user.mode, sort=sort, filters=user.filters)

    async def change(self, change: Callable[[User], User]) -> None:
        """Keep a change of the account."""
        self.user = await self.run_core(self.services.accounts.change, self.user.id, change)

    async def last_area(self) -> Point | None:
        """Where they searched last, if they let us keep that."""
        return await self.run_core(self.services.accounts.last_area, self.user.id) if self.private else None

    async def send(self, rendered: Rendered) -> int:
        return await chat.send(self.bot, self.chat_id, rendered)

    async def show(self, message_id: int, rendered: Rendered) -> None:
        """Replace the message with the pressed button; where it is gone, say it anew."""
        if not await chat.edit(self.bot, self.chat_id, message_id, rendered):
            await self.send(rendered)
