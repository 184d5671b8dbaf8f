"""A server that misbehaves as it is told, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Behaviour = Callable[[socket.socket, bytes, int], None]


class Misbehaving:
    """A TCP server: `behave` gets the socket, the request and its number. Behaves as told, then hangs up."""

    def __init__(self) -> None:
        self.behave: Behaviour = answering(b"{}")
        self.requests: list[bytes] = []
        self.wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock
        self._gone = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Time passes; True when the test is over and there is nobody to answer."""
        return self._gone.wait(seconds)

    def close(self) -> None:
        self._gone.set()
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() waiting
            self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            sock = self.wrap(plain)
        except OSError:
            plain.close()
            return
        with sock:
            request = b""
            while b"\r\n\r\n" not in request:
                request += sock.recv(65536) or b"\r\n\r\n"
            self.requests.append(request)
            try:
                self.behave(sock, request, len(self.requests))
            except OSError:
                return  # the client has hung up, as it should


def answering(body: bytes, status: str = "200 OK", headers: str = "") -> Behaviour:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"

    def behave(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(head.encode() + body)

    return behave
