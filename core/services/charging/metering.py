"""What a charge has cost so far, and what a record should cost, by the tariff that was frozen with the quote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from core.charging import ChargeRecord
from core.money import Money, round_once
from core.session import STOP_AT_SHARE_OF_HOLD, ChargingSession
from core.tariff import Cost, Doing, NotCovered, Stretch, Tariff, cost

HOLD_LASTS_AT_LEAST = timedelta(minutes=3)
_MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=1000)
def tariff_of(document: str) -> Tariff:
    return Tariff.from_json(json.loads(document))


def cost_by_record(session: ChargingSession, record: ChargeRecord) -> int | None:
    """What the record should cost by the frozen tariff, in minor units; None where it cannot be computed."""
    ours = bill_by_tariff(session, record)
    return None if ours is None else ours.total.amount_minor


def bill_by_tariff(session: ChargingSession, record: ChargeRecord) -> Cost | None:
    """As `cost_by_record`, with its parts."""
    stretches = [
        _stretch(one.start, one.end, one.energy_kwh)
        for one in record.periods
        if one.end > one.start or one.energy_kwh > 0
    ]
    return _bill(session, stretches or [_stretch(record.started_at, record.ended_at, record.energy_kwh)])


def cost_by_meter(session: ChargingSession, at: datetime) -> int | None:
    """What has been charged so far costs by the frozen tariff, in minor units; None before the meter was read."""
    if session.energy_kwh is None or session.started_at is None:
        return None
    until = session.ended_at or session.seen_at or at
    ours = _bill(session, [_stretch(session.started_at, until, session.energy_kwh)])
    return None if ours is None else ours.total.amount_minor


def last_known_cost(session: ChargingSession, at: datetime) -> tuple[int, int | None]:
    """What the meter last said the charge costs: by the supplier, else by us; and ours. Minor units."""
    ours = cost_by_meter(session, at)
    theirs = None if session.seen_cost is None else round_once(session.seen_cost, session.currency).amount_minor
    return max(theirs if theirs is not None else ours or 0, 0), ours


def runs_out(session: ChargingSession, hold: Money, at: datetime) -> bool:
    """Whether nine tenths of the hold are used, or the rest lasts less than three minutes at the present power."""
    theirs, ours = last_known_cost(session, at)
    used = Decimal(max(theirs, ours or 0))
    if used >= STOP_AT_SHARE_OF_HOLD * hold.amount_minor:
        return True
    if session.power_kw is None or session.power_kw <= 0:
        return False
    energy_kwh = session.power_kw * Decimal(HOLD_LASTS_AT_LEAST / _MINUTE) / 60
    soon = round_once(energy_kwh * session.quote.price_per_kwh, session.currency)
    return used + soon.amount_minor > hold.amount_minor


def _stretch(start: datetime, end: datetime, energy_kwh: Decimal) -> Stretch:
    minutes = max(Decimal((end - start) // timedelta(seconds=1)) / 60, Decimal(0))
    return Stretch(start, minutes, energy_kwh, Doing.CHARGING if energy_kwh else Doing.PARKED)


def _bill(session: ChargingSession, stretches: Sequence[Stretch]) -> Cost | None:
    tariff = tariff_of(session.quote.tariff)
    try:
        ours = cost(tariff, stretches)
    except (NotCovered, ValueError, ArithmeticError):
        return None
    return None if ours.gross is None else ours
