"""One's own watches as a page. Its data comes from the API of this house."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bots.miniapp.money_page import show_page
from bots.miniapp.watch_strings import watch_strings
from core.services import Services


def blueprint(services: Services) -> Blueprint:
    """/watches. `then=` names a station to go on to after logging in, `link=1` asks for a code to link a chat."""
    page = Blueprint("watch_page", __name__, template_folder="templates")

    @page.get("/watches")
    def show_watches() -> Response:
        query = request.query_string.decode("ascii", "ignore")
        path = f"/watches?{query}" if query else "/watches"
        return show_page("watches.html", services, "watches", path, watch_strings())

    return page
