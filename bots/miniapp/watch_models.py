"""What the API takes and gives about watches, as OpenAPI schemas."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, model_validator

from bots.miniapp.gun_models import Degrees, point_of
from bots.miniapp.models import DecimalText, LatLng, Model, Moment
from bots.miniapp.people_models import Body, Clock, exact
from bots.miniapp.query import Query
from core.errors import UserError
from core.geo import Datum, Point
from core.prices.areas import LEAST_RADIUS_M, MOST_RADIUS_M
from core.prices.watching import LEAST_PERCENT, MOST_PERCENT, WINDOWS_DAYS, Outlook, Rule
from core.services.accounts import check_time_zone
from core.station import Plug
from core.watch import LEAST_WIDTH_M, MOST_WAY_POINTS, MOST_WIDTH_M, Area, Ended, Needs, Way, Where

MOST_METRES = 10_000_000  # larger ones are no mistake about a circle, which has a sentence
LABEL_MAX = 80
Series = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$", description="`guns.id` of what can be wished")]
Amount = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(
        allow_inf_nan=False,
        max_digits=9,
        description=f"A price per kWh for `below`, {LEAST_PERCENT} to {MOST_PERCENT} per cent for `below_usual`, "
        f"{', '.join(map(str, WINDOWS_DAYS))} days for `lowest`, nothing for `gun_free`",
    ),
]
Metres = Annotated[int, Field(ge=0, le=MOST_METRES)]


# --- what is sent -----------------------------------------------------------------------------------------------


class WishesQuery(Query):
    guns: Series | None = Field(default=None, description="About these guns; else about those that are most")

    @property
    def series_id(self) -> int | None:
        return int(self.guns) if self.guns else None


class PointBody(Body):
    lat: Degrees
    lng: Degrees
    datum: Datum = Datum.WGS84

    @property
    def point(self) -> Point:
        """In WGS-84. Raises UserError for one that is not on Earth."""
        return Point(self.lat, self.lng, self.datum).wgs84


class NeedsBody(Body):
    plugs: list[Plug] = Field(default=[], max_length=len(Plug), description="Any of these; empty asks nothing")
    min_power_kw: Annotated[Decimal, BeforeValidator(exact)] | None = Field(
        default=None, ge=0, le=10_000, allow_inf_nan=False, max_digits=9
    )
    operator: str = Field(default="", max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="`operator.id`")

    @property
    def needs(self) -> Needs:
        return Needs(frozenset(self.plugs), self.min_power_kw, self.operator)


class AreaBody(PointBody, NeedsBody):
    radius_m: Metres = Field(description=f"{LEAST_RADIUS_M}–{MOST_RADIUS_M}")

    @property
    def area(self) -> Area:
        """Raises UserError."""
        return Area(self.point, self.radius_m, self.needs)


class WayBody(NeedsBody):
    points: list[PointBody] = Field(min_length=1, max_length=10 * MOST_WAY_POINTS)
    width_m: Metres = Field(description=f"{LEAST_WIDTH_M}–{MOST_WIDTH_M}, on both sides of the straight legs")
    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(max_length=7, description="0 is Monday")
    starts: Clock = Field(alias="from")
    ends: Clock = Field(alias="to")
    time_zone: str = Field(max_length=64, description="An IANA name: whose clock the hours are on")

    @property
    def way(self) -> Way:
        """Raises UserError."""
        return Way(
            tuple(one.point for one in self.points),
            self.width_m,
            frozenset(self.days),
            time.fromisoformat(self.starts),
            time.fromisoformat(self.ends),
            check_time_zone(self.time_zone) or "UTC",
            self.needs,
        )


class WatchBody(Body):
    """A station, an area or a way, and what is wished there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"station_id": "gq5v3hmxk7wte", "rule": "below", "amount": "1.10"},
                {
                    "area": {"lat": 22.541, "lng": 114.058, "radius_m": 2000},
                    "rule": "below_usual",
                    "amount": "10",
                    "label": "Work",
                },
                {
                    "way": {
                        "points": [{"lat": 22.541, "lng": 114.058}, {"lat": 22.61, "lng": 114.03}],
                        "width_m": 500,
                        "days": [0, 1, 2, 3, 4],
                        "from": "07:00",
                        "to": "09:00",
                        "time_zone": "Asia/Shanghai",
                    },
                    "rule": "below",
                    "amount": "0.90",
                    "currency": "CNY",
                    "label": "To work",
                },
            ]
        }
    )

    rule: Rule
    amount: Amount = Decimal(0)
    station_id: str | None = Field(default=None, max_length=64)
    guns: Series | None = Field(default=None, description="Of the station; else those that are most")
    lat: Degrees | None = Field(default=None, description="Where the driver is about, to be told the distance")
    lng: Degrees | None = None
    datum: Datum = Datum.WGS84
    area: AreaBody | None = None
    way: WayBody | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(
        default=None, description="Of a price that is wished in an area or along a way"
    )
    label: str = Field(default="", max_length=LABEL_MAX, description="What the area or the way is called")

    @model_validator(mode="after")
    def _one_of_the_three(self) -> WatchBody:
        if sum(place is not None for place in (self.station_id, self.area, self.way)) != 1:
            raise ValueError("either a station, an area or a way")
        return self

    @property
    def series_id(self) -> int | None:
        return int(self.guns) if self.guns else None

    @property
    def origin(self) -> Point | None:
        """Raises UserError."""
        return point_of(self.lat, self.lng, self.datum, None)


class ChangeBody(Body):
    """What is left out stays as it is."""

    snooze: Literal[True] | AwareDatetime | None = Field(
        default=None, description="Silent for a day, or until then: RFC 3339 with its zone"
    )
    wake: Literal[True] | None = Field(default=None, description="It may speak again")
    renew: Literal[True] | None = Field(default=None, description="Lives as long as a new one, also after its end")
    seen: Literal[True] | None = Field(default=None, description="What waits to be told of it has been read here")
    amount: Amount | None = Field(default=None, description="Another one; its other alerts are forgotten")

    @model_validator(mode="after")
    def _says_something(self) -> ChangeBody:
        if not self.model_fields_set or (self.snooze is not None and self.wake is not None):
            raise ValueError("something, and not both")
        return self

    def silent_until(self, now: datetime, latest: datetime) -> datetime | None:
        """Until when, at most as long as it lives; None for the usual day. Raises UserError for the past."""
        if not isinstance(self.snooze, datetime):
            return None
        if self.snooze <= now:
            raise UserError("bad_request")
        return min(self.snooze, latest)


# --- what is answered -------------------------------------------------------------------------------------------


class WatchedGuns(Model):
    id: str = Field(description="Of the guns of one kind at a station, those that cost the same")
    plug: Plug
    power_kw: DecimalText | None
    text: str


class Wish(Model):
    rule: Rule
    amount: DecimalText
    text: str = Field(description="For the button")


class Wishes(Model):
    station_id: str
    station: str
    guns: WatchedGuns
    per_kwh: DecimalText | None = Field(description="Now; without a price only a free gun can be waited for")
    currency: str | None
    wishes: list[Wish]
    others: list[WatchedGuns] = Field(description="The other kinds of guns there")
    text: str = Field(description="The guns and what they cost now")


class WatchedArea(LatLng):
    radius_m: int


class WatchedWay(Model):
    points: list[LatLng]
    width_m: int
    days: list[int]
    starts: str = Field(alias="from")
    ends: str = Field(alias="to")
    time_zone: str


class NeedsAnswer(Model):
    plugs: list[Plug]
    min_power_kw: DecimalText | None
    operator: str


class FreeGuns(Model):
    free: int
    known: int = Field(description="How many of the guns somebody has told about lately")
    guns: int


class WatchTexts(Model):
    place: str
    wish: str
    state: str = Field(description="The price now, silent until when, until when it is watched")


class Watch(Model):
    id: str
    where: Where
    station_id: str | None
    guns: WatchedGuns | None
    area: WatchedArea | None
    way: WatchedWay | None
    needs: NeedsAnswer | None = Field(description="Of an area or a way")
    rule: Rule
    amount: DecimalText
    currency: str | None = Field(description="Of a price that is wished")
    label: str
    created_at: Moment
    expires_at: Moment
    muted_until: Moment | None
    ended: Ended | None
    ended_at: Moment | None
    told: int = Field(description="Alerts so far")
    per_kwh: DecimalText | None = Field(description="What a watched station asks now")
    free_guns: FreeGuns | None = Field(description="Where a free gun is waited for")
    text: WatchTexts


class Alert(Model):
    id: str
    watch_id: str
    station_id: str
    station: str
    at: Moment
    per_kwh: DecimalText | None
    before: DecimalText | None
    currency: str
    also: int = Field(description="How many further stations it was true of")
    told_at: Moment | None = Field(description="Null: it waits, or could not be told")
    text: str


class Waiting(Model):
    """What one of the person's watches, or several about the same guns, could not tell them."""

    watch_id: str
    station_id: str
    station: str
    rule: Rule
    per_kwh: DecimalText | None = Field(description="Now; null where a free gun was waited for")
    before: DecimalText | None
    usual: DecimalText | None = Field(description="At this hour")
    currency: str | None
    until: Moment | None = Field(description="When the price rises, if that is known")
    free: int | None = Field(description="Guns that are free; null: nobody knows")
    distance_m: int | None = Field(description="From where the watch was set, or from the middle of its area")
    head: str
    lines: list[str]


class Told(Model):
    """Where alerts arrive."""

    channels: list[Literal["telegram", "wechat"]] = Field(description="Chats of the person, the last used first")
    stopped: bool = Field(description="The person has asked to be told nothing unasked: alerts wait here")
    text: str


class WatchList(Model):
    watches: list[Watch] = Field(description="Those that have not ended, newest first")
    next: None = Field(description="They all fit on one page")
    waiting: list[Waiting] = Field(description="What nobody could be told of yet and is still true")
    told: Told


class WatchDetail(Watch):
    alerts: list[Alert] = Field(description="The last ones, newest first")


class Nearest(Model):
    per_kwh: DecimalText
    at: Moment


class MadeWatch(Watch):
    again: bool = Field(description="It was watched already (200); a new one, or another amount, is a 201")
    outlook: Outlook
    nearest: Nearest | None = Field(description="The nearest that was seen to a price that is wished")
    offer: DecimalText | None = Field(description="A price that can be reached, where the wished one never was")
    told_where: Told
    lines: list[str] = Field(description="What is watched, whether it can come true, until when; as sentences")
