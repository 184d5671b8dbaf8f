"""The list page at `/`: a shell that works without a script for a typed place, and the script that does the rest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request

from bots.miniapp.answers import spoken
from bots.miniapp.api import LabelUrl, find_station, find_stations, no_labels
from bots.miniapp.assets import assets
from bots.miniapp.query import MOST_OPERATORS, ChargeQuery, StationsQuery
from bots.miniapp.strings import page_strings
from bots.miniapp.tiles import Tiles
from bots.wording import phrases
from core.errors import UserError
from core.services import Services
from core.user import LANGUAGES
from core.wishes import LEAST_KWH, MOST_KWH

ROWS_AT_ONCE = 10
_LISTS = ("plug", "operator", "facility")


def blueprint(services: Services, tiles: Tiles | None, label_url: LabelUrl = no_labels) -> Blueprint:
    """The page and its assets."""
    page = Blueprint("page", __name__, template_folder="templates")

    @page.get("/")
    def show() -> Response:
        if gun := request.args.get("gun"):  # our own link on a gun, opened by the phone's scanner
            to = "/charge?" + urlencode({"gun": gun, "lang": spoken().language})
            return Response(status=302, headers={"Location": to, "Cache-Control": "no-store"})
        return _show(services, tiles, label_url)

    @page.get("/assets/<name>")
    def asset(name: str) -> Response:
        one = next((one for one in assets().values() if one.name == name), None) or abort(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(one.body, content_type=one.content_type, headers=headers)

    return page


def missing_page(tiles: Tiles | None) -> Response:
    """The page for an address that leads nowhere: it says so and offers the search."""
    return _render(tiles, {}, error=page_strings()[spoken().language]["missing"], status=404)


def _show(services: Services, tiles: Tiles | None, label_url: LabelUrl) -> Response:
    """What the address asks for is already in the first answer; mistakes are a sentence above the search."""
    found: dict[str, Any] = {}
    try:
        values: dict[str, Any] = {name: value for name, value in request.args.items() if name not in _LISTS}
        values |= {name: request.args.getlist(name)[:MOST_OPERATORS] for name in _LISTS}
        values |= {"texts": True, "limit": values.get("limit") or ROWS_AT_ONCE}
        if station_id := request.args.get("station"):
            found["station"] = find_station(services, station_id, ChargeQuery.read(values), label_url)
        elif any(request.args.get(name) for name in ("q", "lat", "lng")):
            found["list"] = find_stations(services, StationsQuery.read(values))
    except UserError as problem:
        return _render(tiles, found, error=phrases.error(spoken(), problem), status=problem.status)
    return _render(tiles, found)


def _render(tiles: Tiles | None, found: dict[str, Any], *, error: str = "", status: int = 200) -> Response:
    say = spoken()
    start = {
        "lang": say.language,
        "strings": page_strings(),
        "rows": ROWS_AT_ONCE,
        "kwh": {"least": int(LEAST_KWH), "most": int(MOST_KWH)},
        **{tool: _fetched_later(tool) for tool in ("prices", "watching")},
        "tiles": tiles and {"url": tiles.url, "datum": tiles.datum.value, "attribution": tiles.attribution},
        "asked": {name: value for name, value in request.args.items() if len(value) < 200},
        **found,
    }
    text = render_template(
        "page.html",
        lang=say.language,
        other=next(code for code in LANGUAGES if code != say.language),
        t=page_strings()[say.language],
        start=start,
        found=found,
        error=error,
        asked=request.args,
        modes=[one.value for one in phrases.MODES],
        sorts=[one.value for one in phrases.SORTS],
        plugs=[one.value for one in phrases.PLUGS][:8],
        facilities=[one.value for one in phrases.FACILITIES],
        assets=assets(),
        more=_more_link(found),
    )
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language"}
    return Response(text, status, headers=headers, mimetype="text/html")


def _fetched_later(tool: str) -> dict[str, str]:
    return {kind: f"/assets/{assets()[f'{tool}_{kind}'].name}" for kind in ("js", "css")}


def _more_link(found: dict[str, Any]) -> str:
    """The next page for a browser without a script."""
    if not found.get("list", {}).get("next"):
        return ""
    kept = [pair for pair in request.args.items(multi=True) if pair[0] != "cursor"]
    return "/?" + urlencode([*kept, ("cursor", found["list"]["next"])])
