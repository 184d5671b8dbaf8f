"""What a session costs: steps, taxes and limits on what was used, exact until the last rounding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import TypeVar

from core.money import Money, round_once
from core.tariff.elements import NotCovered, PriceLimit
from core.tariff.pricelist import Tariff
from core.tariff.session import Line, Stretch, Used, walk

# Amounts that no decimal can write (hours are sixtieths) are kept to this many places.
_PLACES = 12
_LAST_PLACE = Decimal(1).scaleb(-_PLACES)

Key = TypeVar("Key")


class Part(StrEnum):
    """The parts of a bill that a driver sees."""

    ENERGY = "energy"
    SERVICE = "service"
    TIME = "time"
    PARKING = "parking"
    SESSION = "session"
    RESERVATION = "reservation"
    LIMIT = "limit"  # added by a minimum price, or negative: taken off by a maximum


_PARTS = {
    Line.ENERGY: Part.ENERGY,
    Line.TIME: Part.TIME,
    Line.PARKING_TIME: Part.PARKING,
    Line.FLAT: Part.SESSION,
    Line.RESERVATION: Part.RESERVATION,
    Line.PRICE_LIMIT: Part.LIMIT,
}


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact sum without and with tax; None where it is not known."""

    net: Decimal | None
    gross: Decimal | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a session costs. The lines add up to `net` and `gross`, the parts to `gross`; `total` is rounded once.

    `billed` is the quantity of each line after its step: kWh, hours, or the number of fees.
    """

    tariff_id: str
    currency: str
    amount: Amount
    lines: Mapping[Line, Amount]
    billed: Mapping[Line, Decimal]
    parts: Mapping[Part, Decimal]

    @property
    def net(self) -> Decimal | None:
        return self.amount.net

    @property
    def gross(self) -> Decimal | None:
        return self.amount.gross

    @property
    def exact(self) -> Decimal:
        """What the driver pays, before rounding. Raises NotCovered where the price with tax is not known."""
        if self.amount.gross is None:
            raise NotCovered("the price with tax is not known")
        return self.amount.gross

    @property
    def total(self) -> Money:
        return round_once(self.exact, self.currency)


def cost(tariff: Tariff, session: Sequence[Stretch]) -> Cost:
    """What a measured session costs by the letter of the tariff: a dimension without a price is free.

    Raises ValueError for an empty session, and NotCovered when a restriction asks for a power or current that the
    session does not tell.
    """
    return priced(tariff, walk(tariff, session))


def priced(tariff: Tariff, used: list[Used]) -> Cost:
    """Steps, then prices, then limits."""
    _round_up(used)
    nets = _by_line((one.line, _times(one.quantity, one.priced.net)) for one in used)
    grosses = _by_line((one.line, _times(one.quantity, one.priced.gross)) for one in used)
    if tariff.min_price or tariff.max_price:
        before = _sum(nets.values()), _sum(grosses.values())
        after = _limited(tariff, *before)
        if after != before:
            nets[Line.PRICE_LIMIT], grosses[Line.PRICE_LIMIT] = map(_minus, after, before)
    net_lines, net = _written(nets)
    gross_lines, gross = _written(grosses)
    return Cost(
        tariff_id=tariff.id,
        currency=tariff.currency,
        amount=Amount(net, gross),
        lines={line: Amount(net_lines[line], gross_lines[line]) for line in nets},
        billed=_billed(used),
        parts=_parts(used, grosses) if gross is not None else {},
    )


# --- steps --------------------------------------------------------------------------------------------------


def _round_up(used: list[Used]) -> None:
    """Steps, once per session: the energy; charging and parking time together; the time of a reservation.

    The whole of a dimension is rounded up to the step of its last price, and the surplus is billed at that price.
    Of charging and parking the later one is rounded, the other is billed as it was (OCPI mod_cdrs, step_size).
    """
    _fill_step([one for one in used if one.line is Line.ENERGY])
    times = [one for one in used if one.line in (Line.TIME, Line.PARKING_TIME)]
    _fill_step([one for one in times if one.line is times[-1].line])
    _fill_step([one for one in used if one.line is Line.RESERVATION and one.scale])


def _fill_step(entries: list[Used]) -> None:
    last = entries[-1] if entries else None
    if last is None or last.scale is None or not (step := last.priced.component.step):
        return
    total = sum((one.quantity for one in entries), Fraction(0))
    last.quantity += Fraction(ceil(total * last.scale / step) * step, last.scale) - total


# --- limits -------------------------------------------------------------------------------------------------


def _limited(tariff: Tariff, net: Fraction | None, gross: Fraction | None) -> tuple[Fraction | None, Fraction | None]:
    for limit, is_minimum in ((tariff.min_price, True), (tariff.max_price, False)):
        if limit is not None:
            net, gross = _one_limit(limit, is_minimum, tariff.tax_factor, net, gross)
    return net, gross


def _one_limit(
    limit: PriceLimit, is_minimum: bool, factor: Fraction | None, net: Fraction | None, gross: Fraction | None
) -> tuple[Fraction | None, Fraction | None]:
    """Net and gross each keep to their own side. A side that was not given follows the other by the one tax rate
    of the tariff; where there are several rates and the given side holds, the total of the other is not known."""
    net_side = Fraction(limit.net) if limit.net is not None else None
    gross_side = Fraction(limit.gross) if limit.gross is not None else None
    if factor is not None:
        net_side = gross_side / factor if net_side is None and gross_side is not None else net_side
        gross_side = net_side * factor if gross_side is None and net_side is not None else gross_side
    bound = max if is_minimum else min
    new_net = None if net is None else net if net_side is None else bound(net, net_side)
    new_gross = None if gross is None else gross if gross_side is None else bound(gross, gross_side)
    if gross_side is None and (net is None or new_net != net):
        new_gross = None
    if net_side is None and (gross is None or new_gross != gross):
        new_net = None
    return new_net, new_gross


# --- sums ---------------------------------------------------------------------------------------------------


def _times(quantity: Fraction, price: Fraction | None) -> Fraction | None:
    return None if price is None else quantity * price


def _minus(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one - other


def _sum(values: Iterable[Fraction | None]) -> Fraction | None:
    total = Fraction(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _by_line(entries: Iterable[tuple[Line, Fraction | None]]) -> dict[Line, Fraction | None]:
    found: dict[Line, Fraction | None] = {}
    for line, value in entries:
        found[line] = _sum((found[line], value)) if line in found else value
    return found


def _billed(used: list[Used]) -> dict[Line, Decimal]:
    found: dict[Line, Fraction] = {}
    for one in used:
        if one.scale or one.line is not Line.RESERVATION:
            found[one.line] = found.get(one.line, Fraction(0)) + one.quantity
    return {line: _short(_decimal(quantity)) for line, quantity in found.items()}


def _parts(used: list[Used], grosses: Mapping[Line, Fraction | None]) -> dict[Part, Decimal]:
    """What the driver sees. The service fee stands beside the energy it comes with."""
    exact = {_PARTS[line]: value for line, value in grosses.items() if value is not None}
    energy = (one for one in used if one.line is Line.ENERGY)
    service = sum((one.quantity * Fraction(one.priced.component.service) for one in energy), Fraction(0))
    if service:
        exact[Part.ENERGY] -= service
        exact[Part.SERVICE] = service
    found, _ = added_up({part: _decimal(exact[part]) for part in Part if exact.get(part)})
    return found


def _written(exact: Mapping[Line, Fraction | None]) -> tuple[Mapping[Line, Decimal | None], Decimal | None]:
    """The values as decimals, and their sum; no sum where one is not known."""
    known = {line: _decimal(value) for line, value in exact.items() if value is not None}
    if len(known) < len(exact):
        return {line: _short(known[line]) if line in known else None for line in exact}, None
    return added_up(known)


def added_up(values: Mapping[Key, Decimal]) -> tuple[dict[Key, Decimal], Decimal]:
    """The values as we write them, and their sum as we write it. The largest takes what the others lost."""
    found = {key: _short(value) for key, value in values.items()}
    total = _short(sum(values.values(), Decimal(0)))
    if lost := total - sum(found.values(), Decimal(0)):
        largest = max(found, key=lambda key: abs(found[key]))
        found[largest] += lost
    return found, total


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _short(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_PLACES:
        return value.quantize(_LAST_PLACE).normalize()
    return value
