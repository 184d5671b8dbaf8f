"""Keeps the messages that show a charge up to date: one task of the telegram process, which looks every few seconds.

What a message says is kept with it as a state and a hash. So after a restart this goes on where it was, an edit is
made only where something changed, and a message that is gone is let be.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter

from bots.telegram import chat, live_view
from bots.telegram.crossing import Crossing
from bots.telegram.live_message import CHANNEL, QUESTION
from bots.telegram.live_view import Picture
from bots.telegram.visit import identity
from bots.wording import wording
from core.scan import LiveMessage
from core.services import Services
from core.session import SessionState
from core.user import User

LOOK_EVERY_S = 3.0
# A meter moves all the time; a chat that flickers helps nobody, and Telegram counts edits.
METER_EVERY = timedelta(seconds=15)
QUESTION_STANDS = timedelta(seconds=60)
SEEN_EVERY = timedelta(seconds=60)
MOST_MESSAGES = 1_000
AT_ONCE = 8

log = logging.getLogger(__name__)


class Following:
    """`look` once, or `run` until told to stop."""

    def __init__(self, bot: Bot, services: Services, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self.bot, self.services, self.look_every_s = bot, services, look_every_s
        # Threads of its own: what drivers ask does not wait behind it, nor it behind them.
        self._run = Crossing(threads=2, deadline_s=30.0)
        self._rests_until = 0.0  # of the monotonic clock: Telegram asked for a pause

    async def run(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                await self._look_or_log()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self.look_every_s)
        finally:
            self.close()

    def close(self) -> None:
        self._run.close()

    async def _look_or_log(self) -> None:
        try:
            await self.look()
        except Exception:
            log.exception("the charges cannot be followed just now")

    async def look(self) -> None:
        """Bring every message up to date that is due. One that fails holds up nobody."""
        if monotonic() < self._rests_until:
            return
        now = self.services.clock.now()
        due = await self._run(self._due, now)
        room = asyncio.Semaphore(AT_ONCE)

        async def one_by_one(message: LiveMessage, one: Picture, user: User) -> None:
            async with room:
                await self._try(message, one, user, now)

        await asyncio.gather(*(one_by_one(*each) for each in due))

    def _due(self, now: datetime) -> list[tuple[LiveMessage, Picture, User]]:
        """The open messages whose charge may have something new to show."""
        with self.services.database.read() as unit:
            messages = unit.live_messages.open(CHANNEL, MOST_MESSAGES)
        if not messages:
            return []
        found = live_view.pictures(self.services, [one.session_id for one in messages])
        due = [(one, found[one.session_id]) for one in messages if _is_due(one, found.get(one.session_id), now)]
        with self.services.database.read() as unit:
            users = {one.address: unit.users.by_identity(identity(int(one.address))) for one, _ in due}
        for message, _ in due:
            if users[message.address] is None:  # the account was deleted: nobody looks any more
                self._close(message)
        return [(one, pic, user) for one, pic in due if (user := users[one.address]) is not None]

    async def _try(self, message: LiveMessage, one: Picture, user: User, now: datetime) -> None:
        if monotonic() < self._rests_until:
            return
        try:
            if await self._bring_up_to_date(message, one, user, now):
                await self._run(self._close, message)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again and the others go on
            extra = {"session": message.session_id, "error": type(error).__name__}
            log.warning("a charge was not shown, next time again", extra=extra)

    async def _bring_up_to_date(self, message: LiveMessage, one: Picture, user: User, now: datetime) -> bool:
        """Whether nothing more is to be shown in this message."""
        try:
            return await self._edit(message, one, user, now)
        except TelegramRetryAfter as pause:
            self._rests_until = monotonic() + pause.retry_after
            return False
        except TelegramForbiddenError:
            await self._run(self.services.accounts.unreachable, identity(int(message.address)))
        except TelegramBadRequest as refusal:
            # Nothing that is tried again in three seconds: the driver asks with /charge.
            log.error("a charge cannot be shown", extra={"session": message.session_id, "why": refusal.message})
        return True

    async def _edit(self, message: LiveMessage, one: Picture, user: User, now: datetime) -> bool:
        one = await self._run(live_view.developed, self.services, one)
        zone = live_view.zone_of(self.services, user, one)
        rendered = live_view.rendered(wording(user.language), one, now, zone)
        shown = live_view.shown(one, rendered)
        there = True
        if shown != message.shown:
            # A state may read like the one before it: then there is nothing to edit.
            same = shown.partition(":")[2] == message.shown.partition(":")[2]
            there = same or await chat.edit(self.bot, int(message.address), int(message.message_id), rendered)
            await self._run(self._note, message, shown, now)
        elif now - message.shown_at >= SEEN_EVERY:
            # Those shown longest ago come first: what never changes must not keep the others out.
            await self._run(self._note, message, shown, now)
        return one.is_final or not there

    def _note(self, before: LiveMessage, shown: str, now: datetime) -> None:
        after = replace(before, shown=shown, shown_at=now)
        with self.services.database.write() as unit:
            current = unit.live_messages.get(before.session_id, CHANNEL)
            if current is None or current.message_id != before.message_id:
                return
            if current.shown == before.shown:
                unit.live_messages.shown(after)
            else:
                # The driver was shown something while we were at it, maybe the end, and our older words may stand
                # over it now: shown anew at the next look, also where nothing more was to come.
                unit.live_messages.put(replace(after, shown=""))

    def _close(self, message: LiveMessage) -> None:
        with self.services.database.write() as unit:
            current = unit.live_messages.get(message.session_id, CHANNEL)
            # The driver may have asked for it in a new message meanwhile: that one goes on.
            if current is not None and current.message_id == message.message_id:
                unit.live_messages.close(message.session_id, CHANNEL)


def _is_due(message: LiveMessage, one: Picture | None, now: datetime) -> bool:
    if one is None:
        return False
    state, _, said = message.shown.partition(":")
    if state != one.session.state:
        return True
    if said == QUESTION:
        return now - message.shown_at >= QUESTION_STANDS
    return one.session.state is not SessionState.CHARGING or now - message.shown_at >= METER_EVERY
