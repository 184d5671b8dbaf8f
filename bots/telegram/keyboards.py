"""Keyboards as plain dicts. Every button carries what it does; see buttons.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bots.telegram import choices
from bots.telegram.buttons import Act, Search, pack
from bots.telegram.markup import clean
from bots.telegram.watch_codes import Wanted
from bots.wording import N_, Wording, phrases
from core.geo import Datum, Point, in_mainland_china
from core.ranking import Offer, main_currency
from core.services.finder import Found
from core.station import Plug
from core.user import User
from core.wishes import Filters, Sort, Wishes

Keyboard = dict[str, Any]
Row = list[dict[str, Any]]

PAGE = 5
NUDGE_M = 200
_METRES_PER_DEGREE = 111_320
_LABEL_MAX = 24
_SORT_ROWS = ((Sort.RECOMMENDED, Sort.PRICE, Sort.DISTANCE), (Sort.FREE, Sort.POWER))
SCAN = N_("📷 Scan a gun")
_LANGUAGE_NAMES = {"zh-CN": "中文", "en": "English"}
_SWITCHES = (
    ("f", "free_now", N_("Free now")),
    ("o", "open_now", N_("Open now")),
    ("k", "free_parking", N_("Free parking")),
)


def inline(rows: Sequence[Row]) -> Keyboard:
    return {"inline_keyboard": [row for row in rows if row]}


def button(label: str, data: str, *, chosen: bool = False) -> dict[str, Any]:
    return {"text": f"✓ {label}" if chosen else label, "callback_data": data}


def send_location(say: Wording) -> Keyboard:
    """The big buttons under the text field. Telegram allows the first one in private chats only."""
    return {
        "keyboard": [[{"text": say("📍 Send my location"), "request_location": True}, {"text": say(SCAN)}]],
        "resize_keyboard": True,
        "is_persistent": True,
        "input_field_placeholder": say("or type a place"),
    }


# --- the list and its panels ------------------------------------------------------------------------------------


def search_of(found: Found, wishes: Wishes) -> Search:
    return Search(found.point, wishes.sort, found.offset // PAGE)


def listing(found: Found, wishes: Wishes, say: Wording, *, may_watch: bool = False) -> Keyboard:
    """Numbers open cards; then pages, sorts, mode and panels. `may_watch`: watches can be set in this chat."""
    search = search_of(found, wishes)
    cards = [
        button(str(found.offset + n + 1), pack(Act.CARD, search, one.station.id))
        for n, one in enumerate(found.offers)
    ]
    rows = [cards, _pages(search, found.total)]
    if found.offers:
        rows += [_sorts(search, sorts, say) for sorts in _SORT_ROWS]
    filters = say("⚙️ Filters")
    if wishes.filters.active:
        filters += f" · {wishes.filters.active}"
    panels = [
        button(filters, pack(Act.FILTERS, replace(search, page=0))),
        button(say("📍 Position off?"), pack(Act.POSITION, replace(search, page=0))),
    ]
    around = pack(Act.AREA, replace(search, page=0))
    watch = [button(say("🔔 Watch this area"), around)] if may_watch and found.offers else []
    return inline([*rows, _modes(search, wishes, say), panels, watch])


def _pages(search: Search, total: int) -> Row:
    pages = max(math.ceil(total / PAGE), 1)
    if pages == 1:
        return []
    before, after = (search.page - 1) % pages, (search.page + 1) % pages
    return [
        button("◀", pack(Act.LIST, replace(search, page=before))),
        button(f"{search.page + 1}/{pages}", pack(Act.LIST, search)),
        button("▶", pack(Act.LIST, replace(search, page=after))),
    ]


def _sorts(search: Search, sorts: Sequence[Sort], say: Wording) -> Row:
    return [
        button(
            say(phrases.SORTS[sort]), pack(Act.LIST, replace(search, sort=sort, page=0)), chosen=sort is search.sort
        )
        for sort in sorts
    ]


def _modes(search: Search, wishes: Wishes, say: Wording) -> Row:
    first = replace(search, page=0)
    return [
        button(say(name), pack(Act.MODE, first, choices.MODE_LETTERS[mode]), chosen=mode is wishes.mode)
        for mode, name in phrases.MODES.items()
    ]


def filters(found: Found, wishes: Wishes, say: Wording) -> Keyboard:
    """Every press sets one filter and shows the list again."""
    search, now = replace(search_of(found, wishes), page=0), wishes.filters

    def choice(label: str, value: str, chosen: bool) -> dict[str, Any]:
        return button(label, pack(Act.FILTERS, search, value), chosen=chosen)

    switches = [
        choice(say(name), choices.switch(letter, not getattr(now, field)), getattr(now, field))
        for letter, field, name in _SWITCHES
    ]
    powers = []
    for kw in _with_current(choices.POWERS_KW, now.min_power_kw):
        chosen = now.min_power_kw == kw
        powers.append(choice(f"≥ {say.number(kw)} kW", choices.least_power(None if chosen else int(kw)), chosen))
    plugs = [choice(say(phrases.PLUGS[one]), choices.plug(one, one not in now.plugs), one in now.plugs)
             for one in _plugs(found.point, now)]  # fmt: skip
    operators = say("Operator…") if not now.operators else say("Operator…") + f" · {len(now.operators)}"
    end = [button(say("◀ List"), pack(Act.LIST, search))]
    if now.active:
        end.append(choice(say("✕ No filters"), choices.CLEAR, False))
    rows = [switches, plugs[:2], plugs[2:4], plugs[4:], powers, _caps(found, wishes, search, say)]
    return inline([*rows, [button(operators, pack(Act.OPERATORS, search))], end])


def _with_current(known: Sequence[int], current: Decimal | None) -> list[Decimal]:
    values = {Decimal(one) for one in known}
    return sorted(values | {current} if current is not None else values)


def _plugs(point: Point, now: Filters) -> list[Plug]:
    here = point.wgs84
    usual = choices.PLUGS_CHINA if in_mainland_china(here.lat, here.lng) else choices.PLUGS_ELSEWHERE
    return [*usual, *sorted(now.plugs - set(usual))][:6]


def _caps(found: Found, wishes: Wishes, search: Search, say: Wording) -> Row:
    currency, now = main_currency(found.offers), wishes.filters.price_cap
    amounts = sorted({*choices.caps(currency, wishes.energy_kwh), *([now] if now is not None else [])})
    row = []
    for amount in amounts:
        chosen = amount == now
        label = say.price(amount, currency, 0) if currency else say.number(amount)
        row.append(button(f"≤ {label}", pack(Act.FILTERS, search, choices.cap(None if chosen else amount)),
                          chosen=chosen))  # fmt: skip
    return row


def operators(found: Found, wishes: Wishes, near: Sequence[tuple[str, str]], say: Wording) -> Keyboard:
    """The operators around the point, and those chosen before."""
    search, chosen = replace(search_of(found, wishes), page=0), wishes.filters.operators
    names = {value or name: name for value, name in near}
    names |= {value: value for value in sorted(chosen) if value not in names}
    rows: list[Row] = [
        [
            button(
                clean(name, _LABEL_MAX) or "?",
                pack(Act.OPERATORS, search, choices.operator(value, value not in chosen)),
                chosen=value in chosen,
            )
        ]
        for value, name in list(names.items())[:12]
    ]
    return inline([*rows, [button(say("◀ Filters"), pack(Act.FILTERS, search))]])


def position(found: Found, wishes: Wishes, say: Wording) -> Keyboard:
    """ "I am really here": read the point as GCJ-02, or move it. The buttons carry the moved point."""
    search = replace(search_of(found, wishes), page=0)
    point = search.point

    def nudge(arrow: str, north: int, east: int) -> dict[str, Any]:
        return button(
            f"{arrow} {say.distance(NUDGE_M)}", pack(Act.POSITION, replace(search, point=moved(point, north, east)))
        )

    rows = []
    if in_mainland_china(point.lat, point.lng) or point.datum is Datum.GCJ02:
        is_gcj = point.datum is Datum.GCJ02
        other = replace(point, datum=Datum.WGS84 if is_gcj else Datum.GCJ02)
        reread = pack(Act.POSITION, replace(search, point=other))
        rows.append([button(say("My map uses GCJ-02 (Amap, Tencent)"), reread, chosen=is_gcj)])
    rows += [[nudge("⬆️", 1, 0)], [nudge("⬅️", 0, -1), nudge("➡️", 0, 1)], [nudge("⬇️", -1, 0)]]
    return inline([*rows, [button(say("◀ List"), pack(Act.LIST, search))]])


def moved(point: Point, north: int, east: int) -> Point:
    """The point 200 m further, kept on Earth."""
    lat = min(max(point.lat + north * NUDGE_M / _METRES_PER_DEGREE, -89.9), 89.9)
    lng = point.lng + east * NUDGE_M / (_METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return replace(point, lat=lat, lng=(lng + 180) % 360 - 180)


def card(one: Offer, search: Search, say: Wording, *, may_start: bool = False, may_watch: bool = False) -> Keyboard:
    """`may_start`: its supplier lets us start a charge there. `may_watch`: watches can be set in this chat."""
    station = one.station.id
    start = [button(say("⚡ Start here"), pack(Act.GUNS, search, station))] if may_start else []
    priced = any(gun.tariff_id for gun in one.station.connectors)
    prices = [button(say("📈 Price history"), pack(Act.PRICES, None, f".{station}"))] if priced else []
    if priced and may_watch:
        prices.append(button(say("🔔 Watch price"), pack(Act.WATCH, search, str(Wanted(station)))))
    free = [_tell_when_free(one, search, say)] if may_watch and one.guns.free == 0 else []
    return inline(
        [
            start,
            prices,
            free,
            [
                button(say("📍 On the map"), pack(Act.VENUE, search, station)),
                button(say("🔄 Refresh"), pack(Act.CARD, search, station)),
            ],
            [button(say("🚗 I am really here"), pack(Act.HERE, search, station))],
            [button(say("◀ List"), pack(Act.LIST, search))],
        ]
    )


def _tell_when_free(one: Offer, search: Search, say: Wording) -> dict[str, Any]:
    """Watched is the description of the place that tells of its guns: another one may only know the price."""
    tells = next(
        (each.station for each in (one, *one.also) if each.station.supplier_id == one.guns_from), one.station
    )
    data = pack(Act.WATCH, search, str(Wanted.free_gun(tells, one.connector)))
    return button(say("🔔 Tell me when one is free"), data)


# --- the account ------------------------------------------------------------------------------------------------


def energies(act: Act, say: Wording, current: Decimal | None) -> Row:
    return [
        button(say("{n} kWh", n=kwh), pack(act, None, f"e{kwh}"), chosen=current == kwh) for kwh in choices.ENERGY_KWH
    ]


def modes(act: Act, say: Wording, current: object | None) -> Row:
    return [
        button(say(name), pack(act, None, f"m{choices.MODE_LETTERS[mode]}"), chosen=mode is current)
        for mode, name in phrases.MODES.items()
    ]


def languages(current: str | None) -> Row:
    return [
        button(name, pack(Act.SETTING, None, f"l{code}"), chosen=code == current)
        for code, name in _LANGUAGE_NAMES.items()
    ]


def consent(act: Act, say: Wording) -> Row:
    return [
        button(say("Yes, remember"), pack(act, None, "c1")),
        button(say("No"), pack(act, None, "c0")),
    ]


def last_area(area: Point, say: Wording) -> Keyboard:
    return inline([[button(say("🔎 Around my last search"), pack(Act.LIST, Search(area)))]])


def settings(user: User, agreed: bool, say: Wording) -> Keyboard:
    history = say("Forget my search areas") if agreed else say("Remember my search areas")
    rows = [
        energies(Act.SETTING, say, user.energy_kwh),
        modes(Act.SETTING, say, user.mode),
        languages(user.language),
        [button(history, pack(Act.SETTING, None, "c0" if agreed else "c1"))],
    ]
    if user.filters.active:
        rows.append([button(say("✕ No filters"), pack(Act.SETTING, None, choices.CLEAR))])
    return inline(rows)
