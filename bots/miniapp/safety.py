"""/safety: what we promise about the driver's money, as a page that needs no script."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from bots.miniapp.answers import spoken
from bots.miniapp.assets import assets
from bots.wording import promises
from core.user import LANGUAGES


def blueprint() -> Blueprint:
    page = Blueprint("safety", __name__, template_folder="templates")

    @page.get("/safety")
    def safety() -> Response:
        say = spoken()
        text = render_template(
            "safety.html",
            lang=say.language,
            other=next(code for code in LANGUAGES if code != say.language),
            title=promises.title(say),
            promises=promises.lines(say),
            assets=assets(),
        )
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
        return Response(text, headers=headers, mimetype="text/html")

    return page
