"""Linking this chat with WeChat: a code to show there, a code from there, and parting again."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from bots import person
from bots.telegram import render
from bots.telegram.buttons import Act, Button, pack
from bots.telegram.keyboards import button, inline
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from core.errors import UserError
from core.services.linking import PREFIX, Asked, code_in
from core.user import Channel

router = Router(name="linking")

HERE = Channel.TELEGRAM
YES, NO, UNLINK, ASK = "y", "n", "u", "a"


@router.message(Command("link"))
async def link(message: Message, visit: Visit, command: CommandObject) -> None:
    """A new code; or, with one from WeChat behind it, the question whether to link."""
    only_in_private(visit)
    if code := code_in(command.args or ""):
        await look(visit, code)
    elif command.args:
        raise UserError("link_code_unknown")
    else:
        await show_code(visit, message.from_user.full_name if message.from_user else "")


@router.message(F.text.func(lambda text: code_in(text or "") is not None))
async def typed_code(message: Message, visit: Visit) -> None:
    """The bare code, as WeChat shows it to be copied."""
    only_in_private(visit)
    await look(visit, code_in(message.text or "") or "")


@router.message(Command("unlink"))
async def unlink(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _unlink_question(visit))


@router.callback_query(Pressed(Act.LINKING))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    """Yes, no, or a wish from the profile. The code of a yes stands in the button itself."""
    only_in_private(visit)
    if button.value == ASK:
        await show_code(visit, call.from_user.full_name)
        return
    if button.value == UNLINK:
        await visit.send(await _unlink_question(visit))
        return
    if call.message is None:
        raise UserError("old_button")
    await visit.show(call.message.message_id, render.message(ours(await _answered(visit, button.value))))


async def _answered(visit: Visit, value: str) -> str:
    linking, say = visit.services.linking, visit.say
    if value == UNLINK + YES:
        left = await visit.run_core(linking.unlink, visit.user.id, HERE)
        return person.unlinked(say, left)
    if value.startswith(YES):
        done = await visit.run_core(linking.confirm, visit.user.id, PREFIX + value.removeprefix(YES))
        for row_id in done.told:
            await visit.run_core(visit.services.outbox.ring, row_id)
        return person.linked(say, done.channel)
    return say("Nothing has been changed.")


def only_in_private(visit: Visit) -> None:
    """An account is nobody else's business. Raises UserError in a group."""
    if not visit.private:
        raise UserError("only_in_private")


async def show_code(visit: Visit, label: str) -> None:
    """The code as text and, where we can draw one, as a picture that WeChat scans."""
    linking = visit.services.linking
    await visit.run_core(visit.services.limiter.hit, "link", visit.user.id)
    asked = await visit.run_core(linking.ask, visit.user.id, HERE, label)
    picture = await visit.run_core(linking.wechat_qr, asked)
    if picture is not None:
        photo = BufferedInputFile(picture, "link.jpg")
        await visit.bot.send_photo(
            visit.chat_id, photo, caption=visit.say("Scan this with WeChat on the other phone.")
        )
    await visit.send(render.message(_code_text(visit, asked, scanned=picture is not None)))


def _code_text(visit: Visit, asked: Asked, *, scanned: bool) -> str:
    say = visit.say
    how = (
        say("Or send this code to our official account in WeChat:")
        if scanned
        else say("Send this code to our official account in WeChat:")
    )
    return "\n".join([ours(how), f"<code>{asked.code}</code>", "", ours(person.warning(say))])


async def look(visit: Visit, code: str) -> None:
    """The question that a code from the other side leads to."""
    found = await visit.run_core(visit.services.linking.look, visit.user.id, code)
    lines = [line for line in person.offer(visit.say, HERE, found) if line]
    text = "\n".join([bold(ours(lines[0])), *(ours(line) for line in lines[1:])])
    await visit.send(render.message(text, _yes_or_no(visit, YES + code.removeprefix(PREFIX), visit.say("Yes, link"))))


async def _unlink_question(visit: Visit) -> render.Rendered:
    leaves = await visit.run_core(visit.services.linking.leaving, visit.user.id, HERE)
    lines = person.unlink_question(visit.say, leaves, here=HERE)
    text = "\n".join([bold(ours(lines[0])), *(ours(line) for line in lines[1:])])
    return render.message(text, _yes_or_no(visit, UNLINK + YES, visit.say("Yes, unlink")))


def _yes_or_no(visit: Visit, yes: str, label: str) -> dict[str, object]:
    answers = [button(label, pack(Act.LINKING, None, yes)), button(visit.say("No"), pack(Act.LINKING, None, NO))]
    return inline([answers])
