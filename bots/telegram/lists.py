"""Asks the finder for what a search shows, and has it rendered: one page of the list, or one station's card."""

from __future__ import annotations

from bots.telegram import keyboards, render
from bots.telegram.buttons import Search
from bots.telegram.visit import Visit
from core.ports import StartsCharging
from core.services.finder import Found
from core.wishes import Sort


async def near(visit: Visit, search: Search) -> Found:
    """One page around a point; the last one where the list has become shorter than the button thought."""
    wishes, finder = visit.wishes(search.sort), visit.services.finder
    offset = search.page * keyboards.PAGE
    found = await visit.run_core(finder.near, search.point, wishes, limit=keyboards.PAGE, offset=offset)
    if found.total and not found.offers:
        offset = (found.total - 1) // keyboards.PAGE * keyboards.PAGE
        found = await visit.run_core(finder.near, search.point, wishes, limit=keyboards.PAGE, offset=offset)
    return found


def listing(
    visit: Visit, found: Found, search: Search, note: str = "", keyboard: keyboards.Keyboard | None = None
) -> render.Rendered:
    wishes = visit.wishes(search.sort)
    return render.station_list(
        found, wishes, visit.say, visit.now, note=note, keyboard=keyboard, may_watch=visit.private
    )


async def station_card(visit: Visit, station_id: str, search: Search | None) -> render.Rendered:
    """A station's card. Without a search (a link from outside) the list behind it starts at the station itself."""
    finder, wishes = visit.services.finder, visit.wishes(search.sort if search else Sort.RECOMMENDED)
    seen_from = search.point if search else None
    one = await visit.run_core(finder.station, station_id, wishes, seen_from=seen_from)
    credits, sellers = await visit.run_core(finder.credit, one), await visit.run_core(finder.sellers, one)
    search = search or Search(one.station.point)
    may_start = visit.private and isinstance(visit.services.suppliers.get(one.station.supplier_id), StartsCharging)
    return render.station_card(
        one,
        wishes,
        visit.say,
        visit.now,
        search=search,
        credits=credits,
        sellers=sellers,
        may_start=may_start,
        may_watch=visit.private,
    )
