"""What is said of a price over time, the same in every chat and on the page: is it a good one, what is usual, what
was the lowest, and when to charge. No markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bots.money import joined
from bots.wording import N_, Wording, phrases
from core.money import minor_units, round_once
from core.prices.history import LOWEST_OF_DAYS, Badge, Grade, PriceHistory, Usual
from core.prices.ticks import service_per_kwh
from core.services.prices import AHEAD, GroupPrices, PriceService

SPANS_DAYS = (1, 7, 30, 90)
SPANS = {1: N_("24 h"), 7: N_("7 days"), 30: N_("30 days"), 90: N_("90 days")}
GRADES = {
    Grade.GOOD: N_("A good price now"),
    Grade.USUAL: N_("About as usual now"),
    Grade.DEAR: N_("Dearer than usual now"),
    Grade.TOO_NEW: N_("Too new to judge"),
}
_RULE = N_(
    "Good: at least 5 % below what this hour usually costs here, and within 5 % of the lowest this hour has cost in "
    "90 days. Dear: 5 % or more above the usual."
)
_TOO_NEW = N_("A price is judged once it has been watched for four weeks.")
_A_DAY, _AN_HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Told:
    """One group of guns in sentences; "" where there is nothing to say."""

    guns: str
    now: str
    parts: str
    doubted: str
    badge: str
    rule: str
    usual: str
    lowest: str
    cheapest: str
    advice: str


@dataclass(frozen=True, slots=True)
class Day:
    """24 hours as one point of a picture. None where nobody knows."""

    start: datetime
    low: Decimal | None = None
    mean: Decimal | None = None
    high: Decimal | None = None
    usual_low: Decimal | None = None
    usual_high: Decimal | None = None


def told(say: Wording, prices: PriceService, group: GroupPrices, kwh: Decimal, at: datetime) -> Told:
    """For somebody who wants `kwh` within a day."""
    series, history = group.series, group.history
    badge = history.badge(at)
    return Told(
        guns=guns(say, group),
        now=_now(say, group, badge, at),
        parts=_parts(say, group, badge.price, at),
        doubted=say("Another price has just been told. It counts once it is told again.") if series.waiting else "",
        badge=verdict(say, badge),
        rule=rule(say, badge),
        usual=_usual(say, history.usual(at), series.currency),
        lowest=_lowest(say, group, at),
        cheapest=_cheapest(say, group, at),
        advice=_worth_saying(say, prices, group, kwh, at),
    )


def kind(say: Wording, group: GroupPrices) -> str:
    """ "GB/T DC · 120 kW"."""
    series = group.series
    power = say("{n} kW", n=say.number(series.power_kw)) if series.power_kw else ""
    return joined(say(phrases.PLUGS[series.plug]), power)


def guns(say: Wording, group: GroupPrices) -> str:
    """ "GB/T DC · 120 kW · 4 guns"."""
    return joined(kind(say, group), say.plural("{n} gun", "{n} guns", group.guns))


def verdict(say: Wording, badge: Badge) -> str:
    return say("The price is not known now") if badge.price is None else say(GRADES[badge.grade])


def rule(say: Wording, badge: Badge) -> str:
    """By which the verdict is found."""
    if badge.price is None:
        return say("A price that nobody has repeated for a day is no longer taken for today's.")
    return say(_TOO_NEW if badge.grade is Grade.TOO_NEW else _RULE)


def money(say: Wording, price: Decimal, currency: str) -> str:
    return say.price(price, currency, minor_units(currency))


def span(history: PriceHistory, at: datetime) -> int:
    """The days that are shown first: of a place that is new only the day to come has something to show."""
    return 7 if history.watched(at) >= timedelta(days=2) else 1


def per_kwh(say: Wording, price: Decimal, currency: str) -> str:
    """As it is asked now: to be read at a glance, without the third and fourth place."""
    return say("{price}/kWh", price=money(say, price, currency))


def cheapest_ahead(group: GroupPrices) -> tuple[datetime, datetime, Decimal] | None:
    """From when to when it costs least during the next day, first; None where it costs the same all day."""
    ends = [at for at, _ in group.ahead[1:]] + [group.ahead[0][0] + AHEAD] if group.ahead else []
    known = [(price, at, end) for (at, price), end in zip(group.ahead, ends, strict=True) if price is not None]
    if len({price for price, _, _ in known}) < 2:
        return None
    price, at, end = min(known)
    return at, end, price


def wait_or_go(say: Wording, prices: PriceService, group: GroupPrices, kwh: Decimal, by: datetime) -> str:
    """What to do with a car that has to be ready `by` then."""
    found = prices.wait_or_go(group, kwh, by)
    if found is None:
        return say("Go now: waiting would not save 5 %.")
    saving = say.money(round_once(found.saving, group.series.currency))
    time = clock(say, found.best_at, prices.clock.now(), group.series.time_zone)
    return say("Wait: from {time} it costs {money} less.", time=time, money=saving)


def clock(say: Wording, moment: datetime, now: datetime, time_zone: str) -> str:
    """A time soon to come on the place's own clock: "20:00", "tomorrow 06:00"."""
    zone, time = ZoneInfo(time_zone), say.clock(moment, time_zone)
    days = (moment.astimezone(zone).date() - now.astimezone(zone).date()).days
    if not days:
        return time
    return say("tomorrow {time}", time=time) if days == 1 else f"{say.day(moment, time_zone)} {time}"


def by_day(history: PriceHistory, end: datetime, days: int) -> list[Day]:
    """The last `days` times 24 hours, one point each: more would not be told apart on a phone."""
    return [_day(history, end - (days - n) * _A_DAY) for n in range(days)]


def _day(history: PriceHistory, start: datetime) -> Day:
    hours = [start + n * _AN_HOUR for n in range(24)]
    prices = [price for hour in hours if (price := history.price_at(hour)) is not None]
    usual = [one for hour in hours if (one := history.usual(hour)) is not None]
    return Day(
        start,
        min(prices, default=None),
        _mean(prices),
        max(prices, default=None),
        _mean([one.low for one in usual]),
        _mean([one.high for one in usual]),
    )


def _mean(prices: Sequence[Decimal]) -> Decimal | None:
    return sum(prices, Decimal(0)) / len(prices) if prices else None


def _now(say: Wording, group: GroupPrices, badge: Badge, at: datetime) -> str:
    series = group.series
    age = say.age(at - series.seen_at)
    if badge.price is None:
        return say("Not known now; last seen {age}", age=age)
    price = money(say, badge.price, series.currency)
    return joined(say("{price}/kWh now", price=price), say("seen {age}", age=age))


def _parts(say: Wording, group: GroupPrices, price: Decimal | None, at: datetime) -> str:
    """Where a service fee is told apart."""
    if group.tariff is None or price is None:
        return ""
    service = service_per_kwh(group.tariff, at)
    if service is None:
        return ""
    fees = [money(say, one, group.series.currency) for one in (price - service, service)]
    return " + ".join((say("energy {amount}", amount=fees[0]), say("service {amount}", amount=fees[1])))


def _usual(say: Wording, usual: Usual | None, currency: str) -> str:
    if usual is None:
        return ""
    text = say("Usual at this hour: {price}", price=money(say, usual.median, currency))
    low, high = money(say, usual.low, currency), money(say, usual.high, currency)
    return text if low == high else say("{text} ({detail})", text=text, detail=f"{low}–{high}")


def _lowest(say: Wording, group: GroupPrices, at: datetime) -> str:
    series, history = group.series, group.history
    since = at - timedelta(days=LOWEST_OF_DAYS)
    low = history.lowest(since, at + timedelta(seconds=1))
    if low is None:
        return ""
    watched = min(history.watched(at).days, LOWEST_OF_DAYS)
    if not watched:
        return ""  # of some hours it would say little, and less than the tariff does
    text = say.plural("Lowest of the last day: {price}", "Lowest of the last {n} days: {price}", watched,
                      price=money(say, low.price, series.currency))  # fmt: skip
    if {step.price for step in history.steps(since, at)} <= {low.price, None}:
        return text  # it has never been another
    when = f"{say.day(low.at, series.time_zone)} {say.clock(low.at, series.time_zone)}"
    return say("{text} ({detail})", text=text, detail=when)


def _cheapest(say: Wording, group: GroupPrices, at: datetime) -> str:
    if not group.ahead:
        return ""
    found, zone = cheapest_ahead(group), group.series.time_zone
    if found is None:
        return say("The same price at every hour of the next day.")
    start, end, price = found
    if start <= at:
        return say("Cheapest of the next 24 hours: now, until {time}", time=clock(say, end, at, zone))
    same_day = say.day(start, zone) == say.day(end, zone)
    until = say.clock(end, zone) if same_day else clock(say, end, at, zone)
    return say(
        "Cheapest of the next 24 hours: {price} from {start} to {end}",
        price=money(say, price, group.series.currency),
        start=clock(say, start, at, zone),
        end=until,
    )


def _worth_saying(say: Wording, prices: PriceService, group: GroupPrices, kwh: Decimal, at: datetime) -> str:
    """Whether to wait, where the price varies at all."""
    if cheapest_ahead(group) is None:
        return ""
    words = wait_or_go(say, prices, group, kwh, at + AHEAD)
    return joined(say("{n} kWh", n=say.number(kwh)), words)
