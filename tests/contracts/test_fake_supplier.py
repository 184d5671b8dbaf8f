"""The fake keeps the same promises as the real adapters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import count

import pytest

from core.charging import ChargeRecord
from core.clock import SystemClock
from core.geo import Datum, Point
from core.ports import CanBePinged, ListsStations, PublishesTariffs, ReportsStatus, StartsCharging
from core.station import ConnectorRef, ConnectorStatus, Rejected
from core.tariff import flat_tariff
from tests.contracts.charging import Booked, ChargingContract
from tests.contracts.supplier import SupplierContract
from tests.fakes import FakeSupplier
from tests.world import SetClock

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
    assert all(
        isinstance(fake, port)
        for port in (ListsStations, ReportsStatus, PublishesTariffs, CanBePinged, StartsCharging)
    )


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


# --- charging -------------------------------------------------------------------------------------------------


class FakeSite:
    """tests.contracts.charging.ChargingSite: the fake's own books."""

    def __init__(self, supplier: FakeSupplier, clock: SetClock) -> None:
        self._supplier, self._clock = supplier, clock
        self._guns = [gun.ref for gun in supplier.builds("C", Point(22.54, 114.05), guns=30).connectors]
        self._numbers = count(1)

    def free_gun(self) -> ConnectorRef:
        return self._guns.pop()

    def new_seq(self) -> str:
        return f"SEQ{next(self._numbers)}"

    def pass_time(self, *, minutes: float) -> None:
        self._clock.advance(minutes=minutes)

    def starts_at(self, ref: ConnectorRef) -> int:
        return sum(one.ref == ref for one in self._supplier.charges.values())

    def booked(self, start_seq: str) -> Booked:
        charge, at = self._supplier.charges[start_seq], self._clock.now()
        return Booked(charge.energy_kwh(at), charge.cost(at))

    def record(self, start_seq: str) -> ChargeRecord:
        return self._supplier.record_of(self._supplier.charges[start_seq])

    @contextmanager
    def start_unanswered(self, ref: ConnectorRef) -> Iterator[None]:
        self._supplier.loses_answers = True
        yield
        self._supplier.loses_answers = False

    @contextmanager
    def refuses(self, ref: ConnectorRef, reason: str) -> Iterator[None]:
        self._supplier.refuses_starts = reason
        yield
        self._supplier.refuses_starts = ""


class TestFakeCharging(ChargingContract):
    @pytest.fixture
    def clock(self) -> SetClock:
        return SetClock()

    @pytest.fixture
    def supplier(self, clock: SetClock) -> FakeSupplier:
        return FakeSupplier(clock)

    @pytest.fixture
    def site(self, supplier: FakeSupplier, clock: SetClock) -> FakeSite:
        return FakeSite(supplier, clock)
