"""What a charge that has not happened will cost, and when its price changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from core.money import Money, round_once
from core.tariff.costing import Part, added_up, priced
from core.tariff.daytime import moments_after, moments_between
from core.tariff.elements import Dimension, NotCovered, PriceComponent, SessionState
from core.tariff.pricelist import Tariff
from core.tariff.session import Doing, Stretch, walk


@dataclass(frozen=True, slots=True)
class PriceChange:
    """The next change of the price per kWh."""

    at: datetime
    price_per_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The expected cost of one charge. `total` is rounded once; the parts are exact and add up to `exact`.

    `price_per_kwh` is that of the first kWh. `net` is the total without tax, where it is known.
    """

    tariff_id: str
    total: Money
    exact: Decimal
    parts: Mapping[Part, Decimal]
    price_per_kwh: Decimal
    next_change: PriceChange | None
    net: Decimal | None = None


# A charge is never expected to last longer than this; a household socket fills a lorry in six days.
LONGEST_CHARGE = timedelta(days=10)


def quote(
    tariff: Tariff,
    *,
    kwh: Decimal,
    minutes: Decimal,
    at: datetime,
    parked_minutes: Decimal = Decimal(0),
    power_kw: Decimal | None = None,
    current_a: Decimal | None = None,
) -> Quote:
    """What `kwh` over `minutes` from `at` (aware) costs, energy flowing evenly, then `parked_minutes` plugged in.

    Restrictions on power are decided by `power_kw`, else by the mean power; those on current (summed over the
    phases) need `current_a`. Raises NotCovered where there is no price with tax for it, ValueError for nonsense.
    """
    if kwh <= 0 or minutes <= 0 or parked_minutes < 0:
        raise ValueError("a charge has energy and takes time")
    if minutes + parked_minutes > LONGEST_CHARGE // timedelta(minutes=1):
        raise ValueError(f"a charge lasts at most {LONGEST_CHARGE.days} days")
    power = None if power_kw is None else Fraction(power_kw)
    current = None if current_a is None else Fraction(current_a)
    net = None
    if tariff.is_plain and not parked_minutes:
        parts, exact = added_up(_plain_parts(tariff, kwh, minutes, at))
    else:
        session = [Stretch(at, minutes, kwh, power_kw=power_kw, current_a=current_a)]
        if parked_minutes:
            left = at + timedelta(microseconds=round(minutes * 60_000_000))
            session.append(Stretch(left, parked_minutes, Decimal(0), Doing.PARKED))
        cost = priced(tariff, walk(tariff, session, covered=True))
        parts, exact, net = dict(cost.parts), cost.exact, cost.net
        power = power or Fraction(kwh) * 60 / Fraction(minutes)
    start = SessionState(power_kw=power, current_a=current)
    return Quote(
        tariff_id=tariff.id,
        total=round_once(exact, tariff.currency),
        exact=exact,
        parts={part: parts[part] for part in Part if parts.get(part)},
        price_per_kwh=_shown(_energy_price(tariff, at, start)),
        next_change=next_change(tariff, at, start),
        net=net,
    )


def _plain_parts(tariff: Tariff, kwh: Decimal, minutes: Decimal, at: datetime) -> dict[Part, Decimal]:
    """The same as the walk, for the tariffs that nearly all stations have: a search asks for hundreds of quotes.

    Energy is summed as price times microseconds and divided once, so that nothing is lost on the way.
    """
    start, length_us = at.astimezone(UTC), round(minutes * 60_000_000)
    end = start + timedelta(microseconds=length_us)
    sums = dict.fromkeys((Part.ENERGY, Part.SERVICE, Part.TIME), Decimal(0))
    fee: Decimal | None = None
    while start < end:
        stop = end if not tariff.clocks else next(moments_between(start, end, tariff.zone, tariff.clocks), end)
        local, lasts_us = start.astimezone(tariff.zone), (stop - start) // timedelta(microseconds=1)
        energy = tariff.price(Dimension.ENERGY, local, None)
        hourly = tariff.price(Dimension.TIME, local, None)
        flat = tariff.price(Dimension.FLAT, local, None)
        if energy is not None:
            sums[Part.ENERGY] += (energy.component.price - energy.component.service) * lasts_us
            sums[Part.SERVICE] += energy.component.service * lasts_us
        if hourly is not None:
            sums[Part.TIME] += hourly.component.price * lasts_us
        if flat is not None and fee is None:
            fee = flat.component.price
        if energy is None and hourly is None and flat is None and not tariff.prices_at(local):
            raise NotCovered(f"no price at {local.isoformat()}")
        start = stop
    return {
        Part.ENERGY: sums[Part.ENERGY] * kwh / length_us,
        Part.SERVICE: sums[Part.SERVICE] * kwh / length_us,
        Part.TIME: sums[Part.TIME] / 3_600_000_000,
        Part.SESSION: fee or Decimal(0),
    }


def next_change(tariff: Tariff, at: datetime, state: SessionState | None = None) -> PriceChange | None:
    """When the price per kWh changes next, and to what; None when it stays for the coming week.

    It is the price of somebody who starts then: clocks, weekdays and dates change it, the course of a session
    (energy, duration) does not. Prices per hour and fees are not announced, and a moment without any price is
    passed over.
    """
    if tariff.one_energy_price or not tariff.clocks:
        return None
    state = state or SessionState()
    try:
        now = _shown(_energy_price(tariff, at, state))
        # Where every day is like the other, two days show all there is.
        days = 8 if tariff.by_date else 2
        for moment in moments_after(at.astimezone(UTC), tariff.zone, tariff.clocks, days):
            energy = _energy_price(tariff, moment, state)
            then = _shown(energy)
            if then != now and (energy is not None or tariff.prices_at(moment, state)):
                return PriceChange(at=moment.astimezone(at.tzinfo), price_per_kwh=then)
    except NotCovered:
        return None
    return None


def _energy_price(tariff: Tariff, at: datetime, state: SessionState) -> PriceComponent | None:
    found = tariff.price(Dimension.ENERGY, at.astimezone(tariff.zone), state)
    return None if found is None else found.component


def _shown(component: PriceComponent | None) -> Decimal:
    return component.price if component is not None else Decimal(0)
