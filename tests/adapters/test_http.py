"""Suppliers that misbehave in every way we have met, over real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import pytest

from adapters.http import Patience, SupplierHttp
from core.errors import SupplierUnavailable
from tests.adapters.misbehaving import Misbehaving, answering

ENOUGH = Patience(total_s=15, max_bytes=100_000)
QUICK = Patience(total_s=0.6, max_bytes=100_000)
ONCE = Patience(total_s=0.6, max_bytes=100_000, tries=1)


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    yield server
    server.close()


@pytest.fixture
def http(server: Misbehaving) -> Iterator[SupplierHttp]:
    http = SupplierHttp("Acme", server.url)
    yield http
    http.close()


def refused(http: SupplierHttp, patience: Patience = ENOUGH, path: str = "list") -> SupplierUnavailable:
    """The error of a call that fails, having made sure that it ended in time, on a busy machine too."""
    started = time.monotonic()
    with pytest.raises(SupplierUnavailable) as caught:
        http.get(path, patience)
    assert time.monotonic() - started < patience.total_s + 15
    return caught.value


def test_reads_numbers_as_they_were_written(server: Misbehaving, http: SupplierHttp) -> None:
    server.behave = answering(b'{"ElecPrice": 1.2000, "n": 3}')
    answer = http.get("list", ENOUGH)
    assert str(answer["ElecPrice"]) == "1.2000"
    assert answer == {"ElecPrice": Decimal("1.2"), "n": 3}


def test_posts_the_body_and_the_headers(server: Misbehaving, http: SupplierHttp) -> None:
    assert http.post("call", ENOUGH, body=lambda: b"{}", headers={"Authorization": "Bearer t"}) == {}
    request = server.requests[0].decode()
    assert request.startswith("POST /call HTTP/1.1")
    assert "Authorization: Bearer t" in request
    assert "Content-Type: application/json;charset=utf-8" in request


def test_unpacks_gzip(server: Misbehaving, http: SupplierHttp) -> None:
    body = gzip.compress(json.dumps(list(range(20_000))).encode())
    patience = Patience(total_s=15, max_bytes=200_000)
    server.behave = answering(body, headers="Content-Encoding: gzip\r\n")
    assert http.get("list", patience) == list(range(20_000))


def test_reads_a_body_in_chunks(server: Misbehaving, http: SupplierHttp) -> None:
    def chunked(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b'{"a"', b": ", b"[1, 2]}"):
            sock.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        sock.sendall(b"0\r\n\r\n")

    server.behave = chunked
    assert http.get("list", ENOUGH) == {"a": [1, 2]}


def test_a_black_hole_costs_the_deadline_and_no_more(server: Misbehaving, http: SupplierHttp) -> None:
    def silent(sock: socket.socket, request: bytes, number: int) -> None:
        server.wait(30)

    server.behave = silent
    error = refused(http, QUICK)
    assert (error.supplier, error.asked, error.detail) == ("Acme", "list", "no answer in time")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"], ids=["head", "body"])
def test_a_dribble_is_cut_at_the_deadline(server: Misbehaving, http: SupplierHttp, head: bytes) -> None:
    def dribble(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(head or b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not server.wait(0.05):
            sock.sendall(b"x")

    server.behave = dribble
    assert refused(http, ONCE).detail == "no answer in time"


def test_chunks_that_dribble_are_cut_at_the_deadline(server: Misbehaving, http: SupplierHttp) -> None:
    def dribble(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not server.wait(0.05):
            sock.sendall(b"1\r\n \r\n")

    server.behave = dribble
    assert refused(http, ONCE).detail == "no answer in time"


def test_what_was_waited_for_the_first_byte_is_not_waited_again(server: Misbehaving, http: SupplierHttp) -> None:
    def late(sock: socket.socket, request: bytes, number: int) -> None:
        server.wait(2.7)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        server.wait(30)

    server.behave = late
    started = time.monotonic()
    assert refused(http, Patience(total_s=3, max_bytes=1000, tries=1)).detail == "no answer in time"
    assert time.monotonic() - started < 5.5  # and not 2.7 + 3


def test_a_huge_body_is_cut_at_the_limit(server: Misbehaving, http: SupplierHttp) -> None:
    sent = 0

    def huge(sock: socket.socket, request: bytes, number: int) -> None:
        nonlocal sent
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while not server.wait(0):
            sent += sock.send(b" " * 65536)

    server.behave = huge
    assert refused(http).detail == "the answer is longer than 100000 bytes"
    assert len(server.requests) == 1  # asking again would bring the same
    assert sent < 50_000_000


def test_a_gzip_bomb_stays_small_in_memory(server: Misbehaving, http: SupplierHttp) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9)
    server.behave = answering(bomb, headers="Content-Encoding: gzip\r\n")
    tracemalloc.start()
    assert refused(http, Patience(total_s=5, max_bytes=1_000_000)).detail == "the answer is longer than 1000000 bytes"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b'{"a": NaN}', b"[" * 50_000, b"\xff\xfe\xfa", b'{"a": ' + b"9" * 5000 + b"}"],
    ids=["html", "empty", "nan", "deep", "bytes", "number"],
)
def test_what_is_not_json_is_not_asked_again(server: Misbehaving, http: SupplierHttp, body: bytes) -> None:
    server.behave = answering(body)
    assert refused(http).detail == "the answer is not JSON"
    assert len(server.requests) == 1


def test_a_read_survives_two_failures(server: Misbehaving, http: SupplierHttp) -> None:
    failing, fine = answering(b"oops", "500 Internal Server Error"), answering(b'"here"')
    server.behave = lambda sock, request, number: (failing if number < 3 else fine)(sock, request, number)
    assert http.get("list", ENOUGH) == "here"
    assert len(server.requests) == 3


def test_a_body_is_made_anew_for_each_try(server: Misbehaving, http: SupplierHttp) -> None:
    failing, fine = answering(b"oops", "500 Internal Server Error"), answering(b"1")
    server.behave = lambda sock, request, number: (failing if number == 1 else fine)(sock, request, number)
    bodies = iter([b'{"Seq":"0001"}', b'{"Seq":"0002"}'])
    assert http.post("call", ENOUGH, body=lambda: next(bodies)) == 1
    assert next(bodies, None) is None


def test_three_failures_are_enough(server: Misbehaving, http: SupplierHttp) -> None:
    server.behave = answering(b"oops", "500 Internal Server Error")
    assert refused(http, ENOUGH).detail == "HTTP 500"
    assert len(server.requests) == 3


def test_what_is_no_read_is_tried_once(server: Misbehaving, http: SupplierHttp) -> None:
    server.behave = answering(b"oops", "503 Service Unavailable")
    assert refused(http, ONCE).detail == "HTTP 503"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "401 Unauthorized"])
def test_a_clear_no_is_not_asked_again(server: Misbehaving, http: SupplierHttp, status: str) -> None:
    server.behave = answering(b"", status)
    assert refused(http).detail == f"HTTP {status[:3]}"
    assert len(server.requests) == 1


def test_waits_as_long_as_it_is_asked_to(server: Misbehaving) -> None:
    slept: list[float] = []
    http = SupplierHttp("Acme", server.url, sleep=slept.append)
    busy, fine = answering(b"", "429 Too Many Requests", "Retry-After: 7\r\n"), answering(b"1")
    server.behave = lambda sock, request, number: (busy if number == 1 else fine)(sock, request, number)
    assert http.get("list", Patience(total_s=20, max_bytes=1000)) == 1
    assert 7 <= slept[0] < 9


@pytest.mark.parametrize("wish", ["60", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_does_not_wait_beyond_the_deadline(server: Misbehaving, http: SupplierHttp, wish: str) -> None:
    server.behave = answering(b"", "429 Too Many Requests", f"Retry-After: {wish}\r\n")
    assert refused(http).detail == "HTTP 429"
    assert len(server.requests) == 1


def test_a_connection_cut_in_the_body_is_an_error(server: Misbehaving, http: SupplierHttp) -> None:
    def cut(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"a": 1}')

    server.behave = cut
    assert refused(http, ENOUGH).detail.startswith("connection failed")
    assert len(server.requests) == 3


def test_nobody_listening(server: Misbehaving, http: SupplierHttp) -> None:
    server.close()
    assert refused(http).detail.startswith("connection failed")


def test_does_not_follow_to_another_place(server: Misbehaving, http: SupplierHttp) -> None:
    server.behave = answering(b"", "302 Found", "Location: http://127.0.0.1:9/elsewhere\r\n")
    assert refused(http).detail == "HTTP 302"
    assert len(server.requests) == 1


def test_cookies_are_not_kept(server: Misbehaving, http: SupplierHttp) -> None:
    server.behave = answering(b"1", headers="Set-Cookie: a=b\r\n")
    http.get("list", ENOUGH)
    http.get("list", ENOUGH)
    assert b"Cookie" not in server.requests[1]


def test_proxies_of_the_machine_are_not_used(
    server: Misbehaving, http: SupplierHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert http.get("list", ENOUGH) == {}


def test_no_secret_in_the_error(server: Misbehaving) -> None:
    server.close()
    error = refused(SupplierHttp("Acme", server.url), path="list?key=CANARY-1")
    assert error.asked == "list"
    assert "CANARY" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    with pytest.raises(SupplierUnavailable) as caught:
        SupplierHttp("Acme", server.url).get("list", ONCE, params={"key": "CANARY-2"})
    assert "CANARY" not in str(caught.value)


def test_an_address_that_is_none(http: SupplierHttp) -> None:
    with pytest.raises(SupplierUnavailable, match="the address cannot be called"):
        SupplierHttp("Acme", "file:///etc").get("passwd", ENOUGH)
