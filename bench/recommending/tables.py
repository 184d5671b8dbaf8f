"""The tables: who advises best, and what is left of it where something that was told is old, wrong or missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.recommending.city import WITHIN_KM, City
from bench.recommending.drivers import (
    ENERGIES_KWH,
    MODES,
    Driver,
    Requests,
    km_from_wrong_place,
    truth,
    with_roads,
)
from bench.recommending.measures import Measured, measure
from bench.recommending.ours import Ours, Told, Twins, told
from bench.recommending.peers import PEERS, order

AGES_H = (0, 1, 2, 3, 6, 12, 24)
WRONG_SHARES, WRONG_BY = (0.1, 0.2, 0.4), (0.05, 0.1, 0.15)
UNKNOWN_SHARES = (0.1, 0.3, 0.5)
SUPPLIER_SHARE = 0.54  # of the city's guns: three operators left an aggregator together in August 2023
TWIN_SHARE = 0.3
USUAL_TOO = "ours, usual"  # as soon as we know how busy each place usually is
Lists = Sequence[Sequence[int]]
Table = dict[str, dict[str, Measured]]
Row = tuple[str, Requests, Told, Driver]


def advisers(
    city: City, requests: Requests, told: Told, driver: Driver, ours: Mapping[str, Lists]
) -> dict[str, Measured]:
    """Everybody's lists, measured; `told` is what they all know."""
    true = truth(city, requests, driver)
    lists: dict[str, Lists] = {name: order(score(city, requests, told)).tolist() for name, score in PEERS.items()}
    lists |= {**ours, "oracle": order(true.cost).tolist()}
    return {name: measure(true, listed) for name, listed in lists.items()}


def by_driver(city: City, ours: Ours, requests: Requests) -> Table:
    """One row for each kind of driver: what an hour is worth to them, and the energy they need."""
    drivers = [Driver.known(hour_cny, kwh) for hour_cny in MODES for kwh in ENERGIES_KWH]
    knowledge = told(city, requests)
    knows = {"ours": knowledge, USUAL_TOO: replace(knowledge, usual=True)}
    # Who tells us the same gets the same list, whatever the hour is worth.
    lists = {
        one.says: {name: ours.advise(requests, known, one) for name, known in knows.items()}
        for one in {each.says: each for each in drivers}.values()
    }
    return {
        f"{one.hour_cny} CNY/h, {one.kwh} kWh": advisers(city, requests, knowledge, one, lists[one.says])
        for one in drivers
    }


def robustness(city: City, ours: Ours, requests: Requests, seed: int) -> Table:
    """The driver of 30 CNY/h and 30 kWh, except where it is the driver who was not asked."""
    rows = (*_ages(city, requests), *_prices(city, requests, seed), *_catalogue(city, requests, seed))
    rows = (*rows, *_places(city, requests, seed), *_drivers(city, requests))
    return {
        name: advisers(city, requests, known, driver, {"ours": ours.advise(requests, known, driver)})
        for name, requests, known, driver in rows
    }


_ORDINARY = Driver.known(30, 30)


def _ages(city: City, requests: Requests) -> list[Row]:
    return [(f"status {age_h} h old", requests, told(city, requests, age_h), _ORDINARY) for age_h in AGES_H]


def _prices(city: City, requests: Requests, seed: int) -> list[Row]:
    """Each request has its own draw of the stations whose price is wrong or unknown."""
    plain, shape = told(city, requests), requests.straight_km.shape
    dice = np.random.default_rng(seed)
    rows: list[Row] = []
    for wrong_by in WRONG_BY:
        for share in WRONG_SHARES:
            sign = np.where(dice.random(shape) < 0.5, -1, 1)
            factor = np.where(dice.random(shape) < share, 1 + sign * wrong_by, 1.0)
            name = f"{share:.0%} of prices wrong by {wrong_by:.0%}"
            rows.append((name, requests, replace(plain, price_factor=factor), _ORDINARY))
    for share in UNKNOWN_SHARES:
        factor = np.where(dice.random(shape) < share, np.nan, 1.0)
        rows.append((f"{share:.0%} of prices unknown", requests, replace(plain, price_factor=factor), _ORDINARY))
    return rows


def _catalogue(city: City, requests: Requests, seed: int) -> list[Row]:
    plain, shape = told(city, requests), requests.straight_km.shape
    dice = np.random.default_rng(seed)
    here = requests.straight_km <= WITHIN_KM
    gone = (dice.random(shape) < SUPPLIER_SHARE) & here
    gone &= (here & ~gone).any(axis=1, keepdims=True)  # where all would go there is nothing to order
    left = replace(plain, present=np.where(gone, np.nan, 1.0))
    only_left = replace(requests, straight_km=np.where(gone, np.inf, requests.straight_km))
    twin = dice.random(shape) < TWIN_SHARE
    rows: list[Row] = [
        (f"{SUPPLIER_SHARE:.0%} of stations gone", requests, left, _ORDINARY),
        ("  against the best of the rest", only_left, replace(left, km=only_left.straight_km), _ORDINARY),
    ]
    for twins in (Twins.MERGED, Twins.APART):
        name = f"{TWIN_SHARE:.0%} of stations told twice, {twins}"
        rows.append((name, requests, replace(plain, twin=twin, twins=twins), _ORDINARY))
    return rows


def _places(city: City, requests: Requests, seed: int) -> list[Row]:
    plain = told(city, requests)
    rows: list[Row] = []
    for off_m in (500, 2_000):
        wrong = km_from_wrong_place(city, requests, off_m / 1000, seed)
        rows.append((f"driver {off_m} m off", requests, replace(plain, km=wrong), _ORDINARY))
    dice = np.random.default_rng(seed)
    uneven = np.exp(dice.normal(0, 0.15, requests.straight_km.shape)) * 1.3
    for name, factor in (("roads straight", 1.0), ("roads uneven", uneven)):
        rows.append((name, with_roads(requests, factor), plain, _ORDINARY))
    return rows


def _drivers(city: City, requests: Requests) -> list[Row]:
    """Who was not asked is taken for 30 kWh without a hurry."""
    plain = told(city, requests)
    return [
        (f"not asked: {hour_cny} CNY/h, {kwh} kWh", requests, plain, Driver.unasked(hour_cny, kwh))
        for hour_cny, kwh in ((60, 10), (100, 10), (100, 30))
    ]
