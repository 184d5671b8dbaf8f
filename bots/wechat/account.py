"""What a driver tells us about themselves: welcome, help, language, energy and hurry, consent, silence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from bots.wechat.memory import Memory
from bots.wording import Wording, phrases, wording
from core.services import Services
from core.user import LANGUAGES, ConsentPurpose, Identity, User
from core.wishes import Filters, Mode, Wishes

ASKED = frozenset({"energy", "mode"})
QUESTION_KEPT_FOR = timedelta(minutes=15)
QUESTIONS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who writes, and in which language we answer. `key` is that of the message, the same for each delivery of it."""

    identity: Identity
    user: User
    key: str = ""

    @property
    def openid(self) -> str:
        return self.identity.external_id

    @property
    def say(self) -> Wording:
        return wording(self.user.language)


class AccountTalk:
    """Answers about the account. Each method returns the sentence to send."""

    def __init__(self, services: Services) -> None:
        self.accounts = services.accounts
        self._consent_asked: Memory[bool] = Memory(services.clock, life=QUESTION_KEPT_FOR, most=QUESTIONS_MAX)

    def welcome(self, visitor: Visitor) -> str:
        say = visitor.say
        return "\n".join(
            (
                say("Kilowatch finds the charger that really costs you least: price, free guns and the way there."),
                say("Tap “找桩 Find” or send your location. At a gun: “扫码充电”, or send a photo of its code."),
                say("中文？请回复“中文”。"),
            )
        )

    def help(self, visitor: Visitor) -> str:
        say = visitor.say
        return "\n".join(
            (
                say("Send your location or type a place: you get the stations there, by what your charge will cost."),
                say("Then reply: a number for details · more · price, distance, free, power."),
                say("Your charge: “40 kWh” · cheap, balanced, hurry."),
                say("At the gun: “扫码充电” below or a photo of its code · charge · status · stop charge · report."),
                say("Money: wallet · top up 50 · refund · statement · receipts · safety."),
                say("Past charges: receipts · history · good or bad."),
                say("Price drops: watch · free gun · watch here · watches."),
                say("Also: settings · profile · link · language · privacy · export · delete account · stop."),
            )
        )

    def settings(self, visitor: Visitor) -> str:
        say, user = visitor.say, visitor.user
        kept = self.accounts.has_consent(user.id, ConsentPurpose.POSITION_HISTORY)
        lines = [
            say(
                "Your charge: {kwh} kWh, {mode}", kwh=say.number(user.energy_kwh), mode=say(phrases.MODES[user.mode])
            ),
            say.plural("{n} filter on", "{n} filters on", user.filters.active) if user.filters.active else "",
            say("Searches are kept for 30 days") if kept else say("Searches are not kept"),
            say("Unasked messages are off; “start” turns them on") if user.stopped else "",
            say("Change: “40 kWh” · cheap, balanced, hurry · language · privacy"),
        ]
        return "\n".join(filter(None, lines))

    def energy(self, visitor: Visitor, kwh: str) -> Visitor:
        """Keep the energy of a usual charge. Raises UserError outside what can be asked."""
        wanted = Wishes(energy_kwh=Decimal(kwh)).energy_kwh
        return self._change(visitor, energy_kwh=wanted, asked=visitor.user.asked | {"energy"})

    def mode(self, visitor: Visitor, mode: str) -> Visitor:
        return self._change(visitor, mode=Mode(mode), asked=visitor.user.asked | {"mode"})

    def kept(self, visitor: Visitor) -> str:
        """Confirms energy and mode when there is no list to show them in."""
        say, user = visitor.say, visitor.user
        return say(
            "Noted: {kwh} kWh, {mode}. Send your location to search.",
            kwh=say.number(user.energy_kwh),
            mode=say(phrases.MODES[user.mode]),
        )

    def clear_filters(self, visitor: Visitor) -> Visitor:
        return self._change(visitor, filters=Filters())

    def questions_put(self, visitor: Visitor) -> None:
        self._change(visitor, asked=visitor.user.asked | ASKED)

    def language(self, visitor: Visitor, language: str) -> str:
        """Switch to a language, or to the other one when none is named."""
        other = next(code for code in LANGUAGES if code != visitor.user.language)
        say = self._change(visitor, language=language or other).say
        return say("We speak English now. Send your location, or “language” to switch back.")

    def privacy(self, visitor: Visitor) -> str:
        say = visitor.say
        kept = self.accounts.has_consent(visitor.user.id, ConsentPurpose.POSITION_HISTORY)
        self._consent_asked.put(visitor.openid, True)
        return "\n".join(
            (
                say("We can keep the 1 km square of each search for 30 days; “nearby” then searches there again."),
                say("Searching works without it. Now: {state}.", state=say("kept") if kept else say("not kept")),
                say("Reply “yes” to agree, or “no” to keep nothing and delete what was kept."),
            )
        )

    def asks(self, visitor: Visitor) -> bool:
        """Whether a yes would be one to keeping searches."""
        return bool(self._consent_asked.get(visitor.openid))

    def agree(self, visitor: Visitor) -> str:
        """A yes counts only right after the question: consent must be to something that was said."""
        if not self._consent_asked.get(visitor.openid):
            return self.privacy(visitor)
        self._consent_asked.forget(visitor.openid)
        self.accounts.consent(visitor.user.id, ConsentPurpose.POSITION_HISTORY, granted=True)
        return visitor.say(
            "Thank you. From now on the 1 km square of each search is kept for 30 days; “no” ends that."
        )

    def disagree(self, visitor: Visitor) -> str:
        self._consent_asked.forget(visitor.openid)
        self.accounts.consent(visitor.user.id, ConsentPurpose.POSITION_HISTORY, granted=False)
        return visitor.say("Nothing of your searches is kept. Searching works as before.")

    def stop(self, visitor: Visitor) -> str:
        self._change(visitor, stopped=True)
        return visitor.say(
            "Done: we send nothing unasked. Your own searches still get an answer; “start” undoes this."
        )

    def start(self, visitor: Visitor) -> str:
        return self.welcome(self._change(visitor, stopped=False))

    def forget(self, openid: str) -> None:
        """The question is no longer open: something else was asked."""
        self._consent_asked.forget(openid)

    def left(self, identity: Identity) -> None:
        self.forget(identity.external_id)
        self.accounts.unreachable(identity)

    def _change(self, visitor: Visitor, **changes: object) -> Visitor:
        def change(user: User) -> User:
            return replace(user, **changes)  # type: ignore[arg-type]

        return replace(visitor, user=self.accounts.change(visitor.user.id, change))
