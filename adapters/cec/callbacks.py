"""What T/CEC 102 partners push to us: a Flask blueprint under /evcs/v1/<interface>, or the partner's own prefix.

Every answer is HTTP 200 with a Ret. A push is acknowledged only after the desk has taken it; what cannot be
understood goes to quarantine and is refused, what could not be kept is answered "busy" and comes again.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from adapters.cec import charging, fields, json_text, messages
from adapters.cec.config import CecConfig
from adapters.cec.doorman import TOKEN_LASTS, Answers, Caller, Doorman
from adapters.cec.envelope import EnvelopeRefused, Ret, open_message, seal_response
from core.charging import ChargeRecord, ChargingState, SessionUpdate
from core.ports import Clock, RecordVerdict, SupplierDesk
from core.statements import OrderCheck
from core.station import Rejected, Station, StatusReport

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 1024 * 1024
# One text for every refusal: who cannot sign learns nothing, who can reads the Ret.
_REFUSED = "refused"
_ALMOST_A_SECOND = timedelta(microseconds=999_999)
_ACCEPTED, _IGNORED = 0, 1  # Status of a station push
_CONFIRMED, _DISPUTED = 0, 1  # ConfirmResult of a bill

Message = Mapping[str, Any]
Read = TypeVar("Read")
# The records a supplier gave us under these numbers; those we do not hold are left out.
HeldRecords = Callable[[str, Sequence[str]], Mapping[str, ChargeRecord]]
# Keeps a supplier's list of orders and our answer to it.
Checked = Callable[[str, OrderCheck], None]


def _unkept(supplier_id: str, check: OrderCheck) -> None: ...


class _Unreadable(Exception):
    """The message makes no sense to us: Ret 4004."""


def blueprint(
    partners: Iterable[CecConfig], desk: SupplierDesk, held: HeldRecords, clock: Clock, checked: Checked = _unkept
) -> Blueprint | None:
    """The callbacks of all partners that push; None when nobody does. `checked` keeps what their daily checks say."""
    doorman = Doorman(partners, clock.now)
    if not doorman.prefixes:
        return None
    callbacks = Callbacks(doorman, desk, held, clock, checked)
    routes = Blueprint("cec", __name__)
    for prefix in doorman.prefixes:

        def receive(interface: str, prefix: str = prefix) -> Response:
            return callbacks.receive(prefix, interface)

        routes.add_url_rule(f"{prefix}/<interface>", f"push{prefix.replace('/', '_')}", receive, methods=["POST"])
    return routes


class Callbacks:
    """The interfaces a partner may call, by name."""

    def __init__(
        self, doorman: Doorman, desk: SupplierDesk, held: HeldRecords, clock: Clock, checked: Checked
    ) -> None:
        self._doorman, self._desk, self._held, self._clock, self._checked = doorman, desk, held, clock, checked
        self._answers = Answers(clock.now)
        self._moments = _Moments()
        self._handlers: Mapping[str, Callable[[Caller, Message, datetime], Message]] = {
            "query_token": self._query_token,
            "notification_stationStatus": self._station_status,
            "notification_stationInfo": self._station_info,
            "notification_start_charge_result": self._start_result,
            "notification_equip_charge_status": self._charge_status,
            "notification_stop_charge_result": self._stop_result,
            "notification_charge_order_info": self._order_info,
            "check_charge_orders": self._check_orders,
        }

    def receive(self, prefix: str, interface: str) -> Response:
        handler = self._handlers.get(interface)
        if handler is None:
            return Response("no such interface", status=404)
        try:
            text = self._answer(prefix, interface, handler)
        except EnvelopeRefused as refusal:
            log.info("T/CEC %s refused: %s", interface, refusal.reason)
            text = json_text.write({"Ret": int(refusal.ret), "Msg": _REFUSED, "Data": "", "Sig": ""})
        return Response(text, content_type="application/json;charset=utf-8")

    def _answer(self, prefix: str, interface: str, handler: Callable[[Caller, Message, datetime], Message]) -> str:
        envelope = _envelope()
        caller, sent_at = self._doorman.recognise(prefix, envelope, local=_is_local())
        if interface != "query_token":
            self._doorman.check(caller, request.headers.get("Authorization", ""))
        key = (envelope["OperatorID"], envelope["TimeStamp"], envelope["Seq"], envelope["Sig"].upper())
        work = partial(self._work, caller, interface, handler, envelope, sent_at)
        return self._answers.once(key, interface, sent_at, work)

    def _work(
        self,
        caller: Caller,
        interface: str,
        handler: Callable[[Caller, Message, datetime], Message],
        envelope: Message,
        sent_at: datetime,
    ) -> str:
        dialect, keys = caller.config.dialect, caller.inbound.keys
        try:
            wire = open_message(keys, envelope["Data"])
            answer = handler(caller, wire, sent_at)
            return json_text.write(seal_response(keys, dialect.write(answer, interface)))
        except (EnvelopeRefused, _Unreadable) as error:
            log.warning("%s: %s cannot be read: %s", caller.config.supplier_id, interface, error)
            return json_text.write(seal_response(keys, None, ret=Ret.BAD_PARAMETERS, msg=_REFUSED))
        except Exception as error:
            log.exception("%s: %s could not be kept", caller.config.supplier_id, interface)
            raise EnvelopeRefused(Ret.BUSY, "could not be kept") from error

    # --- logging in -----------------------------------------------------------------------------------------

    def _query_token(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        message = caller.config.dialect.keys(wire)
        secret = str(message.get("OperatorSecret", ""))
        good = hmac.compare_digest(secret.encode(), caller.inbound.operator_secret.encode())
        named = message.get("OperatorID") == caller.config.their_operator_id
        return {
            "OperatorID": caller.config.our_operator_id,
            "SuccStat": 0 if good and named else 1,
            "AccessToken": self._doorman.issue(caller) if good and named else "",
            "TokenAvailableTime": int(TOKEN_LASTS.total_seconds()) if good and named else 0,
            "FailReason": 0 if good and named else 2 if named else 1,
        }

    # --- stations -------------------------------------------------------------------------------------------

    def _station_status(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        """One gun a push, bare or inside ConnectorStatusInfo; some send whole stations."""
        config, supplier_id = caller.config, caller.config.supplier_id
        message = config.dialect.read(wire)
        at = self._moments.of(supplier_id, sent_at, self._clock.now())
        found: list[StatusReport | Rejected] = []
        for station in fields.items(message, "StationStatusInfos") + fields.items(message, "StationStatusInfo"):
            found += messages.read_station_status(station, config, at)
        guns = fields.items(message, "ConnectorStatusInfo") + fields.items(message, "ConnectorStatusInfos")
        if not guns and not found:
            guns = [message]
        found += [messages.read_connector_status(gun, config.their_operator_id, at) for gun in guns]
        reports = self._keep_rejected(caller, found, StatusReport)
        known = self._desk.statuses(supplier_id, reports)
        return {"Status": _ACCEPTED if known else _IGNORED}

    def _station_info(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        config = caller.config
        infos = fields.items(config.dialect.keys(wire), "StationInfo")
        found = [one for info in infos for one in messages.read_station(info, config)]
        stations = [one for one in found if isinstance(one, Station)]
        rejected = [one for one in found if isinstance(one, Rejected)]
        self._desk.stations(config.supplier_id, stations, rejected)
        if not stations:
            raise _Unreadable("no station in it")
        return {"Status": _ACCEPTED}

    # --- charging -------------------------------------------------------------------------------------------

    def _start_result(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        message = caller.config.dialect.read(wire)
        update = self._session(caller, message)
        if charging.failed_start(message):
            update = replace(update, state=ChargingState.INVALID)
        self._desk.session(caller.config.supplier_id, update)
        return {"StartChargeSeq": update.start_seq, "SuccStat": 0, "FailReason": 0}

    def _charge_status(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        update = self._session(caller, caller.config.dialect.read(wire))
        self._desk.session(caller.config.supplier_id, update)
        return {"StartChargeSeq": update.start_seq, "SuccStat": 0}

    def _stop_result(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        """A stop that failed says so in SuccStat; the state beside it is what counts."""
        update = self._session(caller, caller.config.dialect.read(wire))
        self._desk.session(caller.config.supplier_id, update)
        return {"StartChargeSeq": update.start_seq, "SuccStat": 0, "FailReason": 0}

    def _session(self, caller: Caller, message: Message) -> SessionUpdate:
        [update] = self._keep_rejected(
            caller, [charging.read_session(message, caller.config, self._clock.now())], SessionUpdate
        )
        return update

    def _order_info(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        """A bill is kept whatever it says; one that contradicts itself or an earlier one is disputed."""
        message = caller.config.dialect.read(wire)
        [record] = self._keep_rejected(caller, [charging.read_record(message, caller.config)], ChargeRecord)
        verdict = self._desk.record(caller.config.supplier_id, record)
        good = verdict is not RecordVerdict.CONFLICT and charging.adds_up(record)
        return {
            "StartChargeSeq": record.record_id,
            "ConnectorID": record.ref.connector_id,
            "ConfirmResult": _CONFIRMED if good else _DISPUTED,
        }

    def _check_orders(self, caller: Caller, wire: Message, sent_at: datetime) -> Message:
        message = caller.config.dialect.read(wire)
        orders = fields.items(message, "ChargeOrders")
        if len(orders) > charging.MOST_ORDERS_A_CHECK:
            raise _Unreadable(f"{len(orders)} orders")
        numbers = [fields.id_(order, "StartChargeSeq") if isinstance(order, Mapping) else "" for order in orders]
        if not all(numbers):
            raise _Unreadable("an order without a number")
        held = self._held(caller.config.supplier_id, numbers)
        found = [charging.dispute(order, held.get(number)) for order, number in zip(orders, numbers, strict=True)]
        disputes = [one for one in found if one is not None]
        self._checked(caller.config.supplier_id, charging.read_check(message, disputes))
        return charging.check_answer(message, disputes)

    def _keep_rejected(self, caller: Caller, found: list[Read | Rejected], kind: type[Read]) -> list[Read]:
        """The readable ones. The others go to quarantine; a message with nothing readable is refused."""
        rejected = [one for one in found if isinstance(one, Rejected)]
        if rejected:
            self._desk.stations(caller.config.supplier_id, (), rejected)
        read = [one for one in found if isinstance(one, kind)]
        if not read:
            raise _Unreadable(rejected[0].reason if rejected else "nothing in it")
        return read


class _Moments:
    """When a pushed status was true: as signed, so that an old push sent again stays old, in order of arrival.

    The stamp has whole seconds, and partners send several pushes in one: a later one must be newer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[datetime, datetime]] = {}

    def of(self, supplier_id: str, sent_at: datetime, now: datetime) -> datetime:
        moment = min(now, sent_at + _ALMOST_A_SECOND)
        with self._lock:
            second, last = self._last.get(supplier_id, (sent_at, sent_at))
            if second == sent_at and moment <= last:
                moment = last + timedelta(microseconds=1)
            if sent_at >= second:
                self._last[supplier_id] = sent_at, moment
        return moment


def _envelope() -> Message:
    raw = request.stream.read(MOST_BODY_BYTES + 1)
    try:
        envelope = json_text.read(raw) if len(raw) <= MOST_BODY_BYTES else None
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict):
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "not an envelope, or too long")
    return envelope


def _is_local() -> bool:
    """From this machine, and not through a proxy on it."""
    if any(request.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
