"""WeChat's login codes: the mini-program's `wx.login`, and the page in WeChat's own browser.

Plain GETs without an access token. The answers hold a `session_key` or a token of the person's: they are dropped
here. Codes live five minutes and work once, so nothing is asked twice.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import requests

from core.errors import NotLoggedIn, SupplierUnavailable, TooMany
from core.ports.login import Proven
from core.user import Channel, Identity

API_BASE = "https://api.weixin.qq.com"
OPEN_BASE = "https://open.weixin.qq.com"
TIMEOUT_S = (3.0, 5.0)  # connect, read
_CODE = re.compile(r"[\w-]{1,128}", re.ASCII)
_ID = re.compile(r"[\w-]{6,64}", re.ASCII)
_ZH = "zh-CN"
# What the person can do something about; every other errcode is ours or WeChat's.
_REFUSALS = {
    40029: "login_code_bad",
    40163: "login_code_used",
    40226: "login_blocked",  # WeChat holds this person for a high risk
}
_TOO_FAST = 45011
WAIT_S = 60


class _Codes:
    """What both kinds of code have in common: one GET with our id and secret."""

    def __init__(self, app_id: str, secret: str, api_base: str) -> None:
        self._app_id, self._secret, self._base = app_id, secret, api_base.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False

    def _ask(self, path: str, code: str, names: dict[str, str]) -> dict[str, Any]:
        """The answer about a code. Raises NotLoggedIn, TooMany, SupplierUnavailable; none carries code or secret."""
        if not _CODE.fullmatch(code):
            raise NotLoggedIn("login_code_bad")
        params = {"appid": self._app_id, "secret": self._secret, "grant_type": "authorization_code", **names}
        doc, problem = None, ""
        try:
            answer = self._http.get(f"{self._base}/{path}", params=params, timeout=TIMEOUT_S, allow_redirects=False)
            doc = answer.json()
        except (requests.RequestException, ValueError, RecursionError) as error:
            # The text of these errors holds the address, and so the secret.
            problem = type(error).__name__
        if problem or not isinstance(doc, dict):
            raise SupplierUnavailable("WeChat", path, problem or "not a JSON object")
        error_code = doc.get("errcode") or 0
        if error_code in _REFUSALS:
            raise NotLoggedIn(_REFUSALS[error_code])
        if error_code == _TOO_FAST:
            raise TooMany(retry_after_s=WAIT_S)
        if error_code:
            raise SupplierUnavailable("WeChat", path, f"errcode {error_code}")
        return doc

    def _proven(self, channel: Channel, path: str, doc: dict[str, Any]) -> Proven:
        openid, unionid = doc.get("openid"), doc.get("unionid")
        if not (isinstance(openid, str) and _ID.fullmatch(openid)):
            raise SupplierUnavailable("WeChat", path, "no openid")
        joined = unionid if isinstance(unionid, str) and _ID.fullmatch(unionid) else ""
        return Proven(Identity(channel, openid), joined, _ZH)


class MiniProgramCodes(_Codes):
    """core.ports.ExchangesCode for `wx.login` of a mini-program."""

    PATH = "sns/jscode2session"

    def __init__(self, app_id: str, secret: str, api_base: str = API_BASE) -> None:
        super().__init__(app_id, secret, api_base)

    def exchange(self, code: str) -> Proven:
        return self._proven(Channel.MINIPROGRAM, self.PATH, self._ask(self.PATH, code, {"js_code": code}))


class PageCodes(_Codes):
    """core.ports.LogsInOnPages for the official account: silent (`snsapi_base`), so it asks the person nothing."""

    PATH = "sns/oauth2/access_token"

    def __init__(self, app_id: str, secret: str, api_base: str = API_BASE, open_base: str = OPEN_BASE) -> None:
        super().__init__(app_id, secret, api_base)
        self._open = open_base.rstrip("/")

    def address(self, back_to: str, state: str) -> str:
        # WeChat wants the parameters in this order, and the fragment.
        query = urlencode(
            {
                "appid": self._app_id,
                "redirect_uri": back_to,
                "response_type": "code",
                "scope": "snsapi_base",
                "state": state,
            }
        )
        return f"{self._open}/connect/oauth2/authorize?{query}#wechat_redirect"

    def exchange(self, code: str) -> Proven:
        doc = self._ask(self.PATH, code, {"code": code})
        if doc.get("is_snapshotuser") == 1:
            # A page in snapshot mode gets an openid of nobody.
            raise NotLoggedIn("login_snapshot")
        return self._proven(Channel.WECHAT, self.PATH, doc)
