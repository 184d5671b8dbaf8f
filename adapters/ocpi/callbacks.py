"""Our OCPI server: a Flask blueprint under /ocpi. Whatever comes, the answer is in OCPI's envelope.

Tokens are checked first. The token of an invitation, and that of an open registration, are good for versions and
credentials alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from adapters.ocpi import credentials, receivers, senders
from adapters.ocpi.calls import Answer, Call
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import CLIENT_ERROR, INVALID, OK, SERVER_ERROR, dumps, sealed
from adapters.ocpi.house import PREFIX, House
from adapters.ocpi.location_book import LocationBook
from adapters.ocpi.partners import Known
from adapters.ocpi.shapes import PushRefused
from adapters.ocpi.versions import SERVED, VERSIONS, Rules
from core.ports import PartnerState, SupplierDesk

# A location of 200 EVSEs has about 150 kB; a record of a long session less.
MOST_BODY_BYTES = 1024 * 1024
_METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]
_WAYS_BACK = (
    ("OCPI-to-country-code", "OCPI-from-country-code"),
    ("OCPI-from-country-code", "OCPI-to-country-code"),
    ("OCPI-to-party-id", "OCPI-from-party-id"),
    ("OCPI-from-party-id", "OCPI-to-party-id"),
)
_BEFORE_REGISTERING = frozenset(("", "versions", "credentials"))

Handler = Callable[[Call], Answer]

HANDLERS: dict[str, dict[str, Handler]] = {
    "credentials": {
        "GET": credentials.get_credentials,
        "POST": credentials.post_credentials,
        "PUT": credentials.put_credentials,
        "DELETE": credentials.delete_credentials,
    },
    "locations": {
        "GET": receivers.get_location,
        "PUT": receivers.put_location,
        "PATCH": receivers.patch_location,
    },
    "tariffs": {
        "GET": receivers.get_tariff,
        "PUT": receivers.put_tariff,
        "PATCH": receivers.patch_tariff,
        "DELETE": receivers.delete_tariff,
    },
    "sessions": {
        "GET": receivers.get_session,
        "PUT": receivers.put_session,
        "PATCH": receivers.patch_session,
    },
    "cdrs": {"GET": receivers.get_record, "POST": receivers.post_record},
    "tokens": {"GET": senders.get_tokens, "POST": senders.authorize},
    "commands": {"POST": senders.command_result},
}

log = logging.getLogger(__name__)


def blueprint(configs: Sequence[OcpiConfig], house: House, desk: SupplierDesk) -> Blueprint:
    """The callbacks of these partners."""
    server = _Server({one.supplier_id: one for one in configs}, house, desk)
    routes = Blueprint("ocpi", __name__, url_prefix=PREFIX)
    for rule in ("/", "/<path:path>"):
        routes.add_url_rule(rule, "call", server.view, methods=_METHODS, strict_slashes=False, merge_slashes=False)

    @routes.errorhandler(HTTPException)
    def odd(error: HTTPException) -> Response:
        # For instance a body that the application around us finds too long.
        return server.respond(Answer(None, CLIENT_ERROR, error.name, error.code or 400))

    @routes.before_app_request
    def unknown_method() -> Response | None:
        """Routing refuses what is not in _METHODS before any view is asked."""
        at_ours = request.path == PREFIX or request.path.startswith(PREFIX + "/")
        if at_ours and request.routing_exception is not None and request.method != "OPTIONS":
            return server.respond(Answer(None, CLIENT_ERROR, "no such method", 405))
        return None

    return routes


class _Server:
    def __init__(self, configs: dict[str, OcpiConfig], house: House, desk: SupplierDesk) -> None:
        self.configs, self.house, self.desk = configs, house, desk
        self.book = LocationBook(house.database, desk, house.clock)

    def view(self, path: str = "") -> Response:
        try:
            return self.respond(self.answer(path))
        except PushRefused as refusal:
            return self.respond(Answer(None, refusal.code, refusal.message, refusal.http_status))
        except RequestEntityTooLarge:
            return self.respond(Answer(None, CLIENT_ERROR, "the body is too long", 413))
        except Exception:
            log.exception("an OCPI call failed")
            return self.respond(Answer(None, SERVER_ERROR, "we could not do that", 500))

    def answer(self, path: str) -> Answer:
        parts = [one for one in path.split("/") if one] or [""]
        # Who pushes is not looked up each time; what is about tokens always is.
        is_push = parts[1:2] not in ([], ["credentials"])
        look_up = self.house.partners.recent_caller if is_push else self.house.partners.caller
        found = look_up(request.headers.get("Authorization"))
        if found is None or found[0].supplier_id not in self.configs:
            return Answer(None, CLIENT_ERROR, "unknown token", 401, {"WWW-Authenticate": "Token"})
        known, token = found
        if parts == ["versions"]:
            return self._versions(known)
        rules, module, rest = VERSIONS.get(parts[0]), "/".join(parts[1:2]), tuple(parts[2:])
        if rules is None:
            raise PushRefused("no such path", CLIENT_ERROR, 404)
        if known.state is not PartnerState.REGISTERED and module not in _BEFORE_REGISTERING:
            return Answer(None, CLIENT_ERROR, "register first", 401)
        if not module:
            return self._details(known, rules)
        return self._handler(module, rules)(self._call(known, token, rules, module, rest))

    def _versions(self, known: Known) -> Answer:
        self._only_get()
        return Answer([{"version": one, "url": self.house.address(known.connection, one)} for one in VERSIONS])

    def _details(self, known: Known, rules: Rules) -> Answer:
        self._only_get()
        endpoints = []
        for module, role in SERVED.items():
            url = self.house.address(known.connection, rules.number, module)
            # Some partners append ids without a slash; a double one from those who add it does no harm here.
            one = {"identifier": module, "url": url if module in ("credentials", "cdrs") else f"{url}/"}
            endpoints.append({**one, "role": role} if rules.has_roles else one)
        return Answer({"version": rules.number, "endpoints": endpoints})

    def _handler(self, module: str, rules: Rules) -> Handler:
        methods = HANDLERS.get(module)
        if methods is None:
            raise PushRefused("no such module", CLIENT_ERROR, 404)
        handler = methods.get(request.method)
        if handler is None or (handler is receivers.patch_tariff and not rules.patches_tariffs):
            raise PushRefused(f"{module} has no {request.method}", CLIENT_ERROR, 405)
        return handler

    def _call(self, known: Known, token: str, rules: Rules, module: str, rest: tuple[str, ...]) -> Call:
        if (request.content_length or 0) > MOST_BODY_BYTES:
            raise RequestEntityTooLarge
        body = request.stream.read(MOST_BODY_BYTES + 1)
        if len(body) > MOST_BODY_BYTES:
            raise RequestEntityTooLarge
        return Call(
            house=self.house,
            desk=self.desk,
            book=self.book,
            config=self.configs[known.supplier_id],
            known=known,
            token=token,
            rules=rules,
            method=request.method,
            module=module,
            parts=rest,
            query=request.args.to_dict(),
            body=body,
        )

    def _only_get(self) -> None:
        if request.method != "GET":
            raise PushRefused(f"no {request.method} here", CLIENT_ERROR, 405)

    def respond(self, answer: Answer) -> Response:
        code = answer.code if answer.code != OK or answer.http_status < 400 else INVALID
        document: dict[str, Any] = sealed(answer.data, self.house.clock.now(), code, answer.message)
        reply = Response(dumps(document), answer.http_status, content_type="application/json")
        reply.headers.update(answer.headers)
        for name in ("X-Request-ID", "X-Correlation-ID"):
            if given := request.headers.get(name):
                reply.headers[name] = given[:100]
        _swap_routing(reply)
        return reply


def _swap_routing(reply: Response) -> None:
    """An answer goes back the way the call came."""
    for theirs, ours in _WAYS_BACK:
        if given := request.headers.get(theirs):
            reply.headers[ours] = given[:10]
