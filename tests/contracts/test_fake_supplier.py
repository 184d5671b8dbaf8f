"""The fake keeps the same promises as the real adapters."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal

import pytest

from core.clock import SystemClock
from core.geo import Datum, Point
from core.ports import CanBePinged, ListsStations, PublishesTariffs, ReportsStatus
from core.station import ConnectorRef, ConnectorStatus, Rejected
from core.tariff import flat_tariff
from tests.contracts.supplier import SupplierContract
from tests.fakes import FakeSupplier

POINTS = {f"F{number}": Point(22.54 + number / 100, 114.05, Datum.GCJ02) for number in range(12)}


class FakeTruth:
    """What the fake was told, kept apart from the fake."""

    def __init__(self, supplier: FakeSupplier) -> None:
        self._supplier = supplier
        self._guns = {
            external_id: {gun.ref for gun in supplier.builds(external_id, point).connectors}
            for external_id, point in POINTS.items()
        }
        self._statuses: dict[ConnectorRef, ConnectorStatus] = {}

    def guns(self) -> dict[str, set[ConnectorRef]]:
        return self._guns

    def point(self, external_id: str) -> Point:
        return POINTS[external_id]

    def status(self, ref: ConnectorRef) -> ConnectorStatus:
        return self._statuses.get(ref, ConnectorStatus.FREE)

    def set_status(self, ref: ConnectorRef, status: ConnectorStatus) -> None:
        self._statuses[ref] = status
        self._supplier.sets_status(ref, status)

    def price_per_kwh(self, ref: ConnectorRef, at: datetime) -> Decimal:
        return Decimal("1.50")

    def set_price(self, external_id: str, price_per_kwh: Decimal) -> None:
        for ref in self._guns[external_id]:
            self._supplier.sets_price(ref, flat_tariff("CNY", price_per_kwh))

    def silent(self) -> AbstractContextManager[None]:
        return self._supplier.silent()


class TestFakeSupplier(SupplierContract):
    @pytest.fixture
    def supplier(self) -> FakeSupplier:
        return FakeSupplier(SystemClock())

    @pytest.fixture
    def other_side(self, supplier: FakeSupplier) -> FakeTruth:
        return FakeTruth(supplier)


def test_the_fake_offers_every_port() -> None:
    fake = FakeSupplier(SystemClock())
    assert all(isinstance(fake, port) for port in (ListsStations, ReportsStatus, PublishesTariffs, CanBePinged))


def test_what_it_is_told_shows() -> None:
    fake = FakeSupplier(SystemClock())
    fake.builds("A", Point(22.54, 114.05))
    fake.builds("B", Point(22.55, 114.05))
    fake.renames("A", "New name")
    fake.removes("B")
    fake.broken_rows.append(Rejected("C", "bad_coordinates"))
    broken, station = fake.stations()
    assert isinstance(broken, Rejected)
    assert not isinstance(station, Rejected)
    assert station.name == "New name"
    assert list(fake.statuses(["B"])) == []
