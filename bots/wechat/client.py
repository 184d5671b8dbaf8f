"""Calls to WeChat's API: the menu, and speaking first.

wechatpy makes them, fenced: its retry on a refused token recurses without end, its token fetch has no timeout and
uses the call that revokes the token of everybody else, and its errors carry the URL with the token in it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from bots.unsent import NeverSent, never_sent
from bots.wechat.config import API_BASE, WechatConfig
from bots.wechat.photos import read_bounded
from bots.wechat.tokens import AccessTokens
from core.errors import ChatUnreachable, SupplierUnavailable
from core.ports import Clock

TIMEOUT_S = (3.0, 8.0)  # connect, read
PICTURES_BASE = "https://mp.weixin.qq.com"
PICTURE_MAX_BYTES = 512 * 1024
TOKEN_REFUSED = frozenset({40001, 40014, 42001})
# Final for this chat until the person writes again, or for this account altogether.
UNREACHABLE = {
    40003: "no such openid",
    43004: "no longer follows",
    45015: "outside the 48 hours after the last message",
    45047: "the messages of this reply window are used up",
    48001: "the account may not use custom/send",
    48002: "the person refuses messages",
    48004: "the interface is banned",
    50002: "the account is limited",
}
# Of these the chat itself is there: it only takes nothing now, or nothing of this kind.
CLOSED = frozenset({45015, 45047, 48001, 48004, 50002})
_SECRET_IN_URL = re.compile(r"((?:access_token|secret|appsecret)=)[^&\s\"']+")


# And of these nothing is taken freely before the person writes again.
WINDOW_CLOSED = frozenset({45015, 45047})


class ChatClosed(ChatUnreachable):
    """The person is there, but cannot be spoken to now, or not in this way."""

    def __init__(self, channel: str, chat_id: str, reason: str, code: int = 0) -> None:
        super().__init__(channel, chat_id, reason)
        self.code = code


class WechatRefused(SupplierUnavailable):
    """WeChat answered with an errcode: it was not done."""

    def __init__(self, asked: str, code: int, detail: str) -> None:
        super().__init__("WeChat", asked, detail)
        self.code = code


class WechatApi:
    """The official account's outgoing side. Safe from many threads; every call ends in bounded time and tries.

    Raises SupplierUnavailable, and ChatUnreachable where a person cannot be reached. Neither carries the token.
    """

    def __init__(self, config: WechatConfig, clock: Clock, *, timeout_s: tuple[float, float] = TIMEOUT_S) -> None:
        self._client = _Client(config, timeout_s)
        self._tokens = AccessTokens(self._client.fetch_stable_token, clock)
        self._client.use(self._tokens)
        hide_tokens_in_logs()

    def ping(self) -> None:
        """Whether the account's id and secret are taken."""
        self._tokens.current()

    def send_text(self, openid: str, text: str) -> str:
        """Say something unasked, inside the reply window. WeChat gives it no number: ""."""
        self._say(openid, "message/custom/send", lambda: self._client.message.send_text(openid, text))
        return ""

    def send_picture(self, openid: str, picture: bytes) -> None:
        """A PNG, inside the reply window. WeChat keeps it for three days."""
        file = ("prices.png", picture, "image/png")
        kept = self._plain_call("media/upload", lambda: self._client.media.upload("image", file))
        number = str(kept.get("media_id") or "")
        self._say(openid, "message/custom/send", lambda: self._client.message.send_image(openid, number))

    def send_template(
        self, openid: str, template_id: str, fields: Mapping[str, str], url: str, client_msg_id: str
    ) -> str:
        """A template message; returns its number. The same `client_msg_id` within ten minutes is sent once."""
        message = {
            "touser": openid,
            "template_id": template_id,
            "url": url,
            "client_msg_id": client_msg_id,
            "data": {name: {"value": value} for name, value in fields.items()},
        }
        asked = "message/template/send"
        return str(self._say(openid, asked, lambda: self._client.post(asked, data=message)).get("msgid", ""))

    def send_leave(self, openid: str, template_id: str, fields: Mapping[str, str], page: str) -> str:
        """A subscription notice, for which one leave of the person is used up. WeChat gives it no number: ""."""
        message = {
            "touser": openid,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in fields.items()},
        }
        if page:
            message["page"] = page
        asked = "message/subscribe/bizsend"
        self._say(openid, asked, lambda: self._client.post(asked, data=message))
        return ""

    def _say(self, openid: str, asked: str, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            return self._call(asked, call)
        except _Refusal as refusal:
            if refusal.code in UNREACHABLE:
                reason = UNREACHABLE[refusal.code]
                if refusal.code in CLOSED:
                    raise ChatClosed("wechat", openid, reason, refusal.code) from None
                raise ChatUnreachable("wechat", openid, reason) from None
            raise refusal.unavailable from None

    def unionid(self, openid: str) -> str:
        """core.ports.KnowsUnionid: told for followers of an account that hangs on an Open Platform account."""
        return str(self._plain_call("user/info", lambda: self._client.user.get(openid)).get("unionid") or "")

    def qr_picture(self, scene: str, lasts: timedelta) -> bytes:
        """A QR code that brings `scene` when it is scanned, as a JPEG."""
        wanted = {
            "expire_seconds": int(lasts.total_seconds()),
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": scene}},
        }
        ticket = self._plain_call("qrcode/create", lambda: self._client.qrcode.create(wanted)).get("ticket")
        picture: list[bytes] = []

        def draw() -> dict[str, Any]:
            picture.append(self._client.draw(str(ticket or "")))
            return {}

        self._plain_call("showqrcode", draw)
        return picture[0]

    def media(self, media_id: str) -> bytes:
        """A picture that somebody sent within the last three days."""
        picture: list[bytes] = []

        def fetch() -> dict[str, Any]:
            picture.append(self._client.fetch_media(media_id))
            return {}

        self._plain_call("media/get", fetch)
        return picture[0]

    def menu(self) -> dict[str, Any] | None:
        """The menu as it stands, or None without one."""
        # wechatpy turns 46003, "no menu", into None
        return self._plain_call("menu/get", lambda: self._client.menu.get() or {}) or None

    def publish_menu(self, menu: dict[str, Any]) -> None:
        self._plain_call("menu/create", lambda: self._client.menu.create(menu))

    def _plain_call(self, asked: str, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            return self._call(asked, call)
        except _Refusal as refusal:
            raise refusal.unavailable from None

    def _call(self, asked: str, call: Callable[[], Any]) -> dict[str, Any]:
        """Make a call; once more with another token when this one is refused. Raises _Refusal."""
        try:
            token = self._tokens.current()
        except SupplierUnavailable as error:
            raise NeverSent("WeChat", error.asked, error.detail) from None
        try:
            return _once(asked, call)
        except _Refusal as refusal:
            if refusal.code not in TOKEN_REFUSED:
                raise
        self._tokens.renew(token)
        return _once(asked, call)


class _Refusal(Exception):
    """The API answered with an errcode."""

    def __init__(self, asked: str, code: int, message: str) -> None:
        super().__init__(f"{asked}: {code}")
        self.code = code
        self.unavailable = WechatRefused(asked, code, f"{code} {_without_secrets(message)[:120]}".strip())


def _once(asked: str, call: Callable[[], Any]) -> dict[str, Any]:
    """`from None` everywhere: the causes hold the URL, and the URL holds the token."""
    try:
        result = call()
    except WeChatClientException as error:
        if error.errcode is None:
            status = getattr(error.response, "status_code", "no status")
            raise SupplierUnavailable("WeChat", asked, f"HTTP {status}") from None
        raise _Refusal(asked, int(error.errcode), str(error.errmsg)) from None
    except requests.RequestException as error:
        kind = NeverSent if never_sent(error) else SupplierUnavailable
        raise kind("WeChat", asked, type(error).__name__) from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SupplierUnavailable("WeChat", asked, type(error).__name__) from None
    if not isinstance(result, dict):
        raise SupplierUnavailable("WeChat", asked, "not a JSON object")
    return result


class _Client(WeChatClient):  # type: ignore[misc]
    """wechatpy with our tokens, our address and no retries of its own."""

    _tokens: AccessTokens

    def __init__(self, config: WechatConfig, timeout_s: tuple[float, float]) -> None:
        super().__init__(config.app_id, config.app_secret, timeout=timeout_s, auto_retry=False)
        self._http.trust_env = False
        self._http.max_redirects = 0  # a redirect would take the token elsewhere
        self._http.mount(f"{API_BASE}/", _Elsewhere(config.api_base, timeout_s))
        # A configured address stands for both hosts of the platform.
        self._pictures = PICTURES_BASE if config.api_base.rstrip("/") == API_BASE else API_BASE

    def use(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    @property
    def access_token(self) -> str:
        return self._tokens.current()

    def draw(self, ticket: str) -> bytes:
        """The picture of a QR code. It needs no access token, and lives on another host."""
        url = f"{self._pictures}/cgi-bin/showqrcode"
        response = self._http.get(url, params={"ticket": ticket}, timeout=self.timeout)
        if not (response.ok and response.content.startswith((b"\xff\xd8", b"\x89PNG"))):
            raise WeChatClientException(None, None, client=self, response=response)
        if len(response.content) > PICTURE_MAX_BYTES:
            raise ValueError("no QR code is that large")
        return bytes(response.content)

    def fetch_media(self, media_id: str) -> bytes:
        """The bytes of a picture; what cannot be had is answered with 200 and a JSON object."""
        wanted = {"access_token": self.access_token, "media_id": media_id}
        url = f"{API_BASE}/cgi-bin/media/get"
        with self._http.get(url, params=wanted, timeout=self.timeout, stream=True) as response:
            if not response.ok:
                raise WeChatClientException(None, None, client=self, response=response)
            body = read_bounded(response)
        if body.startswith(b"{"):
            doc = json.loads(body)
            raise WeChatClientException(int(doc["errcode"]), str(doc.get("errmsg", "")))
        return body

    def fetch_access_token(self) -> None:
        raise NotImplementedError("tokens come from stable_token")

    def fetch_stable_token(self, force: bool) -> tuple[str, int]:
        """A token and its seconds to live. Unlike `token`, this call leaves the tokens of others valid."""
        wanted = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": force,
        }

        def call() -> dict[str, Any]:
            response = self._http.post(f"{API_BASE}/cgi-bin/stable_token", json=wanted, timeout=self.timeout)
            if not response.ok:
                raise WeChatClientException(None, None, client=self, response=response)
            doc = response.json()
            if not isinstance(doc, dict):
                raise TypeError("a token comes in a JSON object")
            if doc.get("errcode"):
                raise WeChatClientException(int(doc["errcode"]), str(doc.get("errmsg", "")))
            return {"token": str(doc["access_token"]), "expires_in": int(doc["expires_in"])}

        try:
            fetched = _once("stable_token", call)
        except _Refusal as refusal:
            raise refusal.unavailable from None
        return fetched["token"], fetched["expires_in"]


class _Elsewhere(HTTPAdapter):
    """Sends what is meant for api.weixin.qq.com to our configured address: wechatpy has that host in its code."""

    def __init__(self, base_url: str, timeout_s: tuple[float, float]) -> None:
        super().__init__()
        self.base_url, self.timeout_s = base_url.rstrip("/"), timeout_s

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        request.url = f"{self.base_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout_s
        return super().send(request, *args, **kwargs)


class _HideTokens(logging.Filter):
    """urllib3 logs every address at DEBUG; WeChat wants the token in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _without_secrets(record.getMessage()), ()
        return True


_hide_tokens = _HideTokens()


def hide_tokens_in_logs() -> None:
    """Adding the same filter twice changes nothing."""
    logging.getLogger("urllib3.connectionpool").addFilter(_hide_tokens)


def _without_secrets(text: str) -> str:
    return _SECRET_IN_URL.sub(r"\1…", text)
