"""Calls to the Bot API from processes without aiogram: jobs, doctor. Blocking, and silent about the token."""

from __future__ import annotations

from typing import Any

import requests

from bots.unsent import NeverSent, never_sent
from core.errors import ChatUnreachable, KilowatchError, SupplierUnavailable

TIMEOUT_S = (3.0, 10.0)  # connect, read
_GONE = ("chat not found", "user is deactivated", "bot was kicked", "peer_id_invalid", "user not found")


class TelegramBusy(KilowatchError):
    """Telegram asks for a pause. Sending earlier lengthens it."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Telegram asks to wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TelegramRefused(SupplierUnavailable):
    """Telegram answered, and it was no. `final` when asking again cannot help."""

    def __init__(self, asked: str, status: int, words: str) -> None:
        super().__init__("telegram", asked, f"{status} {words}")
        self.final = 400 <= status < 500 and status not in {401, 404}  # those are about our token


class TelegramMessenger:
    """Sends what `render` made. A timeout leaves open whether the message arrived: the caller decides to repeat."""

    def __init__(
        self,
        token: str,
        api_base: str,
        http: requests.Session | None = None,
        *,
        timeout_s: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self._address = f"{api_base.rstrip('/')}/bot{token}"
        self._http, self._timeout_s = http or requests.Session(), timeout_s

    def ping(self) -> str:
        """The bot's user name. Raises SupplierUnavailable."""
        return str(self._call("getMe", {}).get("username", ""))

    def send_message(self, chat_id: str, rendered: dict[str, Any]) -> int:
        """The id of the new message. Raises ChatUnreachable, TelegramBusy, SupplierUnavailable.

        Of the last kind NeverSent and TelegramRefused are sure that it was not said; others leave that open.
        """
        sent = self._call("sendMessage", {"chat_id": chat_id, **rendered}, chat_id)
        return int(sent.get("message_id", 0))

    def _call(self, method: str, params: dict[str, Any], chat_id: str = "") -> dict[str, Any]:
        answer, problem, unsent = None, "", False
        try:
            answer = self._http.post(
                f"{self._address}/{method}", json=params, timeout=self._timeout_s, allow_redirects=False
            )
            body = answer.json()
        except requests.RequestException as error:
            # The text of these errors holds the URL, and so the token: keep the kind, drop the rest, chain included.
            problem, unsent = type(error).__name__, never_sent(error)
        if unsent:
            raise NeverSent("telegram", method, problem)
        if problem or answer is None or not isinstance(body, dict):
            raise SupplierUnavailable("telegram", method, problem or "an answer that is no object")
        if body.get("ok") is True and isinstance(body.get("result"), dict):
            return dict(body["result"])
        raise _refusal(method, answer.status_code, body, chat_id)


def _refusal(method: str, status: int, body: dict[str, Any], chat_id: str) -> KilowatchError:
    words = str(body.get("description", ""))
    parameters = body.get("parameters")
    if status == 429:
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        return TelegramBusy(wait if type(wait) is int and wait > 0 else 1)
    if status == 403 or (status == 400 and any(gone in words.lower() for gone in _GONE)):
        return ChatUnreachable("telegram", chat_id, words)
    return TelegramRefused(method, status, words)
