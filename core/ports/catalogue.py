"""What is stored of stations, suppliers, and the places they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.geo import Datum, Point
from core.merging import Link
from core.station import ConnectorRef, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff


@dataclass(frozen=True, slots=True)
class Diff:
    """What an upsert did, by station id."""

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    unchanged: int = 0

    @property
    def touched(self) -> list[str]:
        return [*self.added, *self.changed]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    supplier_id: str
    external_id: str
    reason: str
    detail: str
    raw: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class ListedText:
    """What a supplier's list says is printed on a gun."""

    text: str
    station_id: str
    ref: ConnectorRef


@dataclass(frozen=True, slots=True)
class SupplierState:
    """A supplier and how our last pulls went.

    `asked` is "catalogue", "changes", "status" or "tariffs"; "push" is what the supplier told us unasked.
    """

    supplier: Supplier
    stations: int
    last_success_at: Mapping[str, datetime]
    last_error: str = ""
    last_error_at: datetime | None = None


class CatalogueRepository(Protocol):
    """Stations, connectors, tariffs, quarantine and the suppliers they come from."""

    def save_supplier(self, supplier: Supplier) -> None: ...

    def introduce(self, supplier_id: str) -> None:
        """Make sure there is such a supplier: it may push before it is pulled. Its name comes with the first pull."""
        ...

    def suppliers(self) -> list[SupplierState]: ...

    def note_pull(self, supplier_id: str, asked: str, at: datetime, error: str = "") -> None:
        """Record that a pull of this kind succeeded (`error` empty) or failed."""
        ...

    def save_stations(self, stations: Sequence[Station], at: datetime, *, pushed: bool = False) -> Diff:
        """Insert or update master data by station id. Keeps live status and price where the station has none.

        `pushed`: the supplier has said it unasked, and a change of price is put down to that.
        """
        ...

    def remove_missing(self, supplier_id: str, present: set[str], at: datetime) -> list[str]:
        """Mark the supplier's stations outside `present` as removed; returns their ids."""
        ...

    def remove(self, supplier_id: str, external_ids: Sequence[str], at: datetime) -> list[str]:
        """Mark these stations as removed; returns the ids of those that were not."""
        ...

    def held(self, ids: Sequence[str]) -> dict[str, Station]:
        """What we hold of these stations by id, kept from other writers until the transaction ends."""
        ...

    def points(self, ids: Sequence[str]) -> dict[str, Point]:
        """Where these stations are, by id."""
        ...

    def places_of(self, supplier_id: str) -> list[tuple[Point, str]]:
        """Point and address of each of the supplier's stations."""
        ...

    def tariff_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> dict[ConnectorRef, str]:
        """The tariff each of these guns has now."""
        ...

    def tariff_counts(self, supplier_id: str) -> dict[str, int]:
        """How many of the supplier's guns have each tariff."""
        ...

    def gun_counts(self) -> dict[str, int]:
        """How many guns each supplier has."""
        ...

    def known(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> set[ConnectorRef]:
        """Those of these guns that are in the catalogue."""
        ...

    def station_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> list[str]:
        """The stations of these guns."""
        ...

    def stations_with(self, connector_ids: Sequence[str]) -> list[str]:
        """Stations with a gun of one of these numbers, whosever it is; removed ones included."""
        ...

    def guns_with_text(self, texts: Sequence[str]) -> list[ListedText]:
        """Guns on which one of these texts is printed, by the suppliers' own lists."""
        ...

    def connector_ids(self, start: str, limit: int) -> list[str]:
        """Numbers of guns that begin so, whosever they are: the first `limit`, byte by byte."""
        ...

    def newest_update(self, supplier_id: str) -> datetime | None:
        """The latest moment at which the supplier says it changed one of its stations."""
        ...

    def save_statuses(self, supplier_id: str, reports: Sequence[StatusReport], at: datetime) -> list[str]:
        """Apply reports that are newer than what we hold; returns ids of stations whose status or age changed."""
        ...

    def save_tariffs(
        self, supplier_id: str, tariffs: Sequence[tuple[ConnectorRef, Tariff]], at: datetime, *, pushed: bool = False
    ) -> list[str]:
        """Set the tariff of each gun as seen at `at`; returns ids of stations whose price or its age changed."""
        ...

    def add_tariffs(self, tariffs: Iterable[Tariff]) -> None:
        """Store tariffs that stations refer to by id. Storing one twice changes nothing."""
        ...

    def quarantine(self, supplier_id: str, rejected: Sequence[Rejected], at: datetime) -> None:
        """Keep refused rows; the same row with the same reason is counted, not repeated."""
        ...

    def unseen(self, supplier_id: str, rejected: Sequence[Rejected]) -> int:
        """How many of these rows are not in quarantine yet."""
        ...

    def waiting(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> dict[str, QuarantineRow]:
        """Those of these that are in quarantine for this reason, by external id."""
        ...

    def settle(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> None:
        """Take these rows out of quarantine: they are believed now, or no longer said."""
        ...

    def quarantined(self, supplier_id: str | None, limit: int) -> list[QuarantineRow]: ...

    def stations(self, ids: Sequence[str] | None = None) -> Iterator[Station]:
        """Stations that are not removed: all, or those of these ids. Streams."""
        ...

    def connector_refs(self, supplier_id: str) -> list[ConnectorRef]: ...

    def external_ids(self, supplier_id: str) -> list[str]: ...

    def tariffs(self, ids: Iterable[str] | None = None) -> dict[str, Tariff]: ...

    def changed_since(self, at: datetime) -> list[str]:
        """Ids of stations written at or after this moment, removed ones included."""
        ...


@dataclass(frozen=True, slots=True)
class Freeze:
    """A supplier whose word is not taken for now: its last good state stays."""

    supplier_id: str
    reason: str
    who: str  # a person, or "kilowatch" itself
    frozen_at: datetime


class FreezeRepository(Protocol):
    def get(self, supplier_id: str) -> Freeze | None: ...

    def all(self) -> list[Freeze]: ...

    def freeze(self, freeze: Freeze) -> bool:
        """False when it is frozen already; the first reason stands."""
        ...

    def thaw(self, supplier_id: str, who: str, at: datetime) -> bool:
        """False when it is not frozen. The next full list will be believed, however it looks."""
        ...

    def believed(self, supplier_id: str) -> bool:
        """Whether a person has thawed it and no full list has come since."""
        ...

    def forget_thaw(self, supplier_id: str) -> None:
        """The full list that was to be believed has come."""
        ...


@dataclass(frozen=True, slots=True)
class Split:
    """Two stations that a person has said are not one place."""

    one: str
    other: str
    who: str
    split_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a listed station is, and whose word that is."""

    station_id: str
    supplier_id: str
    lat: float
    lng: float
    datum: Datum  # that the supplier is believed to write; the numbers are WGS-84
    global_key: str  # its global id in the form in which ids are compared, or ""


class LinkRepository(Protocol):
    """Which stations are one place, and what people said against it."""

    def links(self, station_ids: Iterable[str] | None = None) -> dict[str, Link]:
        """By station: all, or those of these stations."""
        ...

    def members(self, place_ids: Iterable[str]) -> list[Link]:
        """All links of these places."""
        ...

    def save(self, new: Sequence[Link], looked_at: Iterable[str], at: datetime) -> list[str]:
        """Set the links of the stations looked at; one that is not in `new` stands alone from now on.

        Returns the stations that belong elsewhere now; they count as written, so that every index looks again.
        """
        ...

    def splits(self) -> list[Split]: ...

    def split(self, one: str, other: str, who: str, at: datetime) -> bool:
        """Not to be linked again. False when that was said before."""
        ...

    def unsplit(self, one: str, other: str) -> bool:
        """Take back a split. False when there was none."""
        ...

    def positions(self) -> list[Position]:
        """Of all listed stations: public, not removed, with guns. In the order of ids."""
        ...

    def fingerprints(self, since: datetime | None = None) -> dict[str, str]:
        """What tells whether a supplier's list says something new of a station, by station; "" for removed ones.
        All, or those written at or after this moment."""
        ...
