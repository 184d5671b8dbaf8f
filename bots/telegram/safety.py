"""/safety: what we promise about the driver's money."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message

from bots.telegram import render
from bots.telegram.markup import bold, ours
from bots.telegram.visit import Visit
from bots.wording import promises

router = Router(name="safety")


@router.message(Command("safety"))
async def show(message: Message, visit: Visit) -> None:
    await visit.send(promised(visit))


def promised(visit: Visit) -> render.Rendered:
    numbered = [ours(f"{number}. {line}") for number, line in enumerate(promises.lines(visit.say), start=1)]
    return render.message("\n".join([bold(ours(promises.title(visit.say))), *numbered]))
