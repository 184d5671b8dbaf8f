"""A live supplier is held against what we know: what cannot be waits in quarantine, the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import KilowatchError, SupplierUnavailable
from core.geo import Point
from core.ports import QuarantineRow
from core.services.catalogue import CatalogueService
from core.services.loading import LoadReport
from core.services.steward import Steward, SupplierRow
from core.station import ConnectorStatus, NoPrice, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff, flat_tariff
from storage.redis_stream import NoChangeStream
from tests.fakes import FakeSupplier
from tests.world import SetClock, World, make_world

YUAN = flat_tariff("CNY", Decimal("1.5"))


class Live(FakeSupplier):
    """A live supplier of forty stations that can tell its changes and may send price lists along."""

    def __init__(self, clock: SetClock, supplier_id: str = "live", count: int = 40) -> None:
        super().__init__(clock, supplier_id)
        self.price_lists: dict[str, Tariff] = {}
        self.asked_since: list[datetime] = []
        self.asked = 0
        for n in range(count):
            self.builds(f"S{n}", Point(22.5 + n / 100, 114.0 + n / 100))

    def stations(self) -> Iterator[Station | Rejected]:
        self.asked += 1
        return super().stations()

    def tariffs(self) -> dict[str, Tariff]:
        return self.price_lists

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        self.asked_since.append(since)
        yield from (one for one in self.listed.values() if one.updated_at and one.updated_at >= since)

    def moves(self, external_id: str, lat: float, lng: float) -> None:
        self.listed[external_id] = replace(self.listed[external_id], point=Point(lat, lng))

    def lists_price(self, external_id: str, tariff: Tariff) -> None:
        self.price_lists[tariff.id] = tariff
        station = self.listed[external_id]
        guns = tuple(replace(gun, tariff_id=tariff.id, no_price=None) for gun in station.connectors)
        self.listed[external_id] = replace(station, connectors=guns)


@dataclass
class Bench:
    world: World
    live: Live
    reports: list[LoadReport] = field(default_factory=list)

    def pull(self) -> LoadReport:
        self.reports.append(self.world.services.catalogue.pull(self.live))
        return self.reports[-1]

    def held(self, external_id: str = "S1") -> Station | None:
        return self.world.services.desk.station(self.live.supplier.id, external_id)

    def quarantined(self) -> list[QuarantineRow]:
        with self.world.services.database.read() as unit:
            return unit.catalogue.quarantined(self.live.supplier.id, 100)

    def reasons(self) -> dict[str, str]:
        return {row.external_id: row.reason for row in self.quarantined()}

    @property
    def steward(self) -> Steward:
        return Steward(self.world.services.database, self.world.clock)

    @property
    def row(self) -> SupplierRow:
        (row,) = self.steward.suppliers()
        return row


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    world = make_world(tmp_path)
    made = Bench(world, Live(world.clock))
    made.pull()
    return made


# --- places ---------------------------------------------------------------------------------------------------


def test_null_island_and_exchanged_coordinates_wait_and_the_rest_goes_on(bench: Bench) -> None:
    bench.live.moves("S1", 0.0, 0.0)
    bench.live.moves("S2", 114.02 - 90, 22.52)  # anywhere else but home
    bench.live.listed["S3"] = replace(bench.live.listed["S3"], name="New name")
    bench.pull()
    assert bench.reasons() == {"S1": "bad_coordinates", "S2": "moved"}
    held = bench.held("S1")
    assert held is not None  # it is there, it only said something wrong
    assert held.point.lat == 22.51
    renamed = bench.held("S3")
    assert renamed is not None
    assert renamed.name == "New name"


def test_a_refused_row_keeps_its_raw_form(bench: Bench) -> None:
    bench.live.moves("S1", 0.0, 0.0)
    bench.pull()
    raw = json.loads(bench.quarantined()[0].raw)
    assert (raw["external_id"], raw["point"]["lat"], raw["name"]) == ("S1", 0.0, "Station S1")


def test_a_first_list_is_its_own_crowd(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    bench = Bench(world, Live(world.clock))
    for n in range(10, 40):
        bench.live.moves(f"S{n}", 52.5 + n / 1000, 13.4)
    bench.live.moves("S5", 13.4, 52.5)
    for n in range(21):
        made = bench.live.builds(f"HQ{n}", Point(52.6, 13.5))
        bench.live.listed[f"HQ{n}"] = replace(made, address=f"{n} High Street")
    bench.pull()
    assert bench.reasons() == {"S5": "swapped_coordinates"} | {f"HQ{n}": "crowded_point" for n in range(21)}


def test_a_car_park_is_no_head_office(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    bench = Bench(world, Live(world.clock))
    for n in range(30):
        made = bench.live.builds(f"P{n}", Point(22.6, 114.1))
        bench.live.listed[f"P{n}"] = replace(made, address="1 Park Lane" if n < 28 else f"{n} Park Lane")
    assert (bench.pull().added, bench.reasons()) == (70, {})


def test_a_move_waits_until_it_is_said_again_an_hour_later(bench: Bench) -> None:
    bench.live.moves("S1", 22.6, 114.01)
    bench.live.renames("S1", "Moved and renamed")
    for _ in range(3):
        bench.pull()
        held = bench.held()
        assert held is not None
        assert (held.point.lat, held.name) == (22.51, "Moved and renamed")
        bench.world.clock.advance(minutes=20)
    bench.pull()
    held = bench.held()
    assert held is not None
    assert held.point.lat == 22.6
    assert bench.reasons() == {}


def test_a_station_that_wanders_is_never_believed(bench: Bench) -> None:
    for n in range(6):
        bench.live.moves("S1", 22.6 + n / 100, 114.01)
        bench.pull()
        bench.world.clock.advance(minutes=59)
    held = bench.held()
    assert held is not None
    assert held.point.lat == 22.51


def test_a_move_that_is_taken_back_is_forgotten(bench: Bench) -> None:
    bench.live.moves("S1", 22.6, 114.01)
    bench.pull()
    bench.live.moves("S1", 22.51, 114.01)
    bench.pull()
    assert bench.reasons() == {}


def test_a_push_goes_through_the_same_gate(bench: Bench) -> None:
    station = bench.live.listed["S1"]
    bench.world.services.desk.stations("live", [replace(station, point=Point(0.0, 0.0))])
    bench.world.services.desk.stations("live", [replace(bench.live.listed["S2"], point=Point(22.9, 114.0))])
    assert bench.reasons() == {"S1": "bad_coordinates", "S2": "moved"}
    assert bench.held() == station
    ref = station.connectors[0].ref
    bench.world.services.desk.prices("live", [(ref, YUAN)])
    bench.world.services.desk.prices("live", [(ref, flat_tariff("CNY", Decimal(150)))])
    held = bench.held()
    assert held is not None
    assert held.connectors[0].tariff_id == YUAN.id
    assert bench.reasons()[ref.connector_id] == "implausible_price"


# --- prices ---------------------------------------------------------------------------------------------------


def test_one_mad_price_waits_and_the_others_go_on(bench: Bench) -> None:
    catalogue = bench.world.services.catalogue
    catalogue.pull_prices(bench.live)
    mad, other = (bench.live.listed[name].connectors[0].ref for name in ("S1", "S2"))
    new = flat_tariff("CNY", Decimal("1.6"))
    bench.live.sets_price(mad, flat_tariff("CNY", Decimal(16)))
    bench.live.sets_price(other, new)
    bench.world.clock.advance(minutes=15)
    catalogue.pull_prices(bench.live)
    with bench.world.services.database.read() as unit:
        assert unit.catalogue.tariff_ids("live", [mad, other]) == {mad: YUAN.id, other: new.id}
    assert bench.reasons() == {mad.connector_id: "implausible_price"}
    assert json.loads(bench.quarantined()[0].raw)["currency"] == "CNY"


def test_a_listed_price_that_cannot_be_leaves_the_one_before(bench: Bench) -> None:
    for n in range(40):
        bench.live.lists_price(f"S{n}", YUAN)
    bench.pull()
    bench.live.lists_price("S1", flat_tariff("CNY", Decimal(150)))
    bench.live.builds("new", Point(22.6, 114.1))
    bench.live.lists_price("new", flat_tariff("CNY", Decimal(99)))
    bench.pull()
    held, new = bench.held(), bench.held("new")
    assert held is not None
    assert new is not None
    assert held.connectors[0].tariff_id == YUAN.id
    assert (new.connectors[0].tariff_id, new.connectors[0].no_price) == (None, NoPrice.IMPLAUSIBLE)


# --- freezing -------------------------------------------------------------------------------------------------


def loses(live: Live, count: int) -> None:
    for n in range(count):
        live.removes(f"S{n}")


def test_a_list_that_lost_a_third_freezes_the_supplier(bench: Bench) -> None:
    loses(bench.live, 14)
    bench.live.renames("S20", "Lies")
    report = bench.pull()
    assert (report.removed, report.vanished, report.stations) == (0, 14, 0)
    assert report.frozen == "14 of 40 stations gone in one list"
    assert bench.held("S1") is not None
    held = bench.held("S20")
    assert held is not None
    assert held.name == "Station S20"  # nothing of it was taken
    assert bench.row.freeze is not None
    assert (bench.row.freeze.reason, bench.row.freeze.who) == (report.frozen, "kilowatch")
    assert report.frozen in bench.row.last_error


def test_a_list_that_lost_a_little_is_believed(bench: Bench) -> None:
    loses(bench.live, 12)
    assert (bench.pull().removed, bench.row.freeze) == (12, None)


def test_a_frozen_supplier_is_not_even_asked(bench: Bench) -> None:
    bench.steward.freeze("live", "their data centre burns", "Lin")
    catalogue, asked = bench.world.services.catalogue, bench.live.asked
    assert bench.pull().frozen == "their data centre burns"
    assert catalogue.pull_prices(bench.live) == catalogue.pull_statuses(bench.live) == 0
    assert catalogue.pull_changes(bench.live) == LoadReport("live", frozen="their data centre burns")
    assert (bench.live.asked, bench.live.asked_since) == (asked, [])
    ref = bench.live.listed["S1"].connectors[0].ref
    bench.world.services.desk.statuses("live", [StatusReport(ref, ConnectorStatus.FREE, bench.world.clock.now())])
    held = bench.held()
    assert held is not None
    assert held.connectors[0].status is ConnectorStatus.UNKNOWN


def test_after_a_thaw_the_next_list_is_believed_and_only_that(bench: Bench) -> None:
    loses(bench.live, 20)
    bench.pull()
    assert bench.steward.thaw("live", "Lin")
    assert bench.row.thawed
    assert bench.pull().removed == 20
    assert not bench.row.thawed
    loses_more = [f"S{n}" for n in range(20, 30)]
    for one in loses_more:
        bench.live.removes(one)
    assert bench.pull().frozen


def test_a_thaw_believes_moves_too(bench: Bench) -> None:
    """A partner who corrects its datum moves everything at once."""
    for n in range(40):
        bench.live.moves(f"S{n}", 22.505 + n / 100, 114.0 + n / 100)
    assert bench.pull().frozen == "40 of 40 rows newly refused in one list"
    bench.steward.thaw("live", "Lin")
    assert bench.pull().changed == 40


def test_new_nonsense_freezes_and_old_nonsense_does_not(bench: Bench) -> None:
    bench.live.broken_rows = [Rejected(f"bad{n}", "bad_row", raw=f"{n}") for n in range(5)]
    report = bench.pull()
    assert (report.frozen, report.quarantined) == ("5 of 45 rows newly refused in one list", 5)
    assert len(bench.quarantined()) == 5
    bench.steward.thaw("live", "Lin")
    assert bench.pull().frozen == ""
    assert bench.pull().frozen == ""  # the same five rows every day are known by now


def test_prices_that_cannot_be_do_not_freeze_the_stations(bench: Bench) -> None:
    for n in range(40):
        bench.live.lists_price(f"S{n}", YUAN)
    bench.pull()
    for n in range(40):
        bench.live.lists_price(f"S{n}", flat_tariff("CNY", Decimal(150)))
    bench.live.renames("S1", "New name")
    report = bench.pull()
    assert (report.frozen, report.quarantined) == ("", 80)
    held = bench.held()
    assert held is not None
    assert (held.name, held.connectors[0].tariff_id) == ("New name", YUAN.id)


def test_what_says_that_it_is_gone_is_no_nonsense(bench: Bench) -> None:
    loses(bench.live, 8)
    bench.live.broken_rows = [Rejected(f"S{n}", "removed") for n in range(8)]
    report = bench.pull()
    assert (report.frozen, report.removed) == ("", 8)


def test_small_numbers_do_not_freeze(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    bench = Bench(world, Live(world.clock, count=9))
    bench.pull()
    loses(bench.live, 5)
    bench.live.broken_rows = [Rejected("bad", "bad_row")]
    assert (bench.pull().removed, bench.row.freeze) == (5, None)
    loses_all = list(bench.live.listed)
    for one in loses_all:
        bench.live.removes(one)
    bench.live.broken_rows = []
    report = bench.pull()
    assert (report.removed, report.vanished) == (0, 4)  # a list of nothing says nothing


def test_a_first_list_is_taken_for_what_is_good_in_it(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    bench = Bench(world, Live(world.clock))
    bench.live.broken_rows = [Rejected(f"bad{n}", "bad_row") for n in range(20)]
    report = bench.pull()
    assert (report.frozen, report.added, report.quarantined) == ("", 40, 20)


# --- whole lists and changes ----------------------------------------------------------------------------------


def test_a_list_that_never_ends_is_ended(bench: Bench) -> None:
    clock = bench.world.clock

    @dataclass
    class Endless:
        supplier: Supplier = bench.live.supplier

        def stations(self) -> Iterator[Station | Rejected]:
            while True:
                yield from bench.live.listed.values()
                clock.advance(minutes=1)

    with pytest.raises(SupplierUnavailable, match="it took more than"):
        bench.world.services.catalogue.pull(Endless())
    assert bench.world.services.index.refresh() >= 0
    assert bench.held("S39") is not None


def test_a_list_that_is_too_large_is_not_put_aside_for_ever(bench: Bench) -> None:
    services = bench.world.services
    small = CatalogueService(services.database, NoChangeStream(), services.clock, largest_list_bytes=1000)
    with pytest.raises(SupplierUnavailable, match="more than 1000 bytes"):
        small.pull(bench.live)
    assert bench.held("S39") is not None


def test_changes_are_asked_for_by_the_suppliers_own_clock(bench: Bench) -> None:
    catalogue, clock = bench.world.services.catalogue, bench.world.clock
    assert catalogue.pull_changes(bench.live) is None  # nothing we hold has a date
    dated = clock.now() - timedelta(hours=3)
    bench.live.listed["S1"] = replace(bench.live.listed["S1"], updated_at=dated)
    bench.pull()
    changed = clock.now() - timedelta(hours=1)
    bench.live.listed["S2"] = replace(bench.live.listed["S2"], name="Changed", updated_at=changed)
    bench.live.removes("S3")
    report = catalogue.pull_changes(bench.live)
    assert report is not None
    assert (report.rows, report.changed, report.removed) == (2, 1, 0)
    assert bench.live.asked_since == [dated - timedelta(minutes=15)]
    assert bench.held("S3") is not None  # only a whole list shows what is gone
    catalogue.pull_changes(bench.live)
    assert bench.live.asked_since[1] == changed - timedelta(minutes=15)
    assert "changes" in bench.row.ages


def test_a_date_in_the_future_does_not_stop_changes(bench: Bench) -> None:
    clock = bench.world.clock
    bench.live.listed["S1"] = replace(bench.live.listed["S1"], updated_at=clock.now() + timedelta(days=900))
    bench.pull()
    bench.world.services.catalogue.pull_changes(bench.live)
    assert bench.live.asked_since == [clock.now() - timedelta(minutes=15)]


# --- the steward ----------------------------------------------------------------------------------------------


def test_the_steward_sees_how_a_supplier_does(bench: Bench) -> None:
    bench.world.services.catalogue.pull_statuses(bench.live)
    bench.world.clock.advance(minutes=7)
    with bench.live.silent(), pytest.raises(SupplierUnavailable):
        bench.world.services.catalogue.pull_prices(bench.live)
    row = bench.row
    assert (row.supplier_id, row.name, row.stations, row.guns) == ("live", "Fake Charging", 40, 80)
    assert row.ages == {"catalogue": timedelta(minutes=7), "status": timedelta(minutes=7)}
    assert "no answer in time" in row.last_error
    assert row.last_error_at == bench.world.clock.now()


def test_the_steward_freezes_and_thaws_what_there_is(bench: Bench) -> None:
    assert bench.steward.freeze("live", "why", "Lin")
    assert not bench.steward.freeze("live", "again", "Lin")
    assert bench.steward.thaw("live", "Lin")
    assert not bench.steward.thaw("live", "Lin")
    with pytest.raises(KilowatchError, match="no supplier nobody; there are: live"):
        bench.steward.freeze("nobody", "why", "Lin")
    with pytest.raises(KilowatchError, match="no supplier nobody"):
        bench.steward.thaw("nobody", "Lin")


def test_a_file_is_what_a_person_wants_to_have_in(bench: Bench) -> None:
    service: CatalogueService = bench.world.services.catalogue
    loses(bench.live, 30)
    assert service.load(bench.live, doubt_shrinking=False).removed == 30
