"""Suppliers for journeys and for the contracts: they behave, and can be told to misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from core.errors import SupplierUnavailable
from core.geo import Point
from core.ports import Clock
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    Plug,
    Rejected,
    Station,
    StatusReport,
    Supplier,
    station_key,
)
from core.tariff import Tariff, flat_tariff

OPERATOR = "FAKE00001"


class FakeSupplier:
    """A supplier in memory: a few stations, whose guns are free and cost 1.50 until told otherwise."""

    def __init__(self, clock: Clock, supplier_id: str = "fake") -> None:
        self.supplier = Supplier(id=supplier_id, kind="fake", name="Fake Charging")
        self.clock = clock
        self.listed: dict[str, Station] = {}
        self.broken_rows: list[Rejected] = []
        self._statuses: dict[ConnectorRef, ConnectorStatus] = {}
        self._prices: dict[ConnectorRef, Tariff] = {}
        self._is_silent = False

    # --- what it is told ------------------------------------------------------------------------------------

    def builds(self, external_id: str, point: Point, *, guns: int = 2, name: str = "") -> Station:
        refs = [ConnectorRef(OPERATOR, f"{external_id}-{number}") for number in range(1, guns + 1)]
        station = Station(
            id=station_key(self.supplier.id, external_id),
            supplier_id=self.supplier.id,
            external_id=external_id,
            name=name or f"Station {external_id}",
            point=point.wgs84,
            source_datum=point.datum,
            connectors=tuple(Connector(ref, plug=Plug.GBT_DC, power_kw=Decimal(60)) for ref in refs),
            operator_id=OPERATOR,
            operator_name=self.supplier.name,
            country="CN",
            time_zone="Asia/Shanghai",
        )
        self.listed[external_id] = station
        for ref in refs:
            self._statuses[ref] = ConnectorStatus.FREE
            self._prices[ref] = flat_tariff("CNY", Decimal("1.50"))
        return station

    def removes(self, external_id: str) -> None:
        for connector in self.listed.pop(external_id).connectors:
            del self._statuses[connector.ref], self._prices[connector.ref]

    def renames(self, external_id: str, name: str) -> None:
        self.listed[external_id] = replace(self.listed[external_id], name=name)

    def sets_status(self, ref: ConnectorRef, status: ConnectorStatus) -> None:
        self._statuses[ref] = status

    def sets_price(self, ref: ConnectorRef, tariff: Tariff) -> None:
        self._prices[ref] = tariff

    @contextmanager
    def silent(self) -> Iterator[None]:
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False

    # --- what it answers ------------------------------------------------------------------------------------

    def ping(self) -> None:
        self._answer("ping")

    def stations(self) -> Iterator[Station | Rejected]:
        self._answer("stations")
        yield from self.broken_rows
        yield from list(self.listed.values())

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]:
        for external_id in external_ids:
            self._answer("statuses")
            station = self.listed.get(external_id)
            for connector in station.connectors if station else ():
                yield StatusReport(connector.ref, self._statuses[connector.ref], self.clock.now())

    def prices(self, refs: Sequence[ConnectorRef]) -> Iterator[tuple[ConnectorRef, Tariff] | Rejected]:
        for ref in refs:
            self._answer("prices")
            if ref in self._prices:
                yield ref, self._prices[ref]

    def _answer(self, asked: str) -> None:
        if self._is_silent:
            raise SupplierUnavailable(self.supplier.name, asked, "no answer in time")
