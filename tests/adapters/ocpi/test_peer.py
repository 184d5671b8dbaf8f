"""With an operator whose software is not ours: extrawest-ocpi from PyPI, over HTTP, against our real web process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

import bootstrap
from adapters.ocpi.reported import START, STOP
from adapters.ocpi.supplier import OcpiSupplier
from adapters.ocpi.tokens import header
from core.charging import ChargingState, CommandReply, Outcome
from core.clock import SystemClock
from core.errors import SupplierUnavailable
from core.station import ConnectorRef, ConnectorStatus, Station, StatusReport
from core.tariff import Dimension
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.processes import free_port, kilowatch, our_web, peer_cpo, wait_until

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
# As peer_cpo.py has them, which only its own Python can import.
LOCATIONS, TOKEN_A = 120, "handed-over-by-letter"
SUPPLIERS = """
[moselle]
kind = "ocpi"
name = "Moselle Strom"
our_country = "LU"
our_party = "KWT"
our_name = "Kilowatch"
"""
GUN = ConnectorRef("LUMOS", "lu*mos*e0007*1")
SEQ = "KWT-2026-0001"


@dataclass
class Both:
    """The two sides, and what we see of ours."""

    peer: str
    env: dict[str, str]
    settings: bootstrap.Settings
    database: SqlDatabase
    supplier: OcpiSupplier

    def peer_state(self) -> Any:
        return requests.get(f"{self.peer}/state", timeout=10).json()

    def station(self, external_id: str) -> Station:
        with self.database.read() as unit:
            return next(one for one in unit.catalogue.stations() if one.external_id == external_id)

    def command_result(self, command: str) -> str:
        with self.database.read() as unit:
            found = unit.commands.latest("moselle", command, SEQ)
        return found.result if found and found.answered_at else ""

    def versions_status(self, token: str) -> int:
        url = f"{self.env['PUBLIC_URL']}/ocpi/versions"
        return requests.get(url, headers={"Authorization": f"Token {token}"}, timeout=10).status_code


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    (tmp_path / "suppliers.toml").write_text(SUPPLIERS)
    port = free_port()
    env = {
        "KILOWATCH_HOME": str(tmp_path / "home"),
        "SUPPLIERS_FILE": str(tmp_path / "suppliers.toml"),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "BIND": "127.0.0.1",
        "LANG": "en",
        "LC_ALL": "en",
    }
    settings = bootstrap.settings_from_env(env)
    database = bootstrap.open_database(settings)
    with peer_cpo(tmp_path) as peer, our_web(tmp_path, env):
        supplier = bootstrap.live_suppliers(settings, database, SystemClock())["moselle"]
        assert isinstance(supplier, OcpiSupplier)
        yield Both(peer, env, settings, database, supplier)
    database.close()


def test_from_registering_to_leaving(both: Both) -> None:
    with pytest.raises(SupplierUnavailable, match="not registered"):
        list(both.supplier.stations())
    registers(both)
    pulls(both)
    hears_pushes(both)
    charges(both)
    rotates(both)
    leaves(both)


def registers(both: Both) -> None:
    versions = ["--versions-url", f"{both.peer}/ocpi/versions"]
    refused = kilowatch(both.env, "ocpi", "register", "moselle", *versions, "--token", "a-guess", ok=False)
    assert "does not accept the token" in refused
    # The peer calls our versions and details back while this command's POST is still open.
    told = kilowatch(both.env, "ocpi", "register", "moselle", *versions, "--token", TOKEN_A)
    assert "Registered with Moselle Strom (LUMOS), OCPI 2.2.1" in told
    again = kilowatch(both.env, "ocpi", "register", "moselle", *versions, "--token", TOKEN_A, ok=False)
    assert "is registered already" in again
    assert both.versions_status(both.peer_state()["partner_token"]) == 200


def pulls(both: Both) -> None:
    _, catalogue = bootstrap.command_services(both.settings)
    report = catalogue.load(both.supplier, doubt_shrinking=True)
    assert (report.stations, report.quarantined) == (LOCATIONS, 0)
    station = both.station("LUMOS:PLACE-7")
    assert station.name == "Moselle Quay 7"
    assert [gun.status for gun in station.connectors] == [ConnectorStatus.FREE, ConnectorStatus.CHARGING]
    with both.database.read() as unit:
        tariff = unit.catalogue.tariffs([str(station.connectors[0].tariff_id)])[str(station.connectors[0].tariff_id)]
    assert tariff.prices_at(SystemClock().now())[Dimension.ENERGY].price == Decimal("0.468")
    reports = [one for one in both.supplier.statuses(["LUMOS:PLACE-7"]) if isinstance(one, StatusReport)]
    assert [one.status for one in reports] == [ConnectorStatus.FREE, ConnectorStatus.CHARGING]


def hears_pushes(both: Both) -> None:
    requests.post(f"{both.peer}/change/PLACE-7/OUTOFORDER", timeout=10).raise_for_status()
    receiver = {
        "endpoints_url": f"{both.env['PUBLIC_URL']}/ocpi/2.2.1",
        "auth_token": both.peer_state()["partner_token"],
    }
    wish = {"module_id": "locations", "object_id": "PLACE-7", "receivers": [receiver]}
    key = {"Authorization": header(both.peer_state()["our_token"], encoded=True)}  # the peer's lever for pushing
    pushed = requests.post(f"{both.peer}/push/2.2.1", json=wish, headers=key, timeout=20).json()
    assert [one["status_code"] for one in pushed["receiver_responses"]] == [200], pushed
    assert both.station("LUMOS:PLACE-7").connectors[0].status is ConnectorStatus.FAULT


def charges(both: Both) -> None:
    assert both.supplier.start(GUN, start_seq=SEQ) == CommandReply(Outcome.ACCEPTED)
    # Twice the same number starts once.
    assert both.supplier.start(GUN, start_seq=SEQ).outcome is Outcome.ACCEPTED
    wait_until(lambda: both.command_result(START) == "ACCEPTED", "the callback of the start")
    assert len(both.peer_state()["sessions"]) == 1
    live = both.supplier.session(SEQ)
    assert live is not None
    assert (live.start_seq, live.ref, live.state) == (SEQ, GUN, ChargingState.CHARGING)
    assert (live.cost, live.energy_kwh) == (Decimal("0.23"), Decimal("0.5"))
    both.supplier.push_token(SEQ)
    assert [one.lower() for one in both.peer_state()["tokens"]] == [SEQ.lower()]
    assert both.supplier.stop(GUN, start_seq=SEQ).outcome is Outcome.ACCEPTED
    wait_until(lambda: both.command_result(STOP) == "ACCEPTED", "the callback of the stop")
    ended = both.supplier.session(SEQ)
    assert ended is not None
    assert (ended.state, ended.energy_kwh) == (ChargingState.ENDED, Decimal("12.5"))


def rotates(both: Both) -> None:
    old = both.peer_state()["partner_token"]
    assert "new tokens" in kilowatch(both.env, "ocpi", "rotate", "moselle")
    new = both.peer_state()["partner_token"]
    assert new != old
    assert (both.versions_status(old), both.versions_status(new)) == (401, 200)
    both.supplier.ping()


def leaves(both: Both) -> None:
    token = both.peer_state()["partner_token"]
    assert "said goodbye" in kilowatch(both.env, "ocpi", "unregister", "moselle")
    assert both.versions_status(token) == 401
    with pytest.raises(SupplierUnavailable, match="not registered"):
        both.supplier.ping()
