"""Scan to charge as a page, and the charges of the past. Their data comes from the API of this house."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bots.miniapp.charge_strings import charge_strings
from bots.miniapp.money_page import show_page
from core.services import Services


def blueprint(services: Services) -> Blueprint:
    """/charge, which begins with a scan and ends with a bill, and /charges."""
    page = Blueprint("charge", __name__, template_folder="templates")

    @page.get("/charge")
    def show_charge() -> Response:
        return show_page("charge.html", services, "charge", _here(), charge_strings())

    @page.get("/charges")
    def show_charges() -> Response:
        return show_page("charges.html", services, "charges", _here(), charge_strings())

    return page


def _here() -> str:
    """Where a login leads back to."""
    query = request.query_string.decode("ascii", "ignore")
    return f"{request.path}?{query}" if query else request.path
