"""The sandbox's one OCPI customer: its registration, and what is pushed to it when charges and guns change."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from adapters.cec import json_text
from adapters.sandbox import ocpi_objects
from adapters.sandbox.charge import Stage
from adapters.sandbox.ocpi_objects import COUNTRY, PARTY, Object
from adapters.sandbox.operator import Operator
from adapters.sandbox.queue import BILL, GUN_STATUS, PRICE, Delivery

Message = Mapping[str, Any]
Push = tuple[str, str, str, Any]  # method, address, token, body
PREFIX = "ocpi:"  # before the number of a charge that was asked for over OCPI
VERSION = "2.2.1"
_TIMEOUT_S = 10.0
_MOST_BYTES = 1024 * 1024


class CannotCallBack(Exception):
    """The customer's own endpoints do not answer as they should: 3001."""


class Registration:
    """Kept in the books, so that a restart does not end it."""

    def __init__(self, operator: Operator) -> None:
        self._books = operator.books
        self._http = requests.Session()
        self._http.trust_env = False

    def read(self) -> Object | None:
        return self._books.kept("customer", "")

    def forget(self) -> None:
        self._books.drop("customer", "")

    def register(self, credentials: Message) -> str:
        """Call the customer back, remember it, and return the token it shall use. Raises CannotCallBack."""
        token, url = credentials.get("token"), credentials.get("url")
        if not isinstance(token, str) or not isinstance(url, str) or not token or not url:
            raise CannotCallBack("token and url are needed")
        versions = self.call("GET", url, token)
        mine = [one["url"] for one in versions if isinstance(one, dict) and one.get("version") == VERSION]
        if not mine:
            raise CannotCallBack(f"{VERSION} is not among the versions")
        endpoints = self.call("GET", mine[0], token).get("endpoints", [])
        ours = secrets.token_urlsafe(32)
        document = {
            "their_token": token,
            "our_token": ours,
            "endpoints": {f"{one['identifier']} {one.get('role', '')}": one["url"] for one in endpoints},
        }
        self._books.keep("customer", "", document, datetime.now(UTC))
        return ours

    def endpoint(self, module: str) -> tuple[str, str] | None:
        """The customer's receiver of a module, and the token for it."""
        customer = self.read()
        url = customer["endpoints"].get(f"{module} RECEIVER") if customer else None
        return (url.rstrip("/"), customer["their_token"]) if customer and url else None

    def call(self, method: str, url: str, token: str, body: Any = None) -> Any:
        """The data of the answer. Raises CannotCallBack; only this machine is called."""
        try:
            if not ip_address(urlsplit(url).hostname or "").is_loopback:
                raise CannotCallBack("the sandbox calls this machine only")
            headers = {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}
            data = None if body is None else json_text.write(body).encode()
            if data is not None:
                headers["Content-Type"] = "application/json"
            reply = self._http.request(
                method, url, data=data, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False
            )
            answer = json_text.read(reply.content[:_MOST_BYTES])
        except (requests.RequestException, ValueError) as error:
            raise CannotCallBack(type(error).__name__) from None
        if not reply.ok or not isinstance(answer, dict) or not 1000 <= int(answer.get("status_code", 0)) < 2000:
            raise CannotCallBack(f"HTTP {reply.status_code}")
        return answer.get("data")


class OcpiCourier:
    """Turns what happens at the guns into OCPI pushes."""

    def __init__(self, operator: Operator, registration: Registration) -> None:
        self._operator, self._registration = operator, registration

    def deliver(self, interface: str, message: Message, times: int) -> Delivery:
        if self._registration.read() is None:
            return Delivery("nowhere")
        try:
            for method, url, token, body in self._pushes(interface, message):
                for _ in range(times):
                    self._registration.call(method, url, token, body)
        except CannotCallBack as failure:
            return Delivery(str(failure), again=True)
        return Delivery("OK")

    def _pushes(self, interface: str, message: Message) -> Iterator[Push]:
        """One after the other: each is made, and dated, when the one before has been taken."""
        if interface == GUN_STATUS:
            yield from self._gun(message["ConnectorStatusInfo"]["ConnectorID"])
            return
        if interface == PRICE:
            yield from self._tariffs(message["StationID"])
            return
        key = str(message["StartChargeSeq"])
        start = self._operator.books.kept("start", key) or {}
        if interface == "ocpi_result":
            yield from self._result(message["ResponseUrl"], message["Result"])
        elif interface == BILL:
            yield from self._bill(key, message)
        elif interface == "notification_start_charge_result":
            failed = message["StartChargeSeqStat"] == Stage.ENDED
            yield from self._result(start.get("response_url"), "FAILED" if failed else "ACCEPTED")
            yield from self._session(key)
        elif interface == "notification_stop_charge_result":
            yield from self._result(start.get("stop_response_url"), "ACCEPTED")
            yield from self._session(key)
        else:
            yield from self._session(key)

    def _gun(self, gun_id: str) -> Iterator[Push]:
        there = self._registration.endpoint("locations")
        if there is not None:
            place, gun = self._operator.city.gun_of[gun_id]
            evse = ocpi_objects.evse(self._operator, place, gun)
            url = f"{there[0]}/{COUNTRY}/{PARTY}/{quote(place.id)}/{quote(gun.id)}"
            yield "PATCH", url, there[1], {name: evse[name] for name in ("status", "last_updated")}

    def _tariffs(self, station_id: str) -> Iterator[Push]:
        there = self._registration.endpoint("tariffs")
        if there is not None:
            for tariff in ocpi_objects.tariffs(self._operator, self._operator.city.place_of[station_id]):
                yield "PUT", f"{there[0]}/{COUNTRY}/{PARTY}/{quote(tariff['id'])}", there[1], tariff

    def _result(self, response_url: Any, result: str) -> Iterator[Push]:
        customer = self._registration.read()
        if customer is not None and isinstance(response_url, str):
            yield "POST", response_url, customer["their_token"], {"result": result}

    def _session(self, key: str) -> Iterator[Push]:
        now = datetime.now(UTC)
        there, session = self._registration.endpoint("sessions"), self.session(key, now)
        if session is None:
            return
        start = self._operator.books.kept("start", key)
        if start is not None:
            self._operator.books.keep("start", key, start, now)  # when it was told last
        if there is not None:
            yield "PUT", f"{there[0]}/{COUNTRY}/{PARTY}/{session['id']}", there[1], session

    def _bill(self, key: str, bill: Message) -> Iterator[Push]:
        books, now = self._operator.books, datetime.now(UTC)
        charge, start = books.charge(key), books.kept("start", key)
        if charge is None or start is None:
            return
        cdr = ocpi_objects.cdr(self._operator, charge, start, bill, now)
        if books.kept("cdr", cdr["id"]) is None:
            books.keep("cdr", cdr["id"], cdr, now)
        if (there := self._registration.endpoint("cdrs")) is not None:
            yield "POST", there[0], there[1], cdr

    def session(self, key: str, told_at: datetime) -> Object | None:
        books = self._operator.books
        charge, start = books.charge(key), books.kept("start", key)
        if charge is None or start is None:
            return None
        return ocpi_objects.session(charge, start, self._operator.now(), told_at)

    def sessions(self) -> list[Object]:
        """All of them; those that are live have changed just now."""
        now, found = datetime.now(UTC), []
        for key, at, _ in self._operator.books.all_kept("start"):
            charge = self._operator.books.charge(key)
            session = self.session(key, now if charge is not None and charge.live else at)
            if session is not None:
                found.append(session)
        return sorted(found, key=lambda one: str(one["last_updated"]))

    def cdrs(self) -> list[Object]:
        return [cdr for _, _, cdr in self._operator.books.all_kept("cdr")]
