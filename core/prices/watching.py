"""Standing wishes about a price, and when they speak: `judge` is asked at every tick, and mostly keeps silent.

A wish speaks when its level is reached, then waits: for the cooldown, and until the price has recovered or is clearly
better than what was said last. The same at the same time of the day is not said again for a week, so that a price
that falls every evening is said once. Quiet hours, the daily cap and digests are the business of whoever sends
(core/services/notify).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.errors import UserError
from core.prices.bounds import plausible_per_kwh
from core.prices.history import Low, PriceHistory
from core.prices.ticks import Tick

# A price has recovered 2 % above what was wished, or, for wishes in per cent, on 60 % of the way back to the usual.
_RECOVERED_PRICE, _RECOVERED_SHARE = Decimal("1.02"), Decimal("0.6")
# To be said again before it has recovered, it has to be at least 2 % better than what was said.
_BEATS = Decimal("0.98")
# A lowest price is news when it is at least 1 % below the lowest before. Prices averaged over guns tremble.
_NEW_LOW = Decimal("0.99")
_COOLDOWN = timedelta(hours=24)
_GUN_COOLDOWN = timedelta(minutes=30)
# No better than what was said, within this long, and as near to that time of the day: a repetition.
_REPEATS_FOR, _SAME_TIME, _A_DAY = timedelta(days=7), timedelta(minutes=90), timedelta(days=1)
LIVES_FOR = timedelta(days=180)
GUN_LIVES_FOR = timedelta(hours=12)
LEAST_PERCENT, MOST_PERCENT = 3, 90
WINDOWS_DAYS = (7, 30, 90)
# Wishes are kept to this many places, so that matching can compare whole numbers exactly.
PLACES = 4


class Rule(StrEnum):
    BELOW = "below"  # a price per kWh
    BELOW_USUAL = "below_usual"  # so many per cent below what this hour usually costs
    LOWEST = "lowest"  # of so many days
    GUN_FREE = "gun_free"


@dataclass(frozen=True, slots=True)
class Watch:
    """One wish. `amount` is a price for BELOW, per cent for BELOW_USUAL, days for LOWEST, nothing for GUN_FREE.

    Raises UserError("bad_watch") for what cannot be wished.
    """

    id: str
    rule: Rule
    created_at: datetime
    expires_at: datetime
    amount: Decimal = Decimal(0)
    currency: str = ""  # of BELOW
    cooldown: timedelta = _COOLDOWN

    def __post_init__(self) -> None:
        exponent = self.amount.as_tuple().exponent
        if not (isinstance(exponent, int) and exponent >= -PLACES) or not self._can_be_wished():
            raise UserError("bad_watch", rule=self.rule.value, amount=self.amount)

    def _can_be_wished(self) -> bool:
        match self.rule:
            case Rule.BELOW:
                bounds = plausible_per_kwh(self.currency)
                return self.amount > 0 and (bounds is None or self.amount <= bounds[1])
            case Rule.BELOW_USUAL:
                return LEAST_PERCENT <= self.amount <= MOST_PERCENT
            case Rule.LOWEST:
                return self.amount in WINDOWS_DAYS
            case Rule.GUN_FREE:
                return self.amount == 0
        return False


def watch(rule: Rule, amount: Decimal | int = 0, *, id: str, at: datetime, currency: str = "") -> Watch:
    """A new wish with the usual life and cooldown of its rule."""
    gun = rule is Rule.GUN_FREE
    ends, cooldown = at + (GUN_LIVES_FOR if gun else LIVES_FOR), _GUN_COOLDOWN if gun else _COOLDOWN
    return Watch(id, rule, at, ends, Decimal(amount), currency, cooldown)


@dataclass(frozen=True, slots=True)
class WatchState:
    """All that has to be kept per watch. `said` is the value of the last alert; armed again after recovery."""

    armed: bool = True
    said: Decimal | None = None
    alerted_at: datetime | None = None
    low_since: datetime | None = None  # while the wish is met


@dataclass(frozen=True, slots=True)
class Alert:
    """A wish has come true. `value` reached `threshold`, both in the measure of the rule: a price, or a share of the
    usual price. Unique by watch and version: `tariff_id` and the moment of the tick.
    """

    watch_id: str
    rule: Rule
    at: datetime
    tariff_id: str
    price: Decimal | None
    before: Decimal | None
    value: Decimal
    threshold: Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """The value of a tick in the measure of a rule: the wish is met at the threshold or below, and the price has
    recovered at `recovered` or above."""

    value: Decimal
    threshold: Decimal
    recovered: Decimal

    @property
    def met(self) -> bool:
        return self.value <= self.threshold


def level(wish: Watch, tick: Tick) -> Level | None:
    """None where nobody knows: no price, another currency, too new to judge."""
    if wish.rule is Rule.GUN_FREE:
        return None if tick.free_guns is None else Level(Decimal(-tick.free_guns), Decimal(-1), Decimal(0))
    if tick.new is None:
        return None
    match wish.rule:
        case Rule.BELOW:
            if tick.currency != wish.currency:
                return None
            return Level(tick.new, wish.amount, wish.amount * _RECOVERED_PRICE)
        case Rule.BELOW_USUAL:
            share = tick.history.share_of_usual(tick.at)
            if share is None:
                return None
            threshold = 1 - wish.amount / 100
            return Level(share, threshold, threshold + (1 - threshold) * _RECOVERED_SHARE)
        case Rule.LOWEST:
            return _level_of_days(int(wish.amount), tick.new, tick)
    return None


def _level_of_days(days: int, price: Decimal, tick: Tick) -> Level | None:
    if tick.history.watched(tick.at) < timedelta(days=days):
        return None
    # Before it began to cost this: ticks are worked a little later, and a watch is asked again after a pause.
    began = tick.history.price_since(tick.at) or tick.at
    lowest = tick.history.lowest_of_days(days, began)
    return None if lowest is None else Level(price, lowest.price * _NEW_LOW, lowest.price * _RECOVERED_PRICE)


def lowest_in_days(tick: Tick) -> int:
    """Of how many days it is the lowest price, as far as can be wished, and so of fewer; 0: of none."""
    if tick.new is None:
        return 0
    levels = ((days, _level_of_days(days, tick.new, tick)) for days in reversed(WINDOWS_DAYS))
    return next((days for days, now in levels if now is not None and now.met), 0)


def begin(wish: Watch, tick: Tick | None) -> WatchState:
    """The state of a new watch. What is true already is said in the answer to its creation, not as an alert."""
    now = level(wish, tick) if tick is not None else None
    if tick is None or now is None or not now.met:
        return WatchState()
    return WatchState(armed=False, said=now.value, low_since=tick.at)


def judge(wish: Watch, state: WatchState, tick: Tick) -> tuple[WatchState, Alert | None]:
    """What a tick means for a wish. After its end a wish is silent; its last message is the sender's to write."""
    if not tick.settled or tick.at >= wish.expires_at:
        return state, None
    now = level(wish, tick)
    if now is None:
        return state, None
    if not now.met:
        armed = state.armed or now.value >= now.recovered
        if armed != state.armed or state.low_since is not None:
            state = replace(state, armed=armed, low_since=None)
        return state, None
    if state.low_since is None:
        state = replace(state, low_since=tick.at)
    better = _beats(now.value, state.said)
    if not (state.armed or better) or (state.alerted_at is not None and tick.at - state.alerted_at < wish.cooldown):
        return state, None
    if not better and wish.rule is not Rule.GUN_FREE and _is_repetition(state):
        return replace(state, armed=False), None
    alert = Alert(wish.id, wish.rule, tick.at, tick.tariff_id, tick.new, tick.old, now.value, now.threshold)
    return WatchState(False, now.value, tick.at, state.low_since), alert


def pause_ends(wish: Watch, state: WatchState, tick: Tick) -> datetime | None:
    """When to look again at a wish that `judge` kept silent for its cooldown alone; else None."""
    now = level(wish, tick)
    if now is None or not now.met or state.alerted_at is None or not (state.armed or _beats(now.value, state.said)):
        return None
    ends = state.alerted_at + wish.cooldown
    return ends if tick.at < ends else None


def state_before(wish: Watch, state: WatchState, tick: Tick) -> WatchState | None:
    """The state just before this tick, where that can be told without the history; else None, and `caught_up` says.

    For a wish that was asked last when it spoke or began.
    """
    if state.armed and state.said is None:
        return state
    if wish.rule is not Rule.BELOW or tick.new is None:
        return None
    if tick.old is not None and tick.old >= wish.amount * _RECOVERED_PRICE:
        return replace(state, armed=True, low_since=None)
    # What beats the last alert is said, armed or not.
    return state if _beats(tick.new, state.said) else None


# Hours beside its steps at which a share of the usual price is looked at: it moves without any step.
_HOURS_LOOKED_AT = 48


def caught_up(wish: Watch, state: WatchState, history: PriceHistory, tick: Tick) -> WatchState:
    """The state just before this tick of a wish that was asked last when it spoke or began: as if `judge` had heard
    of every step of this history since, and had kept silent."""
    since = state.alerted_at or wish.created_at
    moments = {step.at for step in history.steps(since, tick.at) if step.at < tick.at}
    if wish.rule is Rule.BELOW_USUAL:
        hours = (tick.at - n * timedelta(hours=1) for n in range(1, _HOURS_LOOKED_AT + 1))
        moments |= {moment for moment in hours if moment > since}
    armed, low_since, began = state.armed, None, False
    for moment in sorted(moments, reverse=True):
        then = level(wish, replace(tick, at=moment, new=history.price_at(moment), history=history))
        if then is None:
            continue
        if then.met:
            low_since = low_since if began else moment
            continue
        began = True
        if then.value >= then.recovered:
            armed = True
            break
    return replace(state, armed=armed, low_since=low_since if began else state.low_since or low_since)


def _beats(value: Decimal, said: Decimal | None) -> bool:
    """Free guns (below zero) do not beat each other: one is as good as two."""
    return said is not None and 0 <= value <= said * _BEATS and value < said


def _is_repetition(state: WatchState) -> bool:
    """Whether it became low at about the time of the day at which it was said, within a week."""
    if state.alerted_at is None or state.low_since is None:
        return False
    since = state.low_since - state.alerted_at
    beside = since % _A_DAY
    return since <= _REPEATS_FOR and min(beside, _A_DAY - beside) <= _SAME_TIME


# --- what to say at creation, and monthly -------------------------------------------------------------------


class Outlook(StrEnum):
    ALREADY = "already"  # it costs no more than that now
    SEEN = "seen"  # it was there before: `nearest` says when
    NEVER = "never"  # below the lowest ever seen, which is `nearest`; `offer` can be reached
    UNKNOWN = "unknown"  # too new to judge


@dataclass(frozen=True, slots=True)
class Prospect:
    outlook: Outlook
    nearest: Low | None = None
    offer: Decimal | None = None


# A wish that was hopeless is offered this much above the lowest ever: what a "good price" is.
_OFFER = Decimal("1.05")
_ENOUGH = timedelta(days=7)


def prospect(wish: Watch, history: PriceHistory, at: datetime) -> Prospect:
    """Whether a wish for a price below an amount can come true, by what was seen so far."""
    if history.began_at is None or wish.rule is not Rule.BELOW:
        return Prospect(Outlook.UNKNOWN)
    price, nearest = history.price_at(at), history.lowest(history.began_at, at)
    if price is not None and price <= wish.amount:
        return Prospect(Outlook.ALREADY, Low(price, at))
    if nearest is None or history.watched(at) < _ENOUGH:
        return Prospect(Outlook.UNKNOWN, nearest)
    if nearest.price <= wish.amount:
        return Prospect(Outlook.SEEN, nearest)
    return Prospect(Outlook.NEVER, nearest, (nearest.price * _OFFER).quantize(Decimal("0.01")))


def nearest_since(wish: Watch, history: PriceHistory, since: datetime, at: datetime) -> Low | None:
    """For the monthly word: how near the price came to the wish."""
    return history.lowest(since, at) if wish.rule is Rule.BELOW else None
