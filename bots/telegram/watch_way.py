"""Watching a way that is driven: where it begins and ends, on which days, at which hours, and what for.

The two ends are sent or typed; from then on everything stands in the buttons, so that they work after a restart. How
the ends are called is remembered for as long as an answer is waited for, and looked up again after that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, Filter
from aiogram.types import CallbackQuery, Message

from bots import money, prices, watches
from bots.telegram import chat, render
from bots.telegram.buttons import Act, Button, pack, pack_point, unpack_point
from bots.telegram.find import point_of
from bots.telegram.keyboards import Row, button, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.telegram.watch import answer, place
from bots.telegram.watch_codes import read_wish, wish_code
from bots.watched_areas import area_wishes, cheapest_of, name_of, needs
from bots.wording import N_
from core.errors import UserError
from core.geo import Point, distance_m
from core.services.watches import Wishable
from core.watch import Way, about
from core.wishes import Sort, Wishes

router = Router(name="watch_way")

WIDTH_M = 800
NAME_MAX = 18
LOOKED_AT = 100
_WORKDAYS, _WEEKEND = frozenset(range(5)), frozenset({5, 6})
# What one letter in a button stands for.
DAYS = {"w": _WORKDAYS, "e": _WEEKEND, "a": _WORKDAYS | _WEEKEND}
HOURS = ((6, 9), (7, 9), (7, 10), (11, 14), (16, 19), (17, 20), (18, 21), (20, 23))
_EVERY_DAY = N_("Every day")


@dataclass(frozen=True, slots=True)
class WayAsked:
    """The chat was asked where a way begins; with one end known, where it ends; with both, only names are kept."""

    ends: tuple[tuple[Point, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a button knows of the way so far."""

    ends: tuple[Point, Point]
    days: str = ""
    hours: str = ""  # "07-09" as "0709"
    wish: str = ""

    def __str__(self) -> str:
        return "".join((*map(pack_point, self.ends), self.days, self.hours, self.wish))

    @classmethod
    def read(cls, text: str) -> Draft:
        """Raises UserError("old_button")."""
        days, hours, wish = text[18:19], text[19:23], text[23:]
        known = {f"{start:02d}{end:02d}" for start, end in HOURS}
        bad_wish = wish and not re.fullmatch(r"[a-z][0-9.]{1,12}~([A-Z]{3})?", wish)
        if (days and days not in DAYS) or (hours and hours not in known) or bad_wish:
            raise UserError("old_button")
        return cls((about(unpack_point(text[:9])), about(unpack_point(text[9:18]))), days, hours, wish)

    @property
    def clock(self) -> tuple[time, time]:
        return time(int(self.hours[:2])), time(int(self.hours[2:]))


# --- the two ends -------------------------------------------------------------------------------------------------


@router.message(Command("way"))
async def begin(message: Message, visit: Visit) -> None:
    await _ask_begin(visit)


async def _ask_begin(visit: Visit) -> None:
    only_in_private(visit)
    visit.expected.ask(visit.chat_id, WayAsked(), visit.now)
    text = visit.say(
        "🛣 I tell you of low prices along a way you drive. Where does it begin? Type the place, or send it: "
        "📎 → Location, where you can choose any point."
    )
    await visit.send(render.message(ours(text)))


class EndGiven(Filter):
    """A place, sent or typed, while an end of a way is asked for. A live location is where somebody drives now."""

    async def __call__(self, message: Message, visit: Visit) -> bool | dict[str, Any]:
        asked = visit.expected.asked(visit.chat_id, WayAsked, visit.now)
        live = message.location is not None and message.location.live_period
        if asked is None or len(asked.ends) > 1 or live:
            return False
        return {"asked": asked}


@router.message(F.location | F.venue, EndGiven())
async def sent(message: Message, visit: Visit, asked: WayAsked) -> None:
    location = message.venue.location if message.venue else message.location
    assert location is not None
    point, title = point_of(location), message.venue.title if message.venue else ""
    await _take(visit, asked, point, title or await visit.run_core(_near_name, visit, point))


@router.message(F.text & ~F.text.startswith("/"), EndGiven())
async def typed(message: Message, visit: Visit, asked: WayAsked) -> None:
    async with chat.busy(visit.bot, visit.chat_id):
        await visit.run_core(visit.services.limiter.hit, "places", str(visit.user.id))
        found = await visit.run_core(visit.services.finder.place, visit.text, visit.user.language)
    await _take(visit, asked, found.point, found.name)


async def _take(visit: Visit, asked: WayAsked, point: Point, name: str) -> None:
    """One more end is known. Raises UserError("bad_way") where they are too far apart."""
    say, ends = visit.say, (*asked.ends, (about(point), money.clean(name, NAME_MAX)))
    if len(ends) == 2:
        Way((ends[0][0], ends[1][0]), WIDTH_M, _WORKDAYS, time(7), time(9), "UTC")
    visit.expected.ask(visit.chat_id, WayAsked(ends), visit.now)
    if len(ends) == 1:
        text = say("🛣 It begins at {name}. And where does it end?", name=ends[0][1])
        await visit.send(render.message(ours(text)))
    else:
        await visit.send(await _question(visit, Draft((ends[0][0], ends[1][0]))))


def _near_name(visit: Visit, point: Point) -> str:
    """How a point is called: after the nearest station, if there is one near."""
    offers = visit.services.finder.near(point, Wishes(sort=Sort.DISTANCE), limit=1).offers
    here = about(point)
    return name_of(offers[0].station) if offers else f"{here.lat:.3f}, {here.lng:.3f}"


# --- days, hours, the wish ----------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.WAY))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    """Each press adds an answer; the same message asks on, and with the last one the watch is set."""
    if not button.value:
        await _ask_begin(visit)
        return
    only_in_private(visit)
    draft = Draft.read(button.value)
    if not draft.wish:
        await place(call, visit, await _question(visit, draft))
        return
    wish, _, currency = draft.wish.partition("~")
    wanted, names = read_wish(wish), await _names(visit, draft)
    along = await visit.run_core(_along, visit, draft)
    one = await visit.run_core(
        visit.services.watches.watch_way,
        visit.user.id,
        along.way,
        wanted.rule,
        wanted.amount,
        currency=currency,
        label=" → ".join(names),
    )
    visit.expected.no_more(visit.chat_id)
    await place(call, visit, await answer(visit, one, []))


async def _names(visit: Visit, draft: Draft) -> list[str]:
    """How the ends were called, by the driver or by us."""
    asked = visit.expected.asked(visit.chat_id, WayAsked, visit.now)
    if asked is not None and tuple(point for point, _ in asked.ends) == draft.ends:
        return [name for _, name in asked.ends]
    return [money.clean(await visit.run_core(_near_name, visit, one), NAME_MAX) for one in draft.ends]


async def _question(visit: Visit, draft: Draft) -> render.Rendered:
    """The next thing to know."""
    say = visit.say
    lines = [bold(ours(f"🛣 {' → '.join(await _names(visit, draft))}"))]
    if not draft.days:
        lines.append(ours(say("On which days do you drive it?")))
        rows = [[_press(_days(visit, letter), replace(draft, days=letter))] for letter in DAYS]
    elif not draft.hours:
        lines += [ours(_days(visit, draft.days)), ours(say("At which hours?"))]
        hours = [
            _press(f"{start:02d}–{end:02d}", replace(draft, hours=f"{start:02d}{end:02d}")) for start, end in HOURS
        ]
        rows = [hours[:4], hours[4:]]
    else:
        starts, ends = draft.clock
        lines.append(ours(money.joined(_days(visit, draft.days), f"{starts:%H:%M} - {ends:%H:%M}")))
        along = await visit.run_core(_along, visit, draft)
        lines.append(ours(watches.needs(say, along.way.needs)))
        if along.cheapest is not None:
            price = prices.per_kwh(say, along.cheapest, along.currency)
            lines.append(f"💰 {ours(say('cheapest now {price}', price=price))}")
        lines += ["", ours(say("🔔 What shall I tell you of?"))]
        rows = _wishes(visit, draft, area_wishes(along.cheapest), along.currency)
    return render.message("\n".join(lines), inline(rows))


def _wishes(visit: Visit, draft: Draft, offered: Sequence[Wishable], currency: str) -> list[Row]:
    return [
        [_press(watches.button(visit.say, one, currency), replace(draft, wish=f"{wish_code(one)}~{currency}"))]
        for one in offered
    ]


def _days(visit: Visit, letter: str) -> str:
    return visit.say(_EVERY_DAY) if letter == "a" else watches.days(visit.say, DAYS[letter])


def _press(label: str, draft: Draft) -> dict[str, Any]:
    return button(label, pack(Act.WAY, None, str(draft)))


@dataclass(frozen=True, slots=True)
class Along:
    """The way, and what the cheapest station along it asks now."""

    way: Way
    currency: str
    cheapest: Decimal | None


def _along(visit: Visit, draft: Draft) -> Along:
    """As far as a search around the middle of the way reaches, and as the person's filters see it."""
    one, other = draft.ends
    middle = Point((one.lat + other.lat) / 2, (one.lng + other.lng) / 2)
    wishes = replace(visit.wishes(Sort.PRICE), radius_m=int(distance_m(one, other) / 2) + WIDTH_M)
    offers = visit.services.finder.near(middle, wishes, limit=LOOKED_AT).offers
    starts, ends = draft.clock
    zone = offers[0].station.time_zone if offers else money.zone(visit.user)
    way = Way(draft.ends, WIDTH_M, DAYS[draft.days], starts, ends, zone)
    beside = [offer for offer in offers if way.holds(offer.station.point)]
    currency, cheapest = cheapest_of(beside)
    return Along(replace(way, needs=needs(visit.user.filters, beside)), currency, cheapest)
