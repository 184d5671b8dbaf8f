"""Lists and cards as a driver reads them in Telegram. Pure: data and wording in, plain dicts for the Bot API out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bots import maps
from bots.telegram import keyboards
from bots.telegram.buttons import Search
from bots.telegram.keyboards import Keyboard
from bots.telegram.markup import bold, clean, fit, foreign, link, ours
from bots.wording import Wording, phrases
from core.ranking import Offer
from core.services.finder import Found
from core.station import Connector, ConnectorStatus, NoPrice
from core.wishes import Wishes

Rendered = dict[str, Any]

NAME_MAX, OPERATOR_MAX, LINE_MAX, GUIDE_MAX = 60, 40, 160, 300
CREDIT_MAX, MOST_CREDITS, MOST_GUN_LINES, MOST_LABELS = 120, 3, 24, 4
COARSE_M = 300.0


def message(text: str, keyboard: Keyboard | None = None) -> Rendered:
    """A message of ours in the shape of sendMessage and editMessageText."""
    rendered: Rendered = {"text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
    return rendered | ({"reply_markup": keyboard} if keyboard else {})


# --- the list -------------------------------------------------------------------------------------------------


def station_list(
    found: Found,
    wishes: Wishes,
    say: Wording,
    at: datetime,
    *,
    note: str = "",
    keyboard: Keyboard | None = None,
    may_watch: bool = False,
) -> Rendered:
    """One page of stations. `note` stands on top; `keyboard` replaces the usual one (filters, position)."""
    head = [note] if note else []
    head.append(_headline(found, wishes, say))
    rows = [_row(found.offset + n + 1, one, wishes, say, at) for n, one in enumerate(found.offers)]
    under = [foreign(line, LINE_MAX) for line in (*phrases.summary(say, found), *phrases.silent(say, found, at))]
    if not found.offers:
        under.append(ours(say("Move the search with another location or place, or change the filters below.")))
    foot = "\n".join(under)
    text = fit(["\n".join(head), *rows], droppable=[foot, _credits(found.credits, say)])
    return message(text, keyboard or keyboards.listing(found, wishes, say, may_watch=may_watch))


def position_note(accuracy_m: float | None, say: Wording) -> str:
    """Says so when the phone does not know well where it is."""
    if accuracy_m is None or accuracy_m < COARSE_M:
        return ""
    text = say("⚠️ Your phone knows its place only to within {distance}.", distance=say.distance(accuracy_m))
    return ours(text)


def place_note(name: str, say: Wording) -> str:
    """What a typed place was understood as."""
    return ours(say("📍 Around {name}", name=clean(name, LINE_MAX)))


def point_note(search: Search, say: Wording) -> str:
    """Where we search, as a link that can be checked on a map."""
    point = search.point.wgs84
    here = link(f"{point.lat:.5f}, {point.lng:.5f}", maps.links(point, "")["osm"])
    return (
        f"{say('📍 Searching around {point}', point=here)}\n{ours(say('Move the point until it is where you are:'))}"
    )


def _headline(found: Found, wishes: Wishes, say: Wording) -> str:
    charge = say("{n} kWh", n=say.number(wishes.energy_kwh))
    mode = say(phrases.MODES[wishes.mode])
    if not found.total:
        return ours(f"{charge} · {mode}")
    radius = say.distance(found.radius_m)
    count = say.plural(
        "{n} station within {distance}", "{n} stations within {distance}", found.total, distance=radius
    )
    return f"{bold(ours(count))} · {ours(charge)} · {ours(mode)}"


def _row(number: int, one: Offer, wishes: Wishes, say: Wording, at: datetime) -> str:
    lines = [bold(f"{number}. {_name(one, say)}"), _who_and_where(one, say)]
    if one.open_now is False:
        lines.append(f"⛔ {ours(say('Closed now'))}")
    lines += [f"💰 {_price(one, wishes, say, at)}", *_price_details(one, say, at)]
    lines.append(f"{_light(one)} {_guns(one, say, at)}")
    lines.append(f"👉 {ours(phrases.reason(say, one))}")
    return "\n".join(line for line in lines if line)


def _name(one: Offer, say: Wording) -> str:
    return foreign(one.station.name or one.station.address, NAME_MAX) or ours(say("Charging station"))


def _who_and_where(one: Offer, say: Wording) -> str:
    parts = [
        foreign(one.station.operator_name, OPERATOR_MAX),
        ours(say.distance(one.distance_m)),
        ours(f"{phrases.plug(say, one.connector)} {phrases.power(say, one.connector)}"),
    ]
    return " · ".join(part for part in parts if part)


def _price(one: Offer, wishes: Wishes, say: Wording, at: datetime) -> str:
    text = foreign(phrases.price(say, one, wishes.energy_kwh), LINE_MAX)
    old = phrases.price_age(say, one, at)
    return f"{text} · {ours(old)}" if old else text


def _price_details(one: Offer, say: Wording, at: datetime) -> list[str]:
    lines = [ours(phrases.parts(say, one.quote))] if one.quote else []
    change = phrases.next_change(say, one, at)
    if change and one.quote and one.quote.next_change:
        falls = one.quote.next_change.price_per_kwh < one.quote.price_per_kwh
        lines.append(f"{'📉' if falls else '📈'} {ours(change)}")
    return [line for line in lines if line]


def _light(one: Offer) -> str:
    if one.guns.free is None:
        return "⚪"
    return "🟢" if one.guns.free else "🔴"


def _guns(one: Offer, say: Wording, at: datetime) -> str:
    """Free guns, always with the age of that knowledge, or of the master data when there is no other."""
    text, age = phrases.guns(say, one, at), one.guns.age(at)
    if one.guns.free is not None and age is not None and age < timedelta(minutes=2):
        text = say("{text} ({detail})", text=text, detail=say.age(age))
    if age is None and one.station.updated_at is not None:
        day = say.day(one.station.updated_at, one.station.time_zone)
        text = say("{text} ({detail})", text=text, detail=say("data of {day}", day=day))
    return ours(text)


def _credits(credits: Sequence[str], say: Wording) -> str:
    lines = [foreign(line, CREDIT_MAX) for line in credits[:MOST_CREDITS]]
    return f"<i>{say('Data: {names}', names='; '.join(lines))}</i>" if lines else ""


# --- the card -------------------------------------------------------------------------------------------------


def station_card(
    one: Offer,
    wishes: Wishes,
    say: Wording,
    at: datetime,
    *,
    search: Search,
    credits: Sequence[str] = (),
    sellers: Mapping[str, str] | None = None,
    may_start: bool = False,
    may_watch: bool = False,
) -> Rendered:
    """Everything about one station, with the way there. `sellers` are the names of the suppliers by their ids;
    `may_start`: a charge can be started there from here; `may_watch`: a watch can be set from here."""
    station = one.station
    where = [bold(_name(one, say)), _who_and_where(one, say), foreign(station.address, LINE_MAX)]
    price = [f"💰 {_price(one, wishes, say, at)}", *_price_details(one, say, at)]
    if one.quote is not None:
        minutes = say.plural("about {n} min at the gun", "about {n} min at the gun", one.minutes)
        price.append(f"⏱ {ours(minutes)}")
    # Without a computed price the supplier's words stand in the price line already.
    if station.price_text and one.no_price is not NoPrice.TEXT_ONLY and one.quote is not None:
        price.append(say("Operator's own words: {text}", text=foreign(station.price_text, LINE_MAX)))
    others = phrases.also_sold(say, one, wishes.energy_kwh, sellers or {})
    price += [f"🏷 {foreign(line, LINE_MAX)}" for line in others]
    blocks = [_lines(where), _lines(price), _lines(_visit(one, say, at)), _maps(one, say)]
    return message(
        fit([*blocks, _gun_table(one, say, at)], droppable=[_credits(credits, say)]),
        keyboards.card(one, search, say, may_start=may_start, may_watch=may_watch),
    )


def _visit(one: Offer, say: Wording, at: datetime) -> list[str]:
    station = one.station
    lines = [
        f"🕒 {foreign(phrases.hours(say, one, at), LINE_MAX)}",
        f"🅿️ {foreign(phrases.parking(say, one), LINE_MAX)}",
    ]
    if station.guide:
        lines.append(f"🧭 {foreign(station.guide, GUIDE_MAX)}")
    if station.phone:
        lines.append(f"☎️ {foreign(station.phone, OPERATOR_MAX)}")
    if station.facilities:
        names = [say(phrases.FACILITIES[one]) for one in sorted(station.facilities)]
        lines.append(f"➕ {ours(' · '.join(names))}")
    return lines


def _maps(one: Offer, say: Wording) -> str:
    addresses = maps.links(one.station.point, clean(one.station.name, NAME_MAX))
    found = [link(say(maps.TITLES[name]), address) for name, address in addresses.items()]
    return f"🗺 {' · '.join(found)}"


def _gun_table(one: Offer, say: Wording, at: datetime) -> str:
    lines = [f"{_light(one)} {bold(_guns(one, say, at))}"]
    groups = gun_groups(one.station.connectors, at)
    for connectors in groups[:MOST_GUN_LINES]:
        first = connectors[0]
        status = first.status_now(at)
        parts = [_labels(connectors), ours(f"{phrases.plug(say, first)} {phrases.power(say, first)}")]
        line = " ".join(part for part in parts if part)
        if status is not ConnectorStatus.UNKNOWN:
            line += f" · {ours(say(phrases.STATUSES[status]))}"
        if first.bay_blocked:
            line += f" · {ours(say('bay blocked'))}"
        lines.append(line)
    if rest := sum(c.count for group in groups[MOST_GUN_LINES:] for c in group):
        lines.append(ours(say.plural("and {n} more gun", "and {n} more guns", rest)))
    return _lines(lines)


def gun_groups(connectors: Sequence[Connector], at: datetime) -> list[list[Connector]]:
    """The guns in the order of their labels, those of one kind and state together."""

    def kind(one: Connector) -> tuple[str, str, str, bool]:
        return one.plug, str(one.power_kw), one.status_now(at), bool(one.bay_blocked)

    ordered = sorted(connectors, key=lambda one: (kind(one), _natural(one.label)))
    groups = [list(group) for _, group in groupby(ordered, key=kind)]
    return sorted(groups, key=lambda group: _natural(group[0].label))


def _natural(label: str) -> tuple[bool, int, str]:
    """Labels that are numbers in their order, then the others by the alphabet."""
    number = label.isascii() and label.isdigit()
    return not number, int(label[:9]) if number else 0, label


def _labels(connectors: Sequence[Connector]) -> str:
    """ "01–04, 07" for labels that follow each other; "4 ×" when guns have none."""
    total = sum(one.count for one in connectors)
    if total != len(connectors) or not all(one.label for one in connectors):
        return f"{total} ×"
    runs: list[list[str]] = []
    for label in (one.label for one in connectors):
        if runs and _follows(runs[-1][-1], label):
            runs[-1].append(label)
        else:
            runs.append([label])
    shown = [
        foreign(run[0], 12) if len(run) == 1 else f"{foreign(run[0], 12)}–{foreign(run[-1], 12)}"
        for run in runs[:MOST_LABELS]
    ]
    return ", ".join(shown) + (f" … ({total} ×)" if len(runs) > MOST_LABELS else "")


def _follows(before: str, after: str) -> bool:
    short = len(before) <= 9 and len(after) <= 9
    numbers = short and before.isascii() and after.isascii() and before.isdigit() and after.isdigit()
    return numbers and int(after) == int(before) + 1


def venue(one: Offer, say: Wording) -> Rendered:
    """The station as a venue message, in the shape of sendVenue. Telegram's own datum is WGS-84."""
    station = one.station
    title = clean(station.name, NAME_MAX) or say("Charging station")
    return {
        "latitude": station.point.lat,
        "longitude": station.point.lng,
        "title": title,
        "address": clean(station.address, LINE_MAX) or clean(station.operator_name, OPERATOR_MAX) or title,
    }


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
