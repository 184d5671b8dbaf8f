"""What is said of watches, the same in every chat and on the page. No markup."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bots import prices
from bots.money import clean, joined, per_kwh
from bots.wording import N_, Wording, phrases
from core.prices.watching import Outlook, Rule
from core.services.watches import Made, Seen, Wishable
from core.station import Plug
from core.watch import Area, Needs, StandingWatch, StationGuns, Way

NAME_MAX = 40
_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


def wish(say: Wording, rule: Rule, amount: Decimal, currency: str) -> str:
    """ "¥1.10/kWh or less": what is wished, also on the button that wishes it."""
    match rule:
        case Rule.BELOW:
            return say("{price} or less", price=per_kwh(say, amount, currency))
        case Rule.BELOW_USUAL:
            return say("{n} % below the usual price of the hour", n=say.number(amount))
        case Rule.LOWEST:
            return say("Lowest price in {n} days", n=say.number(amount))
    return say("A gun is free")


def button(say: Wording, offered: Wishable, currency: str) -> str:
    return wish(say, offered.rule, offered.amount, currency)


def kind(say: Wording, plug: Plug, power_kw: Decimal | None) -> str:
    """ "GB/T DC · 120 kW"."""
    power = say("{n} kW", n=say.number(power_kw)) if power_kw else ""
    return joined(say(phrases.PLUGS[plug]), power)


def place(say: Wording, watch: StandingWatch) -> str:
    """ "Lotus Road · GB/T DC · 120 kW", "Around Lotus Road, 2 km", "Home to work, Mon to Fri 07:00 to 09:00"."""
    name, where = clean(watch.label, NAME_MAX), watch.place
    match where:
        case StationGuns():
            return joined(name, kind(say, where.plug, where.power_kw))
        case Area():
            return around(say, name, where)
        case Way():
            hours = f"{where.starts:%H:%M} - {where.ends:%H:%M}"
            return joined(name, days(say, where.days), hours, needs(say, where.needs))


def around(say: Wording, label: str, area: Area) -> str:
    """ "Around Lotus Road, 2 km · GB/T DC · from 60 kW"."""
    where = say("Around {name}, {distance}", name=clean(label, NAME_MAX), distance=say.distance(area.radius_m))
    return joined(where, needs(say, area.needs))


def needs(say: Wording, wanted: Needs) -> str:
    """ "GB/T DC, CCS2 · from 60 kW · one operator"; empty when everything counts."""
    plugs = ", ".join(say(phrases.PLUGS[one]) for one in sorted(wanted.plugs))
    power = say("from {n} kW", n=say.number(wanted.min_power_kw)) if wanted.min_power_kw is not None else ""
    return joined(plugs, power, say("one operator") if wanted.operator_id else "")


def days(say: Wording, wanted: frozenset[int]) -> str:
    """ "Mon - Fri", "Sat, Sun"."""
    ordered = sorted(wanted)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{say(_WEEKDAYS[ordered[0]])} - {say(_WEEKDAYS[ordered[-1]])}"
    return ", ".join(say(_WEEKDAYS[one]) for one in ordered)


def line(say: Wording, watch: StandingWatch) -> str:
    """A watch in one line: where, and what for."""
    wished = wish(say, watch.rule, watch.amount, watch.currency)
    return say("{label}: {value}", label=place(say, watch), value=wished)


def state(say: Wording, seen: Seen, now: datetime, time_zone: str) -> str:
    """What is true of it now: the price, free guns, silent until when, and when it ends."""
    watch, parts = seen.watch, []
    if seen.price is not None:
        parts.append(say("now {price}", price=prices.per_kwh(say, seen.price, seen.currency)))
    if seen.guns is not None:
        parts.append(free(say, seen.guns.free, seen.guns.known))
    if watch.muted(now) and watch.muted_until is not None:
        parts.append(say("silent until {time}", time=prices.clock(say, watch.muted_until, now, time_zone)))
    parts.append(say("ends {time}", time=ends(say, watch, now, time_zone)))
    return joined(*parts)


def ends(say: Wording, watch: StandingWatch, now: datetime, time_zone: str) -> str:
    """The day; of a wish for a free gun, which lives for hours, the time."""
    if watch.rule is not Rule.GUN_FREE:
        return say.day(watch.expires_at, time_zone)
    time = prices.clock(say, watch.expires_at, now, time_zone)
    return f"{time} UTC" if time_zone == "UTC" else time


def free(say: Wording, free: int, known: int) -> str:
    if not known:
        return say("nobody knows whether a gun is free")
    return say.plural("{n} gun free", "{n} guns free", free) if free else say("no gun free")


def made(say: Wording, one: Made, time_zone: str) -> list[str]:
    """The answer to a new watch: what we watch, whether it can come true, and how long."""
    watch = one.watch
    lines = [
        say("You watch this already.") if one.again else say("We watch it for you."),
        line(say, watch),
        *_outlook(say, one, time_zone),
        say("Until {time}. You can stop it at any time.", time=ends(say, watch, one.at, time_zone)),
    ]
    return [text for text in lines if text]


def _outlook(say: Wording, one: Made, time_zone: str) -> list[str]:
    watch, seen = one.watch, one.outlook
    if watch.rule is Rule.GUN_FREE:
        assert one.guns is not None
        if one.guns.free:
            return [say("One is free right now: go. We tell you when that changes and one is free again.")]
        return [say("No gun is free now.")] if one.guns.known else []
    if one.silent_until is not None:
        day = say.day(one.silent_until, time_zone)
        return [say("We have not watched this place for long: we can tell you of it from {day} on.", day=day)]
    if seen.outlook is Outlook.ALREADY and one.price is not None:
        now = prices.per_kwh(say, one.price, watch.currency)
        return [say("It costs {price} already. We tell you when it is clearly lower, or low again.", price=now)]
    if one.comes is not None:
        at, price = one.comes
        when, then = prices.clock(say, at, one.at, time_zone), prices.per_kwh(say, price, watch.currency)
        return [say("By the tariff it costs {price} from {time}.", price=then, time=when)]
    if seen.nearest is None or watch.rule is not Rule.BELOW:
        return []
    nearest, day = per_kwh(say, seen.nearest.price, watch.currency), say.day(seen.nearest.at, time_zone)
    if seen.outlook is Outlook.NEVER and seen.offer is not None:
        offer = per_kwh(say, seen.offer, watch.currency)
        return [
            say("Your wish is below the lowest we have seen: {price} on {day}.", price=nearest, day=day),
            say("{price} can be reached; you may change it.", price=offer),
        ]
    if seen.outlook is Outlook.SEEN:
        return [say("It was there before: {price} on {day}.", price=nearest, day=day)]
    return []
