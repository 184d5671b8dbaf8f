"""What a station's guns cost over time, whether that is a good price, and when to charge."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, Field

from bots import prices
from bots.miniapp import models, price_models
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.api import PREFIX, STATIONS, StationPath
from bots.miniapp.query import Query
from bots.miniapp.shapes import Json, moment, money, per_kwh, plain
from bots.wording import Wording
from core.errors import NotFound
from core.prices.history import Badge, Low, PriceHistory, Usual
from core.services import Services
from core.services.prices import AHEAD, GroupPrices
from core.wishes import DEFAULT_KWH, LEAST_KWH, MOST_KWH

BY_DAY_FROM = 30


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
    def station(path: StationPath, query: PricesQuery) -> Response:
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
    groups, kwh = services.prices.history(station_id), query.kwh or DEFAULT_KWH
    return {
        "station_id": station_id,
        "time_zone": station.time_zone,
        "days": query.days.value,
        "start": moment(start),
        "end": moment(end),
        "groups": [
            _group(one, start, end, say)
            | {"advice": _advice(services, one, query, say)}
            | {"text": asdict(prices.told(say, services.prices, one, kwh, end))}
            for one in groups
        ],
    }


def _group(group: GroupPrices, start: datetime, end: datetime, say: Wording) -> Json:
    series, history, days = group.series, group.history, (end - start).days
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
        "usual": _band(history, start, end + AHEAD if days == 1 else end) if days < BY_DAY_FROM else [],
        "by_day": [_day(one) for one in prices.by_day(history, end, days)] if days >= BY_DAY_FROM else [],
        "lowest": _lowest(history.lowest(start, end + timedelta(seconds=1))),
        "badge": _badge(history.badge(end), say),
        "ahead": [_step(at, price) for at, price in group.ahead],
        "cheapest_ahead": _cheapest(group),
    }


def _advice(services: Services, group: GroupPrices, query: PricesQuery, say: Wording) -> Json | None:
    if query.kwh is None or query.by is None or group.tariff is None:
        return None
    text = prices.wait_or_go(say, services.prices, group, query.kwh, query.by)
    found = services.prices.wait_or_go(group, query.kwh, query.by)
    better = found and {
        "start_at": moment(found.best_at),
        "total_now": money(found.now.total),
        "total_then": money(found.best.total),
        "saving": plain(found.saving),
    }
    return {"wait": found is not None, "text": text, "better": better}


def _band(history: PriceHistory, start: datetime, end: datetime) -> list[Json]:
    first = start.replace(minute=0, second=0, microsecond=0)
    return [{"at": moment(at), "usual": _usual(usual)} for at, usual in history.band(first, end)]


def _badge(badge: Badge, say: Wording) -> Json:
    return {
        "grade": badge.grade.value,
        "text": prices.verdict(say, badge),
        "rule": prices.rule(say, badge),
        "watched_days": badge.watched.days,
        "usual": _usual(badge.usual),
        "lowest_at_this_hour": _lowest(badge.lowest),
    }


def _cheapest(group: GroupPrices) -> Json | None:
    found = prices.cheapest_ahead(group)
    return None if found is None else _step(found[0], found[2])


def _day(day: prices.Day) -> Json:
    figures = {name: _price(getattr(day, name)) for name in ("low", "mean", "high", "usual_low", "usual_high")}
    return {"start": moment(day.start)} | figures


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
