"""The sandbox operator as an OCPI 2.2.1 CPO: the same city, guns and books as its T/CEC 102 side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from adapters.sandbox import charging as reasons
from adapters.sandbox import keys, ocpi_objects
from adapters.sandbox.charging import Charging
from adapters.sandbox.faults import ChargingFault
from adapters.sandbox.ocpi_customer import PREFIX, VERSION, CannotCallBack, OcpiCourier, Registration
from adapters.sandbox.ocpi_objects import Object
from adapters.sandbox.ocpi_wire import (
    Refusal,
    base,
    body,
    credentials_of,
    is_among,
    page,
    result,
    sealed,
    tokens_in,
)
from adapters.sandbox.operator import Fault, Operator

_MODULES = (
    ("credentials", "RECEIVER"), ("locations", "SENDER"), ("tariffs", "SENDER"), ("sessions", "SENDER"),
    ("cdrs", "SENDER"), ("tokens", "RECEIVER"), ("commands", "RECEIVER"),
)  # fmt: skip
_LONGEST_SILENCE_S = 60
# What the gun says later to a start that its state forbids.
_RESULTS = {
    reasons.GUN_BUSY: "EVSE_OCCUPIED",
    reasons.GUN_FAULT: "EVSE_INOPERATIVE",
    reasons.GUN_OFFLINE: "EVSE_INOPERATIVE",
    reasons.NOT_PLUGGED_IN: "FAILED",
}


class OcpiFace:
    def __init__(
        self,
        operator: Operator,
        charging: Charging,
        registration: Registration,
        courier: OcpiCourier,
        send: Callable[[str, Mapping[str, Any], str], None],
    ) -> None:
        self._operator, self._charging = operator, charging
        self._registration, self._courier, self._send = registration, courier, send

    def blueprint(self) -> Blueprint:
        face = Blueprint("ocpi", __name__, url_prefix="/ocpi")
        below = f"/{VERSION}"
        routes: tuple[tuple[str, str, Callable[..., Response]], ...] = (
            ("GET", "/versions", self._versions),
            ("GET", below, self._details),
            ("GET POST PUT DELETE", f"{below}/credentials", self._credentials),
            ("GET", f"{below}/locations", self._locations),
            ("GET", f"{below}/locations/<location_id>", self._location),
            ("GET", f"{below}/locations/<location_id>/<uid>", self._location),
            ("GET", f"{below}/locations/<location_id>/<uid>/<connector_id>", self._location),
            ("GET", f"{below}/tariffs", self._tariffs),
            ("GET", f"{below}/sessions", self._sessions),
            ("GET", f"{below}/cdrs", self._cdrs),
            ("GET PUT PATCH", f"{below}/tokens/<country>/<party>/<uid>", self._tokens),
            ("POST", f"{below}/commands/<command>", self._commands),
        )
        for methods, path, view in routes:
            face.add_url_rule(path, f"{view.__name__}{path.count('/')}", view, methods=methods.split())
        face.register_error_handler(Refusal, lambda one: sealed(None, one.http_status, one.code, one.message))
        face.before_request(self._misbehave)
        return face

    def _misbehave(self) -> Response | None:
        fault, delay_s = self._operator.outage.now()
        if fault is Fault.SLOW:
            self._operator.outage.sit_out(delay_s)
            return None
        if fault is Fault.SILENT:
            self._operator.outage.sit_out(_LONGEST_SILENCE_S)
        return Response("out of order", status=500) if fault else None

    # --- who is asking --------------------------------------------------------------------------------------

    def _allow(self, *, newcomer: bool = False) -> bool:
        """True for the registered customer, False for a newcomer with the first token. Raises Refusal."""
        customer = self._registration.read()
        candidates = tokens_in(request.headers.get("Authorization", ""))
        if customer and is_among(customer["our_token"], candidates):
            return True
        if newcomer and not customer and is_among(keys.OCPI_TOKEN_A, candidates):
            return False
        raise Refusal(401, 2000, "no such token")

    def _versions(self) -> Response:
        self._allow(newcomer=True)
        return sealed([{"version": VERSION, "url": f"{base()}/{VERSION}"}])

    def _details(self) -> Response:
        self._allow(newcomer=True)
        endpoints = [
            {"identifier": module, "role": role, "url": f"{base()}/{VERSION}/{module}"} for module, role in _MODULES
        ]
        return sealed({"version": VERSION, "endpoints": endpoints})

    def _credentials(self) -> Response:
        known = self._allow(newcomer=True)
        customer = self._registration.read()
        if request.method == "GET":
            return sealed(credentials_of(customer["our_token"] if known and customer else keys.OCPI_TOKEN_A))
        if (request.method == "POST") is known:
            raise Refusal(405, 2000, "registered already" if known else "not registered")
        if request.method == "DELETE":
            self._registration.forget()
            return sealed(None)
        try:
            token = self._registration.register(body())
        except CannotCallBack as failure:
            raise Refusal(200, 3001, str(failure)) from None
        return sealed(credentials_of(token))

    # --- reading --------------------------------------------------------------------------------------------

    def _locations(self) -> Response:
        self._allow()
        self._charging.tick()
        return page(ocpi_objects.location(self._operator, place) for place in self._operator.city.places)

    def _location(self, location_id: str, uid: str = "", connector_id: str = "") -> Response:
        self._allow()
        place = self._operator.city.place_of.get(location_id)
        found: Object | None = ocpi_objects.location(self._operator, place) if place else None
        if found and uid:
            found = next((one for one in found["evses"] if one["uid"] == uid), None)
        if found and connector_id:
            found = next((one for one in found["connectors"] if one["id"] == connector_id), None)
        if found is None:
            raise Refusal(404, 2003, "unknown location")
        return sealed(found)

    def _tariffs(self) -> Response:
        self._allow()
        places = self._operator.city.places
        return page(one for place in places for one in ocpi_objects.tariffs(self._operator, place))

    def _sessions(self) -> Response:
        self._allow()
        self._charging.tick()
        if "date_from" not in request.args:
            raise Refusal(400, 2001, "date_from is needed")
        return page(self._courier.sessions())

    def _cdrs(self) -> Response:
        self._allow()
        self._charging.tick()
        return page(self._courier.cdrs())

    # --- tokens and commands --------------------------------------------------------------------------------

    def _tokens(self, country: str, party: str, uid: str) -> Response:
        self._allow()
        key = f"{country}/{party}/{uid}".upper()
        held = self._operator.books.kept("token", key)
        if request.method != "PUT" and held is None:
            raise Refusal(404, 2004, "unknown token")
        if request.method == "GET":
            return sealed(held)
        self._operator.books.keep("token", key, {**(held or {}), **body()}, datetime.now(UTC))
        return sealed(None)

    def _commands(self, command: str) -> Response:
        self._allow()
        if command == "START_SESSION":
            return self._start(body())
        if command == "STOP_SESSION":
            return self._stop(body())
        return result("NOT_SUPPORTED")

    def _start(self, wish: Object) -> Response:
        place = self._operator.city.place_of.get(str(wish.get("location_id")))
        gun_id, token, url = wish.get("evse_uid"), wish.get("token"), wish.get("response_url")
        if place is None:
            raise Refusal(200, 2003, "unknown location")
        guns = {gun.id: gun for gun in place.guns}
        if gun_id not in guns:
            return result("REJECTED", "unknown EVSE")
        if not isinstance(token, dict) or not token.get("uid") or not isinstance(url, str):
            raise Refusal(400, 2001, "token and response_url are needed")
        key = PREFIX + str(wish.get("authorization_reference") or token["uid"])
        first = self._operator.books.kept("start", key) is None
        if first:
            start = {"token": token, "location_id": place.id, "evse_uid": gun_id, "response_url": url,
                     "authorization_reference": wish.get("authorization_reference"),
                     "tariff_id": ocpi_objects.tariff_id(place, guns[gun_id])}  # fmt: skip
            self._operator.books.keep("start", key, start, datetime.now(UTC))
        _, reason = self._charging.start(key, gun_id)
        if reason and first:
            self._operator.books.drop("start", key)
        faults = self._charging.faults
        silent_s = faults.number(ChargingFault.START_SILENT, gun_id, "seconds", str(_LONGEST_SILENCE_S))
        delay_s = faults.number(ChargingFault.START_LATE, gun_id, "delay_s", "2")
        if silent_s is not None or delay_s is not None:
            faults.sit_out(float(silent_s if silent_s is not None else delay_s or 0))
        if silent_s is not None:
            return Response("lost on the way", status=503)
        if reason and reason not in _RESULTS:
            return result("REJECTED", f"reason {reason}")
        if reason:
            self._send("ocpi_result", {"StartChargeSeq": key, "ResponseUrl": url, "Result": _RESULTS[reason]}, gun_id)
        return result("ACCEPTED")

    def _stop(self, wish: Object) -> Response:
        books = self._operator.books
        wanted = wish.get("session_id")
        key = next((one for one, _, _ in books.all_kept("start") if ocpi_objects.session_id(one) == wanted), None)
        start = books.kept("start", key) if key else None
        if key is None or start is None:
            return result("UNKNOWN_SESSION")
        books.keep("start", key, start | {"stop_response_url": wish.get("response_url")}, datetime.now(UTC))
        _, reason = self._charging.stop(key)
        silent_s = self._charging.faults.number(
            ChargingFault.STOP_SILENT, start["evse_uid"], "seconds", str(_LONGEST_SILENCE_S)
        )
        if silent_s is not None:
            self._charging.faults.sit_out(float(silent_s))
            return Response("lost on the way", status=503)
        return result("REJECTED", f"reason {reason}") if reason else result("ACCEPTED")
