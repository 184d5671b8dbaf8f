"""What a station's guns cost over time, whether that is a good price, and when to charge."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, Field

from bots.miniapp import models, price_models
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.api import PREFIX, STATIONS, StationPath
from bots.miniapp.query import Query
from bots.miniapp.shapes import Json, moment, money, per_kwh, plain
from bots.wording import N_, Wording
from core.errors import NotFound
from core.money import round_once
from core.prices.history import Badge, Grade, Low, PriceHistory, Usual
from core.services import Services
from core.services.prices import GroupPrices
from core.wishes import LEAST_KWH, MOST_KWH

BAND_DAYS = 7
_GRADES = {
    Grade.GOOD: N_("A good price now"),
    Grade.USUAL: N_("About as usual now"),
    Grade.DEAR: N_("Dearer than usual now"),
    Grade.TOO_NEW: N_("Too new to judge"),
}
_RULE = N_(
    "Good: at least 5 % below what this hour usually costs here, and within 5 % of the lowest this hour has cost in "
    "90 days. Dear: 5 % or more above the usual."
)
_TOO_NEW = N_("A price is judged once it has been watched for four weeks.")


class Days(IntEnum):
    DAY = 1
    WEEK = 7
    MONTH = 30
    QUARTER = 90


class PricesQuery(Query):
    days: Days = Field(default=Days.DAY, description="How far back")
    kwh: Decimal | None = Field(
        default=None, ge=LEAST_KWH, le=MOST_KWH, description=f"Energy of this charge, {LEAST_KWH}–{MOST_KWH} kWh"
    )
    by: AwareDatetime | None = Field(default=None, description="When the car has to be ready, RFC 3339 with its zone")


def blueprint(services: Services) -> APIBlueprint:
    api = APIBlueprint(
        "prices",
        __name__,
        url_prefix=PREFIX,
        abp_responses={400: models.Error, 404: models.Error, 429: models.Error, 503: models.Error},
    )

    @api.get(
        "/stations/<station_id>/prices",
        tags=[STATIONS],
        operation_id="prices",
        summary="What the guns of a station cost over time, and when to charge",
        description="Give `kwh` and `by` to be told whether to wait.",
        responses={200: price_models.StationPrices},
    )
    def prices(path: StationPath, query: PricesQuery) -> Response:
        services.limiter.hit("api", address())
        return json_answer(station_prices(services, path.station_id, query, spoken()))

    return api


def station_prices(services: Services, station_id: str, query: PricesQuery, say: Wording) -> Json:
    """Raises NotFound."""
    station = services.index.get(station_id)
    if station is None:
        raise NotFound("no_such_station")
    end = services.clock.now()
    start = end - timedelta(days=query.days)
    groups = services.prices.history(station_id)
    return {
        "station_id": station_id,
        "time_zone": station.time_zone,
        "days": query.days.value,
        "start": moment(start),
        "end": moment(end),
        "groups": [
            _group(one, start, end, say) | {"advice": _advice(services, one, query, say, station.time_zone)}
            for one in groups
        ],
    }


def _group(group: GroupPrices, start: datetime, end: datetime, say: Wording) -> Json:
    series, history = group.series, group.history
    known = history.price_at(end)
    return {
        "plug": series.plug.value,
        "power_kw": None if series.power_kw is None else plain(series.power_kw),
        "guns": group.guns,
        "currency": series.currency,
        "per_kwh": _price(known),
        "seen_at": moment(series.seen_at),
        "doubted": bool(series.waiting),
        "steps": [_step(one.at, one.price) for one in history.steps(start, end)],
        "usual": _band(history, max(start, end - timedelta(days=BAND_DAYS)), end),
        "lowest": _lowest(history.lowest(start, end + timedelta(seconds=1))),
        "badge": _badge(history.badge(end), say),
        "ahead": [_step(at, price) for at, price in group.ahead],
        "cheapest_ahead": _cheapest(group),
    }


def _advice(services: Services, group: GroupPrices, query: PricesQuery, say: Wording, time_zone: str) -> Json | None:
    if query.kwh is None or query.by is None or group.tariff is None:
        return None
    found = services.prices.wait_or_go(group, query.kwh, query.by)
    if found is None:
        return {"wait": False, "text": say("Go now: waiting would not save 5 %."), "better": None}
    saving = round_once(found.saving, group.series.currency)
    text = say(
        "Wait: from {time} it costs {money} less.", time=say.clock(found.best_at, time_zone), money=say.money(saving)
    )
    better = {
        "start_at": moment(found.best_at),
        "total_now": money(found.now.total),
        "total_then": money(found.best.total),
        "saving": plain(found.saving),
    }
    return {"wait": True, "text": text, "better": better}


def _band(history: PriceHistory, start: datetime, end: datetime) -> list[Json]:
    first = start.replace(minute=0, second=0, microsecond=0)
    return [{"at": moment(at), "usual": _usual(usual)} for at, usual in history.band(first, end)]


def _badge(badge: Badge, say: Wording) -> Json:
    return {
        "grade": badge.grade.value,
        "text": say(_GRADES[badge.grade]),
        "rule": say(_TOO_NEW if badge.grade is Grade.TOO_NEW else _RULE),
        "watched_days": badge.watched.days,
        "usual": _usual(badge.usual),
        "lowest_at_this_hour": _lowest(badge.lowest),
    }


def _cheapest(group: GroupPrices) -> Json | None:
    known = [(price, at) for at, price in group.ahead if price is not None]
    if len({price for price, _ in known}) < 2:
        return None
    price, at = min(known)
    return _step(at, price)


def _usual(usual: Usual | None) -> Json | None:
    if usual is None:
        return None
    prices = {"low": usual.low, "median": usual.median, "high": usual.high}
    return {name: per_kwh(price) for name, price in prices.items()} | {"basis": usual.basis.value}


def _lowest(low: Low | None) -> Json | None:
    return None if low is None else _step(low.at, low.price)


def _step(at: datetime, price: Decimal | None) -> Json:
    return {"at": moment(at), "per_kwh": _price(price)}


def _price(price: Decimal | None) -> str | None:
    return None if price is None else per_kwh(price)
