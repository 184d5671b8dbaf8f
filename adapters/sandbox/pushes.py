"""The sandbox operator's T/CEC 102 pushes: sealed with the keys that its customer issued."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from adapters.cec import json_text
from adapters.cec.envelope import EnvelopeRefused, Keys, Reply, Ret, Stamps, open_response, seal_request
from adapters.sandbox import keys
from adapters.sandbox.queue import Delivery
from adapters.sandbox.tongues import CEC_2016, Tongue, plain

Message = Mapping[str, Any]
_TIMEOUT_S = 10.0
_WORTH_RETRYING = frozenset({Ret.BUSY, Ret.BAD_TOKEN, Ret.BROKEN})


class CecCourier:
    """Logs in at the customer by itself. Without an address nothing is sent."""

    def __init__(self, url: str = "") -> None:
        self.url, self.tongue = url.rstrip("/"), CEC_2016
        self._keys = Keys(keys.CALLBACK_DATA_SECRET, keys.CALLBACK_DATA_SECRET_IV, keys.CALLBACK_SIG_SECRET)
        self._stamps = Stamps(lambda: datetime.now(UTC))
        self._http = requests.Session()
        self._http.trust_env = False
        self._token = ""

    def speak(self, tongue: Tongue) -> None:
        self.tongue, self._token = tongue, ""

    def deliver(self, interface: str, message: Message, times: int) -> Delivery:
        if not self.url:
            return Delivery("nowhere")
        try:
            reply = self._deliver(interface, message, times)
        except (requests.RequestException, EnvelopeRefused, ValueError) as error:
            return Delivery(type(error).__name__, again=True)
        answer = plain(self.tongue.hear(reply.data, interface))
        return Delivery(f"Ret {reply.ret}", answer, again=reply.ret in _WORTH_RETRYING)

    def _deliver(self, interface: str, message: Message, times: int) -> Reply:
        reply = Reply(Ret.BAD_TOKEN, "")
        for _ in range(2):  # a token may have run out: log in once more
            if not self._token:
                self._token = self._log_in()
            envelope = self._seal(self.tongue.say(message, interface))
            for _ in range(times):
                reply = self._post(interface, envelope)
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
