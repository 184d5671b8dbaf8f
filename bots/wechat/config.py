"""What the official account's console gave us."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from core.errors import ConfigurationError

API_BASE = "https://api.weixin.qq.com"
_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class WechatConfig:
    """One official account. Safe mode only: without an AES key there is nothing to serve.

    Raises ConfigurationError with every problem at once.
    """

    app_id: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)  # EncodingAESKey, 43 characters
    app_secret: str = field(default="", repr=False)  # only outgoing calls need it
    api_base: str = API_BASE

    def __post_init__(self) -> None:
        problems = []
        if not self.app_id:
            problems.append("WECHAT_APP_ID is missing")
        if not self.token:
            problems.append("WECHAT_TOKEN is missing")
        if not _AES_KEY.fullmatch(self.aes_key) or len(_decoded(self.aes_key)) != 32:
            problems.append("WECHAT_AES_KEY is not an EncodingAESKey of 43 letters and digits")
        if problems:
            raise ConfigurationError(problems)

    @property
    def key(self) -> bytes:
        return _decoded(self.aes_key)


def _decoded(aes_key: str) -> bytes:
    try:
        return base64.b64decode(aes_key + "=")
    except binascii.Error:
        return b""
