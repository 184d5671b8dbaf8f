"""The simple sorts that others offer.

Each is a score, request x zone, of what was told and not of the truth; the least comes first, NaN takes no part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.recommending.city import WITHIN_KM, City, Floats, Ints
from bench.recommending.drivers import Requests
from bench.recommending.ours import Told

NEAR_KM = 5.0
_LAST = 1e9  # behind everything that has a number


def _prices(city: City, requests: Requests, told: Told) -> Floats:
    """The price of the moment; NaN where none is told."""
    return np.asarray(city.price[:, requests.hour].T * told.price_factor)


def _near(told: Told) -> Floats:
    return np.where(told.km <= WITHIN_KM, told.present, np.nan)


def nearest(city: City, requests: Requests, told: Told) -> Floats:
    return told.km * _near(told)


def nearest_free(city: City, requests: Requests, told: Told) -> Floats:
    """Where nobody has a free gun, the nearest."""
    return (told.km + np.where(told.free > 0, 0, _LAST)) * _near(told)


def cheapest(city: City, requests: Requests, told: Told) -> Floats:
    """Of equal prices the nearer one."""
    price = np.nan_to_num(_prices(city, requests, told), nan=_LAST)
    return (price + told.km / 1e6) * _near(told)


def cheapest_near(city: City, requests: Requests, told: Told) -> Floats:
    """The cheapest within five kilometres; where there is none, the nearest."""
    score = cheapest(city, requests, told)
    return np.where(told.km <= NEAR_KM, score, 2 * _LAST + told.km) * _near(told)


def half_and_half(city: City, requests: Requests, told: Told) -> Floats:
    """Price and distance in equal parts, each from 0 for the least to 1 for the most among the candidates."""
    near = _near(told)

    def scaled(values: Floats) -> Floats:
        values = values * near
        least = np.nanmin(values, axis=1, keepdims=True)
        span = np.nanmax(values, axis=1, keepdims=True) - least
        return np.asarray((values - least) / np.maximum(span, 1e-9))

    price = _prices(city, requests, told) * near
    dearest = np.nan_to_num(price).max(axis=1, keepdims=True)
    both = scaled(np.where(np.isnan(price), dearest, price)) + scaled(told.km)
    return both + np.where(np.isnan(price), _LAST, 0)


Score = Callable[[City, Requests, Told], Floats]
PEERS: dict[str, Score] = {
    "nearest": nearest,
    "nearest free": nearest_free,
    "cheapest": cheapest,
    "cheapest <5 km": cheapest_near,
    "half and half": half_and_half,
}


def order(score: Floats) -> Ints:
    """Request x place in the list; zones that are no candidates come last."""
    return np.argsort(np.where(np.isnan(score), np.inf, score), axis=1, kind="stable")
