"""Changes put into real price series, to see which of them are told and which errors keep us silent.

For each kind, `trials` times, seeded: a window of a real series is run twice, as it was and with the change. Recall
is the share of real changes of which the driver is told while they last; a false alarm is an alert that only the
error brought: the series as it was had no such price then. A real change makes two hours in a row 5 % cheaper than
they were (a single hour is a step that came late); flapping is made of single hours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any

from core.prices.observed import Sighting
from core.prices.replaying import PERCENT
from core.prices.ticks import FollowedPrice
from core.prices.watching import Rule, WatchState, judge, level, watch

Series = Sequence[tuple[datetime, Decimal]]
# Before the change: enough to know what is usual. After it: what it may still do.
_BEFORE, _AFTER = timedelta(days=35), timedelta(days=8)
_PLACES = Decimal("0.0001")
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Change:
    """From reading `first` until before `last` of a window; `readings` is the window with the change in it."""

    readings: Series
    first: datetime
    last: datetime


_Make = Callable[[random.Random, list[tuple[datetime, Decimal]], int], Change | None]


def _over(
    window: list[tuple[datetime, Decimal]], first: int, hours: int, price: Callable[[int], Decimal | None]
) -> Change:
    """Other prices for some readings; None takes the reading away."""
    last = min(first + hours, len(window) - 1)
    new = [(at, price(n) if first <= n < last else old) for n, (at, old) in enumerate(window)]
    kept = [(at, one) for at, one in new if one is not None]
    return Change(kept, window[first][0], window[last][0])


def _schedule_shift(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change | None:
    """The periods of the day come two to six hours earlier or later, for a week."""
    by = dice.choice([-6, -5, -4, -3, -2, 2, 3, 4, 5, 6])
    if first + 168 + 6 >= len(window):
        return None
    return _over(window, first, 168, lambda n: window[n + by][1])


def _promotion(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """6 to 50 % off, for six hours to three days."""
    keeps = Decimal(100 - dice.randint(6, 50)) / 100
    return _over(window, first, dice.randint(6, 72), lambda n: (window[n][1] * keeps).quantize(_PLACES))


def _flapping(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """6 to 25 % off in every second hour of a day."""
    keeps = Decimal(100 - dice.randint(6, 25)) / 100
    return _over(
        window, first, 24, lambda n: window[n][1] if (n - first) % 2 else (window[n][1] * keeps).quantize(_PLACES)
    )


def _gap_and_promotion(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """Nothing is heard for up to two days, and then it is 6 to 50 % off for a day."""
    silent, keeps = dice.randint(6, 48), Decimal(100 - dice.randint(6, 50)) / 100
    return _over(
        window,
        first,
        silent + 24,
        lambda n: None if n < first + silent else (window[n][1] * keeps).quantize(_PLACES),
    )


def _typo(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """One reading is wrong: a digit too few or too many, the point misplaced, another key, nothing.

    A slip that takes off less than 30 % cannot be told from a price and is not tried.
    """
    price = window[first][1]
    slips = [price / 10, price * 10, price + 10, price % 1, price / 2, price * Decimal("0.68"), Decimal(0), -price]
    wrong = [slip for slip in slips if slip < price * Decimal("0.7") or slip > price * 2]
    slip = dice.choice(wrong).quantize(_PLACES)
    return _over(window, first, 1, lambda n: slip)


def _unit_error(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """Fen for yuan, or the other way round, for one hour to two days."""
    factor = dice.choice([Decimal(100), Decimal("0.01")])
    return _over(window, first, dice.randint(1, 48), lambda n: window[n][1] * factor)


def _gap(dice: random.Random, window: list[tuple[datetime, Decimal]], first: int) -> Change:
    """Nothing is heard for six hours to three days."""
    return _over(window, first, dice.randint(6, 72), lambda n: None)


REAL: Mapping[str, _Make] = {
    "schedule_shift": _schedule_shift,
    "promotion": _promotion,
    "flapping": _flapping,
    "gap_and_promotion": _gap_and_promotion,
}
ERRORS: Mapping[str, _Make] = {"typo": _typo, "unit_error": _unit_error, "gap": _gap}


def injected(
    series: Mapping[str, Series], currency: str, zone: tzinfo, *, trials: int, seed: int
) -> dict[str, dict[str, Any]]:
    """JSON-ready, by kind of change. `recall` is null for errors, `delay_h` the median until the first alert."""
    long_enough = {key: one for key, one in series.items() if one[-1][0] - one[0][0] > _BEFORE + _AFTER}
    if not long_enough:
        return {}
    found = {}
    for kind, make in {**REAL, **ERRORS}.items():
        dice = random.Random(f"{seed} {kind}")
        results = []
        for _ in range(trials):
            trial = _trial(dice, make, long_enough, kind=kind)
            if trial is not None:
                results.append(_result(*trial, currency, zone))
        told = [one for one in results if one.delay is not None]
        real = kind in REAL
        found[kind] = {
            "trials": len(results),
            "told": len(told) if real else None,
            "recall": round(len(told) / len(results), 3) if real and results else None,
            "delay_h": median(one.delay / timedelta(hours=1) for one in told if one.delay is not None)
            if real and told
            else None,
            "alerts_per_change": round(sum(one.during for one in results) / len(results), 2) if results else None,
            "false_alarms": sum(one.after if real else one.false + one.after for one in results),
        }
    return found


@dataclass(frozen=True, slots=True)
class _Result:
    delay: timedelta | None  # until the first alert of the change
    during: int  # alerts that came because of the change
    false: int  # of them those that would not have been true without it
    after: int  # such alerts when it was over


def _trial(
    dice: random.Random, make: _Make, series: Mapping[str, Series], *, kind: str
) -> tuple[Series, Change] | None:
    """A window and the change in it; None when this file has no place for one."""
    for _ in range(_TRIES):
        whole = series[dice.choice(sorted(series))]
        start = dice.randrange(len(whole))
        end_at = whole[start][0] + _BEFORE + _AFTER
        if whole[-1][0] < end_at:
            continue
        window = [
            one for one in whole[start : start + 2 * (_BEFORE + _AFTER) // timedelta(hours=1)] if one[0] <= end_at
        ]
        first = next(n for n, (at, _) in enumerate(window) if at - window[0][0] >= _BEFORE)
        change = make(dice, window, first)
        if change is not None and (kind in ERRORS or _is_cheaper(window, change, in_a_row=kind != "flapping")):
            return window, change
    return None


def _is_cheaper(window: Series, change: Change, *, in_a_row: bool) -> bool:
    before = dict(window)
    cheaper = [price <= before[at] * (100 - PERCENT) / 100 for at, price in change.readings if at >= change.first]
    return any(one and other for one, other in pairwise(cheaper)) if in_a_row else sum(cheaper) >= 2


def _result(window: Series, change: Change, currency: str, zone: tzinfo) -> _Result:
    as_it_was, true_anyway = _alerts(window, currency, zone)
    alerts, _ = _alerts(change.readings, currency, zone)
    new = [at for at in sorted(alerts) if at not in as_it_was and at >= change.first]
    during = [at for at in new if at < change.last]
    after = [at for at in new if at >= change.last and at not in true_anyway]
    false = [at for at in during if at not in true_anyway]
    return _Result(during[0] - change.first if during else None, len(during), len(false), len(after))


def _alerts(readings: Series, currency: str, zone: tzinfo) -> tuple[set[datetime], set[datetime]]:
    """When a driver with the usual wish is told, and when the wish was true."""
    followed = FollowedPrice("", currency, zone)
    wish, state = watch(Rule.BELOW_USUAL, PERCENT, id="", at=readings[0][0]), WatchState()
    alerts, true = set(), set()
    for at, price in readings:
        _, tick = followed.hear(Sighting("record", at, price))
        if tick is None:
            continue
        now = level(wish, tick)
        if now is not None and now.met:
            true.add(at)
        state, alert = judge(wish, state, tick)
        if alert is not None:
            alerts.add(at)
    return alerts, true
