"""Ranking: the whole cost decides, an unknown price never wins by luck, and the reason is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.geo import Point
from core.money import Money
from core.opening import ALWAYS, UNKNOWN_HOURS, daily
from core.ranking import (
    CostPart,
    Demand,
    FreeGuns,
    Offer,
    ReasonKind,
    charge_minutes,
    expected_wait_min,
    free_guns,
    guns_told_by,
    offer,
    rank,
)
from core.station import Connector, ConnectorRef, ConnectorStatus, NoPrice, Plug, Station
from core.tariff import Tariff, flat_tariff, time_of_use_tariff
from core.wishes import Filters, Mode, Sort, Wishes

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HERE = Point(22.541, 114.058)


def gun(
    n: int = 0,
    status: ConnectorStatus = ConnectorStatus.FREE,
    *,
    power: str | None = "120",
    tariff: Tariff | None = None,
    age_min: float = 0,
    plug: Plug = Plug.GBT_DC,
    bay_blocked: bool | None = None,
) -> Connector:
    return Connector(
        ConnectorRef("OP", str(n)),
        plug,
        Decimal(power) if power else None,
        status=status,
        status_at=NOW - timedelta(minutes=age_min),
        bay_blocked=bay_blocked,
        tariff_id=tariff.id if tariff else None,
        price_seen_at=NOW if tariff else None,
        no_price=None if tariff else NoPrice.NOT_PUBLISHED,
    )


def station(name: str, *connectors: Connector) -> Station:
    return Station(name, "s", name, name, HERE, connectors, time_zone="Asia/Shanghai", hours=ALWAYS)


def at(
    name: str,
    km: float,
    price: str | None,
    *,
    free: int = 2,
    guns: int = 4,
    power: str = "120",
    wishes: Wishes | None = None,
    currency: str = "CNY",
) -> Offer:
    tariff = flat_tariff(currency, Decimal(price)) if price is not None else None
    states = [ConnectorStatus.FREE] * free + [ConnectorStatus.CHARGING] * (guns - free)
    connectors = [gun(n, state, tariff=tariff, power=power) for n, state in enumerate(states)]
    found = offer(
        station(name, *connectors), km * 1000, wishes or Wishes(), {tariff.id: tariff} if tariff else {}, NOW
    )
    assert found is not None
    return found


def names(offers: list[Offer]) -> list[str]:
    return [one.station.id for one in offers]


def test_cheap_and_far_does_not_beat_near_and_fair() -> None:
    """Cheapest first is the worst default: 30 kWh at 0.10 less do not pay for nine kilometres."""
    assert names(rank([at("far", 10, "1.10"), at("near", 1, "1.20")], Sort.RECOMMENDED)) == ["near", "far"]


def test_cheap_and_not_so_far_does() -> None:
    assert names(rank([at("near", 1, "1.60"), at("cheap", 2, "0.90")], Sort.RECOMMENDED)) == ["cheap", "near"]


def test_a_hurry_buys_time() -> None:
    """The same two places, the other way round, for a driver whose hour is worth more."""
    for mode, first in ((Mode.CHEAP, "cheap"), (Mode.HURRY, "near")):
        wishes = Wishes(mode=mode)
        offers = [at("near", 0.5, "1.50", wishes=wishes), at("cheap", 6, "1.10", wishes=wishes)]
        assert names(rank(offers, Sort.RECOMMENDED))[0] == first


def test_a_full_station_waits_behind_one_with_free_guns() -> None:
    assert names(rank([at("full", 0.4, "1.20", free=0), at("free", 1, "1.20")], Sort.RECOMMENDED)) == ["free", "full"]


def test_slow_guns_do_not_lead_when_time_matters() -> None:
    wishes = Wishes(mode=Mode.HURRY)
    offers = [at("slow", 0.3, "0.80", power="7", wishes=wishes), at("fast", 1.5, "1.30", wishes=wishes)]
    assert names(rank(offers, Sort.RECOMMENDED)) == ["fast", "slow"]


@given(st.floats(0.1, 30), st.floats(0.1, 30), st.sampled_from([Sort.RECOMMENDED, Sort.PRICE]))
def test_an_unknown_price_never_leads(unknown_km: float, known_km: float, sort: Sort) -> None:
    offers = [at("unknown", unknown_km, None), at("known", known_km, "9.99")]
    assert names(rank(offers, sort)) == ["known", "unknown"]


def test_unknown_prices_are_ordered_by_everything_else() -> None:
    assert names(rank([at("b", 3, None), at("a", 1, None)], Sort.RECOMMENDED)) == ["a", "b"]


def test_a_declared_free_charge_is_a_known_price() -> None:
    assert names(rank([at("paid", 1, "1.20"), at("free", 1.2, "0")], Sort.PRICE)) == ["free", "paid"]


def test_currencies_are_not_compared_by_number() -> None:
    """0.5 EUR is not less than 1.2 CNY: without rates the less common currency stands behind."""
    offers = [at("e", 1, "0.5", currency="EUR"), at("c1", 1, "1.2"), at("c2", 2, "1.2")]
    assert names(rank(offers, Sort.PRICE)) == ["c1", "c2", "e"]


def test_closed_stations_are_behind_open_ones() -> None:
    closed = replace(at("closed", 0.2, "0.5"), open_now=False)
    assert names(rank([closed, at("open", 3, "1.5")], Sort.RECOMMENDED)) == ["open", "closed"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [(Sort.DISTANCE, "near"), (Sort.PRICE, "cheap"), (Sort.FREE, "roomy"), (Sort.POWER, "strong")],
)
def test_plain_sorts(sort: Sort, first: str) -> None:
    offers = [
        at("near", 0.5, "1.5", free=1),
        at("cheap", 5, "0.5", free=1),
        at("roomy", 5, "1.4", free=9, guns=9),
        at("strong", 5, "1.4", power="480", free=1),
    ]
    assert names(rank(offers, sort))[0] == first


@given(st.permutations(range(6)))
def test_the_order_does_not_depend_on_the_input(order: list[int]) -> None:
    offers = [at(f"s{n}", 1 + n % 3, "1.20") for n in range(6)]
    for sort in Sort:
        assert names(rank([offers[n] for n in order], sort)) == names(rank(offers, sort))


# --- reasons ------------------------------------------------------------------------------------------------


def test_the_saving_in_the_reason_is_the_difference_of_the_two_totals() -> None:
    best = rank([at("near", 1, "1.60"), at("cheap", 2, "0.90")], Sort.RECOMMENDED)[0]
    assert best.reason.kind is ReasonKind.CHEAPER
    assert best.reason.saving == Money(2100, "CNY")


def test_where_the_nearest_tells_no_price_the_next_one_that_does_is_compared_with() -> None:
    offers = [at("silent", 0.2, None), at("near", 0.5, "1.60"), at("cheap", 2, "0.90"), at("dear", 3, "1.70")]
    reasons = {one.station.id: one.reason for one in rank(offers, Sort.RECOMMENDED)}
    assert {name: one.kind for name, one in reasons.items()} == {
        "silent": ReasonKind.NEAREST,
        "near": ReasonKind.NEAREST_PRICED,
        "cheap": ReasonKind.CHEAPER_THAN_PRICED,
        "dear": ReasonKind.NEAR,
    }
    assert reasons["cheap"].saving == Money(2100, "CNY")


def test_a_free_gun_is_the_better_reason() -> None:
    best = rank([at("near", 0.5, "1.20", free=0), at("free", 1, "1.10")], Sort.RECOMMENDED)[0]
    assert best.reason.kind is ReasonKind.FREE


@pytest.mark.parametrize(
    ("offers", "kind"),
    [
        ([at("a", 1, "1")], ReasonKind.ONLY),
        ([at("a", 1, "1"), at("b", 2, "1")], ReasonKind.BEST_AND_NEAREST),
        ([at("a", 1, None), at("b", 2, None)], ReasonKind.NEAREST),
    ],
)
def test_reason_of_the_first(offers: list[Offer], kind: ReasonKind) -> None:
    assert rank(offers, Sort.RECOMMENDED)[0].reason.kind is kind


def test_the_nearest_is_not_called_the_best_when_it_is_not() -> None:
    for sort in Sort:
        ranked = {one.station.id: one for one in rank([at("near", 1, "1.60"), at("cheap", 2, "0.90")], sort)}
        assert ranked["near"].reason.kind is ReasonKind.NEAREST


def test_faster_is_said_only_where_it_is_true() -> None:
    ranked = rank([at("near", 1, "1.20", power="7"), at("fast", 1.1, "1.20")], Sort.POWER)
    assert ranked[0].reason.kind is ReasonKind.FASTER
    assert ranked[0].reason.minutes == pytest.approx(514 - 30, abs=1)  # half the rating over a charge


# --- guns and waiting ---------------------------------------------------------------------------------------


def test_old_states_are_not_counted_as_free() -> None:
    guns = free_guns([gun(0, age_min=11), gun(1, age_min=30)], NOW)
    assert (guns.free, guns.last_free, guns.age(NOW)) == (None, 2, timedelta(minutes=11))


def test_a_fault_does_not_mend_with_time() -> None:
    broken = gun(status=ConnectorStatus.FAULT, age_min=600)
    assert broken.status_now(NOW) is ConnectorStatus.FAULT
    assert gun(age_min=600).status_now(NOW) is ConnectorStatus.UNKNOWN


def test_a_blocked_bay_is_not_a_free_gun() -> None:
    guns = free_guns([gun(0), gun(1, bay_blocked=True), gun(2, ConnectorStatus.FAULT)], NOW)
    assert (guns.free, guns.total) == (1, 3)


def test_no_state_at_all_is_not_none_free() -> None:
    silent = Connector(ConnectorRef("OP", "1"), count=4)
    assert free_guns([silent], NOW) == FreeGuns(4, None, None, None)


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0, 48))
def test_the_wait_is_bounded_and_falls_with_free_guns(total: int, free: int, hours: float) -> None:
    free = min(free, total)
    as_of = NOW - timedelta(hours=hours)
    wait = expected_wait_min(FreeGuns(total, free, free, as_of), NOW)
    assert 0 <= wait <= 45
    assert wait >= expected_wait_min(FreeGuns(total, total, total, as_of), NOW) - 1e-9


def test_several_free_guns_are_safer_than_the_last_one() -> None:
    one_of_one, three_of_five = (expected_wait_min(FreeGuns(n, k, k, NOW), NOW) for n, k in ((1, 1), (5, 3)))
    assert one_of_one > 1 > three_of_five


def test_nearly_full_costs_far_more_than_half_full() -> None:
    """A queue grows the faster the fuller it is: one of thirteen guns free is not as good as six."""
    one, three, six = (expected_wait_min(FreeGuns(13, k, k, NOW - timedelta(hours=1)), NOW) for k in (1, 3, 6))
    assert one > 2 * three > 4 * six


def test_an_old_state_is_doubted() -> None:
    """Who was told of free guns long ago may find a queue; who is told so now will not."""
    new, old, silent = (
        expected_wait_min(FreeGuns(13, 7, 7, as_of), NOW) for as_of in (NOW, NOW - timedelta(hours=6), None)
    )
    assert new < 0.1 < old < 2 * silent


def test_what_is_usual_at_that_hour_counts() -> None:
    """Half full at an hour when it is usually empty, and about to be an hour when it is usually full."""
    seen = FreeGuns(13, 7, 7, NOW - timedelta(hours=1))
    filling = Demand(lambda at: 0.9 if at >= NOW else 0.4)
    emptying = Demand(lambda at: 0.1 if at >= NOW else 0.4)
    assert expected_wait_min(seen, NOW, filling) > 5 > 0.1 > expected_wait_min(seen, NOW, emptying)


def test_who_was_sent_there_takes_a_gun_too() -> None:
    """One gun is free and three drivers are on their way: the next one is sent elsewhere."""
    tariff = flat_tariff("CNY", Decimal("1.20"))
    one_free = station("near", gun(0, tariff=tariff), gun(1, ConnectorStatus.CHARGING, tariff=tariff))
    other = station("far", gun(0, tariff=tariff), gun(1, ConnectorStatus.CHARGING, tariff=tariff))
    for coming, first in ((0.0, "near"), (1.2, "far")):
        near = offer(one_free, 500, Wishes(), {tariff.id: tariff}, NOW, demand=Demand(coming=coming))
        far = offer(other, 1_500, Wishes(), {tariff.id: tariff}, NOW)
        assert near is not None
        assert far is not None
        assert names(rank([near, far], Sort.RECOMMENDED))[0] == first


def test_an_old_full_house_counts_less_than_a_new_one() -> None:
    waits = [expected_wait_min(FreeGuns(4, 0, 0, NOW - timedelta(hours=h)), NOW) for h in (0, 1, 3, 6, 24)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > 2 * waits[-1] > 0


def test_charging_time() -> None:
    assert charge_minutes(gun(power="120"), Decimal(30)) == 30
    assert charge_minutes(gun(power="22", plug=Plug.TYPE2), Decimal(22)) == 120  # a car takes 11 kW from AC
    assert charge_minutes(gun(power=None, plug=Plug.UNKNOWN), Decimal(7)) == 60


# --- offers -------------------------------------------------------------------------------------------------


def test_each_kind_of_gun_is_priced_and_the_best_free_one_offered() -> None:
    cheap, dear = flat_tariff("CNY", Decimal("0.90")), flat_tariff("CNY", Decimal("1.40"))
    tariffs = {cheap.id: cheap, dear.id: dear}
    slow = gun(0, ConnectorStatus.CHARGING, power="60", tariff=cheap)
    fast = gun(1, ConnectorStatus.FREE, power="120", tariff=dear)
    found = offer(station("a", slow, fast), 500, Wishes(), tariffs, NOW)
    assert found is not None
    assert found.connector == fast  # the cheap one is taken
    idle = offer(station("a", replace(slow, status=ConnectorStatus.FREE), fast), 500, Wishes(), tariffs, NOW)
    assert idle is not None
    assert idle.connector.power_kw == 60


def test_filters_choose_the_guns() -> None:
    ac, dc = gun(0, power="7", plug=Plug.GBT_AC), gun(1)
    found = offer(station("a", ac, dc), 0, Wishes(filters=Filters(plugs=frozenset({Plug.GBT_AC}))), {}, NOW)
    assert found is not None
    assert found.connectors == (ac,)
    assert offer(station("a", ac), 0, Wishes(filters=Filters(min_power_kw=Decimal(50))), {}, NOW) is None


def test_the_price_cap_is_on_my_total_and_hides_unknown_prices() -> None:
    def capped(price: str | None, cap: str) -> Offer | None:
        tariff = flat_tariff("CNY", Decimal(price)) if price else None
        wishes = Wishes(energy_kwh=Decimal(20), filters=Filters(price_cap=Decimal(cap)))
        return offer(station("a", gun(tariff=tariff)), 0, wishes, {tariff.id: tariff} if tariff else {}, NOW)

    assert capped("1.20", "24") is not None
    assert capped("1.20", "23.99") is None
    assert capped(None, "100") is None


def test_an_old_price_costs_a_doubt() -> None:
    tariff = flat_tariff("CNY", Decimal(1))
    fresh = gun(tariff=tariff)
    old = replace(fresh, price_seen_at=NOW - timedelta(days=2))
    risks = []
    for connector in (fresh, old):
        found = offer(station("a", connector), 100, Wishes(), {tariff.id: tariff}, NOW)
        assert found is not None
        risks.append(found.costs[CostPart.RISK])
    assert risks[1] == pytest.approx(risks[0] + 30 * 0.05)


def test_the_price_is_the_one_on_arrival() -> None:
    """Nine minutes before the peak, twelve minutes away: the peak price is what the charge will cost."""
    tariff = time_of_use_tariff(
        "CNY", "Asia/Shanghai", ((time(0), Decimal(1), Decimal(0)), (time(12, 9), Decimal(2), Decimal(0)))
    )
    near = offer(station("a", gun(tariff=tariff)), 10, Wishes(energy_kwh=Decimal(1)), {tariff.id: tariff}, NOW)
    far = offer(station("a", gun(tariff=tariff)), 4000, Wishes(energy_kwh=Decimal(1)), {tariff.id: tariff}, NOW)
    assert near is not None
    assert near.quote is not None
    assert far is not None
    assert far.quote is not None
    assert (near.quote.price_per_kwh, far.quote.price_per_kwh) == (1, 2)


# --- filters on hours ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "passes"), [(ALWAYS, True), (UNKNOWN_HOURS, False), (daily(8 * 60, 11 * 60), False)]
)
def test_open_now_needs_to_be_known(hours: object, passes: bool) -> None:
    place = replace(station("a", gun()), hours=hours)  # type: ignore[arg-type]  # parametrize gives objects
    assert Filters(open_now=True).passes(place, NOW) is passes  # noon in Shenzhen


# --- whose word on the guns ---------------------------------------------------------------------------------


def told(*stations: Station) -> str:
    teller = guns_told_by(stations, Filters(), NOW)
    assert teller is not None
    return teller.id


def test_a_fresh_word_on_the_guns_beats_a_long_list() -> None:
    silent = replace(
        station("register", *(gun(n) for n in range(9))), connectors=(Connector(ConnectorRef("R", "1")),) * 9
    )
    assert told(silent, station("live", gun(0))) == "live"
    assert told(station("old", gun(0, age_min=300)), station("live", gun(0))) == "live"


def test_without_any_state_the_fuller_list_counts() -> None:
    """A register that names one gun where another names twenty-eight has left some out (CHARGED and UrbanEV)."""
    short = replace(station("a-short"), connectors=(Connector(ConnectorRef("A", "1")),))
    full = replace(station("b-full"), connectors=(Connector(ConnectorRef("B", "1"), count=28),))
    assert told(short, full) == "b-full"
