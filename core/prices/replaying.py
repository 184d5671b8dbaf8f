"""A recorded price history run through the gate, the history, the ticks and a watch, on the clock of the record.

It counts what three rules would have sent: any drop, a drop of 5 % against the last price, and ours (so many per cent
below what this hour usually costs). The first two look at the raw record; ours stands behind the gate. Rules are
counted from four weeks on, when a series is no longer too new to judge.

What became true: a driver reads the alert and comes some time within the next 24 hours. `lower_24h` is how many of
those hours cost less (by 1 % at least) than the same hour usually does, on average over the alerts; `lower_next_day`
the share of alerts for which that held at the same clock time a day later; `holds_1h` the share whose price, or a
lower one, was still there an hour later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from core.prices.bounds import plausible_per_kwh
from core.prices.gate import Confirmed, Held
from core.prices.history import JUDGED_AFTER
from core.prices.observed import Sighting
from core.prices.ticks import FollowedPrice
from core.prices.watching import Rule, Watch, WatchState, judge, watch

ANY_DROP, DROP_5PCT, OURS = "any_drop", "drop_5pct", "ours"
RULES = (ANY_DROP, DROP_5PCT, OURS)
PERCENT = 5
_SOURCE = "record"
_LOWER = Decimal("0.99")
_FOREVER = timedelta(days=36_500)


@dataclass(slots=True)
class _Series:
    price: FollowedPrice
    watch: Watch
    state: WatchState = field(default_factory=WatchState)
    raw: Decimal | None = None
    last_at: datetime | None = None
    # One entry per reading: when, what was believed, and whether that was lower than usual.
    times: list[datetime] = field(default_factory=list)
    prices: list[Decimal | None] = field(default_factory=list)
    lower: list[bool] = field(default_factory=list)
    alerts: dict[str, list[tuple[datetime, Decimal]]] = field(default_factory=lambda: {rule: [] for rule in RULES})


class Replay:
    """Takes readings, each series in order of time; `report` says what came of them."""

    def __init__(self, currency: str, zone: tzinfo) -> None:
        self.currency, self.zone = currency, zone
        self.series: dict[str, _Series] = {}
        self.counts: Counter[str] = Counter()
        self.held: Counter[str] = Counter()

    def take(self, key: str, at: datetime, price: Decimal) -> None:
        one = self.series.get(key)
        if one is None:
            one = self.series[key] = self._begin(key, at)
        self.counts["readings"] += 1
        judged = at - one.watch.created_at >= JUDGED_AFTER
        self._count(one, at, price, judged)
        verdict, tick = one.price.hear(Sighting(_SOURCE, at, price))
        if isinstance(verdict, Held):
            self.held[verdict.doubt.reason.name.lower()] += 1
        elif isinstance(verdict, Confirmed):
            self.counts["confirmed"] += 1
        if tick is not None:
            one.state, alert = judge(one.watch, one.state, tick)
            if alert is not None and alert.price is not None and judged:
                one.alerts[OURS].append((at, alert.price))
        believed, usual = one.price.history.price_at(at), one.price.history.usual(at)
        one.times.append(at)
        one.prices.append(believed)
        one.lower.append(believed is not None and usual is not None and believed <= usual.median * _LOWER)

    def report(self) -> dict[str, Any]:
        """JSON-ready; rates are null where nothing was judged."""
        days = sum((_judged_days(one) for one in self.series.values()), Decimal(0))
        alerts = {rule: sum(len(one.alerts[rule]) for one in self.series.values()) for rule in RULES}
        return {
            "readings": self.counts["readings"],
            "series": len(self.series),
            "changes": self.counts["changes"],
            "drops": self.counts["drops"],
            "drops_5pct": self.counts["drops_5pct"],
            "drops_30pct": self.counts["drops_30pct"],
            "judged_series_days": float(round(days, 1)),
            "alerts": alerts,
            "alerts_per_series_day": {
                rule: float(round(count / days, 4)) if days else None for rule, count in alerts.items()
            },
            "truth": {rule: self._truth(rule) for rule in RULES},
            "gate": {
                "held": self.held.total(),
                "confirmed": self.counts["confirmed"],
                "reasons": dict(sorted(self.held.items())),
            },
            "absurd_alerts": sum(
                self._absurd(price) for one in self.series.values() for _, price in one.alerts[OURS]
            ),
        }

    def _begin(self, key: str, at: datetime) -> _Series:
        wish = watch(Rule.BELOW_USUAL, PERCENT, id=key, at=at)
        wish = Watch(key, wish.rule, at, at + _FOREVER, wish.amount, cooldown=wish.cooldown)
        return _Series(FollowedPrice(key, self.currency, self.zone), wish)

    def _count(self, one: _Series, at: datetime, price: Decimal, judged: bool) -> None:
        """The raw record, before the gate."""
        old, one.raw = one.raw, price
        one.last_at = at
        if old is None or price == old:
            return
        self.counts["changes"] += 1
        if price > old:
            return
        self.counts["drops"] += 1
        by_5 = price <= old * Decimal("0.95")
        self.counts["drops_5pct"] += by_5
        self.counts["drops_30pct"] += price <= old * Decimal("0.7")
        if judged:
            one.alerts[ANY_DROP].append((at, price))
            if by_5:
                one.alerts[DROP_5PCT].append((at, price))

    def _truth(self, rule: str) -> dict[str, float | None]:
        holds, shares, next_day = [], [], []
        for one in self.series.values():
            for at, price in one.alerts[rule]:
                first = bisect_right(one.times, at)
                last = bisect_right(one.times, at + timedelta(hours=24))
                if last <= first or one.times[-1] < at + timedelta(hours=24):
                    continue  # the record ends before the driver comes
                soon = one.prices[bisect_right(one.times, at + timedelta(hours=1)) - 1]
                holds.append(soon is not None and soon <= price)
                shares.append(sum(one.lower[first:last]) / (last - first))
                next_day.append(one.lower[last - 1])
        return {"holds_1h": _mean(holds), "lower_24h": _mean(shares), "lower_next_day": _mean(next_day)}

    def _absurd(self, price: Decimal) -> bool:
        bounds = plausible_per_kwh(self.currency)
        return price <= 0 or (bounds is not None and not bounds[0] <= price <= bounds[1])


def _judged_days(one: _Series) -> Decimal:
    if one.last_at is None:
        return Decimal(0)
    span = one.last_at - one.watch.created_at - JUDGED_AFTER
    return max(Decimal(span // timedelta(minutes=1)) / 1440, Decimal(0))


def _mean(values: list[bool] | list[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None
