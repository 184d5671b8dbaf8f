"""T/CEC 102 words about charging into ours: replies to commands, the live state, the bill, the daily check.

Messages come in our spelling and units (`Dialect.read`). Times on the wire have no zone: they are China's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.cec import fields
from adapters.cec.config import CecConfig
from adapters.cec.envelope import CHINA
from adapters.cec.sequences import is_ours
from core.charging import ChargeRecord, ChargingState, CommandReply, Outcome, RecordPeriod, SessionUpdate
from core.statements import OrderCheck, StatedOrder
from core.station import ConnectorRef, Rejected

CURRENCY = "CNY"
Message = Mapping[str, Any]

OK = 0  # SuccStat
STATES: Mapping[int, ChargingState] = {
    1: ChargingState.STARTING,
    2: ChargingState.CHARGING,
    3: ChargingState.STOPPING,
    4: ChargingState.ENDED,
    5: ChargingState.UNKNOWN,
}
# FailReason by interface; 3-99 are the partner's own, see `CecConfig.start_reasons` and `auth_reasons`.
_REASONS: Mapping[str, Mapping[int, str]] = {
    "query_equip_auth": {1: "not_plugged_in", 2: "gun_fault"},
    "query_start_charge": {1: "no_such_gun", 2: "gun_offline"},
    "query_stop_charge": {1: "no_such_gun", 2: "gun_offline", 3: "already_ended"},
}
_STOP_REASONS: Mapping[int, str] = {0: "user", 1: "platform", 2: "vehicle", 3: "gun_fault", 4: "disconnected"}
# Not kept anywhere, in whatever capitals: the code that stops a charge at the pile, and who drives.
_SECRET_FIELDS = frozenset({"identcode", "vin", "plateno", "platenum", "phoneno", "phone", "idcard"})

_MOST_KWH, _MOST_YUAN, _MOST_DETAILS = Decimal(10_000), Decimal(1_000_000), 1000
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_PHASES = ("A", "B", "C")
_CENT = Decimal("0.01")


# --- replies to commands --------------------------------------------------------------------------------------


def read_auth(answer: Message, connector_id: str, config: CecConfig) -> CommandReply:
    """What a partner says of a gun that is to be started."""
    named = fields.id_(answer, "ConnectorID")
    if named and named != connector_id:
        return CommandReply(Outcome.UNKNOWN, detail=f"the answer is about {named}")
    return read_reply(answer, "query_equip_auth", config)


def read_reply(answer: Message, interface: str, config: CecConfig, start_seq: str = "") -> CommandReply:
    """What a partner says to a start, a stop or a question about a gun. Whatever contradicts itself is UNKNOWN."""
    named = fields.id_(answer, "StartChargeSeq")
    if start_seq and named and named != start_seq:
        return CommandReply(Outcome.UNKNOWN, detail=f"the answer is about {named}")
    success = fields.whole(answer, "SuccStat")
    if success is None:
        return CommandReply(Outcome.UNKNOWN, detail="no SuccStat")
    if success == OK:
        return CommandReply(Outcome.ACCEPTED)
    state = STATES.get(fields.whole(answer, "StartChargeSeqStat") or 0)
    if interface == "query_start_charge" and state in {ChargingState.CHARGING, ChargingState.STOPPING}:
        return CommandReply(Outcome.UNKNOWN, detail="refused, and charging all the same")
    if interface == "query_stop_charge" and state is ChargingState.ENDED:
        return CommandReply(Outcome.REJECTED, "already_ended")
    code = fields.whole(answer, "FailReason")
    own = {"query_start_charge": config.start_reasons, "query_equip_auth": config.auth_reasons}
    known = {**own.get(interface, {}), **_REASONS[interface]}
    words = fields.text(answer, "FailReasonMsg")
    return CommandReply(Outcome.REJECTED, known.get(code or 0, "other"), words or f"FailReason {code}")


# --- the live state -------------------------------------------------------------------------------------------


def read_session(message: Message, config: CecConfig, received_at: datetime) -> SessionUpdate | Rejected:
    """The live state of one charge, asked for or pushed; also the result of a start or a stop."""
    start_seq, connector_id = fields.id_(message, "StartChargeSeq"), fields.id_(message, "ConnectorID")
    if not start_seq or not connector_id:
        return _rejected(start_seq, "missing_id", "StartChargeSeq or ConnectorID", message)
    state = STATES.get(fields.whole(message, "StartChargeSeqStat") or 0)
    if state is None:
        return _rejected(start_seq, "bad_state", f"{message.get('StartChargeSeqStat')!r:.40}", message)
    started_at = _time(message, "StartTime")
    return SessionUpdate(
        start_seq=start_seq,
        ref=ConnectorRef(config.their_operator_id, connector_id),
        state=state,
        at=_sampled_at(_time(message, "EndTime"), started_at, received_at),
        supplier_session_id=start_seq,
        started_at=started_at,
        energy_kwh=_amount(message, "TotalPower", _MOST_KWH),
        power_kw=_power_kw(message),
        soc_percent=_amount(message, "Soc", Decimal(100)),
        cost=_amount(message, "TotalMoney", _MOST_YUAN),
        currency=CURRENCY,
    )


def failed_start(message: Message) -> bool:
    """A start result that says so; some partners add SuccStat to it."""
    return fields.whole(message, "SuccStat") not in {OK, None}


def _sampled_at(said: datetime | None, started_at: datetime | None, received_at: datetime) -> datetime:
    """EndTime is when the values were read. Seen before StartTime (a log of 2017): then when we heard them."""
    if said is None or (started_at and said < started_at) or said > received_at:
        return received_at
    return said


def _power_kw(message: Message) -> Decimal | None:
    """Volts times amps over the phases in use; one phase and DC use A alone."""
    watts = []
    for phase in _PHASES:
        volts, amps = fields.number(message, f"Voltage{phase}"), fields.number(message, f"Current{phase}")
        if volts is not None and amps is not None:
            watts.append(abs(volts * amps))
    return sum(watts, Decimal(0)) / 1000 if watts else None


# --- the bill -------------------------------------------------------------------------------------------------


def read_record(message: Message, config: CecConfig) -> ChargeRecord | Rejected:
    """The supplier's bill. Its number is the one of the charge: the protocol has no other."""
    record_id, connector_id = fields.id_(message, "StartChargeSeq"), fields.id_(message, "ConnectorID")
    if not record_id or not connector_id:
        return _rejected(record_id, "missing_id", "StartChargeSeq or ConnectorID", message)
    started_at, ended_at = _time(message, "StartTime"), _time(message, "EndTime")
    energy, total = _amount(message, "TotalPower", _MOST_KWH), _amount(message, "TotalMoney", _MOST_YUAN)
    if started_at is None or ended_at is None or ended_at < started_at:
        return _rejected(record_id, "bad_times", "StartTime or EndTime", message)
    if energy is None or total is None:
        return _rejected(record_id, "bad_amounts", "TotalPower or TotalMoney", message)
    code = fields.whole(message, "StopReason")
    reasons = {**_STOP_REASONS, **config.dialect.stop_reasons}
    return ChargeRecord(
        record_id=record_id,
        start_seq=record_id if is_ours(record_id, config.our_operator_id) else "",
        ref=ConnectorRef(config.their_operator_id, connector_id),
        started_at=started_at,
        ended_at=ended_at,
        energy_kwh=energy,
        total_cost=total,
        currency=CURRENCY,
        energy_cost=_amount(message, "TotalElecMoney", _MOST_YUAN),
        service_cost=_amount(message, "TotalServiceMoney", _MOST_YUAN),
        stop_reason=reasons.get(code, f"code {code}") if code is not None else "",
        periods=tuple(_periods(message)),
        raw=_raw(message),
    )


def adds_up(record: ChargeRecord) -> bool:
    """Whether the parts of a bill make its whole, a cent of rounding per part allowed."""
    if record.energy_cost is None or record.service_cost is None:
        return True
    return abs(record.energy_cost + record.service_cost - record.total_cost) <= 2 * _CENT


def _periods(message: Message) -> Iterator[RecordPeriod]:
    """The stretches of a bill: all of them, or none, because some would not add up."""
    rows = fields.items(message, "ChargeDetails")[:_MOST_DETAILS]
    periods = [_period(row) for row in rows]
    if all(period is not None for period in periods):
        yield from (period for period in periods if period is not None)


def _period(row: Any) -> RecordPeriod | None:
    if not isinstance(row, Mapping):
        return None
    start, end = _time(row, "DetailStartTime"), _time(row, "DetailEndTime")
    energy = _amount(row, "DetailPower", _MOST_KWH)
    if start is None or end is None or energy is None or end < start:
        return None
    return RecordPeriod(
        start=start,
        end=end,
        energy_kwh=energy,
        energy_price=_amount(row, "ElecPrice", _MOST_YUAN),
        service_price=_amount(row, "ServicePrice", _MOST_YUAN),
        energy_cost=_amount(row, "DetailElecMoney", _MOST_YUAN),
        service_cost=_amount(row, "DetailServiceMoney", _MOST_YUAN),
    )


# --- the daily check ------------------------------------------------------------------------------------------

UNKNOWN_ORDER, WRONG_AMOUNT, WRONG_ENERGY = 1, 2, 3
MOST_ORDERS_A_CHECK = 20_000


def dispute(order: Message, held: ChargeRecord | None) -> dict[str, Any] | None:
    """What is wrong with one order of a check, by the record we hold under its number; None when nothing is."""
    energy, amount = _amount(order, "TotalPower", _MOST_KWH), _amount(order, "TotalMoney", _MOST_YUAN)
    if held is None:
        reason = UNKNOWN_ORDER
    elif amount is None or amount != held.total_cost:
        reason = WRONG_AMOUNT
    elif energy is None or energy != held.energy_kwh:
        reason = WRONG_ENERGY
    else:
        return None
    return {
        "StartChargeSeq": fields.id_(order, "StartChargeSeq"),
        "TotalPower": energy or Decimal(0),
        "TotalMoney": amount or Decimal(0),
        "DisputeReason": reason,
    }


def check_answer(message: Message, disputes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "CheckOrderSeq": fields.id_(message, "CheckOrderSeq"),
        "StartTime": fields.text(message, "StartTime"),
        "EndTime": fields.text(message, "EndTime"),
        "TotalDisputeOrder": len(disputes),
        "TotalDisputePower": sum((one["TotalPower"] for one in disputes), Decimal(0)),
        "TotalDisputeMoney": sum((one["TotalMoney"] for one in disputes), Decimal(0)),
        "DisputeOrders": disputes,
    }


_WHY_DISPUTED = {UNKNOWN_ORDER: "unknown", WRONG_AMOUNT: "amount", WRONG_ENERGY: "energy"}


def read_check(message: Message, disputes: list[dict[str, Any]]) -> OrderCheck:
    """The list itself with what we answered, to be compared with our books."""
    orders = (order for order in fields.items(message, "ChargeOrders") if isinstance(order, Mapping))
    return OrderCheck(
        reference=fields.id_(message, "CheckOrderSeq"),
        since=_time(message, "StartTime"),
        until=_time(message, "EndTime"),
        orders=tuple(
            StatedOrder(
                fields.id_(order, "StartChargeSeq"),
                _amount(order, "TotalPower", _MOST_KWH),
                _amount(order, "TotalMoney", _MOST_YUAN),
            )
            for order in orders
        ),
        disputed={one["StartChargeSeq"]: _WHY_DISPUTED[one["DisputeReason"]] for one in disputes},
    )


# --- parts ----------------------------------------------------------------------------------------------------


def _time(row: Message, name: str) -> datetime | None:
    try:
        return datetime.strptime(fields.text(row, name), _TIME_FORMAT).replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 1 has no UTC in China
        return None


def _amount(row: Message, name: str, most: Decimal) -> Decimal | None:
    found = fields.number(row, name)
    return found if found is not None and 0 <= found <= most else None


def _raw(message: Message) -> str:
    """The bill as it came, in one order of fields, without what nobody needs to keep."""
    return json.dumps(_without_secrets(message), ensure_ascii=False, sort_keys=True, default=str)[:60_000]


def _rejected(external_id: str, reason: str, detail: str, message: Message) -> Rejected:
    return fields.rejected(external_id, reason, detail, _without_secrets(message))


def _without_secrets(message: Message) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name.lower() not in _SECRET_FIELDS}
