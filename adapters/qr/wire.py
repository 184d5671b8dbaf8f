"""How we and a worker talk over their socket: four bytes of length, then as many bytes."""

from __future__ import annotations

import socket
import time

MAX_REPLY = 1_000_000
# A worker says so when it has the whole photo, before it looks: a photo that was not taken may go to another one.
TAKEN = b"taken"


class Broken(Exception):
    """The other side is gone, too slow, or does not keep to the form."""


def send(sock: socket.socket, body: bytes, deadline: float) -> None:
    """`deadline` is a time of time.monotonic()."""
    try:
        sock.settimeout(_left(deadline))
        sock.sendall(len(body).to_bytes(4, "big"))
        sock.settimeout(_left(deadline))
        sock.sendall(body)
    except OSError as problem:
        raise Broken(type(problem).__name__) from problem


def receive(sock: socket.socket, most: int, deadline: float) -> bytes:
    length = int.from_bytes(_exactly(sock, 4, deadline), "big")
    if length > most:
        raise Broken("too long")
    return bytes(_exactly(sock, length, deadline))


def _exactly(sock: socket.socket, length: int, deadline: float) -> bytearray:
    body = bytearray(length)
    view, got = memoryview(body), 0
    while got < length:
        try:
            sock.settimeout(_left(deadline))
            count = sock.recv_into(view[got:])
        except OSError as problem:
            raise Broken(type(problem).__name__) from problem
        if not count:
            raise Broken("closed")
        got += count
    return body


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Broken("too slow")
    return left
