"""Which ways to pay are set up: read once, everything wrong named at once, no key in any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bootstrap
from adapters.payments.config import open_payments, read_payments
from adapters.payments.sandbox import SandboxPayments
from adapters.payments.telegram import TelegramPayments
from adapters.payments.wechatpay import WechatPay
from adapters.payments.wechatpay_score import WechatPayScore
from core.clock import SystemClock
from core.errors import ConfigurationError
from tests.adapters.payments import wechatpay_server as stand_in
from web import create_app

PRIVATE, PUBLIC = stand_in.private_pem(stand_in.new_key()), stand_in.public_pem(stand_in.new_key())
WECHATPAY = {
    "WECHATPAY_MCH_ID": stand_in.MCH_ID,
    "WECHATPAY_SERIAL": stand_in.SERIAL,
    "WECHATPAY_PRIVATE_KEY": PRIVATE,
    "WECHATPAY_API_V3_KEY": stand_in.API_V3_KEY,
    "WECHATPAY_PUBLIC_KEY": PUBLIC,
    "WECHATPAY_PUBLIC_KEY_ID": stand_in.PUBLIC_KEY_ID,
    "WECHATPAY_APP_ID": stand_in.APP_ID,
    "PUBLIC_URL": "https://kilowatch.example/",
}
TELEGRAM = {"TELEGRAM_BOT_TOKEN": "1:abc", "TELEGRAM_PAYMENT_TOKEN": "284685063:TEST:canary"}


def opened(env: dict[str, str], folder: Path) -> dict[str, Any]:
    problems: list[str] = []
    settings = read_payments(env, problems)
    assert problems == []
    return open_payments(
        settings,
        SystemClock(),
        sandbox_url="http://127.0.0.1:1",
        sandbox_folder=folder,
        local_url="http://127.0.0.1:2",
    )


def test_play_money_only_where_there_is_no_other(tmp_path: Path) -> None:
    assert {name: type(one) for name, one in opened({}, tmp_path).items()} == {"sandbox": SandboxPayments}
    assert {name: type(one) for name, one in opened(TELEGRAM, tmp_path).items()} == {"telegram": TelegramPayments}
    found = opened(WECHATPAY | TELEGRAM, tmp_path)
    assert {name: type(one) for name, one in found.items()} == {"wechatpay": WechatPay, "telegram": TelegramPayments}
    [score] = opened(WECHATPAY | {"WECHATPAY_SERVICE_ID": "500001"}, tmp_path).values()
    assert type(score) is WechatPayScore
    assert score.config.notify_url == "https://kilowatch.example/pay/wechat/notify"


def test_keys_from_files_and_on_one_line(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(PRIVATE, encoding="utf-8")
    env = WECHATPAY | {"WECHATPAY_PUBLIC_KEY": PUBLIC.replace("\n", "\\n"), "WECHATPAY_PRIVATE_KEY_FILE": str(key)}
    del env["WECHATPAY_PRIVATE_KEY"]
    [provider] = opened(env, tmp_path).values()
    assert provider.config.private_key == PRIVATE.strip()
    assert provider.config.public_key == PUBLIC.strip()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"TELEGRAM_PAYMENT_TOKEN": "x"}, ["TELEGRAM_BOT_TOKEN"]),
        ({"WECHATPAY_MCH_ID": "1"}, ["SERIAL", "PRIVATE_KEY", "API_V3_KEY", "PUBLIC_KEY_ID", "APP_ID", "PUBLIC_URL"]),
        (WECHATPAY | {"WECHATPAY_API_V3_KEY": "short"}, ["WECHATPAY_API_V3_KEY"]),
        (WECHATPAY | {"WECHATPAY_PRIVATE_KEY": "canary-no-key"}, ["WECHATPAY_PRIVATE_KEY"]),
        (WECHATPAY | {"WECHATPAY_PUBLIC_KEY": "canary-no-key"}, ["WECHATPAY_PUBLIC_KEY"]),
        (WECHATPAY | {"WECHATPAY_PRIVATE_KEY": "", "WECHATPAY_PRIVATE_KEY_FILE": "/nowhere"}, ["/nowhere"]),
    ],
)
def test_what_is_wrong_is_said_without_the_keys(env: dict[str, str], said: list[str]) -> None:
    problems: list[str] = []
    read_payments(env, problems)
    text = "\n".join(problems)
    for word in said:
        assert word in text
    assert "canary" not in text
    assert stand_in.API_V3_KEY not in text


def test_a_process_does_not_start_half_set_up(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path), "WECHATPAY_MCH_ID": "1"})
    assert any("WeChat Pay needs" in line for line in wrong.value.problems)


def test_no_secret_of_payments_is_shown_or_logged(tmp_path: Path) -> None:
    env = {"KILOWATCH_HOME": str(tmp_path)} | WECHATPAY | TELEGRAM
    settings = bootstrap.settings_from_env(env)
    for secret in (TELEGRAM["TELEGRAM_PAYMENT_TOKEN"], stand_in.API_V3_KEY, PRIVATE.splitlines()[3]):
        assert secret not in repr(settings)
        assert secret in settings.secrets
    assert not settings.payments.sandbox


def test_the_callbacks_of_a_process(tmp_path: Path) -> None:
    """The sandbox's door is open only where the sandbox is."""
    plain = {"KILOWATCH_HOME": str(tmp_path)}
    for env, path in ((plain, "/pay/sandbox/notify"), (plain | WECHATPAY, "/pay/wechat/notify")):
        services = bootstrap.build_services(bootstrap.settings_from_env(env))
        app = create_app(services, blueprints=[bootstrap.payment_callbacks(services)])
        http = app.test_client()
        for door in ("/pay/sandbox/notify", "/pay/wechat/notify"):
            assert http.post(door, data=b"{}").status_code == (401 if door == path else 404)
