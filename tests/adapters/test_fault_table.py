"""What a driver sees while a supplier misbehaves: the last good catalogue, in no time, with the supplier named.

`pytest -s tests/adapters/test_fault_table.py` prints the table. Deadlines are a tenth of those in production.
"""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.http import Kind, Patience, SupplierHttp
from core.errors import SupplierUnavailable
from core.geo import Point
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    Rejected,
    Station,
    StatusReport,
    Supplier,
    station_key,
)
from core.wishes import Filters, Wishes
from jobs import catalogue, context
from tests.adapters.misbehaving import Behaviour, Misbehaving, answering
from tests.world import HERE, SetClock, World, make_world

LIST = Patience(total_s=1.5, max_bytes=2_000_000)
STATES = Patience(total_s=0.4, max_bytes=200_000, kind=Kind.STATUS)
PLAIN = Supplier("plain", "test", "Plain Power")
STATIONS = 30
MEGABYTE = 1024 * 1024


@dataclass
class Plain:
    """A supplier over plain JSON, through the door that all suppliers use."""

    http: SupplierHttp
    clock: SetClock
    supplier: Supplier = PLAIN

    def stations(self) -> Iterator[Station | Rejected]:
        for row in self.http.get("stations", LIST):
            ref = ConnectorRef("PLAIN", row["id"])
            yield Station(
                id=station_key("plain", row["id"]),
                supplier_id="plain",
                external_id=row["id"],
                name=f"Plain {row['id']}",
                point=Point(float(row["lat"]), float(row["lng"])),
                connectors=(Connector(ref),),
            )

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]:
        for one in self.http.get("states", STATES):
            yield StatusReport(ConnectorRef("PLAIN", one), ConnectorStatus.FREE, self.clock.now())


def good(sock: socket.socket, request: bytes, number: int) -> None:
    rows = [{"id": f"P{n}", "lat": HERE.lat + n / 1000, "lng": HERE.lng} for n in range(STATIONS)]
    body: Any = rows if b"/stations" in request else [row["id"] for row in rows]
    answering(json.dumps(body).encode())(sock, request, number)


# --- ten ways to fail -----------------------------------------------------------------------------------------

Fault = Callable[[Misbehaving], Behaviour]


def black_hole(server: Misbehaving) -> Behaviour:
    def behave(sock: socket.socket, request: bytes, number: int) -> None:
        server.wait(30)

    return behave


def slow(server: Misbehaving) -> Behaviour:
    def behave(sock: socket.socket, request: bytes, number: int) -> None:
        server.wait(3)
        good(sock, request, number)

    return behave


def cut_at_5000(server: Misbehaving) -> Behaviour:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n"
    return lambda sock, request, number: sock.sendall(head + b"[" + b" " * (4999 - len(head)))


def one_gigabyte(server: Misbehaving) -> Behaviour:
    def behave(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n[")
        chunk = b" " * 65536
        for _ in range(1_000_000_000 // len(chunk)):
            if server.wait(0):
                return
            sock.sendall(chunk)

    return behave


def gzip_bomb(server: Misbehaving) -> Behaviour:
    packer = zlib.compressobj(level=1, wbits=31)
    bomb = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(200)) + packer.flush()
    return answering(bomb, headers="Content-Encoding: gzip\r\n")


def dribble(server: Misbehaving) -> Behaviour:
    def behave(sock: socket.socket, request: bytes, number: int) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
        for _ in range(600):  # for 30 s
            sock.sendall(b" ")
            if server.wait(0.05):
                return

    return behave


def refused(server: Misbehaving) -> Behaviour:
    server.close()
    return good


FAULTS: dict[str, Fault] = {
    "black hole": black_hole,
    "slow (3 s)": slow,
    "cut at 5,000 bytes": cut_at_5000,
    "1 GB body": one_gigabyte,
    "gzip bomb (200 MB)": gzip_bomb,
    "dribble for 30 s": dribble,
    "invalid JSON": lambda server: answering(b'[{"id": "P1", "lat": 22.5'),
    "HTTP 500": lambda server: answering(b"oops", "500 Internal Server Error"),
    "429, Retry-After: 60": lambda server: answering(b"", "429 Too Many Requests", "Retry-After: 60\r\n"),
    "nobody listens": refused,
}


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    head = f"{'fault':22}{'list':>8}{'states':>8}{'near (worst)':>14}{'heap peak':>11}{'rss growth':>12}"
    print("", f"{head}  the driver sees", *rows, sep="\n")


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    server.behave = good
    yield server
    server.close()


@pytest.fixture
def world(tmp_path: Path, server: Misbehaving) -> World:
    """A world that has heard from the supplier sixteen minutes ago, and not since."""
    world = make_world(tmp_path)
    plain = Plain(SupplierHttp("Plain Power", server.url), world.clock)
    context.use(replace(world.services, suppliers={"plain": plain}))
    rung = str(int(world.clock.now().timestamp()))
    catalogue.pull_catalogue("plain", rung)
    catalogue.pull_statuses("plain", rung)
    world.services.index.refresh()
    found = world.services.finder.near(HERE, Wishes(filters=Filters(free_now=True)))
    assert (found.total, found.silent) == (STATIONS, ())
    world.clock.advance(minutes=16)
    return world


class Driver(threading.Thread):
    """Searches all the time, and remembers the longest wait."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self.world, self.worst_s, self.searches, self.totals = world, 0.0, 0, set[int]()
        self._stop_now = threading.Event()

    def run(self) -> None:
        while not self._stop_now.wait(0.02):
            started = time.monotonic()
            self.totals.add(self.world.services.finder.near(HERE, Wishes()).total)
            self.worst_s = max(self.worst_s, time.monotonic() - started)
            self.searches += 1

    def stop(self) -> None:
        self._stop_now.set()
        self.join(10)


def timed(pull: Callable[[], object]) -> float:
    """How long a pull takes that fails."""
    started = time.monotonic()
    with pytest.raises(SupplierUnavailable):
        pull()
    return time.monotonic() - started


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_good_catalogue_stays(name: str, server: Misbehaving, world: World, table: list[str]) -> None:
    service, plain = world.services.catalogue, context.services().suppliers["plain"]
    assert isinstance(plain, Plain)
    server.behave = FAULTS[name](server)
    driver = Driver(world)
    driver.start()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    list_s, states_s = timed(lambda: service.pull(plain)), timed(lambda: service.pull_statuses(plain))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    driver.stop()
    rss_growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) / 1024

    world.services.index.refresh()
    found = world.services.finder.near(HERE, Wishes())
    free = world.services.finder.near(HERE, Wishes(filters=Filters(free_now=True)))
    assert (found.total, free.total) == (STATIONS, 0)
    assert driver.totals <= {STATIONS}
    assert [one.name for one in found.silent] == ["Plain Power"]
    silent_min = (world.clock.now() - found.silent[0].since).total_seconds() / 60
    assert list_s < LIST.total_s + 15  # the machine may be busy
    assert states_s < STATES.total_s + 15
    assert peak < 16 * MEGABYTE
    sees = f"{found.total} stations, {free.total} free; {found.silent[0].name} silent for {silent_min:.0f} min"
    table.append(
        f"{name:22}{list_s:7.2f}s{states_s:7.2f}s{driver.worst_s * 1000:11.0f} ms"
        f"{peak / MEGABYTE:8.1f} MB{rss_growth:9.1f} MB  {sees}"
    )


def test_it_recovers_by_itself(server: Misbehaving, world: World) -> None:
    server.behave = answering(b"oops", "500 Internal Server Error")
    rung = str(int(world.clock.now().timestamp()))
    catalogue.pull_statuses("plain", rung)
    server.behave = good
    catalogue.pull_statuses("plain", rung)
    world.services.index.refresh()
    found = world.services.finder.near(HERE, Wishes(filters=Filters(free_now=True)))
    assert (found.total, found.silent) == (STATIONS, ())
