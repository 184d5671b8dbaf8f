"""Watches and alerts as JSON: the shapes of /watches. Pure.

What the driver called a place, and what suppliers call theirs, is cut and freed of control characters here.
"""

from __future__ import annotations

from datetime import datetime

from bots import watches as said
from bots.alerts import Block, words
from bots.miniapp.shapes import NAME_MAX, Json, clean, coordinates, moment, per_kwh, plain
from bots.money import joined
from bots.money import moment as clock
from bots.prices import money
from bots.prices import per_kwh as price_text
from bots.wording import N_, Wording
from core.geo import Datum
from core.ports import Reach
from core.prices.watching import Rule
from core.services.alerts.telling import AlertsNow
from core.services.watches import Made, Seen, Wishable, WishesHere
from core.watch import Area, Needs, StandingWatch, StationGuns, StoredAlert, Way

LABEL_MAX = 80
CHATS = {"telegram": "Telegram", "wechat": N_("WeChat")}


def wishes(here: WishesHere, say: Wording) -> Json:
    now = "" if here.price is None else say("now {price}", price=price_text(say, here.price, here.currency))
    return {
        "station_id": here.station.id,
        "station": clean(here.station.name, NAME_MAX),
        "guns": guns(here.guns, say),
        "per_kwh": None if here.price is None else per_kwh(here.price),
        "currency": here.currency or None,
        "wishes": [_wish(one, here.currency, say) for one in here.wishes],
        "others": [guns(one, say) for one in here.others],
        "text": joined(said.kind(say, here.guns.plug, here.guns.power_kw), now),
    }


def _wish(one: Wishable, currency: str, say: Wording) -> Json:
    return {"rule": one.rule.value, "amount": plain(one.amount), "text": said.button(say, one, currency)}


def guns(one: StationGuns, say: Wording) -> Json:
    return {
        "id": str(one.series_id),
        "plug": one.plug.value,
        "power_kw": None if one.power_kw is None else plain(one.power_kw),
        "text": said.kind(say, one.plug, one.power_kw),
    }


def watch(seen: Seen, say: Wording, now: datetime, time_zone: str) -> Json:
    one, place = seen.watch, seen.watch.place
    ended = one.ended_at is not None
    return {
        "id": str(one.id),
        "where": one.where.value,
        "station_id": place.station_id if isinstance(place, StationGuns) else None,
        "guns": guns(place, say) if isinstance(place, StationGuns) else None,
        "area": _area(place) if isinstance(place, Area) else None,
        "way": _way(place) if isinstance(place, Way) else None,
        "needs": None if isinstance(place, StationGuns) else _needs(place.needs),
        "rule": one.rule.value,
        "amount": plain(one.amount),
        "currency": one.currency or None,
        "label": clean(one.label, NAME_MAX),
        "created_at": moment(one.created_at),
        "expires_at": moment(one.expires_at),
        "muted_until": moment(one.muted_until) if one.muted(now) else None,
        "ended": one.ended.value if one.ended else None,
        "ended_at": moment(one.ended_at),
        "told": one.told,
        "per_kwh": None if seen.price is None else per_kwh(seen.price),
        "free_guns": seen.guns and {"free": seen.guns.free, "known": seen.guns.known, "guns": seen.guns.guns},
        "text": {
            "place": said.place(say, one),
            "wish": said.wish(say, one.rule, one.amount, one.currency),
            "state": "" if ended else said.state(say, seen, now, time_zone),
        },
    }


def _area(area: Area) -> Json:
    return coordinates(area.centre, Datum.WGS84) | {"radius_m": area.radius_m}


def _way(way: Way) -> Json:
    return {
        "points": [coordinates(one, Datum.WGS84) for one in way.points],
        "width_m": way.width_m,
        "days": sorted(way.days),
        "from": f"{way.starts:%H:%M}",
        "to": f"{way.ends:%H:%M}",
        "time_zone": way.time_zone,
    }


def _needs(needs: Needs) -> Json:
    return {
        "plugs": sorted(plug.value for plug in needs.plugs),
        "min_power_kw": None if needs.min_power_kw is None else plain(needs.min_power_kw),
        "operator": needs.operator_id,
    }


def made(one: Made, watched: Json, told: Json, say: Wording, time_zone: str) -> Json:
    outlook = one.outlook
    nearest = outlook.nearest
    return watched | {
        "again": one.again,
        "outlook": outlook.outlook.value,
        "nearest": nearest and {"per_kwh": per_kwh(nearest.price), "at": moment(nearest.at)},
        "offer": None if outlook.offer is None else plain(outlook.offer),
        "told_where": told,
        "lines": said.made(say, one, time_zone),
    }


def alert(one: StoredAlert, name: str, say: Wording, time_zone: str) -> Json:
    """`name` is the station's, as it is called now."""
    what = one.alert
    return {
        "id": str(one.id),
        "watch_id": str(what.watch_id),
        "station_id": what.station_id,
        "station": clean(name, NAME_MAX),
        "at": moment(what.at),
        "per_kwh": None if what.price is None else per_kwh(what.price),
        "before": None if what.before is None else per_kwh(what.before),
        "currency": what.currency,
        "also": what.also,
        "told_at": moment(one.told_at),
        "text": joined(clock(say, what.at, time_zone), _what(one, say)),
    }


def _what(one: StoredAlert, say: Wording) -> str:
    what = one.alert
    if what.rule is Rule.GUN_FREE or what.price is None:
        return say("A gun is free")
    price = price_text(say, what.price, what.currency)
    if what.before is None:
        return price
    return say("{price} (was {before})", price=price, before=money(say, what.before, what.currency))


def waiting(held: AlertsNow, say: Wording) -> list[Json]:
    """What is still true of alerts that nobody could be told of, in the words of the chats."""
    return [_waits(one, say) for one in words(say, held, most=len(held.alerts)).blocks]


def _waits(block: Block, say: Wording) -> Json:
    one = block.alert
    price = one.price
    return {
        "watch_id": str(one.watch.id),
        "station_id": one.station.id,
        "station": clean(one.station.name, NAME_MAX),
        "rule": one.rule.value,
        "per_kwh": None if price is None else per_kwh(price.price),
        "before": None if price is None or price.before is None else per_kwh(price.before),
        "usual": None if price is None or price.usual is None else per_kwh(price.usual),
        "currency": None if price is None else price.currency,
        "until": moment(price.until) if price else None,
        "free": one.guns.free,
        "distance_m": None if one.distance_m is None else round(one.distance_m),
        "head": block.head,
        "lines": list(block.lines),
    }


def told(reach: Reach | None, say: Wording) -> Json:
    """Where alerts arrive."""
    chats = [chat.identity.channel.value for chat in reach.chats] if reach else []
    channels = [one for one in dict.fromkeys(chats) if one in CHATS]
    stopped = bool(reach and reach.stopped)
    if not channels:
        text = say("Alerts come to your Telegram or WeChat chat. Link one; until then they wait under “My watches”.")
    elif stopped:
        text = say("You have asked to be told nothing unasked, so alerts wait under “My watches”.")
    else:
        text = say("Alerts come to your chat in {chat}.", chat=say(CHATS[channels[0]]))
    return {"channels": channels, "stopped": stopped, "text": text}


def label(text: str) -> str:
    """What a person calls a place, without what a store or a screen cannot take."""
    return clean(text, LABEL_MAX)


def seen(one: StandingWatch) -> Seen:
    """A watch that nothing is looked at for: it has ended."""
    return Seen(one, None, one.currency, None)
