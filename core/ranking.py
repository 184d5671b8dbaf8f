"""Ranking: what each station would really cost this driver, and why the first one is first.

    cost = price of my charge + driving there and back + my time (driving, waiting, at the gun)
         + the risk of a visit that ends without a charge

Pure functions over offers; money and time meet in the station's currency. An unknown price is a band of its
own behind the known ones: it never wins by luck.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.money import Money, round_once
from core.reliability import NOTHING_LEARNT, Reliability
from core.station import PRICE_FRESH_FOR, STATUS_FRESH_FOR, Connector, ConnectorStatus, NoPrice, Station
from core.tariff import NotCovered, Quote, Tariff, quote
from core.wishes import Filters, Mode, Sort, Wishes

# --- the driver's own prices --------------------------------------------------------------------------------

# What an hour is worth by mode, and a kilometre of driving, in CNY: MASTER (WWW'21) trades at about 98 CNY/h for
# drivers who hurry; the others are our defaults until we learn better.
_HOUR_CNY = {Mode.CHEAP: 10.0, Mode.BALANCED: 30.0, Mode.HURRY: 100.0}
_KM_CNY = 0.25
# How much of the time at the gun counts: who does not hurry does something else meanwhile.
_GUN_TIME_WEIGHT = {Mode.CHEAP: 0.0, Mode.BALANCED: 0.25, Mode.HURRY: 1.0}
# Local equivalents of one CNY for these constants. They weigh time against money and are not exchange rates.
_LOCAL = {"CNY": 1.0, "HKD": 1.1, "EUR": 0.35, "GBP": 0.30, "USD": 0.40, "CAD": 0.55, "CHF": 0.40, "BRL": 0.9,
          "SEK": 4.0, "NOK": 4.0, "DKK": 2.6, "PLN": 1.5, "CZK": 8.0, "JPY": 40.0, "KRW": 300.0, "INR": 15.0,
          "AUD": 0.55, "SGD": 0.45, "THB": 7.0}  # fmt: skip
# Without a price the constants above are used in this currency, to order stations by everything else.
_NO_CURRENCY = "CNY"

SPEED_KMH = 25.0  # in town
ROAD_FACTOR = 1.3  # a road is longer than the straight line
START_OVERHEAD_MIN = 3.0
LONGEST_WAIT_MIN = 45.0
SESSION_MIN = 60.0
USUALLY_BUSY = 0.45  # of the guns, where nobody tells
# How far a place is from what is usual there, and for how long. In the first eight weeks of 36 zones of Shenzhen the
# deviation of an hour was worth 0.91 of itself an hour later, 0.74 after three and 0.56 after six.
DEVIATES_BY = 0.18
DEVIATES_FOR = timedelta(hours=10)
USUAL_IN_GUNS = 1  # what is usual counts as much as one gun that is seen: of a single gun the state says little
PLUGGING_IN_MIN = 5.0  # a gun that is free on arrival can still be taken for so long
FULLEST = 0.99  # the queue has no length at 1
FAILED_VISIT_MIN = 20.0  # what a visit without a charge wastes, besides driving on
AC_CAR_KW = Decimal(11)  # most cars take no more from an AC gun
DC_SHARE = Decimal("0.5")  # mean power over a charge against the rating (MASTER, WWW'21)
UNKNOWN_POWER_KW = Decimal(7)
CLOSED_FAILS, UNVOUCHED_FAILS, UNKNOWN_HOURS_FAIL = 0.9, 0.05, 0.05  # of the visits
STALE_PRICE_DOUBT = 0.05  # of the price: a price older than a day may have risen


def charge_minutes(connector: Connector, kwh: Decimal) -> Decimal:
    """How long `kwh` take at this gun with an ordinary car."""
    rated = connector.power_kw or UNKNOWN_POWER_KW
    mean = rated * DC_SHARE if connector.is_dc else min(rated, AC_CAR_KW)
    return kwh / max(mean, Decimal("1.4")) * 60


# --- guns: how many are free, how long a wait ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FreeGuns:
    """Free guns among those that fit. `free` is None when no status is fresh; `last_free` is the last word."""

    total: int
    free: int | None
    last_free: int | None
    as_of: datetime | None

    def age(self, at: datetime) -> timedelta | None:
        return at - self.as_of if self.as_of else None


def free_guns(connectors: Sequence[Connector], at: datetime) -> FreeGuns:
    """Count the free guns; the age is that of the oldest fresh status, or of the newest stale one."""
    total = sum(one.count for one in connectors)
    stamps = [one.status_at for one in connectors if one.status_at is not None]
    if not stamps:
        return FreeGuns(total, None, None, None)
    known = [one for one in connectors if one.status_at is not None]
    last_free = sum(one.status is ConnectorStatus.FREE and not one.bay_blocked for one in known)
    fresh = [one for one in known if one.status_at is not None and at - one.status_at <= STATUS_FRESH_FOR]
    if not fresh:
        return FreeGuns(total, None, last_free, max(stamps))
    as_of = min(one.status_at for one in fresh if one.status_at is not None)
    return FreeGuns(total, sum(one.is_free(at) for one in fresh), last_free, as_of)


def guns_told_by(stations: Sequence[Station], filters: Filters, at: datetime) -> Station | None:
    """Whose word on the guns counts, of several descriptions of one place: the same guns must not be counted twice.

    One description is taken whole: of those with guns that fit, one that has a fresh state for at least half of
    them before others, then the one whose newest state is newest, then the one that knows most guns: registers leave
    guns out far more often than they invent them. Nothing is mixed: where two suppliers disagree on the guns, adding
    up or matching them would be a guess.
    """

    def freshness(station: Station) -> tuple[bool, float, int, str, str]:
        fitting = [one for one in station.connectors if filters.fits(one)]
        fresh = sum(one.status_at is not None and at - one.status_at <= STATUS_FRESH_FOR for one in fitting)
        newest = max((one.status_at for one in fitting if one.status_at), default=None)
        age = -newest.timestamp() if newest else 0.0
        return 2 * fresh < len(fitting), age, -sum(one.count for one in fitting), station.supplier_id, station.id

    able = [one for one in stations if any(filters.fits(gun) for gun in one.connectors)]
    return min(able, key=freshness, default=None)


def nobody_tells(at: datetime) -> float:
    return USUALLY_BUSY


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of a place besides the state of its guns."""

    usually_busy: Callable[[datetime], float] = nobody_tells  # the share of the guns, by the hour of the week
    coming: float = 0.0  # cars that we sent there, as likely as they go; those not among the told states yet


NOTHING_KNOWN = Demand()


def expected_wait_min(guns: FreeGuns, at: datetime, demand: Demand = NOTHING_KNOWN) -> float:
    """Minutes of waiting for who arrives at `at`.

    The state of the guns tells the load of the place. As it ages the load goes back to what is usual, and the doubt
    about it grows; being wrong about a full place costs more than about an empty one, so the wait is the mean over
    that doubt. Nobody waits while one of the guns that were seen free is still free.
    """
    servers = max(guns.total, 1)
    usual = demand.usually_busy(at)
    last = guns.free if guns.free is not None else guns.last_free
    age = guns.age(at)
    if last is None or age is None or guns.as_of is None:
        return _wait_at_load_min(usual + demand.coming / servers, DEVIATES_BY, servers, 1.0)
    age = max(age, timedelta())
    usual_then = demand.usually_busy(guns.as_of)
    seen = (servers - last + demand.coming + USUAL_IN_GUNS * usual_then) / (servers + USUAL_IN_GUNS)
    stays = math.exp(-age / DEVIATES_FOR)
    load = usual + stays * (seen - usual_then)
    arrivals = load * servers * (age / timedelta(minutes=1) + PLUGGING_IN_MIN) / SESSION_MIN + demand.coming
    doubt = DEVIATES_BY * math.sqrt(1 - stays * stays)
    return _wait_at_load_min(load, doubt, servers, _at_least(last, max(arrivals, 0.0)))


def _wait_at_load_min(load: float, doubt: float, servers: int, all_taken: float) -> float:
    """The mean over a load that is not known exactly: at its middle and 1.73 deviations off (Gauss-Hermite)."""
    off = doubt * math.sqrt(3)
    waits = [_queue_min(one, servers, all_taken) for one in (load - off, load, load + off)]
    return (waits[0] + 4 * waits[1] + waits[2]) / 6


def _queue_min(load: float, servers: int, all_taken: float) -> float:
    """Sakasegawa's multi-server formula: the chance that all guns are taken, and the wait where they are."""
    load = min(max(load, 0.0), FULLEST)
    taken = min(math.pow(load, math.sqrt(2 * (servers + 1)) - 1), all_taken)
    return min(taken * SESSION_MIN / (servers * (1 - load)), LONGEST_WAIT_MIN)


def _at_least(count: int, mean: float) -> float:
    """The chance that at least so many come where `mean` are expected (Poisson)."""
    chance = term = math.exp(-mean)
    for n in range(1, count):
        term *= mean / n
        chance += term
    return max(1 - chance, 0.0) if count else 1.0


# --- offers -------------------------------------------------------------------------------------------------


class CostPart(StrEnum):
    CHARGE = "charge"
    DRIVE = "drive"
    WAIT = "wait"
    GUN_TIME = "gun_time"
    RISK = "risk"


class ReasonKind(StrEnum):
    ONLY = "only"
    BEST_AND_NEAREST = "best_and_nearest"
    CHEAPER = "cheaper"  # my charge costs less than at the nearest
    FREE = "free"  # has a free gun, the nearest has none
    FASTER = "faster"  # the charge takes less time than at the nearest
    NEAREST = "nearest"
    # Where the nearest tells no price, the next one that does takes its place:
    NEAREST_PRICED = "nearest_priced"
    CHEAPER_THAN_PRICED = "cheaper_than_priced"
    NEAR = "near"
    PRICE_UNKNOWN = "price_unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a station stands where it does, against the nearest one. `saving` and `minutes` fill the sentence."""

    kind: ReasonKind
    saving: Money | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One station with the gun group that suits this charge best."""

    station: Station
    distance_m: float
    connectors: tuple[Connector, ...]  # the guns that fit the wishes
    connector: Connector  # the one quoted
    quote: Quote | None
    no_price: NoPrice | None
    price_seen_at: datetime | None
    guns: FreeGuns
    open_now: bool | None
    minutes: int  # the charge itself
    costs: dict[CostPart, float]  # in `currency`
    currency: str
    reason: Reason = Reason(ReasonKind.NEAR)
    also: tuple[Offer, ...] = ()  # the same place at other suppliers, best first
    guns_from: str = ""  # the supplier whose description of the guns is counted

    @property
    def total(self) -> float:
        return sum(self.costs.values())


def place_offer(
    stations: Sequence[Station],
    distance_m: float,
    wishes: Wishes,
    tariffs: dict[str, Tariff],
    at: datetime,
    guns_from: Station | None = None,
    reliability: Reliability = NOTHING_LEARNT,
    demand: Demand = NOTHING_KNOWN,
) -> Offer | None:
    """The best of what several suppliers offer at one place, with the others in `also`.

    Each supplier's price and record stay its own. The guns are those of one description, for all of them.
    """
    if len(stations) == 1:
        return offer(stations[0], distance_m, wishes, tariffs, at, reliability=reliability, demand=demand)
    teller = guns_from or guns_told_by(stations, wishes.filters, at)
    if teller is None:
        return None
    guns = free_guns([one for one in teller.connectors if wishes.filters.fits(one)], at)
    told = (offer(station, distance_m, wishes, tariffs, at, guns, reliability, demand) for station in stations)
    by_price = wishes.sort is Sort.PRICE
    offers = sorted((one for one in told if one), key=lambda one: _offer_rank(one, by_price))
    if not offers:
        return None
    best, *others = (replace(one, guns_from=teller.supplier_id) for one in offers)
    return replace(best, also=tuple(others))


def _offer_rank(one: Offer, by_price: bool) -> tuple[bool, float, float, str, str]:
    price = float(one.quote.exact) if one.quote and by_price else 0.0
    return one.quote is None, price, one.total, one.station.supplier_id, one.station.id


def offer(
    station: Station,
    distance_m: float,
    wishes: Wishes,
    tariffs: dict[str, Tariff],
    at: datetime,
    guns: FreeGuns | None = None,
    reliability: Reliability = NOTHING_LEARNT,
    demand: Demand = NOTHING_KNOWN,
) -> Offer | None:
    """What this station can do for these wishes; None when no gun fits or the price cap is passed.

    Guns of one station may have different tariffs and powers: each kind is priced and the best one is offered.
    `guns` is what another description of the same place says of them, `reliability` what became of visits lately,
    `demand` how many others want them.
    """
    fitting = tuple(one for one in station.connectors if wishes.filters.fits(one))
    if not fitting:
        return None
    best: Offer | None = None
    arrival = at + timedelta(hours=distance_m * ROAD_FACTOR / 1000 / SPEED_KMH)
    kinds = {(one.tariff_id, one.power_kw, one.plug): one for one in fitting}
    free_kinds = {(one.tariff_id, one.power_kw, one.plug) for one in fitting if one.is_free(at)}
    guns = guns or free_guns(fitting, at)
    is_open = station.hours.is_open(at.astimezone(ZoneInfo(station.time_zone)))
    learnt = reliability.failure_chance(station.supplier_id, (one.ref for one in fitting))
    failure = _failure_chance(learnt, guns, is_open)
    for key, connector in kinds.items():
        minutes = charge_minutes(connector, wishes.energy_kwh)
        price, no_price = _price(connector, tariffs, wishes.energy_kwh, minutes, arrival)
        if wishes.filters.price_cap is not None and (price is None or price.total.decimal > wishes.filters.price_cap):
            continue
        currency = price.total.currency if price else _NO_CURRENCY
        stale = connector.price_seen_at is None or at - connector.price_seen_at > PRICE_FRESH_FOR
        wait_min = expected_wait_min(guns, arrival, demand)
        costs = _costs(price, distance_m, wait_min, float(minutes), wishes.mode, currency, failure, stale)
        one = Offer(
            station, distance_m, fitting, connector, price, no_price, connector.price_seen_at, guns, is_open,
            round(minutes), costs, currency, guns_from=station.supplier_id,
        )  # fmt: skip
        if best is None or _kind_rank(one, key in free_kinds) < _kind_rank(
            best, _kind_of(best.connector) in free_kinds
        ):
            best = one
    return best


def _kind_of(connector: Connector) -> tuple[str | None, Decimal | None, object]:
    return connector.tariff_id, connector.power_kw, connector.plug


def _kind_rank(one: Offer, has_free: bool) -> tuple[bool, bool, float]:
    busy = one.guns.free is not None and one.guns.free > 0 and not has_free
    return busy, one.quote is None, one.total


def _price(
    connector: Connector, tariffs: dict[str, Tariff], kwh: Decimal, minutes: Decimal, at: datetime
) -> tuple[Quote | None, NoPrice | None]:
    tariff = tariffs.get(connector.tariff_id) if connector.tariff_id else None
    if tariff is None:
        return None, connector.no_price or NoPrice.NOT_PUBLISHED
    try:
        return quote(tariff, kwh=kwh, minutes=minutes, at=at), None
    except NotCovered:
        return None, NoPrice.NOT_COVERED


def _costs(
    price: Quote | None, distance_m: float, wait_min: float, minutes: float, mode: Mode, currency: str,
    failure: float, stale_price: bool,
) -> dict[CostPart, float]:  # fmt: skip
    local = _LOCAL.get(currency, _LOCAL["EUR"])
    hour, per_km = _HOUR_CNY[mode] * local, _KM_CNY * local
    km = distance_m * ROAD_FACTOR / 1000
    charge = float(price.exact) if price else 0.0
    costs = {
        CostPart.CHARGE: charge,
        CostPart.DRIVE: 2 * km * per_km + hour * km / SPEED_KMH,
        CostPart.WAIT: hour * (wait_min + START_OVERHEAD_MIN) / 60,
        CostPart.GUN_TIME: hour * minutes / 60 * _GUN_TIME_WEIGHT[mode],
        CostPart.RISK: failure * (hour * FAILED_VISIT_MIN / 60 + 2 * km * per_km),
    }
    if stale_price:
        costs[CostPart.RISK] += charge * STALE_PRICE_DOUBT
    return costs


def _failure_chance(learnt: float, guns: FreeGuns, is_open: bool | None) -> float:
    """The chance that a visit ends without a charge: of one minus every way in which it goes well."""
    if is_open is False:
        return max(learnt, CLOSED_FAILS)
    goes_well = 1 - learnt
    if guns.free is None:
        goes_well *= 1 - UNVOUCHED_FAILS  # nobody vouches for the guns
    if is_open is None:
        goes_well *= 1 - UNKNOWN_HOURS_FAIL
    return 1 - goes_well


# --- order --------------------------------------------------------------------------------------------------


def rank(offers: Sequence[Offer], sort: Sort) -> list[Offer]:
    """Order the offers and give each its reason. Stable: ties fall to the nearer one, then to the id."""
    main = main_currency(offers)
    ordered = sorted(offers, key=lambda one: (*_key(one, sort, main), *_nearness(one)))
    if not ordered:
        return []
    nearest = min(ordered, key=_nearness)
    best = min(ordered, key=lambda one: (*_key(one, Sort.RECOMMENDED, main), *_nearness(one)))
    priced = min((one for one in ordered if one.quote), key=_nearness, default=None)
    alone = len(ordered) == 1
    return [replace(one, reason=_reason(one, nearest, priced, best, alone)) for one in ordered]


def _nearness(one: Offer) -> tuple[float, str]:
    return one.distance_m, one.station.id


def main_currency(offers: Sequence[Offer]) -> str | None:
    """The currency most of the priced offers have. Others are not compared by money: we have no rates."""
    counts = Counter(one.currency for one in offers if one.quote)
    return max(sorted(counts), key=lambda code: counts[code]) if counts else None


def _key(one: Offer, sort: Sort, main: str | None) -> tuple[float, ...]:
    closed = one.open_now is False
    match sort:
        case Sort.RECOMMENDED:
            return (closed, _band(one, main), one.total)
        case Sort.PRICE:
            return (_band(one, main), float(one.quote.exact) if one.quote else 0.0)
        case Sort.DISTANCE:
            return ()
        case Sort.FREE:
            return (one.guns.free is None, -(one.guns.free or 0))
        case Sort.POWER:
            return (-float(max((c.power_kw or Decimal(0)) for c in one.connectors)),)


def _band(one: Offer, main: str | None) -> int:
    if one.quote is None:
        return 2
    return 0 if one.currency == main else 1


def _reason(one: Offer, nearest: Offer, priced: Offer | None, best: Offer, alone: bool) -> Reason:
    """`priced` is the nearest of those with a price; where that is another than `nearest`, the sentence says so."""
    if alone:
        return Reason(ReasonKind.ONLY)
    if one is nearest:
        return Reason(ReasonKind.BEST_AND_NEAREST if one is best and one.quote else ReasonKind.NEAREST)
    if nearest.guns.free == 0 and (one.guns.free or 0) > 0:
        return Reason(ReasonKind.FREE)
    if one.quote is None:
        return Reason(ReasonKind.PRICE_UNKNOWN)
    if one is priced:
        return Reason(ReasonKind.NEAREST_PRICED)
    if priced is not None and priced.quote is not None and priced.currency == one.currency:
        saving = priced.quote.exact - one.quote.exact
        if saving > 0 and (money := round_once(saving, one.currency)).amount_minor > 0:
            kind = ReasonKind.CHEAPER if priced is nearest else ReasonKind.CHEAPER_THAN_PRICED
            return Reason(kind, saving=money)
    if (quicker := nearest.minutes - one.minutes) >= 5:
        return Reason(ReasonKind.FASTER, minutes=quicker)
    return Reason(ReasonKind.NEAR)
