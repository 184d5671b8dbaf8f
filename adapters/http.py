"""HTTP towards suppliers: every exchange ends in time, stays small, and fails with one kind of error.

`requests` alone promises neither: its read timeout starts anew with every byte that dribbles in, and its errors
carry the whole URL, with any key in it.
"""

from __future__ import annotations

import io
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.errors import SupplierUnavailable

CONNECT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 2.0
_CHUNK_BYTES = 64 * 1024
# Enough for the thread pools of one supplier; more callers wait for a connection instead of opening one.
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Patience:
    """What one call may take, retries included. `tries` above one is for reads only: a write may have worked."""

    total_s: float
    max_bytes: int
    tries: int = 3


STATUS = Patience(total_s=4.0, max_bytes=4 * 1024 * 1024)
CATALOGUE = Patience(total_s=30.0, max_bytes=64 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class SupplierHttp:
    """One supplier's HTTP door. Safe from many threads. Everything that goes wrong is SupplierUnavailable."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        connect_s: float = CONNECT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.base_url = name, base_url.rstrip("/")
        self._connect_s, self._sleep = connect_s, sleep
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy or .netrc of the machine is not meant for suppliers
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http.headers["Accept-Encoding"] = "gzip, deflate"
        self._http.mount("http://", _Adapter())
        self._http.mount("https://", _Adapter())

    def get(
        self,
        path: str,
        patience: Patience,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON at `path`, numbers with a point as Decimal."""
        return self._read_json("GET", path, patience, params=params, headers=headers)

    def post(
        self, path: str, patience: Patience, *, body: Callable[[], bytes], headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send JSON, return JSON. Reads may be POSTs too (T/CEC 102), so `patience` says whether to retry.

        `body` is made anew for each try: a signed one that is sent twice is a replay.
        """
        given = {"Content-Type": "application/json;charset=utf-8"} | dict(headers or {})
        return self._read_json("POST", path, patience, body=body, headers=given)

    def send(
        self,
        method: str,
        path: str,
        patience: Patience,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], bytes] | None = None,
    ) -> Reply:
        """The answer whatever its status below 500, for protocols whose refusals and headers say something."""
        return self._tries(method, path, patience, any_status=True, params=params, headers=headers, body=body)

    def close(self) -> None:
        self._http.close()

    def _read_json(self, method: str, path: str, patience: Patience, **given: Any) -> Any:
        return self._parse(self._tries(method, path, patience, **given).body, path)

    def _tries(self, method: str, path: str, patience: Patience, **given: Any) -> Reply:
        deadline = time.monotonic() + patience.total_s
        for attempt in range(1, patience.tries + 1):
            try:
                return self._exchange(method, path, deadline, patience.max_bytes, **given)
            except _Failed as failure:
                pause_s = failure.pause_s(attempt)
                left_s = deadline - time.monotonic()
                if not failure.worth_retrying or attempt == patience.tries or pause_s >= left_s:
                    # The cause is left out: its text has the URL, and with it any key in the query.
                    raise SupplierUnavailable(self.name, asked(path), failure.detail) from None
                self._sleep(pause_s)
        raise AssertionError("a call has at least one try")

    def _exchange(
        self,
        method: str,
        path: str,
        deadline: float,
        max_bytes: int,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], bytes] | None = None,
        any_status: bool = False,
    ) -> Reply:
        url = f"{self.base_url}/{path.lstrip('/')}"
        with _translated(), _until(deadline):
            left_s = max(deadline - time.monotonic(), 0.001)
            with self._http.request(
                method,
                url,
                params=params,
                data=body() if body else None,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(min(self._connect_s, left_s), left_s),
            ) as reply:
                failure = _Failed.status(reply.status_code, reply.headers.get("Retry-After"))
                if reply.status_code != requests.codes.ok and (failure.worth_retrying or not any_status):
                    raise failure
                return Reply(reply.status_code, reply.headers, _read_bounded(reply, max_bytes))

    def _parse(self, raw: bytes, path: str) -> Any:
        try:
            return json.loads(raw, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise SupplierUnavailable(self.name, asked(path), "the answer is not JSON") from None


def asked(path: str) -> str:
    """The part of a path that may be shown: no query, no fragment."""
    return path.split("?", 1)[0].split("#", 1)[0]


def _read_bounded(reply: requests.Response, max_bytes: int) -> bytes:
    """The decoded body. read1 returns what has come, so a small gzip cannot unfold into more than a chunk."""
    body = bytearray()
    while chunk := reply.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise _Failed(f"the answer is longer than {max_bytes} bytes", worth_retrying=False)
    return bytes(body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class _Failed(Exception):
    """One try that did not work, described without the URL."""

    def __init__(self, detail: str, *, worth_retrying: bool = True, wait_s: float = 0.0) -> None:
        super().__init__(detail)
        self.detail, self.worth_retrying, self.wait_s = detail, worth_retrying, wait_s

    @classmethod
    def status(cls, code: int, retry_after: str | None) -> _Failed:
        return cls(f"HTTP {code}", worth_retrying=code in {408, 429} or code >= 500, wait_s=_seconds(retry_after))

    def pause_s(self, attempt: int) -> float:
        """Full jitter, so that many callers do not come back together; at least what Retry-After asks."""
        jitter = random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt))
        return self.wait_s + jitter if self.wait_s else jitter


def _seconds(retry_after: str | None) -> float:
    """Retry-After is a number of seconds or a date (RFC 9110, 10.2.3)."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise _Failed("no answer in time") from None
    except requests.exceptions.SSLError:
        raise _Failed("the TLS handshake failed", worth_retrying=False) from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise _Failed("the address cannot be called", worth_retrying=False) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        late = "timed out" in str(error).lower()
        raise _Failed("no answer in time" if late else f"connection failed ({type(error).__name__})") from None


# --- one deadline for every byte ----------------------------------------------------------------------------

# Set for the thread that is inside an exchange; the sockets below look at it before each read.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def _until(deadline: float) -> Iterator[None]:
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class _DeadlineReader(io.RawIOBase):
    """Reads a socket, waiting no longer than the exchange has left, however slowly the bytes come."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        deadline = _deadline.get()
        if deadline is not None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left_s)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    """A socket whose file, which http.client reads the answer from, keeps the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Http(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class _Https(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    """Uses the connections above. Never retries by itself: `SupplierHttp` decides that."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=_CONNECTIONS, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
