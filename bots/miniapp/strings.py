"""The sentences of the list page, by the key under which its script finds them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bots import prices
from bots.miniapp.watch_strings import WISHES
from bots.wording import N_, phrases, wording
from core.user import LANGUAGES

_SENTENCES = {
    "title": N_("Kilowatch: charging stations near you"),
    "head": N_("What will this charge really cost?"),
    "lead": N_("Charging stations near you, ordered by price, way and waiting time."),
    "promise_price": N_("The whole price of your charge, not just per kWh"),
    "promise_guns": N_("Free guns, and how old that news is"),
    "promise_free": N_("No account, nothing to install"),
    "wallet": N_("Wallet"),
    "charge": N_("Scan to charge"),
    "label": N_("QR labels of these guns to print"),
    "label_why": N_("For trying it out. If you are not in this city, leave your position out of the scan."),
    "skip": N_("Skip to the list"),
    "locate": N_("Use my position"),
    "locate_why": N_("Only to find stations near you. We do not keep it."),
    "locating": N_("Finding your position…"),
    "or_type": N_("or type a place"),
    "place_label": N_("Place, address or coordinates"),
    "place_hint": N_("福田, or 22.5410, 114.0580"),
    "search": N_("Search"),
    "searching": N_("Searching…"),
    "near_you": N_("Near you"),
    "near_place": N_("Near {place}"),
    "near_point": N_("Near the chosen point"),
    "accurate": "±{distance}",
    "coarse": N_("Your position is only accurate to {distance}. Try again outside, or correct it."),
    "again": N_("Try again"),
    "geo_denied": N_("The position is not shared. Allow it in the settings of this app, or type a place."),
    "geo_failed": N_("Your position could not be found. Try again, or type a place."),
    "offline": N_("No connection. Check the network and try again."),
    "trouble": N_("Something went wrong on our side. Nothing is lost; try again in a minute."),
    "mode": N_("What matters"),
    "kwh": N_("Energy to charge"),
    "kwh_value": N_("{n} kWh"),
    "kwh_less": N_("Less energy"),
    "kwh_more": N_("More energy"),
    "sort": N_("Sort by"),
    "filters": N_("Filters"),
    "clear_all": N_("Clear all"),
    "clear_filters": N_("Clear the filters"),
    "show": N_("Show stations"),
    "close": N_("Close"),
    "any": N_("Any"),
    "filter_plug": N_("Plug"),
    "filter_power": N_("Power at least"),
    "filter_cap": N_("Most for this charge"),
    "filter_cap_hint": N_("In local currency, e.g. 40"),
    "filter_operator": N_("Operator"),
    "filter_facility": N_("On site"),
    "free_now": N_("A gun is free now"),
    "open_now": N_("Open now"),
    "free_parking": N_("Free parking"),
    "count": N_("{n} within {distance}"),
    "more": N_("Show more"),
    "best": N_("Best for you"),
    "map": N_("Map"),
    "hide_map": N_("Hide map"),
    "search_here": N_("Search here"),
    "zoom_in": N_("Zoom in"),
    "zoom_out": N_("Zoom out"),
    "wrong": N_("Position wrong?"),
    "wrong_title": N_("Where are you really?"),
    "wrong_help": N_("Move the search point until it fits, or type the place above."),
    "north": N_("100 m north"),
    "south": N_("100 m south"),
    "west": N_("100 m west"),
    "east": N_("100 m east"),
    "gcj": N_("My phone gives Chinese map coordinates (GCJ-02)"),
    "gcj_help": N_("Try this when everything seems about 500 m off."),
    "price_today": N_("Price today"),
    "price_now": N_("{price} now"),
    "prices": N_("Price over time"),
    "prices_kind": N_("Which guns"),
    "prices_none": N_("There is no price history here: this station has never told a price."),
    "prices_empty": N_("No price seen in this time yet."),
    "prices_line": N_("price per kWh"),
    "prices_band": N_("usual at this hour"),
    "prices_mean": N_("mean of the day, lowest to highest"),
    "prices_usual": N_("usual"),
    "prices_ahead": N_("by the tariff"),
    "prices_now": N_("now"),
    "prices_lowest": N_("lowest {price}"),
    "guns": N_("Guns"),
    "guns_more": N_("{n} more guns"),
    "gun": N_("Gun {label}"),
    "guide": N_("How to find it"),
    "phone": N_("Phone"),
    "price_text": N_("The operator says"),
    "open_in": N_("Open in {map}"),
    "other_maps": N_("Other maps"),
    "share": N_("Share"),
    "copied": N_("Link copied"),
    "source": N_("Source: {names}"),
    "safety": N_("How your money is safe"),
    "missing": N_("There is nothing at this address."),
    "noscript": N_("Without JavaScript you get the list and every station, without map and filters."),
    "unit_m": N_("{n} m"),
    "unit_km": N_("{n} km"),
}
_TABLES: dict[str, Mapping[Any, str]] = {
    "mode": phrases.MODES,
    "sort": phrases.SORTS,
    "plug": phrases.PLUGS,
    "facility": phrases.FACILITIES,
    "status": phrases.STATUSES,
}


@cache
def page_strings() -> dict[str, dict[str, str]]:
    """Every sentence of the page in each of our languages; the page switches without asking again."""
    spoken = {}
    for language in LANGUAGES:
        say = wording(language)
        texts = {key: say(message) for key, message in _SENTENCES.items()}
        texts |= {key: say(message) for key, message in WISHES.items()}
        texts |= {f"span.{days}": say(message) for days, message in prices.SPANS.items()}
        for name, table in _TABLES.items():
            texts |= {f"{name}.{one.value}": say(message) for one, message in table.items()}
        spoken[language] = texts
    return spoken
