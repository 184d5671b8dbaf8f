"""Finding: the list, its pages, what is hidden, typed places, and points that cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import NotFound, NotReady, SupplierUnavailable, UserError
from core.geo import Datum, Point, distance_m
from core.ports import Place
from core.services.finder import StationFinder
from core.station import Parking, Plug, StatusReport
from core.user import Channel
from core.wishes import Filters, Sort, Wishes
from storage.index import InMemoryStationIndex
from tests.bots.driving import WARY, Driving
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def town(world: World) -> World:
    """Nine stations a few hundred metres apart."""
    for n in range(9):
        world.station(f"S{n}", 22.541 + n * 0.003, 114.058, price=f"1.{n}0", free=n % 3, operator=f"Op{n % 2}")
    return world


def names(world: World, wishes: Wishes | None = None, **page: int) -> list[str]:
    found = world.services.finder.near(world.here, wishes or Wishes(), **page)
    return [one.station.name for one in found.offers]


def test_pages_join_without_gap_or_repeat(town: World) -> None:
    pages = [names(town, limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [len(page) for page in pages] == [4, 4, 1]
    assert [name for page in pages for name in page] == names(town, limit=100)
    last = town.services.finder.near(town.here, Wishes(), limit=4, offset=8)
    assert last.next_offset is None
    assert town.services.finder.near(town.here, Wishes(), limit=4).next_offset == 4


def test_a_gun_whose_starts_fail_falls_behind_an_equal_one(world: World) -> None:
    driving = Driving(world)
    driving.supplier.builds("P2", Point(22.5412, 114.0580), guns=3, name="Steady")
    driving.sync()
    assert names(world)[0] == WARY
    driving.supplier.refuses_starts = "gun_fault"
    for number in range(5):
        driver = driving.user_id(Channel.TELEGRAM, str(number))
        driving.tops_up(driver, 100)
        driving.begins(driver)
    assert names(world) == ["Steady", WARY]
    world.clock.advance(days=31)
    driving.sync()
    assert names(world)[0] == WARY


def test_hidden_ones_are_counted(town: World) -> None:
    found = town.services.finder.near(town.here, Wishes(filters=Filters(operators=frozenset({"Op0"}))))
    assert (found.total, found.hidden) == (5, 4)
    capped = town.services.finder.near(town.here, Wishes(filters=Filters(price_cap=Decimal(40))))
    assert capped.total + capped.hidden == 9
    assert all(one.quote and one.quote.total.decimal <= 40 for one in capped.offers)


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(free_now=True), {"free"}),
        (Filters(min_power_kw=Decimal(200)), {"strong"}),
        (Filters(plugs=frozenset({Plug.TYPE2})), {"european"}),
        (Filters(free_parking=True), {"parking"}),
    ],
)
def test_each_filter(world: World, filters: Filters, kept: set[str]) -> None:
    world.station("free", 22.542, 114.058, free=1)
    world.station("strong", 22.543, 114.058, free=0, power="250")
    world.station("european", 22.544, 114.058, free=0, plug=Plug.TYPE2)
    world.station("parking", 22.545, 114.058, free=0, parking=Parking(free=True))
    assert set(names(world, Wishes(filters=filters))) == kept


def test_the_circle_grows_until_something_is_there(world: World) -> None:
    world.station("far", 22.541 + 0.3, 114.058, price="1.00")  # 33 km north
    found = world.services.finder.near(world.here, Wishes())
    assert (found.radius_m, [one.station.name for one in found.offers]) == (50_000, ["far"])
    fixed = world.services.finder.near(world.here, Wishes(radius_m=10_000))
    assert (fixed.offers, fixed.radius_m) == ((), 10_000)
    assert fixed.nearest_m == pytest.approx(33_000, rel=0.02)


def test_the_middle_of_the_sea(town: World) -> None:
    found = town.services.finder.near(Point(0.0, -150.0), Wishes())
    assert found.offers == ()
    assert found.nearest_m is not None
    assert found.nearest_m > 5_000_000


def test_swapped_numbers_that_are_still_a_place(world: World) -> None:
    """(48.86, 2.35) is Paris; (2.35, 48.86) is the Indian Ocean and nobody means it."""
    world.station("Paris", 48.86, 2.35, price="0.5", currency="EUR")
    with pytest.raises(UserError, match="swapped_coordinates"):
        world.services.finder.near(Point(2.35, 48.86), Wishes())


def test_a_gcj_pin_finds_what_stands_under_it(world: World) -> None:
    here = world.here
    world.station("under", here.lat, here.lng, price="1.00")
    found = world.services.finder.near(here.to(Datum.GCJ02), Wishes())
    assert found.offers[0].distance_m < 1
    naive = replace(here.to(Datum.GCJ02), datum=Datum.WGS84)
    assert world.services.finder.near(naive, Wishes()).offers[0].distance_m > 400


def test_my_energy_changes_the_total(world: World) -> None:
    world.station("a", 22.542, 114.058, price="1.00")
    totals = []
    for kwh in (10, 50):
        offer = world.services.finder.near(world.here, Wishes(energy_kwh=Decimal(kwh))).offers[0]
        assert offer.quote is not None
        totals.append(offer.quote.total.amount_minor)
    assert totals == [1000, 5000]


def test_old_states_do_not_count_as_free(world: World) -> None:
    world.station("a", 22.542, 114.058, free=3)
    world.clock.advance(minutes=11)
    offer = world.services.finder.near(world.here, Wishes()).offers[0]
    assert (offer.guns.free, offer.guns.last_free) == (None, 3)
    assert names(world, Wishes(filters=Filters(free_now=True))) == []


def test_a_silent_supplier_is_named(world: World) -> None:
    station = world.station("a", 22.542, 114.058, free=3)

    class Reporter:
        supplier = world.source.supplier

        def statuses(self, external_ids: object) -> list[StatusReport]:
            gun = station.connectors[0]
            return [StatusReport(gun.ref, gun.status, world.clock.now())]

    world.services.catalogue.pull_statuses(Reporter())  # type: ignore[arg-type]  # a list is iterable enough
    assert world.services.finder.near(world.here, Wishes()).silent == ()
    world.clock.advance(minutes=40)
    silent = world.services.finder.near(world.here, Wishes()).silent
    assert [one.name for one in silent] == ["Testing Power"]


def test_the_supplier_gets_its_credit(town: World) -> None:
    assert town.services.finder.near(town.here, Wishes()).credits == ("Testing Power, open data",)


def test_a_station_by_its_id_ignores_filters(town: World) -> None:
    station = town.source.items[0]
    wishes = Wishes(filters=Filters(min_power_kw=Decimal(900)))
    assert town.services.finder.station(station.id, wishes, seen_from=town.here).station.id == station.id  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        town.services.finder.station("nothing", Wishes())


def test_no_answer_before_the_catalogue_is_loaded(world: World) -> None:
    empty = InMemoryStationIndex(world.services.database, world.clock)  # type: ignore[arg-type]  # a SqlDatabase
    finder = StationFinder(empty, list, world.clock)
    with pytest.raises(NotReady):
        finder.near(world.here, Wishes())


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 101}, {"offset": -1}])
def test_impossible_pages(town: World, page: dict[str, int]) -> None:
    with pytest.raises(UserError, match="bad_page"):
        town.services.finder.near(town.here, Wishes(), **page)


@pytest.mark.parametrize("kwh", ["0", "0.5", "201", "NaN", "Infinity"])
def test_impossible_energies(kwh: str) -> None:
    with pytest.raises(UserError, match="bad_energy"):
        Wishes(energy_kwh=Decimal(kwh))


def test_sorts_agree_with_their_names(town: World) -> None:
    found = town.services.finder.near(town.here, Wishes(sort=Sort.PRICE), limit=100).offers
    prices = [one.quote.exact for one in found if one.quote]
    assert prices == sorted(prices)
    found = town.services.finder.near(town.here, Wishes(sort=Sort.DISTANCE), limit=100).offers
    assert [one.distance_m for one in found] == sorted(one.distance_m for one in found)


# --- typed places -------------------------------------------------------------------------------------------


class Atlas:
    """A geocoder that knows what the test tells it, or is away."""

    def __init__(self, places: dict[str, Point] | None) -> None:
        self.places = places

    def find(self, text: str, language: str) -> Place | None:
        if self.places is None:
            raise SupplierUnavailable("geocoder", "a place")
        point = self.places.get(text)
        return Place(text, point) if point else None


def finder_with(world: World, atlas: Atlas | None) -> StationFinder:
    return StationFinder(world.services.index, list, world.clock, atlas)


def test_coordinates_can_be_typed(world: World) -> None:
    assert finder_with(world, None).place("22.5410, 114.0580", "en").point == world.here


def test_the_geocoder_answers_first(town: World) -> None:
    berlin = Point(52.52, 13.41)
    assert finder_with(town, Atlas({"Futian": berlin})).place(" Futian ", "en").point == berlin


@pytest.mark.parametrize("atlas", [None, Atlas({}), Atlas(None)])
def test_our_own_stations_answer_otherwise(town: World, atlas: Atlas | None) -> None:
    point = finder_with(town, atlas).place("futian", "en").point
    assert distance_m(point, town.here) < 3_000


def test_a_place_nobody_knows(town: World) -> None:
    for text in ("Atlantis", "", "   "):
        with pytest.raises(UserError, match="place_not_found"):
            finder_with(town, None).place(text, "en")


def test_operators_around_here(town: World) -> None:
    assert town.services.finder.operators_near(town.here) == [("Op0", "Op0"), ("Op1", "Op1")]
