"""The envelope against known answers (../shared/vectors/cec.json) and against everything that must be refused."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.cec import envelope
from adapters.cec.envelope import CHINA, EnvelopeRefused, Keys, ReplayWindow, Ret, Stamps
from tests.shared import vectors
from tests.world import SetClock

KEYS = Keys("0123456789abcdef", "fedcba9876543210", "sig-secret-sig-s")
OTHER_KEYS = Keys("0123456789abcdef", "fedcba9876543210", "another-sig-secr")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=CHINA)
US = "KILOWATCH"


def known(kind: str) -> list[Any]:
    found = [one for one in vectors("cec.json")["crypto"] if one["kind"] == kind]
    assert found
    return found


def keys_of(vector: Any) -> Keys:
    return Keys(vector["data_secret"], vector["data_secret_iv"], vector.get("sig_secret", "unused"))


class TestVectors:
    def test_requests_verify_decrypt_and_encrypt_again(self) -> None:
        for vector in known("request_envelope"):
            keys, sent = keys_of(vector), vector["envelope"]
            envelope.verify_request(sent, keys)
            plain = envelope.decrypt(keys, sent["Data"])
            assert plain.decode() == vector["plaintext"]
            assert envelope.encrypt(keys, plain) == sent["Data"]

    def test_a_request_that_is_json_opens_at_its_time(self) -> None:
        opened = 0
        for vector in known("request_envelope"):
            sent = vector["envelope"]
            clock = SetClock(datetime.strptime(sent["TimeStamp"], "%Y%m%d%H%M%S").replace(tzinfo=CHINA))
            if vector["plaintext_is_json"]:
                message = envelope.open_request(sent, keys_of(vector), ReplayWindow(clock.now))
                assert message == json.loads(vector["plaintext"])
                opened += 1
            else:
                with pytest.raises(EnvelopeRefused) as refusal:
                    envelope.open_request(sent, keys_of(vector), ReplayWindow(clock.now))
                assert refusal.value.ret == Ret.BAD_PARAMETERS
        assert opened

    def test_responses_open_and_sign_again(self) -> None:
        for vector in known("response_envelope"):
            keys, sent = keys_of(vector), vector["envelope"]
            reply = envelope.open_response(sent, keys)
            assert (reply.ret, reply.data) == (0, json.loads(vector["plaintext"]))
            assert envelope.encrypt(keys, vector["plaintext"].encode()) == sent["Data"]
            assert envelope.sign(keys, "0", "", sent["Data"]) == sent["Sig"]

    def test_wrapped_base64_decrypts(self) -> None:
        for vector in known("aes_only"):
            assert "\n" in vector["data"]
            plain = envelope.decrypt(keys_of(vector), vector["data"])
            assert plain.decode() == vector["plaintext"]
            assert envelope.encrypt(keys_of(vector), plain) == vector["data"].replace("\n", "")

    def test_the_damaged_copy_is_refused(self) -> None:
        for vector in known("negative_signature"):
            sent, keys = vector["envelope"], keys_of(vector)
            with pytest.raises(EnvelopeRefused) as refusal:
                envelope.verify_request(sent, keys)
            assert refusal.value.ret == Ret.BAD_SIGNATURE
            right = envelope.sign(keys, sent["OperatorID"], sent["Data"], sent["TimeStamp"], sent["Seq"])
            assert right in vector["expected"]


class TestRequests:
    def sealed(self, message: dict[str, Any] | None = None) -> dict[str, str]:
        return envelope.seal_request(US, KEYS, message or {"a": "电"}, ("20261123120000", "0001"))

    def opened(self, sent: dict[str, Any], keys: Keys = KEYS, at: datetime = NOON) -> dict[str, Any]:
        return envelope.open_request(sent, keys, ReplayWindow(SetClock(at).now))

    def refused(self, sent: dict[str, Any], keys: Keys = KEYS, at: datetime = NOON) -> int:
        with pytest.raises(EnvelopeRefused) as refusal:
            self.opened(sent, keys, at)
        return refusal.value.ret

    def test_round_trip(self) -> None:
        assert self.opened(self.sealed()) == {"a": "电"}

    def test_the_same_question_never_looks_the_same(self) -> None:
        assert len({self.sealed()["Sig"] for _ in range(50)}) == 50

    @pytest.mark.parametrize("name", ["OperatorID", "Data", "TimeStamp", "Seq", "Sig"])
    @pytest.mark.parametrize("value", [None, "", 5])
    def test_each_field_is_needed(self, name: str, value: object) -> None:
        assert self.refused(self.sealed() | {name: value}) == Ret.BAD_ENVELOPE

    def test_the_key_must_be_the_right_one(self) -> None:
        assert self.refused(self.sealed(), OTHER_KEYS) == Ret.BAD_SIGNATURE

    @pytest.mark.parametrize("name", ["OperatorID", "Data", "TimeStamp", "Seq", "Sig"])
    def test_every_field_is_signed(self, name: str) -> None:
        sent = self.sealed()
        text = sent[name]
        changed = ("1" if text[0] != "1" else "2") + text[1:]
        assert self.refused(sent | {name: changed}) == Ret.BAD_SIGNATURE

    def test_a_character_moved_to_the_next_field_is_refused(self) -> None:
        sent = self.sealed()
        moved = sent | {"Data": sent["Data"][:-1], "TimeStamp": sent["Data"][-1] + sent["TimeStamp"]}
        joined = ("OperatorID", "Data", "TimeStamp", "Seq")
        assert "".join(moved[name] for name in joined) == "".join(sent[name] for name in joined)
        assert self.refused(moved) == Ret.BAD_ENVELOPE
        shifted = sent | {"TimeStamp": sent["TimeStamp"][:-1], "Seq": sent["TimeStamp"][-1] + sent["Seq"]}
        assert self.refused(shifted) == Ret.BAD_ENVELOPE

    def test_sig_in_small_letters_is_accepted(self) -> None:
        sent = self.sealed()
        assert self.opened(sent | {"Sig": sent["Sig"].lower()})

    def test_wrapped_data_is_signed_as_sent(self) -> None:
        data = envelope.encrypt(KEYS, json.dumps({"a": "x" * 100}).encode())
        wrapped = "\r\n".join(data[n : n + 76] for n in range(0, len(data), 76))
        sig = envelope.sign(KEYS, US, wrapped, "20261123120000", "0001")
        sent = {"OperatorID": US, "Data": wrapped, "TimeStamp": "20261123120000", "Seq": "0001", "Sig": sig}
        assert self.opened(sent) == {"a": "x" * 100}
        assert self.refused(sent | {"Data": data}) == Ret.BAD_SIGNATURE

    @pytest.mark.parametrize("plain", [b"[1]", b"no json", b"\xff", b'{"a": NaN}'])
    def test_what_is_inside_must_be_an_object(self, plain: bytes) -> None:
        data = envelope.encrypt(KEYS, plain)
        sig = envelope.sign(KEYS, US, data, "20261123120000", "0001")
        sent = {"OperatorID": US, "Data": data, "TimeStamp": "20261123120000", "Seq": "0001", "Sig": sig}
        assert self.refused(sent) == Ret.BAD_PARAMETERS

    @pytest.mark.parametrize("data", ["AAAA", "not base64==", "=" * 8])
    def test_signed_rubbish_does_not_crash(self, data: str) -> None:
        sig = envelope.sign(KEYS, US, data, "20261123120000", "0001")
        sent = {"OperatorID": US, "Data": data, "TimeStamp": "20261123120000", "Seq": "0001", "Sig": sig}
        assert self.refused(sent) in {Ret.BAD_PARAMETERS, Ret.BAD_ENVELOPE}

    @pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
    def test_out_of_time(self, minutes: int) -> None:
        assert self.refused(self.sealed(), at=NOON + timedelta(minutes=minutes)) == Ret.BAD_SIGNATURE

    @pytest.mark.parametrize("minutes", [-4, 0, 4])
    def test_in_time(self, minutes: int) -> None:
        assert self.opened(self.sealed(), at=NOON + timedelta(minutes=minutes))

    def test_a_time_that_does_not_exist(self) -> None:
        sent = envelope.seal_request(US, KEYS, {}, ("20261340250000", "0001"))
        assert self.refused(sent) == Ret.BAD_ENVELOPE


class TestReplays:
    def test_the_same_envelope_is_taken_once(self) -> None:
        window = ReplayWindow(SetClock(NOON).now)
        sent = envelope.seal_request(US, KEYS, {"a": 1}, ("20261123120000", "0001"))
        envelope.open_request(sent, KEYS, window)
        for again in (sent, sent | {"Sig": sent["Sig"].lower()}):
            with pytest.raises(EnvelopeRefused) as refusal:
                envelope.open_request(again, KEYS, window)
            assert refusal.value.ret == Ret.BAD_SIGNATURE

    def test_a_constant_seq_is_honest_traffic(self) -> None:
        window = ReplayWindow(SetClock(NOON).now)
        for number in range(3):
            sent = envelope.seal_request(US, KEYS, {"a": number}, ("20261123120000", "0001"))
            assert envelope.open_request(sent, KEYS, window) == {"a": number}

    def test_an_envelope_from_the_future_is_remembered_for_as_long_as_it_would_pass(self) -> None:
        clock = SetClock(NOON)
        window = ReplayWindow(clock.now)
        window.admit(US, "20261123120459", "0001", "AB")
        clock.advance(minutes=9)
        with pytest.raises(EnvelopeRefused, match="seen before"):
            window.admit(US, "20261123120459", "0001", "AB")

    def test_memory_is_bounded_and_freed_by_time(self) -> None:
        clock = SetClock(NOON)
        window = ReplayWindow(clock.now, most=3)
        for number in range(3):
            window.admit(US, "20261123120000", f"{number:04d}", "AB")
        with pytest.raises(EnvelopeRefused) as refusal:
            window.admit(US, "20261123120000", "0009", "AB")
        assert refusal.value.ret == Ret.BUSY
        clock.advance(minutes=6)
        window.admit(US, "20261123120600", "0001", "AB")


class TestResponses:
    def test_round_trip(self) -> None:
        reply = envelope.open_response(envelope.seal_response(KEYS, {"SuccStat": 0}), KEYS)
        assert (reply.ret, reply.msg, reply.data) == (0, "", {"SuccStat": 0})

    def test_ret_may_be_text(self) -> None:
        sent = envelope.seal_response(KEYS, {"a": 1})
        assert envelope.open_response(sent | {"Ret": "0"}, KEYS).data == {"a": 1}

    @pytest.mark.parametrize("signed_as", ["", "null", "None"])
    def test_a_null_msg_is_signed_in_three_ways(self, signed_as: str) -> None:
        data = envelope.encrypt(KEYS, b"{}")
        sent = {"Ret": 0, "Msg": None, "Data": data, "Sig": envelope.sign(KEYS, "0", signed_as, data)}
        assert envelope.open_response(sent, KEYS).data == {}

    @pytest.mark.parametrize(
        "rest", [{}, {"Data": None, "Sig": None}, {"Data": "", "Sig": ""}, {"Data": "x", "Sig": 1}]
    )
    def test_a_refusal_needs_no_signature_and_proves_nothing(self, rest: dict[str, Any]) -> None:
        reply = envelope.open_response({"Ret": 4002, "Msg": "token"} | rest, KEYS)
        assert (reply.ret, reply.msg, reply.data) == (4002, "token", {})

    @pytest.mark.parametrize("change", [{"Sig": None}, {"Sig": "0" * 32}, {"Msg": "x"}, {"Data": None}, {"Ret": True},
                                        {"Ret": None}, {"Ret": "zero"}])  # fmt: skip
    def test_success_needs_all_of_it(self, change: dict[str, Any]) -> None:
        with pytest.raises(EnvelopeRefused):
            envelope.open_response(envelope.seal_response(KEYS, {"a": 1}) | change, KEYS)

    def test_an_answer_signed_by_somebody_else(self) -> None:
        with pytest.raises(EnvelopeRefused, match="signature"):
            envelope.open_response(envelope.seal_response(OTHER_KEYS, {"a": 1}), KEYS)

    @pytest.mark.parametrize("answer", [None, [], "ok", 0])
    def test_an_answer_of_another_shape(self, answer: object) -> None:
        with pytest.raises(EnvelopeRefused):
            envelope.open_response(answer, KEYS)


class TestStamps:
    def test_seq_counts_within_a_second_and_starts_anew(self) -> None:
        clock = SetClock(datetime(2026, 11, 23, 4, 0, 0, 300_000, tzinfo=UTC))
        stamps = Stamps(clock.now)
        assert [stamps.next() for _ in range(3)] == [("20261123120000", f"000{n}") for n in (1, 2, 3)]
        clock.advance(seconds=1)
        assert stamps.next() == ("20261123120001", "0001")

    def test_no_pair_twice_when_the_clock_goes_back_or_a_second_is_full(self) -> None:
        clock = SetClock(NOON)
        stamps = Stamps(clock.now)
        given = [stamps.next() for _ in range(9_999)]
        clock.advance(seconds=-5)
        given += [stamps.next() for _ in range(10)]
        assert len(set(given)) == len(given)
        assert given[-1] == ("20261123120001", "0010")

    def test_no_pair_twice_from_many_threads(self) -> None:
        stamps = Stamps(SetClock(NOON).now)
        given: list[tuple[str, str]] = []
        threads = [
            threading.Thread(target=lambda: given.extend([stamps.next() for _ in range(500)])) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(given)) == len(given) == 4_000


class TestKeys:
    def test_secrets_do_not_show(self) -> None:
        shown = repr(KEYS)
        assert not any(secret in shown for secret in (KEYS.data_secret, KEYS.data_secret_iv, KEYS.sig_secret))

    @pytest.mark.parametrize("keys", [("short", "f" * 16, "s"), ("f" * 16, "电" * 16, "s"), ("f" * 16, "f" * 16, "")])
    def test_keys_that_cannot_be(self, keys: tuple[str, str, str]) -> None:
        with pytest.raises(ValueError, match=r"data_secret|sig_secret") as error:
            Keys(*keys)
        assert "ffff" not in str(error.value)
