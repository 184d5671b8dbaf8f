"""The profile in a few taps: cars, quiet hours, the usual charge; and everything we keep, to take along or to end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from bots import person
from bots.telegram import choices, keyboards, linking, render
from bots.telegram.buttons import Act, Button, pack
from bots.telegram.keyboards import Row, inline
from bots.telegram.linking import HERE, only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.wording import phrases
from core.errors import UserError
from core.services.linking import sides
from core.services.privacy import StillTied
from core.station import Plug
from core.user import Car, Channel, QuietHours

router = Router(name="profile")

QUIET = {"22-8": QuietHours(time(22), time(8)), "23-7": QuietHours(time(23), time(7))}
# One for each part of the world that chats come from; the page takes any.
ZONES = ("Asia/Shanghai", "Asia/Tokyo", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles")
PLUGS = (Plug.GBT_DC, Plug.GBT_AC, Plug.CCS2, Plug.TYPE2, Plug.CHADEMO, Plug.NACS)
BATTERIES_KWH = (20, 40, 60, 80, 100)
_LABEL_MAX = 24
EXPORT, ASK, YES, NO = "e", "d", "y", "n"


@router.message(Command("me", "profile"))
async def show_profile(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _profile(visit))


@router.callback_query(Pressed(Act.PROFILE))
async def changed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    """Each press says what should be; the profile, or the next question, takes its place."""
    only_in_private(visit)
    if call.message is None:
        raise UserError("old_button")
    following = await _keep(visit, button.value)
    await visit.show(call.message.message_id, following or await _profile(visit))


async def _profile(visit: Visit) -> render.Rendered:
    say, user = visit.say, visit.user
    cars = await visit.run_core(visit.services.accounts.cars, user.id)
    others = await visit.run_core(_linked_sides, visit)
    lines = [line for line in person.profile(say, user, cars, others) if line]
    text = "\n".join([bold(ours(say("My profile"))), *(ours(line) for line in lines)])
    return render.message(text, _keyboard(visit, cars, linked=bool(others)))


def _linked_sides(visit: Visit) -> list[Channel]:
    with visit.services.database.read() as unit:
        return sorted(sides(unit.people.identities(visit.user.id)) - {HERE})


def _keyboard(visit: Visit, cars: list[Car], *, linked: bool) -> keyboards.Keyboard:
    say, user = visit.say, visit.user

    def quiet(value: str, label: str) -> dict[str, object]:
        return keyboards.button(label, pack(Act.PROFILE, None, f"q{value}"), chosen=user.quiet == QUIET.get(value))

    rows: list[Row] = [
        keyboards.energies(Act.PROFILE, say, user.energy_kwh),
        keyboards.modes(Act.PROFILE, say, user.mode),
        *(_car_row(visit, one, alone=len(cars) == 1) for one in cars),
        [keyboards.button(say("🚗 Add a car"), pack(Act.PROFILE, None, "a"))],
        [quiet(value, f"🌙 {person.quiet_text(hours)}") for value, hours in QUIET.items()]
        + [quiet("", say("🌙 never"))],
        [
            keyboards.button(
                say("🔗 Unlink WeChat") if linked else say("🔗 Link WeChat"),
                pack(Act.LINKING, None, linking.UNLINK if linked else linking.ASK),
            )
        ],
        [
            keyboards.button(say("📦 My data"), pack(Act.LEAVING, None, EXPORT)),
            keyboards.button(say("🗑 Delete account"), pack(Act.LEAVING, None, ASK)),
        ],
    ]
    return inline(rows)


def _car_row(visit: Visit, car: Car, *, alone: bool) -> Row:
    label = person.car_line(visit.say, car)
    label = label if len(label) <= _LABEL_MAX else label[: _LABEL_MAX - 1] + "…"
    return [
        keyboards.button(label, pack(Act.PROFILE, None, f"u{car.id}"), chosen=car.usual and not alone),
        keyboards.button("✕", pack(Act.PROFILE, None, f"r{car.id}")),
    ]


async def _keep(visit: Visit, value: str) -> render.Rendered | None:
    """Carry out a press. The next question, where one follows. Saying it twice changes nothing more."""
    what, rest = value[:1], value[1:]
    if what == "q":
        quiet = QUIET.get(rest)
        await visit.change(lambda user: replace(user, quiet=quiet))
        return _zone_question(visit) if quiet and not visit.user.time_zone else None
    if what == "z" and rest in ZONES:
        await visit.change(lambda user: replace(user, time_zone=rest))
        return None
    if what == "a":
        return await _add_car(visit, rest)
    if what in ("u", "r"):
        await _change_cars(visit, what, rest)
        return None
    await visit.change(lambda user: choices.with_setting(user, value))
    return None


def _zone_question(visit: Visit) -> render.Rendered:
    """Telegram does not say where somebody lives, and ten at night is somewhere all the time."""
    rows = [
        [
            keyboards.button(
                f"{visit.now.astimezone(ZoneInfo(zone)):%H:%M} {zone}", pack(Act.PROFILE, None, f"z{zone}")
            )
            for zone in ZONES[n : n + 2]
        ]
        for n in range(0, len(ZONES), 2)
    ]
    return render.message(ours(visit.say("🌙 What time is it where you live?")), inline(rows))


async def _add_car(visit: Visit, value: str) -> render.Rendered | None:
    say = visit.say
    name, _, battery = value.partition("=")
    if not name:
        plugs = [keyboards.button(say(phrases.PLUGS[one]), pack(Act.PROFILE, None, f"a{one.value}")) for one in PLUGS]
        return render.message(ours(say("🚗 Which plug does it have?")), inline([plugs[:2], plugs[2:4], plugs[4:]]))
    if name not in {one.value for one in Plug}:
        raise UserError("old_button")
    if not battery:
        sizes = [
            keyboards.button(say("{n} kWh", n=size), pack(Act.PROFILE, None, f"{'a' + name}={size}"))
            for size in BATTERIES_KWH
        ]
        return render.message(ours(say("🔋 How large is its battery, about?")), inline([sizes]))
    accounts, user_id = visit.services.accounts, visit.user.id
    cars = await visit.run_core(accounts.cars, user_id)
    car = person.new_car(Plug(name), _battery(battery), say, usual=not cars)
    # The press is worked twice when the connection breaks: a car like that is not added once more.
    if not any((one.plug, one.battery_kwh) == (car.plug, car.battery_kwh) for one in cars):
        await visit.run_core(accounts.keep_cars, user_id, [*cars, car])
    return None


def _battery(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UserError("old_button") from None


async def _change_cars(visit: Visit, what: str, car_id: str) -> None:
    """Make a car the usual one, or take it out."""
    accounts, user_id = visit.services.accounts, visit.user.id
    cars = await visit.run_core(accounts.cars, user_id)
    if what == "r":
        kept = [one for one in cars if one.id != car_id]
    elif any(one.id == car_id for one in cars):
        kept = [replace(one, usual=one.id == car_id) for one in cars]
    else:
        return
    if kept != cars:
        await visit.run_core(accounts.keep_cars, user_id, kept)


# --- taking everything along, and leaving -----------------------------------------------------------------------


@router.message(Command("export"))
async def export(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await _send_export(visit)


@router.message(Command("delete"))
async def delete(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await _ask_to_delete(visit)


@router.callback_query(Pressed(Act.LEAVING))
async def leaving(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    answers: dict[str, Callable[[Visit], Awaitable[None]]] = {EXPORT: _send_export, ASK: _ask_to_delete}
    if (answer := answers.get(button.value)) is not None:
        await answer(visit)
        return
    if call.message is None:
        raise UserError("old_button")
    lines = await _delete(visit) if button.value == YES else [visit.say("Nothing has been changed.")]
    await visit.show(call.message.message_id, render.message("\n".join(ours(line) for line in lines)))


async def _send_export(visit: Visit) -> None:
    await visit.run_core(visit.services.limiter.hit, "export", visit.user.id)
    doc = await visit.run_core(visit.services.privacy.export, visit.user.id)
    data = json.dumps(doc, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    file = BufferedInputFile(data, person.file_name(visit.now))
    await visit.bot.send_document(visit.chat_id, file, caption=visit.say("📦 Everything we keep about you, as JSON."))


async def _ask_to_delete(visit: Visit) -> None:
    say = visit.say
    if ties := await visit.run_core(visit.services.privacy.ties, visit.user.id):
        await visit.send(render.message("\n".join(ours(line) for line in person.tied(say, ties))))
        return
    lines = person.delete_question(say)
    text = "\n".join([bold(ours(lines[0])), *(ours(line) for line in lines[1:])])
    answers = [
        keyboards.button(say("Yes, delete everything"), pack(Act.LEAVING, None, YES)),
        keyboards.button(say("No"), pack(Act.LEAVING, None, NO)),
    ]
    await visit.send(render.message(text, inline([answers])))


async def _delete(visit: Visit) -> list[str]:
    try:
        gone = await visit.run_core(visit.services.privacy.delete, visit.user.id)
    except StillTied as refusal:
        return person.tied(visit.say, refusal.ties)
    visit.live.leave(visit.chat_id)
    return person.deleted(visit.say, gone)
