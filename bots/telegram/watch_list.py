"""My watches: the list, what becomes of one, another amount, and the buttons that stand under alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, Filter
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from bots import money, watches
from bots.telegram import chat, lists, render, watch_buttons, watch_codes, watch_view
from bots.telegram.buttons import Act, Button, Search
from bots.telegram.keyboards import Row, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.telegram.watch import answer, place, zone_of
from bots.telegram.watch_codes import Handle, read_shared
from bots.watch_amounts import amount_in, looks_like_amount, wish_in
from bots.wording import phrases
from core.errors import UserError
from core.geo import parse_point
from core.prices.watching import Rule
from core.services.watches import Made, Seen, Wishable
from core.watch import Area, StandingWatch, StationGuns, Way
from core.wishes import Sort

router = Router(name="watch_list")

WORDS = frozenset({"watches", "my watches", "alerts", "提醒", "我的提醒", "提醒列表", "降价提醒", "价格提醒"})


@dataclass(frozen=True, slots=True)
class AmountAsked:
    """The chat was asked for another amount of this watch."""

    watch_id: int


@router.message(Command("watches", "alerts"))
@router.message(F.text.lower().in_(WORDS))
async def show(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _list(visit))


async def _list(visit: Visit, page: int = 0, undo: StandingWatch | None = None) -> render.Rendered:
    seen = await visit.run_core(visit.services.watches.mine, visit.user.id)
    page = min(page, watch_buttons.pages(len(seen)) - 1)

    def zones() -> list[str]:
        return [zone_of(visit, one.watch) for one in watch_buttons.on_page(seen, page)]

    return watch_view.listing(visit.say, seen, await visit.run_core(zones), page, visit.now, undo=undo)


# --- under alerts ---------------------------------------------------------------------------------------------------


@router.callback_query(F.data.startswith("w:"))
async def under_any_message(call: CallbackQuery, visit: Visit) -> None:
    """Works as long as the message is there, and changes nothing in it but the buttons of this watch."""
    only_in_private(visit)
    what, watch_id = read_shared(call.data or "")
    if what == watch_codes.LIST:
        await visit.send(await _list(visit))
    elif what == watch_codes.OPEN:
        await _open(visit, watch_id)
    else:
        one = await _handled(visit, what, watch_id)
        await _buttons_changed(call, visit, one)


async def _handled(visit: Visit, what: str, watch_id: int) -> StandingWatch:
    """Carry it out, and say so over the chat. Again changes nothing."""
    service, say = visit.services.watches, visit.say
    moves: dict[str, Callable[[str, int], StandingWatch]] = {
        watch_codes.SNOOZE: service.snooze,
        watch_codes.WAKE: service.wake,
        watch_codes.STOP: service.stop,
        watch_codes.RENEW: service.renew,
    }
    one = await visit.run_core(moves[what], visit.user.id, watch_id)
    zone = await visit.run_core(zone_of, visit, one)
    if not one.live(visit.now):
        visit.toast = watch_view.over(say, one)
    elif what == watch_codes.SNOOZE and one.muted_until is not None:
        visit.toast = say("Silent until {time}.", time=money.moment(say, one.muted_until, zone))
    elif what == watch_codes.WAKE:
        visit.toast = say("Awake again.")
    else:
        visit.toast = say("Watched until {time}.", time=money.moment(say, one.expires_at, zone))
    return one


async def _buttons_changed(call: CallbackQuery, visit: Visit, one: StandingWatch) -> None:
    """Telegram does not show what stood under a message that is too old: then the buttons come with a new one."""
    assert call.message is not None
    markup: InlineKeyboardMarkup | None = getattr(call.message, "reply_markup", None)
    if markup is None:
        text = ours(f"{watches.line(visit.say, one)}\n{visit.toast}")
        await visit.send(render.message(text, watch_buttons.panel(visit.say, one, visit.now)))
        return
    rows: list[Row] = [[each.model_dump(exclude_none=True) for each in row] for row in markup.inline_keyboard]
    changed = watch_buttons.after(rows, visit.say, one, visit.now)
    if changed != rows:
        await chat.edit_buttons(visit.bot, visit.chat_id, call.message.message_id, inline(changed))


async def _open(visit: Visit, watch_id: int) -> None:
    """The card of the station, or the list around the area. Along a way: the station it spoke of last."""
    one = await visit.run_core(visit.services.watches.one, visit.user.id, watch_id)
    match one.place:
        case StationGuns(station_id=station_id):
            await visit.send(await lists.station_card(visit, station_id, _seen_from(visit, one)))
        case Area(centre=centre):
            await _show_list(visit, Search(centre, Sort.PRICE))
        case Way(points=points):
            station_id = await visit.run_core(_spoke_of, visit, watch_id)
            if station_id:
                await visit.send(await lists.station_card(visit, station_id, Search(points[0])))
            else:
                await _show_list(visit, Search(points[0], Sort.PRICE))


def _seen_from(visit: Visit, one: StandingWatch) -> Search | None:
    """Distances are from where the driver is, if we know, else from about where the watch was set."""
    here = visit.services.whereabouts.of(visit.user.id)
    point = here.point if here else one.origin
    return Search(point) if point else None


async def _show_list(visit: Visit, search: Search) -> None:
    await visit.send(lists.listing(visit, await lists.near(visit, search), search))


def _spoke_of(visit: Visit, watch_id: int) -> str:
    with visit.services.database.read() as unit:
        alerts = unit.alerts.of_watch(watch_id, 1)
    return alerts[0].alert.station_id if alerts else ""


# --- the list and one of them ---------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.WATCHES))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    handle = Handle.read(button.value)
    say = visit.say
    match handle.what:
        case watch_codes.VIEW:
            await place(call, visit, await _list(visit, handle.page or 0))
        case watch_codes.ONE:
            await place(call, visit, await _panel(visit, handle.watch_id))
        case watch_codes.SNOOZE | watch_codes.WAKE | watch_codes.STOP | watch_codes.RENEW:
            one = await _handled(visit, handle.what, handle.watch_id)
            undo = None if one.live(visit.now) else one
            shown = _panel(visit, one.id) if handle.page is None else _list(visit, handle.page, undo)
            await place(call, visit, await shown)
        case watch_codes.ASK_AMOUNT:
            await _ask_amount(visit, handle.watch_id)
        case watch_codes.KEEP_AMOUNT:
            visit.expected.no_more(visit.chat_id)
            await place(call, visit, await _panel(visit, handle.watch_id))
        case watch_codes.CHANGE if handle.wish is not None:
            one = await visit.run_core(visit.services.watches.one, visit.user.id, handle.watch_id)
            made = await visit.run_core(_changed, visit, one, handle.wish, one.currency)
            visit.expected.no_more(visit.chat_id)
            await place(call, visit, await answer(visit, made, []))
        case watch_codes.ASK_STOP_ALL:
            count = len(await visit.run_core(visit.services.watches.mine, visit.user.id))
            text = say.plural("🔕 Stop your watch?", "🔕 Stop all {n} watches?", count)
            await place(call, visit, render.message(ours(text), watch_buttons.stop_all(say, count)))
        case watch_codes.STOP_ALL:
            count = await visit.run_core(visit.services.watches.stop_all, visit.user.id)
            visit.toast = say.plural("{n} watch stopped.", "{n} watches stopped.", count)
            await place(call, visit, await _list(visit))
        case _:
            raise UserError("old_button")


async def _panel(visit: Visit, watch_id: int) -> render.Rendered:
    one = await visit.run_core(_seen, visit, watch_id)
    zone = await visit.run_core(zone_of, visit, one.watch)
    text = watch_view.one_watch(visit.say, one, zone, visit.now)
    return render.message(text, watch_buttons.panel(visit.say, one.watch, visit.now))


def _seen(visit: Visit, watch_id: int) -> Seen:
    """Theirs, with what is true now. Raises NotFound."""
    service = visit.services.watches
    found = next((one for one in service.mine(visit.user.id) if one.watch.id == watch_id), None)
    if found is not None:
        return found
    one = service.one(visit.user.id, watch_id)
    return Seen(one, None, one.currency, None)


# --- another amount -------------------------------------------------------------------------------------------------


async def _ask_amount(visit: Visit, watch_id: int) -> None:
    one = await visit.run_core(visit.services.watches.one, visit.user.id, watch_id)
    if one.rule is Rule.GUN_FREE:
        raise UserError("old_button")
    if one.rule is not Rule.LOWEST:
        visit.expected.ask(visit.chat_id, AmountAsked(watch_id), visit.now)
    await visit.send(watch_view.amount_question(visit.say, one))


class AmountTyped(Filter):
    """The answer to the question for an amount. Names and coordinates of places stay what they are."""

    async def __call__(self, message: Message, visit: Visit) -> bool | dict[str, Any]:
        asked = visit.expected.asked(visit.chat_id, AmountAsked, visit.now)
        text = visit.text.strip()
        if asked is None or not looks_like_amount(text) or (parse_point(text) and not _usable(text)):
            return False
        return {"asked": asked}


def _usable(text: str) -> bool:
    """Whether it can be read: "0,95" is a price here, though it might be a pair of degrees."""
    try:
        amount_in(text)
    except UserError:
        return False
    return True


@router.message(F.text, AmountTyped())
async def amount_typed(message: Message, visit: Visit, asked: AmountAsked) -> None:
    """What cannot be used is said, and the question stays open."""
    one = await visit.run_core(_seen, visit, asked.watch_id)
    watch = one.watch
    wish, currency = wish_in(visit.text, watch.rule, one.currency or watch.currency)
    made = await visit.run_core(_changed, visit, watch, wish, currency)
    visit.expected.no_more(visit.chat_id)
    await visit.send(await answer(visit, made, []))


async def is_no_amount(visit: Visit) -> bool:
    """A text that is no place either, after the question for an amount: says what can be typed."""
    if visit.expected.asked(visit.chat_id, AmountAsked, visit.now) is None:
        return False
    await visit.send(render.message(ours(phrases.error(visit.say, UserError("bad_watch_amount")))))
    return True


def _changed(visit: Visit, watch: StandingWatch, wish: Wishable, currency: str) -> Made:
    """The same place with another wish. A wish by another measure takes the place of the old one."""
    service, user_id, where, label = visit.services.watches, visit.user.id, watch.place, watch.label
    if isinstance(where, StationGuns):
        guns, origin = where.series_id, watch.origin
        made = service.watch_station(user_id, where.station_id, wish.rule, wish.amount, series_id=guns, origin=origin)
    elif isinstance(where, Area):
        made = service.watch_area(user_id, where, wish.rule, wish.amount, currency=currency, label=label)
    else:
        made = service.watch_way(user_id, where, wish.rule, wish.amount, currency=currency, label=label)
    if made.watch.id != watch.id:
        service.stop(user_id, watch.id)
    return made
