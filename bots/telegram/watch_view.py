"""What stands in the messages about watches: the wishes offered, the answer, my list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bots import prices, watches
from bots.money import per_kwh
from bots.telegram import watch_buttons
from bots.telegram.keyboards import Keyboard
from bots.telegram.markup import bold, fit, foreign, ours
from bots.telegram.render import Rendered, message
from bots.wording import Wording, phrases
from core.errors import UserError
from core.prices.watching import Rule
from core.services.watches import Made, Seen, WishesHere
from core.watch import Ended, StandingWatch

NAME_MAX = 60


def offered(say: Wording, here: WishesHere, keyboard: Keyboard) -> Rendered:
    """What can be wished at a station."""
    kind = watches.kind(say, here.guns.plug, here.guns.power_kw)
    lines = [bold(foreign(here.station.name, NAME_MAX) or ours(say("Charging station"))), ours(kind)]
    if here.price is not None:
        lines.append(f"💰 {ours(say('now {price}', price=prices.per_kwh(say, here.price, here.currency)))}")
    else:
        lines.append(ours(phrases.error(say, UserError("no_price_here"))))
    lines += ["", ours(say("🔔 What shall I tell you of?"))]
    return message("\n".join(lines), keyboard)


def made(say: Wording, one: Made, time_zone: str, keyboard: Keyboard, *, silent: bool) -> Rendered:
    """The answer to a new watch. `silent`: the person wants nothing unasked."""
    first, *lines = watches.made(say, one, time_zone)
    text = [f"🔔 {bold(ours(first))}", *(ours(line) for line in lines)]
    if silent:
        text.append(ours(say("🔕 You asked for silence with /stop: I tell you of it once you send /start.")))
    return message("\n".join(text), keyboard)


def listing(
    say: Wording,
    seen: Sequence[Seen],
    zones: Sequence[str],
    page: int,
    now: datetime,
    *,
    undo: StandingWatch | None = None,
) -> Rendered:
    """A page of my watches; `zones` are the clocks for the times on it. `undo` was just stopped."""
    head = [bold(ours(say("My watches")))]
    if undo is not None:
        head.append(ours(say("Stopped: {watch}", watch=watches.line(say, undo))))
    if not seen:
        text = say(
            "You watch nothing. Open a station and tap 🔔 Watch price, or tap 🔔 Watch this area under a list."
        )
        head.append(ours(text))
    shown = zip(watch_buttons.on_page(seen, page), zones, strict=True)
    first = page * watch_buttons.PAGE + 1
    blocks = [f"{number}. {one_watch(say, one, zone, now)}" for number, (one, zone) in enumerate(shown, start=first)]
    keyboard = watch_buttons.listing(say, seen, page, now, undo=undo.id if undo else None)
    return message(fit(["\n".join(head), *blocks]), keyboard)


def one_watch(say: Wording, seen: Seen, time_zone: str, now: datetime) -> str:
    """Where and what for, and what is true of it now."""
    watch = seen.watch
    if not watch.live(now):
        return f"{ours(watches.line(say, watch))}\n🔕 {ours(over(say, watch))}"
    sign = "💤" if watch.muted(now) else "🔔"
    return f"{ours(watches.line(say, watch))}\n{sign} {ours(watches.state(say, seen, now, time_zone))}"


def over(say: Wording, watch: StandingWatch) -> str:
    return say("Stopped.") if watch.ended is Ended.STOPPED else say("Its time is over.")


def amount_question(say: Wording, watch: StandingWatch) -> Rendered:
    lines = [f"✏️ {ours(watches.line(say, watch))}"]
    if watch.rule is Rule.LOWEST:
        lines.append(ours(say("The lowest price of how many days?")))
    elif watch.rule is Rule.BELOW:
        price = per_kwh(say, watch.amount, watch.currency)
        lines.append(ours(say("It is {price}. Type another price, like 0.95, or 10 % for so much below the usual.",
                              price=price)))  # fmt: skip
    else:
        lines.append(ours(say("It is {n} %. Type another one, like 15 %.", n=say.number(watch.amount))))
    return message("\n".join(lines), watch_buttons.amounts(say, watch))
