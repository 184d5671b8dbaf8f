"""The engine against a second one that lives through each session minute by minute, over tariffs of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from core.tariff import (
    Dimension,
    Doing,
    NotCovered,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    Stretch,
    Tariff,
    TariffElement,
    Tax,
    cost,
    quote,
)
from tests.core.tariff import oracle

# The weekends on which the clocks of Berlin change, and an ordinary one: Thursday to Monday.
STARTS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 26), (10, 22), (1, 15))]
DAYS = [start.date() + timedelta(days=n) for start in STARTS for n in range(6)]
CLOCKS = st.one_of(
    st.sampled_from([time(0), time(2), time(2, 30), time(3), time(1, 30), time(12)]),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 45])),
)
T = TypeVar("T")
PRICES = st.decimals("0", "9", places=3)


def sometimes(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), st.none(), values)


@st.composite
def components(draw: st.DrawFn, *, taxed: bool) -> PriceComponent:
    dimension = draw(st.sampled_from(Dimension))
    steps = {Dimension.ENERGY: [0, 1, 500, 3000, 7001], Dimension.FLAT: [0]}
    return PriceComponent(
        dimension,
        draw(PRICES),
        step=draw(st.sampled_from(steps.get(dimension, [0, 1, 60, 420, 900, 3599]))),
        tax=draw(st.sampled_from(Tax)) if taxed else Tax.INCLUDED,
        vat=draw(st.sampled_from([Decimal(0), Decimal("5.2"), Decimal(20), None])) if taxed else None,
    )


@st.composite
def restrictions(draw: st.DrawFn, *, by_session: bool = True) -> Restrictions:
    calendar: dict[str, Any] = {
        "start": draw(sometimes(CLOCKS)),
        "end": draw(sometimes(CLOCKS)),
        "weekdays": draw(sometimes(st.frozensets(st.integers(0, 6), min_size=1))),
        "first_date": draw(sometimes(st.sampled_from(DAYS))),
        "last_date": draw(sometimes(st.sampled_from(DAYS))),
    }
    whole = st.integers(0, 120).map(Decimal)
    minutes = st.integers(0, 300).map(lambda one: one * 60)
    session: dict[str, Any] = {
        "min_kwh": draw(sometimes(whole)), "max_kwh": draw(sometimes(whole)),
        "min_power_kw": draw(sometimes(whole)), "max_power_kw": draw(sometimes(whole)),
        "min_current_a": draw(sometimes(whole)), "max_current_a": draw(sometimes(whole)),
        "min_duration_s": draw(sometimes(minutes)), "max_duration_s": draw(sometimes(minutes)),
        "reservation": draw(sometimes(st.sampled_from(Reservation))),
    }  # fmt: skip
    return Restrictions(**calendar, **(session if by_session else {}))


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    elements = st.builds(
        TariffElement,
        st.lists(components(taxed=True), min_size=1, max_size=3).map(tuple),
        st.one_of(st.just(Restrictions()), restrictions(), restrictions()),
    )
    # Both sides of a limit: with one side the rules for the other begin, which have tests of their own.
    limits = st.builds(PriceLimit, st.integers(1, 60).map(Decimal), st.integers(1, 70).map(Decimal))
    listed = draw(st.lists(elements, min_size=1, max_size=5))
    zone = draw(st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kolkata", "America/New_York"]))
    return Tariff("EUR", tuple(listed), zone, draw(sometimes(limits)), draw(sometimes(limits)))


@st.composite
def sessions(draw: st.DrawFn) -> list[Stretch]:
    """Stretches one after the other, sometimes with a pause, sometimes after a reservation."""
    now = draw(st.sampled_from(STARTS)) + timedelta(minutes=draw(st.integers(0, 5 * 1440)))
    words = draw(st.lists(st.sampled_from([Doing.CHARGING, Doing.PARKED]), min_size=1, max_size=4))
    if draw(st.booleans()):
        words = draw(st.sampled_from([[Doing.RESERVED, *words], [Doing.EXPIRED]]))
    session = []
    for word in words:
        minutes = draw(st.integers(1, 200))
        charging = word is Doing.CHARGING
        measured = st.integers(0, 120).map(Decimal)
        power = draw(sometimes(measured)) if charging else None
        current = draw(measured) if charging else None
        session.append(Stretch(now, Decimal(minutes), Decimal(minutes if charging else 0), word, power, current))
        now += timedelta(minutes=minutes + draw(st.sampled_from([0, 0, 7])))
    return session


def same(found: Decimal | None, expected: Fraction | None) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    return abs(Fraction(found) - expected) < Fraction(1, 10**11)


@settings(max_examples=300, deadline=None)
@given(tariffs(), sessions())
def test_cost_is_what_the_minutes_cost(tariff: Tariff, session: list[Stretch]) -> None:
    found = cost(tariff, session)
    net, gross = oracle.total(tariff, session)
    assert same(found.net, net), (found.net, net and float(net))
    assert same(found.gross, gross), (found.gross, gross and float(gross))


@settings(max_examples=150, deadline=None)
@given(tariffs(), sessions())
def test_the_lines_and_the_parts_add_up(tariff: Tariff, session: list[Stretch]) -> None:
    found = cost(tariff, session)
    for total, sides in ((found.net, [one.net for one in found.lines.values()]),
                         (found.gross, [one.gross for one in found.lines.values()])):  # fmt: skip
        if total is not None:
            assert sum((one for one in sides if one is not None), Decimal(0)) == total
            assert None not in sides
    if found.gross is not None:
        assert sum(found.parts.values(), Decimal(0)) == found.gross


@settings(max_examples=100, deadline=None)
@given(tariffs(), sessions(), st.data())
def test_a_cut_of_the_supplier_changes_nothing(tariff: Tariff, session: list[Stretch], data: st.DataObject) -> None:
    """The supplier may split a period anywhere; the price is the same."""
    cut: list[Stretch] = []
    for one in session:
        first = Decimal(data.draw(st.integers(1, int(one.minutes))))
        rest = one.minutes - first
        # Without a measured power both halves have the mean of the whole, as the energy flows evenly.
        for minutes, start in ((first, one.start), (rest, one.start + timedelta(minutes=int(first)))):
            if minutes:
                kwh = one.kwh * minutes / one.minutes
                cut.append(Stretch(start, minutes, kwh, one.doing, one.power_kw, one.current_a))
    assert cost(tariff, cut).amount == cost(tariff, session).amount


plain_elements = st.builds(
    TariffElement,
    st.lists(components(taxed=False), min_size=1, max_size=3).map(
        lambda found: tuple(PriceComponent(one.dimension, one.price, one.price / 2) for one in found)
    ),
    st.one_of(st.just(Restrictions()), restrictions(by_session=False)),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(plain_elements, min_size=1, max_size=5),
    st.sampled_from(STARTS),
    st.integers(0, 5 * 1440),
    st.integers(1, 2000),
    st.decimals("0.1", "200", places=1),
)
def test_the_short_way_of_a_quote_is_the_long_one(
    elements: list[TariffElement], day: datetime, minute: int, minutes: int, kwh: Decimal
) -> None:
    tariff = Tariff("EUR", tuple(elements), "Europe/Berlin")
    assert tariff.is_plain
    at = day + timedelta(minutes=minute)
    try:
        found = quote(tariff, kwh=kwh, minutes=Decimal(minutes), at=at)
    except NotCovered:
        return
    known = cost(tariff, [Stretch(at, Decimal(minutes), kwh)])
    assert found.exact == known.exact
    assert found.parts == {part: amount for part, amount in known.parts.items() if amount}


@settings(max_examples=60, deadline=None)
@given(tariffs())
def test_a_tariff_of_any_kind_survives_being_stored(tariff: Tariff) -> None:
    again = Tariff.from_json(tariff.to_json())
    assert again == tariff
    assert again.id == tariff.id


def test_the_oracle_knows_a_figure_worked_out_by_hand() -> None:
    """21 min of charging at 1.00, 16 of parking at 2.00 in steps of 10 min: 0.35 + 20 min x 2.00."""
    both = tuple(
        PriceComponent(dimension, Decimal(price), step=600)
        for dimension, price in ((Dimension.TIME, 1), (Dimension.PARKING_TIME, 2))
    )
    start = datetime(2026, 1, 15, tzinfo=UTC)
    session = [
        Stretch(start, Decimal(21), Decimal(21)),
        Stretch(start + timedelta(minutes=21), Decimal(16), Decimal(0), Doing.PARKED),
    ]
    assert oracle.total(Tariff("EUR", (TariffElement(both),)), session)[1] == Fraction("0.35") + Fraction(40, 60)
