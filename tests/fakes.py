"""Suppliers for journeys and for the contracts: they behave, and can be told to misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from core.charging import ChargeRecord, ChargingState, CommandReply, Outcome, SessionUpdate
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
from core.tariff import Dimension, Tariff, flat_tariff

OPERATOR = "FAKE00001"
POWER_KW = Decimal(60)
STARTS_AFTER = timedelta(seconds=2)
_CENT = Decimal("0.01")
_REFUSED_BY = {
    ConnectorStatus.CHARGING: "gun_busy",
    ConnectorStatus.RESERVED: "gun_busy",
    ConnectorStatus.FAULT: "gun_fault",
    ConnectorStatus.OFFLINE: "gun_offline",
}


@dataclass
class Charge:
    """A charge in the fake's own books. Nobody of ours writes here."""

    start_seq: str
    ref: ConnectorRef
    asked_at: datetime
    price: Decimal
    runs: bool = True  # False: accepted, and nothing ever happens
    wanted_kwh: Decimal = Decimal(200)
    stopped_at: datetime | None = None

    def began_at(self) -> datetime:
        return self.asked_at + STARTS_AFTER

    def ended_at(self, at: datetime) -> datetime | None:
        """When it ended, if it has by then: it was stopped, or the car is full."""
        full_at = self.began_at() + timedelta(hours=float(self.wanted_kwh / POWER_KW))
        ended = min(full_at, self.stopped_at) if self.stopped_at else full_at
        return ended if ended <= at else None

    def energy_kwh(self, at: datetime) -> Decimal:
        until = self.ended_at(at) or at
        if not self.runs or until <= self.began_at():
            return Decimal(0)
        seconds = Decimal((until - self.began_at()) // timedelta(seconds=1))
        return (POWER_KW * seconds / 3600).quantize(_CENT, ROUND_HALF_UP)

    def cost(self, at: datetime) -> Decimal:
        return (self.energy_kwh(at) * self.price).quantize(_CENT, ROUND_HALF_UP)

    def state(self, at: datetime) -> ChargingState:
        if self.ended_at(at):
            return ChargingState.ENDED
        return ChargingState.CHARGING if self.runs and at >= self.began_at() else ChargingState.STARTING


class FakeSupplier:
    """A supplier in memory: a few stations, whose guns are free and cost 1.50 until told otherwise.

    What it charges stands in books of its own. The switches say how it misbehaves from then on.
    """

    def __init__(self, clock: Clock, supplier_id: str = "fake") -> None:
        self.supplier = Supplier(id=supplier_id, kind="fake", name="Fake Charging")
        self.clock = clock
        self.listed: dict[str, Station] = {}
        self.broken_rows: list[Rejected] = []
        self._statuses: dict[ConnectorRef, ConnectorStatus] = {}
        self._prices: dict[ConnectorRef, Tariff] = {}
        self._is_silent = False
        self.charges: dict[str, Charge] = {}
        self.starts: list[str] = []  # every start that reached it, the repeated ones too
        self.refuses_starts = ""  # one of core.charging.REASONS
        self.swallows_starts = False  # a start does not even reach it
        self.loses_answers = False  # what is asked is done, and the answer is lost
        self.never_begins = False
        self.refuses_stops = False
        self.forgets_sessions = False

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

    # --- charging -------------------------------------------------------------------------------------------

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        if self._is_silent or self.swallows_starts:
            return CommandReply(Outcome.UNKNOWN)
        self.starts.append(start_seq)
        if start_seq not in self.charges:
            reason = self.refuses_starts or self._reason_against(ref)
            if reason:
                return CommandReply(Outcome.REJECTED, reason)
            price = self._prices[ref].prices_at(self.clock.now())[Dimension.ENERGY].price
            charge = Charge(start_seq, ref, self.clock.now(), price, runs=not self.never_begins)
            self.charges[start_seq] = charge
        return CommandReply(Outcome.UNKNOWN if self.loses_answers else Outcome.ACCEPTED)

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply:
        if self._is_silent:
            return CommandReply(Outcome.UNKNOWN)
        charge = self.charges.get(start_seq)
        if charge is None:
            return CommandReply(Outcome.REJECTED, "no_such_session")
        if charge.ended_at(self.clock.now()):
            return CommandReply(Outcome.REJECTED, "already_ended")
        if self.refuses_stops:
            return CommandReply(Outcome.REJECTED, "gun_offline")
        charge.stopped_at = self.clock.now()
        return CommandReply(Outcome.UNKNOWN if self.loses_answers else Outcome.ACCEPTED)

    def session(self, start_seq: str) -> SessionUpdate | None:
        self._answer("session")
        charge = self.charges.get(start_seq)
        return None if charge is None or self.forgets_sessions else self.live(charge)

    def live(self, charge: Charge) -> SessionUpdate:
        """The state of a charge as it is pushed, or told when asked."""
        at = self.clock.now()
        state = charge.state(at)
        return SessionUpdate(
            start_seq=charge.start_seq,
            ref=charge.ref,
            state=state,
            at=at,
            started_at=charge.began_at() if charge.runs and at >= charge.began_at() else None,
            energy_kwh=charge.energy_kwh(at),
            power_kw=POWER_KW if state is ChargingState.CHARGING else None,
            cost=charge.cost(at),
            currency="CNY",
        )

    def record_of(self, charge: Charge) -> ChargeRecord:
        """The bill of a charge that has ended."""
        at = self.clock.now()
        ended_at = charge.ended_at(at)
        assert ended_at is not None
        return ChargeRecord(
            record_id=charge.start_seq,
            start_seq=charge.start_seq,
            ref=charge.ref,
            started_at=charge.began_at(),
            ended_at=max(ended_at, charge.began_at()),
            energy_kwh=charge.energy_kwh(at),
            total_cost=charge.cost(at),
            currency="CNY",
        )

    def _reason_against(self, ref: ConnectorRef) -> str:
        if ref not in self._statuses:
            return "no_such_gun"
        taken = any(one.ref == ref and not one.ended_at(self.clock.now()) for one in self.charges.values())
        return "gun_busy" if taken else _REFUSED_BY.get(self._statuses[ref], "")

    def _answer(self, asked: str) -> None:
        if self._is_silent:
            raise SupplierUnavailable(self.supplier.name, asked, "no answer in time")
