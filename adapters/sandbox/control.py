"""Levers for tests and demonstrations, under /control on the sandbox's loopback port. Each takes a JSON object.

POST /control/status {"connector_id", "status", "park_status"?, "seconds"?}   hold a gun; status null lets go
POST /control/price  {"station_id", "factor"} | {"station_id", "energy", "service"} | {"station_id"} to reset
                     {"station_id", "periods": [{"start": HHmmss, "energy", "service"}, …]}: a day of prices
                     and told at once to who registered over OCPI
POST /control/fault  {"kind": "silent" | "slow" | "broken" | null, "seconds"?, "delay_s"?}
POST /control/clock  {"at": RFC 3339 time | null, "speed"?}    stop the city's clock, or run it faster; null: as usual
                     (a fast clock runs into the future, and so do its bills: let it start in the past)
POST /control/tokens {}                                                       forget all logins
POST /control/charging {"fault": name of faults.py, "connector_id"?, …} | {"fault": null} to clear them all
POST /control/cars   {"kwh"?, "power_kw"?}                                    what the next cars want
POST /control/pushes {"url"?, "every_s"?, "retry_s"?}                         where to, how often the live state
POST /control/check  {"day": yyyy-MM-dd}                                      push the daily check now
POST /control/dialect {"name"}                                                speak as another partner does
POST /control/customer {}                                                     forget who registered over OCPI
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request

from adapters.cec import json_text
from adapters.sandbox.charging import Charging
from adapters.sandbox.faults import ChargingFault
from adapters.sandbox.life import Bay, GunState, Status
from adapters.sandbox.operator import Fault, Operator
from adapters.sandbox.pushes import CecCourier
from adapters.sandbox.queue import PRICE, Queues

_DEFAULT_HOLD_S = 600.0
_DEFAULT_FAULT_S = 30.0
_DEFAULT_DELAY_S = 3.0
_MOST = Decimal(100_000)


@dataclass(frozen=True, slots=True)
class Levers:
    """What the levers move."""

    operator: Operator
    charging: Charging
    cec: CecCourier
    queues: Queues
    forget_tokens: Callable[[], None]
    forget_customer: Callable[[], None]
    speak: Callable[[str], None]


Wish = Mapping[str, Any]


def blueprint(levers: Levers) -> Blueprint:
    control = Blueprint("control", __name__, url_prefix="/control")

    @control.post("/<lever>")
    def pull(lever: str) -> Response:
        # Nothing is bound here: 0.0.0.0 stands for a caller without an address, and is refused.
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
            abort(403)
        if request.mimetype != "application/json":  # a page in a browser cannot send this across origins
            abort(415)
        if lever not in _LEVERS:
            abort(404)
        try:
            wish = json_text.read(request.get_data())
            if not isinstance(wish, dict):
                raise ValueError("an object is needed")
            _LEVERS[lever](levers, wish)
        except (KeyError, ValueError, ArithmeticError, TypeError) as error:
            return Response(f"{type(error).__name__}: {error}", status=400)
        return Response(status=204)

    return control


def _status(levers: Levers, wish: Wish) -> None:
    operator = levers.operator
    state = None
    if wish["status"] is not None:
        state = GunState(Status(wish["status"]), Bay(wish.get("park_status", Bay.UNKNOWN)))
    operator.set_state(str(wish["connector_id"]), state, seconds=float(wish.get("seconds", _DEFAULT_HOLD_S)))


def _price(levers: Levers, wish: Wish) -> None:
    operator = levers.operator
    station_id = str(wish["station_id"])
    if "factor" in wish:
        operator.multiply_price(station_id, _number(wish["factor"]))
    elif "periods" in wish:
        periods = [(str(one["start"]), _number(one["energy"]), _number(one["service"])) for one in wish["periods"]]
        operator.set_day(station_id, periods)
    elif "energy" in wish:
        operator.set_price(station_id, _number(wish["energy"]), _number(wish["service"]))
    else:
        operator.reset_price(station_id)
    levers.queues.send(PRICE, {"StationID": station_id}, "")


def _fault(levers: Levers, wish: Wish) -> None:
    operator = levers.operator
    kind = Fault(wish["kind"]) if wish["kind"] is not None else None
    operator.outage.begin(
        kind,
        seconds=float(wish.get("seconds", _DEFAULT_FAULT_S)),
        delay_s=float(wish.get("delay_s", _DEFAULT_DELAY_S)),
    )


def _clock(levers: Levers, wish: Wish) -> None:
    at = datetime.fromisoformat(wish["at"]) if wish.get("at") is not None else None
    if at is not None and at.tzinfo is None:
        raise ValueError("the time needs a zone")
    if at is None and "at" not in wish and "speed" not in wish:
        raise KeyError("at or speed")
    levers.operator.set_clock(at, float(wish["speed"]) if "speed" in wish else None)


def _charging(levers: Levers, wish: Wish) -> None:
    if wish["fault"] is None:
        levers.charging.faults.clear()
        return
    gun_id = wish.get("connector_id")
    if gun_id is not None:
        _ = levers.operator.city.gun_of[gun_id]
    details = {name: _number(value) for name, value in wish.items() if name not in {"fault", "connector_id"}}
    levers.charging.faults.set(ChargingFault(wish["fault"]), gun_id, details)


def _cars(levers: Levers, wish: Wish) -> None:
    habits = levers.charging.habits
    kwh = _number(wish.get("kwh", habits.wanted_kwh))
    if kwh <= 0:
        raise ValueError("a car wants some energy")
    habits.wanted_kwh = kwh
    habits.power_kw = _number(wish["power_kw"]) if wish.get("power_kw") is not None else None


def _pushes(levers: Levers, wish: Wish) -> None:
    if "url" in wish:
        url = str(wish["url"])
        if url and not (ip_address(urlsplit(url).hostname or "0.0.0.0").is_loopback):  # noqa: S104
            raise ValueError("the sandbox pushes to this machine only")
        levers.cec.url = url.rstrip("/")
    levers.charging.habits.push_every_s = float(_number(wish.get("every_s", levers.charging.habits.push_every_s)))
    for queue in (levers.queues.cec, levers.queues.ocpi):
        queue.retry_every_s = float(_number(wish.get("retry_s", queue.retry_every_s)))


def _check(levers: Levers, wish: Wish) -> None:
    levers.charging.send_check(date.fromisoformat(wish["day"]).isoformat())


def _tokens(levers: Levers, wish: Wish) -> None:
    levers.forget_tokens()


def _customer(levers: Levers, wish: Wish) -> None:
    levers.forget_customer()


def _dialect(levers: Levers, wish: Wish) -> None:
    levers.speak(str(wish["name"]))


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not 0 <= number <= _MOST:
        raise ValueError(f"not between 0 and {_MOST}: {number}")
    return number


_LEVERS: Mapping[str, Callable[[Levers, Wish], None]] = {
    "status": _status,
    "price": _price,
    "fault": _fault,
    "clock": _clock,
    "tokens": _tokens,
    "charging": _charging,
    "cars": _cars,
    "pushes": _pushes,
    "check": _check,
    "dialect": _dialect,
    "customer": _customer,
}
