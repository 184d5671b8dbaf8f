"""WeChat's published examples, posted to the running application with the clock set to their time."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask import Flask

from bots.wechat import crypto
from bots.wechat.config import WechatConfig
from bots.wechat.crypto import Refused, SafeMode, signature_of
from bots.wechat.webhook import blueprint
from tests.bots.wechat.pretend import AES_KEY, opened, sealed, served
from tests.shared import vectors
from tests.world import SetClock, World


def of_kind(kind: str) -> list[dict[str, Any]]:
    found = [one for one in vectors("wechat.json")["vectors"] if one["kind"] == kind]
    assert found, f"no vector of kind {kind}"
    return found


def config(vector: dict[str, Any]) -> WechatConfig:
    return WechatConfig(
        app_id=vector.get("appid", "wx"),
        token=vector.get("token", "token"),
        aes_key=vector.get("encoding_aes_key", AES_KEY),
    )


def safe(vector: dict[str, Any]) -> SafeMode:
    return SafeMode(config(vector), clock_of(vector))


def clock_of(vector: dict[str, Any]) -> SetClock:
    return SetClock(datetime.fromtimestamp(int(vector.get("timestamp", "0")), UTC))


def query(vector: dict[str, Any]) -> dict[str, str]:
    signed = {name: vector[name] for name in ("timestamp", "nonce", "msg_signature")}
    return signed | {"encrypt_type": "aes"}


def envelope(vector: dict[str, Any]) -> str:
    return vector.get("body") or f"<xml><Encrypt><![CDATA[{vector['encrypt']}]]></Encrypt></xml>"


def test_url_check(world: World) -> None:
    for vector in of_kind("url_verify_plain"):
        app = Flask("vector")
        app.register_blueprint(blueprint(world.services, config(vector)))
        with served(app) as url:
            asked = {name: vector[name] for name in ("timestamp", "nonce", "signature", "echostr")}
            answer = requests.get(url, params=asked, timeout=10)
            assert (answer.status_code, answer.text) == (200, vector["expect_body"])


def test_plain_push_is_genuine_and_still_refused(world: World) -> None:
    for vector in of_kind("push_plain"):
        assert signature_of(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]
        world.clock.time = clock_of(vector).time
        app = Flask("vector")
        app.register_blueprint(blueprint(world.services, config(vector)))
        with served(app) as url:
            asked = {name: vector[name] for name in ("timestamp", "nonce", "signature")}
            assert requests.post(url, params=asked, data=vector["body"], timeout=10).status_code == 403


def test_pushes_open() -> None:
    for vector in of_kind("decrypt"):
        encrypted, text = safe(vector).open(query(vector), envelope(vector).encode())
        assert encrypted == vector["encrypt"]
        assert text == vector["plaintext"]


def test_pushes_reach_the_application(world: World) -> None:
    for vector in of_kind("decrypt"):
        world.clock.time = clock_of(vector).time
        app = Flask("vector")
        app.register_blueprint(blueprint(world.services, config(vector)))
        with served(app) as url:
            answer = requests.post(url, params=query(vector), data=envelope(vector), timeout=20)
        if vector["format"] == "json":
            assert answer.status_code == 400
        elif "debug_demo" in vector["plaintext"]:
            assert answer.text == "success"
        else:
            encrypted = answer.text.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
            assert "<![CDATA[text]]>" in opened(encrypted, aes_key=vector["encoding_aes_key"], app_id=vector["appid"])


@pytest.mark.parametrize("field", ["encrypt", "timestamp", "nonce", "msg_signature"])
def test_pushes_with_one_character_changed(field: str) -> None:
    for vector in of_kind("decrypt"):
        first = "1" if vector[field][0] != "1" else "2"
        bent = vector | {field: first + vector[field][1:]}
        body = f"<xml><Encrypt><![CDATA[{bent['encrypt']}]]></Encrypt></xml>"
        with pytest.raises(Refused) as refused:
            safe(vector).open(query(bent), body.encode())
        assert refused.value.status == 403


def test_pushes_for_another_account() -> None:
    for vector in of_kind("decrypt"):
        other = SafeMode(config(vector | {"appid": vector["appid"] + "0"}), clock_of(vector))
        with pytest.raises(Refused, match="wrong_appid"):
            other.open(query(vector), envelope(vector).encode())


def test_replies_are_sealed_as_published() -> None:
    for vector in of_kind("encrypt_fixed_random"):
        known = config(vector)

        class Fixed(crypto._Aes):
            def get_random_string(self, random16: str = vector["random16"]) -> str:
                return random16

        aes = Fixed(known.key)
        assert aes.encrypt(vector["plaintext"], vector["appid"]).decode() == vector["encrypt"]
        if "msg_signature" in vector:
            parts = vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"]
            assert signature_of(*parts) == vector["msg_signature"]


def test_an_encrypted_echo_belongs_to_the_enterprise_product() -> None:
    """It decrypts with our key handling; the official account's check of the address is never encrypted."""
    for vector in of_kind("enterprise_echostr_decrypt"):
        assert safe(vector).unseal(vector["encrypt"]) == vector["plaintext"]
        echo = {name: vector[name] for name in ("timestamp", "nonce", "msg_signature")}
        with pytest.raises(Refused):
            safe(vector).check_url(echo | {"echostr": vector["encrypt"]})


# --- without the vectors -------------------------------------------------------------------------------------


def own() -> dict[str, Any]:
    return {"appid": "wx1", "token": "t", "encoding_aes_key": AES_KEY, "timestamp": "1800000000"}


def test_sealing_is_read_by_independent_code_and_back() -> None:
    mode = safe(own())
    for text in ("", "a", "汉字" * 700, "x" * 31, "x" * 32):
        assert opened(mode.seal(text), app_id="wx1") == text
        assert mode.unseal(sealed(text, app_id="wx1")) == text


def test_no_two_sealed_replies_are_alike() -> None:
    assert len({safe(own()).seal("the same text") for _ in range(20)}) == 20


def test_a_length_that_points_beyond_the_text() -> None:
    for length in (0, 4, 6, 8, 1000, 2**31, 2**32 - 1):
        with pytest.raises(Refused):
            safe(own()).unseal(sealed("hello", app_id="wx1", length=length))
    assert safe(own()).unseal(sealed("hello", app_id="wx1", length=5)) == "hello"


def test_refusals_log_no_content(caplog: pytest.LogCaptureFixture, world: World) -> None:
    app = Flask("log")
    app.register_blueprint(blueprint(world.services, config(own())))
    with caplog.at_level(logging.DEBUG), served(app) as url:
        requests.post(url, params={"openid": "oCanary"}, data="<xml>canary</xml>", timeout=10)
    ours = [one for one in caplog.records if one.name.startswith("bots.")]
    assert len(ours) == 1
    assert "anary" not in str(vars(ours[0]))
