"""Wait or go: only where the tariff really varies, and never past the hour the driver has to leave."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from core.prices.timing import Advice, wait_or_go
from core.tariff import Tariff, flat_tariff, quote, time_of_use_tariff

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)


def day(*periods: tuple[int, str]) -> Tariff:
    return time_of_use_tariff(
        "CNY", "Asia/Shanghai", tuple((time(hour), Decimal(price), Decimal(0)) for hour, price in periods)
    )


EVENING = day((0, "0.80"), (8, "1.60"), (23, "0.80"))
SEVEN = datetime(2026, 11, 23, 19, tzinfo=SHANGHAI)


def advice(tariff: Tariff, now: datetime, hours: float, minutes: int = 60) -> Advice | None:
    return wait_or_go(tariff, kwh=Decimal(25), minutes=Decimal(minutes), now=now, ready_by=now + hours * HOUR)


def test_the_night_is_worth_waiting_for() -> None:
    found = advice(EVENING, SEVEN, 12)
    assert found is not None
    assert found.best_at == SEVEN.replace(hour=23)
    assert [found.now.exact, found.best.exact, found.saving] == [40, 20, 20]


def test_part_of_the_charge_at_the_low_price_when_there_is_no_more_time() -> None:
    found = advice(EVENING, SEVEN, 4.5)
    assert found is not None
    assert found.best_at == SEVEN + 3.5 * HOUR  # ready at 23:30
    assert found.best.exact == 30


def test_silence_where_it_does_not_pay() -> None:
    assert advice(flat_tariff("CNY", Decimal("1.60")), SEVEN, 12) is None
    assert advice(day((0, "1.55"), (8, "1.60")), SEVEN, 12) is None  # 3 %
    assert advice(EVENING, SEVEN, 4) is None  # ready by 23:00
    assert advice(EVENING, SEVEN, 0.5) is None
    assert advice(EVENING, SEVEN + 5 * HOUR, 12) is None  # it is cheap already


@settings(max_examples=50, deadline=None)
@given(
    prices=st.lists(st.integers(50, 250), min_size=2, max_size=5),
    minutes=st.integers(10, 600),
    hours=st.integers(1, 30),
    now=st.integers(0, 24 * 60),
)
def test_no_start_on_any_quarter_of_an_hour_is_cheaper(prices: list[int], minutes: int, hours: int, now: int) -> None:
    tariff = day(*((24 * n // len(prices), f"{price / 100:.2f}") for n, price in enumerate(prices)))
    start = SEVEN + timedelta(minutes=now)
    found = advice(tariff, start, hours, minutes)
    here = quote(tariff, kwh=Decimal(25), minutes=Decimal(minutes), at=start).exact
    # Where nothing is advised, nothing saves 5 %.
    best = here * Decimal("0.95") if found is None else found.best.exact
    moment = start
    while moment + timedelta(minutes=minutes) <= start + hours * HOUR:
        # A hair for the one division in a quote.
        assert quote(tariff, kwh=Decimal(25), minutes=Decimal(minutes), at=moment).exact >= best - Decimal("1e-20")
        moment += timedelta(minutes=45)
