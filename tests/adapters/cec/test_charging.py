"""Commands to a partner that answers what we tell it to, and what is made of each answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.cec import charging
from adapters.cec.client import CecClient
from adapters.cec.dialects import CEC_2016, DIALECTS, XIAOJU
from adapters.cec.sequences import is_ours, mint_start_seq
from adapters.cec.supplier import CecSupplier
from core.charging import ChargingState, CommandReply, Outcome, SessionUpdate
from core.clock import SystemClock
from core.errors import SupplierUnavailable
from core.ports import ChecksGuns, StartsCharging
from core.station import ConnectorRef, Rejected
from tests.adapters.cec.test_client import Partner
from tests.adapters.cec.test_messages import CONFIG, PARTNER

SEQ = "KILOWATCH" + "A1B2C3D4E5F6G7H8I9"
GUN = ConnectorRef(PARTNER, "G1")
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STATE = {"StartChargeSeq": SEQ, "StartChargeSeqStat": 2, "ConnectorID": "G1"}


@pytest.fixture
def partner() -> Iterator[Partner]:
    partner = Partner()
    yield partner
    partner.close()


@pytest.fixture
def supplier(partner: Partner) -> CecSupplier:
    """Of a dialect that has no check of a gun: each command is one exchange."""
    plain = replace(CEC_2016, asks_before_start=False)
    return CecSupplier(replace(partner.config, dialect=plain, start_reasons={91: "gun_busy"}), SystemClock())


def test_offers_the_ports(supplier: CecSupplier) -> None:
    assert isinstance(supplier, StartsCharging)
    assert isinstance(supplier, ChecksGuns)


class TestNumbers:
    def test_a_number_is_ours_and_never_twice(self) -> None:
        seqs = {mint_start_seq("KILOWATCH") for _ in range(1000)}
        assert len({seq.upper() for seq in seqs}) == 1000
        assert all(is_ours(seq, "KILOWATCH") and len(seq) == 27 for seq in seqs)

    def test_from_a_source_of_chance(self) -> None:
        count = itertools.count()
        assert mint_start_seq("MA1234567", lambda most: next(count) % most) == "MA12345670123456789ABCDEFGH"
        with pytest.raises(ValueError, match="9"):
            mint_start_seq("MA123")

    @pytest.mark.parametrize(
        "seq", ["", "A1", SEQ[:-1], SEQ + "0", "MA1234567" + SEQ[9:], SEQ[:-1] + "/", SEQ[:-1] + "é"]
    )
    def test_other_numbers_are_not_sent(self, partner: Partner, supplier: CecSupplier, seq: str) -> None:
        with pytest.raises(ValueError, match="18"):
            supplier.start(GUN, start_seq=seq)
        assert "query_start_charge" not in partner.calls


def ok(**more: Any) -> dict[str, Any]:
    return {
        "StartChargeSeq": SEQ,
        "StartChargeSeqStat": 1,
        "ConnectorID": "G1",
        "SuccStat": 0,
        "FailReason": 0,
    } | more


class TestStart:
    @pytest.mark.parametrize(
        ("answer", "outcome", "reason"),
        [
            (ok(), Outcome.ACCEPTED, ""),
            (ok(SuccStat="0"), Outcome.ACCEPTED, ""),
            (ok(SuccStat=1, FailReason=1), Outcome.REJECTED, "no_such_gun"),
            (ok(SuccStat=1, FailReason=2), Outcome.REJECTED, "gun_offline"),
            (ok(SuccStat=1, FailReason=91), Outcome.REJECTED, "gun_busy"),
            (ok(SuccStat=1, FailReason=77), Outcome.REJECTED, "other"),
            (ok(SuccStat=1), Outcome.REJECTED, "other"),
            (ok(SuccStat=1, StartChargeSeqStat=2, FailReason=1), Outcome.UNKNOWN, ""),
            (ok(SuccStat=None), Outcome.UNKNOWN, ""),
            (ok(StartChargeSeq="KILOWATCH" + "0" * 18), Outcome.UNKNOWN, ""),
            ({}, Outcome.UNKNOWN, ""),
            (4004, Outcome.REJECTED, "other"),
            (4001, Outcome.REJECTED, "other"),
            (4006, Outcome.REJECTED, "other"),
            (-1, Outcome.UNKNOWN, ""),
            (500, Outcome.UNKNOWN, ""),
        ],
    )
    def test_answers(
        self, partner: Partner, supplier: CecSupplier, answer: Any, outcome: Outcome, reason: str
    ) -> None:
        partner.answers["query_start_charge"] = lambda message: answer
        reply = supplier.start(GUN, start_seq=SEQ, gun_code_rest="rest")
        assert (reply.outcome, reply.reason) == (outcome, reason)
        assert partner.calls["query_start_charge"] == 1
        assert partner.messages[-1] == {"StartChargeSeq": SEQ, "ConnectorID": "G1", "QRCode": "rest"}

    @pytest.mark.parametrize("code", [500, 503, 429])
    def test_a_failed_request_is_not_repeated(self, partner: Partner, supplier: CecSupplier, code: int) -> None:
        partner.answers["query_start_charge"] = lambda message: ok()
        partner.answers["query_equip_auth"] = lambda message: {"SuccStat": 0}
        supplier.check(GUN)
        partner.fails = [code]
        assert supplier.start(GUN, start_seq=SEQ).outcome is Outcome.UNKNOWN
        assert partner.calls["query_start_charge"] == 1

    def test_what_never_left_is_unknown_and_says_so(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_token"] = lambda message: 500
        assert supplier.start(GUN, start_seq=SEQ) == CommandReply(Outcome.UNKNOWN, "not_sent", "Ret 500 no")
        assert "query_start_charge" not in partner.calls

    def test_a_refused_token_is_no_answer_to_the_start(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_start_charge"] = lambda message: ok()
        partner.answers["query_equip_auth"] = lambda message: {"SuccStat": 0}
        supplier.check(GUN)
        partner.tokens.append("somebody else's login")
        assert supplier.start(GUN, start_seq=SEQ).outcome is Outcome.ACCEPTED


class TestCheckBeforeStart:
    @pytest.fixture
    def careful(self, partner: Partner) -> CecSupplier:
        partner.answers["query_start_charge"] = lambda message: ok()
        return CecSupplier(replace(partner.config, auth_reasons={10: "gun_offline"}), SystemClock())

    def test_who_is_asked_first(self) -> None:
        careful = {name for name, dialect in DIALECTS.items() if dialect.asks_before_start}
        assert careful == {"cec-2016", "xiaoju", "starcharge"}

    def test_a_gun_that_may_be_started_is_started(self, partner: Partner, careful: CecSupplier) -> None:
        assert careful.start(GUN, start_seq=SEQ) == CommandReply(Outcome.ACCEPTED)
        asked, started = partner.messages[-2:]
        assert asked["ConnectorID"] == started["ConnectorID"] == "G1"
        assert asked["EquipAuthSeq"] != started["StartChargeSeq"] == SEQ

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ({"SuccStat": 1, "FailReason": 1}, "not_plugged_in"),
            ({"SuccStat": 1, "FailReason": 2}, "gun_fault"),
            ({"SuccStat": 1, "FailReason": 10}, "gun_offline"),
            ({"SuccStat": 1, "FailReason": 11}, "other"),
            (4004, "other"),
            # Nobody has said yes or no, and no start was sent: that is certain.
            ({}, "not_sent"),
            ({"SuccStat": "maybe"}, "not_sent"),
            ({"SuccStat": 0, "ConnectorID": "G2"}, "not_sent"),
            (-1, "not_sent"),
            (500, "not_sent"),
        ],
    )
    def test_without_a_yes_nothing_is_started(
        self, partner: Partner, careful: CecSupplier, answer: Any, reason: str
    ) -> None:
        partner.answers["query_equip_auth"] = lambda message: answer
        reply = careful.start(GUN, start_seq=SEQ)
        assert (reply.outcome, reply.reason) == (Outcome.REJECTED, reason)
        assert "query_start_charge" not in partner.calls

    def test_a_lost_start_is_still_silence(self, partner: Partner, careful: CecSupplier) -> None:
        partner.answers["query_start_charge"] = lambda message: 500
        assert careful.start(GUN, start_seq=SEQ).outcome is Outcome.UNKNOWN


class TestStopAndCheck:
    @pytest.mark.parametrize(
        ("answer", "outcome", "reason"),
        [
            (ok(StartChargeSeqStat=3), Outcome.ACCEPTED, ""),
            (ok(SuccStat=1, FailReason=1), Outcome.REJECTED, "no_such_gun"),
            (ok(SuccStat=1, FailReason=2), Outcome.REJECTED, "gun_offline"),
            (ok(SuccStat=1, FailReason=3), Outcome.REJECTED, "already_ended"),
            (ok(SuccStat=1, FailReason=50, StartChargeSeqStat=4), Outcome.REJECTED, "already_ended"),
            (-1, Outcome.UNKNOWN, ""),
        ],
    )
    def test_stop(self, partner: Partner, supplier: CecSupplier, answer: Any, outcome: Outcome, reason: str) -> None:
        partner.answers["query_stop_charge"] = lambda message: answer
        reply = supplier.stop(GUN, start_seq=SEQ)
        assert (reply.outcome, reply.reason) == (outcome, reason)
        assert partner.messages[-1] == {"StartChargeSeq": SEQ, "ConnectorID": "G1"}
        assert partner.calls["query_stop_charge"] == 1

    @pytest.mark.parametrize(
        ("answer", "outcome", "reason", "detail"),
        [
            ({"SuccStat": 0, "FailReason": 0}, Outcome.ACCEPTED, "", ""),
            ({"SuccStat": 1, "FailReason": 1}, Outcome.REJECTED, "not_plugged_in", "FailReason 1"),
            ({"SuccStat": 1, "FailReason": 2, "FailReasonMsg": "急停"}, Outcome.REJECTED, "gun_fault", "急停"),
            ({"SuccStat": 1, "FailReason": 9}, Outcome.REJECTED, "other", "FailReason 9"),
        ],
    )
    def test_check(
        self, partner: Partner, supplier: CecSupplier, answer: Any, outcome: Outcome, reason: str, detail: str
    ) -> None:
        partner.answers["query_equip_auth"] = lambda message: answer
        assert supplier.check(GUN) == CommandReply(outcome, reason, detail)
        assert is_ours(partner.messages[-1]["EquipAuthSeq"], "KILOWATCH")

    def test_a_busy_partner_is_asked_again_what_may_be_asked_again(self, partner: Partner) -> None:
        answers: list[Any] = [-1, -1, {"SuccStat": 0}]
        pauses: list[float] = []
        client = CecClient(partner.config, SystemClock(), sleep=pauses.append)
        partner.answers["query_equip_auth"] = lambda message: answers.pop(0)
        assert client.query_equip_auth("G1") == {"SuccStat": 0}
        assert len(pauses) == 2
        answers += [-1] * 3
        with pytest.raises(SupplierUnavailable, match="Ret -1"):
            client.query_equip_auth("G1")
        assert not answers


class TestSession:
    def test_the_live_state(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_equip_charge_status"] = lambda message: STATE | {"TotalPower": Decimal("1.50")}
        update = supplier.session(SEQ)
        assert update is not None
        assert (update.start_seq, update.ref, update.state) == (SEQ, GUN, ChargingState.CHARGING)
        assert update.energy_kwh == Decimal("1.5")

    @pytest.mark.parametrize(
        "answer", [4004, 4008, 4010, {}, {"SuccStat": 1, "FailReason": 1, "StartChargeSeq": SEQ}]
    )
    def test_no_such_session(self, partner: Partner, supplier: CecSupplier, answer: Any) -> None:
        partner.answers["query_equip_charge_status"] = lambda message: answer
        assert supplier.session(SEQ) is None

    @pytest.mark.parametrize("answer", [-1, 500, 4001, 4005, STATE | {"StartChargeSeq": SEQ[:-1] + "X"},
                                        STATE | {"StartChargeSeqStat": 9}])  # fmt: skip
    def test_no_answer_is_not_no_session(self, partner: Partner, supplier: CecSupplier, answer: Any) -> None:
        partner.answers["query_equip_charge_status"] = lambda message: answer
        with pytest.raises(SupplierUnavailable):
            supplier.session(SEQ)

    def test_xiaoju(self, partner: Partner) -> None:
        supplier = CecSupplier(replace(partner.config, dialect=XIAOJU), SystemClock())
        answer = STATE | {
            "ElectMoney": Decimal("1.00"),
            "ServiceMoney": Decimal("0.50"),
            "TotalMoney": Decimal("1.50"),
        }
        partner.answers["query_equip_charge_status"] = lambda message: answer
        update = supplier.session(SEQ)
        assert update is not None
        assert update.cost == Decimal("1.5")


class TestReading:
    def read(self, **more: Any) -> SessionUpdate:
        update = charging.read_session(STATE | more, CONFIG, AT)
        assert isinstance(update, SessionUpdate)
        return update

    @pytest.mark.parametrize(
        ("end", "at"),
        [
            ("2026-11-23 11:59:00", AT - timedelta(minutes=1)),
            ("2026-11-23 11:00:00", AT),  # before it began
            ("2026-11-23 13:00:00", AT),  # not yet
            ("", AT),
            ("yesterday", AT),
        ],
    )
    def test_when_it_was_so(self, end: str, at: datetime) -> None:
        assert self.read(StartTime="2026-11-23 11:30:00", EndTime=end).at == at

    def test_three_phases(self) -> None:
        phases = {
            f"{what}{phase}": Decimal(value) for phase in "ABC" for what, value in (("Voltage", 230), ("Current", 16))
        }
        assert self.read(**phases).power_kw == Decimal("11.04")
        assert self.read(VoltageA=Decimal(230), CurrentA=Decimal(16)).power_kw == Decimal("3.68")
        assert self.read().power_kw is None

    @pytest.mark.parametrize("value", ["x", None, -1, Decimal("1E30"), True])
    def test_amounts_that_cannot_be(self, value: Any) -> None:
        update = self.read(TotalPower=value, TotalMoney=value, Soc=value)
        assert (update.energy_kwh, update.cost, update.soc_percent) == (None, None, None)

    def test_the_published_answer_of_2017(self) -> None:
        vectors = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "cec.json"
        if not vectors.exists():
            pytest.skip("the shared vectors are not there")
        [vector] = [one for one in json.loads(vectors.read_text())["crypto"] if one["id"].startswith("aes-only")]
        wire = json.loads(vector["plaintext"], parse_float=Decimal)
        update = charging.read_session(CONFIG.dialect.read(wire), CONFIG, AT)
        assert isinstance(update, SessionUpdate)
        assert (update.state, update.energy_kwh, update.cost) == (ChargingState.CHARGING, Decimal(0), Decimal(0))
        assert update.started_at == datetime(2017, 5, 15, 3, 18, 10, tzinfo=UTC)
        assert update.at == AT  # its EndTime is before its StartTime

    def test_a_bill_with_one_bad_stretch_keeps_its_totals(self) -> None:
        bill = {
            "StartChargeSeq": SEQ, "ConnectorID": "G1", "StartTime": "2026-11-23 11:00:00",
            "EndTime": "2026-11-23 11:30:00", "TotalPower": 10, "TotalMoney": 15, "ChargeDetails": [{}],
        }  # fmt: skip
        record = charging.read_record(bill, CONFIG)
        assert not isinstance(record, Rejected)
        assert not record.periods
        assert (record.total_cost, record.stop_reason) == (Decimal(15), "")
        assert charging.adds_up(record)

    @pytest.mark.parametrize("name", ["Vin", "VIN", "vin", "IdentCode", "identCode", "PhoneNo"])
    def test_who_drives_is_not_kept(self, name: str) -> None:
        bill = {
            "StartChargeSeq": SEQ, "ConnectorID": "G1", "StartTime": "2026-11-23 11:00:00",
            "EndTime": "2026-11-23 11:30:00", "TotalPower": 10, "TotalMoney": 15, name: "CANARY",
        }  # fmt: skip
        for message in (bill, bill | {"TotalMoney": "free"}):
            assert "CANARY" not in charging.read_record(message, CONFIG).raw

    def test_a_bill_for_somebody_elses_number(self) -> None:
        bill = {
            "StartChargeSeq": "MA7654321" + "0" * 18, "ConnectorID": "G1", "StartTime": "2026-11-23 11:00:00",
            "EndTime": "2026-11-23 11:30:00", "TotalPower": 10, "TotalMoney": 15, "StopReason": 42,
        }  # fmt: skip
        record = charging.read_record(bill, CONFIG)
        assert not isinstance(record, Rejected)
        assert (record.start_seq, record.stop_reason) == ("", "code 42")
