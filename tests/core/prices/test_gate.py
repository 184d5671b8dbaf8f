"""The gate for tariffs: the same hour is compared with the same hour, and what is doubtful waits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.prices.bounds import plausible_per_kwh
from core.prices.gate import Accepted, Confirmed, GateState, Held, Reading, Reason, doubt_tariff, look
from core.tariff import (
    Dimension,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffElement,
    flat_tariff,
    time_of_use_tariff,
)

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)  # noon in Shanghai
MINUTE = timedelta(minutes=1)


def day(*periods: tuple[int, str]) -> Tariff:
    return time_of_use_tariff(
        "CNY", "Asia/Shanghai", tuple((time(hour), Decimal(price), Decimal(0)) for hour, price in periods)
    )


def flat(price: str, currency: str = "CNY") -> Tariff:
    return flat_tariff(currency, Decimal(price))


EVENING = day((0, "0.80"), (8, "1.60"), (22, "0.80"))


class Gate:
    """Readings one after the other."""

    def __init__(self, believed: Tariff | None = None) -> None:
        self.state = GateState(believed)

    def __call__(self, tariff: Tariff, minutes: int = 0, source: str = "cec") -> object:
        self.state, verdict = look(self.state, Reading(source, AT + minutes * MINUTE, tariff))
        return verdict


def reason(before: Tariff | None, now: Tariff) -> Reason | None:
    doubt = doubt_tariff(before, now, AT)
    return None if doubt is None else doubt.reason


def test_a_step_inside_a_believed_tariff_is_never_held() -> None:
    gate = Gate(EVENING)
    # 22:00 comes, half the price: the supplier says the same tariff as ever.
    assert gate(EVENING, 10 * 60) == Accepted(changed=False)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (day((0, "0.80"), (8, "1.12"), (22, "0.80")), None),  # exactly 30 % at noon
        (day((0, "0.80"), (8, "1.1199"), (22, "0.80")), Reason.MUCH_CHEAPER),
        (day((0, "0.50"), (8, "1.60"), (22, "0.80")), Reason.MUCH_CHEAPER),  # at night only
        (day((0, "0.80"), (8, "1.60"), (21, "0.80")), Reason.MUCH_CHEAPER),  # between 21 and 22 only
        (day((0, "0.80"), (8, "1.60"), (23, "0.80")), None),  # dearer is nobody's false alarm
        (flat("0.80"), Reason.MUCH_CHEAPER),
        (flat("1.60"), None),
        (day((0, "80"), (8, "160"), (22, "80")), Reason.OUT_OF_BOUNDS),  # fen
        (day((0, "0.80"), (8, "1.60"), (22, "0")), Reason.NOTHING),
        (flat("0"), Reason.NOTHING),
        (flat("1.60", "EUR"), Reason.OTHER_CURRENCY),
    ],
)
def test_hour_by_hour(now: Tariff, expected: Reason | None) -> None:
    assert reason(EVENING, now) is expected


def test_a_unit_error_within_the_bounds() -> None:
    assert reason(flat("0.08"), flat("8")) is Reason.UNIT_JUMP
    assert reason(flat("8"), flat("0.08")) is Reason.UNIT_JUMP
    assert plausible_per_kwh("XAU") is None
    assert reason(flat("3", "XAU"), flat("300", "XAU")) is Reason.UNIT_JUMP


def test_a_weekday_five_days_ahead_and_a_day_next_month() -> None:
    def on(restrictions: Restrictions, price: str) -> Tariff:
        element = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(price)),), restrictions)
        usual = TariffElement((PriceComponent(Dimension.ENERGY, Decimal("1.60")),))
        return Tariff("CNY", (element, usual), "Asia/Shanghai")

    saturdays = Restrictions(weekdays=frozenset({5}))
    assert reason(flat("1.60"), on(saturdays, "1.00")) is Reason.MUCH_CHEAPER
    next_month = Restrictions(first_date=(AT + timedelta(days=30)).date())
    assert reason(flat("1.60"), on(next_month, "1.00")) is None  # not in the coming week
    assert reason(flat("1.60"), on(next_month, "100")) is Reason.OUT_OF_BOUNDS  # at no time


def test_prices_per_hour_and_free_kilowatt_hours() -> None:
    def hourly(price: str) -> Tariff:
        return Tariff("CNY", (TariffElement((PriceComponent(Dimension.TIME, Decimal(price)),)),))

    assert reason(hourly("40"), hourly("20")) is Reason.MUCH_CHEAPER
    assert reason(hourly("40"), hourly("39")) is None  # the bounds are those of a kWh
    fee = Tariff("CNY", (TariffElement((PriceComponent(Dimension.FLAT, Decimal(5)),)),))
    assert reason(flat("1.60"), fee) is Reason.NOTHING


def test_a_second_reading_is_one_some_minutes_later() -> None:
    gate = Gate(EVENING)
    cheap = flat("0.80")
    assert isinstance(gate(cheap), Held)
    assert isinstance(gate(cheap, 1), Held)  # the same push again
    assert gate.state.believed == EVENING
    confirmed = gate(cheap, 6)
    assert isinstance(confirmed, Confirmed)
    assert confirmed.since == AT
    assert gate.state == GateState(cheap)
    assert gate(cheap, 7) == Accepted(changed=False)


def test_another_source_confirms_at_once() -> None:
    gate = Gate(EVENING)
    gate(flat("0.80"))
    assert isinstance(gate(flat("0.80"), 0, "ocpi"), Confirmed)


def test_a_word_taken_back_begins_anew() -> None:
    gate = Gate(EVENING)
    gate(flat("0.80"))
    assert gate(EVENING, 3) == Accepted(changed=False)
    assert isinstance(gate(flat("0.80"), 10), Held)
    # Another typo of the same source replaces the first one; another source's waits beside it.
    gate(flat("0.70"), 12)
    gate(flat("0.60"), 13, "ocpi")
    assert [one.key for one in gate.state.waiting] == [flat("0.70").id, flat("0.60").id]


@pytest.mark.parametrize("tariff", [flat("160"), flat("0.01"), flat("0"), flat("1.60", "EUR")])
def test_a_broken_feed_does_not_confirm_itself(tariff: Tariff) -> None:
    gate = Gate(EVENING)
    for hours in range(72):
        assert isinstance(gate(tariff, 60 * hours), Held)
    assert isinstance(gate(tariff, 60 * 72, "a person"), Confirmed)


def test_free_where_no_price_was_known_is_believed_on_a_second_reading() -> None:
    gate = Gate()
    assert isinstance(gate(flat("0")), Held)
    assert isinstance(gate(flat("0"), 6), Confirmed)
    assert gate(flat("0"), 7) == Accepted(changed=False)
    assert gate(flat("1.60"), 8) == Accepted(changed=True)


def test_what_waits_is_bounded() -> None:
    gate = Gate(EVENING)
    for number in range(20):
        gate(flat(f"0.{50 + number}"), number, f"source {number}")
    assert len(gate.state.waiting) == 4
