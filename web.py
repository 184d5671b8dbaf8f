"""The Flask application: the API, the list page, the callbacks of the chats, and how the process is doing.

gunicorn 'web:application()'    or    python -m web
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Blueprint, Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix

from adapters.qr import read_codes
from bots.miniapp import (
    api,
    auth,
    charge_page,
    charges,
    guard,
    guns,
    health,
    me,
    models,
    money_page,
    page,
    prices,
    safety,
    wallet,
    watch_page,
    watches,
)
from bots.miniapp.api import LabelUrl, no_labels
from bots.miniapp.query import refusal
from bots.miniapp.strings import page_strings
from bots.miniapp.tiles import read_tiles
from core.services import Services

if TYPE_CHECKING:
    from bootstrap import Settings

# A push keeps a thread until it is on the disk, and what waits together is written together: the more wait,
# the less each costs. A thread that waits takes some 0.2 MB.
THREADS = 64
REQUEST_TIMEOUT_S = 30


def create_app(
    services: Services,
    *,
    map_tiles_url: str = "",
    trusted_proxies: int = 0,
    blueprints: Sequence[Blueprint] = (),
    label_url: LabelUrl = no_labels,
    read_photo: guns.ReadCodes = read_codes,
) -> Flask:
    """The application over these services. `blueprints` are the callbacks of chats and suppliers.

    `label_url` tells where a station's codes can be printed, for those that have such a place; `read_photo` gives the
    texts of the codes in a picture.
    `trusted_proxies` says how many proxies in front of us set X-Forwarded-*; others could write what they like.
    """
    tiles = read_tiles(map_tiles_url)
    app = OpenAPI(
        "kilowatch",
        info=Info(title="Kilowatch", version="1", description="Charging stations, ranked by what they really cost"),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        static_folder=None,
        validation_error_status=400,
        validation_error_model=models.Error,
        validation_error_callback=_refuse,
    )
    registry = CollectorRegistry()
    guard.observe(app, registry)
    guard.protect(app, tiles)
    app.register_api(api.blueprint(services, label_url))
    app.register_api(prices.blueprint(services))
    app.register_api(auth.blueprint(services))
    app.register_api(me.blueprint(services))
    app.register_api(wallet.blueprint(services))
    app.register_api(guns.blueprint(services, read_photo))
    app.register_api(charges.blueprint(services))
    app.register_api(watches.blueprint(services))
    app.register_blueprint(page.blueprint(services, tiles, label_url))
    app.register_blueprint(money_page.blueprint(services))
    app.register_blueprint(charge_page.blueprint(services))
    app.register_blueprint(watch_page.blueprint(services))
    app.register_blueprint(me.download_page(services))
    app.register_blueprint(safety.blueprint())
    app.register_blueprint(health.blueprint(services, registry))
    for one in blueprints:
        app.register_blueprint(one)
    if trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, trusted_proxies, trusted_proxies)  # type: ignore[method-assign]
    return app


def _refuse(error: ValidationError) -> NoReturn:
    raise refusal(error) from None


def application() -> Flask:
    """The application of this process, from the environment. gunicorn calls it in its worker."""
    import bootstrap

    settings = bootstrap.start_process()
    services = bootstrap.build_services(settings, follow=True)
    app = create_app(
        services,
        map_tiles_url=settings.map_tiles_url,
        trusted_proxies=settings.trusted_proxies,
        blueprints=[
            *_chat_callbacks(settings, services),
            *bootstrap.supplier_callbacks(settings, services),
            bootstrap.payment_callbacks(services),
        ],
        label_url=bootstrap.sandbox_labels(settings),
    )
    _warm_up(app)
    return app


def _chat_callbacks(settings: Settings, services: Services) -> list[Blueprint]:
    """The callbacks of the chats that are configured. Imported here, so that the others cost nothing."""
    import bootstrap

    found = []
    if settings.telegram_mode == "webhook" and settings.telegram_bot_token:
        from bots.telegram.webhook import telegram_webhook

        found.append(telegram_webhook(services.inbox, settings.telegram_webhook_secret))
    if (config := bootstrap.wechat_config(settings)) is not None:
        from bots.wechat.client import WechatApi
        from bots.wechat.photos import Photos
        from bots.wechat.webhook import blueprint

        api = WechatApi(config, services.clock)
        # Without a mini-program there is nobody that an official account's followers could be as well.
        unionids = api if settings.wechat_miniprogram_app_id and settings.wechat_app_secret else None
        speaks = api if settings.wechat_app_secret else None
        photos = Photos(read_codes, speaks, config.api_base)
        leaves = bootstrap.wechat_leaves(settings, services.database, services.clock)
        found.append(
            blueprint(services, config, sender=api, unionids=unionids, photos=photos, pictures=speaks, leaves=leaves)
        )
    return found


def _warm_up(app: Flask) -> None:
    """Load wording and templates before the first person waits, then keep the collector away from all of it.

    The station index is millions of objects that live as long as the process: walking them costs 100 ms a time.
    """
    page_strings()
    app.test_client().get("/")
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> None:
    """One gunicorn process with threads on PORT, until it is told to stop."""
    from gunicorn.app.base import BaseApplication

    import bootstrap

    settings = bootstrap.start_process()
    options = {
        "bind": f"{settings.bind}:{settings.port}",
        "worker_class": "gthread",
        "workers": 1,
        "threads": THREADS,
        "timeout": REQUEST_TIMEOUT_S,
        "graceful_timeout": 5,
        "keepalive": 15,
        "proc_name": "kilowatch-web",
        "accesslog": None,
        "control_socket_disable": True,
    }

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return application()

    Server().run()


if __name__ == "__main__":
    main()
