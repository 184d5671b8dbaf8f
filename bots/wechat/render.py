"""Texts as WeChat shows them: a list and a station in at most 2,048 bytes, links to the page, nothing injected.

Pure: everything shown comes in as arguments.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from bots import maps
from bots.wording import Wording, phrases
from core.geo import Point
from core.ranking import Offer
from core.services.finder import Found
from core.station import Connector
from core.user import User
from core.wishes import Sort

TEXT_MAX_BYTES = 2048  # of UTF-8; more is refused (45002), and passively answered as "service unavailable"
NAME_MAX, OPERATOR_MAX, LINE_MAX, SENTENCE_MAX = 30, 16, 60, 90
GUNS_SHOWN, MAPS_SHOWN = 10, 2
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# WeChat reads <a href> in plain text, and nobody documents whether it decodes entities first. The full-width
# forms look the same and mean nothing to any parser; the split "://" keeps a supplier's address from becoming a link.
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "&": "＆", "\ufffe": None, "\uffff": None})


def plain(text: str, most: int | None = None) -> str:
    """Somebody else's text on one line: no markup, no links, no control characters, at most `most` characters."""
    visible = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    shown = " ".join("".join(visible).split()).translate(_HARMLESS).replace("://", "：//")
    return shown if most is None or len(shown) <= most else shown[: most - 1].rstrip() + "…"


def link(label: str, url: str) -> str:
    return f'<a href="{url}">{label}</a>'


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Addresses of the list page for one search; empty when no public address is known."""

    public_url: str
    point: Point
    language: str

    def station(self, station_id: str) -> str:
        return self._url(station=station_id, **self._where())

    def list(self, user: User, sort: Sort) -> str:
        return self._url(**self._where(), sort=sort.value, kwh=f"{user.energy_kwh:f}", mode=user.mode.value)

    def _where(self) -> dict[str, str]:
        here = self.point.wgs84
        return {"lat": f"{here.lat:.5f}", "lng": f"{here.lng:.5f}", "lang": self.language}

    def _url(self, **query: str) -> str:
        return f"{self.public_url.rstrip('/')}/?{urlencode(query)}" if self.public_url else ""


@dataclass(frozen=True, slots=True)
class ListText:
    """The text of a list, and how many rows of it found room."""

    text: str
    rows: int


def station_list(
    say: Wording, found: Found, user: User, sort: Sort, pages: PageLinks, at: datetime, *, place: str, ask: bool
) -> ListText:
    """The list as one text. As many rows as fit stand in it; `ask` adds the two questions put once."""
    head = [*_head(say, found, user, sort, place), *map(plain, phrases.silent(say, found, at))]
    rows = [_row(say, number, one, user.energy_kwh, pages, at) for number, one in enumerate(found.offers, 1)]
    tail = [plain(line) for line in phrases.summary(say, found)]
    if not rows and user.filters.active:
        tail.append(say("Reply “clear filters” to see all."))
    foot = []
    if url := pages.list(user, sort):
        foot.append(link(say("Sort and filter on the page"), url))
    if found.credits:
        foot.append(say("Data: {credits}", credits=plain("; ".join(found.credits), SENTENCE_MAX)))
    if ask and rows:
        foot.append(_questions(say, user))
    # Rows are left out from the end, whole, until the text fits.
    for count in range(len(rows), 0, -1):
        hints = _hints(say, count, more=found.offset + count < found.total)
        text = _blocks(head, *([row] for row in rows[:count]), [*tail, *hints, *foot])
        if len(text.encode()) <= TEXT_MAX_BYTES:
            return ListText(text, count)
    return ListText(cut_lines(_blocks(head, [*tail, *foot])), 0)


def _blocks(*blocks: Sequence[str]) -> str:
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _hints(say: Wording, count: int, *, more: bool) -> list[str]:
    """How to go on from this list."""
    details = say("Reply 1–{n} for details.", n=count) if count > 1 else say("Reply 1 for details.")
    next_page = [say("Reply “more” for the next ones.")] if more else []
    return [details, *next_page, say("Sort: price, distance, free or power.")]


def _head(say: Wording, found: Found, user: User, sort: Sort, place: str) -> list[str]:
    if not found.offers:
        return []
    where = say("Near {place}", place=plain(place, NAME_MAX)) if place else say("Near you")
    count = say.plural("{n} station", "{n} stations", found.total)
    wish = say("for {kwh} kWh", kwh=say.number(user.energy_kwh))
    return [" · ".join((where, count, say(phrases.SORTS[sort]), wish, say(phrases.MODES[user.mode])))]


def _row(say: Wording, number: int, one: Offer, kwh: Decimal, pages: PageLinks, at: datetime) -> str:
    name = plain(one.station.name, NAME_MAX) or say("Charging station")
    url = pages.station(one.station.id)
    where = [plain(one.station.operator_name, OPERATOR_MAX), say.distance(one.distance_m), phrases.guns(say, one, at)]
    if one.open_now is False:
        where.append(say("Closed now"))
    lines = [
        f"{number}. {link(name, url) if url else name}",
        " · ".join(part for part in where if part),
        *_prices(say, one, kwh, at),
        "→ " + plain(phrases.reason(say, one)),
    ]
    return "\n".join(lines)


def _prices(say: Wording, one: Offer, kwh: Decimal, at: datetime) -> list[str]:
    """What my charge costs, its parts, and when that changes."""
    price = plain(phrases.price(say, one, kwh), LINE_MAX)
    parts = phrases.parts(say, one.quote) if one.quote else ""
    later = " · ".join(filter(None, (phrases.next_change(say, one, at), phrases.price_age(say, one, at))))
    return [line for line in (price, plain(parts), plain(later)) if line]


def _questions(say: Wording, user: User) -> str:
    return say(
        "How many kWh, in a hurry? Reply “40 kWh”, “cheap”, “balanced” or “hurry” (now {kwh} kWh, {mode}).",
        kwh=say.number(user.energy_kwh),
        mode=say(phrases.MODES[user.mode]),
    )


def cut_lines(text: str) -> str:
    """The text cut to WeChat's limit at the end of a line (a link never spans two)."""
    lines = text.split("\n")
    while len("\n".join(lines).encode()) > TEXT_MAX_BYTES:
        lines.pop()
    return "\n".join(lines)


# --- one station ----------------------------------------------------------------------------------------------


def station(
    say: Wording,
    one: Offer,
    user: User,
    pages: PageLinks,
    credits: Sequence[str],
    at: datetime,
    *,
    sellers: Mapping[str, str] | None = None,
) -> str:
    """Everything about one station that a driver needs on the way. `sellers` are supplier names by id."""
    place = one.station
    name = plain(place.name, NAME_MAX) or say("Charging station")
    lines = [name, " · ".join(filter(None, (plain(place.operator_name, OPERATOR_MAX), say.distance(one.distance_m))))]
    lines += [plain(text, SENTENCE_MAX) for text in (place.address, place.guide) if text]
    lines += _prices(say, one, user.energy_kwh, at)
    lines += [plain(line, SENTENCE_MAX) for line in phrases.also_sold(say, one, user.energy_kwh, sellers or {})]
    lines.append(plain(phrases.guns(say, one, at)))
    lines += [_gun(say, gun, at) for gun in place.connectors[:GUNS_SHOWN]]
    if len(place.connectors) > GUNS_SHOWN:
        lines.append(say("… and {n} more", n=len(place.connectors) - GUNS_SHOWN))
    lines.append(plain(phrases.hours(say, one, at), SENTENCE_MAX))
    lines.append(plain(phrases.parking(say, one), SENTENCE_MAX))
    if place.facilities:
        lines.append(" · ".join(say(phrases.FACILITIES[facility]) for facility in sorted(place.facilities)))
    on_maps = list(maps.links(place.point, place.name).items())[:MAPS_SHOWN]
    links = [link(say(maps.TITLES[map_id]), url) for map_id, url in on_maps]
    if url := pages.station(place.id):
        links.append(link(say("Our page"), url))
    # The way there comes before the guns are cut, were a station to have too many words.
    lines.insert(2, " · ".join(links))
    if any(gun.tariff_id for gun in place.connectors):
        lines.append(say("Price over time: reply “price history”."))
        lines.append(say("Tell me when it drops: “watch”; when a gun is free: “free gun”."))
    if credits:
        lines.append(say("Data: {credits}", credits=plain("; ".join(credits), SENTENCE_MAX)))
    return cut_lines("\n".join(lines))


def _gun(say: Wording, gun: Connector, at: datetime) -> str:
    what = [phrases.plug(say, gun), phrases.power(say, gun), say(phrases.STATUSES[gun.status_now(at)])]
    label = plain(gun.label, 12)
    if gun.count > 1:
        label = f"{label} ×{gun.count}".strip()
    return "· " + " ".join(part for part in (label, *what) if part)
