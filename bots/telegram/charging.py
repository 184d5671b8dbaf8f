"""A charge that runs, in the chat: showing it, stopping it, and what the driver says of it afterwards."""

from __future__ import annotations

from decimal import Decimal

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bots.telegram import charge_buttons, chat, live_message, nearby, offer, render
from bots.telegram.buttons import Act, Button
from bots.telegram.charge_buttons import Do
from bots.telegram.keyboards import inline, send_location
from bots.telegram.linking import only_in_private
from bots.telegram.markup import ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from core.errors import UserError
from core.guncode import gun_payload, write_hlht
from core.ports import HistoryFilter
from core.scan import Promised, ScanSource
from core.session import LIVE, ChargingSession, SessionState

router = Router(name="charging")

SESSION_ID = 16  # characters
WORDS = frozenset({"charge", "status", "充电", "充电状态"})  # typed, without a slash


@router.message(Command("charge", "status"))
@router.message(F.text.lower().in_(WORDS))
async def show_running(message: Message, visit: Visit) -> None:
    """The charge that runs, at the foot of the chat again."""
    only_in_private(visit)
    running = await newest(visit, HistoryFilter(states=LIVE))
    if running is None:
        text = visit.say("Nothing is charging. /scan starts a charge, /history shows the past ones.")
        await visit.send(render.message(ours(text)))
        return
    await live_message.send(visit, running.id)


async def newest(visit: Visit, wanted: HistoryFilter) -> ChargingSession | None:
    found = await visit.run_core(visit.services.charging.history, visit.user.id, None, 1, wanted)
    return found[0] if found else None


@router.callback_query(Pressed(Act.CHARGE))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    assert call.message is not None
    what, session_id, rest = button.value[:1], button.value[1 : 1 + SESSION_ID], button.value[1 + SESSION_ID :]
    message_id = call.message.message_id
    match what:
        case Do.SHOW:
            await live_message.adopt(visit, session_id, message_id)
        case Do.ASK_STOP:
            await _ask_to_stop(visit, session_id, message_id)
        case Do.STOP:
            await _stop(visit, session_id, message_id)
        case Do.GO_ON:
            await _go_on(visit, session_id, message_id)
        case Do.PAID:
            await _paid(visit)
        case Do.AGAIN:
            await _again(visit, session_id)
        case Do.OTHERS:
            await _others(visit, session_id)
        case Do.GOOD:
            await _say(visit, session_id, Promised.YES, message_id)
        case Do.BAD:
            one = await live_message.picture(visit, session_id)
            keyboard = inline(charge_buttons.what_was_wrong(visit.say, one.session.id))
            await chat.edit_buttons(visit.bot, visit.chat_id, message_id, keyboard)
        case Do.WHAT if rest[1:] in {one.value for one in Promised}:
            await _say(visit, session_id, Promised(rest[1:]), message_id)
        case _:
            raise UserError("old_button")


# --- stopping -----------------------------------------------------------------------------------------------------


async def _ask_to_stop(visit: Visit, session_id: str, message_id: int) -> None:
    """Asked once: a thumb in the rain hits the wrong button."""
    one = await live_message.picture(visit, session_id)
    if one.session.state not in LIVE:
        await _back(visit, session_id, message_id)
        return
    await live_message.ask(visit, one, message_id, charge_buttons.sure_to_stop(visit.say, session_id))


async def _stop(visit: Visit, session_id: str, message_id: int) -> None:
    stopped = await visit.run_core(visit.services.charging.stop, visit.user.id, session_id)
    if stopped.state is SessionState.STOPPING:
        visit.toast = visit.say("⏳ Stopping…")
    await _back(visit, session_id, message_id)


async def _go_on(visit: Visit, session_id: str, message_id: int) -> None:
    await _back(visit, session_id, message_id)


async def _back(visit: Visit, session_id: str, message_id: int) -> None:
    """The question goes: the live message shows the charge, another message keeps its words and its button."""
    one = await live_message.picture(visit, session_id)
    if await live_message.is_live(visit, session_id, message_id):
        await live_message.show(visit, one, message_id)
        return
    row = charge_buttons.stop(visit.say, session_id) if one.session.state is SessionState.CHARGING else []
    await chat.edit_buttons(visit.bot, visit.chat_id, message_id, inline([row]))


# --- money has come in --------------------------------------------------------------------------------------------


async def _paid(visit: Visit) -> None:
    """The gun that was scanned last, at the price of now; nothing scanned of late, what to do next."""

    def waiting() -> tuple[str, Decimal] | None:
        with visit.services.database.read() as unit:
            scan = unit.scans.newest(unit.people.same_person(visit.user.id))
            if scan is None or not scan.good_at(visit.now):
                return None
            found = unit.sessions.quote(scan.quote_id) if scan.quote_id else None
        return scan.id, found[0].energy_kwh if found else visit.user.energy_kwh

    if (running := await newest(visit, HistoryFilter(states=LIVE))) is not None:
        await live_message.send(visit, running.id)
        return
    if (scanned := await visit.run_core(waiting)) is not None:
        await offer.show(visit, *scanned)
        return
    visit.expected.number(visit.chat_id, visit.now)
    text = visit.say("📷 At a gun? Send a photo of its code. Else send your location to find one.")
    await visit.send(render.message(ours(text), send_location(visit.say)))


# --- it did not start ---------------------------------------------------------------------------------------------


async def _again(visit: Visit, session_id: str) -> None:
    """The same gun, through the same questions as any other."""
    one = await live_message.picture(visit, session_id)
    ref = one.session.ref
    text = gun_payload(ref) or write_hlht(ref)
    told = await visit.run_core(visit.services.guns.identify, visit.user.id, text, ScanSource.LIST)
    await offer.show_next(visit, told)


async def _others(visit: Visit, session_id: str) -> None:
    session = (await live_message.picture(visit, session_id)).session
    found = await visit.run_core(visit.services.guns.alternatives, session.station_id, session.ref)
    say = visit.say
    text = say("Nothing with your plug is free nearby just now. Send your location to see more.")
    if found:
        text = say("Free nearby, with your plug:")
    await visit.send(render.message(ours(text), inline(nearby.rows(say, found))))


# --- was it as promised? ------------------------------------------------------------------------------------------


async def _say(visit: Visit, session_id: str, promised: Promised, message_id: int) -> None:
    await visit.run_core(visit.services.aftermath.answer, visit.user.id, session_id, promised)
    visit.toast = visit.say("Thank you. It helps the next driver.")
    if promised is Promised.PRICE:
        visit.toast = visit.say("Thank you. One of us looks at this bill.")
    await chat.edit_buttons(
        visit.bot, visit.chat_id, message_id, inline([charge_buttons.receipt(visit.say, session_id)])
    )
