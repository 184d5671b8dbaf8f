"""Settings: read once, everything wrong named at once, nothing secret in their text."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import bootstrap
from adapters.cec.supplier import CecSupplier
from adapters.openchargemap.supplier import OcmSupplier
from adapters.payments.config import PaymentSettings
from adapters.suppliers import open_suppliers, read_suppliers
from core.clock import SystemClock
from core.errors import ConfigurationError
from core.geo import Datum, Point
from core.station import Station
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase

PARTNER = """
[power]
kind = "cec"
name = "Example Power"
base_url = "https://partner.example.com"
path_prefix = "/evcs/v1/"
our_operator_id = "MA0000000"
their_operator_id = "123456789"
operator_secret_env = "P_OPERATOR"
data_secret_env = "P_DATA"
data_secret_iv_env = "P_IV"
sig_secret_env = "P_SIG"
"""
SECRETS = {
    "P_OPERATOR": "op-secret-canary",
    "P_DATA": "0123456789canary",
    "P_IV": "iv56789012canary",
    "P_SIG": "sigsig6789canary",
}


def problems(env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        bootstrap.settings_from_env(env)
    return wrong.value.problems


def test_nothing_at_all_is_enough(tmp_path: Path) -> None:
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path / 'kilowatch.sqlite3'}"
    assert [one.kind for one in settings.suppliers] == ["sandbox"]
    assert (settings.port, settings.sandbox_port, settings.telegram_mode) == (8000, 8001, "polling")


def test_everything_wrong_is_said_at_once() -> None:
    said = problems(
        {
            "PORT": "eighty",
            "TELEGRAM_MODE": "webhook",
            "TELEGRAM_BOT_TOKEN": "my bot",
            "WECHAT_APP_ID": "wx1",
            "SUPPLIERS_FILE": "/nowhere/suppliers.toml",
        }
    )
    for name in (
        "PORT", "TELEGRAM_WEBHOOK_SECRET", "PUBLIC_URL", "TELEGRAM_BOT_TOKEN", "WECHAT_TOKEN", "SUPPLIERS_FILE"
    ):  # fmt: skip
        assert any(name in line for line in said), name


@pytest.mark.parametrize("secret", ["", "short", "with spaces in it....", "ünïcödé-sécrét-1234"])
def test_a_webhook_needs_a_good_secret(secret: str) -> None:
    env = {"TELEGRAM_MODE": "webhook", "PUBLIC_URL": "https://x.example", "TELEGRAM_WEBHOOK_SECRET": secret}
    assert any("TELEGRAM_WEBHOOK_SECRET" in line for line in problems(env))


def test_no_secret_in_the_text_of_settings(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(PARTNER, encoding="utf-8")
    env = SECRETS | {
        "KILOWATCH_HOME": str(tmp_path),
        "SUPPLIERS_FILE": str(tmp_path / "s.toml"),
        "DATABASE_URL": "postgresql://u:canary@db/k",
        "REDIS_URL": "redis://:canary@r/0",
        "TELEGRAM_BOT_TOKEN": "123:canary-canary",
        "WECHAT_APP_ID": "wx1",
        "WECHAT_APP_SECRET": "wechat-canary",
        "WECHAT_TOKEN": "token-canary",
        "WECHAT_AES_KEY": "canary".ljust(43, "A"),
    }
    settings = bootstrap.settings_from_env(env)
    assert "canary" not in repr(settings)
    assert set(SECRETS.values()) <= set(settings.secrets)


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-long-folder-name"] * 8)
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(deep)})
    assert len(str(settings.redis_socket).encode()) < 100


@pytest.mark.process
@pytest.mark.parametrize("module", ["web", "jobs.clock", "jobs.worker"])
def test_a_process_with_wrong_settings_says_so_and_ends(module: str, tmp_path: Path) -> None:
    env = {**os.environ, "PORT": "eighty", "TELEGRAM_MODE": "smoke", "KILOWATCH_HOME": str(tmp_path)}
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, cwd=bootstrap.ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["PORT", "TELEGRAM_MODE"]


# --- the suppliers file -------------------------------------------------------------------------------------


def test_a_partner_is_a_block_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "suppliers.toml"
    path.write_text(PARTNER, encoding="utf-8")
    (found,) = read_suppliers(path, SECRETS)
    assert (found.id, found.kind, found.config.datum) == ("power", "cec", Datum.GCJ02)
    assert isinstance(open_suppliers((found,), SystemClock())["power"], CecSupplier)


def test_open_charge_map_is_a_block_too(tmp_path: Path) -> None:
    path = tmp_path / "suppliers.toml"
    path.write_text('[uk]\nkind = "ocm"\napi_key_env = "K"\ncountries = ["GB", "IE"]\n', encoding="utf-8")
    (found,) = read_suppliers(path, {"K": "key-canary"})
    assert found.secrets == ("key-canary",)
    assert "key-canary" not in repr(found)
    opened = open_suppliers((found,), SystemClock())["uk"]
    assert isinstance(opened, OcmSupplier)
    assert opened.config.countries == ("GB", "IE")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('kind = "cec"', 'kind = "magic"'), "needs a kind"),
        (('name = "Example Power"', ""), "name is missing"),
        (("P_SIG", "P_UNSET"), "P_UNSET, which is not set"),
        (('"MA0000000"', '"SHORT"'), "9 characters"),
        (('"/evcs/v1/"', '"/evcs/v1/"\ndatum = "mars"'), "datum must be one of"),
        (('"/evcs/v1/"', '"/evcs/v1/"\ndialect = "klingon"'), "dialect must be one of"),
        (("[power]", "[power"), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "suppliers.toml"
    path.write_text(PARTNER.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        read_suppliers(path, SECRETS)


def test_the_example_file_is_right() -> None:
    path = bootstrap.ROOT / "suppliers.example.toml"
    (sandbox,) = read_suppliers(path, {})
    assert sandbox.kind == "sandbox"
    # The commented partner is right too, once its secrets are there.
    partner = "\n".join(line[1:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#["))
    assert partner


def test_every_setting_is_in_the_example() -> None:
    """What can be set can be found: .env.example names every variable that bootstrap reads."""
    import re

    source = (bootstrap.ROOT / "bootstrap.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env(?:\.get\(|, )"([A-Z][A-Z_]+)"', source)) | {"WECHAT_APP_ID", "WECHAT_TOKEN"}
    example = (bootstrap.ROOT / ".env.example").read_text(encoding="utf-8")
    assert sorted(name for name in read if f"{name}=" not in example) == []


def test_a_partner_that_pushes_has_keys_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "suppliers.toml"
    names = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
    inbound = "".join(f'inbound_{name}_env = "IN_{name}"\n' for name in names)
    path.write_text(PARTNER + inbound + 'start_reasons = { 91 = "gun_busy" }\ndialect = "xiaoju"\n')
    ours = {f"IN_{name}": f"in-canary-{len(name):06d}" for name in names}
    (found,) = read_suppliers(path, SECRETS | ours)
    assert found.config.dialect.name == "xiaoju"
    assert found.config.dialect.asks_before_start
    assert found.config.start_reasons == {91: "gun_busy"}
    assert found.config.inbound is not None
    assert found.config.inbound.path_prefix == "/evcs/v1"
    assert set(found.secrets) == {*SECRETS.values(), *ours.values()}
    with pytest.raises(ConfigurationError, match="IN_sig_secret"):
        read_suppliers(path, SECRETS | ours | {"IN_sig_secret": ""})
    path.write_text(PARTNER + "asks_before_start = false\n")
    (found,) = read_suppliers(path, SECRETS)
    assert not found.config.dialect.asks_before_start
    path.write_text(PARTNER + 'start_reasons = { 91 = "too_cold" }\n')
    with pytest.raises(ConfigurationError, match="too_cold"):
        read_suppliers(path, SECRETS)


def test_the_sandbox_may_push(tmp_path: Path) -> None:
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path)})
    services = bootstrap.build_services(settings)
    assert [one.name for one in bootstrap.supplier_callbacks(settings, services)] == ["cec"]


@pytest.mark.parametrize(
    ("env", "ways"),
    [
        ({}, {"local"}),
        ({"TELEGRAM_BOT_TOKEN": "1:a"}, {"telegram"}),
        ({"WECHAT_MINIPROGRAM_APP_ID": "wx2", "WECHAT_MINIPROGRAM_SECRET": "canary"}, {"miniprogram"}),
    ],
)
def test_who_may_log_in(tmp_path: Path, env: dict[str, str], ways: set[str]) -> None:
    """By a mere name only where there is no platform, nor real money."""

    def offered(settings: bootstrap.Settings) -> set[str]:
        doors = bootstrap.login_doors(settings)
        return {name for name in ("telegram", "miniprogram", "page", "local") if getattr(doors, name)}

    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path)} | env)
    assert offered(settings) == ways
    assert offered(replace(settings, payments=PaymentSettings(telegram_token="1:TEST:x"))) == ways - {"local"}


def test_the_pages_login_needs_the_official_accounts_secret(tmp_path: Path) -> None:
    wechat = {"WECHAT_APP_ID": "wx1", "WECHAT_TOKEN": "token", "WECHAT_AES_KEY": "a" * 43}
    for secret, offered in (("", False), ("canary", True)):
        env = {"KILOWATCH_HOME": str(tmp_path), "WECHAT_APP_SECRET": secret} | wechat
        doors = bootstrap.login_doors(bootstrap.settings_from_env(env))
        assert (doors.page is not None, doors.local) == (offered, False)


def test_an_alert_template_opens_another_way_to_speak(tmp_path: Path) -> None:
    wechat = {"WECHAT_APP_ID": "wx1", "WECHAT_TOKEN": "t", "WECHAT_AES_KEY": "a" * 43, "WECHAT_APP_SECRET": "canary"}
    for named, ways in (("", {"wechat"}), ("T-1 thing1 amount2 amount3 thing4", {"wechat", "wechat_leave"})):
        env = {"KILOWATCH_HOME": str(tmp_path), "WECHAT_ALERT_TEMPLATE": named} | wechat
        settings = bootstrap.settings_from_env(env)
        database = SqlDatabase(open_engine(settings.database_url))
        assert set(bootstrap.senders(settings, database, SystemClock())) == ways
        assert (bootstrap.wechat_leaves(settings, database, SystemClock()) is not None) == bool(named)
    assert any("WECHAT_ALERT_TEMPLATE" in one for one in problems({"WECHAT_ALERT_TEMPLATE": "T-1 thing1"}))


def test_half_a_miniprogram_is_said() -> None:
    assert any("WECHAT_MINIPROGRAM_SECRET" in one for one in problems({"WECHAT_MINIPROGRAM_APP_ID": "wx2"}))


def test_only_stations_of_the_sandbox_have_labels_to_print(tmp_path: Path) -> None:
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path), "PORT": "8123"})
    (sandbox,) = settings.suppliers
    page_of = bootstrap.sandbox_labels(settings)
    place = Station("s1", sandbox.id, "4403040001/..", "Lotus Road", Point(22.54, 114.05), ())
    assert page_of(place) == "http://127.0.0.1:8124/labels/4403040001%2F.."
    assert page_of(replace(place, supplier_id="partner")) is None
