"""Finding stations: the index in memory, the stream that keeps it fresh, and typed places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.geo import Point
from core.station import Plug, Station
from core.tariff import Tariff
from core.wishes import Filters


@dataclass(frozen=True, slots=True)
class Hit:
    """A station within the circle, and how far it is."""

    station: Station
    distance_m: float
    others: tuple[Station, ...] = ()  # what other suppliers say of the same place
    guns_from: Station | None = None  # of several descriptions the one whose guns are counted


@dataclass(frozen=True, slots=True)
class Nearby:
    """The stations in a circle that pass the filters, nearest first, and how many the filters hid."""

    hits: Sequence[Hit]
    hidden: int


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the index has come. `ready` is False until it has been loaded once."""

    ready: bool
    stations: int
    refreshed_at: datetime | None


class StationIndex(Protocol):
    """All public stations of the catalogue, searchable in memory. One per process; safe from many threads."""

    def nearby(self, point: Point, *, radius_m: float, filters: Filters, at: datetime, limit: int) -> Nearby:
        """At most `limit` hits, nearest first."""
        ...

    def nearest_distance_m(self, point: Point) -> float | None:
        """How far the nearest station is, whatever the filters; None for an empty catalogue."""
        ...

    def get(self, station_id: str) -> Station | None: ...

    def place(self, station_id: str) -> list[Station]:
        """Every supplier's description of the place this station is, its own included; empty when unknown."""
        ...

    def tariffs(self, tariff_ids: Iterable[str]) -> dict[str, Tariff]: ...

    def named(self, text: str, limit: int) -> list[Station]:
        """Stations whose name, address or operator contain every word of the text."""
        ...

    def refresh(self) -> int:
        """Take in what has changed since the last call; returns how many stations were touched."""
        ...

    def state(self) -> IndexState: ...


@dataclass(frozen=True, slots=True)
class FreeGunsAt:
    """A station of the catalogue, and how many of its guns that fit were free when they were last told."""

    station_id: str
    point: Point
    free: int


class VicinityRepository(Protocol):
    """The neighbourhood out of the database: for processes that keep no index."""

    def free_guns(self, around: Point, *, within_m: float, plug: Plug, told_since: datetime) -> list[FreeGunsAt]:
        """Public stations in a square of twice `within_m` with such guns, free by a word that is not older."""
        ...


class ChangeStream(Protocol):
    """Tells the other processes which stations changed. A missed message is healed from the database."""

    def publish(self, station_ids: Sequence[str]) -> None:
        """Never raises: when nobody can be told, the periodic look into the database tells them."""
        ...

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        """The ids published after this position, and the new position. Blocks at most `timeout_s`.

        `after` is "" at the start ("from now on"). Raises ConnectionError when the stream is away.
        """
        ...


class Geocoder(Protocol):
    def find(self, text: str, language: str) -> Place | None:
        """The best match for a typed place, or None. Raises SupplierUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    point: Point
