"""What alerts say, the same in every chat: the line that decides first, then what it is made of. No markup.

A driver reads it in the rain, on a locked phone: name and price have to stand in the first line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from bots import prices, watches
from bots.money import clean, exact, joined
from bots.wording import Wording
from core.prices.watching import Rule
from core.services.alerts.telling import AlertNow, AlertsNow, PriceNow
from core.services.alternatives import Alternative
from core.watch import StationGuns

MOST_IN_FULL = 5
NAME_MAX, OTHER_NAME_MAX = 40, 24
NEAREST_SAID_M = 200
FIELD_MAX = 20  # of WeChat's templates
_WORTH_A_LINE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Block:
    """One alert. `head` says where and how much; `alert` is what it is about."""

    alert: AlertNow
    head: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """One message. `title` is worth its line where there are several blocks; `rest` comes last."""

    title: str
    blocks: tuple[Block, ...]
    rest: tuple[str, ...]

    @property
    def several(self) -> bool:
        return len(self.blocks) > 1


@dataclass(frozen=True, slots=True)
class Fields:
    """An alert as four short texts, for platforms that take nothing else."""

    thing: str
    amount: str
    before: str
    note: str


def words(say: Wording, now: AlertsNow, most: int = MOST_IN_FULL) -> Words:
    """The most valuable `most` in full; the others are counted."""
    shown, more, rest = now.alerts[:most], len(now.alerts[most:]), []
    if more:
        rest.append(say("and {n} more: look at your watches", n=more))
    if now.uncertain:
        rest.append(
            say.plural(
                "{n} earlier alert may not have reached you.",
                "{n} earlier alerts may not have reached you.",
                now.uncertain,
            )
        )
    return Words(title(say, now), tuple(_block(say, one, now.at) for one in shown), tuple(rest))


def title(say: Wording, now: AlertsNow) -> str:
    """At most twenty characters."""
    first, count = now.alerts[0], len(now.alerts)
    guns = sum(one.rule is Rule.GUN_FREE for one in now.alerts)
    if count > 1:
        text = say("{n} alerts", n=count) if guns else say("{n} price drops", n=count)
    elif guns or first.price is None:
        text = say("A gun is free")
    else:
        text = say("Price drop: {price}", price=_amounts(say, first.price)[0])
    return clean(text, FIELD_MAX)


def fields(say: Wording, now: AlertsNow) -> Fields | None:
    """The most valuable one; None where it has no price."""
    first = now.alerts[0]
    price = first.price
    if price is None:
        return None
    amount, before = _amounts(say, price)
    if price.before is None and price.usual is not None:
        before = prices.money(say, price.usual, price.currency)
    note = _guns(say, first) if first.rule is Rule.GUN_FREE else _lasts(say, first, price, now.at)
    if len(now.alerts) > 1:
        note = say("{n} alerts", n=len(now.alerts))
    return Fields(_name(say, first, FIELD_MAX), amount, before, clean(note, FIELD_MAX))


# --- one alert ------------------------------------------------------------------------------------------------


def _block(say: Wording, one: AlertNow, at: datetime) -> Block:
    if one.rule is Rule.GUN_FREE or one.price is None:
        head, lines = _gun_head(say, one), _of_gun(say, one, at)
    else:
        head, lines = _price_head(say, one, one.price), _of_price(say, one, one.price, at)
    return Block(one, head, tuple(line for line in lines if line))


def _price_head(say: Wording, one: AlertNow, price: PriceNow) -> str:
    name, (now, before) = _name(say, one, NAME_MAX), _amounts(say, price)
    now = say("{price}/kWh", price=now)
    if price.before is None:
        return f"{name} {now}"
    return say("{name} {price} (was {before})", name=name, price=now, before=before)


def _amounts(say: Wording, price: PriceNow) -> tuple[str, str]:
    """Now and before, to be read at a glance: the third and fourth place only where nothing else tells them apart."""
    both = (price.price, price.before or price.price)
    now, before = (prices.money(say, one, price.currency) for one in both)
    if price.before is None or now != before:
        return now, before
    now, before = (exact(say, one, price.currency) for one in both)
    return now, before


def _of_price(say: Wording, one: AlertNow, price: PriceNow, at: datetime) -> list[str]:
    there = ""
    if one.also:
        there = say.plural(
            "{n} more station there has a low price too", "{n} more stations there have low prices too", one.also
        )
    return [
        _parts(say, price),
        _usual(say, price),
        _lower(say, one, price, at),
        joined(_guns(say, one), _lasts(say, one, price, at)),
        joined(_away(say, one), _seen(say, one, price, at)),
        joined(watches.kind(say, one.plug, one.power_kw), there),
        _why(say, one),
    ]


def _gun_head(say: Wording, one: AlertNow) -> str:
    name = _name(say, one, NAME_MAX)
    return say("{name}: {free} of {total} guns free", name=name, free=one.guns.free or 0, total=one.guns.total)


def _of_gun(say: Wording, one: AlertNow, at: datetime) -> list[str]:
    price, age = one.price, one.guns.age(at)
    return [
        joined(
            watches.kind(say, one.plug, one.power_kw),
            prices.per_kwh(say, price.price, price.currency) if price else "",
        ),
        joined(_away(say, one), say("seen {age}", age=say.age(age)) if age is not None else ""),
        _others(say, one.alternatives),
    ]


def _name(say: Wording, one: AlertNow, most: int) -> str:
    return clean(one.station.name, most) or clean(one.station.address, most) or say("Charging station")


def _parts(say: Wording, price: PriceNow) -> str:
    if price.service is None:
        return ""
    fees = [prices.money(say, one, price.currency) for one in (price.price - price.service, price.service)]
    return " + ".join((say("energy {amount}", amount=fees[0]), say("service {amount}", amount=fees[1])))


def _usual(say: Wording, price: PriceNow) -> str:
    if price.usual is None:
        return ""
    usual, below = prices.money(say, price.usual, price.currency), price.below_usual
    if below is None or below < _WORTH_A_LINE:
        return say("usually {price} at this hour", price=usual)
    share = (below * 100).to_integral_value(ROUND_DOWN)
    return say("{n} % below the usual {price} of this hour", price=usual, n=share)


def _lasts(say: Wording, one: AlertNow, price: PriceNow, at: datetime) -> str:
    if price.until is None:
        return say("no rise within 24 h")
    return say("lasts until {time}", time=prices.clock(say, price.until, at, one.station.time_zone))


def _lower(say: Wording, one: AlertNow, price: PriceNow, at: datetime) -> str:
    """Who can wait for it should know."""
    if price.lower is None:
        return ""
    then, amount = price.lower
    time = prices.clock(say, then, at, one.station.time_zone)
    return say("lower still from {time}: {price}", time=time, price=prices.per_kwh(say, amount, price.currency))


def _away(say: Wording, one: AlertNow) -> str:
    # Places are kept to a hundred metres: what is nearer says nothing.
    if one.distance_m is None or one.distance_m < NEAREST_SAID_M:
        return ""
    distance = say.distance(one.distance_m)
    if isinstance(one.watch.place, StationGuns):
        return say("{distance} from your search", distance=distance)
    return say("{distance} from {name}", distance=distance, name=clean(one.watch.label, OTHER_NAME_MAX))


def _guns(say: Wording, one: AlertNow) -> str:
    if one.guns.free is None:
        return say("free guns unknown")
    return say("{free} of {total} guns free", free=one.guns.free, total=one.guns.total)


def _seen(say: Wording, one: AlertNow, price: PriceNow, at: datetime) -> str:
    """How old that is: once where price and guns are as new, else of both."""
    priced, counted = say.age(at - price.seen_at), one.guns.age(at)
    if one.guns.free is None or counted is None:
        return say("seen {age}", age=priced)
    if say.age(counted) == priced:
        return say("seen {age}", age=priced)
    return say("price seen {price}, guns {guns}", price=priced, guns=say.age(counted))


def _why(say: Wording, one: AlertNow) -> str:
    watch = one.watch
    if isinstance(watch.place, StationGuns):
        return say("Your watch: {wish}", wish=watches.wish(say, watch.rule, watch.amount, watch.currency))
    return say("Your watch: {wish}", wish=watches.line(say, watch))


def _others(say: Wording, found: tuple[Alternative, ...]) -> str:
    if not found:
        return ""
    places = [
        say(
            "{name} ({distance}, {free} free)",
            name=clean(one.station.name, OTHER_NAME_MAX) or say("Charging station"),
            distance=say.distance(one.distance_m),
            free=one.free,
        )
        for one in found
    ]
    return say("Taken when you come? {places}", places=joined(*places))
