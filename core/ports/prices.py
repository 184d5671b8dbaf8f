"""What is kept of prices over time: a series for each group of guns, the tariffs it had, what waits at the gate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.prices.gate import Waiting
from core.prices.ticks import Cause
from core.station import ConnectorRef, Plug


@dataclass(frozen=True, slots=True)
class Observation:
    """One gun got another tariff. Numbers of one station rise in the order in which it happened."""

    id: int
    station_id: str
    ref: ConnectorRef
    supplier_id: str
    tariff_id: str
    observed_at: datetime
    pushed: bool = False  # said unasked; else we have asked


@dataclass(frozen=True, slots=True)
class PricedGun:
    """A gun as the catalogue has it now, as far as prices go."""

    station_id: str
    ref: ConnectorRef
    plug: Plug
    power_kw: Decimal | None
    count: int
    supplier_id: str
    time_zone: str  # of the station
    tariff_id: str | None
    price_seen_at: datetime | None

    @property
    def series_id(self) -> int:
        return series_id(self.station_id, self.plug, self.power_kw)


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """The guns of a station that are the same to a driver.

    `said_id` is the tariff that most of them have, `apart` names those that have another, `believed_id` is what the
    gate let through. `lapsed`: nobody has repeated it for a day. `price` is what was told last by a tick.
    """

    id: int
    station_id: str
    plug: Plug
    power_kw: Decimal | None
    time_zone: str
    began_at: datetime
    seen_at: datetime  # the believed tariff, last
    source: str
    said_id: str
    apart: Mapping[ConnectorRef, str] = field(default_factory=dict)
    believed_id: str | None = None
    waiting: tuple[Waiting, ...] = ()
    lapsed: bool = False
    currency: str = ""
    price: Decimal | None = None
    version_at: datetime | None = None  # of the last version
    look_at: datetime | None = None  # when time alone may change something

    def passed(self, price: Decimal | None, look_at: datetime) -> PriceSeries:
        """The same, later. Quicker than `replace`: fifty thousand come at once."""
        return PriceSeries(
            self.id, self.station_id, self.plug, self.power_kw, self.time_zone, self.began_at, self.seen_at,
            self.source, self.said_id, self.apart, self.believed_id, self.waiting, self.lapsed, self.currency, price,
            self.version_at, look_at,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """From this moment on this tariff was believed; None: nobody knew any more."""

    series_id: int
    at: datetime
    tariff_id: str | None
    cause: Cause
    source: str


@dataclass(frozen=True, slots=True)
class PriceDay:
    """What is kept of a day once its versions are gone: the prices of its hours, on the clock of the place."""

    series_id: int
    day: int  # ordinal, as datetime.date counts
    lowest: Decimal
    median: Decimal
    highest: Decimal


class PriceRepository(Protocol):
    """Whoever takes observations or looks at what is due does so alone, until the transaction ends."""

    def is_behind(self, at: datetime) -> bool:
        """Whether there may be something to take, or is something due. Cheap, and locks nothing."""
        ...

    def waits_since(self, at: datetime) -> datetime | None:
        """The moment of the first thing that nobody has taken or seen to."""
        ...

    def take(self, limit: int) -> list[Observation]:
        """The next observations, each once, those of a station in their order. What is taken is so at the commit."""
        ...

    def due(self, at: datetime, limit: int) -> list[PriceSeries]:
        """Series whose `look_at` has come."""
        ...

    def guns(self, station_ids: Iterable[str]) -> list[PricedGun]:
        """All guns of these stations, those without a price too; none of a station that was removed."""
        ...

    def series_of(self, station_ids: Iterable[str]) -> list[PriceSeries]: ...

    def alone(self) -> None:
        """Wait until nobody else takes observations or looks; from then on nobody does, until this unit ends."""
        ...

    def some(self, series_ids: Iterable[int]) -> list[PriceSeries]: ...

    def save(self, series: Sequence[PriceSeries]) -> None: ...

    def save_passed(self, series: Sequence[PriceSeries]) -> None:
        """Of series that are stored only `price` and `look_at` are others now."""
        ...

    def append(self, versions: Sequence[PriceVersion]) -> None: ...

    def versions(self, series: Iterable[int], since: datetime) -> dict[int, list[PriceVersion]]:
        """By series, in order: those from this moment on, and the one that held then."""
        ...

    def crowded(self, before: datetime, least: int, limit: int) -> list[PriceSeries]:
        """Series with at least so many versions that ended before."""
        ...

    def compact(self, days: Sequence[PriceDay], before: datetime) -> int:
        """Keep these days instead of their series' versions that ended before; returns how many versions went."""
        ...

    def days(self, series: int) -> list[PriceDay]: ...

    def forget_observations(self, before: datetime, limit: int) -> int:
        """Those that were taken and are older: what they said is in the versions. Returns how many."""
        ...


def series_id(station_id: str, plug: Plug, power_kw: Decimal | None) -> int:
    """The same on every machine, and known before it is stored. 62 bits: no two of ten million are alike."""
    power = "" if power_kw is None else format(power_kw.normalize(), "f")
    digest = hashlib.blake2b(f"{station_id}\x1f{plug.value}\x1f{power}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2
