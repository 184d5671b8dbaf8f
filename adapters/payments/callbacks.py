"""Where payment providers tell us things: the raw body is verified and stored before we say thank you."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from flask import Blueprint, Response, request

from adapters.payments import sandbox, wechatpay
from core.payments import BadNotice

PATHS = {wechatpay.CHANNEL: wechatpay.NOTIFY_PATH, sandbox.CHANNEL: sandbox.NOTIFY_PATH}
MOST_BODY_BYTES = 64 * 1024

log = logging.getLogger(__name__)

Take = Callable[[str, Mapping[str, str], bytes], bool]  # core.services.wallet.notices.PaymentNotices.take


def blueprint(channels: Sequence[str], take: Take, ring: Callable[[str], object]) -> Blueprint:
    """A route for each channel that sends notices. `ring` is told which channel has something new."""
    routes = Blueprint("payments", __name__)
    for channel in channels:
        routes.add_url_rule(PATHS[channel], f"notify_{channel}", _door(channel, take, ring), methods=["POST"])
    return routes


def _door(channel: str, take: Take, ring: Callable[[str], object]) -> Callable[[], Response]:
    def notify() -> Response:
        # The bytes as they came: a body that was read and written again verifies nowhere.
        body = request.stream.read(MOST_BODY_BYTES + 1)
        try:
            if len(body) > MOST_BODY_BYTES:
                raise BadNotice("too long")
            new = take(channel, dict(request.headers), body)
        except BadNotice as bad:
            log.warning("a payment notice was refused", extra={"channel": channel, "reason": str(bad)})
            # One text for all of it: whoever tries things learns nothing.
            return _answer(401, '{"code": "FAIL", "message": "refused"}')
        except Exception:
            # The store is away, most likely. The provider tells us again, and we ask.
            log.exception("a payment notice could not be stored")
            return _answer(503, '{"code": "FAIL", "message": "try again"}')
        if new:
            ring(channel)
        return Response(status=204)

    return notify


def _answer(status: int, text: str) -> Response:
    return Response(text, status, content_type="application/json")
