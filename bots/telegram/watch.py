"""Setting a watch in two taps: on a station from its card, on an area from the list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bots import money, watches
from bots.telegram import nearby, render, watch_buttons, watch_view
from bots.telegram.buttons import Act, Button, Search, pack
from bots.telegram.keyboards import Row, button, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.telegram.watch_codes import Wanted, read_wish, wish_code
from core.errors import UserError
from core.geo import Point, distance_m
from core.ports import GunsNow
from core.prices.areas import LEAST_RADIUS_M, MOST_RADIUS_M
from core.prices.watching import Rule
from core.ranking import Offer, main_currency
from core.services.alternatives import Alternative, alternatives
from core.services.finder import FIRST_RADIUS_M
from core.services.watches import USUAL_PERCENT, Made, Wishable
from core.station import Station
from core.watch import Area, Needs, StandingWatch, StationGuns, Way, about
from core.wishes import Filters, Sort

router = Router(name="watch")

AT_THE_STATION_M = 50
NEARBY_SHOWN = 2
LOOKED_AT = 5
_A_BIT_LESS, _CENT = Decimal("0.95"), Decimal("0.01")


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


@dataclass(frozen=True, slots=True)
class Around:
    """The stations of a list as an area: how it is called, and what the cheapest of them asks now.

    `dropped`: filters are on that a watch does not know.
    """

    area: Area
    label: str
    currency: str
    cheapest: Decimal | None
    dropped: bool


@router.callback_query(Pressed(Act.AREA))
async def area(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    """From the list: what can be wished around this point. From there: the wish."""
    only_in_private(visit)
    if not button.value:
        around = await visit.run_core(_around, visit, search, None)
        await place(call, visit, _area_offered(visit, search, around))
        return
    found = re.fullmatch(r"([0-9]{3,6})~([a-z][0-9.]{1,12})~([A-Z]{3})?", button.value)
    if not found:
        raise UserError("old_button")
    wish, around = read_wish(found[2]), await visit.run_core(_around, visit, search, int(found[1]))
    one = await visit.run_core(
        visit.services.watches.watch_area,
        visit.user.id,
        around.area,
        wish.rule,
        wish.amount,
        currency=found[3] or "",
        label=around.label,
    )
    await place(call, visit, await answer(visit, one, [_back_to_list(visit, search)]))


def _around(visit: Visit, search: Search, radius_m: int | None) -> Around:
    """As the person's filters and the first list around the point see it."""
    finder, filters = visit.services.finder, visit.user.filters
    cheap = finder.near(search.point, visit.wishes(Sort.PRICE), limit=LOOKED_AT)
    if radius_m is None:
        radius_m = min(max(cheap.radius_m, LEAST_RADIUS_M), MOST_RADIUS_M) if cheap.offers else FIRST_RADIUS_M
    nearest = finder.near(search.point, visit.wishes(Sort.DISTANCE), limit=1).offers
    operators = [value for value, _ in finder.operators_near(search.point)] if len(filters.operators) == 1 else []
    operator_id = next((one for one in filters.operators if one in operators), "")
    centre = about(search.point)
    currency, cheapest = cheapest_of(cheap.offers)
    return Around(
        area=Area(centre, radius_m, needs(filters, cheap.offers, operator_id)),
        label=name_of(nearest[0].station) if nearest else f"{centre.lat:.3f}, {centre.lng:.3f}",
        currency=currency,
        cheapest=cheapest,
        dropped=_others(filters, operator_id),
    )


def needs(filters: Filters, offers: Sequence[Offer], operator_id: str = "") -> Needs:
    """Without a filter the plugs that the list is about: what a slow gun costs says nothing about fast ones."""
    plugs = filters.plugs or frozenset(one.connector.plug for one in offers)
    return Needs(plugs, filters.min_power_kw, operator_id)


def name_of(one: Station) -> str:
    return one.name or one.address


def cheapest_of(offers: Sequence[Offer]) -> tuple[str, Decimal | None]:
    """The currency most of them have, and the lowest price per kWh in it."""
    currency = main_currency(offers) or ""
    prices = [one.quote.price_per_kwh for one in offers if one.quote and one.currency == currency]
    return currency, min(prices, default=None)


def _others(filters: Filters, operator_id: str) -> bool:
    """Whether filters are on beside those that a watch knows."""
    known = bool(filters.plugs) + (filters.min_power_kw is not None) + bool(operator_id)
    return filters.active > known


def area_wishes(cheapest: Decimal | None) -> list[Wishable]:
    """A price a little below the cheapest, and so much below what is usual."""
    offered = [Wishable(Rule.BELOW_USUAL, Decimal(USUAL_PERCENT))]
    if cheapest is not None and (below := (cheapest * _A_BIT_LESS).quantize(_CENT, ROUND_DOWN)) > 0:
        offered.insert(0, Wishable(Rule.BELOW, below))
    return offered


def _area_offered(visit: Visit, search: Search, around: Around) -> render.Rendered:
    say = visit.say
    lines = [bold(ours(watches.around(say, around.label, around.area)))]
    if around.cheapest is not None:
        price = money.per_kwh(say, around.cheapest, around.currency)
        lines.append(f"💰 {ours(say('cheapest now {price}', price=price))}")
    if around.dropped:
        lines.append(ours(say("Of your filters plug, power and one operator count; the others do not.")))
    lines += ["", ours(say("🔔 What shall I tell you of?"))]
    rows: list[Row] = [
        [
            button(
                watches.button(say, one, around.currency),
                pack(Act.AREA, search, f"{around.area.radius_m}~{wish_code(one)}~{around.currency}"),
            )
        ]
        for one in area_wishes(around.cheapest)
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
