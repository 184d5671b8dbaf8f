"""What a driver asks for: how much energy, in what mood, sorted and filtered how."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.errors import UserError
from core.station import Connector, Facility, Plug, Station


class Mode(StrEnum):
    CHEAP = "cheap"
    BALANCED = "balanced"
    HURRY = "hurry"


class Sort(StrEnum):
    RECOMMENDED = "recommended"
    PRICE = "price"
    DISTANCE = "distance"
    FREE = "free"
    POWER = "power"


DEFAULT_KWH = Decimal(30)
LEAST_KWH, MOST_KWH = Decimal(1), Decimal(200)
WIDEST_RADIUS_M = 200_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What must be true of a station. An empty set or None asks nothing."""

    plugs: frozenset[Plug] = frozenset()
    min_power_kw: Decimal | None = None
    price_cap: Decimal | None = None  # on the total of my charge, in the station's currency
    operators: frozenset[str] = frozenset()
    free_now: bool = False
    open_now: bool = False
    free_parking: bool = False
    facilities: frozenset[Facility] = frozenset()

    @property
    def active(self) -> int:
        """How many filters are on."""
        switches = (self.free_now, self.open_now, self.free_parking)
        values = (self.plugs, self.operators, self.facilities)
        limits = (self.min_power_kw, self.price_cap)
        return sum(switches) + sum(map(bool, values)) + sum(limit is not None for limit in limits)

    def fits(self, connector: Connector) -> bool:
        """Whether this gun would do, apart from being free."""
        if self.plugs and connector.plug not in self.plugs:
            return False
        return self.min_power_kw is None or (connector.power_kw or Decimal(0)) >= self.min_power_kw

    def passes(self, station: Station, at: datetime) -> bool:
        """Everything but the price cap, which needs a quote."""
        if self.operators and not self.operators & {station.operator_id, station.operator_name}:
            return False
        if self.free_parking and station.parking.free is not True:
            return False
        if not self.facilities <= station.facilities:
            return False
        if self.open_now and station.hours.is_open(at.astimezone(ZoneInfo(station.time_zone))) is not True:
            return False
        guns = [connector for connector in station.connectors if self.fits(connector)]
        return any(gun.is_free(at) for gun in guns) if self.free_now else bool(guns)


@dataclass(frozen=True, slots=True)
class Wishes:
    """One search: what to charge and how to choose. Raises UserError for what cannot be asked."""

    energy_kwh: Decimal = DEFAULT_KWH
    mode: Mode = Mode.BALANCED
    sort: Sort = Sort.RECOMMENDED
    filters: Filters = field(default_factory=Filters)
    radius_m: int | None = None  # None: start small and grow until something is found

    def __post_init__(self) -> None:
        if not (self.energy_kwh.is_finite() and LEAST_KWH <= self.energy_kwh <= MOST_KWH):
            raise UserError("bad_energy", least=LEAST_KWH, most=MOST_KWH)
        if self.radius_m is not None and not 50 <= self.radius_m <= WIDEST_RADIUS_M:
            raise UserError("bad_radius", least=50, most=WIDEST_RADIUS_M)
