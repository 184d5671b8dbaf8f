"""When a wish speaks, and how it keeps from speaking too often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.errors import UserError
from core.prices.history import PriceHistory
from core.prices.ticks import Cause, Tick
from core.prices.watching import (
    Alert,
    Outlook,
    Rule,
    Watch,
    WatchState,
    begin,
    judge,
    nearest_since,
    prospect,
    watch,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Place:
    """A station's price, watched hour by hour."""

    def __init__(self, wish: Watch, *, days: int = 0, price: str = "1.50") -> None:
        self.history = PriceHistory(ZoneInfo("UTC"))
        self.now = START
        for _ in range(24 * days):
            self.history.see(self.now, Decimal(price))
            self.now += HOUR
        self.wish = wish
        self.state = WatchState()

    def costs(self, price: str | None, *, hours: int = 1, **more: object) -> list[Alert]:
        alerts = []
        for _ in range(hours):
            alert = self.tick(self.next(price, **more))
            alerts += [alert] if alert else []
        return alerts

    def next(self, price: str | None, **more: object) -> Tick:
        new = None if price is None else Decimal(price)
        old = self.history.price_at(self.now)
        self.history.see(self.now, new)
        given = {"currency": "CNY", "cause": Cause.PULL, "history": self.history} | more
        tick = Tick("S1", self.now, old, new, **given)  # type: ignore[arg-type]  # the test names the fields
        self.now += HOUR
        return tick

    def tick(self, tick: Tick) -> Alert | None:
        self.state, alert = judge(self.wish, self.state, tick)
        return alert


def below(price: str = "1.20") -> Watch:
    return watch(Rule.BELOW, Decimal(price), id="W1", at=START, currency="CNY")


def test_below_a_price_speaks_once_and_again_after_recovery() -> None:
    place = Place(below())
    assert place.costs("1.50") == []
    (alert,) = place.costs("1.20")
    assert (alert.price, alert.before, alert.threshold) == (Decimal("1.20"), Decimal("1.50"), Decimal("1.20"))
    assert place.costs("1.20", hours=48) == []
    # 1.22 is not recovered: 2 % above the wish is 1.224.
    assert place.costs("1.22") + place.costs("1.19") == []
    assert place.costs("1.23") == []
    assert len(place.costs("1.20")) == 1


def test_flapping_speaks_less_than_once_a_day() -> None:
    place = Place(below())
    alerts = [alert for _ in range(48) for alert in place.costs("1.50") + place.costs("1.19")]
    assert [alert.at - START for alert in alerts] == [HOUR, 27 * HOUR, 53 * HOUR, 79 * HOUR]


def test_the_low_price_of_every_night_is_said_once_a_week() -> None:
    place = Place(below())
    alerts = [alert for _ in range(16) for alert in place.costs("1.50", hours=18) + place.costs("1.10", hours=6)]
    assert [(alert.at - START) // DAY for alert in alerts] == [0, 8]
    # A lower one is said the same night.
    assert len(place.costs("1.50", hours=18) + place.costs("1.00")) == 1


def test_clearly_better_than_said_is_said_before_recovery_but_after_the_cooldown() -> None:
    place = Place(below())
    assert len(place.costs("1.20")) == 1
    assert place.costs("1.00", hours=23) == []
    assert len(place.costs("1.00", hours=2)) == 1
    assert place.costs("0.99", hours=30) == []  # not by 2 %


def test_what_fell_during_the_cooldown_is_said_after_it_if_still_true() -> None:
    place = Place(below())
    place.costs("1.20")
    place.costs("1.50", hours=9)
    (alert,) = place.costs("1.20", hours=48)
    assert alert.at == START + 24 * HOUR


def test_unknown_another_currency_and_unsettled_say_nothing_and_change_nothing() -> None:
    place = Place(below())
    place.costs("1.20")
    said = place.state
    assert place.costs(None) + place.costs("1.50", currency="EUR") + place.costs("1.50", settled=False) == []
    assert place.state == said


def test_an_expired_wish_is_silent() -> None:
    place = Place(below())
    place.now = place.wish.expires_at
    assert place.costs("1.00") == []


def test_what_is_true_at_creation_is_no_alert() -> None:
    place = Place(below())
    tick = place.next("1.10")
    assert begin(place.wish, tick) == WatchState(armed=False, said=Decimal("1.10"), low_since=START)
    place.state = begin(place.wish, tick)
    assert place.costs("1.10") == []
    assert len(place.costs("1.00")) == 1
    assert begin(place.wish, None) == WatchState()


def test_below_usual_at_this_hour() -> None:
    place = Place(watch(Rule.BELOW_USUAL, 5, id="W1", at=START), days=30)
    assert place.costs("1.43") == []
    (alert,) = place.costs("1.42")
    assert alert.value == Decimal("1.42") / Decimal("1.50")
    # Re-armed at 98 % of the usual price.
    assert place.costs("1.469", hours=24) + place.costs("1.42") == []
    assert place.costs("1.47") == []
    assert len(place.costs("1.42")) == 1


def test_below_usual_is_silent_while_too_new_and_at_the_steps_of_every_day() -> None:
    wish = watch(Rule.BELOW_USUAL, 5, id="W1", at=START)
    assert Place(wish, days=10).costs("0.75") == []
    place = Place(wish)
    for _ in range(60):
        assert place.costs("1.75", hours=21) + place.costs("1.10", hours=3) == []
    # The step an hour early is no news; four hours early it is.
    assert place.costs("1.75", hours=20) + place.costs("1.10", hours=4) == []
    assert len(place.costs("1.75", hours=16) + place.costs("1.10", hours=8)) == 1


def test_lowest_in_a_week_moves_with_what_was_said() -> None:
    place = Place(watch(Rule.LOWEST, 7, id="W1", at=START), days=6)
    assert place.costs("1.40") == []  # watched for less than a week
    place.costs("1.50", hours=26)
    assert place.costs("1.39") == []  # not by 1 %
    assert len(place.costs("1.30")) == 1
    assert place.costs("1.50", hours=30) + place.costs("1.30") == []  # no lower than the day before
    assert len(place.costs("1.50", hours=24) + place.costs("1.20")) == 1


def test_a_gun_is_free() -> None:
    place = Place(watch(Rule.GUN_FREE, id="W1", at=START))
    assert place.costs("1.50", free_guns=0) == []
    (alert,) = place.costs("1.50", free_guns=1)
    assert alert.value == -1
    assert place.costs("1.50", free_guns=3) == []  # three are no more news than one
    assert place.costs("1.50", free_guns=0) == []
    assert len(place.costs("1.50", free_guns=2)) == 1
    assert place.costs(None, free_guns=None) == []


@pytest.mark.parametrize(
    ("rule", "amount", "currency"),
    [
        (Rule.BELOW, "0", "CNY"), (Rule.BELOW, "11", "CNY"), (Rule.BELOW, "1.00001", "CNY"),
        (Rule.BELOW, "NaN", "CNY"),
        (Rule.BELOW_USUAL, "2", ""), (Rule.BELOW_USUAL, "91", ""), (Rule.LOWEST, "8", ""), (Rule.GUN_FREE, "1", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_wished(rule: Rule, amount: str, currency: str) -> None:
    with pytest.raises(UserError) as raised:
        watch(rule, Decimal(amount), id="W1", at=START, currency=currency)
    assert raised.value.code == "bad_watch"


def test_an_honest_word_at_creation() -> None:
    place = Place(below(), days=10)
    place.costs("1.30")
    place.costs("1.50", hours=5)
    never = prospect(place.wish, place.history, place.now)
    assert (never.outlook, never.offer) == (Outlook.NEVER, Decimal("1.36"))
    assert never.nearest == (Decimal("1.30"), START + 10 * DAY)
    assert prospect(below("1.30"), place.history, place.now).outlook is Outlook.SEEN
    assert prospect(below("1.50"), place.history, place.now).outlook is Outlook.ALREADY
    assert nearest_since(place.wish, place.history, place.now - 2 * HOUR, place.now) == (
        Decimal("1.50"), place.now - 2 * HOUR,
    )  # fmt: skip
    young = Place(below(), days=3)
    assert prospect(young.wish, young.history, young.now).outlook is Outlook.UNKNOWN
    assert prospect(below(), PriceHistory(ZoneInfo("UTC")), START).outlook is Outlook.UNKNOWN
