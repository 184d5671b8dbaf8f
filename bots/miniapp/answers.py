"""What every answer over HTTP shares: the language asked for, JSON, and mistakes as a sentence."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from flask import Response, request

from bots.miniapp.shapes import TEXT_MAX, clean
from bots.wording import Wording, phrases, wording
from core.errors import TooMany, UserError
from core.user import language_for


def spoken() -> Wording:
    """The language of this request: `lang`, else the first of ours that the browser accepts, else English."""
    if asked := request.args.get("lang"):
        return wording(language_for(asked))
    accepted = (code for code, _ in request.accept_languages if code.lower()[:2] in ("zh", "en"))
    return wording(language_for(next(accepted, "en")))


def address() -> str:
    """Who asks, as far as the network tells."""
    return request.remote_addr or "unknown"


def json_answer(doc: Any, status: int = 200, *, keep: bool = False) -> Response:
    """JSON that nobody keeps, or, with `keep`, that is asked for again only by its ETag."""
    answer = Response(orjson.dumps(doc), status, mimetype="application/json")
    if keep:
        answer.set_etag(hashlib.blake2b(answer.get_data(), digest_size=12).hexdigest(), weak=True)
        answer.headers["Cache-Control"] = "no-cache"
        answer.make_conditional(request)
    else:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def error_doc(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": clean(message, TEXT_MAX)}}


def refused(problem: UserError) -> Response:
    """The answer to a mistake the person can put right."""
    answer = json_answer(error_doc(problem.code, phrases.error(spoken(), problem)), problem.status)
    if isinstance(problem, TooMany):
        answer.headers["Retry-After"] = str(problem.retry_after_s)
    return answer
