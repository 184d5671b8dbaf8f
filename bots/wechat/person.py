"""The person in WeChat: profile, linking, everything to take along, and leaving. All in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import time, timedelta
from decimal import Decimal

from bots import person
from bots.wechat.account import Visitor
from bots.wechat.memory import Memory
from bots.wechat.render import plain
from bots.wording import phrases
from core.errors import UserError
from core.services import Services
from core.services.linking import code_in, sides
from core.services.privacy import StillTied
from core.station import Plug
from core.user import Channel, QuietHours

HERE = Channel.WECHAT
QUESTION_KEPT_FOR = timedelta(minutes=10)
QUESTIONS_MAX = 10_000
LINK, UNLINK, DELETE = "link", "unlink", "delete"

_QUIET = re.compile(r"([01]?\d|2[0-3])(?::([0-5]\d))?\s*[-–~到至]\s*([01]?\d|2[0-3])(?::([0-5]\d))?")
_CAR = re.compile(r"(.+?)\s*([0-9]{1,4}(?:\.[0-9])?)\s*(?:度电?|千瓦时|kwh)?")
_PLUGS = {
    "国标": Plug.GBT_DC, "国标快充": Plug.GBT_DC, "快充": Plug.GBT_DC, "gb/t": Plug.GBT_DC, "gbt": Plug.GBT_DC,
    "国标慢充": Plug.GBT_AC, "慢充": Plug.GBT_AC, "gb/t ac": Plug.GBT_AC,
    "ccs2": Plug.CCS2, "ccs": Plug.CCS2, "type2": Plug.TYPE2, "type 2": Plug.TYPE2,
    "chademo": Plug.CHADEMO, "nacs": Plug.NACS, "特斯拉": Plug.NACS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Question:
    """What the next yes is said to."""

    about: str
    code: str = ""


class PersonTalk:
    """Answers about the person. Each method returns the sentence to send, and may raise UserError.

    `left` forgets what this process remembers of a chat whose person is no more.
    """

    def __init__(self, services: Services, left: Callable[[str], None]) -> None:
        self.services, self._left = services, left
        self._asked: Memory[_Question] = Memory(services.clock, life=QUESTION_KEPT_FOR, most=QUESTIONS_MAX)

    # --- the profile ----------------------------------------------------------------------------------------

    def profile(self, visitor: Visitor) -> str:
        say, user = visitor.say, visitor.user
        with self.services.database.read() as unit:
            linked = sorted(sides(unit.people.identities(user.id)) - {HERE})
            cars = unit.people.cars(user.id)
        lines = person.profile(say, user, cars, linked)
        lines.append(say("Change: “quiet 22-8” or “quiet off” · “car CCS2 60” or “car none”"))
        lines.append(say("Also: link · unlink · privacy · export · delete account"))
        return plain_lines(lines)

    def quiet(self, visitor: Visitor, value: str) -> str:
        """ "22-8", "22:30-7:00"; whatever else ends the quiet hours only when it says so."""
        hours = _QUIET.fullmatch(value.strip())
        if hours is None and value not in ("off", "none", "关闭", "关", "无"):
            raise UserError("bad_quiet_hours")
        quiet = hours and QuietHours(*(time(int(hours[n]), int(hours[n + 1] or 0)) for n in (1, 3)))
        user = self.services.accounts.change(visitor.user.id, lambda one: replace(one, quiet=quiet))
        return self.profile(replace(visitor, user=user))

    def car(self, visitor: Visitor, value: str) -> str:
        """ "ccs2 60": one car with that plug and battery; "none": no car."""
        accounts, user_id = self.services.accounts, visitor.user.id
        if value in ("none", "off", "无", "没有", "删除"):
            accounts.keep_cars(user_id, [])
            return self.profile(visitor)
        said = _CAR.fullmatch(value.strip())
        plug = _PLUGS.get(said[1].casefold()) if said else None
        if said is None or plug is None:
            raise UserError("bad_car", plugs=", ".join(visitor.say(phrases.PLUGS[one]) for one in _SHOWN))
        accounts.keep_cars(user_id, [person.new_car(plug, Decimal(said[2]), visitor.say, usual=True)])
        return self.profile(visitor)

    # --- linking --------------------------------------------------------------------------------------------

    def link(self, visitor: Visitor, value: str) -> str:
        """A new code; or, with one from Telegram, the question whether to link."""
        if code := code_in(value):
            return self.look(visitor, code)
        if value:
            raise UserError("link_code_unknown")
        say = visitor.say
        self.services.limiter.hit("link", visitor.user.id)
        asked = self.services.linking.ask(visitor.user.id, HERE)
        # t.me does not open in mainland China without help: the code as text comes with it.
        link = self.services.linking.telegram_link(asked)
        lines = [say("To link Telegram, open this there:"), link, say("Or send our Telegram bot this code:")]
        lines = lines if link else [say("Send our Telegram bot this code:")]
        return "\n".join([*lines, asked.code, person.warning(say)])

    def look(self, visitor: Visitor, code: str) -> str:
        """The question that a code from the other side leads to, typed or scanned."""
        found = self.services.linking.look(visitor.user.id, code)
        self._asked.put(visitor.openid, _Question(LINK, code))
        return self._question(visitor, person.offer(visitor.say, HERE, found))

    def unlink(self, visitor: Visitor) -> str:
        leaves = self.services.linking.leaving(visitor.user.id, HERE)
        self._asked.put(visitor.openid, _Question(UNLINK))
        return self._question(visitor, person.unlink_question(visitor.say, leaves, here=HERE))

    # --- taking everything along, and leaving ---------------------------------------------------------------

    def export(self, visitor: Visitor) -> str:
        say = visitor.say
        self.services.limiter.hit("export", visitor.user.id)
        if not self.services.public_url:
            return say(
                "The export is a file, and there is no address of ours to fetch it from. Link Telegram for it."
            )
        ticket = self.services.login.ticket(visitor.user.id)
        address = f"{self.services.public_url}/download/{ticket}?lang={visitor.user.language}"
        return say("Everything we keep about you, once and within ten minutes:") + f"\n{address}"

    def delete(self, visitor: Visitor) -> str:
        if ties := self.services.privacy.ties(visitor.user.id):
            return plain_lines(person.tied(visitor.say, ties))
        self._asked.put(visitor.openid, _Question(DELETE))
        return self._question(visitor, person.delete_question(visitor.say))

    # --- yes and no -----------------------------------------------------------------------------------------

    def agree(self, visitor: Visitor) -> str:
        """Carry out what was asked about last; "" when nothing was."""
        asked = self._asked.get(visitor.openid)
        self._asked.forget(visitor.openid)
        say = visitor.say
        match asked:
            case _Question(about="link", code=code):
                done = self.services.linking.confirm(visitor.user.id, code)
                for row_id in done.told:
                    self.services.outbox.ring(row_id)
                return person.linked(say, done.channel)
            case _Question(about="unlink"):
                return person.unlinked(say, self.services.linking.unlink(visitor.user.id, HERE))
            case _Question(about="delete"):
                return self._delete(visitor)
        return ""

    def disagree(self, visitor: Visitor) -> str:
        """ "" when nothing was asked."""
        if self._asked.get(visitor.openid) is None:
            return ""
        self._asked.forget(visitor.openid)
        return visitor.say("Nothing has been changed.")

    def forget(self, openid: str) -> None:
        self._asked.forget(openid)

    def _delete(self, visitor: Visitor) -> str:
        try:
            gone = self.services.privacy.delete(visitor.user.id)
        except StillTied as refusal:
            return plain_lines(person.tied(visitor.say, refusal.ties))
        self._left(visitor.openid)
        return plain_lines(person.deleted(visitor.say, gone))

    @staticmethod
    def _question(visitor: Visitor, lines: list[str]) -> str:
        return plain_lines([*lines, visitor.say("Reply “yes” or “no”.")])


_SHOWN = (Plug.GBT_DC, Plug.GBT_AC, Plug.CCS2, Plug.TYPE2, Plug.CHADEMO, Plug.NACS)


def plain_lines(lines: list[str]) -> str:
    return "\n".join(plain(line) for line in lines if line)
