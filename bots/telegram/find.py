"""Finding: a location, a venue, a typed place or a button becomes a list that is edited, never repeated."""

from __future__ import annotations

import logging
from dataclasses import replace

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery, Location, Message

from bots.telegram import account, chat, choices, keyboards, render, scan, watch_list
from bots.telegram.buttons import Act, Button, Search
from bots.telegram.crossing import Crossing
from bots.telegram.expected import Expected
from bots.telegram.lists import listing, near, station_card
from bots.telegram.live import Drive, LiveLocations, until
from bots.telegram.markup import ours
from bots.telegram.pressed import Pressed
from bots.telegram.reception import PRIVATE, receive
from bots.telegram.visit import Visit
from core.errors import UserError
from core.geo import Point
from core.services import Services

log = logging.getLogger(__name__)
router = Router(name="find")


def point_of(location: Location) -> Point:
    """Telegram's coordinates are WGS-84. (A pin set on tiles inside China may not be: see "position off?".)"""
    return Point(location.latitude, location.longitude, accuracy_m=location.horizontal_accuracy)


# --- messages -------------------------------------------------------------------------------------------------


@router.message(F.venue)
async def venue(message: Message, visit: Visit) -> None:
    assert message.venue is not None
    here = point_of(message.venue.location)
    visit.services.whereabouts.here(visit.user.id, here)
    if not await scan.arrived(visit):
        await _answer(visit, here, render.place_note(message.venue.title, visit.say))


@router.message(F.location)
async def location(message: Message, visit: Visit) -> None:
    assert message.location is not None
    here = point_of(message.location)
    visit.services.whereabouts.here(visit.user.id, here)
    arrived = await scan.arrived(visit)
    if message.location.live_period:
        await start_drive(visit, message.message_id, here, message.location.live_period)
    elif not arrived:
        await _answer(visit, here, render.position_note(here.accuracy_m, visit.say))


@router.message(F.text & ~F.text.startswith("/"))
async def typed(message: Message, visit: Visit) -> None:
    if not visit.text.strip():
        raise UserError("no_position")
    try:
        async with chat.busy(visit.bot, visit.chat_id):
            await visit.run_core(visit.services.limiter.hit, "places", str(visit.user.id))
            place = await visit.run_core(visit.services.finder.place, visit.text, visit.user.language)
    except UserError as problem:
        if problem.code != "place_not_found":
            raise
        if not (await watch_list.is_no_amount(visit) or await scan.may_be_number(visit, problem)):
            raise
        return
    await _answer(visit, place.point, render.place_note(place.name, visit.say))


async def _answer(visit: Visit, point: Point, note: str) -> None:
    async with chat.busy(visit.bot, visit.chat_id):
        found = await near(visit, Search(point))
    await visit.send(listing(visit, found, Search(point), note))
    await _afterwards(visit, point)


async def _afterwards(visit: Visit, point: Point | None) -> None:
    """What follows the list. It must not fail the update: the list is out already."""
    try:
        if visit.private:
            await account.ask_next(visit)
        if point is not None:
            await visit.run_core(visit.services.accounts.searched, visit.user.id, point)
    except Exception as error:  # noqa: BLE001 - trying the update again would send the list twice
        log.warning("the list was sent, what follows was not", extra={"error": type(error).__name__})


# --- live locations -----------------------------------------------------------------------------------------


async def start_drive(visit: Visit, live_message_id: int, here: Point, live_period_s: int) -> None:
    """Answer a live location once; `moved` keeps that list up to date. The position is used and forgotten."""
    search = Search(here)
    found = await near(visit, search)
    sent = await visit.send(listing(visit, found, search, _live_note(visit)))
    drive = Drive(visit.user.id, sent, search, until(visit.now, live_period_s))
    visit.live.begin(visit.chat_id, live_message_id, drive, visit.now)
    await _afterwards(visit, None)


@router.edited_message(F.location)
async def moved(
    message: Message, bot: Bot, services: Services, run_core: Crossing, live: LiveLocations, expected: Expected
) -> None:
    """A live location reports itself every few seconds: look at the distance before anything else."""
    assert message.location is not None
    chat_id, live_message_id, now = message.chat.id, message.message_id, services.clock.now()
    if not message.location.live_period or message.from_user is None:
        live.end(chat_id, live_message_id)
        return
    drive, here = live.get(chat_id, live_message_id, now), point_of(message.location)
    search = drive.moved_to(here) if drive else None
    if drive is not None:
        services.whereabouts.here(drive.user_id, drive.here(here))
    if drive is None and message.chat.type != PRIVATE:
        return
    if drive is not None and (search is None or drive.reading or drive.over):
        return
    try:
        who, where = message.from_user, message.chat
        visit = await receive(bot, who, where, services=services, run_core=run_core, live=live, expected=expected)
        if drive is None or search is None:
            services.whereabouts.here(visit.user.id, here)
            # The process has been restarted meanwhile: one new list, which then follows.
            await start_drive(visit, live_message_id, here, message.location.live_period)
        else:
            await _follow(visit, live_message_id, search, drive)
    except UserError as refusal:
        log.info("a live list stays as it is", extra={"refusal": refusal.code})


async def _follow(visit: Visit, live_message_id: int, search: Search, drive: Drive) -> None:
    """The driver has moved: the same message shows what is near now."""
    found = await near(visit, search)
    rendered = listing(visit, found, search, _live_note(visit))
    if await chat.edit(visit.bot, visit.chat_id, drive.list_message_id, rendered):
        visit.live.shown(visit.chat_id, drive.list_message_id, search)
    else:
        visit.live.leave(visit.chat_id)  # the driver has deleted the list


def _live_note(visit: Visit) -> str:
    return ours(visit.say("🚗 I update this list while you drive."))


# --- buttons ------------------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.LIST))
async def page(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    found = await near(visit, search)
    await _show(call, visit, listing(visit, found, search), search)


@router.callback_query(Pressed(Act.MODE))
async def mode(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    wanted = choices.mode_of(button.value)
    await visit.change(lambda user: replace(user, mode=wanted))
    await page(call, visit, button, search)


@router.callback_query(Pressed(Act.FILTERS))
async def filters(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    if button.value:
        await visit.change(lambda user: replace(user, filters=choices.with_filter(user.filters, button.value)))
    found, wishes = await near(visit, search), visit.wishes(search.sort)
    rendered = listing(visit, found, search, keyboard=keyboards.filters(found, wishes, visit.say))
    await _show(call, visit, rendered, None)


@router.callback_query(Pressed(Act.OPERATORS))
async def operators(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    around = await visit.run_core(visit.services.finder.operators_near, search.point)
    if button.value:
        ids = [value or name for value, name in around]
        await visit.change(lambda user: replace(user, filters=choices.with_operator(user.filters, button.value, ids)))
    found, wishes = await near(visit, search), visit.wishes(search.sort)
    keyboard = keyboards.operators(found, wishes, around, visit.say)
    await _show(call, visit, listing(visit, found, search, keyboard=keyboard), None)


@router.callback_query(Pressed(Act.POSITION))
async def position(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    found, wishes = await near(visit, search), visit.wishes(search.sort)
    note, keyboard = render.point_note(search, visit.say), keyboards.position(found, wishes, visit.say)
    await _show(call, visit, listing(visit, found, search, note, keyboard), None)


@router.callback_query(Pressed(Act.CARD))
async def card(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    rendered = await station_card(visit, button.value, search)
    await _show(call, visit, rendered, None)


@router.callback_query(Pressed(Act.VENUE))
async def on_the_map(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    one = await visit.run_core(visit.services.finder.station, button.value, visit.wishes(search.sort))
    await visit.bot.send_venue(visit.chat_id, **render.venue(one, visit.say))


@router.callback_query(Pressed(Act.HERE))
async def here(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    one = await visit.run_core(visit.services.finder.station, button.value, visit.wishes(search.sort))
    visit.services.whereabouts.here(visit.user.id, one.station.point)
    moved = Search(one.station.point, search.sort)
    found = await near(visit, moved)
    await _show(call, visit, listing(visit, found, moved, render.place_note(one.station.name, visit.say)), moved)


async def _show(call: CallbackQuery, visit: Visit, rendered: render.Rendered, listed: Search | None) -> None:
    if call.message is None:
        raise UserError("old_button")
    await visit.show(call.message.message_id, rendered)
    visit.live.shown(visit.chat_id, call.message.message_id, listed)
