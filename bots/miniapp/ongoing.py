"""Charges as JSON with what belongs to their present moment: the hold, the live view, where else to go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bots import charge, money
from bots.miniapp import money_shapes as show
from bots.miniapp.shapes import NAME_MAX, clean, coordinates
from bots.miniapp.shapes import money as amount
from bots.wording import Wording, phrases
from core.errors import UserError
from core.geo import Datum
from core.money import Money
from core.services import Services
from core.services.alternatives import Alternative
from core.services.charging.metering import last_known_cost
from core.session import BUSY, ChargingSession, SessionState
from core.user import User
from core.wishes import Wishes

Json = dict[str, Any]

# Nobody has to drive elsewhere who took it back, or has not plugged in yet.
_STAYS = frozenset({"cancelled", "not_plugged_in"})


def charges(services: Services, user: User, found: Sequence[ChargingSession], say: Wording) -> list[Json]:
    """Each with its live view. Only what is not settled has a hold and news to be dated."""
    live = [one for one in found if one.is_live]
    with services.database.read() as unit:
        holds = {one.id: unit.ledger.hold(one.id) for one in live}
        stations = unit.catalogue.stations(sorted({one.station_id for one in live})) if live else ()
        zones = {one.id: one.time_zone for one in stations}
        opinions = {one.id: unit.opinions.get(one.id) for one in found if one.state not in BUSY}
    at, usual = services.clock.now(), money.zone(user)
    docs = []
    for one in found:
        kept = holds.get(one.id)
        hold = kept.amount if kept and kept.active else None
        opinion = opinions.get(one.id)
        doc = _with_view(one, hold, say, at, zones.get(one.station_id, usual))
        docs.append(
            doc
            | {
                "opinion": opinion.promised.value if opinion else None,
                "asks_opinion": services.aftermath.asked(one),
                "alternatives": [],
            }
        )
    return docs


def charge_now(services: Services, user: User, one: ChargingSession, say: Wording) -> Json:
    """One, with where else to go if it did not start."""
    (doc,) = charges(services, user, [one], say)
    return doc | {"alternatives": [_elsewhere(services, other, one, say) for other in _alternatives(services, one)]}


def _with_view(one: ChargingSession, hold: Money | None, say: Wording, at: datetime, zone: str) -> Json:
    view = charge.view(say, one, hold, at, zone)
    metered = one.energy_kwh is not None or one.seen_cost is not None
    return show.session(one, say) | {
        "cost_so_far": amount(Money(last_known_cost(one, at)[0], one.currency)) if metered else None,
        "hold": amount(hold) if hold else None,
        "minutes_left": charge.minutes_left(one),
        "view": {
            "title": view.title,
            "lines": list(view.lines),
            "may_stop": view.may_stop,
            "goes_on": view.goes_on,
        },
    }


def _alternatives(services: Services, one: ChargingSession) -> list[Alternative]:
    if one.state is not SessionState.START_FAILED or one.failure in _STAYS:
        return []
    return services.guns.alternatives(one.station_id, one.ref)


def _elsewhere(services: Services, other: Alternative, one: ChargingSession, say: Wording) -> Json:
    station = other.station
    return {
        "id": station.id,
        "name": clean(station.name, NAME_MAX),
        "operator": {"id": station.operator_id, "name": clean(station.operator_name, NAME_MAX)},
        "distance_m": round(other.distance_m),
        "free": other.free,
        "price": _price(services, station.id, one, say),
        **coordinates(station.point, Datum.WGS84),
    }


def _price(services: Services, station_id: str, one: ChargingSession, say: Wording) -> str:
    """What the same charge costs there; "" where the list does not know it yet."""
    kwh = one.quote.energy_kwh
    try:
        offer = services.finder.station(station_id, Wishes(energy_kwh=kwh))
    except UserError:
        return ""
    return clean(phrases.price(say, offer, kwh), 200)
