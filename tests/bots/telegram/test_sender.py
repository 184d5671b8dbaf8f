"""What Telegram's answers mean for a row of the outbox, over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bots.telegram.messenger import TelegramMessenger
from bots.telegram.sender import REST, TelegramSender
from bots.wording.messages import Said
from core.outbox import Fate, MessageClass, OutboxRow, OutboxState, Result

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SAID = Said("Your bill: ¥32.50", "Lotus <Road> & more: 30.5 kWh.\nReference: s1", "s1")


class Telegram(ThreadingHTTPServer):
    """Answers every call with `status` and `answer`; None is silence, "cut" hangs up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.answer = 200, {"ok": True, "result": {"message_id": 77}}
        self.calls: list[dict[str, Any]] = []
        self.silent = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Telegram

    def do_POST(self) -> None:
        self.server.calls.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer: Any = self.server.answer
        if answer is None:
            self.server.silent.wait(10)
            return
        if answer == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    server = Telegram()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.silent.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


def row(code: str = "") -> OutboxRow:
    body = json.dumps({"code": code, "params": {"session_id": "s1"}}) if code else "{}"
    return OutboxRow(
        5, "k", MessageClass.MONEY, "say", "s1", "telegram", "42", body, OutboxState.SENDING, 1, NOW, NOW, None
    )


def send(telegram: Telegram, code: str = "", said: Said = SAID) -> Result:
    return TelegramSender(TelegramMessenger("1:x", telegram.url)).send(row(code), said)


def test_it_is_said_with_a_bold_title_and_nothing_foreign_is_markup(telegram: Telegram) -> None:
    assert send(telegram) == Result(Fate.SENT, sent_ref="77")
    (call,) = telegram.calls
    assert call["chat_id"] == "42"
    assert call["text"] == "<b>Your bill: ¥32.50</b>\nLotus &lt;Road&gt; &amp; more: 30.5 kWh.\nReference: s1"
    assert call["parse_mode"] == "HTML"


def test_what_can_be_done_about_it_stands_under_it(telegram: Telegram) -> None:
    for code, label, data in (
        ("receipt", "🧾 Receipt", "1Wbs1"),
        ("hold_nearly_used", "⏹ Stop", "1Ess1"),
        ("start_failed", "🔎 Another gun nearby", "1Efs1"),
        ("topup_paid", "▶ Go on", "1Ep"),
    ):
        send(telegram, code)
        keyboard = telegram.calls[-1]["reply_markup"]["inline_keyboard"]
        assert keyboard == [[{"text": label, "callback_data": data}]]
    send(telegram, "receipt", replace(SAID, language="zh-CN"))
    assert telegram.calls[-1]["reply_markup"]["inline_keyboard"][0][0]["text"] == "🧾 充电单"


def test_a_watch_that_has_ended_is_set_again_from_its_last_word(telegram: Telegram) -> None:
    body = json.dumps({"code": "watch_ended", "params": {"place": "Lotus Road", "watch_id": 12}})
    sender = TelegramSender(TelegramMessenger("1:x", telegram.url))
    sender.send(replace(row(), body=body), SAID)
    sender.send(replace(row(), body=body.replace("ended", "quiet")), SAID)
    ended, quiet = (call["reply_markup"]["inline_keyboard"] for call in telegram.calls)
    assert ended == [[{"text": "↩ Watch again", "callback_data": "w:n:12"}]]
    assert [one["callback_data"] for one in quiet[0]] == ["w:l", "w:s:12"]


def test_only_a_start_that_is_seen_anyway_makes_no_noise(telegram: Telegram) -> None:
    for code in ("charge_started", "stop_failed"):
        send(telegram, code)
        assert "reply_markup" not in telegram.calls[-1]
        assert telegram.calls[-1].get("disable_notification") is (True if code == "charge_started" else None)


def refusal(code: int, words: str, **parameters: int) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": words, "parameters": parameters}


@pytest.mark.parametrize(
    ("status", "answer", "result"),
    [
        (
            429,
            refusal(429, "Too Many Requests", retry_after=17),
            Result(
                Fate.LATER,
                error="Telegram asks to wait 17 s",
                retry_after=timedelta(seconds=17),
                pause_channel=True,
            ),
        ),
        (403, refusal(403, "bot was blocked"), Result(Fate.GONE, error="bot was blocked")),
        (400, refusal(400, "chat not found"), Result(Fate.GONE, error="chat not found")),
        (400, refusal(400, "can't parse entities"), Result(Fate.REFUSED, error="400 can't parse entities")),
        # A wrong token is our mistake, and not this message's.
        (401, refusal(401, "Unauthorized"), Result(Fate.NOT_SENT, error="401 Unauthorized")),
        (500, refusal(500, "Internal"), Result(Fate.NOT_SENT, error="500 Internal")),
    ],
)
def test_an_answer_is_believed(telegram: Telegram, status: int, answer: dict[str, Any], result: Result) -> None:
    telegram.status, telegram.answer = status, answer
    assert send(telegram) == result


@pytest.mark.parametrize("answer", ["cut", b"<html>502 Bad Gateway</html>"])
def test_no_answer_from_telegram_itself_leaves_it_open(telegram: Telegram, answer: Any) -> None:
    telegram.status, telegram.answer = 502, answer
    result = send(telegram)
    assert (result.fate, result.pause_channel, result.retry_after) == (Fate.UNCERTAIN, True, REST)


def test_silence_leaves_it_open(telegram: Telegram) -> None:
    telegram.answer = None  # type: ignore[assignment]
    result = TelegramSender(TelegramMessenger("1:x", telegram.url, timeout_s=(1.0, 0.2))).send(row(), SAID)
    assert (result.fate, result.error) == (Fate.UNCERTAIN, "ReadTimeout")
    assert len(telegram.calls) == 1


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://nowhere.invalid"])
def test_nobody_there_means_that_it_was_not_said(base: str) -> None:
    result = TelegramSender(TelegramMessenger("1:x", base)).send(row(), SAID)
    assert (result.fate, result.pause_channel) == (Fate.NOT_SENT, True)
    assert "1:x" not in result.error


def test_a_pause_holds_for_all_threads_of_a_process(telegram: Telegram) -> None:
    sender = TelegramSender(TelegramMessenger("1:x", telegram.url))
    telegram.status, telegram.answer = 429, refusal(429, "Too Many Requests", retry_after=30)
    assert sender.send(row(), SAID).pause_channel
    telegram.status, telegram.answer = 200, {"ok": True, "result": {"message_id": 77}}
    second = sender.send(row(), SAID)
    assert (second.fate, len(telegram.calls)) == (Fate.LATER, 1)
    assert second.retry_after is not None
    assert timedelta(seconds=25) < second.retry_after <= timedelta(seconds=30)


class Shared:
    """What several processes know of each other."""

    def __init__(self) -> None:
        self.rests: dict[str, timedelta] = {}

    def begin(self, channel: str, lasts: timedelta) -> None:
        self.rests[channel] = lasts

    def left(self, channel: str) -> timedelta | None:
        return self.rests.get(channel)


def test_a_pause_holds_for_other_processes_that_have_claimed_already(telegram: Telegram) -> None:
    shared = Shared()
    one, other = (TelegramSender(TelegramMessenger("1:x", telegram.url), shared) for _ in range(2))
    telegram.status, telegram.answer = 429, refusal(429, "Too Many Requests", retry_after=30)
    one.send(row(), SAID)
    second = other.send(row(), SAID)
    assert (second.fate, second.retry_after, len(telegram.calls)) == (Fate.LATER, timedelta(seconds=30), 1)
