"""Notices on their way to the merchant: one thread, sent again until they are acknowledged."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from adapters.payments import sandbox_wire
from adapters.sandbox.payments.books import Books, Row
from adapters.sandbox.payments.faults import PaymentFault, PaymentFaults

RETRY_AFTER_S = (1.0, 5.0, 15.0, 60.0, 180.0)
_TIMEOUT_S = 5.0
_LOOK_S = 0.1

log = logging.getLogger(__name__)


class Teller:
    """What became of each try stands in the books."""

    def __init__(self, books: Books, faults: PaymentFaults, key: bytes) -> None:
        self._books, self._faults, self._key = books, faults, key
        self._stop = threading.Event()
        self._http = requests.Session()
        self._http.trust_env = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="payment notices", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                notice = self._books.next_notice()
                if notice is None or notice["due_at"] > time.time():
                    self._stop.wait(_LOOK_S)
                else:
                    self._deliver(notice)
            except Exception:
                if self._stop.is_set():
                    return
                log.exception("a notice could not be sent")
                self._stop.wait(1.0)

    def _deliver(self, notice: Row) -> None:
        body, tries = notice["body"].encode(), notice["tries"] + 1
        key = secrets.token_bytes(32) if self._faults.has(PaymentFault.NOTICE_FORGED) else self._key
        path = urlsplit(notice["url"]).path
        headers = sandbox_wire.signed(key, sandbox_wire.NOTICE, path, body, datetime.now(UTC))
        outcome = self._post(notice["url"], body, headers)
        if outcome == "acknowledged" and self._faults.has(PaymentFault.NOTICE_REPEATED):
            self._post(notice["url"], body, headers)
        if outcome == "acknowledged":
            self._books.change_notice(notice["id"], tries=tries, outcome=outcome)
        elif tries > len(RETRY_AFTER_S):
            self._books.change_notice(notice["id"], tries=tries, outcome=f"given up: {outcome}")
        else:
            self._books.change_notice(notice["id"], tries=tries, due_at=time.time() + RETRY_AFTER_S[tries - 1])

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        try:
            reply = self._http.post(
                url,
                data=body,
                headers=headers | {"Content-Type": "application/json"},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return type(error).__name__
        return "acknowledged" if reply.status_code in (200, 204) else f"HTTP {reply.status_code}"
