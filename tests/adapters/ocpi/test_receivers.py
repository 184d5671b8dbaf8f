"""What partners push to us, over the real blueprint, database and desk."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.charging import ChargingState
from core.ports import Command
from core.station import ConnectorRef, ConnectorStatus, Station
from core.tariff import Dimension
from tests.adapters.ocpi.conftest import Caller, OurSide
from tests.adapters.ocpi.partner import NOON, PARTY, changed, connector, evse, location, stamp, tariff

PLACE = "locations/BE/BEC/A"
GUN = ConnectorRef("BEBEC", "BE*BEC*EA-1")


def held(ours: OurSide, external_id: str = "BEBEC:A") -> Station:
    station = ours.station(external_id)
    assert station is not None
    return station


def gun_states(ours: OurSide) -> list[ConnectorStatus]:
    return [gun.status for gun in held(ours).connectors]


def price(ours: OurSide, number: int = 0) -> Decimal | None:
    tariff_id = held(ours).connectors[number].tariff_id
    if tariff_id is None:
        return None
    with ours.database.read() as unit:
        found = unit.catalogue.tariffs([tariff_id])[tariff_id]
    return found.prices_at(NOON)[Dimension.ENERGY].price


# --- locations ------------------------------------------------------------------------------------------------


def test_a_pushed_location_is_there_at_once(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    assert held(ours).name == "Place A"
    assert gun_states(ours) == [ConnectorStatus.FREE, ConnectorStatus.CHARGING]
    assert {gun.status_at for gun in held(ours).connectors} == {NOON}
    assert call("GET", "locations/be/bec/a") == location("A")
    assert call("GET", f"{PLACE}/a-1")["evse_id"] == "BE*BEC*EA-1"
    assert call("GET", f"{PLACE}/A-1/1")["standard"] == "IEC_62196_T2_COMBO"


def test_put_replaces_and_patch_merges(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A", opening_times={"twentyfourseven": True}))
    call("PATCH", PLACE, {"name": "Another name", "last_updated": stamp(1)})
    assert (held(ours).name, held(ours).hours.always) == ("Another name", True)
    whole = location("A", last_updated=stamp(2))
    del whole["name"]
    call("PUT", PLACE, whole)
    assert "name" not in call("GET", PLACE)
    assert "opening_times" not in call("GET", PLACE)
    assert held(ours).name == "1 Korenmarkt, Gent"


def test_a_state_is_applied_at_once_and_its_parents_grow_younger(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    ours.clock.advance(minutes=3)
    call("PATCH", f"{PLACE}/A-1", {"status": "OUTOFORDER", "last_updated": stamp(2)})
    assert gun_states(ours) == [ConnectorStatus.FAULT, ConnectorStatus.CHARGING]
    # Our clock orders what reaches us by push and by pull; the other gun was not vouched for.
    assert [gun.status_at for gun in held(ours).connectors] == [NOON + timedelta(minutes=3), NOON]
    assert call("GET", PLACE)["last_updated"] == stamp(2)


def test_an_older_push_is_dropped(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    ours.clock.advance(minutes=6)
    call("PATCH", f"{PLACE}/A-1", {"status": "CHARGING", "last_updated": stamp(5)})
    ours.clock.advance(minutes=1)
    call("PATCH", f"{PLACE}/A-1", {"status": "AVAILABLE", "last_updated": stamp(4)})
    assert "older" in call.message
    call("PUT", PLACE, location("A", name="From before"))
    call("PUT", f"{PLACE}/A-1", evse("A-1"))
    assert call("GET", PLACE)["name"] == "Place A"
    assert gun_states(ours) == [ConnectorStatus.CHARGING, ConnectorStatus.CHARGING]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PLACE, {"name": "x"}),
        (f"{PLACE}/A-1", {"status": "CHARGING"}),
        (f"{PLACE}/A-1/1", {"max_amperage": 1}),
        (PLACE, {"name": "x", "last_updated": "yesterday"}),
    ],
)
def test_a_patch_needs_its_date(call: Caller, path: str, body: dict) -> None:
    call("PUT", PLACE, location("A"))
    call("PATCH", path, body, code=2001, status=400)
    assert "last_updated" in call.message


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_parts_of_what_we_do_not_know(call: Caller, method: str) -> None:
    call(method, f"{PLACE}/A-9", evse("A-9"), code=2003, status=404)
    call(method, f"{PLACE}/A-9/1", connector(last_updated=stamp(1)), code=2003, status=404)
    call("PUT", PLACE, location("A"))
    call(method, f"{PLACE}/A-9/1", connector(last_updated=stamp(1)), code=2003, status=404)
    call("PATCH", f"{PLACE}/A-9", {"status": "CHARGING", "last_updated": stamp(1)}, code=2003, status=404)
    call("PATCH", "locations/BE/BEC/B", {"name": "x", "last_updated": stamp(1)}, code=2003, status=404)
    call("GET", f"{PLACE}/A-9", code=2003, status=404)


def test_a_new_evse_and_a_new_connector(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    call("PUT", f"{PLACE}/A-3", evse("A-3", last_updated=stamp(1)))
    assert len(held(ours).connectors) == 3
    call("PUT", f"{PLACE}/A-3/2", connector(2, last_updated=stamp(2)))
    assert [gun.ref.connector_id for gun in held(ours).connectors[2:]] == ["BE*BEC*EA-3:1", "BE*BEC*EA-3:2"]


def test_removing(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    call("PATCH", f"{PLACE}/A-1", {"status": "REMOVED", "last_updated": stamp(1)})
    assert [gun.ref.connector_id for gun in held(ours).connectors] == ["BE*BEC*EA-2"]
    call("PATCH", f"{PLACE}/A-2", {"status": "REMOVED", "last_updated": stamp(2)})
    with ours.database.read() as unit:
        assert list(unit.catalogue.stations()) == []
    call("PATCH", f"{PLACE}/A-2", {"status": "AVAILABLE", "last_updated": stamp(3)})
    assert gun_states(ours) == [ConnectorStatus.FREE]
    call("DELETE", PLACE, code=2000, status=405)


def test_a_location_we_cannot_use_is_told_and_kept_apart(ours: OurSide, call: Caller) -> None:
    nowhere = location("A", coordinates={"latitude": "0.0", "longitude": "0.0"})
    call("PUT", PLACE, nowhere, code=2001, status=400)
    assert "bad_coordinates" in call.message
    assert ours.quarantined() == [("BEBEC:A", "bad_coordinates")]
    some = location("B", evses=[evse("1"), {"uid": "2", "connectors": 7}])
    call("PUT", "locations/BE/BEC/B", some)
    assert len(held(ours, "BEBEC:B").connectors) == 1


def test_a_party_touches_its_own_objects_only(ours: OurSide, call: Caller) -> None:
    for path in ("locations/NL/TNM/A", "tariffs/NL/TNM/A", "sessions/NL/TNM/A"):
        call("PUT", path, location("A") | {"country_code": "NL", "party_id": "TNM"}, code=2001, status=404)
        call("GET", path, code=2001, status=404)
    call("PUT", PLACE, location("A", party_id="TNM"), code=2001, status=400)
    call("PUT", PLACE, location("B"), code=2001, status=400)
    call("POST", "cdrs", cdr() | {"party_id": "TNM"}, code=2001, status=400)
    assert ours.station("BEBEC:A") is None


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"7", b"null", b'{"id": ', b"[" * 100_000, b"\xff", b'{"a": NaN}']
)
@pytest.mark.parametrize("path", [PLACE, f"{PLACE}/A-1", "tariffs/BE/BEC/T", "sessions/BE/BEC/S"])
def test_bodies_that_are_none(call: Caller, path: str, body: bytes) -> None:
    for method in ("PUT", "PATCH"):
        if not (method == "PATCH" and path.startswith("tariffs")):
            call(method, path, body, code=2001, status=400)


@pytest.mark.parametrize("name", ["id", "coordinates", "last_updated"])
def test_what_a_location_must_have(call: Caller, name: str) -> None:
    whole = location("A")
    if name == "id":
        whole["id"] = None
    else:
        del whole[name]
    call("PUT", PLACE, whole, code=2001, status=400)


ODD: list[Any] = [None, 7, "text", [], {}, [7], [None], {"a": 1}, True, -1.5, "\x00", "x" * 5_000]


def test_no_shape_of_any_field_is_a_failure_of_ours(call: Caller) -> None:
    """Whatever stands in a field, the answer says something of it, and never that we broke."""
    for name in location("A"):
        for odd in ODD:
            body = location("A", **{name: odd}) | {"last_updated": stamp(1)}
            raw = call.client.put(f"/ocpi/2.2.1/{PLACE}", json=body, headers=call.headers)
            assert raw.status_code in (200, 400), (name, odd, raw.data)
            assert raw.json is not None
            assert raw.json["status_code"] in (1000, 2001)
    for name in evse("A-1"):
        for odd in ODD:
            body = location("A", evses=[evse("A-1", **{name: odd}), evse("A-2")]) | {"last_updated": stamp(2)}
            raw = call.client.put(f"/ocpi/2.2.1/{PLACE}", json=body, headers=call.headers)
            assert raw.status_code in (200, 400), (name, odd, raw.data)
            raw = call.client.patch(
                f"/ocpi/2.2.1/{PLACE}/A-2", json={name: odd, "last_updated": stamp(2)}, headers=call.headers
            )
            assert raw.status_code in (200, 400, 404), (name, odd, raw.data)


# --- tariffs --------------------------------------------------------------------------------------------------


def test_a_tariff_prices_the_guns_that_name_it(ours: OurSide, call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    assert price(ours) is None
    call("PUT", "tariffs/BE/BEC/night", tariff("NIGHT", 0.40))
    assert (price(ours), price(ours, 1)) == (Decimal("0.484"), Decimal("0.484"))
    ours.clock.advance(minutes=1)
    call("PUT", "tariffs/BE/BEC/NIGHT", tariff("NIGHT", 0.30, last_updated=stamp(1)))
    assert price(ours) == Decimal("0.363")
    call("PUT", "tariffs/BE/BEC/NIGHT", tariff("NIGHT", 0.90))  # overtaken
    assert price(ours) == Decimal("0.363")


def test_a_location_comes_with_the_prices_we_hold(ours: OurSide, call: Caller) -> None:
    call("PUT", "tariffs/BE/BEC/DAY", tariff("DAY", 0.50))
    call("PUT", "tariffs/BE/BEC/NIGHT", tariff("NIGHT", 0.40))
    call("PUT", PLACE, location("A"))
    ours.clock.advance(minutes=1)
    call("PATCH", f"{PLACE}/A-1/1", {"tariff_ids": ["DAY"], "last_updated": stamp(1)})
    assert (price(ours), price(ours, 1)) == (Decimal("0.605"), Decimal("0.484"))


def test_deleting_a_tariff(call: Caller) -> None:
    call("PUT", "tariffs/BE/BEC/T", tariff("T", 0.40))
    assert call("GET", "tariffs/BE/BEC/t")["id"] == "T"
    call("DELETE", "tariffs/BE/BEC/T")
    call("GET", "tariffs/BE/BEC/T", code=2000, status=404)
    call("DELETE", "tariffs/BE/BEC/T", code=2000, status=404)


def test_only_211_patches_tariffs(ours: OurSide, call: Caller) -> None:
    call("PUT", "tariffs/BE/BEC/T", tariff("T", 0.40))
    change = {"currency": "SEK", "last_updated": stamp(1)}
    call("PATCH", "tariffs/BE/BEC/T", change, code=2000, status=405)
    old = Caller(ours.web.test_client(), version="2.1.1")
    old("PATCH", "tariffs/BE/BEC/T", change)
    assert old("GET", "tariffs/BE/BEC/T")["currency"] == "SEK"
    old("PATCH", "tariffs/BE/BEC/U", change, code=2000, status=404)


# --- sessions -------------------------------------------------------------------------------------------------


def session(**more: Any) -> dict:
    base = {"id": "S1", "status": "ACTIVE", "kwh": 1, "start_date_time": stamp(), "last_updated": stamp(1)}
    place = {
        "location_id": "A",
        "evse_uid": "A-1",
        "connector_id": "1",
        "currency": "EUR",
        "cdr_token": {"uid": "SEQ-1"},
    }
    return PARTY | base | place | more


def period(minutes: int, energy: float) -> dict:
    return {"start_date_time": stamp(minutes), "dimensions": [{"type": "ENERGY", "volume": energy}]}


@pytest.fixture
def started(ours: OurSide, call: Caller, asked: str) -> str:
    """A start of ours under the number SEQ-1; its callback address."""
    call("PUT", PLACE, location("A"))
    return asked


@pytest.fixture
def asked(ours: OurSide) -> str:
    command = Command("unguessable", "cpo", "START_SESSION", "SEQ-1", GUN, NOON)
    with ours.database.write() as unit:
        unit.commands.add(command)
    return "commands/START_SESSION/unguessable"


def told(ours: OurSide) -> tuple[ChargingState, Decimal | None] | None:
    with ours.database.read() as unit:
        found = unit.records.session("cpo", "SEQ-1")
    return (found.state, found.energy_kwh) if found else None


def test_a_session_of_ours_is_followed(ours: OurSide, call: Caller, started: str) -> None:
    ours.clock.advance(minutes=10)
    call("PUT", "sessions/BE/BEC/S1", session(charging_periods=[period(0, 1)]))
    assert told(ours) == (ChargingState.CHARGING, Decimal(1))
    call("PATCH", "sessions/BE/BEC/s1", {"kwh": 2, "charging_periods": [period(5, 1)], "last_updated": stamp(5)})
    assert told(ours) == (ChargingState.CHARGING, Decimal(2))
    assert len(call("GET", "sessions/BE/BEC/S1")["charging_periods"]) == 2  # appended
    call("PATCH", "sessions/BE/BEC/S1", {"kwh": 3, "last_updated": stamp(6)})
    assert len(call("GET", "sessions/BE/BEC/S1")["charging_periods"]) == 2  # left alone
    call("PATCH", "sessions/BE/BEC/S1", {"kwh": 1, "last_updated": stamp(4)})  # overtaken
    call("PUT", "sessions/BE/BEC/S1", session(status="COMPLETED", kwh=4, last_updated=stamp(8)))
    assert told(ours) == (ChargingState.ENDED, Decimal(4))
    assert "charging_periods" not in call("GET", "sessions/BE/BEC/S1")  # replaced
    call("PATCH", "sessions/BE/BEC/S1", {"kwh": 9}, code=2001, status=400)
    call("PATCH", "sessions/BE/BEC/S2", {"kwh": 9, "last_updated": stamp(9)}, code=2000, status=404)


def test_a_session_after_a_refusal_is_believed(ours: OurSide, call: Caller, started: str) -> None:
    """Seen: the gun says it failed, and charges. The partner's clock is five minutes slow, too."""
    call("POST", started, {"result": "EVSE_OCCUPIED"})
    assert told(ours) == (ChargingState.INVALID, None)
    ours.clock.advance(seconds=20)
    call("PUT", "sessions/BE/BEC/S1", session(last_updated=stamp(-5)))
    assert told(ours) == (ChargingState.CHARGING, Decimal(1))


@pytest.mark.parametrize("word", ["ACCEPTED", "TIMEOUT", "EVSE_OCCUPIED"])
def test_the_guns_answer_may_come_after_the_session(ours: OurSide, call: Caller, started: str, word: str) -> None:
    call("PUT", "sessions/BE/BEC/S1", session())
    ours.clock.advance(seconds=5)
    call("POST", started, {"result": word})
    assert told(ours) == (ChargingState.CHARGING, Decimal(1))


def test_a_session_of_somebody_else_is_kept_and_not_told(ours: OurSide, call: Caller, started: str) -> None:
    call("PUT", "sessions/BE/BEC/S9", session(id="S9", cdr_token={"uid": "another"}))
    assert told(ours) is None
    assert call("GET", "sessions/BE/BEC/S9")["id"] == "S9"


# --- charge records -------------------------------------------------------------------------------------------


def cdr(**more: Any) -> dict:
    base = {"id": "C1", "start_date_time": stamp(-60), "end_date_time": stamp(-5), "currency": "EUR"}
    sums = {"total_cost": {"excl_vat": 10, "incl_vat": 12.1}, "total_energy": 20.5, "last_updated": stamp()}
    place = {"id": "A", "evse_uid": "A-1", "evse_id": "BE*BEC*EA-1", "connector_id": "1"}
    return PARTY | base | sums | {"cdr_location": place, "cdr_token": {"uid": "SEQ-1"}} | more


def test_a_record_is_kept_and_found_again(ours: OurSide, call: Caller, started: str) -> None:
    call("POST", "cdrs", cdr(), status=201)
    address = call.reply.headers["Location"]
    assert address == f"{ours.house.public_url}/ocpi/2.2.1/cdrs/BE/BEC/C1"
    assert call("GET", "cdrs/BE/BEC/C1") == cdr()
    with ours.database.read() as unit:
        record = unit.records.record("cpo", "C1")
    assert record is not None
    assert (record.start_seq, record.ref, record.total_cost) == ("SEQ-1", GUN, Decimal("12.1"))
    call("POST", "cdrs", cdr())  # the same again
    assert call.reply.headers["Location"] == address
    call("POST", "cdrs", cdr(total_energy=99), code=2001, status=400)
    assert ours.quarantined() == [("C1", "record_conflict")]
    call("GET", "cdrs/BE/BEC/C2", code=2000, status=404)


@pytest.mark.parametrize(
    "wrong", [{"total_cost": None}, {"total_cost": {}}, {"total_energy": "much"}, {"end_date_time": stamp(-90)}]
)
def test_records_that_move_no_money(call: Caller, started: str, wrong: dict) -> None:
    call("POST", "cdrs", cdr(**wrong), code=2001, status=400)


# --- commands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("ACCEPTED", ChargingState.STARTING),
        ("EVSE_OCCUPIED", ChargingState.INVALID),
        ("TIMEOUT", ChargingState.UNKNOWN),
        ("FAILED", ChargingState.UNKNOWN),
    ],
)
def test_the_guns_answer(ours: OurSide, call: Caller, started: str, word: str, state: ChargingState) -> None:
    call("POST", started, {"result": word, "message": [{"language": "en", "text": "so it is"}]})
    assert told(ours) == (state, None)
    with ours.database.read() as unit:
        command = unit.commands.get("unguessable")
    assert command is not None
    assert (command.result, command.detail, command.answered_at) == (word, "so it is", NOON)


def test_an_answer_in_the_envelope(ours: OurSide, call: Caller, started: str) -> None:
    call("POST", started, {"data": [{"result": "ACCEPTED"}], "status_code": 1000})
    assert told(ours) == (ChargingState.STARTING, None)


def test_answers_nobody_waits_for(ours: OurSide, call: Caller, started: str) -> None:
    body = {"result": "ACCEPTED"}
    for path in ("commands/START_SESSION/guessed", "commands/STOP_SESSION/unguessable", "commands/START_SESSION"):
        call("POST", path, body, code=2000, status=404)
    call("POST", started, {"no": "result"}, code=2001, status=400)
    call("GET", started, code=2000, status=405)
    Caller(call.client, token="somebody")("POST", started, body, code=2000, status=401)
    assert told(ours) is None


# --- tokens ---------------------------------------------------------------------------------------------------


def test_our_tokens_by_pages(ours: OurSide, call: Caller, asked: str) -> None:
    with ours.database.write() as unit:
        for n in range(2, 6):
            at = NOON - timedelta(minutes=n)
            unit.commands.add(Command(f"id-{n}", "cpo", "START_SESSION", f"SEQ-{n}", GUN, at))
        old = NOON - timedelta(days=3)
        unit.commands.add(Command("id-9", "cpo", "START_SESSION", "SEQ-9", GUN, old))
        unit.commands.add(Command("id-8", "other", "START_SESSION", "SEQ-8", GUN, NOON))
    assert [one["uid"] for one in call("GET", "tokens")] == ["SEQ-5", "SEQ-4", "SEQ-3", "SEQ-2", "SEQ-1"]
    page = call("GET", "tokens?offset=1&limit=2")
    assert [one["uid"] for one in page] == ["SEQ-4", "SEQ-3"]
    assert (call.reply.headers["X-Total-Count"], call.reply.headers["X-Limit"]) == ("5", "2")
    assert call.reply.headers["Link"] == f'<{ours.house.public_url}/ocpi/2.2.1/tokens?offset=3&limit=2>; rel="next"'
    assert len(call("GET", "tokens?offset=3&limit=2")) == 2
    assert "Link" not in call.reply.headers
    dated = f"tokens?date_from={stamp(-4)}&date_to={stamp(-2)}"
    assert [one["uid"] for one in call("GET", dated)] == ["SEQ-4", "SEQ-3"]
    for wrong in ("limit=x", "offset=-1", "date_from=soon"):
        call("GET", f"tokens?{wrong}", code=2001, status=400)


def test_may_it_charge(ours: OurSide, call: Caller, started: str) -> None:
    answer = call("POST", "tokens/seq-1/authorize?type=APP_USER", {"location_id": "A", "evse_uids": ["A-1"]})
    assert (answer["allowed"], answer["authorization_reference"]) == ("ALLOWED", "SEQ-1")
    assert answer["token"]["contract_id"]
    call("POST", "tokens/nobody/authorize", code=2004, status=404)
    call("POST", "tokens/SEQ-1", code=2000, status=404)
    with ours.database.write() as unit:
        unit.commands.note("unguessable", "EVSE_OCCUPIED", "", NOON)
    assert call("POST", "tokens/SEQ-1/authorize")["allowed"] == "NOT_ALLOWED"
    call("PUT", "sessions/BE/BEC/S1", session(status="COMPLETED"))
    assert call("POST", "tokens/SEQ-1/authorize")["allowed"] == "EXPIRED"
    ours.clock.advance(days=2)
    assert call("POST", "tokens/SEQ-1/authorize")["allowed"] == "EXPIRED"


# --- whatever comes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "hubclientinfo", 404),
        ("GET", "chargingprofiles/1", 404),
        ("GET", "locations", 404),
        ("GET", "locations/BE", 404),
        ("PUT", "locations/BE/BEC/A/B/C/D", 404),
        ("POST", PLACE, 405),
        ("PUT", "cdrs", 405),
        ("POST", "cdrs/BE/BEC/1", 404),
        ("DELETE", "tokens", 405),
        ("GET", f"locations/BE/BEC/{'x' * 300}", 404),
    ],
)
def test_unknown_paths_and_methods(call: Caller, method: str, path: str, status: int) -> None:
    body = location("A") if method in ("PUT", "POST") else None
    call(method, path, body, code=2000, status=status)


def test_methods_http_has_and_we_do_not(call: Caller) -> None:
    for method in ("PROPFIND", "TRACE", "LOCK"):
        reply = call.client.open(f"/ocpi/2.2.1/{PLACE}", method=method, headers=call.headers)
        assert reply.status_code == 405
        assert reply.json is not None
        assert reply.json["status_code"] == 2000
    reply = call.client.get("/ocpi/9.9/locations", headers=call.headers)
    assert (reply.status_code, reply.json["status_code"]) == (404, 2000)
    assert call.client.get("/ocpi", headers=call.headers).status_code == 404


def test_slashes_too_many_or_too_few(call: Caller) -> None:
    call("PUT", PLACE, location("A"))
    for path in ("locations//BE/BEC/A", "locations/BE/BEC/A/", "/locations/BE//BEC/A//"):
        assert call("GET", path)["id"] == "A"


def test_a_body_that_is_too_long(call: Caller) -> None:
    call("PUT", PLACE, b" " * (1024 * 1024 + 1), code=2000, status=413)
    reply = call.client.put(
        f"/ocpi/2.2.1/{PLACE}",
        input_stream=iter_bytes(2 * 1024 * 1024),
        headers=call.headers | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (reply.status_code, reply.json["status_code"]) == (413, 2000)


def iter_bytes(count: int) -> Any:
    return io.BytesIO(b" " * count)


def test_answers_carry_the_ids_and_the_way_back(call: Caller) -> None:
    sent = {"X-Request-ID": "r1", "X-Correlation-ID": "c1", "OCPI-from-party-id": "BEC", "OCPI-to-party-id": "KWT"}
    reply = call.client.get("/ocpi/versions", headers=call.headers | sent)
    assert (reply.headers["X-Request-ID"], reply.headers["X-Correlation-ID"]) == ("r1", "c1")
    assert (reply.headers["OCPI-from-party-id"], reply.headers["OCPI-to-party-id"]) == ("KWT", "BEC")


def test_a_failure_of_ours_says_so_in_the_envelope(ours: OurSide, call: Caller) -> None:
    ours.database.engine.dispose()
    with ours.database.engine.begin() as db:
        db.exec_driver_sql("DROP TABLE partner_objects")
    call("PUT", PLACE, changed(location("A")), code=3000, status=500)
