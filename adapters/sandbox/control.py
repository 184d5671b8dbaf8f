"""Levers for tests and demonstrations, under /control on the sandbox's loopback port. Each takes a JSON object.

POST /control/status {"connector_id", "status", "park_status"?, "seconds"?}   hold a gun; status null lets go
POST /control/price  {"station_id", "factor"} | {"station_id", "energy", "service"} | {"station_id"} to reset
POST /control/fault  {"kind": "silent" | "slow" | "broken" | null, "seconds"?, "delay_s"?}
POST /control/clock  {"at": RFC 3339 time | null}                             stop the city's clock; null: run
POST /control/tokens {}                                                       forget all logins
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, abort, request

from adapters.cec import json_text
from adapters.sandbox.life import Bay, GunState, Status
from adapters.sandbox.operator import Fault, Operator

_DEFAULT_HOLD_S = 600.0
_DEFAULT_FAULT_S = 30.0
_DEFAULT_DELAY_S = 3.0
_DEAREST = Decimal(100)

Lever = Callable[[Operator, Mapping[str, Any]], None]


def blueprint(operator: Operator, *, forget_tokens: Callable[[], None]) -> Blueprint:
    levers: Mapping[str, Lever] = {**_LEVERS, "tokens": lambda _operator, _wish: forget_tokens()}
    control = Blueprint("control", __name__, url_prefix="/control")

    @control.post("/<lever>")
    def pull(lever: str) -> Response:
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
            abort(403)
        if request.mimetype != "application/json":  # a page in a browser cannot send this across origins
            abort(415)
        if lever not in levers:
            abort(404)
        try:
            wish = json_text.read(request.get_data())
            if not isinstance(wish, dict):
                raise ValueError("an object is needed")
            levers[lever](operator, wish)
        except (KeyError, ValueError, ArithmeticError, TypeError) as error:
            return Response(f"{type(error).__name__}: {error}", status=400)
        return Response(status=204)

    return control


def _status(operator: Operator, wish: Mapping[str, Any]) -> None:
    state = None
    if wish["status"] is not None:
        state = GunState(Status(wish["status"]), Bay(wish.get("park_status", Bay.UNKNOWN)))
    operator.set_state(str(wish["connector_id"]), state, seconds=float(wish.get("seconds", _DEFAULT_HOLD_S)))


def _price(operator: Operator, wish: Mapping[str, Any]) -> None:
    station_id = str(wish["station_id"])
    if "factor" in wish:
        operator.multiply_price(station_id, _number(wish["factor"]))
    elif "energy" in wish:
        operator.set_price(station_id, _number(wish["energy"]), _number(wish["service"]))
    else:
        operator.reset_price(station_id)


def _fault(operator: Operator, wish: Mapping[str, Any]) -> None:
    kind = Fault(wish["kind"]) if wish["kind"] is not None else None
    operator.outage.begin(
        kind,
        seconds=float(wish.get("seconds", _DEFAULT_FAULT_S)),
        delay_s=float(wish.get("delay_s", _DEFAULT_DELAY_S)),
    )


def _clock(operator: Operator, wish: Mapping[str, Any]) -> None:
    at = datetime.fromisoformat(wish["at"]) if wish["at"] is not None else None
    if at is not None and at.tzinfo is None:
        raise ValueError("the time needs a zone")
    operator.stop_clock(at)


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not 0 <= number <= _DEAREST:
        raise ValueError(f"not between 0 and {_DEAREST}: {number}")
    return number


_LEVERS: Mapping[str, Lever] = {"status": _status, "price": _price, "fault": _fault, "clock": _clock}
