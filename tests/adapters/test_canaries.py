"""Secrets planted in every call to a supplier: however the call fails, none of them is written down anywhere.

The redaction of adapters/logs.py is left out here on purpose: it is the second net, not the first.
"""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.cec.config import CecConfig
from adapters.cec.supplier import CecSupplier
from adapters.http import Patience, SupplierHttp
from core.errors import SupplierUnavailable
from jobs import catalogue, context
from storage import tables
from storage.unit_of_work import SqlDatabase
from tests.adapters.misbehaving import Behaviour, Misbehaving, answering
from tests.world import World, make_world

CANARY = "cAnArY"
QUICK = Patience(total_s=0.6, max_bytes=2000)


def echoing(status: str) -> Behaviour:
    """Sends back what it got, as debug pages of frameworks do."""

    def behave(sock: object, request: bytes, number: int) -> None:
        answering(request, status)(sock, request, number)  # type: ignore[arg-type]  # a socket

    return behave


def silence(server: Misbehaving) -> Behaviour:
    def behave(sock: object, request: bytes, number: int) -> None:
        server.wait(30)

    return behave


def gone(server: Misbehaving) -> Behaviour:
    server.close()
    return answering(b"")


FAULTS: dict[str, Callable[[Misbehaving], Behaviour]] = {
    "echo in a 500": lambda server: echoing("500 Internal Server Error"),
    "echo in a 401": lambda server: echoing("401 Unauthorized"),
    "echo in a 200": lambda server: echoing("200 OK"),
    "redirect": lambda server: answering(b"", "302 Found", f"Location: {server.url}/?key={CANARY}7\r\n"),
    "cut": lambda server: lambda sock, request, number: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    "no HTTP": lambda server: lambda sock, request, number: sock.sendall(request),
    "silence": silence,
    "gone": gone,
}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    yield server
    server.close()


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged at the level a person would turn on to look for a fault, with all extras."""
    out = io.StringIO()

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(record.getMessage(), record.__dict__, file=out)
            if record.exc_info:
                print("".join(traceback.format_exception(*record.exc_info)), file=out)

    root, handler = logging.getLogger(), Everything()
    level, noisy = root.level, logging.getLogger("urllib3").level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as adapters/logs.py has it: it logs whole addresses
    yield out
    root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel(noisy)


@pytest.mark.parametrize("name", FAULTS)
def test_errors_of_a_call_have_no_secret(name: str, server: Misbehaving, written: io.StringIO) -> None:
    server.behave = FAULTS[name](server)
    http = SupplierHttp("Acme", server.url, allowed_origins=frozenset({server.url}))
    headers = {"Authorization": f"Token {CANARY}1"}
    for path in (
        "list",
        f"{server.url}/next?token={CANARY}2",
        f"https://{CANARY}3:{CANARY}4@other.example/?k={CANARY}5",
    ):
        for _ in range(2):  # the second time the breaker may speak
            with pytest.raises(SupplierUnavailable) as caught:
                http.get(path, QUICK, params={"key": f"{CANARY}6"}, headers=headers)
            logging.getLogger("test").error("failed", exc_info=caught.value, extra={"error": repr(caught.value.args)})
    assert name == "gone" or CANARY.encode() in server.requests[0]
    assert "failed" in written.getvalue()
    assert CANARY not in written.getvalue()


def partner(server: Misbehaving) -> CecConfig:
    return CecConfig(
        supplier_id="acme",
        name="Acme",
        base_url=server.url,
        our_operator_id="123456789",
        their_operator_id="987654321",
        operator_secret=f"{CANARY}-operator",
        data_secret=f"{CANARY}-data-key"[:16].ljust(16, "x"),
        data_secret_iv=f"{CANARY}-vector"[:16].ljust(16, "x"),
        sig_secret=f"{CANARY}-signed"[:16].ljust(16, "x"),
    )


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "silence"])
def test_pulls_that_fail_write_no_secret_down(
    name: str, server: Misbehaving, written: io.StringIO, tmp_path: Path
) -> None:
    world: World = make_world(tmp_path)
    server.behave = FAULTS[name](server)
    supplier = CecSupplier(partner(server), world.clock)
    context.use(replace(world.services, suppliers={"acme": supplier}))
    rung = str(int(world.clock.now().timestamp()))
    for job in (catalogue.pull_catalogue, catalogue.pull_statuses, catalogue.pull_prices):
        job("acme", rung)
    with pytest.raises(SupplierUnavailable) as caught:
        supplier.ping()
    text = written.getvalue() + str(caught.value) + repr(supplier.supplier) + repr(partner(server))
    database = world.services.database
    assert isinstance(database, SqlDatabase)
    with database.engine.begin() as db:
        kept = [*db.execute(select(tables.pulls)), *db.execute(select(tables.quarantine))]
    assert kept
    assert "not pulled" in text
    assert CANARY not in text + repr(kept)
