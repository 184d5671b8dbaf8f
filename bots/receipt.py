"""A charge on paper: the same rows for a chat, the page and the printer. No markup; foreign words are cut.

What was quoted stands beside what was billed, and where the two do not fit it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bots import money
from bots.wording import N_, Wording
from bots.wording.promises import PROMISES
from core.money import Money, minor_units
from core.services.wallet import Receipt
from core.session import LIVE, SessionState
from core.tariff import Part

PART_NAMES = {
    Part.ENERGY: N_("Energy cost"),
    Part.SERVICE: N_("Service"),
    Part.TIME: N_("Time"),
    Part.PARKING: N_("Parking"),
    Part.SESSION: N_("Start fee"),
    Part.RESERVATION: N_("Reservation"),
    Part.LIMIT: N_("Price limit"),
}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """`notes` say what to know of the bill; `differs` is set where bill and agreed price do not fit."""

    title: str
    where: tuple[Row, ...]
    charge: tuple[Row, ...]
    bill: tuple[Row, ...]
    money: tuple[Row, ...]
    notes: tuple[str, ...]
    differs: bool
    promise: str
    reference: str


def sheet(say: Wording, one: Receipt, time_zone: str) -> Sheet:
    """The receipt in one language. Times are the station's where it is known, else of `time_zone`."""
    zone = one.time_zone or time_zone
    return Sheet(
        title=say("Receipt") if one.record else money.state(say, one.session),
        where=_kept(_where(say, one)),
        charge=_kept(_charge(say, one, zone)),
        bill=_kept(_bill(say, one)),
        money=_kept(_money(say, one)),
        notes=tuple(_notes(say, one)),
        differs=one.as_agreed is False,
        promise=say("{first} {second}", first=say(PROMISES["P1"]), second=say(PROMISES["P2"])),
        reference=one.session.id,
    )


def text(say: Wording, found: Sheet) -> list[str]:
    """The sheet as lines of a chat."""
    lines: list[str] = []
    for rows in (found.where, found.charge, found.bill, found.money):
        lines += ["", *(labelled(say, row.label, row.value) for row in rows)] if rows else []
    return [*lines, "", *found.notes, found.promise]


def labelled(say: Wording, label: str, value: str) -> str:
    """With the colon of the language."""
    return say("{label}: {value}", label=label, value=value)


def _kept(rows: list[Row | None]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row is not None and row.value)


def _where(say: Wording, one: Receipt) -> list[Row | None]:
    quoted, most = one.session.quote, money.NAME_MAX
    return [
        Row(say("Station"), money.clean(quoted.station_name, most)),
        Row(say("Operator"), money.clean(quoted.operator_name, most)),
        Row(
            say("Gun"), money.joined(money.clean(quoted.gun_label, most), money.clean(quoted.ref.connector_id, most))
        ),
    ]


def _charge(say: Wording, one: Receipt, zone: str) -> list[Row | None]:
    session, record = one.session, one.record
    began, ended = (record.started_at, record.ended_at) if record else (session.started_at, session.ended_at)
    energy = record.energy_kwh if record else session.energy_kwh
    minutes = max((ended - began) // _MINUTE, 0) if began and ended else None
    took = "" if minutes is None else say("{n} min", n=minutes) if minutes else say("less than a minute")
    return [
        Row(say("Asked for"), money.moment(say, session.created_at, zone)),
        Row(say("Started"), money.moment(say, began, zone)) if began else None,
        Row(say("Ended"), money.joined(money.moment(say, ended, zone), took)) if ended else None,
        Row(say("Energy"), say("{n} kWh", n=say.number(energy, 3))) if energy is not None else None,
    ]


def _bill(say: Wording, one: Receipt) -> list[Row | None]:
    quoted, currency = one.session.quote, one.session.currency
    kwh = say("for {kwh} kWh", kwh=say.number(quoted.energy_kwh))
    rows: list[Row | None] = [
        Row(say("Quoted"), money.joined(say.money(quoted.expected), kwh)),
        Row(
            say("Price agreed to"),
            money.joined(
                money.per_kwh(say, quoted.price_per_kwh, currency),
                say("price version {version}", version=quoted.tariff_id[: money.VERSION_MAX]),
            ),
        ),
    ]
    places = minor_units(currency) + 2
    for part, amount in one.parts.items():
        exact = amount.normalize()
        digits = min(max(minor_units(currency), -int(exact.as_tuple().exponent)), places)
        rows.append(Row(say(PART_NAMES[part]), say.price(amount, currency, digits)))
    if one.billed is not None:
        rows.append(Row(say("Billed by the operator"), say.money(one.billed), strong=True))
        if one.by_price is not None:
            rows.append(Row(say("By the agreed price"), say.money(one.by_price)))
    return rows


def _money(say: Wording, one: Receipt) -> list[Row | None]:
    """What was held, what of it was taken and what came back. A promise of the bank takes the wallet's place."""
    hold = one.hold
    return [
        Row(say("Held"), say.money(hold.amount)) if hold else None,
        Row(say("You paid"), say.money(one.paid), strong=True) if not _is_open(one) else None,
        Row(say("Given back"), say.money(hold.released)) if hold and not hold.active else None,
        Row(say("Borne by us"), say.money(one.borne)) if one.borne.amount_minor > 0 else None,
        Row(say("Balance now"), say.money(one.balance)) if one.session.payment == "wallet" else None,
    ]


def _is_open(one: Receipt) -> bool:
    return one.session.state in LIVE


def _notes(say: Wording, one: Receipt) -> list[str]:
    session = one.session
    if session.state is SessionState.START_FAILED:
        return [say("Nothing was charged: it did not start.")]
    if one.record is None:
        return [_without_bill(say, one)]
    notes = []
    if one.as_agreed and one.billed is not None and one.by_price is not None and one.billed != one.by_price:
        cents = say.money(_apart(one.billed, one.by_price))
        notes.append(say("✓ The bill is what the agreed price makes of it; {amount} is rounding.", amount=cents))
    elif one.as_agreed:
        notes.append(say("✓ The bill is what the agreed price makes of it."))
    elif one.as_agreed is False and one.billed is not None and one.by_price is not None:
        more = _apart(one.billed, one.by_price)
        side = say("⚠ The bill is {amount} above the agreed price.", amount=say.money(more))
        if one.billed < one.by_price:
            side = say("The bill is {amount} below the agreed price.", amount=say.money(more))
        notes.append(side)
    if one.borne.amount_minor > 0:
        notes.append(say("You do not pay what goes beyond it: {amount} is ours.", amount=say.money(one.borne)))
    if session.state is SessionState.REVIEW:
        notes.append(say("One of us looks at this bill once more. You need do nothing."))
    return notes


def _apart(one: Money, other: Money) -> Money:
    return Money(abs(one.amount_minor - other.amount_minor), one.currency)


def _without_bill(say: Wording, one: Receipt) -> str:
    if _is_open(one):
        return say("The bill is not here yet. What it does not need of the hold comes back with it.")
    if one.session.state is SessionState.CREDITED:
        return say("The operator took its bill back, and you have your money again.")
    return say(
        "Settled by the meter's last reading, as no bill came. Should one come, you pay at most what you agreed to."
    )
