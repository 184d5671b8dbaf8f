"""After a charge, in words: whether it was as promised, and the charges of the past by month."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from bots import history, money
from bots.wechat.account import Visitor
from bots.wechat.asked import About, Asked, Question
from bots.wechat.render import plain
from bots.wechat.wallet import page_link
from bots.wechat.words import REASONS
from core.errors import UserError
from core.ports import HistoryFilter
from core.scan import Promised
from core.services import Services
from core.session import BUSY, ChargingSession, SessionState

ROWS = 10
LOOKED_AT = 5  # of the newest charges: what an opinion is about has just ended
_MONTH = re.compile(r"(?:([0-9]{4})\s*[-/.年]\s*)?([0-9]{1,2})\s*月?")
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class AfterTalk:
    """Each method returns the text to send, and may raise UserError."""

    def __init__(self, services: Services, asked: Asked) -> None:
        self.services, self.asked = services, asked

    # --- was it as promised? ----------------------------------------------------------------------------------

    def praised(self, visitor: Visitor) -> str:
        if (last := self._ended(visitor)) is None:
            return visitor.say("There is no charge yet that you could speak of.")
        self.services.aftermath.answer(visitor.user.id, last.id, Promised.YES)
        return visitor.say("Thank you, that helps the next driver.")

    def blamed(self, visitor: Visitor, reason: str) -> str:
        """Kept at once; the reason, which the driver may not give, makes it more exact."""
        say = visitor.say
        if (last := self._ended(visitor)) is None:
            return say("There is no charge yet that you could speak of.")
        if reason:
            return self._because(visitor, last.id, REASONS[reason])
        self.services.aftermath.answer(visitor.user.id, last.id, Promised.OTHER)
        self.asked.put(visitor.openid, Question(About.WHY, session_id=last.id))
        head = say(
            "Sorry. What was wrong at {station}?", station=money.clean(last.quote.station_name, money.NAME_MAX)
        )
        choices = say("1 gun broken · 2 bay blocked · 3 price · 4 something else")
        return "\n".join((plain(head), choices, say("Reply with a number.")))

    def answered(self, visitor: Visitor, typed: str) -> str:
        """Why it was not as promised; "" where this line does not say."""
        question = self.asked.of(visitor.openid, About.WHY)
        line = unicodedata.normalize("NFKC", typed).strip().casefold()
        reason = REASONS.get(line)
        return self._because(visitor, question.session_id, reason) if question and reason else ""

    def _because(self, visitor: Visitor, session_id: str, reason: Promised) -> str:
        self.asked.forget(visitor.openid)
        self.services.aftermath.answer(visitor.user.id, session_id, reason)
        say = visitor.say
        if reason is Promised.PRICE:
            return say("Thank you. One of us checks this bill against the price you were shown, and tells you.")
        if reason is Promised.OTHER:
            return say("Thank you, it is noted.")
        return say("Thank you. This gun now stands further down for the next driver.")

    def _ended(self, visitor: Visitor) -> ChargingSession | None:
        """The newest charge that has ended: what somebody speaks of who has just read its bill."""
        found = self.services.charging.history(visitor.user.id, limit=LOOKED_AT)
        return next((one for one in found if one.state not in BUSY | {SessionState.START_FAILED}), None)

    # --- the past ---------------------------------------------------------------------------------------------

    def past(self, visitor: Visitor, typed: str) -> str:
        """The charges of a month, or the newest ones. Raises UserError("bad_value")."""
        say, zone = visitor.say, money.zone(visitor.user)
        month = month_of(typed, self.services.clock.now().astimezone(ZoneInfo(zone))) if typed else ""
        wanted = HistoryFilter(
            since=history.moment("month", month, zone), until=history.moment("month", month, zone, last=True)
        )
        found = self.services.charging.history(visitor.user.id, None, ROWS + 1, wanted)
        page = page_link(self.services, visitor, "/charges", say("All charges, and as a table (CSV)"))
        if not found:
            none = say("No charge in {month}.", month=month) if month else ""
            return "\n".join(filter(None, (none or say("No charge yet. Send your location to find a gun."), *page)))
        rows = [f"· {plain(money.charge_line(say, one, zone))}" for one in found[:ROWS]]
        head = say("Charges in {month}", month=month) if month else say("Your last charges")
        more = [say("… and more on the page")] if len(found) > ROWS else []
        how = say("By month: “history 2026-10”, “history last month”.") if not month else ""
        return "\n".join(filter(None, (head, *rows, *more, *page, how)))


def month_of(typed: str, today: datetime) -> str:
    """ "2026-10" for 本月, 上月, 10月, 2026年10月, last month, October. Raises UserError("bad_value")."""
    line = " ".join(typed.casefold().split())
    year, month = today.year, today.month
    if line in ("本月", "这个月", "当月", "this month"):
        return f"{year}-{month:02d}"
    if line in ("上月", "上个月", "last month"):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        return f"{year}-{month:02d}"
    found = _MONTH.fullmatch(line)
    number = int(found[2]) if found else _ENGLISH.index(line[:3]) + 1 if line[:3] in _ENGLISH else 0
    if not 1 <= number <= 12:
        raise UserError("bad_value", name="month", value=typed[:20], choices="2026-11, 11月, last month")
    # A month without a year is the last one of that name.
    named = int(found[1]) if found and found[1] else year if number <= month else year - 1
    return f"{named}-{number:02d}"
