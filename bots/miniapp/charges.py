"""Charges over HTTP: what one would cost, its start and its end, those of the past, and their receipts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from bots import history, money, receipt
from bots.miniapp import models, ongoing
from bots.miniapp import money_models as shapes
from bots.miniapp import money_shapes as show
from bots.miniapp.answers import json_answer, spoken
from bots.miniapp.auth import BEARER, PREFIX, current_user
from bots.miniapp.idempotent import idempotent, request_key
from bots.miniapp.shapes import money as amount
from bots.miniapp.wallet import money_of
from bots.wording import N_
from core.errors import UserError
from core.money import Money
from core.scan import Promised
from core.services import Services
from core.services.charging.means import WALLET
from core.session import ChargingSession
from core.station import ConnectorRef
from core.user import User

CHARGES = Tag(name="charges", description="A quote, the yes to it, and what became of it")

_THANKS = N_("Thank you. It helps the next driver.")
_THANKS_FOR_THE_PRICE = N_("Thank you. One of us looks at the price.")
_A_FILE: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}


def blueprint(services: Services) -> APIBlueprint:
    """The routes of /quotes and /sessions."""
    api = APIBlueprint(
        "charges",
        __name__,
        url_prefix=PREFIX,
        abp_tags=[CHARGES],
        abp_security=BEARER,
        abp_responses=dict.fromkeys((400, 401, 402, 403, 404, 409, 429, 503), models.Error),
    )

    def asking() -> User:
        user = current_user(services)
        services.limiter.hit("api", user.id)
        return user

    def own(user: User, session_id: str) -> ChargingSession:
        with services.database.read() as unit:
            people = unit.people.same_person(user.id)
        return services.charging.session(people, session_id)

    def one_charge(user: User, one: ChargingSession) -> dict[str, Any]:
        (doc,) = ongoing.charges(services, user, [one], spoken())
        return doc

    @api.post("/quotes", operation_id="quote", responses={200: shapes.QuoteAnswer})
    def quote(body: shapes.QuoteBody) -> Response:
        """What a charge at this gun costs, frozen for five minutes, and what would be held"""
        user = asking()
        ref = ConnectorRef(body.gun.operator_id, body.gun.id)
        frozen = services.charging.quote(user.id, ref, body.kwh, station_id=body.station_id or "")
        missing = _missing(services, user, frozen.hold)
        return json_answer(show.quote(frozen) | {"missing": amount(missing) if missing else None})

    @api.post("/sessions", operation_id="start", responses={200: shapes.Session})
    @idempotent(services, "start")
    def start(header: shapes.WishHeader, body: shapes.SessionBody) -> Response:
        """Say yes to a quote: its hold is held, and the start is sent"""
        user = asking()
        grow_to = money_of(body.grow_to) if body.grow_to else None
        begun = services.charging.start(user.id, body.quote_id, _yes(body), payment=body.payment, grow_to=grow_to)
        return json_answer(one_charge(user, begun))

    @api.get("/sessions", operation_id="sessions", responses={200: shapes.SessionList})
    def sessions(query: shapes.SessionsQuery) -> Response:
        """The charges of the person, newest first"""
        user = asking()
        wanted = query.wanted(money.zone(user))
        found = services.charging.history(user.id, _moment(query.before), query.limit, wanted)
        following = found[-1].created_at.isoformat() if len(found) == query.limit else None
        return json_answer({"sessions": ongoing.charges(services, user, found, spoken()), "next": following})

    @api.get("/sessions.csv", operation_id="sessions_csv", responses={200: _A_FILE})
    def sessions_csv(query: shapes.HistoryQuery) -> Response:
        """The same charges as one file for a spreadsheet, with what each of them cost"""
        user, say = asking(), spoken()
        services.limiter.hit("export", user.id)
        zone = money.zone(user)
        found = history.receipts(services, user.id, query.wanted(zone))
        rows = (row.encode() for row in history.csv_rows(say, found, zone))
        name = history.file_name(services.clock.now())
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(rows, headers=headers, content_type="text/csv; charset=utf-8")

    @api.get("/sessions/<session_id>", operation_id="session", responses={200: shapes.Session})
    def session(path: shapes.SessionPath) -> Response:
        """One charge, as it is now"""
        user = asking()
        return json_answer(ongoing.charge_now(services, user, own(user, path.session_id), spoken()))

    @api.post("/sessions/<session_id>/stop", operation_id="stop", responses={200: shapes.Session})
    def stop(path: shapes.SessionPath) -> Response:
        """Ask for the end of a charge; asking twice changes nothing"""
        user = asking()
        return json_answer(one_charge(user, services.charging.stop(user.id, path.session_id)))

    @api.post("/sessions/<session_id>/opinion", operation_id="opinion", responses={200: shapes.OpinionAnswer})
    def opinion(path: shapes.SessionPath, body: shapes.OpinionBody) -> Response:
        """Was it as promised? The last word counts; a price that was not as promised is looked at by one of us"""
        user, say = asking(), spoken()
        services.aftermath.answer(user.id, path.session_id, body.promised, body.words.replace("\x00", ""))
        text = _THANKS_FOR_THE_PRICE if body.promised is Promised.PRICE else _THANKS
        return json_answer({"promised": body.promised.value, "text": say(text)})

    @api.get("/sessions/<session_id>/receipt", operation_id="receipt", responses={200: shapes.Receipt})
    def paper(path: shapes.SessionPath) -> Response:
        """What a charge cost, beside what was quoted, and where the money went"""
        user, say = asking(), spoken()
        one = services.wallet.receipt(user.id, path.session_id)
        sheet = receipt.sheet(say, one, money.zone(user))
        return json_answer(show.paper(one, say, sheet, one_charge(user, one.session)))

    return api


def _yes(body: shapes.SessionBody) -> str:
    """The driver's key of a yes. A quote that the wallet pays for is one charge, whichever chat or key it is said by;
    a promise of another way to pay was made with this request's own key."""
    return f"quote:{body.quote_id}" if body.payment == WALLET else request_key()


def _missing(services: Services, user: User, hold: Money) -> Money | None:
    free = next(
        (one.available for one in services.wallet.wallets(user.id) if one.available.currency == hold.currency),
        Money(0, hold.currency),
    )
    return hold - free if free < hold else None


def _moment(text: str | None) -> datetime | None:
    """A cursor of ours. Raises UserError for anything else."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UserError("bad_page") from None
    if at.tzinfo is None or at.year < 2000:
        raise UserError("bad_page")
    return at
