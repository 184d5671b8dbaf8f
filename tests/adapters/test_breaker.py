"""The breaker: when it opens, how it closes, and that it never makes callers wait for each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from adapters.breaker import Breaker
from adapters.http import Kind, NotAsked, Patience, SupplierHttp, past_the_breaker
from core.errors import SupplierUnavailable
from tests.adapters.misbehaving import Misbehaving, answering

REST_S = 10.0


class Bench:
    """A breaker with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.breaker = Breaker(now=lambda: self.now, rest_s=lambda: REST_S)

    def calls(self, outcomes: str) -> None:
        """One call each: "+" works, "-" fails."""
        for one in outcomes:
            self.breaker.succeeded() if one == "+" else self.breaker.failed()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("outcomes", ["-----", "+-----", "-+-----", "+-" * 10, "++--" * 5])
def test_opens(bench: Bench, outcomes: str) -> None:
    bench.calls(outcomes[:-1] if outcomes.endswith("-") else outcomes)
    bench.calls("-")
    assert bench.breaker.is_open
    assert bench.breaker.wait_s() == REST_S


@pytest.mark.parametrize("outcomes", ["----", "----+----", "+-" * 9, "-++" * 20])
def test_stays_closed(bench: Bench, outcomes: str) -> None:
    bench.calls(outcomes)
    assert not bench.breaker.is_open
    assert bench.breaker.wait_s() == 0


def test_says_once_that_it_opened_and_once_that_it_closed() -> None:
    breaker = Breaker()
    assert [breaker.failed() for _ in range(7)] == [False] * 4 + [True] + [False] * 2
    assert [breaker.succeeded() for _ in range(2)] == [True, False]


def test_after_a_rest_one_probe_goes_through(bench: Bench) -> None:
    bench.calls("-----")
    bench.now += REST_S
    assert bench.breaker.wait_s() == 0
    assert bench.breaker.wait_s() > 0  # everybody else waits for its outcome
    bench.calls("-")
    assert bench.breaker.wait_s() == REST_S
    bench.now += REST_S
    assert bench.breaker.wait_s() == 0
    bench.calls("+")
    assert bench.breaker.wait_s() == 0
    bench.calls("----")  # the failures before are forgotten
    assert not bench.breaker.is_open


def test_a_probe_that_nobody_reports_is_not_waited_for_without_end(bench: Bench) -> None:
    bench.calls("-----")
    bench.now += REST_S
    assert bench.breaker.wait_s() == 0
    bench.now += 60
    assert bench.breaker.wait_s() == 0


def test_rests_between_five_and_thirty_seconds() -> None:
    rests = set()
    for _ in range(200):
        breaker = Breaker(opens_after=1)
        breaker.failed()
        rests.add(round(breaker.wait_s()))
    assert min(rests) >= 4
    assert max(rests) <= 30
    assert len(rests) > 10  # many processes do not come back together


# --- in its place ---------------------------------------------------------------------------------------------

ONCE = Patience(total_s=5, max_bytes=1000, tries=1, kind=Kind.STATUS)
FAILING, FINE = answering(b"oops", "500 Internal Server Error"), answering(b"1")


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    yield server
    server.close()


def ask(http: SupplierHttp, patience: Patience = ONCE) -> str:
    try:
        http.get("list", patience)
    except SupplierUnavailable as error:
        return error.detail
    return "fine"


def test_a_dead_supplier_is_left_alone(server: Misbehaving, capsys: pytest.CaptureFixture[str]) -> None:
    server.behave = FAILING
    asked: dict[str, int] = {}
    for name, breaker in {"with": Breaker, "without": lambda: Breaker(opens_after=10**9)}.items():
        server.requests.clear()
        http = SupplierHttp("Acme", server.url, breaker=breaker, sleep=lambda seconds: None)
        for _ in range(19 if name == "without" else 200):  # 19: before the window is full
            ask(http, Patience(total_s=5, max_bytes=1000, kind=Kind.STATUS, tries=1))
        asked[name] = len(server.requests)
        http.close()
    assert asked == {"with": 5, "without": 19}


def test_kinds_of_calls_fail_apart(server: Misbehaving) -> None:
    server.behave = FAILING
    http = SupplierHttp("Acme", server.url)
    for _ in range(5):
        ask(http)
    assert ask(http).startswith("not asked")
    server.behave = FINE
    assert ask(http, Patience(total_s=5, max_bytes=1000, kind=Kind.CATALOGUE)) == "fine"
    assert ask(http, Patience(total_s=5, max_bytes=1000, kind=Kind.COMMAND)) == "fine"
    with pytest.raises(NotAsked, match="not asked"):
        http.get("list", ONCE)


def test_retries_count_and_end_when_it_opens(server: Misbehaving) -> None:
    server.behave = FAILING
    http = SupplierHttp("Acme", server.url, sleep=lambda seconds: None)
    for _ in range(3):
        ask(http, Patience(total_s=5, max_bytes=1000, kind=Kind.STATUS))
    assert len(server.requests) == 5


def test_what_was_tried_before_the_breaker_opened_was_asked(server: Misbehaving) -> None:
    server.behave = FAILING
    http = SupplierHttp("Acme", server.url, breaker=lambda: Breaker(opens_after=1), sleep=lambda seconds: None)
    with pytest.raises(SupplierUnavailable) as caught:
        http.get("list", Patience(total_s=5, max_bytes=1000, kind=Kind.STATUS))
    assert not isinstance(caught.value, NotAsked)
    assert len(server.requests) == 1


def test_a_clear_no_is_an_answer(server: Misbehaving) -> None:
    server.behave = answering(b"", "404 Not Found")
    http = SupplierHttp("Acme", server.url)
    assert {ask(http) for _ in range(10)} == {"HTTP 404"}


def test_garbage_is_no_answer(server: Misbehaving) -> None:
    server.behave = answering(b"<html>")
    http = SupplierHttp("Acme", server.url)
    for _ in range(7):
        ask(http)
    assert len(server.requests) == 5


def test_a_ping_goes_past_the_breaker_and_what_it_finds_counts(server: Misbehaving) -> None:
    server.behave = FAILING
    http = SupplierHttp("Acme", server.url)
    for _ in range(5):
        ask(http)
    with past_the_breaker():
        assert ask(http) == "HTTP 500"
    assert ask(http).startswith("not asked")
    server.behave = FINE
    with past_the_breaker():
        assert ask(http) == "fine"
    assert ask(http) == "fine"


def test_four_at_a_time_side_by_side_and_commands_do_not_wait(server: Misbehaving) -> None:
    inside, most = 0, 0
    lock, arrived, go = threading.Lock(), threading.Semaphore(0), threading.Event()

    def slow(sock: object, request: bytes, number: int) -> None:
        nonlocal inside, most
        if b"/start" in request:
            return FINE(sock, request, number)  # type: ignore[arg-type]  # a socket
        with lock:
            inside += 1
            most = max(most, inside)
        arrived.release()
        go.wait(60)
        with lock:
            inside -= 1
        return FINE(sock, request, number)  # type: ignore[arg-type]

    server.behave = slow
    http = SupplierHttp("Acme", server.url)
    patience = Patience(total_s=90, max_bytes=1000, tries=1)
    callers = [threading.Thread(target=ask, args=(http, patience)) for _ in range(6)]
    for caller in callers:
        caller.start()
    assert all(arrived.acquire(timeout=60) for _ in range(4))  # they are not queued behind a lock
    assert http.get("start", Patience(total_s=60, max_bytes=1000, kind=Kind.COMMAND)) == 1
    started = time.monotonic()
    with pytest.raises(NotAsked, match="too many calls at once"):
        http.get("list", Patience(total_s=0.2, max_bytes=1000, tries=1))
    assert time.monotonic() - started < 30
    go.set()
    for caller in callers:
        caller.join(60)
    assert (most, len(server.requests)) == (4, 7)
