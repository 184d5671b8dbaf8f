"""What every supplier promises, whatever it speaks. A test class per adapter: the contracts and one fixture.

The fixture `other_side` is the supplier's own truth, known without asking it: which stations and guns there are,
what state and price a gun has, and how to make it silent.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import pytest

from core.errors import SupplierUnavailable
from core.geo import Datum, Point, distance_m
from core.ports import CanBePinged, ListsStations, PublishesTariffs, ReportsStatus
from core.station import ConnectorRef, ConnectorStatus, Rejected, Station, StatusReport, station_key
from core.tariff import Dimension, Tariff


class OtherSide(Protocol):
    """The truth that a supplier's answers are compared with."""

    def guns(self) -> dict[str, set[ConnectorRef]]:
        """The guns of every listed station, by its id at the supplier."""
        ...

    def point(self, external_id: str) -> Point:
        """Where a station is, in the supplier's own datum."""
        ...

    def status(self, ref: ConnectorRef) -> ConnectorStatus: ...

    def set_status(self, ref: ConnectorRef, status: ConnectorStatus) -> None: ...

    def price_per_kwh(self, ref: ConnectorRef, at: datetime) -> Decimal: ...

    def set_price(self, external_id: str, price_per_kwh: Decimal) -> None:
        """One price for all guns of a station at all hours."""
        ...

    def silent(self) -> AbstractContextManager[None]:
        """Within the block no question is answered."""
        ...


NOWHERE = "no-such-station"
# Through a day, on both sides of the hours at which prices change.
HOURS = [datetime(2026, 11, 22, 16, tzinfo=UTC) + timedelta(minutes=30 * n + 7) for n in range(48)]


class StationListContract:
    def test_lists_every_station_and_gun_once(self, supplier: ListsStations, other_side: OtherSide) -> None:
        stations = listed(supplier)
        assert len(stations) == len({station.external_id for station in stations})
        guns = {station.external_id: [gun.ref for gun in station.connectors] for station in stations}
        assert {external_id: set(refs) for external_id, refs in guns.items()} == other_side.guns()
        assert all(len(refs) == len(set(refs)) for refs in guns.values())

    def test_names_itself_in_every_station(self, supplier: ListsStations) -> None:
        for station in listed(supplier):
            assert station.supplier_id == supplier.supplier.id
            assert station.id == station_key(supplier.supplier.id, station.external_id)
            assert station.name

    def test_positions_are_wgs84_and_where_the_supplier_means(
        self, supplier: ListsStations, other_side: OtherSide
    ) -> None:
        for station in listed(supplier):
            there = other_side.point(station.external_id)
            assert station.point.datum is Datum.WGS84
            assert station.source_datum is there.datum
            assert distance_m(station.point, there) < 1

    def test_asking_twice_gives_the_same(self, supplier: ListsStations) -> None:
        assert listed(supplier) == listed(supplier)

    def test_silence_is_an_error_and_not_an_empty_list(self, supplier: ListsStations, other_side: OtherSide) -> None:
        with other_side.silent(), pytest.raises(SupplierUnavailable):
            list(supplier.stations())
        assert listed(supplier)


class StatusContract:
    def test_reports_every_gun_of_the_stations_asked(self, supplier: ReportsStatus, other_side: OtherSide) -> None:
        guns = other_side.guns()
        asked = sorted(guns)[:60]
        reports = reported(supplier, asked)
        assert sorted(reports, key=repr) == sorted((ref for one in asked for ref in guns[one]), key=repr)
        assert {ref: report.status for ref, report in reports.items()} == {
            ref: other_side.status(ref) for one in asked for ref in guns[one]
        }

    @pytest.mark.parametrize("status", [one for one in ConnectorStatus if one is not ConnectorStatus.UNKNOWN])
    def test_a_change_is_seen_at_the_next_look(
        self, supplier: ReportsStatus, other_side: OtherSide, status: ConnectorStatus
    ) -> None:
        external_id, refs = sorted(other_side.guns().items())[0]
        ref = min(refs, key=repr)
        other_side.set_status(ref, status)
        assert reported(supplier, [external_id])[ref].status is status

    def test_a_report_is_as_old_as_the_question(self, supplier: ReportsStatus, other_side: OtherSide) -> None:
        before = datetime.now(UTC)
        reports = reported(supplier, sorted(other_side.guns())[:1])
        assert reports
        assert all(before <= report.at <= datetime.now(UTC) for report in reports.values())

    def test_knows_nothing_of_other_stations(self, supplier: ReportsStatus) -> None:
        assert list(supplier.statuses([])) == []
        assert [one for one in supplier.statuses([NOWHERE]) if isinstance(one, StatusReport)] == []

    def test_silence_is_an_error(self, supplier: ReportsStatus, other_side: OtherSide) -> None:
        with other_side.silent(), pytest.raises(SupplierUnavailable):
            list(supplier.statuses(sorted(other_side.guns())))


class TariffContract:
    def test_prices_every_gun_asked_at_every_hour(self, supplier: PublishesTariffs, other_side: OtherSide) -> None:
        refs = [ref for _, refs in sorted(other_side.guns().items())[::10] for ref in sorted(refs, key=repr)]
        tariffs = priced(supplier, refs)
        assert set(tariffs) == set(refs)
        for ref, tariff in tariffs.items():
            for at in HOURS:
                assert tariff.prices_at(at)[Dimension.ENERGY].price == other_side.price_per_kwh(ref, at)

    def test_a_new_price_is_another_tariff(self, supplier: PublishesTariffs, other_side: OtherSide) -> None:
        external_id, refs = sorted(other_side.guns().items())[-1]
        before = priced(supplier, sorted(refs, key=repr))
        other_side.set_price(external_id, Decimal("0.9900"))
        after = priced(supplier, sorted(refs, key=repr))
        assert set(after) == set(before) == refs
        for ref, tariff in after.items():
            assert tariff.prices_at(HOURS[0])[Dimension.ENERGY].price == Decimal("0.99")
            assert tariff.id != before[ref].id

    def test_a_gun_it_does_not_know_has_no_price(self, supplier: PublishesTariffs, other_side: OtherSide) -> None:
        known = min((ref for refs in other_side.guns().values() for ref in refs), key=repr)
        strange = ConnectorRef(known.operator_id, NOWHERE)
        assert list(priced(supplier, [strange, known])) == [known]
        assert list(supplier.prices([])) == []

    def test_silence_is_an_error_and_not_a_missing_price(
        self, supplier: PublishesTariffs, other_side: OtherSide
    ) -> None:
        refs = sorted((ref for refs in other_side.guns().values() for ref in refs), key=repr)
        with other_side.silent(), pytest.raises(SupplierUnavailable):
            list(supplier.prices(refs))


class PingContract:
    def test_a_ping_tells_silence_from_life(self, supplier: CanBePinged, other_side: OtherSide) -> None:
        supplier.ping()
        with other_side.silent(), pytest.raises(SupplierUnavailable):
            supplier.ping()
        supplier.ping()


class SupplierContract(StationListContract, StatusContract, TariffContract, PingContract):
    """A supplier that does it all."""


def listed(supplier: ListsStations) -> list[Station]:
    return [one for one in supplier.stations() if isinstance(one, Station)]


def reported(supplier: ReportsStatus, external_ids: list[str]) -> dict[ConnectorRef, StatusReport]:
    """The reports by gun, each gun at most once and none refused."""
    reports = list(supplier.statuses(external_ids))
    assert not [one for one in reports if isinstance(one, Rejected)]
    by_ref = {one.ref: one for one in reports if isinstance(one, StatusReport)}
    assert len(by_ref) == len(reports)
    return by_ref


def priced(supplier: PublishesTariffs, refs: list[ConnectorRef]) -> dict[ConnectorRef, Tariff]:
    """The tariffs by gun, each gun at most once."""
    prices = [one for one in supplier.prices(refs) if not isinstance(one, Rejected)]
    assert len({ref for ref, _ in prices}) == len(prices)
    return dict(prices)
