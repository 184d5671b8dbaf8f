"""The one message in which a chat watches a charge: which one it is, and showing the charge there at once."""

from __future__ import annotations

from dataclasses import replace

from bots.telegram import charge_buttons, chat, live_view, render
from bots.telegram.charge_buttons import Do
from bots.telegram.keyboards import Keyboard, inline
from bots.telegram.live_view import Picture
from bots.telegram.markup import ours
from bots.telegram.visit import Visit
from bots.wording import Wording, phrases
from core.errors import NotFound, UserError
from core.scan import LiveMessage
from core.user import Channel

CHANNEL = Channel.TELEGRAM.value
QUESTION = "?"  # in place of the hash: a question stands under the message, which is left alone for a while


async def picture(visit: Visit, session_id: str) -> Picture:
    """A charge of this person. Raises NotFound("no_such_session")."""

    def read() -> Picture:
        services = visit.services
        found = live_view.pictures(services, [session_id]).get(session_id)
        with services.database.read() as unit:
            people = unit.people.same_person(visit.user.id)
        if found is None or found.session.user_id not in people:
            raise NotFound("no_such_session")
        return live_view.developed(services, found)

    return await visit.run_core(read)


async def adopt(visit: Visit, session_id: str, message_id: int) -> None:
    """From now on this message shows the charge. Noted first: killed in between, whoever follows goes on there."""
    before = await current(visit, session_id)
    one = await picture(visit, session_id)
    await _note(visit, one, message_id, "")
    await show(visit, one, message_id)
    if one.is_final or before is None or before.message_id == str(message_id):
        return
    if before.address == str(visit.chat_id):
        words = visit.say("⬇ This charge is shown further down.")
        await chat.edit(visit.bot, visit.chat_id, int(before.message_id), render.message(ours(words)))


async def show(visit: Visit, one: Picture, message_id: int) -> None:
    """The charge as it stands, in its message; where that is gone, in a new one."""
    zone = live_view.zone_of(visit.services, visit.user, one)
    rendered = live_view.rendered(visit.say, one, visit.now, zone)
    if not await chat.edit(visit.bot, visit.chat_id, message_id, rendered):
        message_id = await visit.send(rendered)
    await _note(visit, one, message_id, live_view.shown(one, rendered))


async def send(visit: Visit, session_id: str) -> None:
    """The charge in a new message, at the foot of the chat."""
    one = await picture(visit, session_id)
    zone = live_view.zone_of(visit.services, visit.user, one)
    sent = await visit.send(live_view.rendered(visit.say, one, visit.now, zone))
    await adopt(visit, session_id, sent)


async def ask(visit: Visit, one: Picture, message_id: int, keyboard: Keyboard) -> None:
    """A question under the message; what shows the charge leaves it alone meanwhile."""
    live = await current(visit, one.session.id)
    if live is not None and live.message_id == str(message_id):
        words = f"{one.session.state}:{QUESTION}"

        def note() -> None:
            with visit.services.database.write() as unit:
                unit.live_messages.shown(replace(live, shown=words, shown_at=visit.now))

        await visit.run_core(note)
    await chat.edit_buttons(visit.bot, visit.chat_id, message_id, keyboard)


async def current(visit: Visit, session_id: str) -> LiveMessage | None:
    def read() -> LiveMessage | None:
        with visit.services.database.read() as unit:
            return unit.live_messages.get(session_id, CHANNEL)

    return await visit.run_core(read)


async def is_live(visit: Visit, session_id: str, message_id: int) -> bool:
    """Whether this is the message that shows the charge, and not one that tells something of it."""
    live = await current(visit, session_id)
    return live is not None and (live.address, live.message_id) == (str(visit.chat_id), str(message_id))


async def _note(visit: Visit, one: Picture, message_id: int, shown: str) -> None:
    session_id = one.session.id
    message = LiveMessage(session_id, CHANNEL, str(visit.chat_id), str(message_id), shown, visit.now)

    def write() -> None:
        with visit.services.database.write() as unit:
            unit.live_messages.put(message)
            if one.is_final and shown:
                unit.live_messages.close(session_id, CHANNEL)

    await visit.run_core(write)


def you_are_charging(say: Wording, session_id: str) -> render.Rendered:
    text = phrases.error(say, UserError("you_are_charging"))
    return render.message(ours(text), inline([[charge_buttons.press(say("⚡ Show it"), Do.SHOW, session_id)]]))
