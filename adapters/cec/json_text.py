"""JSON as T/CEC 102 partners check it: numbers are Decimal, and each is written with the scale of its field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

# Places after the point by field (T/CEC 102.2 and 102.3). Acceptance tools look at the written scale: 95.40 is
# right and 95.4 is not.
_PRICES = ("ElecPrice", "SevicePrice", "ServicePrice", "ElectricityFee", "ServiceFee")
_AMOUNTS = (
    "ElecMoney", "ElectMoney", "SeviceMoney", "ServiceMoney", "TotalMoney", "TotalElecMoney", "TotalSeviceMoney",
    "TotalServiceMoney", "DetailElecMoney", "DetailSeviceMoney", "DetailServiceMoney", "TotalOrderMoney",
    "TotalDisputeMoney", "TotalPower", "DetailPower", "TotalOrderPower", "TotalDisputePower",
)  # fmt: skip
_TENTHS = (
    "Power", "Soc", "CurrentA", "CurrentB", "CurrentC", "VoltageA", "VoltageB", "VoltageC",
    "StationElectricity", "EquipmentElectricity", "ConnectorElectricity",
)  # fmt: skip
_POSITIONS = ("StationLng", "StationLat", "EquipmentLng", "EquipmentLat")

SCALES: Mapping[str, int] = (
    dict.fromkeys(_PRICES, 4)
    | dict.fromkeys(_AMOUNTS, 2)
    | dict.fromkeys(_TENTHS, 1)
    | dict.fromkeys(_POSITIONS, 6)
)  # fmt: skip


def read(text: str | bytes) -> Any:
    """Parse JSON, numbers with a point as Decimal. Raises ValueError."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write(value: Any, field: str = "") -> str:
    """JSON text of dicts, lists, text, whole numbers and Decimals. A float is refused: its scale is unknown."""
    if isinstance(value, Mapping):
        members = (f"{json.dumps(key, ensure_ascii=False)}:{write(part, key)}" for key, part in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(write(part, field) for part in value) + "]"
    if isinstance(value, Decimal):
        return _number(value, field)
    if value is None or isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{field or 'value'}: {type(value).__name__} has no form in T/CEC 102")


def _number(value: Decimal, field: str) -> str:
    if not value.is_finite():
        raise ValueError(f"{field} is not a number: {value}")
    places = SCALES.get(field)
    if places is not None:
        value = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return format(value, "f")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
