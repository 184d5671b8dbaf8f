"""What can be true of a place and of a price, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from core.geo import Point
from core.services.trust import (
    SMALLEST_CROWD,
    Known,
    area_of,
    doubt_move,
    doubt_place,
    doubt_price,
    highest_price,
    medians_of,
    spot_of,
)
from core.tariff import (
    Dimension,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffElement,
    flat_tariff,
    time_of_use_tariff,
)

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SHENZHEN = [(22.5 + n / 100, 114.0 + n / 100) for n in range(30)]
KNOWN = Known(area=area_of(SHENZHEN), crowded=frozenset({(22.6, 114.1)}), medians={"CNY": Decimal("1.2")})


def place(lat: float, lng: float, known: Known = KNOWN) -> str | None:
    doubt = doubt_place(Point(lat, lng), known)
    return doubt.reason if doubt else None


@pytest.mark.parametrize(
    ("lat", "lng", "reason"),
    [
        (22.55, 114.05, None),
        (0.0, 0.0, "bad_coordinates"),
        (0.001, -0.002, "bad_coordinates"),
        (0.0, 114.05, None),  # on the equator, and so not exchanged
        (39.9, 116.4, None),  # far from the crowd is no crime
        (22.6, 114.1, "crowded_point"),
        (22.6000004, 114.1, "crowded_point"),
        (22.6001, 114.1, None),
    ],
)
def test_places(lat: float, lng: float, reason: str | None) -> None:
    assert place(lat, lng) == reason


def test_exchanged_coordinates_are_known_by_the_crowd() -> None:
    berlin = Known(area=area_of([(52.4 + n / 100, 13.3 + n / 100) for n in range(20)]))
    assert place(13.4, 52.5, berlin) == "swapped_coordinates"
    assert place(52.5, 13.4, berlin) is None
    assert place(13.4, 52.5, Known()) is None  # nobody to compare it with
    both = Known(area=area_of([(10.0 + n, 10.0 + n) for n in range(40)]))
    assert place(13.4, 48.5, both) is None  # the mirror is as good


def test_a_few_wrong_ones_do_not_widen_the_area() -> None:
    area = area_of([*SHENZHEN * 4, (114.0, 22.0 - 90), (0.0, 0.0)])
    assert area is not None
    assert area.holds(Point(22.6, 114.1))
    assert not area.holds(Point(0.0, 0.0))
    assert area_of(SHENZHEN[: SMALLEST_CROWD - 1]) is None


@pytest.mark.parametrize(("metres", "reason"), [(0, None), (150, None), (250, "moved"), (50_000, "moved")])
def test_moves(metres: float, reason: str | None) -> None:
    held = Point(22.55, 114.05)
    doubt = doubt_move(held, Point(22.55 + metres / 110_750, 114.05))
    assert (doubt.reason if doubt else None) == reason


def energy(
    price: str, start: int | None = None, end: int | None = None, days: frozenset[int] | None = None
) -> TariffElement:
    def clock(hour: int | None) -> time | None:
        return None if hour is None else time(hour % 24)

    rules = Restrictions(start=clock(start), end=clock(end), weekdays=days)
    return TariffElement((PriceComponent(Dimension.ENERGY, Decimal(price)),), rules)


def tariff(*elements: TariffElement) -> Tariff:
    return Tariff("CNY", elements, "Asia/Shanghai")


def price(told: Tariff, held: Tariff | None = None, known: Known = KNOWN) -> str | None:
    doubt = doubt_price(told, held, known, NOON)
    return doubt.reason if doubt else None


WHOLE_DAY = time_of_use_tariff(
    "CNY", "Asia/Shanghai", ((time(7), Decimal("1.2"), Decimal("0.4")), (time(22), Decimal("0.3"), Decimal("0.4")))
)
PARKING = TariffElement((PriceComponent(Dimension.PARKING_TIME, Decimal(0)),), Restrictions(start=time(8)))


@pytest.mark.parametrize(
    "told",
    [
        flat_tariff("CNY", Decimal("1.2")),
        flat_tariff("CNY", Decimal(0)),  # declared free
        WHOLE_DAY,
        tariff(energy("2", 7, 9), energy("1")),  # an exception and the rule
        tariff(energy("2", 7, 9, frozenset({0})), energy("3", 8, 10, frozenset({1})), energy("1")),
        tariff(energy("2", 7, 9), energy("2", 8, 10), energy("1")),  # two ways to say the same
        tariff(energy("0", days=frozenset({6})), energy("1")),  # free on Sundays
        tariff(energy("1"), PARKING),
    ],
)
def test_tariffs_that_can_be(told: Tariff) -> None:
    assert price(told) is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (tariff(energy("1", 7, 22)), "tariff_gap"),
        (tariff(energy("1", 0, 12), energy("1", 13, 24)), "tariff_gap"),
        (tariff(energy("1", days=frozenset({0, 1, 2, 3, 4}))), "tariff_gap"),
        (tariff(energy("1", 0, 13), energy("2", 12, 24)), "tariff_overlap"),
        (tariff(energy("0", 0, 8), energy("1.2", 8, 24)), "implausible_price"),
    ],
)
def test_tariffs_that_cannot_be(told: Tariff, reason: str) -> None:
    assert price(told) == reason


def test_fen_for_yuan() -> None:
    held = flat_tariff("CNY", Decimal("1.20"))
    assert price(flat_tariff("CNY", Decimal(120)), held, Known()) == "implausible_price"
    assert price(flat_tariff("CNY", Decimal("0.012")), held, Known()) == "implausible_price"
    assert price(flat_tariff("CNY", Decimal(0)), held, Known()) == "implausible_price"
    assert price(flat_tariff("CNY", Decimal("2.40")), held, Known()) is None
    assert price(flat_tariff("JPY", Decimal(120)), held, Known()) is None  # another currency
    assert price(flat_tariff("CNY", Decimal(120)), None, Known()) is None  # nothing to compare with
    assert price(flat_tariff("CNY", Decimal(2)), flat_tariff("CNY", Decimal(0)), Known()) is None  # no longer free


def test_ten_times_what_the_others_cost() -> None:
    assert price(flat_tariff("CNY", Decimal("12"))) is None
    assert price(flat_tariff("CNY", Decimal("12.01"))) == "implausible_price"
    assert price(flat_tariff("EUR", Decimal("12.01"))) is None


def test_the_middle_price_counts_guns_and_needs_a_crowd() -> None:
    cheap, dear = flat_tariff("CNY", Decimal(1)), WHOLE_DAY
    assert medians_of([(cheap, 5), (dear, 30)]) == {"CNY": Decimal("1.6")}
    assert medians_of([(cheap, 5), (dear, 3)]) == {}
    assert highest_price(WHOLE_DAY) == Decimal("1.6")
    assert spot_of(Point(22.12345678, 114.0)) == (22.123457, 114.0)
