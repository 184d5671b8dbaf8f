"""What suppliers say becomes versions and ticks, each once; so does what the clock does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.ports import UnitOfWork
from core.prices.ticks import Cause
from core.services import prices
from core.services.prices import PriceService, SeriesTick
from tests.core.services.prices.conftest import SHENZHEN, Following, evening
from tests.storage.samples import LOTUS, NOON, gun, ref, save, station, yuan

CHEAP, DEAR = Decimal("0.9"), Decimal("1.1")


def test_a_change_is_told_once(following: Following) -> None:
    following.says(yuan("1.10"), 1, 2, 3, 4)
    assert following.service.is_behind()
    assert following.service.follow() == 1
    assert following.told() == [(None, DEAR)]
    assert not following.service.is_behind()
    following.clock.advance(minutes=15)
    following.says(yuan("1.10"), 1, 2, 3, 4)
    assert following.service.follow() == 0
    following.clock.advance(minutes=15)
    following.says(yuan("0.90"), 1, 2, 3, 4, pushed=True)
    assert following.service.follow() == 1
    assert [(one.at, one.cause, one.tariff_id) for one in following.ticks] == [
        (NOON + timedelta(minutes=30), Cause.PUSH, yuan("0.90").id)
    ]
    assert following.told() == [(DEAR, CHEAP)]
    assert following.service.follow() == following.service.boundaries() == 0
    assert following.versions() == [yuan("1.10").id, yuan("0.90").id]
    assert following.causes() == [Cause.PULL, Cause.PUSH]


def test_guns_that_differ_have_the_price_of_most(following: Following) -> None:
    following.says(yuan("1.10"), 1, 2, 3, 4)
    following.clock.advance(minutes=1)
    following.says(yuan("1.00"), 1)
    following.service.follow()
    assert following.told() == [(None, DEAR)]
    following.says(yuan("1.00"), 2)
    following.service.follow()  # two and two: what was said last
    following.clock.advance(minutes=1)
    following.says(yuan("1.10"), 2)
    following.service.follow()
    assert following.told() == [(DEAR, Decimal(1)), (Decimal(1), DEAR)]


def test_other_guns_are_another_series(following: Following) -> None:
    save(following.database, station(2, gun(5), gun(6, power_kw=Decimal(7)), **SHENZHEN))
    following.says(yuan("1.10"), 5)
    following.says(yuan("0.90"), 6)
    assert following.service.follow() == 2
    groups = following.service.history(station(2).id)
    assert [(one.series.power_kw, one.guns, one.history.price_at(NOON)) for one in groups] == [
        (Decimal(120), 1, DEAR),
        (Decimal(7), 1, CHEAP),
    ]


def test_the_clock_makes_a_tick_without_any_supplier(following: Following) -> None:
    following.says(evening("1.10", "0.70"))
    following.service.follow()
    following.told()
    following.clock.advance(hours=9, minutes=59, seconds=59)
    assert following.service.boundaries() == 0
    following.clock.advance(seconds=1)
    assert following.service.is_behind()
    assert following.service.boundaries() == 1
    assert [(one.cause, one.at) for one in following.ticks] == [(Cause.CLOCK, datetime(2026, 11, 23, 14, tzinfo=UTC))]
    assert following.told() == [(DEAR, Decimal("0.7"))]
    assert following.versions() == [evening("1.10", "0.70").id]
    assert not following.service.is_behind()


def test_far_cheaper_waits_for_a_second_reading(following: Following) -> None:
    following.says(yuan("1.10"))
    following.service.follow()
    following.clock.advance(minutes=10)
    following.says(yuan("0.11"))
    following.service.follow()
    assert following.told() == [(None, DEAR)]
    following.clock.advance(minutes=5)
    assert following.service.boundaries() == 0, "nobody has repeated it"
    following.says(yuan("0.11"))
    following.clock.advance(minutes=2)
    assert following.service.boundaries() == 1
    assert following.told() == [(DEAR, Decimal("0.11"))]


def test_a_slip_that_is_put_right_was_never_believed(following: Following) -> None:
    following.says(yuan("1.10"))
    following.service.follow()
    following.clock.advance(minutes=1)
    following.says(yuan("110"))
    following.service.follow()
    following.clock.advance(hours=2)
    following.says(yuan("110"))
    following.service.boundaries()
    following.clock.advance(minutes=1)
    following.says(yuan("1.10"))
    following.service.boundaries()
    assert following.told() == [(None, DEAR)]
    assert following.versions() == [yuan("1.10").id]


def test_what_nobody_repeats_for_a_day_is_not_known(following: Following) -> None:
    following.says(yuan("1.10"))
    following.service.follow()
    following.clock.advance(hours=20)
    following.says(yuan("1.10"))  # unchanged: no observation, and known for another day
    following.clock.advance(hours=1)
    following.service.boundaries()
    (group,) = following.service.history(station(1).id)
    assert group.series.seen_at == NOON + timedelta(hours=20)
    following.clock.advance(hours=9)
    following.service.boundaries()
    assert following.told() == [(None, DEAR)]
    following.clock.advance(hours=14)
    assert following.service.boundaries() == 1
    assert following.told() == [(DEAR, None)]
    (group,) = following.service.history(station(1).id)
    assert group.tariff is None
    assert group.history.price_at(following.clock.now() - timedelta(seconds=1)) == DEAR
    assert group.history.price_at(following.clock.now()) is None
    following.clock.advance(days=3)
    following.says(yuan("1.10"))
    following.service.boundaries()
    assert following.told() == [(None, DEAR)]
    assert following.versions() == [yuan("1.10").id, None, yuan("1.10").id]


def test_who_speaks_again_after_a_day_of_silence_is_heard_at_once(following: Following) -> None:
    following.says(yuan("1.10"))
    following.service.follow()
    following.clock.advance(hours=25)
    assert following.service.boundaries() == 1
    following.clock.advance(minutes=5)
    following.says(yuan("1.10"), pushed=True)
    assert following.service.is_behind()
    assert following.service.follow() == 1
    assert following.told()[-1] == (None, DEAR)
    assert following.causes()[-1] is Cause.PUSH
    following.clock.advance(hours=23)
    following.says(yuan("1.10"))  # within a day it is no news
    assert following.service.follow() == 0


def test_killed_in_the_middle_nothing_has_happened(following: Following) -> None:
    def dies(unit: object, ticks: object) -> None:
        raise RuntimeError("killed")

    following.says(yuan("1.10"))
    with pytest.raises(RuntimeError):
        PriceService(following.database, following.clock, dies).follow()
    assert following.service.follow() == 1
    assert following.service.follow() == 0
    assert following.versions() == [yuan("1.10").id]


def test_a_gun_that_is_gone_says_nothing(following: Following) -> None:
    following.says(yuan("1.10"), 4)
    save(following.database, station(1, gun(1), **SHENZHEN))
    assert following.service.follow() == 0
    assert following.service.history(station(1).id) == []


def test_a_catalogue_from_before_is_followed_from_its_first_word(following: Following) -> None:
    clock = following.clock
    for hour in range(30):
        following.says(yuan(f"1.{hour:02d}"))
        clock.advance(hours=1)
    assert following.service.follow() == 1, "one tick, whatever has passed"
    (group,) = following.service.history(station(1).id)
    assert [one.price for one in group.history.steps(NOON, clock.now())] == [
        Decimal(f"1.{hour:02d}").normalize() for hour in range(30)
    ]


def test_many_at_a_boundary_and_one_that_needs_a_look(following: Following) -> None:
    """Those that only pass and those whose guns are asked come in one go, and each is told once."""
    many = range(2, 8)
    save(following.database, *(station(number, gun(number * 10), **SHENZHEN) for number in many))
    following.says(evening("1.10", "0.70"), 1, *(number * 10 for number in many))
    following.service.follow()
    following.told()
    following.clock.advance(hours=1)
    following.says(yuan("0.20"), 20, pushed=True)
    following.service.follow()
    assert following.told() == [], "it waits"
    following.clock.advance(hours=9)
    following.says(yuan("0.20"), 20)
    assert following.service.boundaries() == 7
    assert sorted(following.told()) == [(DEAR, Decimal("0.2")), *[(DEAR, Decimal("0.7"))] * 6]
    with following.database.read() as unit:
        looked = unit.prices.series_of([station(number).id for number in (1, *many)])
    assert {one.look_at for one in looked if one.price == Decimal("0.7")} == {NOON + timedelta(hours=19)}
    following.clock.advance(hours=9)
    assert following.service.boundaries() == 6
    assert following.told() == [(Decimal("0.7"), DEAR)] * 6


def test_what_is_pushed_while_many_pass_does_not_wait_for_all(following: Following) -> None:
    save(following.database, *(station(number, gun(number * 10), **SHENZHEN) for number in (2, 3, 4)))
    following.says(evening("1.10", "0.70"), 10 * 2, 10 * 3, 10 * 4)
    following.says(yuan("1.10"), 1)
    following.service.follow()
    following.told()
    following.clock.advance(hours=10)
    batches: list[list[Decimal | None]] = []

    def pushes(unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        if not batches:
            told = [(ref(1), yuan("0.90"))]
            unit.catalogue.save_tariffs(LOTUS.id, told, following.clock.now(), pushed=True)
        batches.append([one.tick.new for one in ticks])

    service = PriceService(following.database, following.clock, pushes, at_once=2)
    assert service.boundaries() == 4
    assert batches == [[Decimal("0.7")] * 2, [CHEAP], [Decimal("0.7")]]


def test_where_each_takes_long_fewer_are_taken_on_at_once(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "LEAST_AT_ONCE", 1)
    monkeypatch.setattr(prices, "LASTS_S", 0.05)
    numbers = range(2, 14)
    save(following.database, *(station(number, gun(number * 10), **SHENZHEN) for number in numbers))
    batches: list[int] = []

    def slow(unit: object, ticks: Sequence[object]) -> None:
        batches.append(len(ticks))
        time.sleep(0.05 * len(ticks))

    service = PriceService(following.database, following.clock, slow, at_once=12)
    following.says(yuan("1.10"), *(number * 10 for number in numbers))
    service.follow()
    assert batches[0] == 6
    assert max(batches[1:]) < 6
    assert sum(batches) == 12


def test_many_that_lapse_at_once_are_told_in_parts(following: Following) -> None:
    numbers = range(2, 7)
    save(following.database, *(station(number, gun(number * 10), **SHENZHEN) for number in numbers))
    following.says(yuan("1.10"), *(number * 10 for number in numbers))
    following.service.follow()
    following.clock.advance(hours=24)
    batches: list[int] = []
    count = batches.append
    service = PriceService(following.database, following.clock, lambda _, ticks: count(len(ticks)), at_once=4)
    assert service.boundaries() == 5
    assert batches == [2, 2, 1]
