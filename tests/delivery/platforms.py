"""Telegram and WeChat as a sender meets them: what arrives takes effect first, and is answered a while later.

So a sender that is killed meanwhile has been heard, and does not know it. Each 97th call of Telegram is refused with
429, or once for long. WeChat's template messages take effect once per person and client_msg_id within ten minutes.
"""

from __future__ import annotations

import json
import math
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUSY_EVERY = 97
REPEAT_KNOWN_FOR_S = 600.0
TOKEN = "5:delivery"
_REFERENCE = re.compile(r"Reference: (\S+)")


@dataclass
class Heard:
    """What people have seen. `copies` counts by reference; `marked` are the copies that say they repeat another."""

    copies: Counter[str] = field(default_factory=Counter)
    marked: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    known: dict[tuple[str, str], float] = field(default_factory=dict)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, reference: str, *, repeated: bool = False) -> None:
        with self.arrived:
            self.copies[reference] += 1
            self.marked[reference] += repeated
            self.arrived.notify_all()

    @property
    def twice(self) -> list[str]:
        return [reference for reference, count in self.copies.items() if count > 1]

    def wait_for(self, reference: str, within_s: float) -> bool:
        with self.arrived:
            return self.arrived.wait_for(lambda: reference in self.copies, within_s)


@dataclass
class Silence:
    """Once, at a call in the middle, Telegram asks all of us to be silent, and counts who is not."""

    at_call: int
    lasts_s: float
    begun: float = 0.0  # when that was answered
    calls: list[float] = field(default_factory=list)  # how long after the answer each call during it came

    def refuses(self, number: int, now: float) -> int | None:
        """The seconds that a call has to wait; None where it is heard."""
        if number < self.at_call:
            return None
        if not self.begun:
            self.begun = now
            return math.ceil(self.lasts_s)
        if now >= self.begun + self.lasts_s:
            return None
        self.calls.append(now - self.begun)
        return math.ceil(self.begun + self.lasts_s - now)


class Platform(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer_after_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer_after_s, self.heard = answer_after_s, Heard()
        self.silence: Silence | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever called is dead, which is what these tests are about. Anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def telegram(self, doc: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.heard.arrived:
            self.heard.calls += 1
            wait_s = 1 if self.heard.calls % BUSY_EVERY == 0 else None
            if self.silence is not None:
                wait_s = self.silence.refuses(self.heard.calls, time.monotonic())
        if wait_s is not None:
            refusal = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {wait_s}"}
            return 429, refusal | {"parameters": {"retry_after": wait_s}}
        found = _REFERENCE.search(doc["text"])
        # An alert has no number that a person sees: here each person gets one.
        self.heard.take(found[1] if found else doc["chat_id"], repeated="Said again" in doc["text"])
        return 200, {"ok": True, "result": {"message_id": self.heard.calls}}

    def template(self, doc: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name, now = (doc["touser"], doc["client_msg_id"]), time.monotonic()
        with self.heard.arrived:
            self.heard.calls += 1
            known = now - self.heard.known.get(name, float("-inf")) < REPEAT_KNOWN_FOR_S
            if not known:
                self.heard.known[name] = now
        if not known:
            self.heard.take(doc["data"]["character_string2"]["value"])
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": self.heard.calls}


class _Handler(BaseHTTPRequestHandler):
    server: Platform
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        sent = self.rfile.read(length)
        if len(sent) < length:
            return  # whoever called died before they had said it
        doc = json.loads(sent)
        path = self.path.partition("?")[0]
        if path == "/cgi-bin/stable_token":
            status, answer = 200, {"access_token": "t", "expires_in": 7200}
        elif path == "/cgi-bin/message/template/send":
            status, answer = self.server.template(doc)
        else:
            assert path == f"/bot{TOKEN}/sendMessage", path
            status, answer = self.server.telegram(doc)
        if status == 200:
            time.sleep(self.server.answer_after_s)
        body = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # whoever asked is dead

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def platform(answer_after_s: float) -> Iterator[Platform]:
    server = Platform(answer_after_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
