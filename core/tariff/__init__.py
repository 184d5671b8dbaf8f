"""Tariffs: what a charge costs at a gun, exactly, and when that changes.

The shape follows OCPI 2.2.1 `mod_tariffs`: elements in order, each with price components and restrictions; per
dimension the first element that matches gives the price. T/CEC 102 policies (energy price + service price per
period of the day) fit into it: the service price is a named part of the energy price. docs/tariffs.md has the
rules with examples.

    elements   components, restrictions, limits      session   stretches, and the walk through them
    pricelist  Tariff: which price holds when        costing   steps, taxes, limits: `cost`
    daytime    clock times as moments                quoting   `quote` and `next_change`
    stored     tariffs as JSON                       building  flat and time-of-use tariffs
    idle       what standing costs when nothing flows
"""

from core.tariff.building import flat_tariff, time_of_use_tariff
from core.tariff.costing import Amount, Cost, Part, cost
from core.tariff.elements import (
    Dimension,
    NotCovered,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SessionState,
    TariffElement,
    Tax,
)
from core.tariff.idle import IdleFee, idle_fee
from core.tariff.pricelist import Tariff
from core.tariff.quoting import LONGEST_CHARGE, PriceChange, Quote, next_change, quote
from core.tariff.session import LONGEST_SESSION, Doing, Line, Stretch

__all__ = [
    "LONGEST_CHARGE",
    "LONGEST_SESSION",
    "Amount",
    "Cost",
    "Dimension",
    "Doing",
    "IdleFee",
    "Line",
    "NotCovered",
    "Part",
    "PriceChange",
    "PriceComponent",
    "PriceLimit",
    "Quote",
    "Reservation",
    "Restrictions",
    "SessionState",
    "Stretch",
    "Tariff",
    "TariffElement",
    "Tax",
    "cost",
    "flat_tariff",
    "idle_fee",
    "next_change",
    "quote",
    "time_of_use_tariff",
]
