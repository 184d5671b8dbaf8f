"""Stations and their connectors: what is where, what it can do, and how old our knowledge of it is."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.geo import Datum, Point
from core.opening import UNKNOWN_HOURS, OpeningHours

# A status older than this is no longer an answer to "is it free?" (docs/glossary.md, "fresh").
STATUS_FRESH_FOR = timedelta(minutes=10)
# A price older than this is shown as "last seen" and never raises an alert.
PRICE_FRESH_FOR = timedelta(hours=24)


class Plug(StrEnum):
    """What fits the car. The values are stored and are part of the API."""

    GBT_DC = "gbt_dc"
    GBT_AC = "gbt_ac"
    CCS2 = "ccs2"
    CCS1 = "ccs1"
    CHADEMO = "chademo"
    NACS = "nacs"
    TYPE2 = "type2"
    TYPE1 = "type1"
    TYPE3 = "type3"
    DOMESTIC = "domestic"
    INDUSTRIAL = "industrial"
    WIRELESS = "wireless"
    OTHER = "other"
    UNKNOWN = "unknown"


DC_PLUGS = frozenset({Plug.GBT_DC, Plug.CCS1, Plug.CCS2, Plug.CHADEMO})


class ConnectorStatus(StrEnum):
    FREE = "free"
    OCCUPIED = "occupied"  # a car is plugged in and does not charge
    CHARGING = "charging"
    RESERVED = "reserved"
    FAULT = "fault"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Facility(StrEnum):
    TOILET = "toilet"
    FOOD = "food"
    SHOP = "shop"
    LOUNGE = "lounge"
    CANOPY = "canopy"
    WIFI = "wifi"
    CAR_WASH = "car_wash"
    ACCESSIBLE = "accessible"


class NoPrice(StrEnum):
    """Why there is no price. An unknown price is never zero."""

    NOT_PUBLISHED = "not_published"
    TEXT_ONLY = "text_only"  # the supplier publishes a sentence, see Station.price_text
    IMPLAUSIBLE = "implausible"  # a number came that cannot be true; it is in quarantine
    NOT_COVERED = "not_covered"  # the tariff says nothing for this moment
    MEMBERS = "members"  # what is published holds for members; whoever comes by pays something else


@dataclass(frozen=True, slots=True)
class ConnectorRef:
    """Names one gun in the world: the operator's id and the operator's id of the connector, kept byte for byte."""

    operator_id: str
    connector_id: str


@dataclass(frozen=True, slots=True)
class Connector:
    """One gun: what one car can use now."""

    ref: ConnectorRef
    plug: Plug = Plug.UNKNOWN
    power_kw: Decimal | None = None
    label: str = ""  # printed on the gun
    pile: str = ""  # label of the cabinet; guns of one pile may block each other
    count: int = 1  # registers tell "4 of this kind" without naming each
    status: ConnectorStatus = ConnectorStatus.UNKNOWN
    status_at: datetime | None = None  # when the supplier last vouched for the status
    bay_blocked: bool | None = None  # the parking bay is taken although the gun may be free
    tariff_id: str | None = None
    price_seen_at: datetime | None = None
    no_price: NoPrice | None = NoPrice.NOT_PUBLISHED
    # What the supplier's list says is printed on it, byte for byte. Kept for scans, and not read back with a station.
    qr_texts: tuple[str, ...] = ()

    @property
    def is_dc(self) -> bool:
        return self.plug in DC_PLUGS or (self.power_kw is not None and self.power_kw > 50)

    def status_now(self, at: datetime) -> ConnectorStatus:
        """The status if it is fresh enough to act on, else UNKNOWN. A fault stands until it is said to be mended."""
        if self.status is ConnectorStatus.FAULT:
            return self.status
        if self.status_at is None or at - self.status_at > STATUS_FRESH_FOR:
            return ConnectorStatus.UNKNOWN
        return self.status

    def is_free(self, at: datetime) -> bool:
        return self.status_now(at) is ConnectorStatus.FREE and not self.bay_blocked


@dataclass(frozen=True, slots=True)
class Parking:
    """What standing there costs. `free` is None when nobody told us."""

    free: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """A place with guns, as one supplier describes it. `point` is WGS-84."""

    id: str
    supplier_id: str
    external_id: str
    name: str
    point: Point
    connectors: tuple[Connector, ...]
    operator_id: str = ""
    operator_name: str = ""
    global_id: str | None = None  # an id that means the same place at every supplier, normalised
    address: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    time_zone: str = "UTC"
    hours: OpeningHours = UNKNOWN_HOURS
    parking: Parking = field(default_factory=Parking)
    facilities: frozenset[Facility] = frozenset()
    phone: str = ""
    guide: str = ""  # how to find the bay
    price_text: str = ""  # the supplier's own words; shown, never computed from
    public: bool = True  # False: staff or residents only; kept, not shown
    source_datum: Datum = Datum.WGS84
    licence: str = ""
    attribution: str = ""
    updated_at: datetime | None = None  # when the supplier says it last changed it

    def __post_init__(self) -> None:
        if self.point.datum is not Datum.WGS84:
            raise ValueError("a station's point is WGS-84; convert where it enters")

    @property
    def guns(self) -> int:
        return sum(connector.count for connector in self.connectors)


def station_key(supplier_id: str, external_id: str) -> str:
    """Our public id of a station: 13 characters, the same on every machine and after every re-import."""
    digest = hashlib.blake2b(f"{supplier_id}\x1f{external_id}".encode(), digest_size=8).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class Supplier:
    """Whose data it is, and what we owe them for showing it."""

    id: str
    kind: str
    name: str
    licence: str = ""
    attribution: str = ""
    url: str = ""
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A supplier's word on one gun at one moment."""

    ref: ConnectorRef
    status: ConnectorStatus
    at: datetime
    bay_blocked: bool | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something a supplier sent that we refuse to use: kept whole, with the reason, in quarantine."""

    external_id: str
    reason: str  # a code, e.g. "bad_coordinates"; see docs/glossary.md
    detail: str = ""
    raw: str = ""
