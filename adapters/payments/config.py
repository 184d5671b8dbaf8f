"""Which ways to pay are set up, from the environment, and the providers behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from wechatpayv3.utils import load_private_key, load_public_key

from adapters.payments import sandbox, sandbox_wire, wechatpay
from adapters.payments.sandbox import SandboxPayments
from adapters.payments.telegram import TelegramPayments
from adapters.payments.wechatpay_core import API_BASE, WechatPayConfig
from adapters.payments.wechatpay_score import open_wechatpay
from core.ports import Clock, PaymentProvider

_NEEDED = ("MCH_ID", "SERIAL", "PRIVATE_KEY", "API_V3_KEY", "PUBLIC_KEY", "PUBLIC_KEY_ID")
_API_V3_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """The ways to pay. `telegram_token` is the one that BotFather gives for a payment provider."""

    telegram_token: str = field(default="", repr=False)
    wechatpay: WechatPayConfig | None = None

    @property
    def sandbox(self) -> bool:
        """Play money, where no other way is set up."""
        return not self.telegram_token and self.wechatpay is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must never stand in a log."""
        pay = self.wechatpay
        keys = (self.telegram_token, pay.private_key if pay else "", pay.api_v3_key if pay else "")
        # A key of many lines would never be met whole in a log.
        return tuple(line for key in keys for line in key.splitlines() if len(line) > 8 and "-----" not in line)


def read_payments(env: Mapping[str, str], problems: list[str]) -> PaymentSettings:
    """What the environment says; everything wrong goes to `problems`, in words without any key."""
    token = env.get("TELEGRAM_PAYMENT_TOKEN", "")
    if token and not env.get("TELEGRAM_BOT_TOKEN"):
        problems.append("TELEGRAM_PAYMENT_TOKEN needs TELEGRAM_BOT_TOKEN: the bot takes the money")
    return PaymentSettings(token, _wechatpay(env, problems))


def _wechatpay(env: Mapping[str, str], problems: list[str]) -> WechatPayConfig | None:
    found = {name: _value(env, f"WECHATPAY_{name}", problems) for name in _NEEDED}
    if not any(found.values()):
        return None
    app_id = env.get("WECHATPAY_APP_ID") or env.get("WECHAT_APP_ID", "")
    missing = [f"WECHATPAY_{name}" for name, value in found.items() if not value]
    missing += [] if app_id else ["WECHAT_APP_ID or WECHATPAY_APP_ID"]
    missing += [] if env.get("PUBLIC_URL") else ["PUBLIC_URL, where its notices arrive"]
    if missing:
        problems.append(f"WeChat Pay needs {', '.join(missing)} too")
    if found["API_V3_KEY"] and len(found["API_V3_KEY"].encode()) != _API_V3_KEY_LENGTH:
        problems.append(f"WECHATPAY_API_V3_KEY must have {_API_V3_KEY_LENGTH} characters")
    for name, load in (("PRIVATE_KEY", load_private_key), ("PUBLIC_KEY", load_public_key)):
        try:
            load(found[name])
        except Exception:  # noqa: BLE001 - the package raises bare exceptions, and their text may hold the key
            problems.append(f"WECHATPAY_{name} is no key in PEM form")
    return WechatPayConfig(
        mch_id=found["MCH_ID"],
        serial=found["SERIAL"],
        private_key=found["PRIVATE_KEY"],
        api_v3_key=found["API_V3_KEY"],
        public_key=found["PUBLIC_KEY"],
        public_key_id=found["PUBLIC_KEY_ID"],
        app_id=app_id,
        miniprogram_app_id=env.get("WECHAT_MINIPROGRAM_APP_ID", ""),
        service_id=env.get("WECHATPAY_SERVICE_ID", ""),
        api_base=env.get("WECHATPAY_API_BASE", API_BASE).rstrip("/"),
        notify_url=env.get("PUBLIC_URL", "").rstrip("/") + wechatpay.NOTIFY_PATH,
    )


def _value(env: Mapping[str, str], name: str, problems: list[str]) -> str:
    """The variable itself, or what stands in the file that NAME_FILE names."""
    if env.get(name):
        # Platforms that know one line only carry a PEM text with its line ends written out.
        return env[name].replace("\\n", "\n").strip()
    if not (path := env.get(f"{name}_FILE")):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        problems.append(f"{name}_FILE names {path}, which cannot be read")
        return ""


def open_payments(
    settings: PaymentSettings, clock: Clock, *, sandbox_url: str, sandbox_folder: Path, local_url: str
) -> dict[str, PaymentProvider]:
    """The providers by channel. The sandbox is reached at `sandbox_url`, and us it reaches at `local_url`."""
    if settings.sandbox:
        key = sandbox_wire.shared_key(sandbox_folder)
        return {sandbox.CHANNEL: SandboxPayments(sandbox_url, key, local_url + sandbox.NOTIFY_PATH, clock)}
    found: list[PaymentProvider] = []
    if settings.wechatpay is not None:
        found.append(open_wechatpay(settings.wechatpay, clock))
    if settings.telegram_token:
        found.append(TelegramPayments(settings.telegram_token))
    return {one.channel: one for one in found}


def look_at(providers: Mapping[str, PaymentProvider]) -> str:
    """For the doctor: what each way to pay says. Raises PaymentUnavailable for one that is silent."""
    return ", ".join(f"{channel}: {one.ping()}" for channel, one in providers.items() if isinstance(one, Pinged))


@runtime_checkable
class Pinged(Protocol):
    def ping(self) -> str:
        """In a few words how it is. Raises PaymentUnavailable."""
        ...
