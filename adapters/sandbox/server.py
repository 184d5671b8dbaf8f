"""The operator's T/CEC 102 server, written from the standard: shares the envelope with the adapter, nothing else."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, Flask, Response, request

from adapters.cec import json_text
from adapters.cec.envelope import EnvelopeRefused, Keys, ReplayWindow, Ret, open_request, seal_response
from adapters.sandbox import control, keys, labels
from adapters.sandbox.charging import Charging
from adapters.sandbox.city import Gun, Pile, Place
from adapters.sandbox.commands import Commands
from adapters.sandbox.ocpi_customer import OcpiCourier, Registration
from adapters.sandbox.ocpi_server import OcpiFace
from adapters.sandbox.operator import Fault, Operator
from adapters.sandbox.pushes import CecCourier
from adapters.sandbox.queue import Queues
from adapters.sandbox.refusals import BadParameters, NoAnswer
from adapters.sandbox.tongues import CEC_2016, TONGUES

PREFIX = "/evcs/v20161110"
TOKEN_LASTS = timedelta(hours=2)
_MOST_TOKENS = 1000
_MOST_STATIONS = 50
_MOST_PAGE = 100
_LONGEST_SILENCE_S = 60.0

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything behind the server."""

    operator: Operator
    charging: Charging
    cec: CecCourier
    registration: Registration
    ocpi: OcpiCourier
    queues: Queues


def create_app(sandbox: Sandbox) -> Flask:
    operator, charging = sandbox.operator, sandbox.charging
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    tokens = Tokens(lambda: datetime.now(UTC))

    @app.get("/healthz")
    def healthz() -> dict[str, int]:
        return {"stations": len(operator.city.places)}

    interfaces = Interfaces(operator, tokens, Commands(charging))

    def speak(name: str) -> None:
        interfaces.tongue = TONGUES[name]
        sandbox.cec.speak(TONGUES[name])

    app.register_blueprint(interfaces.blueprint())
    face = OcpiFace(operator, charging, sandbox.registration, sandbox.ocpi, sandbox.queues.ocpi.send)
    app.register_blueprint(face.blueprint())
    levers = control.Levers(
        operator,
        charging,
        sandbox.cec,
        sandbox.queues,
        forget_tokens=tokens.forget,
        forget_customer=sandbox.registration.forget,
        speak=speak,
    )
    app.register_blueprint(control.blueprint(levers))
    app.register_blueprint(labels.blueprint(operator))
    return app


class Tokens:
    """Access tokens of the customer. Several live at once: each of its processes logs in."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._good_until: dict[str, datetime] = {}

    def issue(self) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            now = self._now()
            live = {one: until for one, until in self._good_until.items() if until > now}
            self._good_until = dict(list(live.items())[-_MOST_TOKENS + 1 :]) | {token: now + TOKEN_LASTS}
        return token

    def good(self, token: str) -> bool:
        until = self._good_until.get(token)
        return until is not None and self._now() < until

    def forget(self) -> None:
        with self._lock:
            self._good_until = {}


class Interfaces:
    """The interfaces a customer may call, by name."""

    def __init__(self, operator: Operator, tokens: Tokens, commands: Commands) -> None:
        self._operator, self._tokens, self.tongue = operator, tokens, CEC_2016
        self._keys = Keys(keys.DATA_SECRET, keys.DATA_SECRET_IV, keys.SIG_SECRET)
        self._replays = ReplayWindow(lambda: datetime.now(UTC))
        self._handlers: Mapping[str, Callable[[Message], Message]] = {
            "query_token": self._query_token,
            "query_stations_info": self._query_stations_info,
            "query_station_status": self._query_station_status,
            "query_equip_business_policy": self._query_equip_business_policy,
            **commands.handlers,
        }

    def blueprint(self) -> Blueprint:
        interfaces = Blueprint("evcs", __name__, url_prefix=PREFIX)
        interfaces.before_request(self._misbehave)
        interfaces.add_url_rule("/<interface>", view_func=self._answer, methods=["POST"])
        return interfaces

    def _misbehave(self) -> Response | None:
        fault, delay_s = self._operator.outage.now()
        if fault is Fault.BROKEN:
            return Response("out of order", status=500)
        if fault is Fault.SILENT:
            self._operator.outage.sit_out(_LONGEST_SILENCE_S)
            return Response("out of order", status=503)
        if fault is Fault.SLOW:
            self._operator.outage.sit_out(delay_s)
        return None

    def _answer(self, interface: str) -> Response:
        handler = self._handlers.get(interface)
        if handler is None:
            return Response("no such interface", status=404)
        self._operator.keep_books()
        try:
            tongue = self.tongue
            message = tongue.hear(self._open(interface), interface)
            return self._sealed(tongue.say(handler(message), interface))
        except EnvelopeRefused as refusal:
            return self._sealed(None, refusal.ret, "refused")
        except BadParameters as error:
            return self._sealed(None, Ret.BAD_PARAMETERS, str(error))
        except NoAnswer:
            return Response("lost on the way", status=503)

    def _open(self, interface: str) -> Message:
        try:
            envelope = json_text.read(request.get_data())
        except ValueError:
            raise EnvelopeRefused(Ret.BAD_ENVELOPE, "not JSON") from None
        if not isinstance(envelope, dict) or envelope.get("OperatorID") != keys.CUSTOMER_ID:
            raise EnvelopeRefused(Ret.BAD_ENVELOPE, "not our customer")
        message = open_request(envelope, self._keys, self._replays)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if interface != "query_token" and not (scheme == "Bearer" and self._tokens.good(token)):
            raise EnvelopeRefused(Ret.BAD_TOKEN, "no such token")
        return message

    def _sealed(self, message: Message | None, ret: int = Ret.OK, msg: str = "") -> Response:
        text = json_text.write(seal_response(self._keys, message, ret=ret, msg=msg))
        return Response(text, content_type="application/json;charset=utf-8")

    # --- interfaces -----------------------------------------------------------------------------------------

    def _query_token(self, message: Message) -> Message:
        secret = str(message.get("OperatorSecret", ""))
        if not hmac.compare_digest(secret.encode(), keys.OPERATOR_SECRET.encode()):
            return {"OperatorID": keys.OPERATOR_ID, "SuccStat": 1, "AccessToken": "", "TokenAvailableTime": 0,
                    "FailReason": 2}  # fmt: skip
        return {
            "OperatorID": keys.OPERATOR_ID,
            "SuccStat": 0,
            "AccessToken": self._tokens.issue(),
            "TokenAvailableTime": int(TOKEN_LASTS.total_seconds()),
            "FailReason": 0,
        }

    def _query_stations_info(self, message: Message) -> Message:
        page_no, page_size = _whole(message, "PageNo", 1), _whole(message, "PageSize", 10)
        if page_no < 1 or not 1 <= page_size <= _MOST_PAGE:
            raise BadParameters(f"PageNo from 1, PageSize 1 to {_MOST_PAGE}")
        places = self._operator.city.places
        return {
            "PageNo": page_no,
            "PageCount": -(-len(places) // page_size),
            "ItemSize": len(places),
            "StationInfos": [
                self.tongue.station(_station_info(one), one)
                for one in places[(page_no - 1) * page_size : page_no * page_size]
            ],
        }

    def _query_station_status(self, message: Message) -> Message:
        station_ids = message.get("StationIDs")
        if not isinstance(station_ids, list) or not 1 <= len(station_ids) <= _MOST_STATIONS:
            raise BadParameters(f"StationIDs: 1 to {_MOST_STATIONS}")
        known = [self._operator.city.place_of.get(str(one)) for one in station_ids]
        stations = [self._station_status(place) for place in known if place is not None]
        return {"Total": len(stations), "StationStatusInfos": stations}

    def _station_status(self, place: Place) -> Message:
        guns = []
        for gun in place.guns:
            state = self._operator.state(gun.id)
            guns.append({"ConnectorID": gun.id, "Status": int(state.status), "ParkStatus": int(state.bay),
                         "LockStatus": 0})  # fmt: skip
        return {"StationID": place.id, "ConnectorStatusInfos": guns}

    def _query_equip_business_policy(self, message: Message) -> Message:
        gun_id = str(message.get("ConnectorID", ""))
        answer = {"EquipBizSeq": str(message.get("EquipBizSeq", "")), "ConnectorID": gun_id}
        if gun_id not in self._operator.city.gun_of:
            return answer | {"SuccStat": 1, "FailReason": 1, "SumPeriod": 0, "PolicyInfos": []}
        periods = [
            {"StartTime": period.start, "ElecPrice": period.energy, "SevicePrice": period.service}
            for period in self._operator.prices(*self._operator.city.gun_of[gun_id])
        ]
        return answer | {"SuccStat": 0, "FailReason": 0, "SumPeriod": len(periods), "PolicyInfos": periods}


def _whole(message: Message, name: str, default: int) -> int:
    value = message.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadParameters(name)
    return value


# --- StationInfo --------------------------------------------------------------------------------------------


def _station_info(place: Place) -> dict[str, Any]:
    return {
        "StationID": place.id,
        "OperatorID": keys.OPERATOR_ID,
        "EquipmentOwnerID": keys.OPERATOR_ID,
        "StationName": place.name,
        "CountryCode": "CN",
        "AreaCode": place.area_code,
        "Address": place.address,
        "ServiceTel": "4000000102",
        "StationType": place.kind,
        "StationStatus": place.status,
        "ParkNums": sum(len(pile.guns) for pile in place.piles),
        "StationLng": place.lng,
        "StationLat": place.lat,
        "SiteGuide": place.guide,
        "Construction": place.construction,
        "BusineHours": place.hours,
        "ElectricityFee": _fee_text(place),
        "ServiceFee": f"服务费{place.dc_prices[0].service:.2f}元/度起",
        "ParkFee": place.parking,
        "Payment": "线上支付",
        "SupportOrder": 0,
        "Remark": place.facilities,
        "EquipmentInfos": [_equipment_info(pile) for pile in place.piles],
    }


def _fee_text(place: Place) -> str:
    energies = [period.energy for period in place.dc_prices]
    return f"电费{min(energies):.2f}~{max(energies):.2f}元/度"


def _equipment_info(pile: Pile) -> Message:
    return {
        "EquipmentID": pile.id,
        "EquipmentName": pile.label,
        "EquipmentType": 1 if pile.is_dc else 2,
        "Power": pile.power_kw,
        "ConnectorInfos": [_connector_info(gun) for gun in pile.guns],
    }


def _connector_info(gun: Gun) -> Message:
    volts = 1000 if gun.is_dc else 220
    return {
        "ConnectorID": gun.id,
        "ConnectorName": gun.label,
        "ConnectorType": 4 if gun.is_dc else 3,
        "VoltageUpperLimits": volts,
        "VoltageLowerLimits": 200 if gun.is_dc else volts,
        "Current": int(gun.power_kw * Decimal(1000) / volts),
        "Power": gun.power_kw,
        "NationalStandard": 2,
    }
