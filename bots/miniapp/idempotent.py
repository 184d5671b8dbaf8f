"""Requests that move money are done once: the same Idempotency-Key again gets the first answer again.

The key is bound to the person, the route and the body before anything is done; the same key with another body is
refused from then on. The service behind makes its own id of the key (`request_key`), or of what can be had only once
(a quote that the wallet pays for), so that a request which was cut off in the middle can be sent again: what it had
done is found, and not done twice. Only successes are kept. After a refusal nothing has happened, and the same key may
be tried again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import orjson
from flask import Response, request

from bots.miniapp.auth import current_user
from core.errors import Conflict, UserError
from core.ports import SavedAnswer
from core.services import Services

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{8,128}")

View = Callable[..., Response]


def request_key() -> str:
    """The key of this request, for the service that does it. Raises UserError where there is none."""
    key = request.headers.get(HEADER, "")
    if not _KEY.fullmatch(key):
        raise UserError("idempotency_key_missing")
    return key


def idempotent(services: Services, route: str) -> Callable[[View], View]:
    """For a view that moves money; it stands nearest to the function. `route` names it for good."""

    def around(view: View) -> View:
        @wraps(view)
        def once(*args: Any, **kwargs: Any) -> Response:
            user, key, wanted = current_user(services), request_key(), _hash_of_request()
            kept = _begin(services, user.id, route, key, wanted)
            if kept.request_hash != wanted:
                raise Conflict("idempotency_conflict")
            if kept.status:
                return _again(kept)
            answer = view(*args, **kwargs)
            if answer.status_code >= 300:
                return answer
            given = SavedAnswer(wanted, answer.status_code, answer.get_data(as_text=True))
            with services.database.write() as unit:
                if not unit.idempotency.answer(user.id, route, key, given):
                    # The same request at the same moment: both did the same one thing, the first answer counts.
                    first = unit.idempotency.get(user.id, route, key)
                    return _again(first) if first is not None else answer
            return answer

        return once

    return around


def _begin(services: Services, user_id: str, route: str, key: str, wanted: str) -> SavedAnswer:
    """What stands under the key; from now on at least this request."""
    working = SavedAnswer(wanted, 0, "")
    with services.database.write() as unit:
        if unit.idempotency.keep(user_id, route, key, working, services.clock.now()):
            return working
        return unit.idempotency.get(user_id, route, key) or working


def _hash_of_request() -> str:
    """The same for bodies that say the same in JSON, however they are spaced and ordered."""
    body = request.get_data(cache=True)
    with suppress(orjson.JSONDecodeError):  # then the bytes themselves count
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    what = b"\x00".join((request.method.encode(), request.full_path.encode(), body))
    return hashlib.sha256(what).hexdigest()


def _again(kept: SavedAnswer) -> Response:
    answer = Response(kept.body, kept.status, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers[REPLAYED] = "true"
    return answer
