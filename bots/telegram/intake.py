"""Updates in, updates worked off: polling stores before it confirms, and the desk works what is stored."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiohttp import ClientError, ClientTimeout
from pydantic import ValidationError

from bots.telegram.crossing import Crossing
from bots.telegram.updates import ALLOWED, SOURCE, take_in_all
from core.errors import ConfigurationError
from core.ports import InboxMessage
from core.services.inbox import LEASE_S, Inbox

AT_ONCE = 8  # updates worked at the same time, one per chat
HANDLER_DEADLINE_S = LEASE_S - 10  # below the lease: an update is never worked twice at once
FINISH_WITHIN_S = 5.0
POLL_S = 25
LONGEST_BACKOFF_S = 30.0

Work = Callable[[dict[str, Any]], Awaitable[None]]
log = logging.getLogger(__name__)


class Desk:
    """Claims stored updates and works them, a few at a time, the updates of one chat in their order."""

    def __init__(self, inbox: Inbox, work: Work, give_up: Work, *, look_every_s: float) -> None:
        self.inbox, self.work, self.give_up, self.look_every_s = inbox, work, give_up, look_every_s
        self.bell = asyncio.Event()  # rung when there may be something to do
        # Threads of its own: the books of the inbox are kept also when all others wait on something slow.
        self._run = Crossing(threads=2, deadline_s=30.0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._worked_off: list[InboxMessage] = []  # and not yet marked so in the inbox

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is at work is finished."""
        while not stop.is_set():
            self.bell.clear()
            await self._take()
            try:
                await asyncio.wait_for(self.bell.wait(), self.look_every_s)
            except TimeoutError:
                continue
        await self._finish()

    async def _take(self) -> None:
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return
        finished, self._worked_off = self._worked_off, []
        try:
            messages = await self._run(self.inbox.claim, SOURCE, room, finished)
        except Exception:
            self._worked_off = finished + self._worked_off  # once more at the next look
            log.exception("the inbox cannot be read")
            return
        for message in messages:
            task = asyncio.create_task(self._work_one(message))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.bell.set()  # it has to be marked as done, and the next update of that chat may be waiting

    async def _work_one(self, message: InboxMessage) -> None:
        update = json.loads(message.body)
        try:
            async with asyncio.timeout(HANDLER_DEADLINE_S):
                await self.work(update)
        except asyncio.CancelledError:
            await self._run(self.inbox.fail, message, InterruptedError("the process stopped"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the update is kept
            await self._failed(message, update, error)
        else:
            self._worked_off.append(message)

    async def _failed(self, message: InboxMessage, update: dict[str, Any], error: Exception) -> None:
        if isinstance(error, ValidationError):
            # Its text quotes the update, and with it a person's words and position.
            error = ValueError("not an update we can read")
        log.error("an update failed", exc_info=error, extra={"inbox_id": message.id, "attempt": message.attempts})
        if await self._run(self.inbox.fail, message, error):
            try:
                await self.give_up(update)
            except Exception as again:  # noqa: BLE001
                log.error("nor could we say sorry", extra={"inbox_id": message.id, "error": type(again).__name__})

    async def _finish(self) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FINISH_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._mark_the_last()
        self._run.close()

    async def _mark_the_last(self) -> None:
        if not self._worked_off:
            return
        try:
            await self._run(self.inbox.finish, *self._worked_off)
        except Exception:
            log.exception("what was worked off last could not be marked so: it is worked again after the start")


class Poller:
    """Long polling. The offset, which tells Telegram that we have an update, moves only after the commit.

    Asked of the Bot API directly: aiogram parses a batch as one, and a single odd update would cost all of them.
    """

    def __init__(self, bot: Bot, inbox: Inbox, bell: asyncio.Event) -> None:
        self.bot, self.inbox, self.bell = bot, inbox, bell
        self.offset = 0
        self._run = Crossing(threads=1, deadline_s=60.0)

    async def run(self, ready: Callable[[], None]) -> None:
        """Until cancelled. `ready` is called once, after the first answer. Raises ConfigurationError."""
        wait_s, failures = 0, 0
        while True:
            try:
                updates = await self._ask(wait_s)
                if updates:
                    await self._run(take_in_all, self.inbox, updates)
            except (ClientError, OSError, ValueError, _Refused) as problem:
                failures += 1
                pause_s = problem.retry_after_s if isinstance(problem, _Refused) else 0
                log.warning("polling failed", extra={"error": type(problem).__name__, "failures": failures})
                await asyncio.sleep(pause_s or min(2.0 ** min(failures - 1, 10), LONGEST_BACKOFF_S))
                continue
            except Exception:
                # The database is away: Telegram keeps the updates until we confirm them.
                failures += 1
                log.exception("updates could not be stored")
                await asyncio.sleep(min(2.0 ** min(failures - 1, 10), LONGEST_BACKOFF_S))
                continue
            if not wait_s:
                wait_s = POLL_S
                ready()
            failures = 0
            if updates:
                # Of this batch and not of all: after a quiet week Telegram goes on with a random number, which may
                # be a lower one, and an offset above it would throw away what we have not seen.
                self.offset = max(int(update["update_id"]) for update in updates) + 1
                self.bell.set()

    async def _ask(self, wait_s: int) -> list[dict[str, Any]]:
        session = self.bot.session
        assert isinstance(session, AiohttpSession)
        http = await session.create_session()
        params = {"offset": str(self.offset), "timeout": str(wait_s), "allowed_updates": json.dumps(ALLOWED)}
        url = session.api.api_url(self.bot.token, "getUpdates")
        async with http.post(url, data=params, timeout=ClientTimeout(total=wait_s + 15)) as response:
            answer = json.loads(await response.read())
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            raise _refusal(answer)
        return [update for update in answer["result"] if isinstance(update, dict)]


class _Refused(Exception):
    """Telegram did not hand over updates."""

    def __init__(self, words: str, retry_after_s: int = 0) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


def _refusal(answer: object) -> Exception:
    body = answer if isinstance(answer, dict) else {}
    code, words = body.get("error_code"), str(body.get("description", ""))
    if code in {401, 404}:
        return ConfigurationError(["TELEGRAM_BOT_TOKEN is refused by Telegram: get a new one from BotFather"])
    if code == 409:
        log.error("another process polls for this bot, or a webhook is set")
    parameters = body.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return _Refused(f"{code} {words}", wait if type(wait) is int else 0)
