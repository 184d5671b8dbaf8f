"""The same partner in 2.1.1 and 2.3.0: what differs is translated, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.ocpi.supplier import OcpiSupplier
from adapters.ocpi.tokens import candidates
from adapters.ocpi.versions import VERSIONS, Party, credentials_of, parties_of, token_of
from core.charging import ChargingState, Outcome
from core.services.catalogue import CatalogueService
from core.station import ConnectorRef, Station
from storage.redis_stream import NoChangeStream
from tests.adapters.ocpi.conftest import US, Caller, OurSide
from tests.adapters.ocpi.partner import NOON, TOKEN_A, ScriptedCpo, evse, location, serving, stamp


def old_location(name: str) -> dict[str, Any]:
    """As 2.1.1 writes it: no party, a type, `voltage` and `amperage`, one tariff id."""
    place = location(name)
    for one in ("country_code", "party_id", "publish"):
        del place[one]
    plug = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    plug |= {"voltage": 230, "amperage": 32, "tariff_id": "T", "last_updated": stamp(-60)}
    return place | {"type": "ON_STREET", "evses": [evse(f"{name}-1", connectors=[plug])]}


@pytest.fixture(params=["2.1.1", "2.3.0"])
def version(request: pytest.FixtureRequest) -> str:
    number: str = request.param
    return number


@pytest.fixture
def cpo(version: str) -> Iterator[ScriptedCpo]:
    one = ScriptedCpo(version)
    if version == "2.1.1":
        one.form = lambda value: candidates(value)[:1]  # the token as it is
    with serving(one.app) as one.url:
        yield one


@pytest.fixture
def registered(ours: OurSide, cpo: ScriptedCpo) -> OcpiSupplier:
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    return ours.supplier


def test_registering(ours: OurSide, cpo: ScriptedCpo, registered: OcpiSupplier, version: str) -> None:
    known = ours.partners.get("cpo")
    assert known is not None
    assert (known.connection.version, known.connection.parties[0].key) == (version, "BEBEC")
    assert known.connection.encodes is (version != "2.1.1")
    sent = cpo.partner_credentials
    assert ("roles" in sent) is (version != "2.1.1")
    assert version != "2.1.1" or (sent["party_id"], sent["country_code"]) == ("KWT", "DE")
    assert cpo.called_back == [200, 200]


def test_locations(ours: OurSide, cpo: ScriptedCpo, registered: OcpiSupplier, version: str) -> None:
    cpo.lists["locations"] = [old_location("A") if version == "2.1.1" else location("A")]
    (station,) = registered.stations()
    assert isinstance(station, Station)
    assert (station.external_id, station.connectors[0].ref) == ("BEBEC:A", ConnectorRef("BEBEC", "BE*BEC*EA-1"))
    assert station.public
    assert station.connectors[0].power_kw == (Decimal("22.1") if version == "2.1.1" else Decimal(100))


def test_charging(ours: OurSide, cpo: ScriptedCpo, registered: OcpiSupplier, version: str) -> None:
    cpo.lists["locations"] = [old_location("A") if version == "2.1.1" else location("A")]
    CatalogueService(ours.database, NoChangeStream(), ours.clock).load(registered, doubt_shrinking=False)
    gun = ConnectorRef("BEBEC", "BE*BEC*EA-1")
    assert registered.start(gun, start_seq="SEQ-1").outcome is Outcome.ACCEPTED
    body = cpo.posted[0][1]
    assert body["token"]["type"] == ("OTHER" if version == "2.1.1" else "APP_USER")
    assert ("connector_id" in body) is ("authorization_reference" in body) is (version != "2.1.1")
    # 2.1.1 has no reference: the session names our token, which is this start's alone.
    assert body["token"].get("auth_id") == ("SEQ-1" if version == "2.1.1" else None)
    mark = {"auth_id": "seq-1"} if version == "2.1.1" else {"authorization_reference": "SEQ-1"}
    cost: Any = 2.5 if version == "2.1.1" else {"before_taxes": 2.0, "taxes": [{"name": "VAT", "amount": 0.42}]}
    session = {"id": "S1", "status": "ACTIVE", "kwh": 5, "start_datetime": stamp(), "last_updated": stamp()}
    session |= {"currency": "EUR", "total_cost": cost, **mark}
    session |= {"location": old_location("A")} if version == "2.1.1" else {"location_id": "A", "evse_uid": "A-1"}
    cpo.lists["sessions"] = [session]
    found = registered.session("SEQ-1")
    assert found is not None
    assert (found.ref, found.state, found.started_at) == (gun, ChargingState.CHARGING, NOON)
    # Without tax is not what is paid: then it is not told.
    assert found.cost == (None if version == "2.1.1" else Decimal("2.42"))
    caller = Caller(ours.web.test_client(), version, cpo.partner_credentials["token"])
    caller("POST", body["response_url"].partition(f"/{version}/")[2], {"result": "ACCEPTED"})


def test_pushes(ours: OurSide, cpo: ScriptedCpo, registered: OcpiSupplier, version: str) -> None:
    caller = Caller(ours.web.test_client(), version, cpo.partner_credentials["token"])
    caller("PUT", "locations/BE/BEC/A", old_location("A") if version == "2.1.1" else location("A"))
    assert ours.station("BEBEC:A") is not None
    cdr = {
        "id": "C1",
        "start_date_time": stamp(-30),
        "currency": "EUR",
        "total_energy": 12,
        "last_updated": stamp(),
    }
    if version == "2.1.1":
        cdr |= {"stop_date_time": stamp(-5), "total_cost": 5.5, "location": old_location("A"), "auth_id": "x"}
    else:
        taxed = {"before_taxes": 5, "taxes": [{"name": "VAT", "amount": 0.5}]}
        place = {"id": "A", "evse_uid": "A-1", "evse_id": "BE*BEC*EA-1", "connector_id": "1"}
        cdr |= {"end_date_time": stamp(-5), "total_cost": taxed, "cdr_location": place, "party_id": "BEC"}
        cdr |= {"country_code": "BE"}
    caller("POST", "cdrs", cdr, status=201)
    with ours.database.read() as unit:
        record = unit.records.record("cpo", "C1")
    assert record is not None
    assert (record.total_cost, record.ref.connector_id) == (Decimal("5.5"), "BE*BEC*EA-1")


def test_tokens(ours: OurSide, cpo: ScriptedCpo, registered: OcpiSupplier, version: str) -> None:
    registered.push_token("SEQ-1")
    assert cpo.posted == [("tokens/DE/KWT/SEQ-1", token_of(VERSIONS[version], US, "SEQ-1", stamp()))]


def test_parties_of_every_version() -> None:
    for rules in VERSIONS.values():
        (us,) = parties_of(credentials_of(rules, "t", "https://us.example/ocpi/versions", US))
        assert (us.key, us.name) == ("DEKWT", "Kilowatch")
    hub = {"roles": [{"role": "CPO", "country_code": "nl", "party_id": "exo"}, "odd", {"role": "CPO"}]}
    assert parties_of(hub) == (Party("NL", "EXO", "CPO", ""),)
