"""A wish that is asked only where its level is crossed says the same as one that hears of every tick."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.prices.history import PriceHistory
from core.prices.matching import units, units_up
from core.prices.ticks import Cause, Tick
from core.prices.watching import (
    Alert,
    Rule,
    Watch,
    WatchState,
    begin,
    caught_up,
    judge,
    level,
    pause_ends,
    state_before,
    watch,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Step = tuple[datetime, Decimal | None]

# Hours until the next step, and what it costs from then on: around a wish for 1.00, whose recovery is 1.02.
_PRICE = st.sampled_from([Decimal(one) for one in ["0.80", "0.95", "0.97", "1.00", "1.01", "1.02", "1.10", "1.40"]])
_STEPS = st.lists(
    st.tuples(st.integers(1, 20), st.one_of(_PRICE, _PRICE, _PRICE, st.none())), min_size=2, max_size=40
)


class Line:
    """A series of steps; what was known at a moment."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def tick(self, at: datetime, *, new: bool) -> Tick:
        """At a step, or (not `new`) in the middle of one, where nobody says what was before."""
        history = PriceHistory(UTC)
        for moment, price in self.steps:
            if moment <= at:
                history.see(moment, price)
        history.see(at, history.price_at(at))
        old = history.price_at(at - timedelta(seconds=1)) if new and self.steps[0][0] < at else None
        return Tick("S", at, old, history.price_at(at), "CNY", Cause.PULL, history, "T")


def seldom_asked(wish: Watch, line: Line, state: WatchState) -> tuple[list[Alert], list[datetime]]:
    """As the service does it: asked at crossings and when a pause ends. The alerts, and when it was looked."""
    alerts: list[Alert] = []
    looks: list[datetime] = []
    again = None if state.said is None else state.said * Decimal("0.98")
    look_at: datetime | None = None

    def ask(tick: Tick) -> None:
        nonlocal state, again, look_at
        known = state_before(wish, state, tick)
        before = caught_up(wish, state, tick.history, tick) if known is None else known
        after, alert = judge(wish, before, tick)
        if alert is None:
            look_at = pause_ends(wish, before, tick) or look_at
            return
        alerts.append(alert)
        state, again, look_at = after, alert.value * Decimal("0.98"), None

    for at, _ in line.steps[1:]:
        if look_at is not None and look_at <= at:
            looks.append(look_at)
            moment, look_at = look_at, None
            ask(line.tick(moment, new=False))
        tick = line.tick(at, new=True)
        levels = [units(one) for one in (wish.amount, again) if one is not None]
        if any(units_up(tick.new) <= one < units_up(tick.old) for one in levels):
            ask(tick)
    return alerts, looks


def always_asked(wish: Watch, line: Line, state: WatchState, looks: list[datetime]) -> list[Alert]:
    alerts = []
    moments = sorted({(at, True) for at, _ in line.steps[1:]} | {(at, False) for at in looks})
    for at, new in moments:
        state, alert = judge(wish, state, line.tick(at, new=new))
        alerts += [alert] if alert else []
    return alerts


@settings(deadline=None, max_examples=150)
@given(_STEPS)
def test_what_is_asked_seldom_says_the_same(steps: list[tuple[int, Decimal | None]]) -> None:
    at, line = START, Line([])
    for hours, price in steps:
        line.steps.append((at, price))
        at += hours * HOUR
    wish = watch(Rule.BELOW, Decimal("1.00"), id="W", at=START, currency="CNY")
    first = begin(wish, line.tick(START, new=False))
    alerts, looks = seldom_asked(wish, line, first)
    expected = always_asked(wish, line, first, looks)
    assert [(one.at, one.price) for one in alerts] == [(one.at, one.price) for one in expected]


def test_what_was_low_since_when_is_found_in_the_history() -> None:
    line = Line(
        [(START + n * HOUR, Decimal(one)) for n, one in enumerate(["0.90", "1.30", "0.95", "1.01", "0.99", "0.98"])]
    )
    wish = watch(Rule.BELOW, Decimal("1.00"), id="W", at=START, currency="CNY")
    said = WatchState(False, Decimal("0.90"), START, START)
    tick = line.tick(START + 6 * HOUR, new=False)
    assert caught_up(wish, said, tick.history, tick) == replace(said, armed=True, low_since=START + 4 * HOUR)
    # Before it ever rose above the wish it is low since it was said.
    early = line.tick(START + timedelta(minutes=30), new=False)
    assert caught_up(wish, said, early.history, early) == said


def test_a_lowest_price_is_held_against_what_was_before_it_began() -> None:
    """A tick is worked a moment later, and a watch is asked again after a pause."""
    line = Line([(START, Decimal("1.20")), *((START + n * 20 * HOUR, Decimal("1.20")) for n in range(1, 12))])
    line.steps.append((START + 10 * DAY, Decimal("1.00")))
    wish = watch(Rule.LOWEST, 7, id="W", at=START)
    for later in (timedelta(0), timedelta(seconds=5), 12 * HOUR):
        tick = line.tick(START + 10 * DAY + later, new=False)
        now = level(wish, tick)
        assert now is not None
        assert (now.met, now.recovered) == (True, Decimal("1.20") * Decimal("1.02"))


@pytest.mark.parametrize(("price", "armed"), [("0.90", False), ("0.99", True)])
def test_a_share_of_the_usual_has_recovered_by_the_hour(price: str, armed: bool) -> None:
    """The usual price moves without any step: by night what is low by day is usual."""
    steps: list[Step] = []
    for day in range(22):
        steps += [(START + day * DAY, Decimal("0.80")), (START + day * DAY + 8 * HOUR, Decimal("1.00"))]
    steps += [(START + 22 * DAY, Decimal("0.80")), (START + 22 * DAY + 8 * HOUR, Decimal("0.70"))]
    at = START + 22 * DAY + 20 * HOUR
    steps.append((at, Decimal(price)))
    line = Line(steps)
    wish = watch(Rule.BELOW_USUAL, 20, id="W", at=START)
    said = WatchState(False, Decimal("0.70"), START + 22 * DAY + 8 * HOUR, START + 22 * DAY + 8 * HOUR)
    tick = line.tick(at + 2 * HOUR, new=False)
    assert caught_up(wish, said, tick.history, tick).armed is armed
