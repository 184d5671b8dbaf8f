"""The account: the first words, the questions asked once, settings, language, and people who leave."""

from __future__ import annotations

from dataclasses import replace

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message

from bots.telegram import choices, keyboards, linking, lists, render, scan
from bots.telegram.buttons import Act, Button
from bots.telegram.crossing import Crossing
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit, identity
from bots.wording import phrases
from core.errors import UserError
from core.services import Services
from core.services.linking import code_in
from core.user import ConsentPurpose, User, language_for

router = Router(name="account")

HISTORY = ConsentPurpose.POSITION_HISTORY
# Asked one at a time under the first lists, each once: an unanswered question is not put again.
QUESTIONS = ("consent", "energy", "mode")
_CONTENT_WE_CANNOT_READ = {
    "sticker", "voice", "video", "video_note", "animation", "audio", "document", "contact", "poll", "dice",
    "story",
}  # fmt: skip


# --- first words ----------------------------------------------------------------------------------------------


@router.message(CommandStart())
async def start(message: Message, visit: Visit, command: CommandObject) -> None:
    """One line and the location button. A payload (t.me/<bot>?start=…) opens that station, or asks about linking."""
    if visit.user.stopped:
        await visit.change(lambda user: replace(user, stopped=False))
    if visit.private and (code := code_in(command.args or "")):
        await linking.look(visit, code)
        return
    if command.args and await scan.opened(visit, command.args):
        return
    card = await _station_of(visit, command.args)
    await visit.send(render.message(hello(visit), keyboards.send_location(visit.say) if visit.private else None))
    if card is not None:
        await visit.send(card)
    elif (area := await visit.last_area()) is not None:
        text = ours(visit.say("Or search where you were last:"))
        await visit.send(render.message(text, keyboards.last_area(area, visit.say)))


async def _station_of(visit: Visit, payload: str | None) -> render.Rendered | None:
    if not payload:
        return None
    try:
        return await lists.station_card(visit, payload, None)
    except UserError:
        return None  # a link we do not know any more is no reason to refuse the greeting


def hello(visit: Visit) -> str:
    say = visit.say
    return ours(say("⚡ I find the charging gun that costs you least, all in. Send your location or type a place."))


@router.message(Command("help"))
async def show_help(message: Message, visit: Visit) -> None:
    say = visit.say
    lines = [
        bold(ours(say("How it works"))),
        ours(say("• Send your location, a live location, or type a place or coordinates (22.5410, 114.0580).")),
        ours(
            say("• Each row: what your charge costs in all, free guns and how old that is. Numbers open a station.")
        ),
        ours(say("• /scan or a photo of a gun's code starts a charge · /charge shows it · /history all of them")),
        ours(say("• 🔔 on a station or a list tells you when the price really drops · /watches · /way")),
        ours(say("• ⚙️ filters; 📍 moves the search if the position is off.")),
        ours(say("• /wallet balance, top up, refund, statement, receipts · /safety how your money is safe")),
        ours(say("• /settings your charge, mode and data · /language · /stop no unasked messages")),
        ours(say("• /me cars and quiet hours · /link WeChat · /unlink · /export your data · /delete the account")),
    ]
    keyboard = keyboards.send_location(say) if visit.private else None
    await visit.send(render.message("\n".join(lines), keyboard))


@router.message(Command("stop"))
async def stop(message: Message, visit: Visit) -> None:
    await visit.change(lambda user: replace(user, stopped=True))
    visit.live.leave(visit.chat_id)
    await visit.send(render.message(ours(
        visit.say("🔕 I send nothing unasked from now on. Searching still works; /start turns messages on again.")
    )))  # fmt: skip


# --- settings -------------------------------------------------------------------------------------------------


@router.message(Command("settings"))
async def show_settings(message: Message, visit: Visit) -> None:
    await visit.send(await _settings(visit))


@router.message(Command("language"))
async def show_language(message: Message, visit: Visit) -> None:
    keyboard = keyboards.inline([keyboards.languages(visit.user.language)])
    await visit.send(render.message("Language / 语言", keyboard))


@router.callback_query(Pressed(Act.SETTING))
async def set_one(call: CallbackQuery, visit: Visit, button: Button) -> None:
    before = visit.user.language
    await _keep(visit, button.value)
    if call.message is not None:
        await visit.show(call.message.message_id, await _settings(visit))
    if visit.user.language != before and visit.private:
        # The button under the text field keeps its old words until a message brings a new one.
        await visit.send(render.message(hello(visit), keyboards.send_location(visit.say)))


async def _settings(visit: Visit) -> render.Rendered:
    user, say = visit.user, visit.say
    agreed = await visit.run_core(visit.services.accounts.has_consent, user.id, HISTORY)
    filters = (
        say.plural("{n} filter on", "{n} filters on", user.filters.active) if user.filters.active else say("none")
    )
    lines = [
        bold(ours(say("Settings"))),
        ours(say("🔋 My charge: {kwh} kWh", kwh=say.number(user.energy_kwh))),
        ours(say("🎯 Mode: {mode}", mode=say(phrases.MODES[user.mode]))),
        ours(say("⚙️ Filters: {filters}", filters=filters)),
        ours(say("🗂 Search areas: kept as 1 km squares for 30 days") if agreed else say("🗂 Search areas: not kept")),
        ours(say("🔔 Watches keep the place they were set from, to about 100 m: /watches")),
    ]
    return render.message("\n".join(lines), keyboards.settings(user, agreed, say))


async def _keep(visit: Visit, value: str) -> None:
    """Carry out a setting or an answer; saying it twice changes nothing more."""
    if value in {"c0", "c1"}:
        accounts, granted = visit.services.accounts, value == "c1"
        agreed = await visit.run_core(accounts.has_consent, visit.user.id, HISTORY)
        if agreed != granted:
            await visit.run_core(accounts.consent, visit.user.id, HISTORY, granted=granted)
        await _mark_asked(visit, "consent")
    else:
        await visit.change(lambda user: choices.with_setting(user, value))


# --- the questions asked once ---------------------------------------------------------------------------------


async def ask_next(visit: Visit) -> None:
    """Under a list: the first question this driver has not been asked, if any."""
    question = next((one for one in QUESTIONS if one not in visit.user.asked), None)
    if question is not None:
        await visit.send(_question(visit, question))
        await _mark_asked(visit, question)


@router.callback_query(Pressed(Act.ANSWER))
async def answered(call: CallbackQuery, visit: Visit, button: Button) -> None:
    """Keep the answer; the same message puts the next question. The order follows from the answer alone."""
    await _keep(visit, button.value)
    following = {"c": "energy", "e": "mode"}.get(button.value[:1])
    if call.message is not None:
        rendered = _question(visit, following) if following else _thanks(visit)
        await visit.show(call.message.message_id, rendered)
    if following:
        await _mark_asked(visit, following)


def _question(visit: Visit, question: str) -> render.Rendered:
    say = visit.say
    match question:
        case "consent":
            text = say(
                "May I keep the 1 km square you search in, for 30 days, so that /start can search there again? "
                "Never the exact place. Searching works either way; change it in /settings."
            )
            return render.message(ours(text), keyboards.inline([keyboards.consent(Act.ANSWER, say)]))
        case "energy":
            row = keyboards.energies(Act.ANSWER, say, None)
            return render.message(ours(say("🔋 How much do you usually charge?")), keyboards.inline([row]))
        case _:
            row = keyboards.modes(Act.ANSWER, say, None)
            return render.message(ours(say("🎯 Money or time: are you in a hurry?")), keyboards.inline([row]))


def _thanks(visit: Visit) -> render.Rendered:
    say, user = visit.say, visit.user
    kwh, mode = say.number(user.energy_kwh), say(phrases.MODES[user.mode])
    return render.message(
        ours(say("👍 Lists now count {kwh} kWh, {mode}. Change it in /settings.", kwh=kwh, mode=mode))
    )


async def _mark_asked(visit: Visit, question: str) -> None:
    def asked(user: User) -> User:
        return replace(user, asked=user.asked | {question})

    if question not in visit.user.asked:
        await visit.change(asked)


# --- whoever leaves, and what we cannot read --------------------------------------------------------------------


@router.my_chat_member(F.chat.type == "private")
async def came_or_left(event: ChatMemberUpdated, services: Services, run_core: Crossing) -> None:
    """Blocked: nothing more is sent until they are back."""
    who = identity(event.from_user.id)
    if event.new_chat_member.status in {"kicked", "left"}:
        await run_core(services.accounts.unreachable, who)
    else:
        await run_core(services.accounts.greet, who, language_for(event.from_user.language_code))


@router.message(F.text.startswith("/"))
async def unknown_command(message: Message, visit: Visit) -> None:
    text = visit.say("I do not know this command. Send your location or type a place; /help says more.")
    await visit.send(render.message(ours(text)))


@router.message(F.content_type.in_(_CONTENT_WE_CANNOT_READ))
async def cannot_read(message: Message, visit: Visit) -> None:
    text = visit.say("I cannot read this yet. Send your location, or type a place or coordinates.")
    await visit.send(render.message(ours(text), keyboards.send_location(visit.say) if visit.private else None))
