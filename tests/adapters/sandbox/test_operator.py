"""The operator's levers and its books, without a server."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.sandbox import city as sandbox_city
from adapters.sandbox.books import Books
from adapters.sandbox.city import City
from adapters.sandbox.life import Bay, GunState, Life, Status
from adapters.sandbox.operator import Operator
from tests.world import SetClock

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
FAULTY = GunState(Status.FAULT, Bay.UNKNOWN)


@pytest.fixture(scope="module")
def city() -> City:
    return sandbox_city.build()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def operator(city: City, clock: SetClock, tmp_path: Path) -> Operator:
    return Operator(city, Books(tmp_path / "sandbox" / "books.sqlite"), clock.now)


def booked(tmp_path: Path, table: str = "charges") -> list[tuple[str, ...]]:
    with sqlite3.connect(tmp_path / "sandbox" / "books.sqlite") as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()


def test_a_gun_is_held_for_a_while(operator: Operator, city: City, clock: SetClock) -> None:
    gun = next(iter(city.gun_of))
    operator.set_state(gun, FAULTY, seconds=60)
    assert operator.state(gun) == FAULTY
    clock.advance(seconds=61)
    assert operator.state(gun) == Life(city).state(gun, clock.now())
    operator.set_state(gun, FAULTY, seconds=600)
    operator.set_state(gun, None, seconds=0)
    assert operator.state(gun) == Life(city).state(gun, clock.now())


def test_prices_are_multiplied_set_and_reset(operator: Operator, city: City) -> None:
    place = city.places[0]
    gun = next(place.guns)
    usual = operator.prices(place, gun)
    operator.multiply_price(place.id, Decimal("0.5"))
    assert [one.energy for one in operator.prices(place, gun)] == [one.energy / 2 for one in usual]
    operator.set_price(place.id, Decimal("1"), Decimal("0.2"))
    assert [(one.energy, one.service) for one in operator.prices(place, gun)] == [(Decimal("0.5"), Decimal("0.1"))]
    operator.reset_price(place.id)
    assert operator.prices(place, gun) == usual


def test_a_day_of_prices_is_set(operator: Operator, city: City) -> None:
    place = city.places[0]
    gun = next(place.guns)
    night, day = ("000000", Decimal("0.3"), Decimal("0.2")), ("073000", Decimal("0.9"), Decimal("0.2"))
    operator.set_day(place.id, [day, night])
    assert [(one.start, one.energy) for one in operator.prices(place, gun)] == [night[:2], day[:2]]
    for wrong in ([], [night, night], [("240000", Decimal(1), Decimal(1))], [("noon", Decimal(1), Decimal(1))]):
        with pytest.raises(ValueError, match=r"."):
            operator.set_day(place.id, wrong)


def test_a_price_is_changed_at_one_station_only(operator: Operator, city: City) -> None:
    operator.multiply_price(city.places[0].id, Decimal("0.5"))
    assert all(operator.prices(place, gun) == place.prices(gun) for place in city.places[1:] for gun in place.guns)


def test_what_does_not_exist_is_refused(operator: Operator) -> None:
    with pytest.raises(KeyError):
        operator.set_state("none", FAULTY, seconds=1)
    with pytest.raises(KeyError):
        operator.set_price("none", Decimal(1), Decimal(1))


def test_a_stopped_clock_stops_the_city(operator: Operator, city: City, clock: SetClock) -> None:
    operator.set_clock(NOON, 0)
    before = {gun: operator.state(gun) for gun in city.gun_of}
    clock.advance(hours=2)
    assert {gun: operator.state(gun) for gun in city.gun_of} == before
    operator.set_clock(None, None)
    assert {gun: operator.state(gun) for gun in city.gun_of} != before


def test_charges_are_booked_once_with_energy_and_money(
    operator: Operator, city: City, clock: SetClock, tmp_path: Path
) -> None:
    operator.keep_books()
    assert booked(tmp_path) == []  # the books begin now
    clock.advance(minutes=30)
    operator.keep_books()
    operator.keep_books()
    rows = booked(tmp_path)
    expected = list(Life(city).sessions(NOON, NOON + timedelta(minutes=30)))
    assert len(rows) == len(expected) > 100
    energy = {(one.gun_id, one.energy_kwh) for one in expected}
    assert {(gun_id, Decimal(kwh)) for gun_id, _, _, kwh, _, _ in rows} == energy
    for gun_id, started_at, _, kwh, energy_yuan, service_yuan in rows:
        place, gun = city.gun_of[gun_id]
        price = {(one.energy, one.service) for one in place.prices(gun)}
        assert any(
            abs(Decimal(kwh) * e - Decimal(energy_yuan)) <= Decimal("0.005")
            and abs(Decimal(kwh) * s - Decimal(service_yuan)) <= Decimal("0.005")
            for e, s in price
        ), (gun_id, started_at)


def test_the_books_go_on_after_a_restart(city: City, clock: SetClock, tmp_path: Path) -> None:
    path = tmp_path / "sandbox" / "books.sqlite"
    first = Books(path)
    Operator(city, first, clock.now).keep_books()
    first.close()
    clock.advance(minutes=20)
    Operator(city, Books(path), clock.now).keep_books()
    assert len(booked(tmp_path)) == len(list(Life(city).sessions(NOON, NOON + timedelta(minutes=20))))


def test_what_was_done_by_hand_is_noted(operator: Operator, city: City, tmp_path: Path) -> None:
    operator.set_state(next(iter(city.gun_of)), FAULTY, seconds=60)
    operator.multiply_price(city.places[0].id, Decimal("0.8"))
    assert [what for _, _, what, _ in booked(tmp_path, "changes")] == ["state", "price"]
