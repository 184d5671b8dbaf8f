"""What we say unasked: each code of core.services.notify.tell as a title and a few lines, in the person's language.

Adding one: a row in MESSAGES, its sentences in zh_CN/messages.po. A gap is named like the parameter that fills it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from string import Formatter
from typing import Any

from bots.wording import N_, Wording
from core.money import Money, minor_units

WORDS_MAX = 60  # of a name that others chose
PRICE_PLACES = 4
TITLE_MAX = 20  # WeChat's templates take no more


@dataclass(frozen=True, slots=True)
class Message:
    """`title` fits a template message. A line whose amount is nothing, or whose gap nobody filled, is left out."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A message as one person reads it. Foreign words in it are cleaned and cut, not escaped for any markup."""

    title: str
    text: str  # without the title
    reference: str
    language: str = "en"  # of the buttons under it


_REFERENCE = N_("Reference: {reference}")
_BALANCE = N_("{released} is in your balance again.")
_IDLE = N_("Each minute the car stays after charging costs {per_minute}.")
_IDLE_FROM = N_("That begins at {idle_from_at}.")

_WATCHED = (
    N_("{place}: we watched for {below} or less."),
    N_("{place}: we watched for {percent} % below the usual price of the hour."),
    N_("{place}: we watched for the lowest price in {window_days} days."),
    N_("{guns_at}: we watched for a free gun, and saw none."),
)
_NEAREST = N_("The nearest was {nearest}, {nearest_at}.")

MESSAGES = {
    # --- charging ---------------------------------------------------------------------------------------------
    "charge_started": Message(
        N_("Charging has begun"),
        (N_("{station}: {hold} is held for it. What is not used comes back with the bill."),),
    ),
    "start_unknown": Message(
        N_("Still asking"),
        (
            N_("{station} has not said yet whether it started. We keep asking and tell you."),
            N_("Your hold stays until we know. If nothing was started, all of it comes back."),
        ),
    ),
    "start_failed": Message(
        N_("It did not start"),
        (
            N_("{station}: {reason}"),
            N_("Nothing was charged."),
            _BALANCE,
            N_("Nearest free gun: {nearby}, {away_m} from there, {free} free."),
        ),
    ),
    "stop_failed": Message(
        N_("It does not stop"),
        (
            N_("{station} does not take our stop. Press the red button on the pile, or unlock your car."),
            N_("You pay what is billed, and never more than you agreed to."),
        ),
    ),
    "charge_unseen": Message(
        N_("No news of your gun"),
        (
            N_("{station} tells us nothing of your charge right now. Energy may still flow."),
            N_("If you are there, the gun's display knows. We go on asking."),
        ),
    ),
    "charge_ended": Message(
        N_("Charging has ended"),
        (
            N_("{station}: {energy_kwh} kWh by its meter. Please unplug and free the bay."),
            N_("The bill follows; what it does not need of your hold comes back at once."),
            _IDLE,
            _IDLE_FROM,
        ),
    ),
    "charge_slows": Message(
        N_("Slower from here"),
        (
            N_("{station}: the battery is at {soc} %, {energy_kwh} kWh are in. From here it charges slowly."),
            N_("If that is enough for your way, stop now. What is left of your hold comes back with the bill."),
        ),
    ),
    "charge_nearly_done": Message(
        N_("Nearly done"),
        (
            N_("{station}: {energy_kwh} of the {asked_kwh} kWh you asked for are in."),
            N_("{used} of {hold} held is used. Stop when it is enough; we end it before the hold is used up."),
        ),
    ),
    "hold_nearly_used": Message(
        N_("Near your limit"),
        (
            N_("{station}: {used} of the {hold} you agreed to is used."),
            N_("We end the charge before all of it is used, and you never pay more. You can stop it yourself."),
        ),
    ),
    "idle_fee_soon": Message(
        N_("Unplug in time"),
        (N_("{station}: the battery is at {soc} %, nearly full. Please come back to your car."), _IDLE, _IDLE_FROM),
    ),
    "stopped_at_limit": Message(
        N_("Stopping in time"),
        (N_("The cost at {station} comes near the {hold} you agreed to, so we end the charge. You pay no more."),),
    ),
    "hold_extended": Message(
        N_("The hold has grown"),
        (N_("As agreed, {hold} is now held for your charge at {station}, so that it can go on."), _REFERENCE),
    ),
    "receipt": Message(
        N_("Your bill: {charged}"),
        (
            N_("{station}: {energy_kwh} kWh, {charged} in all."),
            _BALANCE,
            N_("We look at this bill once more, as it does not quite fit. You need do nothing."),
            _REFERENCE,
        ),
    ),
    "settled_without_record": Message(
        N_("Settled by the meter"),
        (
            N_("{station} sent no bill in time. By its last reading you pay {charged}."),
            _BALANCE,
            N_("Should a bill still come, we tell you; you never pay more than you agreed to."),
            _REFERENCE,
        ),
    ),
    "charge_credited": Message(
        N_("Money back: {credited}"),
        (
            N_("{station} took its bill back: {credited} is in your balance again."),
            N_("Should a corrected bill come, we tell you."),
            _REFERENCE,
        ),
    ),
    # --- the wallet -------------------------------------------------------------------------------------------
    "hold_kept": Message(
        N_("Money still held"),
        (
            N_("{station}: {hold} is held since {held_at}, as {why}."),
            N_("It is settled by {until_at} at the latest, by the meter if need be; the rest comes back."),
            _REFERENCE,
        ),
    ),
    "hold_overdue": Message(
        N_("Held for too long"),
        (
            N_("{station}: {hold} is held since {held_at}, longer than we promise."),
            N_("One of us looks at it now. You need do nothing; we tell you when it is back."),
            _REFERENCE,
        ),
    ),
    "refund_overdue": Message(
        N_("Late: {amount}"),
        (
            N_("{amount} was to be paid out by {due_at}, and we have not heard that it was."),
            N_("One of us asks for it now. You need do nothing; we tell you how it ends."),
            _REFERENCE,
        ),
    ),
    "topup_paid": Message(
        N_("Paid in: {amount}"),
        (N_("{amount} is in your balance, ready for charging."), _REFERENCE),
    ),
    "refund_sent": Message(
        N_("On its way: {amount}"),
        (N_("{amount} goes back the way you paid, by {due_at} at the latest."), _REFERENCE),
    ),
    "refund_done": Message(
        N_("Paid back: {amount}"),
        (N_("{amount} was paid out the way you paid. Your bank may take a day to show it."), _REFERENCE),
    ),
    "refund_refused": Message(
        N_("Not paid out: {amount}"),
        (
            N_("{amount} could not be paid out the way you paid, so it is in your balance again. Try again later."),
            _REFERENCE,
        ),
    ),
    "refund_by_hand": Message(
        N_("On its way: {amount}"),
        (N_("One of us pays {amount} back by hand, by {due_at} at the latest."), _REFERENCE),
    ),
    # --- what one of us decided -------------------------------------------------------------------------------
    "case_gift": Message(
        N_("Money back: {amount}"),
        (N_("We looked at your charge at {station}: {amount} is in your balance again."), _REFERENCE),
    ),
    "case_driver_paid": Message(
        N_("Taken: {amount}"),
        (N_("We looked at your charge at {station}: {amount} was taken from your balance, as agreed."), _REFERENCE),
    ),
    # --- watches ----------------------------------------------------------------------------------------------
    "watch_ended": Message(
        N_("Watch has ended"),
        (
            *_WATCHED,
            N_("Alerts it made: {told}."),
            _NEAREST,
            N_("You can renew it if you still wish it."),
        ),
    ),
    "watch_quiet": Message(
        N_("Not reached yet"),
        (
            N_("{place}: it has not cost {below} or less for {days} days."),
            _NEAREST,
            N_("We go on until {until_at}. You can change the price, or stop, in the list of your watches."),
        ),
    ),
    # --- the account ------------------------------------------------------------------------------------------
    "linked": Message(
        N_("Linked"),
        (N_("Telegram and WeChat are one account now: one balance, one history. Was it not you? Unlink at once."),),
    ),
    "unlinked": Message(
        N_("Unlinked"),
        (N_("This chat has an account of its own again. Send your location to find a gun."),),
    ),
}

# Why a charge did not start (core.charging.REASONS and the session's own), with what to do about it.
_REASONS = {
    "not_plugged_in": N_("the gun is not plugged in. Plug it in and start again."),
    "gun_fault": N_("the gun is out of order. Try the one beside it."),
    "gun_offline": N_("the gun is offline. Try the one beside it."),
    "gun_busy": N_("the gun is in use. Wait or try another one."),
    "no_such_gun": N_("the operator does not know this gun. Check its number."),
    "not_sent": N_("the operator could not be reached in time. Try again in a minute."),
    "never_started": N_("the operator says that no charge began. You can start again."),
    "cancelled": N_("you called it off."),
    "other": N_("the operator refused it. Try again, or another gun."),
}
# Why money is still held after a day.
_WHYS = {
    "no_bill": N_("the operator has not sent its bill yet"),
    "no_end": N_("the operator does not say whether the charge has ended"),
}
# A line that is said only where its parameter is true.
_ONLY_IF = {MESSAGES["receipt"].lines[2]: "reviewed"}
# These amounts are worth a line when they are nothing: "¥0.00 in all".
_SAID_THOUGH_NOTHING = frozenset({"charged"})
_REPEATED = N_("Said again, in case the first one did not arrive ({reference}).")


def said(say: Wording, code: str, params: Mapping[str, Any], *, time_zone: str, subject: str, repeat: bool) -> Said:
    """Raises KeyError for a code there is none of, or when nothing can be said of it: then nothing must be sent.

    A row that was written before a line had its gap goes without that line. `repeat`: an earlier attempt may have
    arrived, and a person must not take this for a second event.
    """
    message = MESSAGES[code]
    values = {name: _shown(say, name, value, time_zone) for name, value in params.items()}
    values.setdefault("reference", _clean(str(params.get("session_id") or subject)))
    empty = {name for name, value in params.items() if value in (None, "") or _is_nothing(name, value)}
    lines = [say(_REPEATED, reference=values["reference"])] if repeat else []
    told, unfilled = False, set[str]()
    for line in message.lines:
        if line in _ONLY_IF and not params.get(_ONLY_IF[line]):
            continue
        gaps = _gaps(line)
        if gaps & empty:
            continue
        if missing := gaps - values.keys():
            unfilled |= missing
            continue
        lines.append(say(line, **values))
        told |= line != _REFERENCE
    if unfilled and not told:
        raise KeyError(f"{code} without {', '.join(sorted(unfilled))}")
    return Said(
        title=say(message.title, **values),
        text="\n".join(lines),
        reference=values["reference"],
        language=say.language,
    )


def _gaps(line: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(line) if name}


def start_failure(say: Wording, reason: str) -> str:
    """Why a charge did not start, and what to do about it."""
    return say(_REASONS.get(reason, _REASONS["other"]))


def _shown(say: Wording, name: str, value: Any, time_zone: str) -> str:
    match value:
        case {"amount_minor": int(minor), "currency": str(currency)}:
            return say.money(Money(minor, currency))
        case {"price": str(amount), "currency": str(currency)}:
            return say.price(Decimal(amount), currency, _places(Decimal(amount), currency))
        case {"number": str(number)}:
            return say.number(Decimal(number), 2)
        case {"at": str(moment)}:
            at = datetime.fromisoformat(moment)
            day = say.day(at, time_zone)
            # A due date is a day; anything else happened at a minute.
            return day if name.startswith("due") else f"{day} {say.clock(at, time_zone)}"
    if name == "reason":
        return start_failure(say, str(value))
    if name == "why":
        return say(_WHYS[str(value)])
    if name.endswith("_at") and isinstance(value, str):
        return _shown(say, name, {"at": value}, time_zone)
    if name.endswith("_m") and isinstance(value, int):
        return say.distance(value)
    if name.endswith("_kwh") and value:
        return say.number(Decimal(str(value)), 2)
    return _clean(str(value))


def _places(price: Decimal, currency: str) -> int:
    """As many as the price needs: a cent and a third a minute are 0.0133."""
    exponent = price.normalize().as_tuple().exponent
    needed = -exponent if isinstance(exponent, int) else 0
    return max(min(needed, PRICE_PLACES), minor_units(currency))


def _is_nothing(name: str, value: Any) -> bool:
    return name not in _SAID_THOUGH_NOTHING and isinstance(value, Mapping) and value.get("amount_minor") == 0


def _clean(text: str) -> str:
    """Foreign words on one line, without control, direction and invisible characters."""
    words = " ".join(text[: WORDS_MAX * 8].split())
    kept = "".join(c for c in words if c == " " or unicodedata.category(c)[0] not in "CZ")
    return kept if len(kept) <= WORDS_MAX else kept[: WORDS_MAX - 1].rstrip() + "…"
