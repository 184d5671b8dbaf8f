"""A charge in WeChat, all in words: the offer, the yes to it, how it goes, its end, and what the driver says of it.

A start needs the quote that this chat was shown and the word for it. What this process has forgotten is shown again
and asked again; the quote's number makes the same yes twice one charge.
"""

from __future__ import annotations

from decimal import Decimal

from bots import charge, money
from bots.wechat.account import Visitor
from bots.wechat.asked import About, Asked, Question
from bots.wechat.hints import AS_PROMISED, WHILE_IT_GOES
from bots.wechat.render import NAME_MAX, PageLinks, link, plain
from bots.wechat.wallet import page_link
from bots.wechat.words import Wish, Words
from bots.wording import Wording, phrases
from core.errors import UserError
from core.payments import TopupState
from core.ports import HistoryFilter
from core.scan import Scan
from core.services import Services
from core.services.alternatives import Alternative
from core.services.guns import ChargeOffer
from core.session import BUSY, ChargingSession, FrozenQuote, SessionState

ALTERNATIVES = 3
ORDERS_LOOKED_AT = 3
_UNPAID = frozenset(TopupState) - {TopupState.PAID, TopupState.CLOSED, TopupState.PARKED}
_BEGINNING = frozenset({SessionState.HELD, SessionState.STARTING})
# A price that is gone: the driver sees the new one and says yes again.
_ASK_AGAIN = frozenset({"quote_expired", "no_such_quote", "other_request_same_key", "not_enough_money"})
# This gun will not do: another one might.
_ELSEWHERE = frozenset({"gun_busy", "gun_out_of_order", "no_price", "cannot_start_here"})


class ChargeTalk:
    """Each method returns the text to send, and may raise UserError."""

    def __init__(self, services: Services, asked: Asked) -> None:
        self.services, self.charging, self.clock = services, services.charging, services.clock
        self.asked = asked

    # --- the offer --------------------------------------------------------------------------------------------

    def offer(
        self, visitor: Visitor, scan: Scan, kwh: Decimal | None = None, before: FrozenQuote | None = None
    ) -> str:
        """All that has to be known before a yes. `before` is the offer that this one takes the place of."""
        say = visitor.say
        if running := self._already(visitor):
            return running
        try:
            one = self.services.guns.offer(visitor.user.id, scan.id, kwh or visitor.user.energy_kwh)
        except UserError as problem:
            return self._elsewhere(visitor, scan, problem)
        about = About.OFFER if one.missing is None else About.TOP_UP
        self.asked.put(visitor.openid, Question(about, scan_id=scan.id, quote=one.quote))
        lines = [*charge.gun_head(say, one.gun), *charge.offer_lines(say, one, self.clock.now())]
        lines = [plain(line) for line in lines]
        if before is not None:
            lines = [changed(say, before, one.quote), *lines]
        return "\n".join((*lines, "", *self._how_to_start(visitor, one)))

    def _how_to_start(self, visitor: Visitor, one: ChargeOffer) -> list[str]:
        say = visitor.say
        kwh = 40 if one.quote.energy_kwh == 20 else 20
        other = say("Another energy: reply “{kwh} kWh”.", kwh=kwh)
        if one.missing is None:
            start = say("👉 Plug in and reply “charge” to start ({hold} is held).", hold=say.money(one.quote.hold))
            return [start, other]
        query = {"topup": str(one.missing.amount_minor), "currency": one.missing.currency}
        page = page_link(
            self.services, visitor, "/wallet", say("Top up {amount}", amount=say.money(one.missing)), query
        )
        return [charge.missing_line(say, one), *page, say("👉 Paid? Reply “continue”."), other]

    def other_energy(self, visitor: Visitor, kwh: str) -> str:
        """The open offer for another energy; "" where none is open."""
        question = self.asked.of(visitor.openid, About.OFFER, About.TOP_UP)
        if question is None:
            return ""
        scan = self.services.guns.scan(visitor.user.id, question.scan_id).scan
        return self.offer(visitor, scan, Decimal(kwh))

    def paid(self, visitor: Visitor) -> str:
        """The driver says to have paid: orders of theirs that nobody told us of are looked at. Then the offer."""
        wallet, user_id = self.services.wallet, visitor.user.id
        for order in wallet.topups(user_id, ORDERS_LOOKED_AT):
            if order.state in _UNPAID:
                wallet.check_topup(user_id, order.id)
        return self.renewed(visitor)

    def renewed(self, visitor: Visitor) -> str:
        """The open offer at the price and with the money of now; "" where none is open."""
        question = self.asked.of(visitor.openid, About.OFFER, About.TOP_UP)
        if question is None or question.quote is None:
            return ""
        scan = self.services.guns.scan(visitor.user.id, question.scan_id).scan
        return self.offer(visitor, scan, question.quote.energy_kwh, before=question.quote)

    def _elsewhere(self, visitor: Visitor, scan: Scan, problem: UserError) -> str:
        """Why not here, and where else. Raises the problem where another gun would not help."""
        if problem.code not in _ELSEWHERE or scan.ref is None:
            raise problem
        say = visitor.say
        found = self.services.guns.alternatives(scan.station_id, scan.ref, ALTERNATIVES)
        rows = [self._alternative(visitor, one) for one in found]
        head = say("Free nearby, with your plug:") if rows else ""
        return "\n".join(filter(None, (phrases.error(say, problem), head, *rows)))

    def _alternative(self, visitor: Visitor, one: Alternative) -> str:
        """A row that opens the station, with the way there, on the page."""
        say, station = visitor.say, one.station
        name = plain(station.name, NAME_MAX) or say("Charging station")
        url = PageLinks(self.services.public_url, station.point, visitor.user.language).station(station.id)
        free = say.plural("{n} free gun", "{n} free guns", one.free)
        return money.joined(f"· {link(name, url) if url else name}", say.distance(one.distance_m), free)

    # --- the yes ----------------------------------------------------------------------------------------------

    def start(self, visitor: Visitor) -> str:
        """Start what this chat was offered; "" where nothing is offered and nothing runs."""
        question = self.asked.of(visitor.openid, About.OFFER, About.TOP_UP)
        if question is None or question.quote is None:
            return self.running(visitor)
        if question.about is About.TOP_UP:
            return self.renewed(visitor)
        quote_id = question.quote.id
        try:
            session = self.charging.start(visitor.user.id, quote_id, f"quote:{quote_id}")
        except UserError as problem:
            if problem.code in _ASK_AGAIN:
                return self.renewed(visitor)
            scan = self.services.guns.scan(visitor.user.id, question.scan_id).scan
            return self._already(visitor) or self._elsewhere(visitor, scan, problem)
        self.asked.forget(visitor.openid)
        return self._view(visitor, session)

    # --- while it goes ----------------------------------------------------------------------------------------

    def _already(self, visitor: Visitor) -> str:
        """That a charge of theirs runs, and how it stands; "" where none does."""
        running = self.running(visitor)
        return "\n".join((phrases.error(visitor.say, UserError("you_are_charging")), running)) if running else ""

    def running(self, visitor: Visitor) -> str:
        """How the charge stands that runs now; "" where none does."""
        busy = self._busy(visitor)
        return self._view(visitor, busy) if busy else ""

    def status(self, visitor: Visitor) -> str:
        """How the charge stands, or the last one."""
        newest = next(iter(self.charging.history(visitor.user.id, limit=1)), None)
        if newest is None:
            return visitor.say("No charge yet. Send your location to find a gun.")
        return self._view(visitor, newest)

    def stop(self, visitor: Visitor) -> str:
        """The question before a stop."""
        say, busy = visitor.say, self._busy(visitor)
        if busy is None:
            return say("No charge of yours is running.")
        view = self._shown(visitor, busy)
        if not view.may_stop:
            return self._view(visitor, busy)
        self.asked.put(visitor.openid, Question(About.STOP, session_id=busy.id))
        # What was charged so far helps to decide; the rest of the view does not.
        told = view.lines[:3] if busy.state is SessionState.CHARGING else view.lines[:1]
        return "\n".join((say("End this charge?"), *map(plain, told), say("Reply “yes” or “no”.")))

    def stops_what(self, visitor: Visitor) -> str:
        """A bare "stop" while a charge runs may mean the charge or our messages; "" where none runs."""
        if self._busy(visitor) is None:
            return ""
        return visitor.say("End the charge? Reply “stop charge”. No more messages? Reply “stop messages”.")

    def answered(self, visitor: Visitor, words: Words) -> str:
        """The yes or no to a stop; "" where this line is none."""
        question = self.asked.of(visitor.openid, About.STOP)
        if question is None or words.wish not in (Wish.YES, Wish.NO):
            return ""
        self.asked.forget(visitor.openid)
        if words.wish is Wish.NO:
            return visitor.say("All right, it is not stopped. “status” shows how it stands.")
        return self._view(visitor, self.charging.stop(visitor.user.id, question.session_id))

    def _busy(self, visitor: Visitor) -> ChargingSession | None:
        running = self.charging.history(visitor.user.id, limit=1, wanted=HistoryFilter(states=BUSY))
        return next(iter(running), None)

    def _shown(self, visitor: Visitor, one: ChargingSession) -> charge.View:
        receipt = self.services.wallet.receipt(visitor.user.id, one.id)
        hold = receipt.hold.amount if receipt.hold and receipt.hold.active else None
        zone = receipt.time_zone or money.zone(visitor.user)
        return charge.view(visitor.say, one, hold, self.clock.now(), zone)

    def _view(self, visitor: Visitor, one: ChargingSession) -> str:
        say, view = visitor.say, self._shown(visitor, one)
        lines = [view.title, *map(plain, view.lines)]
        if view.may_stop:
            if one.state in _BEGINNING:
                lines.append(say("We tell you as soon as it charges."))
            lines.append(say(WHILE_IT_GOES))
        elif self.services.aftermath.asked(one):
            lines.append(say(AS_PROMISED))
        return "\n".join(lines)


def changed(say: Wording, before: FrozenQuote, now: FrozenQuote) -> str:
    """What is new in an offer that takes the place of another one."""
    unit = before.hold.currency
    told = []
    if (before.price_per_kwh, unit) != (now.price_per_kwh, now.hold.currency):
        old, new = (money.per_kwh(say, one.price_per_kwh, one.hold.currency) for one in (before, now))
        told.append(f"{old} → {new}")
    if before.expected != now.expected:
        told.append(f"{say.money(before.expected)} → {say.money(now.expected)}")
    if before.hold != now.hold:
        told.append(say("hold {change}", change=f"{say.money(before.hold)} → {say.money(now.hold)}"))
    if not told:
        return say("The price was looked up again: it is the same.")
    return say("⚠ The price has changed, nothing was started: {change}", change=" · ".join(told))
