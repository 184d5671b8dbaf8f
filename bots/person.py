"""What both chats say about the person: the profile, linking and parting, taking everything along, and leaving."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bots.wording import N_, Wording, phrases
from core.ports import Tie
from core.services.linking import Offer
from core.services.privacy import Gone, StillTied
from core.station import Plug
from core.user import Car, Channel, QuietHours, User

NAMES = {
    Channel.TELEGRAM: "Telegram",
    Channel.WECHAT: N_("WeChat"),
    Channel.MINIPROGRAM: N_("WeChat"),
    Channel.UNIONID: N_("WeChat"),
    Channel.LOCAL: N_("this machine"),
}
# What a new car is thought to add at most, until the driver says otherwise.
USABLE_SHARE = Decimal("0.8")
LABEL_MAX = 40


def name_of(say: Wording, channel: Channel) -> str:
    return say(NAMES[channel])


# --- the profile ------------------------------------------------------------------------------------------------


def new_car(plug: Plug, battery_kwh: Decimal, say: Wording, *, usual: bool) -> Car:
    """A car as it is added in a chat: named after its plug, until the page gives it a better name."""
    usable = (battery_kwh * USABLE_SHARE).quantize(Decimal("0.1"))
    return Car("", say(phrases.PLUGS[plug]), plug, battery_kwh, usable, usual=usual)


def car_line(say: Wording, car: Car) -> str:
    """ "CCS2, 77 kWh", and the name where it is more than the plug."""
    plug = say(phrases.PLUGS[car.plug])
    text = say("{plug}, {kwh} kWh", plug=plug, kwh=say.number(car.battery_kwh))
    return say("{label}: {value}", label=car.name, value=text) if car.name and car.name != plug else text


def profile(say: Wording, user: User, cars: Sequence[Car], linked: Sequence[Channel]) -> list[str]:
    """The lines of a profile."""
    mode, kwh = say(phrases.MODES[user.mode]), say.number(user.energy_kwh)
    others = ", ".join(name_of(say, one) for one in linked)
    return [
        say("🔋 A usual charge: {kwh} kWh, {mode}", kwh=kwh, mode=mode),
        *(say("🚗 {car}", car=car_line(say, one) + (" ✓" if one.usual and len(cars) > 1 else "")) for one in cars),
        "" if cars else say("🚗 No car yet"),
        say("🌙 Quiet hours: {hours}", hours=quiet_hours(say, user)),
        say("🔗 Linked: {names}", names=others) if others else say("🔗 Nothing linked"),
        say("🔕 I send nothing unasked, but what concerns your money.") if user.stopped else "",
    ]


def quiet_hours(say: Wording, user: User) -> str:
    if user.quiet is None:
        return say("none")
    return quiet_text(user.quiet) + (f" ({user.time_zone})" if user.time_zone else "")


def quiet_text(quiet: QuietHours) -> str:
    return f"{quiet.start:%H:%M}–{quiet.end:%H:%M}"


# --- linking ----------------------------------------------------------------------------------------------------


def warning(say: Wording) -> str:
    """Under every code: who has it, has the wallet."""
    return say("It works once, within ten minutes. Whoever enters it shares your account and wallet: show it nobody.")


def offer(say: Wording, here: Channel, found: Offer) -> list[str]:
    """The question to whoever entered a code."""
    there, label = name_of(say, found.channel), _one_line(found.label)
    who = (
        say("“{label}” in {there}", label=label, there=there)
        if label
        else say("whoever asked in {there}", there=there)
    )
    money = ", ".join(say.money(tie.amount) for tie in found.brings if tie.amount)
    return [
        say("🔗 Make this chat one account with {who}?", who=who),
        say("Both chats then share wallet, charges and cars. The settings of {there} stay.", there=there),
        say("You bring {money} from your wallet here.", money=money) if money else "",
        say("⚠️ Say yes only if you asked for this code yourself a moment ago."),
    ]


def linked(say: Wording, there: Channel) -> str:
    return say("✅ Linked with {there}. Wallet, charges and cars are shared.", there=name_of(say, there))


def unlink_question(say: Wording, leaves: Channel, *, here: Channel) -> list[str]:
    names = {"other": name_of(say, leaves), "here": name_of(say, here)}
    return [
        say("🔗 Unlink {other}?", other=names["other"]),
        say(
            "Your money, charges, cars and settings stay here in {here}. {other} starts with an empty account.",
            **names,
        ),
    ]


def unlinked(say: Wording, left: Channel) -> str:
    return say("✅ {other} is unlinked. Everything else stays here.", other=name_of(say, left))


# --- leaving ----------------------------------------------------------------------------------------------------


def tied(say: Wording, ties: Sequence[Tie]) -> list[str]:
    """What has to be settled first, all of it."""
    said = dict.fromkeys(phrases.error(say, StillTied([tie])) for tie in ties)
    return [say("Your account cannot be deleted yet:"), *(f"• {one}" for one in said)]


def delete_question(say: Wording) -> list[str]:
    return [
        say("🗑 Delete your account, here and in every chat linked to it?"),
        say(
            "Profile, cars, watches, searches, logins and messages go at once. What the law wants kept of payments "
            "stays, under a number that leads to nobody. This cannot be undone."
        ),
    ]


def deleted(say: Wording, gone: Gone) -> list[str]:
    """What was done, and what came of looking for it afterwards."""
    if gone.proved:
        proof = say("We have looked for your name in everything we store: it is nowhere any more.")
    else:
        proof = say("Your name still stands somewhere in our store. One of us has been told and removes it.")
    return [say("🗑 Your account is deleted."), proof, say("Whatever you send now begins a new account.")]


def file_name(at: datetime) -> str:
    return f"kilowatch-{at:%Y-%m-%d}.json"


def _one_line(text: str) -> str:
    """A name that others chose, without what could look like a sentence of ours."""
    kept = "".join(one if unicodedata.category(one)[0] not in "CZ" else " " for one in text[: LABEL_MAX * 8])
    kept = " ".join(kept.split())
    return kept if len(kept) <= LABEL_MAX else kept[: LABEL_MAX - 1].rstrip() + "…"
