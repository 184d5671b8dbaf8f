"""A driver before a gun, for the tests of charging in Telegram: photos, taps, the task that follows, and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.telegram.following import Following
from core.guncode import write_hlht
from core.session import ChargingSession
from tests.bots.driving import Driving
from tests.bots.telegram.server import TOKEN, Shown
from tests.bots.telegram.stickers import photo_of
from tests.bots.telegram.test_person import Talk


@dataclass
class Driver:
    """A talk, and the world it is about."""

    talk: Talk
    driving: Driving
    seen: dict[int, int] = field(default_factory=dict)  # edits of each message, as they were last read

    @property
    def last(self) -> Shown:
        return self.talk.last

    @property
    def user_id(self) -> str:
        return self.talk.user.id

    def code(self, gun: int = 0) -> str:
        return write_hlht(self.driving.guns[gun])

    def arrives(self) -> None:
        """Told where they are, as by a live location, without a list being made of it."""
        here = self.talk.world.here
        self.talk.world.services.whereabouts.here(self.user_id, here)

    def sends_photo(self, *texts: str) -> Shown:
        print(f"\n> a photo of {texts}")
        self.talk.who.sends_photo(photo_of(*texts))
        self.talk._worked()
        return self.reads()

    def says(self, text: str) -> Shown:
        print(f"\n> {text}")
        self.talk.says(text)
        return self.reads()

    def reads(self) -> Shown:
        """What is new in the chat; `pytest -s` prints what the driver reads, in both languages."""
        for one in self.talk.who.messages:
            if self.seen.get(one.message_id) != one.edits:
                self.seen[one.message_id] = one.edits
                print(f"{one.text}\n{' '.join(f'[{label}]' for label in one.buttons)}")
        return self.last

    def taps(self, beginning: str, shown: Shown | None = None) -> Shown:
        """The button whose label begins so."""
        shown = shown or self.last
        labels = [label for label in shown.buttons if label.removeprefix("✓ ").startswith(beginning)]
        assert labels, f"no button {beginning!r} among {list(shown.buttons)}"
        print(f"\n> [{labels[0]}]")
        self.talk.who.presses_data(shown, shown.buttons[labels[0]])
        self.talk._worked()
        self.reads()
        return shown

    def later(self, **delta: float) -> None:
        """Time passes, suppliers are asked, and the chat is brought up to date."""
        self.driving.runs_jobs()
        self.talk.world.clock.advance(**delta)
        self.driving.runs_jobs()
        self.looks()

    def bot(self) -> Bot:
        return Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(self.talk.telegram.url)))

    def following(self, bot: Bot) -> Following:
        return Following(bot, self.talk.world.services)

    def looks(self) -> None:
        """Once, as a process does that has just been started."""

        async def run() -> None:
            async with self.bot() as bot:
                following = self.following(bot)
                await following.look()
                following.close()

        asyncio.run(run())
        if self.talk.who.messages:
            self.reads()

    def charge(self) -> ChargingSession:
        """The newest one."""
        return self.talk.world.services.charging.history(self.user_id)[0]

    def billed(self, **record: object) -> ChargingSession:
        """It has been stopped; the bill comes and is shown."""
        session = self.driving.ends(self.charge(), **record)
        self.looks()
        return session
