"""Before a handler: is the update meant for us, may this person ask now, and who is it."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import Chat, Message, User

from bots.telegram.crossing import Crossing
from bots.telegram.expected import Expected
from bots.telegram.live import LiveLocations
from bots.telegram.visit import Visit, identity
from core.services import Services
from core.user import language_for

PRIVATE = "private"


async def receive(
    bot: Bot,
    who: User,
    chat: Chat,
    *,
    services: Services,
    run_core: Crossing,
    live: LiveLocations,
    expected: Expected,
    text: str = "",
) -> Visit:
    """Count the request and find the account, which the first message makes. Raises TooMany."""
    await run_core(services.limiter.hit, "telegram", str(who.id))
    welcome = await run_core(services.accounts.greet, identity(who.id), language_for(who.language_code))
    return Visit(
        bot=bot,
        services=services,
        run_core=run_core,
        live=live,
        expected=expected,
        user=welcome.user,
        chat_id=chat.id,
        private=chat.type == PRIVATE,
        text=text,
    )


async def words_for_us(message: Message, bot: Bot) -> str | None:
    """The text without the mention of the bot, or None when a message in a group is not meant for us.

    In a group only three things are: a command with our name, a mention, a reply to what we said.
    """
    text = message.text or ""
    if message.chat.type == PRIVATE:
        return text
    me = await bot.me()
    mention = f"@{me.username}".lower()
    if text.startswith("/"):
        named = text.split(maxsplit=1)[0].lower().endswith(mention)
        return text if named else None
    for entity in message.entities or []:
        if entity.type == "mention" and entity.extract_from(text).lower() == mention:
            return text.replace(entity.extract_from(text), " ", 1).strip()
    replied = message.reply_to_message
    if replied is not None and replied.from_user is not None and replied.from_user.id == me.id:
        return text
    return None
