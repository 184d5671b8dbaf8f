"""The composition root: environment -> Settings -> Services. The only module that knows everybody.

Imported only where a process starts: cli.py, web.py, jobs/worker.py, jobs/clock.py, bots/telegram/__main__.py.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ctypes.util import find_library
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from flask import Blueprint
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters import logs
from adapters.cec import callbacks as cec_callbacks
from adapters.cec.config import CecConfig
from adapters.geocoder import NominatimGeocoder
from adapters.limiter import Limiter
from adapters.login.telegram import TelegramInitData
from adapters.login.wechat import MiniProgramCodes, PageCodes
from adapters.ocpi import callbacks as ocpi_callbacks
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.house import House
from adapters.ocpi.partners import Partners
from adapters.ocpi.sealed import Sealer
from adapters.pauses import RedisPauses
from adapters.payments import callbacks as payment_callbacks_of
from adapters.payments.config import PaymentSettings, look_at, open_payments, read_payments
from adapters.suppliers import SupplierSettings, default_suppliers, open_suppliers, read_suppliers
from bots.alert_saying import AlertSaying
from bots.saying import Saying, Sender
from bots.telegram.messenger import TelegramMessenger
from bots.telegram.sender import TelegramSender
from bots.wechat.client import WechatApi
from bots.wechat.config import WechatConfig
from bots.wechat.leaves import Leaves, LeaveTemplate, WechatLeaveSender
from bots.wechat.sender import NoticeTemplate, WechatSender, WechatTemplateSender
from core.charging import ChargeRecord
from core.clock import SystemClock
from core.errors import ConfigurationError, SupplierUnavailable
from core.guncode import OwnLinks
from core.payments import PaymentUnavailable
from core.ports import (
    CanBePinged,
    ChangeStream,
    Clock,
    Database,
    JobQueue,
    ListsStations,
    PaymentProvider,
    SupplierState,
)
from core.reliability import NOTHING_LEARNT, Reliability
from core.services import Services
from core.services.accounts import AccountService
from core.services.aftermath import AftermathService
from core.services.alerts import AlertService
from core.services.alerts.telling import TellingService
from core.services.books import BooksService
from core.services.cases import CaseService
from core.services.catalogue import CatalogueService
from core.services.charging import ChargingService
from core.services.desk import SupplierDeskService
from core.services.doctor import Absent, Probe
from core.services.finder import StationFinder, learnt_lately
from core.services.guns import GunService
from core.services.inbox import Inbox
from core.services.linking import LinkingService, WaysOver
from core.services.login import Doors, LoginService
from core.services.merging import MergingService
from core.services.notify import ALERT, SAY, WECHAT_LEAVE, WECHAT_TEMPLATE, tell
from core.services.outbox import Handler, OutboxService
from core.services.prices import PriceService
from core.services.privacy import PrivacyService
from core.services.reconciliation import ReconciliationService
from core.services.scanning import ScanningService
from core.services.wallet import WalletService
from core.services.wallet.notices import PaymentNotices
from core.services.watchdog import Watchdog
from core.services.watches import WatchService
from core.services.whereabouts import Whereabouts
from core.station import Station
from jobs.queue import RqQueue, SilentQueue
from jobs.redis_server import redis_binary
from storage import migrate
from storage.engine import database_url, open_engine
from storage.index import InMemoryStationIndex
from storage.index.follower import IndexFollower
from storage.redis_stream import NoChangeStream, RedisChangeStream
from storage.unit_of_work import SqlDatabase

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent
SUPPLIERS_REMEMBERED_S = 20.0
OUTCOMES_REMEMBERED_S = 60.0
_PRICES_FOLLOWED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment says, read once. Secrets are kept out of `repr`."""

    home: Path  # what this machine keeps between starts: database, embedded Redis, sandbox books
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    public_url: str
    secret_key: str = field(repr=False)
    secret_keys_before: tuple[str, ...] = field(repr=False)
    bind: str
    port: int
    log_level: str
    suppliers: tuple[SupplierSettings, ...] = field(repr=False)
    telegram_bot_token: str = field(repr=False)
    telegram_api_base: str
    telegram_mode: str
    telegram_webhook_secret: str = field(repr=False)
    wechat_app_id: str
    wechat_app_secret: str = field(repr=False)
    wechat_token: str = field(repr=False)
    wechat_aes_key: str = field(repr=False)
    wechat_api_base: str
    wechat_template: NoticeTemplate | None
    wechat_alert_template: LeaveTemplate | None
    wechat_miniprogram_app_id: str
    wechat_miniprogram_secret: str = field(repr=False)
    payments: PaymentSettings = field(repr=False)
    ocm_api_key: str = field(repr=False)
    geocoder_url: str
    map_tiles_url: str
    trusted_proxies: int

    @property
    def sandbox_port(self) -> int:
        return self.port + 1

    @property
    def local_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_socket(self) -> Path:
        """Where the embedded Redis listens. Unix socket paths end at 107 bytes, so a deep folder gets a short one."""
        path = self.home / "redis.sock"
        if len(str(path).encode()) < 100:
            return path
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"kilowatch-{os.getuid()}-{name}" / "redis.sock"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must never stand in a log."""
        ours = (
            self.telegram_bot_token,
            self.telegram_webhook_secret,
            self.wechat_app_secret,
            self.wechat_token,
            self.wechat_aes_key,
            self.wechat_miniprogram_secret,
            self.ocm_api_key,
            self.secret_key,
            *self.secret_keys_before,
            *self.payments.secrets,
        )
        theirs = (secret for supplier in self.suppliers for secret in supplier.secrets)
        return tuple(secret for secret in (*ours, *theirs) if secret)


def settings_from_env(env: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment. Raises ConfigurationError that names everything wrong at once."""
    problems: list[str] = []
    home = Path(env.get("KILOWATCH_HOME") or _default_home())
    port = _number(env, "PORT", 8000, 1, 65_000, problems)
    mode = env.get("TELEGRAM_MODE", "polling")
    if mode not in ("polling", "webhook"):
        problems.append(f"TELEGRAM_MODE is {mode!r}; say polling or webhook")
    secret = env.get("TELEGRAM_WEBHOOK_SECRET", "")
    if mode == "webhook":
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret):
            problems.append("TELEGRAM_WEBHOOK_SECRET must be 16 to 256 of A-Z a-z 0-9 _ - when TELEGRAM_MODE=webhook")
        if not env.get("PUBLIC_URL", "").startswith("https://"):
            problems.append("PUBLIC_URL must be the https address Telegram can reach when TELEGRAM_MODE=webhook")
    token = env.get("TELEGRAM_BOT_TOKEN", "")
    if token and not re.fullmatch(r"\d+:[\w-]+", token):
        problems.append("TELEGRAM_BOT_TOKEN does not look like 123456:ABC…; copy it whole from BotFather")
    wechat = {name: env.get(name, "") for name in ("WECHAT_APP_ID", "WECHAT_TOKEN", "WECHAT_AES_KEY")}
    if any(wechat.values()) and not all(wechat.values()):
        missing = ", ".join(name for name, value in wechat.items() if not value)
        problems.append(f"WeChat needs {missing} too; only the safe (encrypted) mode is supported")
    if wechat["WECHAT_AES_KEY"] and len(wechat["WECHAT_AES_KEY"]) != 43:
        problems.append("WECHAT_AES_KEY must have 43 characters, as the WeChat console shows it")
    miniprogram = {name: env.get(name, "") for name in ("WECHAT_MINIPROGRAM_APP_ID", "WECHAT_MINIPROGRAM_SECRET")}
    if any(miniprogram.values()) and not all(miniprogram.values()):
        problems.append("the mini-program needs both WECHAT_MINIPROGRAM_APP_ID and WECHAT_MINIPROGRAM_SECRET")
    secret_key = env.get("SECRET_KEY", "")
    if secret_key and len(secret_key) < 32:
        problems.append("SECRET_KEY must have at least 32 random characters")
    url = env.get("DATABASE_URL") or f"sqlite:///{home / 'kilowatch.sqlite3'}"
    try:
        database_url(url)
    except ValueError as error:
        problems.append(f"DATABASE_URL: {error}")
    suppliers = _suppliers(env, port, problems)
    settings = Settings(
        home=home,
        database_url=url,
        redis_url=env.get("REDIS_URL") or None,
        public_url=env.get("PUBLIC_URL", "").rstrip("/"),
        secret_key=secret_key,
        secret_keys_before=tuple(filter(None, env.get("SECRET_KEYS_BEFORE", "").split(","))),
        bind=env.get("BIND", "0.0.0.0"),  # noqa: S104 - a server behind a proxy; `make run` says 127.0.0.1
        port=port,
        log_level=env.get("LOG_LEVEL", "INFO").upper(),
        suppliers=suppliers,
        telegram_bot_token=token,
        telegram_api_base=env.get("TELEGRAM_API_BASE", "https://api.telegram.org").rstrip("/"),
        telegram_mode=mode,
        telegram_webhook_secret=secret,
        wechat_app_id=wechat["WECHAT_APP_ID"],
        wechat_app_secret=env.get("WECHAT_APP_SECRET", ""),
        wechat_token=wechat["WECHAT_TOKEN"],
        wechat_aes_key=wechat["WECHAT_AES_KEY"],
        wechat_api_base=env.get("WECHAT_API_BASE", "https://api.weixin.qq.com").rstrip("/"),
        wechat_template=_template(NoticeTemplate.read, env.get("WECHAT_TEMPLATE", ""), problems),
        wechat_alert_template=_template(LeaveTemplate.read, env.get("WECHAT_ALERT_TEMPLATE", ""), problems),
        wechat_miniprogram_app_id=miniprogram["WECHAT_MINIPROGRAM_APP_ID"],
        wechat_miniprogram_secret=miniprogram["WECHAT_MINIPROGRAM_SECRET"],
        payments=read_payments(env, problems),
        ocm_api_key=env.get("OCM_API_KEY", ""),
        geocoder_url=env.get("GEOCODER_URL", "").rstrip("/"),
        map_tiles_url=env.get("MAP_TILES_URL", ""),
        trusted_proxies=_number(env, "TRUSTED_PROXIES", 0, 0, 10, problems),
    )
    if problems:
        raise ConfigurationError(problems)
    return settings


def _default_home() -> Path:
    """`var/` in a checkout, so that every command uses the database of `make run`; else the user's data folder."""
    if (ROOT / "pyproject.toml").exists():
        return ROOT / "var"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kilowatch"


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int, problems: list[str]) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    problems.append(f"{name} is {text!r}; it must be a number from {least} to {most}")
    return default


def _template(read: Callable[[str], T], text: str, problems: list[str]) -> T | None:
    try:
        return read(text) if text else None
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def _suppliers(env: Mapping[str, str], port: int, problems: list[str]) -> tuple[SupplierSettings, ...]:
    named = env.get("SUPPLIERS_FILE", "")
    path = Path(named) if named else ROOT / "suppliers.toml"
    if named and not path.exists():
        problems.append(f"SUPPLIERS_FILE names {named}, which does not exist")
        return ()
    if not path.exists():
        return default_suppliers(f"http://127.0.0.1:{port + 1}")
    try:
        return read_suppliers(path, env)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return ()


def start_process() -> Settings:
    """The settings of a process, with its logs set up. What is wrong with them is said, a line each; exit 2."""
    try:
        settings = settings_from_env()
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"kilowatch: {problem}", file=sys.stderr)  # noqa: T201 - there are no logs yet
        sys.exit(2)
    set_up_logging(settings)
    return settings


def set_up_logging(settings: Settings) -> None:
    logs.set_up(settings.log_level, settings.secrets)


# --- pieces -------------------------------------------------------------------------------------------------


def open_database(settings: Settings) -> SqlDatabase:
    """The database, migrated to what this code expects."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if migrate.pending(settings.database_url):
        migrate.upgrade(settings.database_url)
    return SqlDatabase(open_engine(settings.database_url))


def redis_url(settings: Settings) -> str | None:
    """REDIS_URL, else the embedded Redis of a running `make run`, else none."""
    if settings.redis_url:
        return settings.redis_url
    return f"unix://{settings.redis_socket}" if settings.redis_socket.exists() else None


def quick_redis(url: str) -> Redis:
    """For everything a person waits for. redis-py would retry ten times; a dead Redis may cost half a second."""
    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))


def blocking_redis(settings: Settings) -> Redis:
    """For a worker that waits on its queue. Raises ConfigurationError when there is no Redis."""
    url = redis_url(settings)
    if url is None:
        raise ConfigurationError(["a worker needs Redis: set REDIS_URL, or use `make run`, which starts one"])
    return Redis.from_url(url, socket_connect_timeout=5)


def build_services(settings: Settings, *, follow: bool = False, stations: bool = True) -> Services:
    """Wire one process. With `follow` its station index hears of changes within a second, until the process ends.

    Without `stations` the index stays empty: for a process that finds nobody anything, and shall be small.
    """
    clock = SystemClock()
    database = open_database(settings)
    stream, queue = _redis_pieces(settings)
    index = InMemoryStationIndex(database, clock)
    if stations:
        index.refresh()
    if follow:
        IndexFollower(index, stream, clock).start()
    geocoder = NominatimGeocoder(settings.geocoder_url) if settings.geocoder_url else None
    # Who does what stands in the outbox, by the kind of the row.
    spoken = senders(settings, database, clock)
    handlers: dict[str, Handler] = {SAY: Saying(database, clock, spoken)}
    outbox = OutboxService(database, clock, queue, handlers)
    suppliers = live_suppliers(settings, database, clock)
    charging = ChargingService(database, clock, suppliers, tell=tell, ring=outbox.ring, key=quote_key(settings))
    handlers |= {"start": charging.send_start, "stop": charging.send_stop}
    inbox, providers = Inbox(database, clock), payment_providers(settings, clock)
    wallet = WalletService(database, clock, providers, outbox.ring)
    handlers |= {"refund": wallet.send_refund, "complete_authorisation": wallet.complete_authorisation}
    books, whereabouts = BooksService(database, clock), Whereabouts(clock)
    scanning = ScanningService(database, index, clock, may_sell=may_sell(settings), own=own_links(settings))
    cases = CaseService(database, clock, tell=tell, ring=outbox.ring, attach=charging.attach)
    alerts = AlertService(database, clock, outbox.ring)
    prices = PriceService(database, clock, alerts.on_ticks)
    telling = TellingService(database, clock, prices)
    handlers[ALERT] = AlertSaying(database, clock, telling, spoken)
    return Services(
        clock=clock,
        database=database,
        index=index,
        finder=StationFinder(
            index, remembered_suppliers(database), clock, geocoder, remembered_reliability(database, clock)
        ),
        whereabouts=whereabouts,
        guns=GunService(database, clock, scanning, charging, wallet, whereabouts),
        aftermath=AftermathService(database, clock, cases),
        accounts=AccountService(database, clock),
        login=LoginService(database, clock, login_doors(settings)),
        linking=LinkingService(database, clock, ways_over(settings)),
        privacy=PrivacyService(database, clock),
        inbox=inbox,
        outbox=outbox,
        wallet=wallet,
        notices=PaymentNotices(inbox, wallet, providers),
        books=books,
        watchdog=Watchdog(database, clock, tell=tell, ring=outbox.ring),
        charging=charging,
        cases=cases,
        reconciliation=ReconciliationService(database, clock, books, wallet, suppliers, providers),
        catalogue=CatalogueService(database, stream, clock),
        merging=MergingService(database, stream, clock),
        prices=prices,
        watches=WatchService(database, clock, prices),
        telling=telling,
        alerts=alerts,
        desk=SupplierDeskService(database, stream, clock, charging),
        limiter=Limiter(redis_url(settings)),
        queue=queue,
        suppliers=suppliers,
        public_url=settings.public_url,
    )


def may_sell(settings: Settings) -> dict[str, frozenset[str]]:
    """Whose guns a supplier may speak for, by supplier id; those alone whose block says so."""
    found = {}
    for one in settings.suppliers:
        if isinstance(one.config, CecConfig) and one.config.sells:
            found[one.id] = frozenset({one.config.their_operator_id, *one.config.sells})
        elif isinstance(one.config, OcpiConfig) and one.config.sells:
            found[one.id] = frozenset(one.config.sells)
    return found


def own_links(settings: Settings) -> OwnLinks | None:
    """Where our own links to guns lead; None where we have no address."""
    host = urlsplit(settings.public_url).hostname
    return OwnLinks(pages=frozenset({host})) if host else None


def sandbox_labels(settings: Settings) -> Callable[[Station], str | None]:
    """Where the codes of the sandbox's guns can be printed: its own server, which listens on this machine alone."""
    sandboxes = {
        one.id: one.config.base_url
        for one in settings.suppliers
        if one.kind == "sandbox" and isinstance(one.config, CecConfig)
    }

    def page_of(station: Station) -> str | None:
        server = sandboxes.get(station.supplier_id)
        return f"{server}/labels/{quote(station.external_id, safe='')}" if server else None

    return page_of


def code_reader() -> Callable[[bytes], list[str]]:
    """Reads the QR codes in a photo. Its workers start with the first one."""
    from adapters.qr import read_codes  # only where photos come in: jobs and commands do without the three libraries

    return read_codes


def login_doors(settings: Settings) -> Doors:
    """The ways to log in. By a mere name only where there is no platform and no real money: to try it."""
    token, official, secret = settings.telegram_bot_token, settings.wechat_app_id, settings.wechat_app_secret
    program, base = settings.wechat_miniprogram_app_id, settings.wechat_api_base
    return Doors(
        telegram=TelegramInitData(token) if token else None,
        miniprogram=MiniProgramCodes(program, settings.wechat_miniprogram_secret, base) if program else None,
        page=PageCodes(official, secret, base) if official and secret else None,
        local=settings.payments.sandbox and not (token or official or program),
    )


def ways_over(settings: Settings) -> WaysOver:
    """How a link code gets from one chat to the other."""
    return WaysOver(
        bot_name=telegram_messenger(settings).ping if settings.telegram_bot_token else None,
        wechat_qr=wechat_api(settings).qr_picture if settings.wechat_app_id and settings.wechat_app_secret else None,
    )


def payment_providers(settings: Settings, clock: Clock) -> dict[str, PaymentProvider]:
    """The ways to pay, by channel: the sandbox alone where none is set up."""
    return open_payments(
        settings.payments,
        clock,
        sandbox_url=f"http://127.0.0.1:{settings.sandbox_port}",
        sandbox_folder=settings.home / "sandbox",
        local_url=settings.local_url,
    )


def payment_callbacks(services: Services) -> Blueprint:
    """Where payment providers tell us things."""
    notices = services.notices
    return payment_callbacks_of.blueprint(
        notices.channels, notices.take, lambda _channel: services.queue.enqueue("work_notices")
    )


def live_suppliers(settings: Settings, database: Database, clock: Clock) -> dict[str, ListsStations]:
    return open_suppliers(settings.suppliers, clock, ocpi_house(settings, database, clock))


def ocpi_partners(settings: Settings) -> dict[str, OcpiConfig]:
    """The OCPI partners of the suppliers file, by supplier id."""
    return {one.id: one.config for one in settings.suppliers if isinstance(one.config, OcpiConfig)}


def ocpi_house(settings: Settings, database: Database, clock: Clock) -> House | None:
    """What OCPI partners share; None where there is none, so that no secret is made for nothing."""
    if not ocpi_partners(settings):
        return None
    partners = Partners(database, Sealer(secret_key(settings), settings.secret_keys_before), clock)
    return House(database, partners, clock, settings.public_url)


def secret_key(settings: Settings) -> str:
    """SECRET_KEY, else one of this machine's own, made once and readable by its user alone."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.home / "secret"
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp gives 0600; the link fails where another process was first, and is never half written.
        handle, draft = tempfile.mkstemp(dir=settings.home)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text()


def quote_key(settings: Settings) -> bytes:
    """Signs quotes. Derived, so that no two uses of the secret share a key."""
    return hmac.digest(secret_key(settings).encode(), b"charge quotes", "sha256")


def supplier_callbacks(settings: Settings, services: Services) -> list[Blueprint]:
    """Where suppliers push to us: the T/CEC 102 partners that we issued keys to, and the OCPI partners."""

    def held(supplier_id: str, record_ids: Sequence[str]) -> dict[str, ChargeRecord]:
        with services.database.read() as unit:
            found = {one: unit.records.record(supplier_id, one) for one in record_ids}
        return {record_id: record for record_id, record in found.items() if record is not None}

    partners = [one.config for one in settings.suppliers if isinstance(one.config, CecConfig)]
    cec = cec_callbacks.blueprint(partners, services.desk, held, services.clock, services.reconciliation.checked)
    found = [] if cec is None else [cec]
    if (house := ocpi_house(settings, services.database, services.clock)) is not None:
        found.append(ocpi_callbacks.blueprint(list(ocpi_partners(settings).values()), house, services.desk))
    return found


def _redis_pieces(settings: Settings) -> tuple[ChangeStream, JobQueue]:
    url = redis_url(settings)
    if url is None:
        return NoChangeStream(), SilentQueue()
    client = quick_redis(url)
    return RedisChangeStream(client), RqQueue(client)


def remembered_suppliers(database: Database) -> Callable[[], Sequence[SupplierState]]:
    """The suppliers' states, asked of the database every twenty seconds at most."""
    kept: tuple[float, Sequence[SupplierState]] = (float("-inf"), ())

    def suppliers() -> Sequence[SupplierState]:
        nonlocal kept
        if time.monotonic() - kept[0] > SUPPLIERS_REMEMBERED_S:
            with database.read() as unit:
                kept = (time.monotonic(), unit.catalogue.suppliers())
        return kept[1]

    return suppliers


def remembered_reliability(database: Database, clock: Clock) -> Callable[[], Reliability]:
    """How visits ended lately, asked of the database once a minute at most."""
    kept: tuple[float, Reliability] = (float("-inf"), NOTHING_LEARNT)

    def reliability() -> Reliability:
        nonlocal kept
        if time.monotonic() - kept[0] > OUTCOMES_REMEMBERED_S:
            kept = (time.monotonic(), learnt_lately(database, clock))
        return kept[1]

    return reliability


def command_services(settings: Settings, clock: Clock | None = None) -> tuple[SqlDatabase, CatalogueService]:
    """What a short command needs to write the catalogue: no index, no queue."""
    database = open_database(settings)
    stream, _ = _redis_pieces(settings)
    return database, CatalogueService(database, stream, clock or SystemClock())


def merging(settings: Settings) -> MergingService:
    """For a command that looks at merged places or makes them."""
    stream, _ = _redis_pieces(settings)
    return MergingService(open_database(settings), stream, SystemClock())


def outbox(settings: Settings) -> OutboxService:
    """For a command that looks and decides: it rings, and delivers nothing itself."""
    _, queue = _redis_pieces(settings)
    return OutboxService(open_database(settings), SystemClock(), queue, {})


def inbox(settings: Settings) -> Inbox:
    return Inbox(open_database(settings), SystemClock())


def telegram_messenger(settings: Settings) -> TelegramMessenger:
    return TelegramMessenger(settings.telegram_bot_token, settings.telegram_api_base)


def wechat_config(settings: Settings) -> WechatConfig | None:
    """The official account, or None when there is none."""
    if not settings.wechat_app_id:
        return None
    return WechatConfig(
        app_id=settings.wechat_app_id,
        token=settings.wechat_token,
        aes_key=settings.wechat_aes_key,
        app_secret=settings.wechat_app_secret,
        api_base=settings.wechat_api_base,
    )


def wechat_api(settings: Settings) -> WechatApi:
    """Raises ConfigurationError when the official account is not set up for calls of ours."""
    config = wechat_config(settings)
    if config is None or not config.app_secret:
        raise ConfigurationError(["set WECHAT_APP_ID, WECHAT_APP_SECRET, WECHAT_TOKEN and WECHAT_AES_KEY first"])
    return WechatApi(config, SystemClock())


def wechat_leaves(settings: Settings, database: Database, clock: Clock) -> Leaves | None:
    """The count of the leaves for alerts, None where no template for them is named."""
    template = settings.wechat_alert_template
    return Leaves(database, clock, template.id) if template is not None else None


def senders(settings: Settings, database: Database, clock: Clock) -> dict[str, Sender]:
    """Who speaks first, by channel of the outbox."""
    found: dict[str, Sender] = {}
    if settings.telegram_bot_token:
        url = redis_url(settings)
        pauses = RedisPauses(quick_redis(url)) if url is not None else None
        found["telegram"] = TelegramSender(telegram_messenger(settings), pauses)
    if settings.wechat_app_id and settings.wechat_app_secret:
        api = wechat_api(settings)
        found["wechat"] = WechatSender(api, clock)
        if settings.wechat_template is not None:
            found[WECHAT_TEMPLATE] = WechatTemplateSender(api, settings.wechat_template, settings.public_url, clock)
        leaves = wechat_leaves(settings, database, clock)
        if leaves is not None and settings.wechat_alert_template is not None:
            found[WECHAT_LEAVE] = WechatLeaveSender(
                api, settings.wechat_alert_template, leaves, settings.public_url, clock
            )
    return found


# --- the doctor ---------------------------------------------------------------------------------------------


def probes(settings: Settings) -> list[Probe]:
    """Everything `kilowatch doctor` looks at."""
    # Not connected here: a database that is away is a line of its own and stops no other.
    live = live_suppliers(settings, SqlDatabase(open_engine(settings.database_url)), SystemClock())
    return [
        Probe("Python", lambda: sys.version.split()[0]),
        Probe("database", lambda: _look_at_database(settings)),
        Probe("Redis", lambda: _look_at_redis(settings)),
        Probe("outbox", lambda: _look_at_outbox(outbox(settings))),
        Probe("prices", lambda: _look_at_prices(settings)),
        Probe("money", lambda: _look_at_money(settings)),
        Probe("payments", lambda: _look_at_payments(settings)),
        Probe("QR decoder", _look_at_zbar),
        *(
            Probe(f"supplier {one.id}", partial(_look_at_supplier, one.kind, live[one.id]))
            for one in settings.suppliers
        ),
        Probe("Telegram", lambda: _look_at_telegram(settings)),
        Probe("WeChat", lambda: _look_at_wechat(settings)),
        Probe("geocoder", lambda: _look_at_geocoder(settings)),
        Probe("public address", lambda: settings.public_url or _absent("PUBLIC_URL is not set: chats link nowhere")),
    ]


def _absent(text: str) -> str:
    raise Absent(text)


def _look_at_database(settings: Settings) -> str:
    database = open_database(settings)
    database.ping()
    with database.read() as unit:
        stations = sum(state.stations for state in unit.catalogue.suppliers())
    return f"{settings.database_url.partition(':')[0]}, {stations} stations"


def _look_at_redis(settings: Settings) -> str:
    url = redis_url(settings)
    if url is None:
        binary = redis_binary()
        if binary is None:
            raise RuntimeError("no redis-server found: run `make setup`, install redis-server, or set REDIS_URL")
        return f"`make run` starts its own ({Path(binary).name})"
    info = quick_redis(url).info("server")
    return f"version {info['redis_version']}"


def _look_at_outbox(service: OutboxService) -> str:
    """A dead order is for one of us. A dead message is mostly somebody who blocked us."""
    counts = service.counts()

    def rows(state: str) -> int:
        return sum(count for (_, found), count in counts.items() if found == state)

    if orders := counts.get(("command", "dead"), 0):
        raise RuntimeError(f"{orders} orders were given up; look with `kilowatch outbox list`")
    rests = "".join(f"; {channel} rests until {until:%H:%M} UTC" for channel, until in service.pauses().items())
    return f"{rows('pending')} waiting, {rows('dead')} dead, {rows('uncertain')} may not have arrived{rests}"


def _look_at_prices(settings: Settings) -> str:
    """Whether somebody follows them: with nobody there, watches are silent."""
    database, now = open_database(settings), SystemClock().now()
    with database.read() as unit:
        since, due, alerts = unit.prices.waits_since(now), unit.watches.due(now, 1), unit.alerts.written()
    waits = [one for one in (since, due[0].look_at if due else None) if one is not None]
    behind = now - min(waits, default=now)
    if behind > _PRICES_FOLLOWED_WITHIN:
        minutes = int(behind.total_seconds() // 60)
        raise RuntimeError(
            f"nobody has followed them for {minutes} minutes: does `clock` run? What does its log say?"
        )
    return f"followed; {alerts} alerts so far"


def _look_at_money(settings: Settings) -> str:
    """Whether charges can be started, and what waits for a person. The invariants are `kilowatch books`."""
    database, clock = open_database(settings), SystemClock()
    with database.read() as unit:
        halts, cases = unit.halts.all(), unit.cases.listed(limit=1000)
    if halts:
        raise RuntimeError(f"no charge can be started ({halts[0].who}): {halts[0].reason}")
    late = Watchdog(database, clock, tell=tell, ring=lambda _row: None).late()
    if late.holds or late.refunds:
        raise RuntimeError(f"{late.holds} holds, {late.refunds} refunds are later than promised; `kilowatch cases`")
    waiting = f"; {late.waiting} holds are older than a day" if late.waiting else ""
    if not cases:
        return f"nothing waits for a decision{waiting}"
    age = clock.now() - cases[0].opened_at
    return f"{len(cases)} cases wait for a decision, the oldest for {age.days} days; `kilowatch cases`{waiting}"


def _look_at_payments(settings: Settings) -> str:
    play_money = settings.payments.sandbox
    if play_money and any(one.kind != "sandbox" for one in settings.suppliers):
        raise RuntimeError("play money starts real guns: set up WECHATPAY_* or TELEGRAM_PAYMENT_TOKEN")
    try:
        return look_at(payment_providers(settings, SystemClock()))
    except PaymentUnavailable:
        if play_money:
            raise Absent("the sandbox is not running; `make run` starts it") from None
        raise


def _look_at_zbar() -> str:
    if find_library("zbar") is None:
        raise Absent("libzbar0 is not installed; the other decoder reads gun codes alone")
    return "libzbar is installed"


def _look_at_supplier(kind: str, source: ListsStations) -> str:
    if not isinstance(source, CanBePinged):
        raise Absent("cannot be asked")
    try:
        source.ping()
    except SupplierUnavailable:
        if kind == "sandbox":
            raise Absent("not running; `make run` starts it") from None
        raise
    return "answers"


def _look_at_telegram(settings: Settings) -> str:
    if not settings.telegram_bot_token:
        raise Absent("TELEGRAM_BOT_TOKEN is not set: no Telegram bot")
    name = telegram_messenger(settings).ping()
    return f"@{name}, {settings.telegram_mode}"


def _look_at_wechat(settings: Settings) -> str:
    if not settings.wechat_app_id:
        raise Absent("WECHAT_APP_ID is not set: no official account")
    wechat_api(settings).ping()
    return "gives us an access token"


def _look_at_geocoder(settings: Settings) -> str:
    if not settings.geocoder_url:
        raise Absent("GEOCODER_URL is not set: typed places are looked up among the stations")
    place = NominatimGeocoder(settings.geocoder_url).find("Berlin", "en")
    return f"answers ({place.name})" if place else "answers"
