"""Messages of a partner that has gone mad: whatever comes, it is read or refused, and nothing breaks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.cec import charging, json_text, messages
from adapters.cec.dialects import CEC_2016, DIALECTS
from adapters.cec.envelope import encrypt, sign
from core.station import ConnectorRef
from tests.adapters.cec.test_callbacks import BILL, LOGIN, SEQ, STATE, Partner, web
from tests.adapters.cec.test_messages import CONFIG, PARTNER, ROW, period
from tests.world import make_world

ODD: list[Any] = [
    None, True, 0, -1, 10**40, 1e29, -1e-29, float("inf"), "", " ", "\0", "x" * 5000, "1e999", "nan", "Infinity",
    [], {}, [[]], [{}], {"a": 1}, "2026-99-99 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "²", "１",
]  # fmt: skip
CHECK = {
    "CheckOrderSeq": "3" * 27, "StartTime": "2026-11-22 00:00:00", "EndTime": "2026-11-22 23:59:59", "OrderCount": 1,
    "ChargeOrders": [{"StartChargeSeq": SEQ, "TotalPower": Decimal(1), "TotalMoney": Decimal(2)}],
}  # fmt: skip
FEE = {"StartTime": "00:00", "EndTime": "24:00", "ElectricityFee": Decimal(1), "ServiceFee": Decimal(1)}
STATION = ROW | {"StationFeeDetail": [FEE], "OpenAllDay": 1}
PUSHES: dict[str, dict[str, Any]] = {
    "query_token": LOGIN,
    "notification_stationStatus": {"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": 1, "ParkStatus": 10}},
    "notification_stationInfo": {"StationInfo": STATION},
    "notification_start_charge_result": STATE,
    "notification_equip_charge_status": STATE,
    "notification_stop_charge_result": STATE,
    "notification_charge_order_info": BILL,
    "check_charge_orders": CHECK,
}
ROUNDS = 60


def sealed(partner: Partner, wire: Any) -> dict[str, str]:
    """As the partner's own JSON writer has it, which knows no scales."""
    data = encrypt(partner.keys, json.dumps(wire, default=float).encode())
    stamp, seq = partner.stamps.next()
    sig = sign(partner.keys, partner.operator_id, data, stamp, seq)
    return {"OperatorID": partner.operator_id, "Data": data, "TimeStamp": stamp, "Seq": seq, "Sig": sig}


def mutated(value: Any, rng: random.Random) -> Any:
    if rng.random() < 0.12:
        return rng.choice(ODD)
    if isinstance(value, dict):
        return {key: mutated(part, rng) for key, part in value.items() if rng.random() > 0.03}
    return [mutated(part, rng) for part in value] * rng.choice((1, 1, 2)) if isinstance(value, list) else value


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_push_is_taken_or_refused(dialect: Any, tmp_path: Path) -> None:
    rng, world = random.Random(102), make_world(tmp_path)
    partner = Partner(web(world, dialect).test_client(), world.clock)
    login = partner.push("query_token", dialect.write(CEC_2016.read(LOGIN)))
    partner.token = str(dialect.read(login)["AccessToken"])
    for _ in range(ROUNDS):
        for interface, message in PUSHES.items():
            wire = mutated(dialect.write(CEC_2016.read(message), interface), rng)
            assert partner.send(interface, sealed(partner, wire))["Ret"] in {0, 4004}, wire
        world.clock.advance(seconds=1)


REF = ConnectorRef(PARTNER, "G1")
AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
REPLY = {"StartChargeSeq": SEQ, "StartChargeSeqStat": 1, "SuccStat": 1, "FailReason": 2, "FailReasonMsg": "离线"}
POLICY = {"SuccStat": 0, "ConnectorID": "G1", "SumPeriod": 1, "PolicyInfos": [period("000000")]}
STATES = {
    "StationID": "S1",
    "FullStationID": f"{PARTNER}S1",
    "ConnectorStatusInfos": [{"ConnectorID": "G1", "Status": 1}],
}
ANSWERS: list[tuple[dict[str, Any], Callable[[dict[str, Any], Any], Any]]] = [
    (REPLY, lambda wire, config: charging.read_reply(config.dialect.read(wire), "query_start_charge", config, SEQ)),
    (STATE, lambda wire, config: charging.read_session(config.dialect.read(wire), config, AT)),
    (BILL, lambda wire, config: charging.read_record(config.dialect.read(wire), config)),
    (POLICY, lambda wire, config: messages.read_policy(wire, REF, config)),
    (STATION, lambda wire, config: messages.read_listed_prices(wire, config)),
    (STATION, lambda wire, config: list(messages.read_station(wire, config))),
    (STATES, lambda wire, config: list(messages.read_station_status(wire, config, AT))),
]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_answer_is_read_or_refused(dialect: Any) -> None:
    rng, config = random.Random(102), replace(CONFIG, dialect=dialect)
    for message, read in ANSWERS:
        for _ in range(10 * ROUNDS):
            wire = mutated(dialect.write(CEC_2016.read(message)), rng)
            text = json.dumps(wire, default=float)
            if isinstance(wire, dict) and "Infinity" not in text:
                read(json_text.read(text), config)
