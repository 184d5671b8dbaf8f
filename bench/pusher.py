"""States pushed over many connections as fast as they are answered, at little cost: the machine is the server's.

    python -m bench.pusher PORT FIRST COUNT N TOKEN

Prints JSON: the seconds it took, how many answers were no success, and how long the 50th and the 99th of 100 waited.
Plain sockets and one thread: an HTTP library would use as much of two cores as the server that is measured.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator

CONNECTIONS = 64
GIVE_UP_S = 60.0


def requests(port: int, first: int, count: int, n: int, token: str) -> Iterator[bytes]:
    """PATCHes of `count` EVSEs, each of another location as long as `n` lasts."""
    for number in range(first, first + count):
        stamp = f"2026-06-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        body = json.dumps({"status": "CHARGING", "last_updated": stamp})
        place = f"L{number % n}"
        yield (
            f"PATCH /ocpi/2.2.1/locations/DE/BEN/{place}/{place}-1 HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Token {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


class Pusher:
    """One connection that is kept; one push at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=GIVE_UP_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """The whole answer, once it is here."""
        more = self.socket.recv(65_536)
        if not more:
            raise ConnectionError("the server hung up")
        self.received += more
        head, mark, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if not mark or len(body) < length:
            return None
        whole, self.received = self.received, b""
        return whole


def push(port: int, first: int, count: int, n: int, token: str) -> dict[str, float]:
    waiting = requests(port, first, count, n, token)
    done, failed, waited = 0, 0, []
    with selectors.DefaultSelector() as ready:
        start = time.perf_counter()
        for one in (Pusher(port) for _ in range(min(CONNECTIONS, count))):
            ready.register(one.socket, selectors.EVENT_READ, one)
            one.send(next(waiting))
        while done < count:
            events = ready.select(GIVE_UP_S)
            if not events:
                raise TimeoutError(f"no answer within {GIVE_UP_S} s")
            for key, _ in events:
                pusher: Pusher = key.data
                if (answer := pusher.answer()) is None:
                    continue
                done += 1
                waited.append(time.perf_counter() - pusher.sent_at)
                failed += not (answer.startswith(b"HTTP/1.1 200") and b'"status_code":1000' in answer)
                if (request := next(waiting, None)) is not None:
                    pusher.send(request)
        seconds = time.perf_counter() - start
    waited.sort()
    return {
        "seconds": seconds,
        "failed": failed,
        "p50_ms": waited[len(waited) // 2] * 1000,
        "p99_ms": waited[len(waited) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    port, first, count, n = (int(one) for one in sys.argv[1:5])
    print(json.dumps(push(port, first, count, n, sys.argv[5])))
