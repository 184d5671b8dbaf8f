"""The list and the station as JSON: the shapes of `/api/v1` and of `kilowatch near --json`. Pure.

Coordinates leave in the datum they were asked in. Supplier text is cut and freed of control characters here;
whoever shows it still has to escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bots import maps
from bots.miniapp.query import ChargeQuery, StationsQuery, cursor
from bots.miniapp.tariff_day import day_periods
from bots.wording import Wording, phrases
from core.geo import Datum, Point, in_mainland_china
from core.money import Money
from core.ranking import Offer
from core.services.finder import Found
from core.station import Connector, NoPrice, Plug
from core.tariff import Dimension, Tariff

Json = dict[str, Any]

NAME_MAX, LINE_MAX, TEXT_MAX = 100, 200, 600
MOST_GUNS_SHOWN = 200


def station_list(found: Found, query: StationsQuery, say: Wording, at: datetime, *, place: str = "") -> Json:
    """One page of the list. `place` is the name of what was typed, if anything was."""
    following = found.next_offset
    here = found.point.wgs84
    return {
        "stations": [row(one, query, say, at) for one in found.offers],
        "next": None if following is None else cursor(following, found.radius_m),
        "hidden": found.hidden,
        "radius_m": found.radius_m,
        "total": found.total,
        "notes": [clean(line, TEXT_MAX) for line in (*phrases.summary(say, found), *phrases.silent(say, found, at))],
        "credits": [clean(line, LINE_MAX) for line in found.credits],
        "search": {
            **coordinates(found.point, query.datum),
            "place": clean(place, LINE_MAX),
            "mainland_china": in_mainland_china(here.lat, here.lng),
        },
    }


def row(one: Offer, query: ChargeQuery, say: Wording, at: datetime) -> Json:
    """A station as the list shows it."""
    station = one.station
    powers = [gun.power_kw for gun in one.connectors if gun.power_kw is not None]
    doc: Json = {
        "id": station.id,
        "name": clean(station.name, NAME_MAX),
        "operator": {"id": station.operator_id, "name": clean(station.operator_name, NAME_MAX)},
        "supplier": station.supplier_id,
        **coordinates(station.point, query.datum),
        "distance_m": round(one.distance_m),
        "address": clean(station.address, LINE_MAX),
        "price": _price(one, query.kwh),
        "no_price": _no_price(one, query.kwh, say),
        "guns": {
            "total": one.guns.total,
            "free": one.guns.free,
            "last_free": one.guns.last_free,
            "as_of": moment(one.guns.as_of),
            "fresh": one.guns.free is not None,
        },
        "guns_from": one.guns_from,
        "max_power_kw": plain(max(powers)) if powers else None,
        "plugs": sorted({gun.plug.value for gun in station.connectors}),
        "open_now": one.open_now,
        "hours": clean(phrases.hours(say, one, at), LINE_MAX),
        "parking": {"free": station.parking.free, "text": clean(phrases.parking(say, one), LINE_MAX)},
        "facilities": sorted(facility.value for facility in station.facilities),
        "minutes": one.minutes,
        "cost": {
            "total": f"{one.total:.2f}",
            "currency": one.currency,
            "parts": {part.value: f"{amount:.2f}" for part, amount in one.costs.items()},
        },
        "offers": [_offer(each, query.kwh) for each in (one, *one.also)],
        "reason": {"code": one.reason.kind.value, "text": phrases.reason(say, one)},
        "updated_at": moment(station.updated_at),
    }
    if query.texts:
        doc["text"] = _row_texts(one, query.kwh, say, at)
    return doc


def station_detail(
    one: Offer,
    query: ChargeQuery,
    say: Wording,
    at: datetime,
    *,
    tariffs: Mapping[str, Tariff],
    credits: Iterable[str],
    sellers: Mapping[str, str],
) -> Json:
    """Everything about one station. `distance_m` is null when nobody said where they are."""
    station = one.station
    doc = row(one, query, say, at)
    if query.point is None:
        doc["distance_m"] = None
        doc.get("text", {}).pop("distance", None)
    shown = station.connectors[:MOST_GUNS_SHOWN]
    used = {gun.tariff_id: tariffs[gun.tariff_id] for gun in shown if gun.tariff_id and gun.tariff_id in tariffs}
    return doc | {
        "connectors": [_connector(gun, tariffs, query, say, at) for gun in shown],
        "also_sold": [clean(line, LINE_MAX) for line in phrases.also_sold(say, one, query.kwh, sellers)],
        "connectors_left_out": len(station.connectors) - len(shown),
        "tariffs": {tariff_id: _tariff(tariff, query, say, at) for tariff_id, tariff in used.items()},
        "time_zone": station.time_zone,
        "guide": clean(station.guide, TEXT_MAX),
        "phone": clean(station.phone, 40),
        "price_text": clean(station.price_text, TEXT_MAX),
        "licence": clean(station.licence, LINE_MAX),
        "attribution": clean(station.attribution, LINE_MAX),
        "credits": [clean(line, LINE_MAX) for line in credits],
        "maps": [
            {"id": map_id, "name": say(maps.TITLES[map_id]), "url": url}
            for map_id, url in maps.links(station.point, station.name).items()
        ],
    }


# --- parts --------------------------------------------------------------------------------------------------


def _price(one: Offer, kwh: Decimal) -> Json | None:
    if one.quote is None:
        return None
    change = one.quote.next_change
    return {
        "total": money(one.quote.total),
        "per_kwh": per_kwh(one.quote.price_per_kwh),
        "parts": {part.value: amount_text(amount) for part, amount in one.quote.parts.items()},
        "kwh": plain(kwh),
        "seen_at": moment(one.price_seen_at),
        "next_change": change and {"at": moment(change.at), "per_kwh": per_kwh(change.price_per_kwh)},
    }


def _offer(one: Offer, kwh: Decimal) -> Json:
    """What one supplier asks at this place."""
    station = one.station
    return {
        "station_id": station.id,
        "supplier": station.supplier_id,
        "operator": {"id": station.operator_id, "name": clean(station.operator_name, NAME_MAX)},
        "price": _price(one, kwh),
        "no_price": None if one.quote else (one.no_price or NoPrice.NOT_PUBLISHED).value,
    }


def _no_price(one: Offer, kwh: Decimal, say: Wording) -> Json | None:
    if one.quote is not None:
        return None
    reason = one.no_price or NoPrice.NOT_PUBLISHED
    return {"reason": reason.value, "text": clean(phrases.price(say, one, kwh), TEXT_MAX)}


def _row_texts(one: Offer, kwh: Decimal, say: Wording, at: datetime) -> Json:
    quoted = one.quote
    power = max((gun.power_kw for gun in one.connectors if gun.power_kw is not None), default=None)
    texts = {
        "distance": say.distance(one.distance_m),
        "guns": phrases.guns(say, one, at),
        "power": say("{n} kW", n=say.number(power)) if power is not None else "",
        "plugs": ", ".join(plug_names(say, {gun.plug for gun in one.station.connectors})),
        "minutes": say("about {n} min at the gun", n=one.minutes),
        "next_change": phrases.next_change(say, one, at),
        "price_age": phrases.price_age(say, one, at),
    }
    if quoted is not None:
        free = quoted.exact == 0
        unit = say.price(quoted.price_per_kwh, one.currency)
        texts["price"] = say("Free of charge") if free else say.money(quoted.total)
        texts["price_for"] = "" if free else say("for {kwh} kWh", kwh=say.number(kwh))
        each = phrases.at_first(say, say("{price}/kWh", price=unit), quoted.parts, quoted.price_per_kwh, kwh)
        texts["per_kwh"] = each if quoted.price_per_kwh else ""
        texts["parts"] = phrases.parts(say, quoted)
    return texts


def _connector(gun: Connector, tariffs: Mapping[str, Tariff], query: ChargeQuery, say: Wording, at: datetime) -> Json:
    tariff = tariffs.get(gun.tariff_id) if gun.tariff_id else None
    energy = tariff.prices_at(at).get(Dimension.ENERGY) if tariff else None
    status = gun.status_now(at)
    doc: Json = {
        "id": gun.ref.connector_id,
        "operator_id": gun.ref.operator_id,
        "label": clean(gun.label, 40),
        "pile": clean(gun.pile, 40),
        "count": gun.count,
        "plug": gun.plug.value,
        "power_kw": plain(gun.power_kw) if gun.power_kw is not None else None,
        "status": status.value,
        "status_at": moment(gun.status_at),
        "bay_blocked": gun.bay_blocked,
        "per_kwh": per_kwh(energy.price) if energy else None,
        "currency": tariff.currency if tariff and energy else None,
        "tariff_id": gun.tariff_id if tariff else None,
        "price_seen_at": moment(gun.price_seen_at),
        "no_price": gun.no_price.value if tariff is None and gun.no_price else None,
    }
    if query.texts:
        age = say.age(at - gun.status_at) if gun.status_at else ""
        unit = say("{price}/kWh", price=say.price(energy.price, tariff.currency)) if tariff and energy else ""
        state = say("bay taken") if gun.bay_blocked else say(phrases.STATUSES[status])
        doc["text"] = {
            "plug": phrases.plug(say, gun),
            "power": phrases.power(say, gun),
            "status": state,
            "age": age,
            "per_kwh": unit,
        }
    return doc


def _tariff(tariff: Tariff, query: ChargeQuery, say: Wording, at: datetime) -> Json:
    periods = []
    for period in day_periods(tariff, at):
        doc: Json = {
            "from": period.start_text,
            "to": period.end_text,
            "per_kwh": None if period.price is None else per_kwh(period.price),
            "service": None if period.price is None else per_kwh(period.service),
            "now": period.now,
        }
        if query.texts:
            doc["text"] = "" if period.price is None else say.price(period.price, tariff.currency)
        periods.append(doc)
    return {"currency": tariff.currency, "time_zone": tariff.time_zone, "periods": periods}


def plug_names(say: Wording, plugs: Iterable[Plug]) -> list[str]:
    return [say(phrases.PLUGS[plug]) for plug in Plug if plug in set(plugs)]


# --- values -------------------------------------------------------------------------------------------------


def coordinates(point: Point, datum: Datum) -> Json:
    there = point.to(datum)
    return {"lat": round(there.lat, 6), "lng": round(there.lng, 6), "datum": datum.value}


def money(amount: Money) -> Json:
    return {"amount_minor": amount.amount_minor, "currency": amount.currency}


def per_kwh(price: Decimal) -> str:
    return f"{price:.4f}"


def amount_text(amount: Decimal) -> str:
    """An exact amount with two to four decimals."""
    text = f"{amount:.4f}"
    return text[:-2] if text.endswith("00") else text


def plain(value: Decimal) -> str:
    """The shortest decimal text, never in powers of ten."""
    return format(value.normalize(), "f")


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else None


def clean(text: str, most: int) -> str:
    """One line of at most `most` characters without control, bidirectional or unpaired characters."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(c for c in line if c.isprintable())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
