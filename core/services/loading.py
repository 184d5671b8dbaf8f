"""What loads of every kind share: a report, what one has come to so far, and lists read in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from core.errors import SupplierUnavailable
from core.ports import CarriesTariffs
from core.services.trust import Spot
from core.station import Rejected, Station
from core.tariff import Tariff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one import or pull did. `vanished` stations were missing from a list too short to be believed.

    `frozen` says why nothing of it was taken.
    """

    supplier_id: str
    rows: int = 0
    stations: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    quarantined: int = 0
    vanished: int = 0
    seconds: float = 0.0
    frozen: str = ""


@dataclass(slots=True)
class Progress:
    """What a load has come to so far."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    new_nonsense: int = 0
    vanished: int = 0
    listed: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # there all the same: what we hold of them stays
    places: Counter[tuple[Spot, str]] = field(default_factory=Counter)  # with their addresses
    tariffs: set[str] = field(default_factory=set)  # stored


@dataclass(slots=True)
class Note:
    """Why a pull that ended is no success after all."""

    error: str = ""


def parted(batch: Sequence[Station | Rejected]) -> tuple[tuple[Station, ...], tuple[Rejected, ...]]:
    stations = tuple(item for item in batch if isinstance(item, Station))
    return stations, tuple(item for item in batch if isinstance(item, Rejected))


def carried(source: object) -> Mapping[str, Tariff]:
    return source.tariffs() if isinstance(source, CarriesTariffs) else {}


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`, read as they come. What came before a failure is handed out first."""
    source = iter(items)
    while True:
        batch: list[T] = []
        try:
            batch.extend(islice(source, size))
        except SupplierUnavailable:
            # extend keeps what it took before the failure
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch
