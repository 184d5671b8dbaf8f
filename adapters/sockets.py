"""Sockets for calls to suppliers: one deadline for every byte, and a connection to the address that was vetted."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from adapters.addresses import Resolver

CONNECT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Terms:
    """What holds for the exchange that this thread is in."""

    deadline: float
    resolver: Resolver


_terms: ContextVar[_Terms | None] = ContextVar("terms", default=None)


@contextmanager
def exchange(deadline: float, resolver: Resolver) -> Iterator[None]:
    """Within this block sockets wait no longer than the deadline, and connect only where the resolver allows."""
    token = _terms.set(_Terms(deadline, resolver))
    try:
        yield
    finally:
        _terms.reset(token)


def _the_terms() -> _Terms:
    terms = _terms.get()
    if terms is None:
        raise RuntimeError("these sockets are used within exchange() only")
    return terms


def _left_s() -> float:
    left_s = _the_terms().deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("timed out")
    return left_s


class _DeadlineReader(io.RawIOBase):
    """Reads a socket, waiting no longer than the exchange has left, however slowly the bytes come."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left_s())
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


def _connect(connection: HTTPConnection) -> socket.socket:
    """A socket to one of the vetted addresses, not to the name: that might lead elsewhere by now."""
    port = connection.port or connection.default_port
    failure: OSError | None = None
    for address in _the_terms().resolver.addresses(connection.host, port, _left_s()):
        timeout_s = min(float(connection.timeout or CONNECT_S), _left_s())
        try:
            return create_connection((address, port), timeout_s, socket_options=connection.socket_options)
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise failure
    raise NewConnectionError(connection, "no connection") from failure


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class _Https(HTTPSConnection):
    """TLS still checks the certificate against the name."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class Adapter(HTTPAdapter):
    """Uses the connections above. Never retries by itself: `SupplierHttp` decides that."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
