"""Every example of the OCPI 2.2.1 specification, sent to our server, read as by our client, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.ocpi.envelope import many_of, one_of, opened
from adapters.ocpi.handshake import _endpoints
from adapters.ocpi.holding import Holding
from adapters.ocpi.partners import Connection
from adapters.ocpi.reported import Reported
from adapters.ocpi.versions import VERSIONS, Party, parties_of, token_of
from core.charging import ChargingState
from core.ports import Command
from core.station import ConnectorRef, ConnectorStatus
from tests.adapters.ocpi.conftest import OUR_TOKEN, Caller, OurSide
from tests.adapters.ocpi.test_examples import LOCATIONS, TARIFFS
from tests.shared import shared

# Files that no call of ours carries whole: parts of objects, and what is read above.
_PARTS = ("location_energymix", "location_hours", "location_regularhours", "type_displaytext")


def load(name: str) -> Any:
    return json.loads(shared("data", "ocpi-examples-2.2.1", name).read_text(encoding="utf-8"))


@pytest.fixture
def known(ours: OurSide) -> Callable[[str], Caller]:
    """Registered as the party that an example is of."""

    def registered_as(country_and_party: str) -> Caller:
        party = Party(country_and_party[:2], country_and_party[2:])
        ours.partners.settle("cpo", OUR_TOKEN, Connection(parties=(party,), origins=("http://127.0.0.1:9",)))
        return Caller(ours.web.test_client())

    return registered_as


def test_every_file_is_meant_by_a_test() -> None:
    folder = shared("data", "ocpi-examples-2.2.1")
    here = Path(__file__).read_text(encoding="utf-8")
    for path in folder.glob("*.json"):
        assert path.name in here or path.name.startswith(_PARTS) or path.name in LOCATIONS or path.name in TARIFFS, (
            path
        )


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_location_pushed(ours: OurSide, known: Callable[[str], Caller], name: str) -> None:
    thing = load(name)
    country, party = thing["country_code"], thing["party_id"]
    call = known(country + party)
    path = f"locations/{country}/{party}/{thing['id']}"
    call("PUT", path, thing)
    station = ours.station(f"{country}{party}:{thing['id']}".upper())
    assert station is not None
    assert (len(station.connectors), station.public) == (LOCATIONS[name], thing["publish"])
    assert call("GET", path) == thing


def test_the_patches_of_a_location(ours: OurSide, known: Callable[[str], Caller]) -> None:
    call = known("BEBEC")
    call("PUT", "locations/BE/BEC/LOC1", load("location_example.json"))
    ours.clock.advance(minutes=1)
    call("PATCH", "locations/BE/BEC/LOC1", load("location_patch_example_location.json"))
    call("PATCH", "locations/BE/BEC/LOC1/3257", load("location_patch_example_status.json"))
    call("PATCH", "locations/BE/BEC/LOC1/3256/1", load("location_patch_example_tariff.json"))
    station = ours.station("BEBEC:LOC1")
    assert station is not None
    assert (station.name, station.connectors[2].status) == ("Interparking Gent Zuid", ConnectorStatus.CHARGING)
    assert call("GET", "locations/BE/BEC/LOC1/3256/1")["tariff_ids"] == ["15"]
    call("PATCH", "locations/BE/BEC/LOC1/3256", load("location_patch_example_remove_evse.json"))
    station = ours.station("BEBEC:LOC1")
    assert station is not None
    assert [gun.pile for gun in station.connectors] == ["3257"]


def test_the_two_that_break_the_standard_are_refused_with_the_reason(
    ours: OurSide, known: Callable[[str], Caller]
) -> None:
    call = known("BEBEC")
    call("PUT", "locations/BE/BEC/LOC1", load("location_example.json"))
    call("PUT", "locations/BE/BEC/LOC1/3256", load("location_put_example_add_evse.json"), code=2001, status=400)
    assert call.message == "the connector lacks last_updated"
    call = known("DEALL")
    call("PUT", "tariffs/DE/ALL/12", load("tariff_put_example.json"), code=2001, status=400)
    assert call.message == "the tariff lacks last_updated"


@pytest.mark.parametrize("name", [name for name in TARIFFS if name != "tariff_put_example.json"])
def test_a_tariff_pushed(known: Callable[[str], Caller], name: str) -> None:
    thing = load(name)
    country, party = thing["country_code"], thing["party_id"]
    call = known(country + party)
    path = f"tariffs/{country}/{party}/{thing['id']}"
    call("PUT", path, thing)
    assert call("GET", path) == thing


def test_sessions_and_their_patches(ours: OurSide, known: Callable[[str], Caller]) -> None:
    start = Command("id", "cpo", "START_SESSION", "123abc", ConnectorRef("BEBEC", "BE*BEC*E1"), ours.clock.now())
    with ours.database.write() as unit:
        unit.commands.add(start)

    def told() -> tuple[ChargingState, Decimal | None, Decimal | None]:
        with ours.database.read() as unit:
            update = unit.records.session("cpo", "123abc")
        assert update is not None
        return update.state, update.energy_kwh, update.cost

    call = known("NLSTK")
    call("PUT", "sessions/NL/STK/101", load("session_example_1_simple_start.json"))
    # Without tax only, so what is paid is not told yet.
    assert told() == (ChargingState.STARTING, Decimal(0), None)
    early = load("session_example_1_simple_start.json") | {"last_updated": "2019-06-23T08:00:00Z", "id": "102"}
    call("PUT", "sessions/NL/STK/102", early)
    call("PATCH", "sessions/NL/STK/102", load("session_patch_example_total_cost.json"))
    call("PATCH", "sessions/NL/STK/102", load("session_patch_example_charging_period.json"))
    held = call("GET", "sessions/NL/STK/102")
    assert (held["kwh"], held["total_cost"]["incl_vat"], len(held["charging_periods"])) == (15.0, 0.88, 1)


def test_a_finished_session(ours: OurSide, known: Callable[[str], Caller]) -> None:
    call = known("BEBEC")
    call("PUT", "sessions/BE/BEC/101", load("session_example_2_short_finished.json"))
    with ours.database.write() as unit:
        unit.commands.add(
            Command("id", "cpo", "START_SESSION", "123ABC", ConnectorRef("BEBEC", "BE*BEC*E1"), ours.clock.now())
        )
    update = Reported(Holding("cpo", ours.database, ours.clock), ours.config.us).session(
        load("session_example_2_short_finished.json")
    )
    assert update is not None
    assert (update.start_seq, update.state) == ("123ABC", ChargingState.ENDED)
    assert (update.energy_kwh, update.cost) == (Decimal("41.12"), Decimal("9.35"))


def test_the_charge_record(ours: OurSide, known: Callable[[str], Caller]) -> None:
    call = known("BEBEC")
    call("POST", "cdrs", load("cdr_example.json"), status=201)
    with ours.database.read() as unit:
        record = unit.records.record("cpo", "12345")
    assert record is not None
    assert (record.total_cost, record.energy_kwh, record.currency) == (Decimal("4.4"), Decimal("15.342"), "EUR")
    assert record.ref == ConnectorRef("BEBEC", "BE*BEC*E041503003")


@pytest.mark.parametrize(
    ("name", "parties"),
    [
        ("credentials_example.json", ["NLEXA"]),
        ("credentials_example2.json", ["NLEXA", "NLEXA"]),
        ("credentials_example3.json", ["NLEXA"]),
        ("credentials_example4.json", ["NLEXO", "NLPFC", "NLCGP"]),
    ],
)
def test_credentials(name: str, parties: list[str]) -> None:
    assert [one.key for one in parties_of(load(name))] == parties


@pytest.mark.parametrize("name", ["transport_and_format_version_info_example.json", "versions_info_example.json"])
def test_version_lists(name: str) -> None:
    document = load(name)
    listed = opened(200, json.dumps(document).encode()) if isinstance(document, dict) else document
    assert {one["version"] for one in many_of(listed)} <= {"2.1.1", "2.2", "2.2.1"}


@pytest.mark.parametrize(
    ("name", "locations"),
    [
        ("version_details_example.json", "https://example.com/ocpi/cpo/2.2/locations"),
        ("version_details_example2.json", "https://example.com/ocpi/cpo/2.2/locations"),
        ("transport_and_format_version_details_example.json", "https://example.com/ocpi/cpo/2.2/locations"),
    ],
)
def test_version_details(name: str, locations: str) -> None:
    document = load(name)
    details = opened(200, json.dumps(document).encode()) if "data" in document else document
    endpoints = _endpoints(VERSIONS["2.2.1"], details, ("https://example.com:443",))
    assert Connection(endpoints=endpoints).endpoint("locations", "SENDER") == locations
    assert _endpoints(VERSIONS["2.2.1"], details, ("https://other.example:443",)) == ()


def test_tokens_look_like_ours() -> None:
    """We send tokens and are sent none; ours have every field that the examples say is needed."""
    ours = token_of(VERSIONS["2.2.1"], Party("DE", "KWT", "EMSP", "Kilowatch"), "SEQ-1", "2026-11-23T12:00:00Z")
    app_user = load("token_example_1_app_user.json")
    assert ours.keys() == app_user.keys()
    assert ours["type"] == app_user["type"]
    for name in ("token_example_2_full_rfid.json", "token_put_example.json"):
        assert ours.keys() <= load(name).keys()
    assert load("token_patch_example.json").keys() <= ours.keys()
    listed = opened(200, json.dumps(load("transport_and_format_get_token_list_example.json")).encode())
    single = one_of(opened(200, json.dumps(load("transport_and_format_get_token_example.json")).encode()))
    assert all(ours.keys() <= one.keys() for one in [*many_of(listed), single])
