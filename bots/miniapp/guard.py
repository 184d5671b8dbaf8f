"""Around every request: limits, security headers, a log line without positions, and a sentence for every mistake."""

from __future__ import annotations

import logging
import secrets
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from bots.miniapp import page
from bots.miniapp.answers import error_doc, json_answer, refused, spoken
from bots.miniapp.strings import page_strings
from bots.miniapp.tiles import Tiles
from bots.miniapp.uploads import MOST_PHOTO_BYTES
from bots.wording import phrases
from core.errors import UserError

MOST_BODY_BYTES = 2 * 1024 * 1024
# Where a picture is taken, by the endpoint. A form around it needs some room of its own.
PHOTO_BODY_BYTES = MOST_PHOTO_BYTES + 64 * 1024
_MOST_BYTES = {"guns.resolve": PHOTO_BODY_BYTES, "guns.report": PHOTO_BODY_BYTES}
# Telegram Web shows a Mini App in a frame; the apps of Telegram and WeChat use a browser of their own.
_FRAMED_BY = "'self' https://web.telegram.org https://*.telegram.org"

log = logging.getLogger("web")


def protect(app: Flask, tiles: Tiles | None) -> None:
    """Refuse what is too large and answer every failure in our shape."""
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES

    @app.before_request
    def refuse_large() -> None:
        # Most views never read a body; without this a large one would be answered as if it were welcome.
        most = request.max_content_length = _MOST_BYTES.get(request.endpoint or "", MOST_BODY_BYTES)
        if (request.content_length or 0) > most:
            raise RequestEntityTooLarge

    @app.errorhandler(UserError)
    def mistake(problem: UserError) -> Response:
        return refused(problem)

    @app.errorhandler(HTTPException)
    def odd(error: HTTPException) -> Response:
        status = error.code or 500
        if status == 404 and not request.path.startswith("/api/") and _shows_pages():
            return page.missing_page(tiles)
        say = spoken()
        if status == 413:
            return refused(_TooLarge("body_too_large"))
        if status in (404, 405):
            code = "not_found" if status == 404 else "method_not_allowed"
            answer = json_answer(error_doc(code, page_strings()[say.language]["missing"]), status)
            if status == 405 and (allowed := dict(error.get_headers()).get("Allow")):
                answer.headers["Allow"] = allowed
            return answer
        problem = UserError("bad_request")
        return json_answer(error_doc(problem.code, phrases.error(say, problem)), status)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        log.error("a request failed", exc_info=error, extra={"request_id": g.request_id, "route": _route()})
        return json_answer(error_doc("unknown", phrases.trouble(spoken())), 500)

    @app.after_request
    def headers(answer: Response) -> Response:
        answer.headers.setdefault("Content-Security-Policy", content_policy(tiles))
        answer.headers["X-Content-Type-Options"] = "nosniff"
        # Positions stand in our addresses: no other site may learn them by a link or a picture.
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Permissions-Policy"] = "geolocation=(self), camera=(self), microphone=()"
        return answer


class _TooLarge(UserError):
    status = 413


def content_policy(tiles: Tiles | None) -> str:
    """Everything from ourselves, nothing inline; pictures also from the map."""
    pictures = f"'self' data: {tiles.origin}" if tiles else "'self' data:"
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": pictures,
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": _FRAMED_BY,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def observe(app: Flask, registry: CollectorRegistry) -> None:
    """One log line and two figures per request; neither holds the query string."""
    requests = Counter("kilowatch_requests", "Requests answered", ("route", "method", "status"), registry=registry)
    seconds = Histogram(
        "kilowatch_request_seconds",
        "Time to answer",
        ("route",),
        registry=registry,
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = secrets.token_hex(8)

    @app.after_request
    def end(answer: Response) -> Response:
        took_s, route = time.perf_counter() - g.started, _route()
        method = request.method if request.method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
        requests.labels(route, method, answer.status_code).inc()
        seconds.labels(route).observe(took_s)
        answer.headers.setdefault("X-Request-Id", g.request_id)  # a partner's own id goes back to it
        log.info(
            "request",
            extra={
                "request_id": g.request_id,
                "method": method,
                "route": route,
                "status": answer.status_code,
                "ms": round(took_s * 1000, 1),
            },
        )
        return answer


def _route() -> str:
    """The pattern of the route, never the address as it came: that may hold anything."""
    return request.url_rule.rule if request.url_rule else "none"


def _shows_pages() -> bool:
    best = request.accept_mimetypes.best_match(("application/json", "text/html"))
    return best == "text/html" and request.method in ("GET", "HEAD")
