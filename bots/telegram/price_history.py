"""The price of a station over time: a picture in the chat, whose buttons change it in place."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from aiogram import Router
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from bots import prices
from bots.pictures import PATIENCE_S, Pictures, TooManyPictures
from bots.telegram import chat, render
from bots.telegram.buttons import Act, Button, Search
from bots.telegram.markup import ours
from bots.telegram.pressed import Pressed
from bots.telegram.price_card import Which, beneath, caption
from bots.telegram.visit import Visit
from core.errors import NotFound
from core.services.prices import GroupPrices

router = Router(name="price_history")
log = logging.getLogger(__name__)


@router.callback_query(Pressed(Act.PRICES))
async def pressed(call: CallbackQuery, visit: Visit, button: Button, pictures: Pictures) -> None:
    """From a station's card a new message; from a picture another one in its place."""
    which, services, say = Which.read(button.value), visit.services, visit.say
    station = services.index.get(which.station_id)
    if station is None:
        raise NotFound("no_such_station")
    groups = await visit.run_core(services.prices.history, station.id)
    if not groups:
        none = say("There is no price history here: this station has never told a price.")
        await visit.send(render.message(ours(none)))
        return
    group, now = which.among(groups), visit.now
    if button.value.startswith("."):  # from the card: no span has been chosen
        which = replace(which, days=prices.span(group.history, now))
    told = await visit.run_core(prices.told, say, services.prices, group, visit.user.energy_kwh, now)
    words = caption(say, station.name, told, group.history.badge(now).grade)
    # Watches are a person's own; a group has none.
    keyboard = beneath(say, which, groups, Search(station.point) if visit.private else None)
    picture = await _drawn(visit, pictures, group, station.name, which.days, several=len(groups) > 1)
    shown = call.message.message_id if isinstance(call.message, Message) and call.message.photo else None
    if picture is None:
        late = say("The picture is not ready. Try again in a minute.")
        if shown is not None:
            visit.toast = late
        else:
            await visit.send(render.message(f"{words}\n\n{ours(late)}", keyboard))
        return
    photo = BufferedInputFile(picture, "prices.png")
    if shown is None or not await chat.edit_photo(visit.bot, visit.chat_id, shown, photo, words, keyboard):
        await chat.send_photo(visit.bot, visit.chat_id, photo, words, keyboard)


async def _drawn(
    visit: Visit, pictures: Pictures, group: GroupPrices, name: str, days: int, *, several: bool
) -> bytes | None:
    """None where it cannot be drawn in time: the words are worth sending without it."""
    try:
        drawn = pictures.of(group, name=name, several=several, at=visit.now, days=days, say=visit.say)
        async with chat.busy(visit.bot, visit.chat_id, "upload_photo"):
            return await asyncio.wait_for(asyncio.wrap_future(drawn), PATIENCE_S)
    except (TooManyPictures, TimeoutError) as error:
        log.warning("a picture of prices was not drawn in time", extra={"error": type(error).__name__})
    except Exception:
        # No place for matplotlib's files, most likely.
        log.exception("a picture of prices could not be drawn")
    return None
