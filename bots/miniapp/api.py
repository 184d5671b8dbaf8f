"""The JSON API under /api/v1, described by OpenAPI from this code. A view asks a service, then shapes the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, current_app
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from bots.miniapp import models
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.query import ChargeQuery, PlaceQuery, StationsQuery
from bots.miniapp.shapes import NAME_MAX, clean, coordinates, station_detail, station_list
from core.geo import Datum, parse_point
from core.ports import Place
from core.services import Services
from core.station import Station
from core.wishes import Wishes

PREFIX = "/api/v1"
STATIONS = Tag(name="stations", description="Charging stations, ranked by what this charge will really cost")
PLACES = Tag(name="places", description="Typed places and coordinates")


class StationPath(BaseModel):
    station_id: str = Field(description="`id` of a row of the list")


LabelUrl = Callable[[Station], str | None]


def no_labels(station: Station) -> str | None:
    """Where no station has a page with its codes."""
    return None


def blueprint(services: Services, label_url: LabelUrl = no_labels) -> APIBlueprint:
    """The routes of the API over these services. `label_url` tells where a station's codes can be printed."""
    api = APIBlueprint(
        "api",
        __name__,
        url_prefix=PREFIX,
        abp_responses={400: models.Error, 429: models.Error, 503: models.Error},
    )

    @api.get(
        "/stations",
        tags=[STATIONS],
        operation_id="stations",
        summary="Stations around a point, best first",
        description="Give `lat` and `lng`, or `q`. Coordinates are WGS-84 unless `datum` says otherwise.",
        responses={200: models.StationList},
    )
    def stations(query: StationsQuery) -> Response:
        return json_answer(find_stations(services, query))

    @api.get(
        "/stations/<station_id>",
        tags=[STATIONS],
        operation_id="station",
        summary="One station with every gun",
        responses={200: models.StationDetail, 404: models.Error},
    )
    def station(path: StationPath, query: ChargeQuery) -> Response:
        doc = find_station(services, path.station_id, query, label_url)
        return json_answer(doc, keep=query.point is None)

    @api.get(
        "/operators",
        tags=[STATIONS],
        operation_id="operators",
        summary="Operators around a point, for the filter",
        responses={200: models.OperatorList},
    )
    def operators(query: ChargeQuery) -> Response:
        services.limiter.hit("api", address())
        found = services.finder.operators_near(place_of(services, query).point, limit=20)
        rows = [{"id": one_id or name, "name": clean(name, NAME_MAX)} for one_id, name in found]
        return json_answer({"operators": rows})

    @api.get(
        "/places",
        tags=[PLACES],
        operation_id="places",
        summary="Where a typed place is, in each datum",
        responses={200: models.PlaceAnswer, 404: models.Error},
    )
    def places(query: PlaceQuery) -> Response:
        services.limiter.hit("api", address())
        asked = ChargeQuery(q=query.q, datum=query.datum)
        place = place_of(services, asked)
        by_datum = {datum.value: coordinates(place.point, datum) for datum in Datum}
        here = coordinates(place.point, query.datum)
        return json_answer({"place": {"name": clean(place.name, NAME_MAX), **here, "points": by_datum}})

    def description() -> Response:
        return json_answer(current_app.api_doc, keep=True)  # type: ignore[attr-defined]

    api.add_url_rule("/openapi.json", "description", description)
    return api


def find_stations(services: Services, query: StationsQuery) -> dict[str, Any]:
    """One page of the list as JSON. Raises UserError."""
    services.limiter.hit("api", address())
    say = spoken()
    wishes, offset = query.to_wishes(), query.offset
    place = place_of(services, query)
    found = services.finder.near(place.point, wishes, limit=query.limit, offset=offset)
    return station_list(found, query, say, services.clock.now(), place=place.name)


def find_station(
    services: Services, station_id: str, query: ChargeQuery, label_url: LabelUrl = no_labels
) -> dict[str, Any]:
    """One station as JSON. Raises UserError."""
    services.limiter.hit("api", address())
    wishes = Wishes(energy_kwh=query.kwh, mode=query.mode)
    one = services.finder.station(station_id, wishes, seen_from=query.point)
    tariffs = services.index.tariffs({gun.tariff_id for gun in one.station.connectors if gun.tariff_id})
    at = services.clock.now()
    finder = services.finder
    doc = station_detail(
        one, query, spoken(), at, tariffs=tariffs, credits=finder.credit(one), sellers=finder.sellers(one)
    )
    labels = (label_url(each.station) for each in (one, *one.also))
    return doc | {"label_url": next(filter(None, labels), None)}


def place_of(services: Services, query: ChargeQuery) -> Place:
    """The position asked about. Names are looked up with others' servers, so they are counted on their own."""
    if query.point is None and query.q.strip() and parse_point(query.q) is None:
        services.limiter.hit("places", address())
    return query.where(services.finder, spoken().language)
