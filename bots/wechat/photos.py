"""Photos that drivers send: fetched from WeChat within bounds, then read for codes by an isolated process.

A push names the picture twice. Its address needs no access token, so it comes first, and is followed only to the
platform's own picture hosts; its number is for `media/get`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import requests

from bots.wechat.config import API_BASE
from core.errors import NotReady, SupplierUnavailable

PICTURE_HOSTS = ("qpic.cn", "qlogo.cn")  # and what lies under them: mmbiz.qpic.cn
PHOTO_MAX_BYTES = 10 * 1024 * 1024  # WeChat takes no larger picture
TIMEOUT_S = (2.0, 3.0)  # connect, read
WHOLE_S = 6.0  # of the fourteen seconds that all deliveries of a push leave
_CHUNK = 64 * 1024

log = logging.getLogger(__name__)

ReadCodes = Callable[[bytes], list[str]]


class HandsOverMedia(Protocol):
    def media(self, media_id: str) -> bytes:
        """Raises SupplierUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a push names it."""

    url: str
    media_id: str


class Photos:
    """`read_codes` may raise UserError. `media` is None for an account without a secret."""

    def __init__(self, read_codes: ReadCodes, media: HandsOverMedia | None, api_base: str = API_BASE) -> None:
        self._read_codes, self._media = read_codes, media
        # A configured address stands for all hosts of the platform.
        self._elsewhere = "" if api_base.rstrip("/") == API_BASE else api_base.rstrip("/")

    def codes(self, picture: Picture) -> list[str]:
        """The texts of the codes in it. Raises UserError, also when WeChat does not hand the picture over."""
        found = self.fetch(picture)
        if found is None:
            raise NotReady("photo_not_fetched")
        return self._read_codes(found)

    def fetch(self, picture: Picture) -> bytes | None:
        """The picture itself; None when WeChat does not hand it over."""
        if (address := self._address(picture.url)) and (found := _downloaded(address)):
            return found
        if self._media is None or not picture.media_id:
            return None
        try:
            return self._media.media(picture.media_id)
        except SupplierUnavailable as error:
            log.warning("WeChat does not hand over a photo", extra={"error": error.detail})
            return None

    def _address(self, url: str) -> str:
        """Where to get it; "" for an address that is not WeChat's."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return ""
        tail = parts.path + (f"?{parts.query}" if parts.query else "")
        if self._elsewhere and f"{parts.scheme}://{parts.netloc}" == self._elsewhere:
            return url
        trusted = any(host == one or host.endswith(f".{one}") for one in PICTURE_HOSTS)
        if not trusted or parts.username is not None or port not in (None, 80, 443):
            return ""
        # Pushes name http; the hosts speak https as well.
        return (self._elsewhere or f"https://{host}") + tail


def _downloaded(address: str) -> bytes | None:
    """No redirects, no cookies, no proxy of the environment: this is an address that others wrote."""
    with requests.Session() as http:
        http.trust_env = False
        try:
            with http.get(address, stream=True, timeout=TIMEOUT_S, allow_redirects=False) as response:
                if response.status_code != 200:
                    raise requests.RequestException(f"HTTP {response.status_code}")
                return read_bounded(response)
        except (requests.RequestException, OSError, ValueError) as error:
            # The address alone gives the picture to anybody: it stays out of the log.
            log.info("a photo could not be fetched by its address", extra={"error": type(error).__name__})
            return None


def read_bounded(response: requests.Response, most: int = PHOTO_MAX_BYTES, within_s: float = WHOLE_S) -> bytes:
    """The body of a streamed response. Raises ValueError beyond `most` bytes, TimeoutError when it trickles in."""
    give_up = time.monotonic() + within_s
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > most:
            raise ValueError("the picture is too large")
        if time.monotonic() > give_up:
            raise TimeoutError("the picture came too slowly")
    return bytes(body)
