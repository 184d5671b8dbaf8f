"""A scan, and what it would lead to, as JSON. Pure but for the wording."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bots import charge
from bots.miniapp.money_shapes import quote
from bots.miniapp.shapes import LINE_MAX, NAME_MAX, clean, coordinates, moment, per_kwh, plain
from bots.miniapp.shapes import money as amount
from bots.wording import Wording, phrases
from bots.wording.promises import PROMISES
from core.geo import Datum
from core.ranking import charge_minutes
from core.scan import SCAN_GOOD_FOR, ScanState
from core.services.guns import ChargeOffer, Identified
from core.shield import FoundGun
from core.station import Station

Json = dict[str, Any]


def scan(told: Identified, say: Wording, at: datetime) -> Json:
    one, problem = told.scan, told.problem
    # Who is asked what stands on the gun shall read it there, and not here.
    hidden = one.state is ScanState.ASK_LAST_FOUR
    return {
        "id": one.id,
        "state": one.state.value,
        "text": clean(one.text, LINE_MAX),
        "problem": problem and {"code": problem.code, "message": phrases.error(say, problem)},
        "reasons": list(one.reasons),
        "gun": gun(told.gun, say, at) if told.gun and not hidden else None,
        "station": station(told.gun.station) if told.gun else None,
        "choices": [
            {"number": number, "gun": gun(choice, say, at), "station": station(choice.station)}
            for number, choice in told.choices
        ],
        "official": clean(told.ruling.official, NAME_MAX) or None,
        "expires_at": moment(one.at + SCAN_GOOD_FOR),
    }


def gun(found: FoundGun, say: Wording, at: datetime) -> Json:
    connector = found.connector
    return {
        # The ids go back into requests, so they are not cut.
        "operator_id": connector.ref.operator_id,
        "id": connector.ref.connector_id,
        "label": clean(connector.label, NAME_MAX),
        "plug": connector.plug.value,
        "power_kw": plain(connector.power_kw) if connector.power_kw is not None else None,
        "status": connector.status_now(at).value,
        "text": charge.gun_words(say, found),
    }


def station(one: Station) -> Json:
    return {
        "id": one.id,
        "name": clean(one.name, NAME_MAX),
        "operator": {"id": one.operator_id, "name": clean(one.operator_name, NAME_MAX)},
        "address": clean(one.address, LINE_MAX),
        **coordinates(one.point, Datum.WGS84),
    }


def offer(one: ChargeOffer, say: Wording, at: datetime) -> Json:
    change = one.next_change
    return {
        **quote(one.quote),
        "scan_id": one.scan.id,
        "available": amount(one.available),
        "missing": amount(one.missing) if one.missing else None,
        "missing_text": charge.missing_line(say, one),
        "next_change": change and {"at": moment(change.at), "per_kwh": per_kwh(change.price_per_kwh)},
        "minutes": round(charge_minutes(one.gun.connector, one.quote.energy_kwh)),
        "head": charge.gun_head(say, one.gun),
        "lines": charge.offer_lines(say, one, at),
        "promises": [{"id": number, "text": say(PROMISES[number])} for number in charge.BEFORE_A_YES],
    }
