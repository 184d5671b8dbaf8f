"""The application as a process: limits, health, figures, logs, headers, and what it must not load."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask import Blueprint, Flask
from flask.testing import FlaskClient

import web
from core.outbox import MessageClass, NewRow
from core.services.finder import StationFinder
from storage.index import InMemoryStationIndex
from tests.bots.miniapp.served import served
from tests.world import World, make_world

ROOT = Path(__file__).resolve().parent.parent
AT = "/api/v1/stations?lat=22.5410&lng=114.0580"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def app(world: World) -> Flask:
    return web.create_app(world.services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def breaking() -> Blueprint:
    """A blueprint that fails with a position in its message."""
    routes = Blueprint("breaking", __name__)

    @routes.get("/break")
    def fail() -> str:
        raise RuntimeError("no such shelf")

    return routes


# --- health -------------------------------------------------------------------------------------------------


def test_a_living_process_is_healthy_and_not_yet_ready(client: FlaskClient):
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "no stations" in answer.json["missing"][0]


def test_ready_means_stations_can_be_found(client: FlaskClient, world: World):
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "missing": [], "stations": 1})


def test_an_index_that_is_still_loading_is_named_and_searches_say_so(world: World):
    index = InMemoryStationIndex(world.services.database, world.clock)
    finder = StationFinder(index, list, world.clock)
    client = web.create_app(replace(world.services, index=index, finder=finder)).test_client()
    assert client.get("/readyz").json["missing"] == ["the station index is still loading"]
    answer = client.get(AT)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "not_ready")
    assert client.get("/healthz").status_code == 200


class Away:
    """A database that has gone."""

    def read(self) -> None:
        raise ConnectionError("gone")

    write = ping = read


def test_a_database_that_is_away_is_named_and_leaves_the_figures_that_remain(world: World):
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20")
    client = web.create_app(replace(world.services, database=Away())).test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["missing"] == ["the database does not answer"]
    assert "kilowatch_index_stations 1.0" in client.get("/metrics").get_data(as_text=True)


def test_figures_count_requests_and_tell_of_index_inbox_and_suppliers(client: FlaskClient, world: World):
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20")
    world.services.inbox.accept("telegram", "1", "lane", "{}")
    with world.services.database.write() as unit:
        unit.outbox.add(NewRow("k", MessageClass.COMMAND, "start", "s1"), world.clock.now())
    world.clock.advance(minutes=5)
    client.get(AT)
    client.get("/api/v1/stations/nosuch")
    client.get("/what/ever/22.5410")
    text = client.get("/metrics").get_data(as_text=True)
    for line in (
        'kilowatch_requests_total{method="GET",route="/api/v1/stations",status="200"} 1.0',
        'kilowatch_requests_total{method="GET",route="/api/v1/stations/<station_id>",status="404"} 1.0',
        'kilowatch_requests_total{method="GET",route="none",status="404"} 1.0',
        'kilowatch_request_seconds_count{route="/api/v1/stations"} 1.0',
        "kilowatch_index_stations 1.0",
        'kilowatch_inbox_messages{source="telegram",state="new"} 1.0',
        'kilowatch_outbox_rows{class="command",state="pending"} 1.0',
        'kilowatch_outbox_oldest_seconds{class="command"} 300.0',
        'kilowatch_outbox_oldest_seconds{class="alert"} 0.0',
        # No clock runs here.
        "kilowatch_prices_behind_seconds 300.0",
        "kilowatch_watches_behind_seconds 0.0",
        "kilowatch_alerts_written 0.0",
        'kilowatch_cases_open{kind="review"} 0.0',
        "kilowatch_starts_halted 0.0",
        'kilowatch_supplier_success_age_seconds{asked="catalogue",supplier="test"} 300.0',
        'kilowatch_supplier_stations{supplier="test"} 1.0',
    ):
        assert line in text.splitlines(), line
    assert "22.5410" not in text


# --- failures and logs --------------------------------------------------------------------------------------


def test_our_own_failure_is_a_sentence_and_a_log_line_with_its_id(world: World, caplog: pytest.LogCaptureFixture):
    client = web.create_app(world.services, blueprints=[breaking()]).test_client()
    answer = client.get("/break?lat=22.5410&lng=114.0580", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "unknown"
    assert "shelf" not in answer.get_data(as_text=True)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.request_id == answer.headers["X-Request-Id"]
    assert "no such shelf" in str(record.exc_info[1])


def test_logs_hold_neither_positions_nor_what_was_typed(client: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        for path in (
            AT,
            "/?lat=22.5410&lng=114.0580",
            "/api/v1/places?q=My+Street+22.5410",
            "/22.5410",
            AT + "&kwh=x",
        ):
            client.get(path)
    lines = [str(record.__dict__) for record in caplog.records if record.name == "web"]
    assert len(lines) == 5
    assert not [line for line in lines if "22.5410" in line or "114.0580" in line or "Street" in line]


def test_every_answer_carries_the_security_headers(client: FlaskClient):
    for path in ("/", AT, "/nothing", "/metrics"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'self' https://web.telegram.org" in headers["Content-Security-Policy"]
        assert len(headers["X-Request-Id"]) == 16


def test_addresses_of_proxies_are_believed_only_when_configured(world: World):
    def asked_by(trusted: int) -> str:
        world.limiter.seen.clear()
        client = web.create_app(world.services, trusted_proxies=trusted).test_client()
        client.get(AT, headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
        ((_, who),) = world.limiter.seen
        return who

    assert asked_by(0) == "127.0.0.1"
    assert asked_by(1) == "203.0.113.9"


# --- over a network -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/stations"), ("GET", AT), ("POST", "/"), ("PUT", "/x")]
)
def test_a_large_body_is_refused_in_our_shape(client: FlaskClient, method: str, path: str):
    answer = client.open(path, method=method, data=b"x" * 10_000_000)
    assert answer.status_code == 413
    assert answer.json["error"]["code"] == "body_too_large"


def test_all_callbacks_are_served_without_loading_the_bot(tmp_path: Path):
    """aiogram costs seconds and 170 MB, and only the telegram process needs it; matplotlib comes with a picture."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "KILOWATCH_HOME": str(tmp_path),
        "TELEGRAM_MODE": "webhook",
        "TELEGRAM_BOT_TOKEN": "123456:abcdefghijklmnopqrstuvwxyz",
        "TELEGRAM_WEBHOOK_SECRET": "a-secret-of-this-test",
        "PUBLIC_URL": "https://kilowatch.example",
        "WECHAT_APP_ID": "wx0000000000000000",
        "WECHAT_TOKEN": "a-token-of-this-test",
        "WECHAT_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    }
    program = (
        "import sys, web; app = web.application(); client = app.test_client(); "
        "print(client.post('/telegram', json={}).status_code, client.get('/wechat').status_code, "
        "{'aiogram', 'matplotlib'}.isdisjoint(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
    assert done.stdout.split() == ["403", "403", "True"], done.stderr


def test_a_connection_that_sends_rubbish_gets_an_answer(world: World):
    with served(web.create_app(world.services)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /api/v1/stations?lat=%ff%fe&lng=\xff\xfe&q=%00 HTTP/1.0\r\n\r\n")
            assert connection.recv(100).split()[1] == b"400"


@pytest.fixture
def process_url(tmp_path: Path) -> Iterator[str]:
    """`python -m web` with a database of its own."""
    world = make_world(tmp_path)
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"PORT": str(port), "KILOWATCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path / 'kilowatch.sqlite3'}"}
    log = (tmp_path / "log.txt").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "web"], cwd=ROOT, env=env, stderr=log, stdout=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not _answers(url):
            assert process.poll() is None, (tmp_path / "log.txt").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        log.close()
    assert process.returncode == 0
    assert "22.541" not in (tmp_path / "log.txt").read_text()


def _answers(url: str) -> bool:
    try:
        return requests.get(url + "/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.process
def test_the_process_serves_refuses_and_stops(process_url: str):
    found = requests.get(process_url + AT, timeout=10)
    assert [row["name"] for row in found.json()["stations"]] == ["Lotus Road"]
    assert requests.get(process_url + "/", timeout=10).status_code == 200
    for body in (b"x" * 10_000_000, (b"x" * 100_000 for _ in range(100))):
        refused = requests.post(process_url + "/api/v1/stations", data=body, timeout=20)
        assert refused.status_code in (405, 413)
        assert refused.json()["error"]["code"] in ("method_not_allowed", "body_too_large")
    assert requests.get(process_url + "/healthz", timeout=10).status_code == 200
