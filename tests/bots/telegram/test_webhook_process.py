"""Webhook mode for real: Telegram posts to Flask, Flask stores, the telegram process works it off."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from bots.telegram.webhook import telegram_webhook
from tests.bots.telegram.process import TelegramProcess, city
from tests.bots.telegram.server import BotApi
from tests.world import World

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SECRET = "webhook-secret_0123456789"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("telegram-webhook")


@pytest.fixture(scope="module")
def world(folder: Path) -> World:
    return city(folder)


@pytest.fixture(scope="module")
def telegram(world: World) -> Iterator[BotApi]:
    app = Flask("test")
    app.register_blueprint(telegram_webhook(world.services.inbox, SECRET))
    web = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with BotApi(deliver_to=f"http://127.0.0.1:{web.server_port}/telegram") as api:
        yield api
    web.shutdown()


class Places(BaseHTTPRequestHandler):
    """A place search that knows one place."""

    def do_GET(self) -> None:
        body = json.dumps([{"lat": "22.5410", "lon": "114.0580", "display_name": "Futian <Hall>"}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def places() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Places)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def bot(telegram: BotApi, folder: Path, places: str) -> Iterator[TelegramProcess]:
    env = {
        "GEOCODER_URL": places,
        "TELEGRAM_MODE": "webhook",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        "PUBLIC_URL": "https://kilowatch.example",
    }
    process = TelegramProcess(telegram, folder, **env)
    process.start()
    yield process
    process.stop()


def test_the_webhook_is_registered_with_its_secret(telegram: BotApi, bot: TelegramProcess) -> None:
    assert telegram.webhook["url"] == "https://kilowatch.example/telegram"
    assert telegram.webhook["secret_token"] == SECRET
    assert set(telegram.webhook["allowed_updates"]) == {
        "message", "edited_message", "callback_query", "my_chat_member", "pre_checkout_query",
    }  # fmt: skip
    assert telegram.webhook.get("drop_pending_updates") is not True
    assert not telegram.made("deleteWebhook")


def test_a_location_posted_to_the_web_becomes_a_list(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.sends_location(22.5410, 114.0580)
    assert "13 stations" in telegram.wait(lambda: lin.messages)[0].text


def test_a_forged_and_a_repeated_update(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    message = {"message_id": 1, "date": 1, "chat": lin.chat, "from": lin.user, "text": "/help"}
    assert telegram.deliver({"update_id": 500_001, "message": message}, secret="forged") == 403
    assert telegram.deliver({"update_id": 500_002, "message": message}) == 200
    assert telegram.deliver({"update_id": 500_002, "message": message}) == 200
    assert telegram.deliver({"update_id": 500_003, "message": {**message, "text": "/stop"}}) == 200
    telegram.wait(lambda: [m for m in lin.messages if "🔕" in m.text])
    assert len(lin.messages) == 2


def test_a_typed_place_is_searched_where_the_settings_say(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    lin.says("city hall")
    assert telegram.wait(lambda: lin.messages)[0].text.startswith("📍 Around Futian <Hall>\n13 stations")


def test_an_update_nobody_can_read_stops_nothing(telegram: BotApi, bot: TelegramProcess) -> None:
    lin = telegram.person("Lin")
    assert telegram.deliver({"update_id": 500_010, "message": {"chat": lin.chat, "text": 5}}) == 200
    wei = telegram.person("Wei")
    wei.says("/help")
    assert telegram.wait(lambda: wei.messages)[0].text.startswith("How it works")


def test_webhook_mode_without_a_secret_does_not_start(telegram: BotApi, bot: TelegramProcess, folder: Path) -> None:
    env = bot.env | {"TELEGRAM_WEBHOOK_SECRET": ""}
    command = [sys.executable, "-m", "bots.telegram"]
    ended = subprocess.run(command, cwd=Path(__file__).parents[3], env=env, capture_output=True, timeout=120)
    assert ended.returncode == 1
    assert b"TELEGRAM_WEBHOOK_SECRET" in ended.stderr
    assert b"Traceback" not in ended.stderr
