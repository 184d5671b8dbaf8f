"""Live status and prices: the newer word counts, a list without them takes nothing away, every change is kept."""

from __future__ import annotations

from datetime import datetime

from core.station import Connector, ConnectorRef, ConnectorStatus, NoPrice
from core.tariff import Tariff
from storage.tables import price_observations
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import (
    BAMBOO,
    NOON,
    gun,
    minutes,
    only,
    ref,
    report,
    rows,
    save,
    station,
    stored,
    yuan,
)

FREE, CHARGING = ConnectorStatus.FREE, ConnectorStatus.CHARGING


def the_gun(database: SqlDatabase) -> Connector:
    (one,) = only(database).connectors
    return one


def set_price(database: SqlDatabase, number: int, tariff: Tariff, at: datetime) -> list[str]:
    with database.write() as unit:
        return unit.catalogue.save_tariffs("lotus", [(ref(number), tariff)], at)


def history(database: SqlDatabase) -> list[tuple[str, str, datetime]]:
    return [(row.connector_id, row.tariff_id, row.observed_at) for row in rows(database, price_observations)]


def test_only_newer_reports_count(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.write() as unit:
        touched = unit.catalogue.save_statuses("lotus", [report(1, FREE, NOON, bay_blocked=True)], NOON)
    assert touched == [station(1).id]
    with database.write() as unit:
        late = [report(1, CHARGING, NOON), report(1, CHARGING, NOON - minutes(1))]
        assert unit.catalogue.save_statuses("lotus", late, NOON + minutes(1)) == []
    one = the_gun(database)
    assert (one.status, one.status_at, one.bay_blocked) == (FREE, NOON, True)
    with database.write() as unit:
        # The same word again is newer knowledge; of two at once the later counts.
        news = [report(1, FREE, NOON + minutes(3)), report(1, CHARGING, NOON + minutes(2))]
        assert unit.catalogue.save_statuses("lotus", news, NOON + minutes(3)) == [station(1).id]
    one = the_gun(database)
    assert (one.status, one.status_at, one.bay_blocked) == (FREE, NOON + minutes(3), None)


def test_reports_reach_only_the_guns_they_name(database: SqlDatabase) -> None:
    other = gun(1)
    save(database, station(1, gun(1), gun(2)), station(2, other, supplier=BAMBOO))
    with database.write() as unit:
        news = [report(1, FREE, NOON), report("unknown", FREE, NOON)]
        assert unit.catalogue.save_statuses("lotus", news, NOON) == [station(1).id]
        assert unit.catalogue.save_statuses("lotus", [], NOON) == []
    (first, second), (bamboo,) = (
        stored(database, station(1).id)[0].connectors,
        stored(database, station(2, supplier=BAMBOO).id)[0].connectors,
    )
    assert (first.status, second.status, bamboo.status) == (FREE, ConnectorStatus.UNKNOWN, ConnectorStatus.UNKNOWN)


def test_ids_of_guns_are_pairs(database: SqlDatabase) -> None:
    save(database, station(1, gun(ref=ConnectorRef("A", "1")), gun(ref=ConnectorRef("B", "1"))))
    swapped = [report(1, FREE, NOON)]
    swapped[0] = type(swapped[0])(ConnectorRef("B", "1"), FREE, NOON)
    with database.write() as unit:
        unit.catalogue.save_statuses("lotus", swapped, NOON)
    assert [one.status for one in only(database).connectors] == [ConnectorStatus.UNKNOWN, FREE]


def test_a_report_from_the_future_counts_as_heard_now(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.write() as unit:
        unit.catalogue.save_statuses("lotus", [report(1, FREE, NOON + minutes(480))], NOON)
        unit.catalogue.save_statuses("lotus", [report(1, CHARGING, NOON + minutes(481))], NOON + minutes(1))
    one = the_gun(database)
    assert (one.status, one.status_at) == (CHARGING, NOON + minutes(1))


def test_many_reports_at_once(database: SqlDatabase) -> None:
    save(database, *(station(number) for number in range(1300)))
    with database.write() as unit:
        news = [report(number, FREE, NOON) for number in range(1300)]
        assert len(unit.catalogue.save_statuses("lotus", news, NOON)) == 1300
    assert all(one.connectors[0].status is FREE for one in stored(database))


def test_a_list_without_live_values_keeps_them(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.write() as unit:
        unit.catalogue.save_statuses("lotus", [report(1, FREE, NOON, bay_blocked=False)], NOON)
    set_price(database, 1, yuan("1.20"), NOON)
    before = the_gun(database)
    save(database, station(1, name="New name"), at=NOON + minutes(1))
    assert only(database).name == "New name"
    assert the_gun(database) == before
    assert before.no_price is None


def test_a_list_with_live_values_counts_when_it_is_newer(database: SqlDatabase) -> None:
    told = gun(1, status=FREE, status_at=NOON, tariff_id=yuan("1").id, price_seen_at=NOON, no_price=None)
    with database.write() as unit:
        unit.catalogue.add_tariffs([yuan("1"), yuan("2")])
    save(database, station(1, told))
    with database.write() as unit:
        unit.catalogue.save_statuses("lotus", [report(1, CHARGING, NOON + minutes(1))], NOON + minutes(1))
    set_price(database, 1, yuan("2"), NOON + minutes(1))
    with database.write() as unit:
        # The same file again: its live values are older than what we know.
        again = unit.catalogue.save_stations([station(1, told)], NOON + minutes(2))
    assert again.unchanged == 1
    assert (the_gun(database).status, the_gun(database).tariff_id) == (CHARGING, yuan("2").id)
    newer = gun(1, status=FREE, status_at=NOON + minutes(3), tariff_id=yuan("1").id, price_seen_at=NOON + minutes(3))
    with database.write() as unit:
        changed = unit.catalogue.save_stations([station(1, newer)], NOON + minutes(3))
    assert changed.changed == [station(1).id]
    assert (the_gun(database).status, the_gun(database).tariff_id) == (FREE, yuan("1").id)
    assert [price for _, price, _ in history(database)] == [yuan("1").id, yuan("2").id, yuan("1").id]


def test_a_price_seen_again_in_a_list_is_only_younger(database: SqlDatabase) -> None:
    told = station(1, gun(1, tariff_id=yuan("1").id))
    with database.write() as unit:
        unit.catalogue.add_tariffs([yuan("1")])
    save(database, told)
    with database.write() as unit:
        diff = unit.catalogue.save_stations([told], NOON + minutes(1))
    assert (diff.changed, diff.unchanged) == ([], 1)
    assert the_gun(database).price_seen_at == NOON + minutes(1)
    assert len(history(database)) == 1
    with database.read() as unit:
        assert unit.catalogue.changed_since(NOON + minutes(1)) == [told.id]


def test_the_reason_for_no_price_follows_the_list(database: SqlDatabase) -> None:
    save(database, station(1, gun(1, no_price=NoPrice.NOT_PUBLISHED)))
    with database.write() as unit:
        diff = unit.catalogue.save_stations([station(1, gun(1, no_price=NoPrice.TEXT_ONLY))], NOON + minutes(1))
    assert diff.changed == [station(1).id]
    assert the_gun(database).no_price is NoPrice.TEXT_ONLY


def test_every_change_of_price_is_kept_once(database: SqlDatabase) -> None:
    save(database, station(1))
    assert set_price(database, 1, yuan("1.20"), NOON) == [station(1).id]
    assert set_price(database, 1, yuan("1.2"), NOON + minutes(1)) == [station(1).id]  # the same price, seen later
    assert set_price(database, 1, yuan("1.30"), NOON + minutes(2)) == [station(1).id]
    assert set_price(database, 1, yuan("1.20"), NOON + minutes(1)) == []  # late
    assert set_price(database, 1, yuan("1.20"), NOON + minutes(3)) == [station(1).id]
    assert history(database) == [
        ("1", yuan("1.20").id, NOON),
        ("1", yuan("1.30").id, NOON + minutes(2)),
        ("1", yuan("1.20").id, NOON + minutes(3)),
    ]
    assert (the_gun(database).tariff_id, the_gun(database).price_seen_at) == (yuan("1.20").id, NOON + minutes(3))
    with database.read() as unit:
        assert unit.catalogue.tariffs([yuan("1.20").id, "unknown"]) == {yuan("1.20").id: yuan("1.20")}
        assert set(unit.catalogue.tariffs()) == {yuan("1.20").id, yuan("1.30").id}


def test_a_removed_station_takes_no_reports(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.write() as unit:
        unit.catalogue.remove_missing("lotus", set(), NOON)
        assert unit.catalogue.save_statuses("lotus", [report(1, FREE, NOON)], NOON) == []
    assert set_price(database, 1, yuan("1"), NOON) == []
    assert history(database) == []
