"""Which handler a pressed button belongs to."""

from __future__ import annotations

from typing import Any

from aiogram.filters import Filter
from aiogram.types import CallbackQuery

from bots.telegram.buttons import Act, unpack


class Pressed(Filter):
    """Passes for buttons of one act, with what they carry. Raises UserError for those that are not of our version."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def __call__(self, call: CallbackQuery) -> bool | dict[str, Any]:
        button = unpack(call.data)
        return {"button": button, "search": button.search} if button.act is self.act else False
