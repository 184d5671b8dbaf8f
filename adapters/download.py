"""Fetching over http(s) with bounds one can see: bytes, seconds, redirects, and never another kind of address."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from core.errors import SupplierUnavailable

USER_AGENT = "Kilowatch/0.1 (station import)"
_CHUNK = 1 << 16
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long. `content_bytes` counts after unpacking, against files that explode."""

    download_bytes: int = 1 << 30
    content_bytes: int = 8 << 30
    line_chars: int = 8 << 20
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    deadline_s: float = 900.0


def is_url(source: str) -> bool:
    return urlsplit(source).scheme in {"http", "https"}


def shown(url: str) -> str:
    """The address without its query, which may carry a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def download(url: str, into: BinaryIO, limits: Limits, progress: Callable[[int, int], None] | None = None) -> None:
    """Write the body of a GET into a file. Raises SupplierUnavailable.

    A redirect may lead to http or https, never from https back to http.
    """
    deadline = time.monotonic() + limits.deadline_s
    left = _MOST_REDIRECTS
    with requests.Session() as http:
        http.trust_env = False  # a .netrc of the machine is not meant for publishers of open data
        while True:
            with _get(http, url, limits) as answer:
                if not answer.is_redirect:
                    _copy(answer, url, into, limits, deadline, progress)
                    return
                url, left = _next_url(url, answer.headers.get("Location", ""), left), left - 1


def _get(http: requests.Session, url: str, limits: Limits) -> requests.Response:
    # What comes is unpacked by its own first bytes (files.py), not by what the server calls it.
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    timeout = (limits.connect_timeout_s, limits.read_timeout_s)
    try:
        return http.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False)
    except requests.RequestException as error:
        # The message of requests names the whole address, key and all: only its kind is passed on.
        raise SupplierUnavailable(shown(url), "download", type(error).__name__) from None


def _next_url(url: str, location: str, left: int) -> str:
    there = urljoin(url, location)
    scheme = urlsplit(there).scheme
    downgrade = urlsplit(url).scheme == "https" and scheme == "http"
    if not location or left <= 0 or scheme not in {"http", "https"} or downgrade:
        raise SupplierUnavailable(shown(url), "download", f"redirect to {shown(there)} not followed")
    return there


def _copy(
    answer: requests.Response, url: str, into: BinaryIO, limits: Limits, deadline: float,
    progress: Callable[[int, int], None] | None,
) -> None:  # fmt: skip
    if answer.status_code != 200:
        raise SupplierUnavailable(shown(url), "download", f"HTTP {answer.status_code}")
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else 0
    if total > limits.download_bytes:
        raise SupplierUnavailable(shown(url), "download", f"{total} bytes are more than we take")
    done = 0
    try:
        # read1 gives what is there; read would wait for a full chunk, past every deadline, from a slow sender.
        while chunk := answer.raw.read1(_CHUNK):
            done += len(chunk)
            if done > limits.download_bytes:
                raise SupplierUnavailable(shown(url), "download", f"more than {limits.download_bytes} bytes")
            if time.monotonic() > deadline:
                raise SupplierUnavailable(shown(url), "download", f"not finished after {limits.deadline_s:g} s")
            into.write(chunk)
            if progress:
                progress(done, max(total, done))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SupplierUnavailable(shown(url), "download", type(error).__name__) from None
    if total and done < total:
        raise SupplierUnavailable(shown(url), "download", f"broke off after {done} of {total} bytes")
