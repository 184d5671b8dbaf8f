"""The T/CEC 102 interfaces about charging: check, start, stop, live state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.sandbox import keys
from adapters.sandbox.charging import Charging
from adapters.sandbox.faults import ChargingFault
from adapters.sandbox.refusals import BadParameters, NoAnswer

Message = Mapping[str, Any]
_SEQ_LENGTH = 27
_LONGEST_SILENCE_S = 60


class Commands:
    def __init__(self, charging: Charging) -> None:
        self._charging = charging
        self.handlers: Mapping[str, Callable[[Message], Message]] = {
            "query_equip_auth": self._equip_auth,
            "query_start_charge": self._start,
            "query_stop_charge": self._stop,
            "query_equip_charge_status": self._status,
        }

    def _equip_auth(self, message: Message) -> Message:
        seq, gun_id = _seq(message, "EquipAuthSeq"), _text(message, "ConnectorID")
        if not seq.startswith(keys.CUSTOMER_ID) or set(message) != {"EquipAuthSeq", "ConnectorID"}:
            raise BadParameters("EquipAuthSeq and ConnectorID, and nothing else; the number begins with yours")
        self._misbehave(gun_id, ChargingFault.AUTH_SILENT)
        reason = self._charging.check(gun_id)
        if self._charging.faults.has(ChargingFault.AUTH_BROKEN, gun_id):
            return {"EquipAuthSeq": seq, "ConnectorID": gun_id}
        return {
            "EquipAuthSeq": seq,
            "ConnectorID": gun_id,
            "SuccStat": 1 if reason else 0,
            "FailReason": reason,
        }

    def _start(self, message: Message) -> Message:
        seq, gun_id = _seq(message, "StartChargeSeq"), _text(message, "ConnectorID")
        if "QRCode" not in message:
            raise BadParameters("QRCode")
        stage, reason = self._charging.start(seq, gun_id)
        self._misbehave(gun_id, ChargingFault.START_SILENT)
        delay_s = self._charging.faults.number(ChargingFault.START_LATE, gun_id, "delay_s", "2")
        if delay_s is not None:
            self._charging.faults.sit_out(float(delay_s))
        return {
            "StartChargeSeq": seq,
            "StartChargeSeqStat": int(stage),
            "ConnectorID": gun_id,
            "SuccStat": 1 if reason else 0,
            "FailReason": reason,
        }

    def _stop(self, message: Message) -> Message:
        seq = _seq(message, "StartChargeSeq")
        stage, reason = self._charging.stop(seq)
        self._misbehave(_text(message, "ConnectorID"), ChargingFault.STOP_SILENT)
        return {
            "StartChargeSeq": seq,
            "StartChargeSeqStat": int(stage),
            "SuccStat": 1 if reason else 0,
            "FailReason": reason,
        }

    def _status(self, message: Message) -> Message:
        state = self._charging.state(_seq(message, "StartChargeSeq"))
        if state is None:
            raise BadParameters("no such StartChargeSeq")
        return state

    def _misbehave(self, gun_id: str, fault: ChargingFault) -> None:
        silent_s = self._charging.faults.number(fault, gun_id, "seconds", str(_LONGEST_SILENCE_S))
        if silent_s is not None:
            self._charging.faults.sit_out(float(silent_s))
            raise NoAnswer


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadParameters(name)
    return value


def _seq(message: Message, name: str) -> str:
    """Exactly 27 characters: this operator is strict in what it takes."""
    value = _text(message, name)
    if len(value) != _SEQ_LENGTH:
        raise BadParameters(f"{name} has {_SEQ_LENGTH} characters")
    return value
