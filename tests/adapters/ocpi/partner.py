"""A partner made for tests: a real HTTP server that speaks OCPI, and strays from it where it is told to."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.ocpi import tokens

TOKEN_A = "token-by-letter"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARTY = {"country_code": "BE", "party_id": "BEC"}


def stamp(minutes: float = 0) -> str:
    """So many minutes after noon of the day on which all tests play."""
    return (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def connector(number: int = 1, /, **more: Any) -> dict[str, Any]:
    plug = {"id": str(number), "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC"}
    volts = {"max_voltage": 400, "max_amperage": 250, "tariff_ids": ["NIGHT"], "last_updated": stamp(-60)}
    return plug | volts | more


def evse(uid: str, /, **more: Any) -> dict[str, Any]:
    base = {"uid": uid, "evse_id": f"BE*BEC*E{uid}", "status": "AVAILABLE", "last_updated": stamp(-60)}
    return base | {"connectors": [connector()]} | more


def location(name: str, /, **more: Any) -> dict[str, Any]:
    place = {
        "id": name,
        "publish": True,
        "name": f"Place {name}",
        "address": "1 Korenmarkt",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.054000", "longitude": "3.721000"},
        "evses": [evse(f"{name}-1"), evse(f"{name}-2", status="CHARGING")],
        "time_zone": "Europe/Brussels",
        "last_updated": stamp(-60),
    }
    return PARTY | place | more


def tariff(name: str, price: float, /, **more: Any) -> dict[str, Any]:
    part = {"type": "ENERGY", "price": price, "vat": 21.0, "step_size": 1}
    base = {"id": name, "currency": "EUR", "elements": [{"price_components": [part]}], "last_updated": stamp(-60)}
    return PARTY | base | more


class ScriptedCpo:
    """Answers truly unless told otherwise. `asked` is everything it was asked, as (method, path)."""

    def __init__(self, version: str = "2.2.1") -> None:
        self.version = version
        self.lists: dict[str, list[Any]] = {"locations": [], "tariffs": [], "sessions": [], "cdrs": []}
        self.url = ""
        self.asked: list[tuple[str, str]] = []
        self.posted: list[tuple[str, Any]] = []
        self.tokens = {TOKEN_A}  # that it takes
        self.form: Callable[[str], list[str]] = lambda value: tokens.candidates(value)
        self.partner_credentials: dict[str, Any] = {}
        self.calls_back = True
        self.called_back: list[int] = []
        self.most_rows = 50
        self.link: Callable[[dict[str, str], int], str | None] = self._true_link
        self.counts = True
        self.wraps = False  # single objects in lists
        self.code, self.status = 1000, 200
        self.silent = False
        self.raw_body: bytes | None = None
        self.endpoints_elsewhere: dict[str, str] = {}
        self.command_answer: Any = {"result": "ACCEPTED", "timeout": 30}
        self.before_answer: Callable[[], None] = lambda: None
        self.app = Flask("scripted-cpo")
        self.app.add_url_rule("/<path:path>", "call", self._call, methods=["GET", "PUT", "POST", "PATCH", "DELETE"])

    # --- what it is ------------------------------------------------------------------------------------------

    @property
    def versions_url(self) -> str:
        return f"{self.url}/versions"

    def details(self) -> dict[str, Any]:
        served = [("credentials", "RECEIVER"), ("commands", "RECEIVER"), ("tokens", "RECEIVER")]
        served += [(one, "SENDER") for one in self.lists]
        return {
            "version": self.version,
            "endpoints": [
                {"identifier": module, "url": self.endpoints_elsewhere.get(module, f"{self.url}/{module}")}
                | ({} if self.version == "2.1.1" else {"role": role})
                for module, role in served
            ],
        }

    # --- answering -------------------------------------------------------------------------------------------

    def _call(self, path: str) -> Response:
        self.asked.append((request.method, path))
        if self.silent:
            return Response("", 503)
        given = self.form(request.headers.get("Authorization", ""))
        if not self.tokens & set(given):
            return self._answer(None, 2000, 401)
        head, *rest = path.split("/")
        if head == "versions":
            return self._answer([{"version": self.version, "url": f"{self.url}/details"}])
        if head == "details":
            return self._answer(self.details())
        if head == "credentials":
            return self._credentials()
        self.before_answer()
        if self.raw_body is not None:
            return Response(self.raw_body, self.status, content_type="application/json")
        if head == "commands":
            self.posted.append((path, request.json))
            return self._answer(self._single(self.command_answer), self.code, self.status)
        if head == "tokens":
            self.posted.append((path, request.json))
            return self._answer(None)
        if rest:
            found = [one for one in self.lists[head] if one["id"].upper() == rest[0].upper()]
            return self._answer(self._single(found[0])) if found else self._answer(None, 2003, 404)
        return self._list(self.lists[head])

    def _list(self, things: list[Any]) -> Response:
        since = request.args.get("date_from", "")
        rows = [one for one in things if not since or one["last_updated"] >= since]
        offset, limit = int(request.args.get("offset", 0)), min(int(request.args.get("limit", 50)), self.most_rows)
        answer = self._answer(rows[offset : offset + limit], self.code, self.status)
        if self.counts:
            answer.headers["X-Total-Count"] = str(len(rows))
        if offset + limit < len(rows) and (link := self.link(request.args.to_dict(), offset + limit)) is not None:
            answer.headers["Link"] = link
        return answer

    def _true_link(self, args: dict[str, str], offset: int) -> str:
        return f'<{self.url}{request.path}?{urlencode({**args, "offset": str(offset)})}>; rel="next"'

    def _credentials(self) -> Response:
        if request.method == "DELETE":
            self.tokens.clear()
            return self._answer(None)
        body = request.get_json()
        if self.calls_back:
            self._call_back(body["url"], body["token"])
        self.partner_credentials = body
        new = f"token-c-{len(self.asked)}"
        self.tokens = {new}
        party = {"party_id": "BEC", "country_code": "BE", "business_details": {"name": "Scripted CPO"}}
        theirs = party if self.version == "2.1.1" else {"roles": [{"role": "CPO"} | party]}
        return self._answer({"token": new, "url": self.versions_url} | theirs)

    def _call_back(self, url: str, token: str) -> None:
        headers = {"Authorization": tokens.header(token, encoded=self.version != "2.1.1")}
        versions = requests.get(url, headers=headers, timeout=10)
        details = requests.get(
            next(one["url"] for one in versions.json()["data"] if one["version"] == self.version),
            headers=headers,
            timeout=10,
        )
        self.called_back += [versions.status_code, details.status_code]

    def _single(self, thing: Any) -> Any:
        return [thing] if self.wraps else thing

    def _answer(self, data: Any, code: int = 1000, status: int = 200) -> Response:
        body = {"data": data, "status_code": code, "status_message": "as told", "timestamp": stamp()}
        return Response(json.dumps(body), status, content_type="application/json")


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on a free port of this machine, several requests at once."""

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def changed(thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return copy.deepcopy(thing) | more
