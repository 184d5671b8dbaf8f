"""HTTP towards suppliers: every exchange ends in time, stays small, and fails with one kind of error.

`requests` alone promises neither: its read timeout starts anew with every byte that dribbles in, and its errors
carry the whole URL, with any key in it. Every supplier also has its breakers and its few places, and is called only
at origins that were agreed on and addresses that lead outside (adapters/addresses.py).
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests

from adapters.addresses import LookUp, Resolver, UrlRefused, look_up, meant_by, origin_of, vet_url
from adapters.breaker import Breaker
from adapters.failures import Failed, translated
from adapters.sockets import CONNECT_S, Adapter, exchange
from core.errors import SupplierUnavailable

__all__ = [
    "CATALOGUE",
    "COMMAND",
    "STATUS",
    "Kind",
    "NotAsked",
    "Patience",
    "Reply",
    "SupplierHttp",
    "UrlRefused",
    "asked",
    "origin_of",
    "past_the_breaker",
    "vet_url",
]

_CHUNK_BYTES = 64 * 1024
# Calls to one supplier at a time, so that a slow one does not take the threads of the others. Commands have as many
# again: somebody stands at a gun and must not wait behind a catalogue.
_PLACES = 4

_ORIGIN = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)

T = TypeVar("T")

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """Kinds of calls, which fail apart from each other: each has a breaker of its own."""

    CATALOGUE = "catalogue"
    STATUS = "status"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Patience:
    """What one call may take, retries included. `tries` above one is for reads only: a write may have worked."""

    total_s: float
    max_bytes: int
    tries: int = 3
    kind: Kind = Kind.CATALOGUE


STATUS = Patience(total_s=4.0, max_bytes=4 * 1024 * 1024, kind=Kind.STATUS)
CATALOGUE = Patience(total_s=30.0, max_bytes=64 * 1024 * 1024)
COMMAND = Patience(total_s=10.0, max_bytes=1024 * 1024, tries=1, kind=Kind.COMMAND)

_insisting: ContextVar[bool] = ContextVar("insisting", default=False)


@contextmanager
def past_the_breaker() -> Iterator[None]:
    """For pings: a person, or a start of the product, wants to know now. What they find out counts for the others."""
    token = _insisting.set(True)
    try:
        yield
    finally:
        _insisting.reset(token)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotAsked(SupplierUnavailable):
    """The call never left us: the breaker is open, all places are taken, or the address is not one we call."""


class SupplierHttp:
    """One supplier's HTTP door. Safe from many threads. Everything that goes wrong is SupplierUnavailable.

    `base_url` comes from our configuration, never from the supplier: if it names a loopback or private address,
    that is meant. A path may also be a whole address that the supplier named; it is called if its origin is that of
    `base_url` or one of `allowed_origins`. `breaker` makes the breaker of each kind of call.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        allowed_origins: frozenset[str] = frozenset(),
        connect_s: float = CONNECT_S,
        sleep: Callable[[float], None] = time.sleep,
        breaker: Callable[[], Breaker] = Breaker,
        look_up: LookUp = look_up,
    ) -> None:
        self.name, self.base_url = name, base_url.rstrip("/")
        self._allowed = allowed_origins
        self._resolver = Resolver(meant_by(base_url), look_up)
        self._breakers = {kind: breaker() for kind in Kind}
        reads, commands = threading.BoundedSemaphore(_PLACES), threading.BoundedSemaphore(_PLACES)
        self._places = {kind: commands if kind is Kind.COMMAND else reads for kind in Kind}
        self._connect_s, self._sleep = connect_s, sleep
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy or .netrc of the machine is not meant for suppliers
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http.headers["Accept-Encoding"] = "gzip, deflate"
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, Adapter(2 * _PLACES))

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
        given = {"params": params, "headers": headers, "body": body}
        return self._tries(method, path, patience, lambda reply: reply, any_status=True, **given)

    def close(self) -> None:
        self._http.close()

    def _read_json(self, method: str, path: str, patience: Patience, **given: Any) -> Any:
        return self._tries(method, path, patience, _parse, **given)

    def _tries(self, method: str, path: str, patience: Patience, read: Callable[[Reply], T], **given: Any) -> T:
        deadline = time.monotonic() + patience.total_s
        try:
            url = self._url(path)
        except UrlRefused as refusal:
            raise NotAsked(self.name, asked(path), str(refusal)) from None
        for attempt in range(1, patience.tries + 1):
            try:
                with self._place(patience.kind, deadline), self._watched(patience.kind):
                    return read(self._exchange(method, url, deadline, patience.max_bytes, **given))
            except Failed as failure:
                pause_s = failure.pause_s(attempt)
                left_s = deadline - time.monotonic()
                if not failure.worth_retrying or attempt == patience.tries or pause_s >= left_s:
                    kind = NotAsked if failure.unsent and attempt == 1 else SupplierUnavailable
                    # The cause is left out: its text has the URL, and with it any key in the query.
                    raise kind(self.name, asked(path), failure.detail) from None
                self._sleep(pause_s)
        raise AssertionError("a call has at least one try")

    @contextmanager
    def _place(self, kind: Kind, deadline: float) -> Iterator[None]:
        """One of the few places for calls to this supplier."""
        places = self._places[kind]
        if not places.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise Failed("too many calls at once", worth_retrying=False, unsent=True)
        try:
            yield
        finally:
            places.release()

    @contextmanager
    def _watched(self, kind: Kind) -> Iterator[None]:
        """The breaker of this kind of call: it is asked first, and told how the call went."""
        breaker = self._breakers[kind]
        wait_s = 0.0 if _insisting.get() else breaker.wait_s()
        if wait_s:
            detail = f"not asked: it keeps failing; asked again in {wait_s:.0f} s"
            raise Failed(detail, worth_retrying=False, unsent=True)
        try:
            yield
        except Failed as failure:
            if failure.answered:
                breaker.succeeded()
            elif breaker.failed():
                log.warning("breaker opened", extra={"supplier": self.name, "kind": kind, "error": failure.detail})
            raise
        else:
            if breaker.succeeded():
                log.info("breaker closed", extra={"supplier": self.name, "kind": kind})

    def _exchange(
        self,
        method: str,
        url: str,
        deadline: float,
        max_bytes: int,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], bytes] | None = None,
        any_status: bool = False,
    ) -> Reply:
        with translated(), exchange(deadline, self._resolver):
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
                failure = Failed.status(reply.status_code, reply.headers.get("Retry-After"))
                if reply.status_code != requests.codes.ok and (failure.worth_retrying or not any_status):
                    raise failure
                return Reply(reply.status_code, reply.headers, _read_bounded(reply, max_bytes))

    def _url(self, path: str) -> str:
        if _ORIGIN.match(path):
            return vet_url(path, self._allowed | {self.base_url})
        return f"{self.base_url}/{path.lstrip('/')}"


def asked(path: str) -> str:
    """The part of a path that may be shown: no host with a password in it, no query, no fragment."""
    return _ORIGIN.sub("", path).split("?", 1)[0].split("#", 1)[0]


def _read_bounded(reply: requests.Response, max_bytes: int) -> bytes:
    """The decoded body. read1 returns what has come, so a small gzip cannot unfold into more than a chunk."""
    body = bytearray()
    while chunk := reply.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise Failed(f"the answer is longer than {max_bytes} bytes", worth_retrying=False)
    return bytes(body)


def _parse(reply: Reply) -> Any:
    try:
        return json.loads(reply.body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Failed("the answer is not JSON", worth_retrying=False) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
