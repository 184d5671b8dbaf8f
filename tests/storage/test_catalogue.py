"""Stations, suppliers and quarantine, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from core.geo import Datum, Point
from core.opening import OpeningHours, Period
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    Facility,
    NoPrice,
    Parking,
    Plug,
    Rejected,
    Station,
    Supplier,
    station_key,
)
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import BAMBOO, LOTUS, NOON, gun, minutes, only, ref, save, station, stored, yuan


def full_station() -> Station:
    """Every field set to something that is not its default."""
    guns = (
        Connector(
            ref=ConnectorRef("OP1", "000123"),
            plug=Plug.CCS2,
            power_kw=Decimal("149.90"),
            label="A1",
            pile="A",
            count=2,
            status=ConnectorStatus.OCCUPIED,
            status_at=datetime(2026, 11, 23, 3, 59, 59, 123456, tzinfo=UTC),
            bay_blocked=True,
            tariff_id=yuan("1.20").id,
            price_seen_at=NOON,
            no_price=None,
        ),
        Connector(ref=ConnectorRef("OP1", "000124"), bay_blocked=False, no_price=NoPrice.TEXT_ONLY),
    )
    return Station(
        id=station_key("lotus", "1"),
        supplier_id="lotus",
        external_id="1",
        name="莲花路 🔌 <b>Lotus</b>",
        point=Point(22.123456789012345, -114.05, accuracy_m=12.5),
        connectors=guns,
        operator_id="OP1",
        operator_name="莲花",
        global_id="CN*LOT*1",
        address="莲花路 1",
        country="CN",
        time_zone="Asia/Shanghai",
        hours=OpeningHours(periods=(Period(0, 480, 1560), Period(6, 0, 60)), text="daily"),
        parking=Parking(free=True, text="two hours"),
        facilities=frozenset({Facility.TOILET, Facility.FOOD}),
        phone="+86 1",
        guide="behind the mall",
        price_text="1.2 yuan",
        public=False,
        source_datum=Datum.GCJ02,
        licence="CC-BY",
        attribution="Lotus",
        updated_at=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8))),
    )


def test_a_station_comes_back_as_it_went_in(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        unit.catalogue.save_stations([full_station()], NOON)
        unit.catalogue.add_tariffs([yuan("1.20")])
    back = only(database)
    assert back == full_station()
    assert str(back.connectors[0].power_kw) == "149.90"
    assert back.updated_at is not None
    assert back.updated_at.utcoffset() == timedelta(0)


def test_the_same_list_twice_changes_nothing(database: SqlDatabase) -> None:
    stations = [station(number, gun(f"{number}a"), gun(f"{number}b")) for number in range(1200)]
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        first = unit.catalogue.save_stations(stations, NOON)
    with database.write() as unit:
        second = unit.catalogue.save_stations(stations, NOON + minutes(1))
    assert (len(first.added), len(first.changed), first.unchanged) == (1200, 0, 0)
    assert (len(second.added), len(second.changed), second.unchanged) == (0, 0, 1200)
    with database.read() as unit:
        assert unit.catalogue.changed_since(NOON + minutes(1)) == []
    assert stored(database) == sorted(stations, key=lambda one: one.id)


def test_a_newer_list_adds_changes_and_drops_guns(database: SqlDatabase) -> None:
    save(database, station(1, gun("1a"), gun("1b")), station(2))
    newer = [station(1, gun("1b"), gun("1c"), name="New name"), station(2), station(3)]
    with database.write() as unit:
        diff = unit.catalogue.save_stations(newer, NOON + minutes(1))
    assert diff.added == [newer[2].id]
    assert diff.changed == [newer[0].id]
    assert diff.unchanged == 1
    assert diff.touched == [newer[2].id, newer[0].id]
    assert stored(database, newer[0].id) == [newer[0]]
    with database.read() as unit:
        assert set(unit.catalogue.changed_since(NOON + minutes(1))) == {newer[0].id, newer[2].id}


def test_a_list_that_repeats_itself_is_not_refused(database: SqlDatabase) -> None:
    twice = station(1, gun("1a"), gun("1a", label="second word"))
    save(database, station(1, name="first"), twice)
    assert only(database) == station(1, gun("1a"))


def test_missing_stations_are_removed_and_may_come_back(database: SqlDatabase) -> None:
    save(database, station(1), station(2), station(3, supplier=BAMBOO))
    with database.write() as unit:
        gone = unit.catalogue.remove_missing("lotus", {station(1).id}, NOON + minutes(1))
    assert gone == [station(2).id]
    assert {one.external_id for one in stored(database)} == {"1", "3"}
    assert stored(database, station(2).id) == []
    with database.read() as unit:
        assert unit.catalogue.changed_since(NOON + minutes(1)) == [station(2).id]
        assert unit.catalogue.external_ids("lotus") == ["1"]
        assert unit.catalogue.connector_refs("lotus") == [ref(1)]
        assert {one.supplier.id: one.stations for one in unit.catalogue.suppliers()} == {"lotus": 1, "bamboo": 1}
    with database.write() as unit:
        assert unit.catalogue.remove_missing("lotus", {station(1).id}, NOON + minutes(2)) == []
        diff = unit.catalogue.save_stations([station(2)], NOON + minutes(3))
    assert diff.added == [station(2).id]
    assert stored(database, station(2).id) == [station(2)]


def test_text_that_no_database_holds_stops_nothing(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        unit.catalogue.save_stations([station(1, name="half \ud83d emoji\x00", address="\x00")], NOON)
        unit.catalogue.quarantine("lotus", [Rejected("x", "bad", raw="\x00\udc00")], NOON)
    assert only(database).name == "half ? emoji"


def test_a_station_needs_its_supplier_and_its_tariff(database: SqlDatabase) -> None:
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.catalogue.save_stations([station(1)], NOON)
    with pytest.raises(IntegrityError):
        save(database, station(1, gun(1, tariff_id="of nobody")))
    assert stored(database) == []


def test_suppliers_and_their_pulls(database: SqlDatabase) -> None:
    changed = Supplier("lotus", "cec", "Lotus", datum=Datum.GCJ02)
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        unit.catalogue.save_supplier(changed)
        unit.catalogue.note_pull("lotus", "catalogue", NOON)
        unit.catalogue.note_pull("lotus", "status", NOON, "first")
        unit.catalogue.note_pull("lotus", "catalogue", NOON + minutes(1), "second")
    with database.read() as unit:
        (state,) = unit.catalogue.suppliers()
    assert state.supplier == changed
    assert state.stations == 0
    assert state.last_success_at == {"catalogue": NOON}
    assert (state.last_error, state.last_error_at) == ("second", NOON + minutes(1))
    with database.write() as unit:
        unit.catalogue.note_pull("lotus", "catalogue", NOON + minutes(2))
        unit.catalogue.note_pull("lotus", "status", NOON + minutes(3))
    with database.read() as unit:
        (state,) = unit.catalogue.suppliers()
    assert state.last_success_at == {"catalogue": NOON + minutes(2), "status": NOON + minutes(3)}
    assert (state.last_error, state.last_error_at) == ("", None)


def test_quarantine_counts_what_it_has_seen(database: SqlDatabase) -> None:
    bad = Rejected("7", "bad_coordinates", "lat 91", '{"lat": 91}')
    worse = Rejected("7", "bad_coordinates", "lat 92", '{"lat": 92}')
    nameless = [Rejected("", "no_id", raw="line 1"), Rejected("", "no_id", raw="line 2")]
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        unit.catalogue.save_supplier(BAMBOO)
        unit.catalogue.quarantine("lotus", [bad, bad, *nameless], NOON)
        unit.catalogue.quarantine("bamboo", [Rejected("7", "bad_price")], NOON)
    with database.write() as unit:
        unit.catalogue.quarantine("lotus", [worse], NOON + minutes(1))
    with database.read() as unit:
        newest, *others = unit.catalogue.quarantined("lotus", 10)
        assert len(unit.catalogue.quarantined(None, 10)) == 4
        assert len(unit.catalogue.quarantined(None, 2)) == 2
    assert (newest.external_id, newest.times, newest.detail, newest.raw) == ("7", 3, "lat 92", '{"lat": 92}')
    assert (newest.first_seen_at, newest.last_seen_at) == (NOON, NOON + minutes(1))
    assert sorted((one.raw, one.times) for one in others) == [("line 1", 1), ("line 2", 1)]


def test_ids_that_the_columns_clean_to_the_same_are_one_gun(database: SqlDatabase) -> None:
    save(database, station(1, gun("A"), gun("A\x00", label="the last word counts")))
    (kept,) = only(database).connectors
    assert (kept.ref, kept.label) == (ref("A"), "the last word counts")


def test_every_kind_of_value_comes_back_as_it_went(database: SqlDatabase) -> None:
    told = station(
        1,
        gun(1, power_kw=Decimal("7.40"), bay_blocked=True, status=ConnectorStatus.OCCUPIED, status_at=NOON),
        gun(2, power_kw=None, bay_blocked=False, count=3),
        gun(3),
        name='充电 "quotes" \\u0000 {json} $1 %s',
        point=Point(22.123456789012345, -0.1),
        updated_at=NOON + timedelta(microseconds=1),
        public=False,
    )
    save(database, told)
    assert only(database) == told
    save(database, replace(told, name="again"))
    assert only(database) == replace(told, name="again")
