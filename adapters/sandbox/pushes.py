"""The sandbox operator's pushes to its customer: sealed with the customer's keys, sent again until acknowledged."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from adapters.cec import json_text
from adapters.cec.envelope import EnvelopeRefused, Keys, Reply, Ret, Stamps, open_response, seal_request
from adapters.sandbox import keys
from adapters.sandbox.books import Books
from adapters.sandbox.faults import ChargingFault, ChargingFaults
from adapters.sandbox.tongues import CEC_2016, Tongue, plain

log = logging.getLogger(__name__)

Message = Mapping[str, Any]
_TRIES = 4  # part 4 of the standard: more than three times, about a minute apart
_TIMEOUT_S = 10.0
_MOST_WAITING = 10_000
_BILL = "notification_charge_order_info"


@dataclass(order=True, slots=True)
class _Push:
    due: float
    number: int
    interface: str = field(compare=False)
    message: Message = field(compare=False)
    gun_id: str = field(compare=False)
    tries: int = field(compare=False, default=0)


class Pushes:
    """One thread sends; `send` only queues. Without an address nothing is sent, and the books say so."""

    def __init__(self, books: Books, faults: ChargingFaults, url: str = "") -> None:
        self.url, self.tongue, self.retry_every_s = url.rstrip("/"), CEC_2016, 60.0
        self._books, self._faults = books, faults
        self._keys = Keys(keys.CALLBACK_DATA_SECRET, keys.CALLBACK_DATA_SECRET_IV, keys.CALLBACK_SIG_SECRET)
        self._stamps = Stamps(lambda: datetime.now(UTC))
        self._http = requests.Session()
        self._http.trust_env = False
        self._token = ""
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._waiting: list[_Push] = []
        self._held_back: _Push | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="pushes", daemon=True).start()

    def send(self, interface: str, message: Message, gun_id: str, *, delay_s: float = 0.0) -> None:
        push = _Push(time.monotonic() + delay_s, next(self._count), interface, message, gun_id)
        if interface != _BILL and self._faults.has(ChargingFault.PUSH_LOST, gun_id):
            self._note(push, "lost", "")
            return
        with self._changed:
            for one in self._in_order(push):
                heapq.heappush(self._waiting, one)
            del self._waiting[_MOST_WAITING:]
            self._changed.notify_all()

    def _in_order(self, push: _Push) -> list[_Push]:
        """The pushes to queue now. Out of order, each second one goes before the one that was held back for it."""
        held, self._held_back = self._held_back, None
        if push.interface == _BILL or not self._faults.has(ChargingFault.PUSH_OUT_OF_ORDER, push.gun_id):
            return [push] if held is None else [held, push]
        if held is None:
            self._held_back = push
            return []
        held.due, held.number = push.due, next(self._count)
        return [push, held]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0].due > time.monotonic():
                    wait_s = self._waiting[0].due - time.monotonic() if self._waiting else None
                    self._changed.wait(wait_s)
                push = heapq.heappop(self._waiting)
            try:
                self._push(push)
            except Exception:
                log.exception("a push could not be sent")

    def _push(self, push: _Push) -> None:
        if not self.url:
            self._note(push, "nowhere", "")
            return
        push.tries += 1
        times = 2 if self._faults.has(ChargingFault.PUSH_TWICE, push.gun_id) else 1
        try:
            reply = self._deliver(push, times)
        except (requests.RequestException, EnvelopeRefused, ValueError) as error:
            self._note(push, type(error).__name__, "")
        else:
            self._note(push, f"Ret {reply.ret}", plain(self.tongue.hear(reply.data, push.interface)))
            if reply.ret not in {Ret.BUSY, Ret.BAD_TOKEN, Ret.BROKEN}:
                return
        if push.tries < _TRIES:
            push.due = time.monotonic() + self.retry_every_s
            with self._changed:
                heapq.heappush(self._waiting, push)

    def _deliver(self, push: _Push, times: int) -> Reply:
        reply = Reply(Ret.BAD_TOKEN, "")
        for _ in range(2):  # a token may have run out: log in once more
            if not self._token:
                self._token = self._log_in()
            envelope = self._seal(self.tongue.say(push.message, push.interface))
            for _ in range(times):
                reply = self._post(push.interface, envelope)
            if reply.ret != Ret.BAD_TOKEN:
                break
            self._token = ""
        return reply

    def _log_in(self) -> str:
        secret = {"OperatorID": keys.OPERATOR_ID, "OperatorSecret": keys.CALLBACK_OPERATOR_SECRET}
        reply = self._post("query_token", self._seal(self.tongue.say(secret, "query_token")))
        return str(self.tongue.hear(reply.data, "query_token").get("AccessToken", ""))

    def _seal(self, message: Message) -> dict[str, str]:
        return seal_request(keys.OPERATOR_ID, self._keys, message, self._stamps.next())

    def _post(self, interface: str, envelope: Message) -> Reply:
        headers = {"Content-Type": "application/json;charset=utf-8", "Authorization": f"Bearer {self._token}"}
        body = json_text.write(envelope).encode()
        reply = self._http.post(f"{self.url}/{interface}", data=body, headers=headers, timeout=_TIMEOUT_S)
        reply.raise_for_status()
        return open_response(json.loads(reply.content), self._keys)

    def speak(self, tongue: Tongue) -> None:
        self.tongue, self._token = tongue, ""

    def _note(self, push: _Push, outcome: str, answer: str) -> None:
        self._books.write_push(datetime.now(UTC), push.interface, json_text.write(push.message), outcome, answer)
