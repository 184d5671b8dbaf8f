"""What can be asked of the station list: one description for the API, the page and `kilowatch near`.

Names and limits live here once. Whatever is wrong becomes a `UserError` with a sentence, never a list of faults.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from bots.miniapp.models import Described
from core.errors import UserError
from core.geo import Datum, Point, parse_point
from core.ports import Place
from core.scan import Promised
from core.services.finder import StationFinder
from core.session import SessionState
from core.station import Facility, Plug
from core.wishes import DEFAULT_KWH, LEAST_KWH, MOST_KWH, WIDEST_RADIUS_M, Filters, Mode, Sort, Wishes

MOST_ROWS = 100
DEFAULT_ROWS = 20
MOST_OPERATORS = 30
_CURSOR_VERSION = 1
_DEEPEST = 10_000  # stations into a list

_CHOICES: dict[str, type[Enum]] = {
    "datum": Datum,
    "mode": Mode,
    "sort": Sort,
    "plug": Plug,
    "facility": Facility,
    "state": SessionState,
    "promised": Promised,
}
_RANGES = {
    "limit": f"1–{MOST_ROWS}",
    "min_power_kw": "0–10000",
    "price_cap": "0–1000000",
    "free_now": "true, false",
    "open_now": "true, false",
    "free_parking": "true, false",
    "texts": "true, false",
    "operator": f"1–{MOST_OPERATORS}",
    "days": "1, 7, 30, 90",
    "by": "2026-11-23T22:00:00Z",
}


class Query(Described):
    """The root of all query models: empty values count as absent, as a form without JavaScript sends them."""

    model_config = ConfigDict(extra="ignore")

    lang: str | None = Field(default=None, description="zh-CN or en; otherwise Accept-Language decides")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        return {name: value for name, value in values.items() if value not in ("", None, [], ())}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The model of these values. Raises UserError."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise refusal(error) from None


class PlaceQuery(Query):
    """A typed place."""

    q: str = Field(default="", description="An address, the name of a place, or coordinates (latitude first)")
    datum: Datum = Field(default=Datum.WGS84, description="Of coordinates going in and out")

    def find(self, finder: StationFinder, language: str) -> Place:
        """The place that was typed. Raises UserError."""
        if point := parse_point(self.q, self.datum):
            return Place(" ".join(self.q.split()), point)
        return finder.place(self.q, language)


class ChargeQuery(PlaceQuery):
    """Where the driver is and what to charge."""

    lat: float | None = Field(default=None, description="Latitude in degrees")
    lng: float | None = Field(default=None, description="Longitude in degrees")
    kwh: Decimal = Field(default=DEFAULT_KWH, description=f"Energy of this charge, {LEAST_KWH}–{MOST_KWH} kWh")
    mode: Mode = Field(default=Mode.BALANCED, description="What time is worth against money")
    texts: bool = Field(default=False, description="Also give ready sentences in the language asked for")

    @property
    def point(self) -> Point | None:
        """The position given as numbers. Raises UserError for half a position or one that is not on Earth."""
        if self.lat is None and self.lng is None:
            return None
        if self.lat is None or self.lng is None:
            raise UserError("bad_coordinates")
        return Point(self.lat, self.lng, self.datum)

    def to_wishes(self) -> Wishes:
        return Wishes(energy_kwh=self.kwh, mode=self.mode)

    def where(self, finder: StationFinder, language: str) -> Place:
        """The position asked about, by numbers or by name. Raises UserError."""
        if (point := self.point) is not None:
            return Place("", point)
        if not self.q.strip():
            raise UserError("no_position")
        return self.find(finder, language)


class StationsQuery(ChargeQuery):
    """Everything the list can be asked."""

    sort: Sort = Field(default=Sort.RECOMMENDED, description="The order of the list")
    radius_m: int | None = Field(
        default=None, description=f"50–{WIDEST_RADIUS_M}; without it the circle grows until something is found"
    )
    plug: list[Plug] = Field(default=[], description="Any of these; repeat it or separate by commas")
    min_power_kw: Decimal | None = Field(default=None, ge=0, le=10_000, allow_inf_nan=False)
    price_cap: Decimal | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="On the total of this charge, in local currency",
    )
    operator: list[str] = Field(
        default=[], max_length=MOST_OPERATORS, description="Any of these ids or names; repeat it"
    )
    free_now: bool = False
    open_now: bool = False
    free_parking: bool = False
    facility: list[Facility] = Field(default=[], description="All of these; repeat it or separate by commas")
    limit: int = Field(default=DEFAULT_ROWS, ge=1, le=MOST_ROWS)
    cursor: str | None = Field(default=None, description="`next` of the page before; everything else stays as it was")

    @field_validator("plug", "facility", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        items = value.split(",") if isinstance(value, str) else value
        return [part.strip() for item in items for part in str(item).split(",") if part.strip()]

    @field_validator("operator", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        items = [value] if isinstance(value, str) else value
        return [str(item) for item in items if str(item).strip()]

    @property
    def offset(self) -> int:
        """Where the page starts. Raises UserError("bad_page")."""
        return read_cursor(self.cursor)[0] if self.cursor else 0

    def to_wishes(self) -> Wishes:
        """Raises UserError for what cannot be asked."""
        filters = Filters(
            plugs=frozenset(self.plug),
            min_power_kw=self.min_power_kw,
            price_cap=self.price_cap,
            operators=frozenset(self.operator),
            free_now=self.free_now,
            open_now=self.open_now,
            free_parking=self.free_parking,
            facilities=frozenset(self.facility),
        )
        # The second page looks into the circle of the first one, also when that had grown by itself.
        radius_m = read_cursor(self.cursor)[1] if self.cursor else self.radius_m
        return Wishes(energy_kwh=self.kwh, mode=self.mode, sort=self.sort, filters=filters, radius_m=radius_m)


def cursor(offset: int, radius_m: int) -> str:
    """The opaque name of the page that starts at `offset` in a circle of `radius_m`."""
    text = json.dumps({"v": _CURSOR_VERSION, "o": offset, "r": radius_m}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[int, int]:
    """Offset and radius of a page. Raises UserError("bad_page") for anything we did not write."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        doc = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)) if len(text) < 200 else {}
        version, offset, radius_m = doc["v"], doc["o"], doc["r"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("bad_page") from None
    whole = type(offset) is int and type(radius_m) is int
    if version != _CURSOR_VERSION or not whole or not (0 <= offset <= _DEEPEST and 50 <= radius_m <= WIDEST_RADIUS_M):
        raise UserError("bad_page")
    return offset, radius_m


def refusal(error: ValidationError) -> UserError:
    """The first thing that is wrong with a query, as a mistake the person can put right."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if name in ("lat", "lng"):
        return UserError("bad_coordinates")
    if name == "kwh":
        return UserError("bad_energy", least=LEAST_KWH, most=MOST_KWH)
    if name == "radius_m":
        return UserError("bad_radius", least=50, most=WIDEST_RADIUS_M)
    if name == "cursor":
        return UserError("bad_page")
    choices = ", ".join(one.value for one in _CHOICES[name]) if name in _CHOICES else _RANGES.get(name, "")
    if not choices:
        return UserError("bad_request")
    given = first["input"]
    value = str(len(given)) if isinstance(given, list) else str(given)[:40]
    return UserError("bad_value", name=name, value=value, choices=choices)
