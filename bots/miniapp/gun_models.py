"""What the API takes and gives about scanning a gun's code, as OpenAPI schemas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from bots.miniapp.models import DecimalText, LatLng, Model, Moment, Money, NextChange, Operator
from bots.miniapp.money_models import GunBody, Id, Quote
from bots.miniapp.people_models import Body, Kwh
from bots.miniapp.query import Query
from core.errors import UserError
from core.geo import Datum, Point
from core.scan import ScanSource, ScanState
from core.station import ConnectorStatus, Plug

MOST_ACCURACY_M = 1_000_000
LONGEST_TEXT = 8_000  # a QR code holds 7,089 digits at most; what is too long for a gun's has a sentence
Degrees = Annotated[float, Field(allow_inf_nan=False)]
Metres = Annotated[float, Field(ge=0, le=MOST_ACCURACY_M, allow_inf_nan=False)]


class Where(Query):
    """Where the driver is. Pictures bring it in the query or in form fields, texts in their JSON."""

    lat: Degrees | None = Field(default=None, description="Latitude in degrees")
    lng: Degrees | None = Field(default=None, description="Longitude in degrees")
    datum: Datum = Datum.WGS84
    accuracy_m: Metres | None = Field(default=None, description="How far off the position may be")

    @property
    def point(self) -> Point | None:
        """Raises UserError for half a position or one that is not on Earth."""
        return point_of(self.lat, self.lng, self.datum, self.accuracy_m)


class ResolveBody(Body):
    """Either what was read or typed, or a gun picked from a station's card."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "hlht://4403040001001.SANDBOX01/", "source": "camera", "lat": 22.541, "lng": 114.058},
                {"gun": {"operator_id": "SANDBOX01", "id": "4403040001001"}, "lat": 22.541, "lng": 114.058},
            ]
        }
    )

    text: str | None = Field(default=None, max_length=LONGEST_TEXT)
    source: Literal[ScanSource.TYPED, ScanSource.CAMERA, ScanSource.LINK] = ScanSource.TYPED
    gun: GunBody | None = Field(default=None, description="`operator_id` and `id` of a connector")
    lat: Degrees | None = None
    lng: Degrees | None = None
    datum: Datum = Datum.WGS84
    accuracy_m: Metres | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> ResolveBody:
        if (self.text is None) == (self.gun is None):
            raise ValueError("either text or gun")
        return self

    @property
    def point(self) -> Point | None:
        """As of `Where`."""
        return point_of(self.lat, self.lng, self.datum, self.accuracy_m)


class ScanGun(Model):
    operator_id: str
    id: str
    label: str
    plug: Plug
    power_kw: DecimalText | None
    status: ConnectorStatus
    text: str = Field(description="Label, plug and power in words")


class ScanStation(LatLng):
    id: str
    name: str
    operator: Operator
    address: str


class GunChoice(Model):
    number: int = Field(description="For `…/choice`")
    gun: ScanGun
    station: ScanStation


class Problem(Model):
    code: str
    message: str = Field(description="What is asked or what is wrong, in the language asked for")


_GUN: JsonDict = {
    "operator_id": "SANDBOX01",
    "id": "4403040001001",
    "label": "01",
    "plug": "gbt_dc",
    "power_kw": "120",
    "status": "free",
    "text": "Gun 01 · GB/T DC · 120 kW",
}
_STATION: JsonDict = {
    "id": "gq5v3hmxk7wte",
    "name": "Lotus Road",
    "operator": {"id": "SANDBOX01", "name": "Sandbox Charging"},
    "address": "1 Lotus Road, Futian",
    "lat": 22.541,
    "lng": 114.058,
    "datum": "wgs84",
}
_SCAN: JsonDict = {
    "id": "pX3kq0aZbC1d",
    "state": "ask_station",
    "text": "hlht://4403040001001.SANDBOX01/",
    "problem": {
        "code": "scan_ask_station",
        "message": "Are you at Lotus Road? Say yes only if that name is right.",
    },
    "reasons": ["farther_off"],
    "gun": _GUN,
    "station": _STATION,
    "choices": [],
    "official": None,
    "expires_at": "2026-11-23T04:15:00Z",
}


class Scan(Model):
    """A code that was read, and what came of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCAN]})

    id: str
    state: ScanState = Field(
        description="`passed` may lead to an offer; `which_gun`, `ask_station` and `ask_last_four` wait for an "
        "answer; with the problem `scan_ask_position` no four characters stand on the gun: scan again with a position"
    )
    text: str = Field(description="What was scanned, cut")
    problem: Problem | None = Field(description="Null once it passed")
    reasons: list[str] = Field(
        description="Why it is asked about or refused, the gravest first: codes, not sentences"
    )
    gun: ScanGun | None = Field(
        description="Null while it is not one, and while the driver is asked what is printed on it"
    )
    station: ScanStation | None
    choices: list[GunChoice] = Field(description="In `which_gun` alone")
    official: str | None = Field(description="The operator's own host, to trust instead")
    expires_at: Moment = Field(description="Until then it may lead to an offer")


class Codes(Model):
    codes: list[Scan] = Field(description="One for each code in the picture, those that lead to a gun first")


class ScanPath(Body):
    scan_id: Id


class ChoiceBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"number": 0}]})

    number: Annotated[int, Field(ge=0, le=1_000, strict=True)]


class LastFourBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"characters": "0102"}]})

    characters: str = Field(max_length=64, description="The last four characters of the number on the gun")


class ReportBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"words": "A second sticker lies over the first"}]})

    words: str = Field(default="", max_length=2_000)


class Reported(Model):
    reported: Literal[True]
    reference: str
    text: str


class OfferBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"kwh": "30"}]})

    kwh: Kwh


_OFFER: JsonDict = {
    "id": "Zt1c9bQ2mS4uV6w8",
    "station_id": "gq5v3hmxk7wte",
    "station": "Lotus Road",
    "operator": "Sandbox Charging",
    "gun": {"operator_id": "SANDBOX01", "id": "4403040001001", "label": "01"},
    "kwh": "30",
    "expected": {"amount_minor": 3600, "currency": "CNY"},
    "parts": {"energy": "24.00", "service": "12.00"},
    "per_kwh": "1.2",
    "hold": {"amount_minor": 4500, "currency": "CNY"},
    "tariff_id": "t1",
    "price_seen_at": "2026-11-23T04:00:00Z",
    "expires_at": "2026-11-23T04:05:00Z",
    "scan_id": "pX3kq0aZbC1d",
    "available": {"amount_minor": 2000, "currency": "CNY"},
    "missing": {"amount_minor": 2500, "currency": "CNY"},
    "missing_text": "You have ¥20.00. Top up at least ¥25.00 to start.",
    "next_change": {"at": "2026-11-23T12:00:00Z", "per_kwh": "0.7500"},
    "minutes": 20,
    "head": ["Lotus Road", "Sandbox Charging · Gun 01 · GB/T DC · 120 kW"],
    "lines": ["💴 About ¥36.00 for 30 kWh (¥1.20/kWh)", "Energy cost ¥24.00 · Service ¥12.00"],
    "promises": [{"id": "P1", "text": "You never pay more for a charge than the amount you said yes to."}],
}


class Promise(Model):
    id: str
    text: str


class Offer(Quote):
    """A quote for the gun that was scanned, with everything to know before the yes."""

    model_config = ConfigDict(json_schema_extra={"examples": [_OFFER]})

    scan_id: str
    available: Money
    missing: Money | None = Field(description="What the wallet lacks for the hold")
    missing_text: str = Field(description="What to do about it; empty where nothing is missing")
    next_change: NextChange | None
    minutes: int = Field(description="At the gun, with an ordinary car")
    head: list[str] = Field(description="Station, operator and gun in words, to compare with what stands there")
    lines: list[str] = Field(description="Price, parts, next change, hold and promises in words")
    promises: list[Promise]


def point_of(lat: float | None, lng: float | None, datum: Datum, accuracy_m: float | None) -> Point | None:
    """Raises UserError for half a position or one that is not on Earth."""
    if lat is None and lng is None:
        return None
    if lat is None or lng is None:
        raise UserError("bad_coordinates")
    return Point(lat, lng, datum, accuracy_m)
