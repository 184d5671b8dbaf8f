"""A second engine, slow and plain: it lives through a session minute by minute and asks the tariff anew each time.

It shares nothing with the real one but the words of the tariff. It is right only where everything changes on whole
minutes: sessions, clocks and durations in minutes, one kWh a minute while charging, thresholds in whole kWh.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction as F
from zoneinfo import ZoneInfo

from core.tariff import Dimension, Doing, PriceComponent, Reservation, Restrictions, Stretch, Tariff, Tax

MINUTE = timedelta(minutes=1)
Side = F | None


class Life:
    """What has happened so far."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self.kwh = 0
        self.charging_since: datetime | None = None
        self.reserved_since: datetime | None = None
        self.fee_paid = {"charge": False, "reservation": False}
        # what is billed: (kind, component) in the order of the minutes
        self.minutes: list[tuple[str, PriceComponent]] = []
        self.energy: list[PriceComponent] = []
        self.fees: list[tuple[str, PriceComponent]] = []

    def minute(self, now: datetime, stretch: Stretch) -> None:
        reserving = stretch.doing in (Doing.RESERVED, Doing.EXPIRED)
        if reserving:
            self.reserved_since = self.reserved_since or now
        else:
            self.charging_since = self.charging_since or now
        flat = self.find(Dimension.FLAT, now, stretch)
        kind = "reservation" if reserving else "charge"
        if flat and not self.fee_paid[kind]:
            self.fee_paid[kind] = True
            self.fees.append((kind, flat))
        timed = Dimension.PARKING_TIME if stretch.doing is Doing.PARKED else Dimension.TIME
        if found := self.find(timed, now, stretch):
            self.minutes.append(("reservation" if reserving else timed.value, found))
        if stretch.doing is Doing.CHARGING:
            if found := self.find(Dimension.ENERGY, now, stretch):
                self.energy.append(found)
            self.kwh += 1

    def find(self, dimension: Dimension, now: datetime, stretch: Stretch) -> PriceComponent | None:
        rounds: list[Reservation | None] = [None]
        if stretch.doing is Doing.RESERVED:
            rounds = [Reservation.RESERVATION]
        if stretch.doing is Doing.EXPIRED:
            rounds = [Reservation.EXPIRES, Reservation.RESERVATION]
        for wanted in rounds:
            for element in self.tariff.elements:
                if element.restrictions.reservation is wanted and self.holds(element.restrictions, now, stretch):
                    for component in element.components:
                        if component.dimension is dimension:
                            return component
        return None

    def holds(self, rules: Restrictions, now: datetime, stretch: Stretch) -> bool:
        local = now.astimezone(ZoneInfo(self.tariff.time_zone))
        since = self.reserved_since if stretch.doing in (Doing.RESERVED, Doing.EXPIRED) else self.charging_since
        assert since is not None
        seconds = (now - since).total_seconds()
        charging = stretch.doing is Doing.CHARGING
        power = float(stretch.power_kw) if stretch.power_kw is not None else 60.0
        current = float(stretch.current_a or 0)
        return (
            on_clock(local.time(), rules.start, rules.end)
            and (rules.weekdays is None or local.weekday() in rules.weekdays)
            and (rules.first_date or date.min) <= local.date() < (rules.last_date or date.max)
            and between(self.kwh, rules.min_kwh, rules.max_kwh)
            and between(seconds, rules.min_duration_s, rules.max_duration_s)
            and between(power if charging else 0, rules.min_power_kw, rules.max_power_kw)
            and between(current if charging else 0, rules.min_current_a, rules.max_current_a)
        )


def on_clock(now: time, start: time | None, end: time | None) -> bool:
    """The minutes of a day from start to end, counted out one by one."""
    first = (start.hour * 60 + start.minute) if start else 0
    last = (end.hour * 60 + end.minute) if end else 0
    span = (last - first) % 1440 or 1440
    return (now.hour * 60 + now.minute - first) % 1440 < span


def between(value: float, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    return not (least is not None and value < least) and not (most is not None and value >= most)


def total(tariff: Tariff, session: Sequence[Stretch]) -> tuple[Side, Side]:
    """Net and gross of a session, exact."""
    life = Life(tariff)
    for stretch in session:
        for number in range(int(stretch.minutes)):
            life.minute(stretch.start.astimezone(UTC) + number * MINUTE, stretch)
    lines: list[tuple[F, PriceComponent]] = [(F(1), fee) for _, fee in life.fees]
    lines += [(F(1), one) for one in life.energy]
    lines += [(F(1, 60), one) for _, one in life.minutes]
    lines += surplus([(F(1), one) for one in life.energy], 1000)
    lines += surplus([(F(1, 60), one) for kind, one in life.minutes if kind == "reservation"], 3600)
    stays = [(kind, one) for kind, one in life.minutes if kind != "reservation"]
    lines += surplus([(F(1, 60), one) for kind, one in stays if kind == stays[-1][0]], 3600)
    net = add(quantity * price if (price := side(one, "net")) is not None else None for quantity, one in lines)
    gross = add(quantity * price if (price := side(one, "gross")) is not None else None for quantity, one in lines)
    for limit, is_minimum in ((tariff.min_price, True), (tariff.max_price, False)):
        if limit is not None:
            net, gross = bounded(net, limit.net, is_minimum), bounded(gross, limit.gross, is_minimum)
    return net, gross


def surplus(amounts: list[tuple[F, PriceComponent]], units: int) -> list[tuple[F, PriceComponent]]:
    """What is missing to the next whole step, at the last price."""
    if not amounts or not amounts[-1][1].step:
        return []
    last = amounts[-1][1]
    used = sum((quantity for quantity, _ in amounts), F(0)) * units
    missing = F(-used % last.step) / units
    return [(missing, last)]


def side(component: PriceComponent, which: str) -> Side:
    """The price without or with tax, by the three kinds of price."""
    price = F(component.price)
    own = {Tax.INCLUDED: "gross", Tax.ADDED: "net", Tax.NONE: which}[component.tax]
    if own == which or price == 0:
        return price
    if component.vat is None:
        return None
    factor = (100 + F(component.vat)) / 100
    return price / factor if which == "net" else price * factor


def add(values: Iterable[Side]) -> Side:
    total = F(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def bounded(total: Side, bound: Decimal | None, is_minimum: bool) -> Side:
    if total is None or bound is None:
        return total
    return max(total, F(bound)) if is_minimum else min(total, F(bound))
