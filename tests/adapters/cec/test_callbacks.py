"""Pushes of a partner into the real desk: what is accepted, what is refused, and what twice comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.cec import callbacks, json_text
from adapters.cec.config import Inbound
from adapters.cec.dialects import HMCS, XIAOJU, Dialect
from adapters.cec.envelope import Keys, Stamps, open_response, seal_request, sign
from core.charging import ChargeRecord, ChargingState
from core.ports import SupplierDesk
from core.station import ConnectorRef, ConnectorStatus
from tests.adapters.cec.test_messages import CONFIG, PARTNER, ROW
from tests.world import SetClock, World, make_world

INBOUND = Inbound(
    operator_secret="CANARY-in-operator",
    data_secret="CANARY-in-aes-01",
    data_secret_iv="CANARY-in-iv--01",
    sig_secret="CANARY-in-sig",
)
OURS = replace(CONFIG, inbound=INBOUND)
SEQ = "KILOWATCH" + "A1B2C3D4E5F6G7H8I9"
GUN = ConnectorRef(PARTNER, "G1")
LOGIN = {"OperatorID": PARTNER, "OperatorSecret": INBOUND.operator_secret}
BILL = {
    "StartChargeSeq": SEQ, "ConnectorID": "G1", "StartTime": "2026-11-22 20:00:00", "EndTime": "2026-11-22 21:00:00",
    "TotalPower": Decimal("30.00"), "TotalElecMoney": Decimal("21.90"), "TotalSeviceMoney": Decimal("12.00"),
    "TotalMoney": Decimal("33.90"), "StopReason": 2, "SumPeriod": 1, "Vin": "LSVCANARY00000001",
    "ChargeDetails": [{
        "DetailStartTime": "2026-11-22 20:00:00", "DetailEndTime": "2026-11-22 21:00:00",
        "ElecPrice": Decimal("0.73"), "SevicePrice": Decimal("0.40"), "DetailPower": Decimal("30.00"),
        "DetailElecMoney": Decimal("21.90"),
        "DetailSeviceMoney": Decimal("12.00"),
    }],
}  # fmt: skip
STATE = {
    "StartChargeSeq": SEQ, "StartChargeSeqStat": 2, "ConnectorID": "G1", "ConnectorStatus": 3, "Soc": Decimal("55.5"),
    "CurrentA": Decimal("100.0"), "VoltageA": Decimal("400.0"), "StartTime": "2026-11-22 20:00:00",
    "EndTime": "2026-11-22 20:10:00", "TotalPower": Decimal("6.66"), "TotalMoney": Decimal("7.53"),
}  # fmt: skip


class Partner:
    """Calls us as a partner does, with the keys that we issued to it."""

    def __init__(self, http: FlaskClient, clock: SetClock) -> None:
        self.http, self.clock, self.keys, self.operator_id = http, clock, INBOUND.keys, PARTNER
        self.stamps = Stamps(clock.now)
        self.token = ""
        self.prefix = "/evcs/v1"

    def seal(self, message: Any) -> dict[str, Any]:
        return seal_request(self.operator_id, self.keys, message, self.stamps.next())

    def send(self, interface: str, envelope: Any, **more: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        body = envelope if isinstance(envelope, bytes) else json_text.write(envelope)
        reply = self.http.post(f"{self.prefix}/{interface}", data=body, headers=headers, **more)
        assert reply.status_code == 200
        answer = json.loads(reply.data)
        assert isinstance(answer, dict)
        return answer

    def push(self, interface: str, message: Any) -> dict[str, Any]:
        reply = open_response(self.send(interface, self.seal(message)), self.keys)
        assert reply.ret == 0, reply
        return dict(reply.data)

    def log_in(self) -> None:
        self.token = str(self.push("query_token", LOGIN)["AccessToken"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def web(world: World, dialect: Dialect = OURS.dialect, **inbound: Any) -> Flask:
    def held(supplier_id: str, record_ids: Any) -> dict[str, ChargeRecord]:
        with world.services.database.read() as unit:
            found = {one: unit.records.record(supplier_id, one) for one in record_ids}
        return {one: record for one, record in found.items() if record is not None}

    config = replace(OURS, dialect=dialect, inbound=replace(INBOUND, **inbound))
    app = Flask("web")
    routes = callbacks.blueprint([config], world.services.desk, held, world.clock)
    assert routes is not None
    app.register_blueprint(routes)
    return app


@pytest.fixture
def partner(world: World) -> Partner:
    found = Partner(web(world).test_client(), world.clock)
    found.log_in()
    return found


def status(world: World) -> ConnectorStatus:
    station = world.services.desk.station("acme", "S1")
    assert station is not None
    [gun] = station.connectors
    return gun.status


def session(world: World, seq: str = SEQ) -> Any:
    with world.services.database.read() as unit:
        return unit.records.session("acme", seq)


class TestStations:
    def test_a_pushed_station_is_there_and_its_gun_follows(self, world: World, partner: Partner) -> None:
        assert partner.push(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": 1}}
        ) == {
            "Status": 1  # ignored: no such gun yet
        }
        assert partner.push("notification_stationInfo", {"StationInfo": ROW}) == {"Status": 0}
        for code, ours in ((1, ConnectorStatus.FREE), (3, ConnectorStatus.CHARGING), (255, ConnectorStatus.FAULT)):
            push = {"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": code, "ParkStatus": 10}}
            assert partner.push("notification_stationStatus", push) == {"Status": 0}
            assert status(world) is ours  # all within one second: the last one counts
            world.clock.advance(seconds=0.2)

    def test_an_old_push_sent_again_to_another_process_stays_old(self, world: World, partner: Partner) -> None:
        partner.push("notification_stationInfo", {"StationInfo": ROW})
        free = partner.seal({"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": 1}})
        partner.send("notification_stationStatus", free)
        world.clock.advance(seconds=60)
        partner.push("notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": 3}})
        world.clock.advance(seconds=60)
        partner.http = web(world).test_client()  # remembers nothing
        assert partner.send("notification_stationStatus", free)["Ret"] == 0
        assert status(world) is ConnectorStatus.CHARGING

    @pytest.mark.parametrize(
        "message",
        [{"ConnectorID": "G1", "Status": 3}, {"ConnectorStatusInfo": [{"connectorID": "G1", "Status": 3}]}],
    )
    def test_bare_and_listed_states(self, world: World, partner: Partner, message: Any) -> None:
        partner.push("notification_stationInfo", {"StationInfo": ROW})
        assert partner.push("notification_stationStatus", message) == {"Status": 0}
        assert status(world) is ConnectorStatus.CHARGING

    def test_what_cannot_be_read_is_refused_and_kept(self, world: World, partner: Partner) -> None:
        bad = {"ConnectorStatusInfo": {"ConnectorID": "G1", "Status": 77}}
        assert partner.send("notification_stationStatus", partner.seal(bad))["Ret"] == 4004
        with world.services.database.read() as unit:
            [row] = unit.catalogue.quarantined("acme", 10)
        assert (row.external_id, row.reason) == ("G1", "bad_status")


class TestCharging:
    def test_live_state(self, world: World, partner: Partner) -> None:
        assert partner.push("notification_equip_charge_status", STATE) == {"StartChargeSeq": SEQ, "SuccStat": 0}
        told = session(world)
        assert (told.state, told.ref, told.energy_kwh) == (ChargingState.CHARGING, GUN, Decimal("6.66"))
        assert (told.power_kw, told.soc_percent, told.cost) == (Decimal(40), Decimal("55.5"), Decimal("7.53"))
        assert told.started_at == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        assert told.at == datetime(2026, 11, 22, 12, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("interface", "more", "state"),
        [
            ("notification_start_charge_result", {"StartChargeSeqStat": 2, "IdentCode": "CANARY"}, "charging"),
            ("notification_start_charge_result", {"StartChargeSeqStat": 4, "SuccStat": 1}, "invalid"),
            ("notification_stop_charge_result", {"StartChargeSeqStat": 4, "SuccStat": 0, "FailReason": 0}, "ended"),
            (
                "notification_stop_charge_result",
                {"StartChargeSeqStat": 2, "SuccStat": 1, "FailReason": 2},
                "charging",
            ),
        ],
    )
    def test_results(self, world: World, partner: Partner, interface: str, more: Any, state: str) -> None:
        answer = partner.push(interface, {"StartChargeSeq": SEQ, "ConnectorID": "G1"} | more)
        assert answer == {"StartChargeSeq": SEQ, "SuccStat": 0, "FailReason": 0}
        assert session(world).state == state

    def test_the_bill_is_kept_once_whoever_repeats_it(self, world: World, partner: Partner) -> None:
        confirmed = {"StartChargeSeq": SEQ, "ConnectorID": "G1", "ConfirmResult": 0}
        assert partner.push("notification_charge_order_info", BILL) == confirmed
        world.clock.advance(seconds=60)
        assert partner.push("notification_charge_order_info", BILL) == confirmed
        with world.services.database.read() as unit:
            [record] = unit.records.records_of("acme", SEQ)
        assert (record.energy_kwh, record.total_cost, record.stop_reason) == (
            Decimal(30),
            Decimal("33.90"),
            "vehicle",
        )
        assert (record.energy_cost, record.service_cost) == (Decimal("21.90"), Decimal("12.00"))
        [period] = record.periods
        assert (period.energy_price, period.service_price) == (Decimal("0.73"), Decimal("0.40"))
        assert record.ended_at - record.started_at == timedelta(hours=1)
        assert "CANARY" not in record.raw

    def test_another_bill_under_the_same_number_is_disputed(self, world: World, partner: Partner) -> None:
        partner.push("notification_charge_order_info", BILL)
        dearer = BILL | {"TotalMoney": Decimal("43.90"), "TotalElecMoney": Decimal("31.90")}
        assert partner.push("notification_charge_order_info", dearer)["ConfirmResult"] == 1
        with world.services.database.read() as unit:
            [record] = unit.records.records_of("acme", SEQ)
        assert record.total_cost == Decimal("33.90")

    def test_a_bill_that_does_not_add_up_is_kept_and_disputed(self, world: World, partner: Partner) -> None:
        answer = partner.push("notification_charge_order_info", BILL | {"TotalMoney": Decimal("99.00")})
        assert answer["ConfirmResult"] == 1
        with world.services.database.read() as unit:
            [record] = unit.records.records_of("acme", SEQ)
        assert record.total_cost == Decimal("99.00")

    @pytest.mark.parametrize(
        "wrong", [{"TotalMoney": "free"}, {"EndTime": "2026-11-22 19:00:00"}, {"ConnectorID": ""}]
    )
    def test_a_bill_without_a_meaning_is_refused(self, world: World, partner: Partner, wrong: Any) -> None:
        assert partner.send("notification_charge_order_info", partner.seal(BILL | wrong))["Ret"] == 4004
        with world.services.database.read() as unit:
            assert unit.records.record("acme", SEQ) is None
            [row] = unit.catalogue.quarantined("acme", 10)
        assert "CANARY" not in row.raw

    def test_the_daily_check(self, partner: Partner) -> None:
        def order(seq: str, energy: str, amount: str) -> dict[str, Any]:
            return {"StartChargeSeq": seq, "TotalPower": Decimal(energy), "TotalMoney": Decimal(amount)}

        others = ["KILOWATCH" + f"{n:018d}" for n in range(3)]
        for seq in others:
            partner.push("notification_charge_order_info", BILL | {"StartChargeSeq": seq})
        orders = [
            order(others[0], "30.00", "33.9"),
            order(others[1], "30.00", "34.00"),
            order(others[2], "31.00", "33.90"),
            order(SEQ, "1.00", "1.50"),
        ]
        check = {
            "CheckOrderSeq": "313744932" + "0" * 18, "StartTime": "2026-11-22 00:00:00",
            "EndTime": "2026-11-22 23:59:59", "OrderCount": 4, "TotalOrderPower": Decimal("92.00"),
            "TotalOrderMoney": Decimal("103.30"), "ChargeOrders": orders,
        }  # fmt: skip
        answer = partner.push("check_charge_orders", check)
        reasons = {one["StartChargeSeq"]: one["DisputeReason"] for one in answer["DisputeOrders"]}
        assert reasons == {others[1]: 2, others[2]: 3, SEQ: 1}
        assert answer["CheckOrderSeq"] == check["CheckOrderSeq"]
        assert answer["TotalDisputeOrder"] == 3
        assert str(answer["TotalDisputeMoney"]) == "69.40"  # with the written scale
        assert str(answer["TotalDisputePower"]) == "62.00"


class TestAtTheDoor:
    def test_a_wrong_secret_gets_no_token(self, partner: Partner) -> None:
        answer = partner.push("query_token", LOGIN | {"OperatorSecret": "wrong"})
        assert (answer["SuccStat"], answer["FailReason"], answer["AccessToken"]) == (1, 2, "")
        answer = partner.push("query_token", LOGIN | {"OperatorID": "SOMEBODY1"})
        assert (answer["SuccStat"], answer["FailReason"], answer["AccessToken"]) == (1, 1, "")

    def test_a_token_ends_and_is_not_guessed(self, world: World, partner: Partner) -> None:
        good = partner.token
        for token in ("", "x", "AAAA", good[:-4] + "AAA=", good[4:], "é"):
            partner.token = token
            assert partner.send("notification_equip_charge_status", partner.seal(STATE))["Ret"] == 4002
        partner.token = good
        world.clock.advance(seconds=7190)
        assert partner.send("notification_equip_charge_status", partner.seal(STATE))["Ret"] == 0
        world.clock.advance(seconds=20)
        assert partner.send("notification_equip_charge_status", partner.seal(STATE))["Ret"] == 4002

    def test_a_token_is_good_in_every_process(self, world: World, partner: Partner) -> None:
        partner.http = web(world).test_client()
        assert partner.push("notification_equip_charge_status", STATE)["SuccStat"] == 0

    def test_a_refused_token_does_not_use_the_envelope_up(self, partner: Partner) -> None:
        good, partner.token = partner.token, "old"
        envelope = partner.seal(STATE)
        assert partner.send("notification_equip_charge_status", envelope)["Ret"] == 4002
        partner.token = good
        assert partner.send("notification_equip_charge_status", envelope)["Ret"] == 0

    def test_strangers_and_wrong_signatures_hear_the_same(self, partner: Partner) -> None:
        wrong = partner.seal(STATE) | {"Sig": "0" * 32}
        unknown = seal_request("STRANGER1", Keys("x" * 16, "y" * 16, "z"), STATE, partner.stamps.next())
        answers = [partner.send("notification_equip_charge_status", one) for one in (wrong, unknown)]
        assert answers[0] == answers[1] == {"Ret": 4001, "Msg": "refused", "Data": "", "Sig": ""}

    def test_a_character_moved_between_fields_is_seen(self, partner: Partner) -> None:
        envelope = partner.seal(STATE)
        moved = envelope | {"Data": envelope["Data"][:-1], "TimeStamp": envelope["Data"][-1] + envelope["TimeStamp"]}
        parts = [moved[name] for name in ("OperatorID", "Data", "TimeStamp", "Seq")]
        assert sign(INBOUND.keys, *parts) == envelope["Sig"]  # the signature alone would pass
        assert partner.send("notification_equip_charge_status", moved)["Ret"] == 4003

    @pytest.mark.parametrize("seconds", [-301, 301])
    def test_out_of_time(self, world: World, partner: Partner, seconds: int) -> None:
        world.clock.advance(seconds=-seconds)
        partner.stamps = Stamps(world.clock.now)
        envelope = partner.seal(STATE)
        world.clock.advance(seconds=seconds)
        assert partner.send("notification_equip_charge_status", envelope)["Ret"] == 4001

    @pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b'"x"', b" " * (1024 * 1024 + 1)])
    def test_rubbish(self, partner: Partner, body: bytes) -> None:
        assert partner.send("notification_equip_charge_status", body)["Ret"] == 4003

    def test_data_that_is_no_json_or_no_object_sounds_like_other_bad_data(self, partner: Partner) -> None:
        broken = partner.seal(STATE)
        broken["Data"] = broken["Data"][:24]
        broken["Sig"] = sign(INBOUND.keys, *(broken[name] for name in ("OperatorID", "Data", "TimeStamp", "Seq")))
        answers = [partner.send("notification_equip_charge_status", one) for one in (broken, partner.seal({}))]
        assert answers[0] == answers[1]
        assert (answers[0]["Ret"], answers[0]["Msg"]) == (4004, "refused")

    def test_no_such_interface(self, partner: Partner) -> None:
        assert partner.http.post("/evcs/v1/query_everything").status_code == 404
        assert partner.http.get("/evcs/v1/query_token").status_code == 405

    def test_keys_that_everybody_can_read_work_from_this_machine_only(self, world: World) -> None:
        partner = Partner(web(world, loopback_only=True).test_client(), world.clock)
        partner.log_in()
        away = {"REMOTE_ADDR": "203.0.113.7"}
        login = partner.send("query_token", partner.seal(LOGIN), environ_base=away)
        assert login == {"Ret": 4001, "Msg": "refused", "Data": "", "Sig": ""}
        forwarded = {"X-Forwarded-For": "203.0.113.7"}
        assert partner.send("query_token", partner.seal(LOGIN), headers=forwarded)["Ret"] == 4001

    def test_each_partner_has_its_own_prefix(self, world: World) -> None:
        partner = Partner(web(world, path_prefix="/shevcs/v1").test_client(), world.clock)
        assert partner.http.post("/evcs/v1/query_token").status_code == 404
        partner.prefix = "/shevcs/v1"
        partner.log_in()

    def test_two_partners_cannot_push_under_one_name(self, world: World) -> None:
        twins = [OURS, replace(OURS, supplier_id="other")]
        with pytest.raises(ValueError, match="other"):
            callbacks.blueprint(twins, world.services.desk, lambda *_: {}, world.clock)

    def test_nobody_pushes(self, world: World) -> None:
        assert callbacks.blueprint([CONFIG], world.services.desk, lambda *_: {}, world.clock) is None

    def test_no_secret_reaches_a_log(self, partner: Partner, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        partner.push("query_token", LOGIN)
        partner.send("query_token", partner.seal(LOGIN) | {"Sig": "0" * 32})
        partner.send("notification_charge_order_info", partner.seal(BILL | {"TotalMoney": "free"}))
        partner.push("notification_start_charge_result", STATE | {"IdentCode": "CANARY"})
        assert caplog.records
        assert "CANARY" not in caplog.text


class Flaky:
    """A desk that loses its database at the wrong moment."""

    def __init__(self, desk: SupplierDesk) -> None:
        self._desk, self.fails, self.calls = desk, 0, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            self.calls += 1
            if self.fails:
                self.fails -= 1
                raise OSError("the database is away")
            return getattr(self._desk, name)(*given)

        return call


class TestTheSameRequestAgain:
    @pytest.fixture
    def desk(self, world: World) -> Flaky:
        return Flaky(world.services.desk)

    @pytest.fixture
    def partner(self, world: World, desk: Flaky) -> Partner:
        app = Flask("web")
        routes = callbacks.blueprint([OURS], desk, lambda *_: {}, world.clock)
        assert routes is not None
        app.register_blueprint(routes)
        partner = Partner(app.test_client(), world.clock)
        partner.log_in()
        return partner

    def test_the_same_bytes_get_the_same_answer_and_have_no_effect(self, partner: Partner, desk: Flaky) -> None:
        envelope = partner.seal(BILL)
        first = partner.send("notification_charge_order_info", envelope)
        assert first["Ret"] == 0
        assert partner.send("notification_charge_order_info", envelope) == first
        assert partner.send("notification_charge_order_info", envelope | {"Sig": envelope["Sig"].lower()}) == first
        assert desk.calls == 1

    def test_a_signature_is_for_one_interface(self, partner: Partner, desk: Flaky) -> None:
        envelope = partner.seal(STATE)
        assert partner.send("notification_equip_charge_status", envelope)["Ret"] == 0
        assert partner.send("notification_start_charge_result", envelope)["Ret"] == 4001
        assert desk.calls == 1

    def test_what_could_not_be_kept_is_asked_for_again(self, world: World, partner: Partner, desk: Flaky) -> None:
        desk.fails = 1
        envelope = partner.seal(BILL)
        assert partner.send("notification_charge_order_info", envelope)["Ret"] == -1
        assert partner.send("notification_charge_order_info", envelope)["Ret"] == 0
        with world.services.database.read() as unit:
            assert unit.records.record("acme", SEQ) is not None

    def test_constant_seq_is_honest(self, partner: Partner, desk: Flaky) -> None:
        stamp = partner.stamps.next()
        for n in range(3):
            message = STATE | {"TotalPower": Decimal(n)}
            envelope = seal_request(PARTNER, INBOUND.keys, message, (stamp[0], "0001"))
            assert partner.send("notification_equip_charge_status", envelope)["Ret"] == 0
        assert desk.calls == 3


@pytest.mark.parametrize("dialect", [XIAOJU, HMCS])
def test_a_bill_in_other_words(world: World, dialect: Dialect) -> None:
    partner = Partner(web(world, dialect).test_client(), world.clock)
    login = LOGIN if dialect is XIAOJU else {"operatorId": PARTNER, "operatorSecret": LOGIN["OperatorSecret"]}
    answer = partner.push("query_token", login)
    partner.token = answer["AccessToken" if dialect is XIAOJU else "accessToken"]
    bill: dict[str, Any]
    if dialect is XIAOJU:
        bill = json.loads(json_text.write(BILL).replace("Sevice", "Service"), parse_float=Decimal)
    else:
        bill = {
            "startChargeSeq": SEQ, "connectorId": "G1",
            "startTime": "2026-11-22 20:00:00", "endTime": "2026-11-22 21:00:00", "totalPower": 3000,
            "totalElecMoney": 21_900_000, "totalSeviceMoney": 12_000_000, "totalMoney": 33_900_000,
            "stopReason": 2, "stayCost": 0, "chargeDetails": [{
                "detailStartTime": "2026-11-22 20:00:00", "detailEndTime": "2026-11-22 21:00:00",
                "elecPrice": 730_000, "sevicePrice": 400_000, "detailPower": 3000, "detailElecMoney": 21_900_000,
                "detailSeviceMoney": 12_000_000,
            }],
        }  # fmt: skip
    answer = partner.push("notification_charge_order_info", bill)
    assert answer["ConfirmResult" if dialect is XIAOJU else "confirmResult"] == 0
    with world.services.database.read() as unit:
        record = unit.records.record("acme", SEQ)
    assert record is not None
    assert (record.energy_kwh, record.total_cost) == (Decimal(30), Decimal("33.9"))
    assert record.stop_reason == ("vehicle" if dialect is XIAOJU else "full")
    [period] = record.periods
    assert (period.energy_kwh, period.energy_price, period.service_cost) == (
        Decimal(30),
        Decimal("0.73"),
        Decimal(12),
    )
