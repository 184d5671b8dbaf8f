"""The T/CEC 102 adapter against the real sandbox server over HTTP: what the city says is what comes out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal

import pytest

from adapters.cec.supplier import CecSupplier
from adapters.sandbox import city as sandbox_city
from adapters.sandbox import keys, sandbox_config
from adapters.sandbox.city import City, Place
from adapters.sandbox.life import CHINA, Bay, Life, Status
from core.clock import SystemClock
from core.geo import Datum, Point
from core.ports import CanBePinged, ListsStations, PublishesTariffs, ReportsStatus
from core.station import ConnectorRef, ConnectorStatus, NoPrice, Plug, Rejected, Station
from tests.adapters.sandbox.process import SandboxProcess
from tests.contracts.supplier import SupplierContract, listed, reported

pytestmark = pytest.mark.process

# A Monday noon, so that every state occurs.
NOON = datetime(2026, 11, 23, 12, 17, tzinfo=CHINA)

STATUS_OF = {
    Status.OFFLINE: ConnectorStatus.OFFLINE,
    Status.FREE: ConnectorStatus.FREE,
    Status.OCCUPIED: ConnectorStatus.OCCUPIED,
    Status.CHARGING: ConnectorStatus.CHARGING,
    Status.RESERVED: ConnectorStatus.RESERVED,
    Status.FAULT: ConnectorStatus.FAULT,
}
CODE_OF = {ours: theirs for theirs, ours in STATUS_OF.items()}


@pytest.fixture(scope="session")
def city() -> City:
    """The city of the same seed, built here: the truth that the server's answers are compared with."""
    return sandbox_city.build()


@pytest.fixture
def supplier(sandbox: SandboxProcess) -> CecSupplier:
    return CecSupplier(sandbox_config(sandbox.url), SystemClock())


@pytest.fixture
def noon(sandbox: SandboxProcess) -> Iterator[datetime]:
    sandbox.pull("clock", at=NOON.isoformat())
    yield NOON
    sandbox.pull("clock", at=None)


class CityTruth:
    def __init__(self, city: City, sandbox: SandboxProcess) -> None:
        self._city, self._sandbox, self._life = city, sandbox, Life(city)
        self.touched_guns: set[str] = set()
        self.touched_places: set[str] = set()

    def guns(self) -> dict[str, set[ConnectorRef]]:
        return {
            place.id: {ConnectorRef(keys.OPERATOR_ID, gun.id) for gun in place.guns} for place in self._city.places
        }

    def point(self, external_id: str) -> Point:
        place = self._city.place_of[external_id]
        return Point(float(place.lat), float(place.lng), Datum.GCJ02)

    def status(self, ref: ConnectorRef) -> ConnectorStatus:
        return STATUS_OF[self._life.state(ref.connector_id, NOON).status]

    def set_status(self, ref: ConnectorRef, status: ConnectorStatus) -> None:
        self.touched_guns.add(ref.connector_id)
        self._sandbox.pull("status", connector_id=ref.connector_id, status=CODE_OF[status])

    def price_per_kwh(self, ref: ConnectorRef, at: datetime) -> Decimal:
        place, gun = self._city.gun_of[ref.connector_id]
        clock = at.astimezone(CHINA).strftime("%H%M%S")
        prices = sorted(place.prices(gun), key=lambda period: period.start)
        period = [one for one in prices if one.start <= clock][-1:] or prices[-1:]
        return period[0].energy + period[0].service

    def set_price(self, external_id: str, price_per_kwh: Decimal) -> None:
        self.touched_places.add(external_id)
        self._sandbox.pull("price", station_id=external_id, energy=str(price_per_kwh - Decimal("0.4")), service="0.4")

    def silent(self) -> AbstractContextManager[None]:
        # Broken rather than without an answer, which would take this test the whole deadline; test_http has that.
        return self._sandbox.misbehaving("broken")

    def undo(self) -> None:
        for gun_id in self.touched_guns:
            self._sandbox.pull("status", connector_id=gun_id, status=None)
        for station_id in self.touched_places:
            self._sandbox.pull("price", station_id=station_id)


class TestCecSupplier(SupplierContract):
    @pytest.fixture
    def other_side(self, city: City, sandbox: SandboxProcess, noon: datetime) -> Iterator[CityTruth]:
        truth = CityTruth(city, sandbox)
        yield truth
        truth.undo()


def test_offers_every_port(supplier: CecSupplier) -> None:
    assert all(isinstance(supplier, port) for port in (ListsStations, ReportsStatus, PublishesTariffs, CanBePinged))


def test_every_field_of_every_station(supplier: CecSupplier, city: City) -> None:
    stations = {station.external_id: station for station in listed(supplier)}
    assert set(stations) == set(city.place_of)
    for place in city.places:
        compare(stations[place.id], place)


def compare(station: Station, place: Place) -> None:
    assert station.name == place.name
    assert station.address == place.address
    assert station.operator_id == keys.OPERATOR_ID
    assert station.operator_name == "沙盒充电 Sandbox"
    assert (station.country, station.time_zone) == ("CN", "Asia/Shanghai")
    assert station.public is (place.status == sandbox_city.IN_USE and place.kind == sandbox_city.PUBLIC)
    assert station.parking.text == place.parking
    assert (station.parking.free is True) is (place.parking in {"免费停车", "停车免费"})
    assert station.hours.known
    assert station.hours.always is (place.hours in {"00:00-24:00", "24小时"})
    assert len(station.facilities) == len([word for word in place.facilities.split("、") if word])
    assert station.guide == place.guide
    assert station.price_text
    assert station.attribution
    guns = {gun.ref.connector_id: gun for gun in station.connectors}
    for pile in place.piles:
        for truth in pile.guns:
            gun = guns.pop(truth.id)
            assert gun.label == truth.label
            assert gun.pile == pile.label
            assert gun.power_kw == truth.power_kw
            assert gun.plug is (Plug.GBT_DC if truth.is_dc else Plug.GBT_AC)
            assert gun.no_price is NoPrice.TEXT_ONLY
    assert not guns


def test_a_blocked_bay_is_seen_beside_a_free_gun(supplier: CecSupplier, city: City, noon: datetime) -> None:
    life = Life(city)
    reports = reported(supplier, [place.id for place in city.places])
    blocked = {ref.connector_id for ref, report in reports.items() if report.bay_blocked}
    truth = {gun: life.state(gun, noon) for gun in city.gun_of}
    assert blocked == {gun for gun, state in truth.items() if state.status is Status.FREE and state.bay is Bay.TAKEN}
    assert blocked
    unknown = {ref.connector_id for ref, report in reports.items() if report.bay_blocked is None}
    assert unknown == {gun for gun, state in truth.items() if state.bay is Bay.UNKNOWN}


def test_the_whole_city_takes_a_few_seconds(supplier: CecSupplier, city: City) -> None:
    started = time.monotonic()
    stations = listed(supplier)
    reports = reported(supplier, [station.external_id for station in stations])
    prices = list(supplier.prices([gun.ref for station in stations for gun in station.connectors]))
    assert len(stations) == len(city.places)
    assert len(reports) == len(prices) == len(city.gun_of)
    assert not [one for one in prices if isinstance(one, Rejected)]
    assert time.monotonic() - started < 30  # about 4 s on a machine with nothing else to do


def test_a_forgotten_token_is_replaced(supplier: CecSupplier, sandbox: SandboxProcess) -> None:
    supplier.ping()
    sandbox.pull("tokens")
    assert len(listed(supplier)) == 300
    sandbox.pull("tokens")
    external_ids = [station.external_id for station in listed(supplier)]
    sandbox.pull("tokens")
    assert len(reported(supplier, external_ids)) > 2000  # several threads lose the token at once


def test_survives_a_slow_supplier(supplier: CecSupplier, sandbox: SandboxProcess) -> None:
    with sandbox.misbehaving("slow", delay_s=0.2):
        started = time.monotonic()
        supplier.ping()
        assert time.monotonic() - started >= 0.2
