"""What a supplier can do, each ability a small interface that is asked for, and the desk where it pushes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.charging import ChargeRecord, CommandReply, SessionUpdate
from core.ports.database import UnitOfWork
from core.ports.partners import RecordVerdict
from core.station import ConnectorRef, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff


@runtime_checkable
class ListsStations(Protocol):
    """A supplier that tells its stations. Broken rows come as Rejected and stop nothing."""

    supplier: Supplier

    def stations(self) -> Iterator[Station | Rejected]:
        """All stations. Raises SupplierUnavailable when the list cannot be finished."""
        ...


@runtime_checkable
class ListsChanges(Protocol):
    """A supplier that can say what it has changed. Only a full list tells what is gone."""

    supplier: Supplier

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        """Stations changed at or after `since`, by the supplier's own clock. Raises SupplierUnavailable."""
        ...


@runtime_checkable
class ListsOneStation(Protocol):
    """A supplier that can be asked about one of its stations."""

    def station(self, external_id: str) -> Station | Rejected:
        """The station as it is now. Raises SupplierUnavailable."""
        ...


@runtime_checkable
class CarriesTariffs(Protocol):
    """A source whose stations refer to tariffs that it brings along."""

    def tariffs(self) -> dict[str, Tariff]:
        """The tariffs met so far while `stations()` was read."""
        ...


@runtime_checkable
class ReportsStatus(Protocol):
    supplier: Supplier

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]: ...


@runtime_checkable
class PublishesTariffs(Protocol):
    supplier: Supplier

    def prices(self, refs: Sequence[ConnectorRef]) -> Iterator[tuple[ConnectorRef, Tariff] | Rejected]: ...


@runtime_checkable
class CanBePinged(Protocol):
    def ping(self) -> None:
        """Raises SupplierUnavailable."""
        ...


@runtime_checkable
class StartsCharging(Protocol):
    """Commands to a gun. None of them is repeated blindly: ask `session` first."""

    supplier: Supplier

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        """Ask for a session under our number. Never raises for silence: that is Outcome.UNKNOWN."""
        ...

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply: ...

    def session(self, start_seq: str) -> SessionUpdate | None:
        """What the supplier knows of our number; None when it knows no such session. Raises SupplierUnavailable."""
        ...


@runtime_checkable
class MintsNumbers(Protocol):
    """A supplier whose protocol says what our numbers look like."""

    def new_start_seq(self) -> str:
        """A new number for a start, unguessable, at most 36 characters."""
        ...


@runtime_checkable
class ChecksGuns(Protocol):
    def check(self, ref: ConnectorRef) -> CommandReply:
        """Is the car plugged in and the gun healthy, before a start (T/CEC query_equip_auth)."""
        ...


@runtime_checkable
class ListsRecords(Protocol):
    def records(self, since: datetime) -> Iterator[ChargeRecord | Rejected]:
        """Records that are new or changed since then. Raises SupplierUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class TakenStates:
    """What a desk made of states within a transaction of its caller; each by supplier."""

    at: datetime
    known: Mapping[str, AbstractSet[ConnectorRef]]  # guns that the catalogue has
    touched: Mapping[str, Sequence[str]]  # ids of stations that changed


class HearsOfCharges(Protocol):
    """Who does something about what suppliers say of sessions, once it is stored."""

    def apply(self, supplier_id: str, update: SessionUpdate) -> None: ...

    def book_record(self, supplier_id: str, record: ChargeRecord) -> object: ...


class SupplierDesk(Protocol):
    """Where suppliers tell us things unasked. Each call is one transaction; repeating it changes nothing."""

    def stations(self, supplier_id: str, stations: Sequence[Station], rejected: Sequence[Rejected] = ()) -> None: ...

    def removed(self, supplier_id: str, external_ids: Sequence[str]) -> None: ...

    def station(self, supplier_id: str, external_id: str) -> Station | None:
        """What we hold of a station, to merge a partial push into."""
        ...

    def statuses(self, supplier_id: str, reports: Sequence[StatusReport]) -> bool:
        """False when none of the guns is known."""
        ...

    def take_states(self, unit: UnitOfWork, told: Mapping[str, Sequence[StatusReport]]) -> TakenStates:
        """States, by supplier, in a transaction of the caller's, together with what it writes itself. After its
        commit it calls `announce`."""
        ...

    def announce(self, taken: TakenStates) -> None: ...

    def prices(self, supplier_id: str, prices: Sequence[tuple[ConnectorRef, Tariff]]) -> None: ...

    def session(self, supplier_id: str, update: SessionUpdate) -> None: ...

    def record(self, supplier_id: str, record: ChargeRecord) -> RecordVerdict:
        """Kept for ever under (supplier, record id)."""
        ...
