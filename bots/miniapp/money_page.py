"""The wallet as a page, and a receipt as a sheet that prints well. Their data comes from the API of this house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request

from bots import money, receipt
from bots.miniapp.answers import spoken
from bots.miniapp.assets import assets
from bots.miniapp.auth import current_user, login_link
from bots.miniapp.wallet_strings import wallet_strings
from bots.wording import phrases
from core.errors import NotLoggedIn, UserError
from core.services import Services
from core.user import LANGUAGES

_ID_MAX = 64


def blueprint(services: Services) -> Blueprint:
    """/wallet and /receipts/<session id>."""
    page = Blueprint("money", __name__, template_folder="templates")

    @page.get("/wallet")
    def show_wallet() -> Response:
        query = request.query_string.decode("ascii", "ignore")
        return show_page(
            "wallet.html", services, "wallet", f"/wallet?{query}" if query else "/wallet", wallet_strings()
        )

    @page.get("/receipts/<session_id>")
    def show_receipt(session_id: str) -> Response:
        services.limiter.hit("api", request.remote_addr or "unknown")
        path, say = f"/receipts/{session_id}", spoken()
        try:
            user = current_user(services)
            if not session_id.isascii() or not session_id.isprintable() or len(session_id) > _ID_MAX:
                raise UserError("no_such_session")
            one = services.wallet.receipt(user.id, session_id)
        except NotLoggedIn:
            return show_page("receipt.html", services, "receipt", path, wallet_strings(), status=401, logged_out=True)
        except UserError as problem:
            error = phrases.error(say, problem)
            status = max(problem.status, 404)
            return show_page("receipt.html", services, "receipt", path, wallet_strings(), status=status, error=error)
        sheet = receipt.sheet(say, one, money.zone(user))
        return show_page("receipt.html", services, "receipt", path, wallet_strings(), sheet=sheet)

    return page


def show_page(
    template: str,
    services: Services,
    name: str,
    path: str,
    sentences: Mapping[str, dict[str, str]],
    *,
    status: int = 200,
    logged_out: bool = False,
    **shown: Any,
) -> Response:
    """A page about the person. `path` is where a login leads back to, `sentences` are those of each language."""
    say, doors = spoken(), services.login.doors
    strings = sentences[say.language]
    start = {
        "page": name,
        "lang": say.language,
        "strings": {say.language: strings},
        "doors": {
            "local": doors.local,
            "telegram": doors.telegram is not None,
            "wechat": login_link(path) if doors.page is not None else None,
        },
        "logged_out": logged_out,
        "chips": {code: [{"major": one} for one in row] for code, row in money.CHIPS.items()},
    }
    text = render_template(
        template,
        lang=say.language,
        other=next(code for code in LANGUAGES if code != say.language),
        path=path,
        t=strings,
        start=start,
        assets=assets(),
        **shown,
    )
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}
    return Response(text, status, headers=headers, mimetype="text/html")
