"""Histories worked out from versions say what was; what is old is kept small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.ports import UnitOfWork
from core.prices.gate import Reading
from core.prices.history import Grade, PriceHistory
from core.prices.ticks import FollowedTariff, price_per_kwh
from core.services.prices import KEPT_WHOLE, PriceService, SeriesTick
from core.services.prices.past import Steps
from core.tariff import time_of_use_tariff
from storage.tables import price_observations, price_versions
from tests.core.services.prices.conftest import Following, evening
from tests.storage.samples import NOON, rows, station, yuan

AN_HOUR = timedelta(hours=1)


def test_what_was_is_what_a_witness_saw(following: Following) -> None:
    """Three tariffs, looked at every hour by one that keeps every price itself."""
    clock, witness = following.clock, FollowedTariff("1", ZoneInfo("Asia/Shanghai"))
    tariffs = [evening("1.10", "0.80"), evening("1.20", "0.90"), yuan("1.00")]
    for hour in range(6 * 24):
        tariff = tariffs[hour // 48]
        following.says(tariff)
        witness.hear(Reading("lotus", clock.now(), tariff))
        if hour % 9 == 0:
            following.service.boundaries()
        clock.advance(hours=1)
    clock.advance(hours=-1)
    following.service.boundaries()
    (group,) = following.service.history(station(1).id)
    assert group.history.steps(NOON, clock.now()) == witness.history.steps(NOON, clock.now())
    assert following.versions() == [one.id for one in tariffs]


def test_a_tick_brings_its_history_when_it_is_asked(following: Following) -> None:
    told: list[tuple[timedelta, Decimal, Grade]] = []

    def asks(unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        for one in ticks:
            lowest, at = one.tick.history.lowest_of_days(30, one.tick.at), one.tick.at
            if lowest is not None:
                told.append((one.tick.history.watched(at), lowest.price, one.tick.history.badge(at).grade))

    service = PriceService(following.database, following.clock, asks)
    following.says(evening("1.10", "0.80"))
    service.follow()
    following.clock.advance(hours=10)
    service.boundaries()
    following.clock.advance(hours=9)
    service.boundaries()
    assert told == [
        (timedelta(hours=10), Decimal("1.1"), Grade.TOO_NEW),
        (timedelta(hours=19), Decimal("0.8"), Grade.TOO_NEW),
    ]


def test_steps_follow_the_clock_of_the_tariff_through_the_year() -> None:
    tariff = time_of_use_tariff(
        "EUR", "Europe/Berlin", ((time(6), Decimal("0.5"), Decimal(0)), (time(22), Decimal("0.3"), Decimal(0)))
    )
    steps, start = Steps(), datetime(2026, 3, 27, 12, tzinfo=UTC)
    end = start + timedelta(days=4)
    changes, price = [], price_per_kwh(tariff, start)
    for moment, new in steps.between(tariff, start, end):
        if new != price:
            changes.append(moment)
        price = new
    asked, moment = [], start
    while (moment := steps.next_step(tariff, moment) or end) < end:
        asked.append(moment)
    assert changes == asked
    assert [one.hour for one in asked] == [21, 5, 21, 4, 20, 4, 20, 4]
    assert steps.next_step(yuan("1.10"), start) is None


def test_a_day_that_is_like_another_is_not_worked_out_again_and_is_right() -> None:
    """Through the two nights on which clocks are changed, and past a weekend with prices of its own."""
    night = ((time(6), Decimal("0.5"), Decimal(0)), (time(22, 30), Decimal("0.3"), Decimal(0)))
    everyday = time_of_use_tariff("EUR", "Europe/Berlin", night)
    weekend = replace(
        everyday,
        elements=tuple(
            replace(one, restrictions=replace(one.restrictions, weekdays=frozenset({5, 6})))
            for one in everyday.elements
        )
        + yuan("0.4").elements,
    )
    steps = Steps()
    for tariff in (everyday, weekend):
        for start in (datetime(2026, 3, 27, 11, 59, tzinfo=UTC), datetime(2026, 10, 23, 11, 59, tzinfo=UTC)):
            told = PriceHistory(ZoneInfo("Europe/Berlin"))
            steps.tell(told, tariff, start, start + timedelta(days=5))
            for number in range(5 * 24):
                at = start + number * AN_HOUR + timedelta(seconds=number)
                assert steps.price_at(tariff, at) == told.price_at(at) == price_per_kwh(tariff, at), at


def test_old_versions_become_days(following: Following) -> None:
    clock, began = following.clock, NOON.replace(hour=0)
    clock.time = began
    for hour in range(10 * 24):
        following.says(yuan(f"1.{10 + hour % 24}"))
        clock.advance(hours=1)
    following.service.follow()
    clock.time = began + KEPT_WHOLE + timedelta(days=9, hours=5)
    assert len(rows(following.database, price_versions)) == len(rows(following.database, price_observations)) == 240
    assert following.service.compact() == 2 * 9 * 24
    assert len(rows(following.database, price_versions)) == len(rows(following.database, price_observations)) == 24
    with following.database.read() as unit:
        (series,) = unit.prices.series_of([station(1).id])
        days = unit.prices.days(series.id)
    assert [one.day for one in days] == list(range(began.toordinal(), began.toordinal() + 9))
    assert {(one.lowest, one.median, one.highest) for one in days} == {
        (Decimal("1.10").normalize(), Decimal("1.21"), Decimal("1.33"))
    }
    assert following.service.compact() == 0
