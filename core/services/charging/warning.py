"""What a driver who has gone for a coffee should hear while it charges: each once, and not two for one thing.

slow     the battery is at 80 % at a DC gun; not when what was asked for is nearly in anyway
enough   95 % of the energy that was asked for is in, with what of the hold is used
hold     three quarters of a hold that cannot grow are used, and the energy is not what explains it
idle     the battery is nearly full, and standing there will cost something

A word is said at the reading that passes its mark, so that nothing has to be remembered; and the outbox says nothing
twice.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core.ledger import available
from core.money import Money
from core.services.charging.means import Transaction
from core.services.charging.metering import last_known_cost, tariff_of
from core.session import ChargingSession
from core.station import Connector
from core.tariff import IdleFee, idle_fee

SLOW_FROM_SOC, FULL_FROM_SOC, TOO_LATE_FOR_SLOW = Decimal(80), Decimal(95), Decimal(90)
ENOUGH_AT_SHARE = Decimal("0.95")
WARN_AT_SHARE_OF_HOLD = Decimal("0.75")
# Two words on the same matter are at least so far apart; else the later one, which knows more, is said alone.
APART = timedelta(minutes=15)
# The hold is the quote and a quarter more: of an ordinary charge three quarters are used when the energy is in.
EXPLAINED_WITHIN = Decimal("0.1")
_FAST_KW = Decimal(50)
_LONG_HOURS = Decimal(1000)


def warn(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    """Say what is new since the reading before. Both are the same session; the later one charges."""
    _slow(work, before, now)
    _enough(work, before, now)
    _hold(work, before, now)
    _idle(work, before, now)


def _slow(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    soc = now.soc_percent
    if soc is None or not _passed(before.soc_percent, soc, SLOW_FROM_SOC) or soc >= TOO_LATE_FOR_SLOW:
        return
    if _until_enough(now) >= APART and _is_fast(work, now):
        work.say(now, "charge_slows", soc=int(soc), energy_kwh=str(now.energy_kwh or 0))


def _enough(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    asked = now.quote.energy_kwh
    if now.energy_kwh is None or not _passed(before.energy_kwh, now.energy_kwh, asked * ENOUGH_AT_SHARE):
        return
    hold = _hold_of(work, now)
    used = min(_used(now, work), hold)
    work.say(
        now,
        "charge_nearly_done",
        energy_kwh=str(now.energy_kwh),
        asked_kwh=str(asked),
        used=used,
        hold=hold,
    )


def _hold(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    hold = _hold_of(work, now)
    mark = WARN_AT_SHARE_OF_HOLD * hold.amount_minor
    used = _used(now, work)
    if not _passed(Decimal(_used(before, work).amount_minor), Decimal(used.amount_minor), mark):
        return
    if not _explained(now) and not _can_grow(work, now, hold):
        work.say(now, "hold_nearly_used", used=min(used, hold), hold=hold)


def _idle(work: Transaction, before: ChargingSession, now: ChargingSession) -> None:
    soc = now.soc_percent
    if soc is None or not _passed(before.soc_percent, soc, FULL_FROM_SOC):
        return
    if (fee := fee_of(work, now)) is not None:
        work.say(
            now,
            "idle_fee_soon",
            soc=int(soc),
            per_minute=price(fee),
            idle_from_at=begins_later(fee, now, work),
        )


# --- what it costs to stay --------------------------------------------------------------------------------------


def fee_of(work: Transaction, session: ChargingSession) -> IdleFee | None:
    """What standing costs from now on, by the tariff that was frozen with the quote."""
    return idle_fee(tariff_of(session.quote.tariff), work.at, kwh=session.energy_kwh or Decimal(0))


def price(fee: IdleFee | None) -> dict[str, str] | None:
    """As a message carries it."""
    return {"price": str(fee.per_minute), "currency": fee.currency} if fee else None


def begins_later(fee: IdleFee | None, session: ChargingSession, work: Transaction) -> str | None:
    """From when it costs something; None where that is at once."""
    if fee is None:
        return None
    begins = fee.begins(session.started_at or session.created_at, work.at)
    return begins.isoformat() if begins > work.at else None


# --- marks ------------------------------------------------------------------------------------------------------


def _passed(before: Decimal | None, now: Decimal, mark: Decimal) -> bool:
    return now >= mark and (before is None or before < mark)


def _until_enough(session: ChargingSession) -> timedelta:
    """How long until the energy that was asked for is in, at the power of now."""
    missing_kwh = session.quote.energy_kwh * ENOUGH_AT_SHARE - (session.energy_kwh or Decimal(0))
    power_kw = session.power_kw or session.quote.power_kw or _FAST_KW
    # A meter that says next to nothing would need longer than there is time.
    return timedelta(hours=float(min(max(missing_kwh, Decimal(0)) / power_kw, _LONG_HOURS)))


def _is_fast(work: Transaction, session: ChargingSession) -> bool:
    """Whether it is a DC gun; by what is known of the gun now, else by its power."""
    stations = work.unit.catalogue.stations([session.station_id])
    guns = [gun for station in stations for gun in station.connectors if gun.ref == session.ref]
    return any(gun.is_dc for gun in guns or [Connector(session.ref, power_kw=session.quote.power_kw)])


def _used(session: ChargingSession, work: Transaction) -> Money:
    theirs, ours = last_known_cost(session, work.at)
    return Money(max(theirs, ours or 0), session.currency)


def _hold_of(work: Transaction, session: ChargingSession) -> Money:
    hold = work.unit.ledger.hold(session.id)
    assert hold is not None, "a session that charges has a hold"
    return hold.amount


def _explained(session: ChargingSession) -> bool:
    """Whether the driver hears, or has just heard, the same from the energy that is in."""
    asked = session.quote.energy_kwh
    return session.energy_kwh is not None and abs(session.energy_kwh - asked) <= asked * EXPLAINED_WITHIN


def _can_grow(work: Transaction, session: ChargingSession, hold: Money) -> bool:
    """Whether the hold would grow before it is used up."""
    if session.grow_to is None or session.grow_to <= hold:
        return False
    free = work.unit.ledger.balance(available(session.user_id, session.currency))
    return free >= min(session.quote.hold, session.grow_to - hold)
