"""What the sandbox operator says of a charge, as T/CEC 102.3 words it (2016 edition, with its misspellings)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox import keys
from adapters.sandbox.charge import Charge, Stage, Stretch
from adapters.sandbox.life import CHINA, GunState

Message = dict[str, Any]
_ZERO = Decimal("0.00")
_VOLTS_DC, _VOLTS_AC = Decimal(400), Decimal(220)
_AC_UP_TO_KW = Decimal(7)


def charge_status(charge: Charge, now: datetime) -> Message:
    at = min(now, charge.ended_at) if charge.ended_at else now
    stretches, flows = charge.stretches(at), charge.stage is Stage.CHARGING
    volts = _VOLTS_DC if charge.power_kw > _AC_UP_TO_KW else _VOLTS_AC
    energy = charge.energy_kwh(at)
    return {
        "StartChargeSeq": charge.start_seq,
        "StartChargeSeqStat": int(charge.stage),
        "ConnectorID": charge.gun_id,
        "ConnectorStatus": 3 if flows else 2,
        "CurrentA": charge.power_kw * 1000 / volts if flows else _ZERO,
        "VoltageA": volts if flows else _ZERO,
        "Soc": 20 + 60 * energy / charge.wanted_kwh,
        "StartTime": clock(charge.started_at or charge.asked_at),
        "EndTime": clock(at),
        "TotalPower": energy,
        "ElecMoney": sum((one.energy_yuan for one in stretches), _ZERO),
        "SeviceMoney": sum((one.service_yuan for one in stretches), _ZERO),
        "TotalMoney": _total(stretches),
        "SumPeriod": len(stretches),
        "ChargeDetails": [_detail(one) for one in stretches],
    }


def gun_status(gun_id: str, state: GunState) -> Message:
    return {
        "ConnectorStatusInfo": {
            "ConnectorID": gun_id,
            "Status": int(state.status),
            "ParkStatus": int(state.bay),
            "LockStatus": 0,
        }
    }


def start_result(charge: Charge) -> Message:
    # The code that stops the charge at the pile: four digits, the same each time it is told.
    code = int(hashlib.sha256(charge.start_seq.encode()).hexdigest(), 16) % 10_000
    return {
        "StartChargeSeq": charge.start_seq,
        "StartChargeSeqStat": int(charge.stage),
        "ConnectorID": charge.gun_id,
        "StartTime": clock(charge.started_at or charge.asked_at),
        "IdentCode": f"{code:04d}",
    }


def stop_result(charge: Charge) -> Message:
    return {
        "StartChargeSeq": charge.start_seq,
        "StartChargeSeqStat": int(charge.stage),
        "ConnectorID": charge.gun_id,
        "SuccStat": 0,
        "FailReason": 0,
    }


def record(charge: Charge) -> Message:
    """The bill of a charge that has ended."""
    if charge.started_at is None or charge.ended_at is None or charge.stop_reason is None:
        raise ValueError("only a charge that flowed and ended has a bill")
    stretches = charge.stretches(charge.ended_at)
    return {
        "StartChargeSeq": charge.start_seq,
        "ConnectorID": charge.gun_id,
        "StartTime": clock(charge.started_at),
        "EndTime": clock(charge.ended_at),
        "TotalPower": charge.energy_kwh(charge.ended_at),
        "TotalElecMoney": sum((one.energy_yuan for one in stretches), _ZERO),
        "TotalSeviceMoney": sum((one.service_yuan for one in stretches), _ZERO),
        "TotalMoney": _total(stretches),
        "StopReason": int(charge.stop_reason),
        "SumPeriod": len(stretches),
        "ChargeDetails": [_detail(one) for one in stretches],
    }


def check(day: str, records: list[tuple[str, Decimal, Decimal]]) -> Message:
    number = int(hashlib.sha256(f"{day} {len(records)}".encode()).hexdigest(), 16) % 10**18
    return {
        "CheckOrderSeq": f"{keys.OPERATOR_ID}{number:018d}",
        "StartTime": f"{day} 00:00:00",
        "EndTime": f"{day} 23:59:59",
        "OrderCount": len(records),
        "TotalOrderPower": sum((energy for _, energy, _ in records), _ZERO),
        "TotalOrderMoney": sum((total for _, _, total in records), _ZERO),
        "ChargeOrders": [
            {"StartChargeSeq": seq, "TotalPower": energy, "TotalMoney": total} for seq, energy, total in records
        ],
    }


def clock(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _total(stretches: list[Stretch]) -> Decimal:
    return sum((one.energy_yuan + one.service_yuan for one in stretches), _ZERO)


def _detail(stretch: Stretch) -> Message:
    return {
        "DetailStartTime": clock(stretch.start),
        "DetailEndTime": clock(stretch.end),
        "ElecPrice": stretch.period.energy,
        "SevicePrice": stretch.period.service,
        "DetailPower": stretch.energy_kwh,
        "DetailElecMoney": stretch.energy_yuan,
        "DetailSeviceMoney": stretch.service_yuan,
    }
