"""The person over HTTP: profile, everything we keep, and an end to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from bots.miniapp import models
from bots.miniapp import people_models as shapes
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.auth import BEARER, PREFIX, current_login, current_user, without_cookies
from bots.miniapp.shapes import moment, plain
from core.errors import UserError
from core.services import Services
from core.services.accounts import check_time_zone
from core.user import Car, ConsentPurpose, QuietHours, User

ME = Tag(name="me", description="What we know of the person, and what they make of it")
USABLE_SHARE = Decimal("0.8")


class Delete(BaseModel):
    confirm: str = Field(default="", description="`delete`")


def blueprint(services: Services) -> APIBlueprint:
    """The routes under /me."""
    api = APIBlueprint(
        "me",
        __name__,
        url_prefix=PREFIX,
        abp_tags=[ME],
        abp_security=BEARER,
        abp_responses=dict.fromkeys((400, 401, 403, 409, 429, 503), models.Error),
    )

    @api.get("/me", operation_id="me", responses={200: shapes.Me})
    def me() -> Response:
        """Who I am to you"""
        return json_answer(profile(services, current_user(services)))

    @api.patch("/me", operation_id="change_me", responses={200: shapes.Me})
    def change_me(body: shapes.MeBody) -> Response:
        """Change the profile"""
        user = current_user(services)
        services.limiter.hit("api", user.id)
        return json_answer(profile(services, changed(services, user, body)))

    @api.get("/me/export", operation_id="export", responses={200: shapes.Export})
    def export() -> Response:
        """Everything you keep about me"""
        user = current_user(services)
        services.limiter.hit("export", user.id)
        return _file(services.privacy.export(user.id))

    @api.delete("/me", operation_id="delete_me", responses={200: shapes.Deleted})
    def delete_me(query: Delete) -> Response:
        """Delete the account; refused while money, a charge or a refund is open"""
        login = current_login(services)
        if query.confirm != "delete":
            raise UserError("confirm_first")
        gone = services.privacy.delete(login.user.id)
        doc = {"deleted": True, "proved": gone.proved, "names_looked_for": gone.names}
        return without_cookies(json_answer(doc))

    return api


def download_page(services: Services) -> Blueprint:
    """What a chat links to when somebody asks for everything we keep."""
    page = Blueprint("download", __name__, template_folder="templates")

    @page.route("/download/<ticket>", methods=["GET", "POST"])
    def download(ticket: str) -> Response:
        """A link that was sent to a chat. It is used up by the button: apps open links to show what is behind."""
        services.limiter.hit("login", address())
        if request.method == "POST":
            return _file(services.privacy.export(services.login.redeem(ticket).id), shown=True)
        say = spoken()
        text = render_template(
            "download.html",
            lang=say.language,
            title=say("Everything Kilowatch keeps about you"),
            hint=say("This link works once, within ten minutes."),
            label=say("Show it"),
        )
        return Response(text, headers={"Cache-Control": "no-store"}, mimetype="text/html")

    return page


def profile(services: Services, user: User) -> dict[str, Any]:
    """The person as JSON."""
    with services.database.read() as unit:
        identities = unit.people.identities(user.id)
        cars = unit.people.cars(user.id)
        keeps = unit.users.has_consent(user.id, ConsentPurpose.POSITION_HISTORY)
    quiet = user.quiet and {"from": f"{user.quiet.start:%H:%M}", "to": f"{user.quiet.end:%H:%M}"}
    return {
        "id": user.id,
        "language": user.language,
        "kwh": plain(user.energy_kwh),
        "mode": user.mode.value,
        "time_zone": user.time_zone,
        "quiet": quiet,
        "stopped": user.stopped,
        "keep_searches": keeps,
        "cars": [_car(one) for one in cars],
        "channels": sorted({one.channel.value for one in identities}),
        "created_at": moment(user.created_at),
    }


def _car(car: Car) -> dict[str, Any]:
    return {
        "id": car.id,
        "name": car.name,
        "plug": car.plug.value,
        "battery_kwh": plain(car.battery_kwh),
        "usable_kwh": plain(car.usable_kwh),
        "usual": car.usual,
    }


def changed(services: Services, user: User, body: shapes.MeBody) -> User:
    """The person after the change. Raises UserError before anything is changed."""
    said = body.model_fields_set
    wanted: dict[str, Any] = {}
    if body.language is not None:
        wanted["language"] = body.language
    if body.kwh is not None:
        wanted["energy_kwh"] = body.kwh
    if body.mode is not None:
        wanted["mode"] = body.mode
    if body.time_zone is not None:
        wanted["time_zone"] = check_time_zone(body.time_zone)
    if body.stopped is not None:
        wanted["stopped"] = body.stopped
    if "quiet" in said:
        quiet = body.quiet
        wanted["quiet"] = quiet and QuietHours(time.fromisoformat(quiet.start), time.fromisoformat(quiet.to))
    if body.cars is not None:
        services.accounts.keep_cars(user.id, [_read_car(one) for one in body.cars])
    if body.keep_searches is not None:
        services.accounts.consent(user.id, ConsentPurpose.POSITION_HISTORY, granted=body.keep_searches)
    return services.accounts.change(user.id, lambda one: replace(one, **wanted)) if wanted else user


def _read_car(car: shapes.CarBody) -> Car:
    usable = car.usable_kwh if car.usable_kwh is not None else car.battery_kwh * USABLE_SHARE
    return Car(car.id or "", car.name, car.plug, car.battery_kwh, usable, usual=car.usual)


def _file(doc: dict[str, Any], *, shown: bool = False) -> Response:
    """The export. WeChat's browser cannot save files, so what a chat links to is shown."""
    answer = json_answer(doc)
    if not shown:
        answer.headers["Content-Disposition"] = 'attachment; filename="kilowatch-export.json"'
    return answer
