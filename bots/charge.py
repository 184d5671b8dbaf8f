"""A charge in words for every chat: what the gun would cost, how it goes, what came of it. No markup, no platform.

Words of suppliers are cut and freed of control characters here; whoever shows them still has to escape them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bots import money
from bots.receipt import PART_NAMES
from bots.wording import N_, Wording, phrases
from bots.wording.messages import start_failure
from bots.wording.promises import PROMISES
from core.money import Money, minor_units
from core.payments import topup_limits
from core.ranking import charge_minutes
from core.services.charging.metering import last_known_cost
from core.services.guns import ChargeOffer
from core.session import BUSY, LIVE, ChargingSession, SessionState
from core.shield import FoundGun
from core.station import PRICE_FRESH_FOR
from core.tariff import IdleFee

# The promises that matter before a yes.
BEFORE_A_YES = ("P1", "P2", "P3")
SILENT_AFTER = timedelta(minutes=2)
_BAR = 10
_STARTING = frozenset({SessionState.HELD, SessionState.STARTING})
_STOPPABLE = BUSY - {SessionState.STOPPING}
_GOING = {
    SessionState.HELD: N_("⏳ Starting…"),
    SessionState.STARTING: N_("⏳ Starting…"),
    SessionState.START_UNKNOWN: N_("🔍 Checking whether it started…"),
    SessionState.CHARGING: N_("⚡ Charging"),
    SessionState.STOPPING: N_("⏳ Stopping…"),
    SessionState.STOP_UNKNOWN: N_("🔍 Checking whether it stopped…"),
    SessionState.AWAIT_RECORD: N_("🏁 Ended, the bill is on its way"),
    SessionState.START_FAILED: N_("✖ It did not start"),
}


def gun_words(say: Wording, gun: FoundGun) -> str:
    """ "Gun 03 · GB/T DC · 120 kW"."""
    connector = gun.connector
    power = say("{kw} kW", kw=say.number(connector.power_kw)) if connector.power_kw else ""
    name = money.gun(say, connector.label or connector.ref.connector_id[-4:])
    return money.joined(name, say(phrases.PLUGS[connector.plug]), power)


def gun_head(say: Wording, gun: FoundGun) -> list[str]:
    """Station, operator and gun: what the driver compares with what stands before them."""
    station = gun.station
    return [
        money.clean(station.name, money.NAME_MAX),
        money.joined(money.clean(station.operator_name, money.NAME_MAX), gun_words(say, gun)),
    ]


# --- before ---------------------------------------------------------------------------------------------------


def offer_lines(say: Wording, one: ChargeOffer, at: datetime) -> list[str]:
    """Price with its parts and its next change, hold, and what is promised: all of it before any money moves."""
    quote, zone = one.quote, one.gun.station.time_zone
    kwh = say("{kwh} kWh", kwh=say.number(quote.energy_kwh))
    unit = money.per_kwh(say, quote.price_per_kwh, quote.expected.currency)
    unit = phrases.at_first(say, unit, quote.parts, quote.price_per_kwh, quote.energy_kwh)
    lines = [
        say("💴 About {total} for {kwh} ({unit})", total=say.money(quote.expected), kwh=kwh, unit=unit),
        *parts_line(say, one),
    ]
    minutes = round(charge_minutes(one.gun.connector, quote.energy_kwh))
    lines.append(say("⏱ About {minutes} min with an ordinary car", minutes=minutes))
    if one.next_change is not None:
        lines.append(say("🕑 {change}", change=_change(say, one, zone, at)))
    if one.idle is not None:
        lines.append(_staying(say, one.idle, zone))
    if quote.price_seen_at is not None and at - quote.price_seen_at > PRICE_FRESH_FOR:
        lines.append(say("price last seen {day}", day=say.day(quote.price_seen_at, zone)))
    lines.append(say("🔒 {hold} is held. {promise}", hold=say.money(quote.hold), promise=say(PROMISES["P1"])))
    lines += [say(PROMISES[number]) for number in BEFORE_A_YES[1:]]
    return lines


def _staying(say: Wording, fee: IdleFee, zone: str) -> str:
    """What it costs to leave the car at the gun when it has ended."""
    exponent = int(fee.per_minute.normalize().as_tuple().exponent)
    places = max(minor_units(fee.currency), min(-exponent, 4))
    price = say.price(fee.per_minute, fee.currency, places)
    parts = [say("🅿 Staying on after charging: {price} a minute", price=price)]
    if fee.free_minutes:
        parts.append(say("the first {minutes} min are free", minutes=fee.free_minutes))
    if fee.not_before is not None:
        parts.append(say("from {time}", time=say.clock(fee.not_before, zone)))
    return money.joined(*parts)


def parts_line(say: Wording, one: ChargeOffer) -> list[str]:
    """ "Energy ¥16.00 · Service ¥8.00"; nothing where there is one part alone."""
    quote, currency = one.quote, one.quote.expected.currency
    parts = [(part, value) for part, value in quote.parts.items() if value]
    if len(parts) < 2:
        return []
    said = (f"{say(PART_NAMES[part])} {say.price(value, currency, minor_units(currency))}" for part, value in parts)
    return [money.joined(*said)]


def missing_line(say: Wording, one: ChargeOffer) -> str:
    """What is missing in the wallet; "" where it is enough."""
    if one.missing is None:
        return ""
    return say(
        "You have {available}. Top up at least {missing} to start.",
        available=say.money(one.available),
        missing=say.money(one.missing),
    )


def to_top_up(missing: Money) -> Money:
    """What is missing, in whole units and no less than can be paid in: nobody pays ¥38.17."""
    least, _ = topup_limits(missing.currency)
    unit = 10 ** minor_units(missing.currency)
    return max(Money(-(-missing.amount_minor // unit) * unit, missing.currency), least)


def _change(say: Wording, one: ChargeOffer, zone: str, at: datetime) -> str:
    assert one.next_change is not None
    change = one.next_change
    when = say.clock(change.at, zone)
    if change.at - at > timedelta(hours=24):
        when = f"{say.day(change.at, zone)} {when}"
    unit = money.per_kwh(say, change.price_per_kwh, one.quote.expected.currency)
    return say("{price} from {time}", price=unit, time=when)


# --- while it goes, and when it has ended ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """A charge as it stands now. `goes_on`: it will change by itself, look again."""

    title: str
    lines: tuple[str, ...]
    may_stop: bool
    goes_on: bool


def view(say: Wording, one: ChargingSession, hold: Money | None, at: datetime, zone: str) -> View:
    """What to show of a charge. `hold` is what is held now, None once it is resolved."""
    title = say(_GOING[one.state]) if one.state in _GOING else money.state(say, one)
    called_off = one.state is SessionState.START_FAILED and one.failure == "cancelled"
    if called_off:
        title = say("✖ Called off")
    lines = [money.joined(money.clean(one.quote.station_name, money.NAME_MAX), money.gun(say, one.quote.gun_label))]
    if one.state in _STARTING:
        lines.append(say("Waiting for the gun. {hold} is held.", hold=say.money(hold or one.quote.hold)))
        lines.append(say("Plug in now, if you have not yet."))
    elif one.state is SessionState.START_UNKNOWN:
        lines.append(say("The operator has not answered. We keep asking and tell you; your money is safe."))
    elif one.state is SessionState.START_FAILED:
        reason = "" if called_off else start_failure(say, one.failure)
        lines += filter(None, (reason[:1].upper() + reason[1:], say("Nothing was charged; all of the hold is back.")))
    elif one.state in LIVE:
        lines += _meter(say, one, hold, at, zone)
    else:
        lines += _bill(say, one)
    return View(title, tuple(lines), may_stop=one.state in _STOPPABLE, goes_on=one.state in LIVE)


def _meter(say: Wording, one: ChargingSession, hold: Money | None, at: datetime, zone: str) -> list[str]:
    energy_kwh = one.energy_kwh or Decimal(0)
    lines = [
        money.joined(
            say("{kwh} kWh", kwh=say.number(energy_kwh, 2)),
            say("{kw} kW", kw=say.number(one.power_kw)) if one.power_kw else "",
            say("battery {percent} %", percent=say.number(one.soc_percent, 0)) if one.soc_percent else "",
        )
    ]
    used = Money(last_known_cost(one, at)[0], one.currency)
    lines.append(say("{used} so far · quoted {quoted}", used=say.money(used), quoted=say.money(one.quote.expected)))
    if hold is not None:
        lines.append(
            say("Hold: {bar} {used} of {hold}", bar=bar(used, hold), used=say.money(used), hold=say.money(hold))
        )
    if (minutes := minutes_left(one)) is not None:
        kwh = say.number(one.quote.energy_kwh)
        lines.append(say("About {minutes} min until {kwh} kWh", minutes=minutes, kwh=kwh))
    if one.seen_at is not None:
        lines.append(say("as of {time}", time=say.clock(one.seen_at, zone)))
        if one.state is SessionState.CHARGING and at - one.seen_at > SILENT_AFTER:
            lines.append(say("Last news {age}; the gun's display knows more.", age=say.age(at - one.seen_at)))
    return lines


def minutes_left(one: ChargingSession) -> int | None:
    """Until the energy of the quote is in, at the power of now; None where that cannot be said."""
    if one.state is not SessionState.CHARGING or not one.power_kw or one.energy_kwh is None:
        return None
    left_kwh = one.quote.energy_kwh - one.energy_kwh
    return max(round(left_kwh / one.power_kw * 60), 1) if left_kwh > 0 else None


def bar(used: Money, hold: Money) -> str:
    """ "▓▓▓░░░░░░░": how much of the hold is used."""
    full = min(max(used.amount_minor * _BAR // max(hold.amount_minor, 1), 0), _BAR)
    return "▓" * full + "░" * (_BAR - full)


def _bill(say: Wording, one: ChargingSession) -> list[str]:
    lines = []
    if one.energy_kwh is not None:
        lines.append(say("{kwh} kWh", kwh=say.number(one.energy_kwh, 2)))
    if one.charged is not None:
        paid = say(
            "You paid {paid} · quoted {quoted}", paid=say.money(one.charged), quoted=say.money(one.quote.expected)
        )
        lines.append(paid)
    return lines
