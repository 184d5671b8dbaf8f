"""The answers of the API as OpenAPI schemas. `shapes.py` builds them; a test holds the two together."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.geo import Datum
from core.ranking import ReasonKind
from core.station import ConnectorStatus, Facility, NoPrice, Plug

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC")]
DecimalText = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]
Texts = dict[str, str]


class Described(BaseModel):
    """Its schema is made once.

    The OpenAPI library asks for that of a query in every request, which takes longer than a search, and for that of
    an error three hundred times at start-up.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return cls._kept_schema(*args, **kwargs)

    @classmethod
    @cache
    def _kept_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().model_json_schema(*args, **kwargs)


class Model(Described):
    """Refuses what it does not name, so that an undescribed field fails the tests."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Model):
    code: str
    message: str = Field(description="A sentence for the person, in the language asked for")


class Error(Model):
    error: ErrorBody


class Money(Model):
    amount_minor: int
    currency: str


class Operator(Model):
    id: str
    name: str


class OperatorList(Model):
    operators: list[Operator]


class NextChange(Model):
    at: Moment
    per_kwh: DecimalText


class Price(Model):
    total: Money = Field(description="For the charge asked for, rounded once")
    per_kwh: DecimalText
    parts: dict[Literal["energy", "service", "time", "parking", "session", "reservation", "limit"], DecimalText] = (
        Field(description="What adds up to the total; `limit` is negative where a maximum price takes something off")
    )
    kwh: DecimalText
    seen_at: Moment | None
    next_change: NextChange | None


class NoPriceReason(Model):
    reason: NoPrice
    text: str


class Guns(Model):
    total: int
    free: int | None = Field(description="Null when no state is fresh")
    last_free: int | None
    as_of: Moment | None
    fresh: bool


class ParkingFee(Model):
    free: bool | None
    text: str


class Cost(Model):
    total: DecimalText = Field(description="What the list is ordered by: price, driving, time and risk")
    currency: str
    parts: dict[Literal["charge", "drive", "wait", "gun_time", "risk"], DecimalText]


class Reason(Model):
    code: ReasonKind
    text: str


class PlaceOffer(Model):
    station_id: str
    supplier: str
    operator: Operator
    price: Price | None
    no_price: NoPrice | None


class StationRow(Model):
    id: str
    name: str
    operator: Operator
    supplier: str
    lat: float
    lng: float
    datum: Datum
    distance_m: int | None
    address: str
    price: Price | None
    no_price: NoPriceReason | None
    guns: Guns
    guns_from: str = Field(description="The supplier whose description of the guns is counted")
    max_power_kw: DecimalText | None
    plugs: list[Plug]
    open_now: bool | None
    hours: str
    parking: ParkingFee
    facilities: list[Facility]
    minutes: int
    cost: Cost
    offers: list[PlaceOffer] = Field(description="One for each supplier of this place, the shown one first")
    reason: Reason
    updated_at: Moment | None
    text: Texts | None = Field(default=None, description="Ready sentences, with `texts=true`")


class Search(Model):
    lat: float
    lng: float
    datum: Datum
    place: str
    mainland_china: bool = Field(description="Whether map makers shift this point")


class StationList(Model):
    stations: list[StationRow]
    next: str | None = Field(description="`cursor` of the next page")
    hidden: int = Field(description="Inside the circle, but hidden by the filters")
    radius_m: int
    total: int
    notes: list[str]
    credits: list[str]
    search: Search


class Connector(Model):
    id: str
    operator_id: str
    label: str
    pile: str
    count: int
    plug: Plug
    power_kw: DecimalText | None
    status: ConnectorStatus
    status_at: Moment | None
    bay_blocked: bool | None
    per_kwh: DecimalText | None
    currency: str | None
    tariff_id: str | None
    price_seen_at: Moment | None
    no_price: NoPrice | None
    text: Texts | None = None


class Period(Model):
    start: str = Field(alias="from")
    to: str
    per_kwh: DecimalText | None
    service: DecimalText | None
    now: bool
    text: str | None = None


class DayTariff(Model):
    currency: str
    time_zone: str
    periods: list[Period] = Field(description="Today, where the station stands")


class MapLink(Model):
    id: str
    name: str
    url: str


class StationDetail(StationRow):
    connectors: list[Connector]
    also_sold: list[str] = Field(
        description="What the other suppliers of this place take, cheapest first, as sentences"
    )
    connectors_left_out: int
    tariffs: dict[str, DayTariff]
    time_zone: str
    guide: str
    phone: str
    price_text: str
    licence: str
    attribution: str
    credits: list[str]
    maps: list[MapLink]
    label_url: str | None = Field(
        default=None, description="A page with the codes of its guns to print, for stations of the sandbox alone"
    )


class LatLng(Model):
    lat: float
    lng: float
    datum: Datum


class NamedPlace(Model):
    name: str
    lat: float
    lng: float
    datum: Datum
    points: dict[Datum, LatLng]


class PlaceAnswer(Model):
    place: NamedPlace
