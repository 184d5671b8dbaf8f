"""POST /telegram: Telegram's updates, stored and thanked for. Worked off by the telegram process."""

from __future__ import annotations

import hmac
import json
import logging

from flask import Blueprint, request

from bots.telegram.updates import take_in
from core.services.inbox import Inbox

MOST_BYTES = 1_000_000
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name

log = logging.getLogger(__name__)


def telegram_webhook(inbox: Inbox, secret: str) -> Blueprint:
    """The blueprint. Without a secret anybody could speak for Telegram, so there is none without one."""
    if not secret:
        raise ValueError("the webhook needs a secret")
    blueprint = Blueprint("telegram", __name__)

    @blueprint.post("/telegram")
    def receive() -> tuple[str, int]:
        # Bytes: compare_digest refuses text outside ASCII, and a forger's header must be a 403, not a 500.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, secret.encode()):
            return "", 403
        request.max_content_length = MOST_BYTES  # get_data answers 413 beyond
        try:
            update = json.loads(request.get_data(cache=False))
            new = take_in(inbox, update)
        except (ValueError, RecursionError):
            log.warning("a webhook call was no update")
            return "", 400
        if not new:
            log.info("an update came again", extra={"update_id": update["update_id"]})
        return "", 200

    return blueprint
