"""Setting a watch in two taps: on a station from its card, on an area from the list."""

from __future__ import annotations

import re

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bots import money, prices, watches
from bots.telegram import nearby, render, watch_buttons, watch_view
from bots.telegram.buttons import Act, Button, Search, pack
from bots.telegram.keyboards import Row, button, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.telegram.watch_codes import Wanted, read_wish, wish_code
from bots.watched_areas import Around, around
from core.errors import UserError
from core.geo import Point, distance_m
from core.ports import GunsNow
from core.services.alternatives import Alternative, alternatives
from core.services.watches import Made
from core.station import Station
from core.watch import Area, StandingWatch, StationGuns, Way
from core.wishes import Filters

router = Router(name="watch")

AT_THE_STATION_M = 50
NEARBY_SHOWN = 2


# --- a station ----------------------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.WATCH))
async def station(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    """From the card what can be wished here; then, or from a card whose guns are all taken, the wish itself."""
    only_in_private(visit)
    wanted = Wanted.read(button.value)
    here = await visit.run_core(visit.services.watches.wishes, wanted.station_id)
    guns = wanted.among(here)
    if wanted.wish is None:
        if guns != here.guns:
            here = await visit.run_core(visit.services.watches.wishes, wanted.station_id, guns.series_id)
        keyboard = watch_buttons.wishes(visit.say, here, search)
        await place(call, visit, watch_view.offered(visit.say, here, keyboard))
        return
    one = await visit.run_core(
        visit.services.watches.watch_station,
        visit.user.id,
        wanted.station_id,
        wanted.wish.rule,
        wanted.wish.amount,
        series_id=guns.series_id,
        origin=_origin(visit, search, here.station),
    )
    back = [] if wanted.apart else [watch_buttons.back_to_station(visit.say, search, wanted.station_id)]
    rendered = await answer(visit, one, back)
    if wanted.apart:
        await visit.send(rendered)
    else:
        await place(call, visit, rendered)


def _origin(visit: Visit, search: Search, there: Station) -> Point | None:
    """About where the driver searched. Who opened the card by a link looks from the station itself."""
    if distance_m(search.point.wgs84, there.point) > AT_THE_STATION_M:
        return search.point
    told = visit.services.whereabouts.of(visit.user.id)
    return told.point if told else None


async def answer(visit: Visit, one: Made, back: Row) -> render.Rendered:
    """What is said to a new watch. Who waits for a gun hears where one is free meanwhile."""
    found: list[Alternative] = []
    if isinstance(one.watch.place, StationGuns) and _none_free(one.guns):
        found = await visit.run_core(_free_nearby, visit, one.watch.place)
    keyboard = watch_buttons.made(visit.say, one, back, nearby.rows(visit.say, found))
    zone = await visit.run_core(zone_of, visit, one.watch)
    return watch_view.made(visit.say, one, zone, keyboard, silent=visit.user.stopped)


def _none_free(guns: GunsNow | None) -> bool:
    return guns is not None and guns.known > 0 and not guns.free


def _free_nearby(visit: Visit, guns: StationGuns) -> list[Alternative]:
    there = visit.services.index.get(guns.station_id)
    gun = next((one for one in there.connectors if one.plug is guns.plug), None) if there else None
    if gun is None:
        return []
    with visit.services.database.read() as unit:
        return alternatives(unit, guns.station_id, gun.ref, visit.now, NEARBY_SHOWN)


# --- an area --------------------------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.AREA))
async def area(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    """From the list: what can be wished around this point. From there: the wish."""
    only_in_private(visit)
    if not button.value:
        here = await visit.run_core(_around, visit, search, None)
        await place(call, visit, _area_offered(visit, search, here))
        return
    found = re.fullmatch(r"([0-9]{3,6})~([a-z][0-9.]{1,12})~([A-Z]{3})?", button.value)
    if not found:
        raise UserError("old_button")
    wish, here = read_wish(found[2]), await visit.run_core(_around, visit, search, int(found[1]))
    one = await visit.run_core(
        visit.services.watches.watch_area,
        visit.user.id,
        here.area,
        wish.rule,
        wish.amount,
        currency=found[3] or "",
        label=here.label,
    )
    await place(call, visit, await answer(visit, one, [_back_to_list(visit, search)]))


def _around(visit: Visit, search: Search, radius_m: int | None) -> Around:
    return around(visit.services, visit.user, search.point, radius_m)


def _area_offered(visit: Visit, search: Search, here: Around) -> render.Rendered:
    say = visit.say
    lines = [bold(ours(watches.around(say, here.label, here.area)))]
    if here.cheapest is not None:
        price = prices.per_kwh(say, here.cheapest, here.currency)
        lines.append(f"💰 {ours(say('cheapest now {price}', price=price))}")
    if here.dropped:
        lines.append(ours(say("Of your filters plug, power and one operator count; the others do not.")))
    lines += ["", ours(say("🔔 What shall I tell you of?"))]
    rows: list[Row] = [
        [
            button(
                watches.button(say, one, here.currency),
                pack(Act.AREA, search, f"{here.area.radius_m}~{wish_code(one)}~{here.currency}"),
            )
        ]
        for one in here.wishes
    ]
    return render.message("\n".join(lines), inline([*rows, [_back_to_list(visit, search)]]))


def _back_to_list(visit: Visit, search: Search) -> dict[str, object]:
    return button(visit.say("◀ List"), pack(Act.LIST, search))


# --- for all of them ------------------------------------------------------------------------------------------------


def zone_of(visit: Visit, watch: StandingWatch) -> str:
    """The clock the person reads: their own where they told it, else that of the place."""
    if visit.user.time_zone:
        return visit.user.time_zone
    match watch.place:
        case StationGuns(station_id=station_id):
            there = visit.services.index.get(station_id)
            return there.time_zone if there else money.zone(visit.user)
        case Area(centre=centre, radius_m=radius_m):
            index = visit.services.index
            hits = index.nearby(centre, radius_m=radius_m, filters=Filters(), at=visit.now, limit=1).hits
            return hits[0].station.time_zone if hits else money.zone(visit.user)
        case Way(time_zone=time_zone):
            return time_zone


async def place(call: CallbackQuery, visit: Visit, rendered: render.Rendered) -> None:
    """In the message with the pressed button. A picture keeps its words: then below it."""
    if call.message is None:
        raise UserError("old_button")
    if isinstance(call.message, Message) and call.message.photo:
        await visit.send(rendered)
        return
    await visit.show(call.message.message_id, rendered)
    visit.live.shown(visit.chat_id, call.message.message_id, None)
