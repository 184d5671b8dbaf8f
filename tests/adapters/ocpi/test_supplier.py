"""What an OCPI partner promises as a supplier, read over HTTP from a partner that may lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.ocpi.sessions import gun_of
from adapters.ocpi.supplier import OcpiSupplier
from core.charging import ChargeRecord, ChargingState, Outcome
from core.errors import SupplierUnavailable
from core.geo import Point
from core.ports import (
    CanBePinged,
    CarriesTariffs,
    ListsChanges,
    ListsRecords,
    ListsStations,
    ReportsStatus,
    StartsCharging,
)
from core.services.catalogue import CatalogueService
from core.station import ConnectorRef, ConnectorStatus, Rejected, Station, StatusReport
from core.tariff import Dimension
from storage.redis_stream import NoChangeStream
from tests.adapters.ocpi.conftest import Caller, OurSide
from tests.adapters.ocpi.partner import NOON, PARTY, ScriptedCpo, changed, connector, evse, location, stamp, tariff
from tests.contracts.supplier import PingContract, StationListContract

GUN = ConnectorRef("BEBEC", "BE*BEC*EA-1")


def session(number: str, status: str, **more: object) -> dict:
    base = {"id": number, "status": status, "kwh": 3.5, "start_date_time": stamp(), "last_updated": stamp()}
    place = {"location_id": "A", "evse_uid": "A-1", "connector_id": "1", "currency": "EUR"}
    return PARTY | base | place | more


class Truth:
    """The partner's own books, for the contracts."""

    def __init__(self, cpo: ScriptedCpo) -> None:
        self.cpo = cpo

    def guns(self) -> dict[str, set[ConnectorRef]]:
        return {
            f"BEBEC:{place['id']}": {ConnectorRef("BEBEC", one["evse_id"]) for one in place["evses"]}
            for place in self.cpo.lists["locations"]
        }

    def point(self, external_id: str) -> Point:
        return Point(51.054, 3.721)

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.cpo.silent = True
        try:
            yield
        finally:
            self.cpo.silent = False


@pytest.fixture
def other_side(cpo: ScriptedCpo, supplier: OcpiSupplier) -> Truth:
    cpo.lists["locations"] = [location(f"P{n}") for n in range(7)]
    cpo.most_rows = 3
    return Truth(cpo)


class TestTheContract(StationListContract, PingContract):
    pass


def stations(supplier: OcpiSupplier) -> tuple[list[Station], list[Rejected]]:
    items = list(supplier.stations())
    good = [one for one in items if isinstance(one, Station)]
    return good, [one for one in items if isinstance(one, Rejected)]


def load(ours: OurSide, supplier: OcpiSupplier) -> None:
    CatalogueService(ours.database, NoChangeStream(), ours.clock).load(supplier, doubt_shrinking=False)


def states(supplier: OcpiSupplier, *external_ids: str) -> list[ConnectorStatus]:
    return [one.status for one in supplier.statuses(external_ids) if isinstance(one, StatusReport)]


# --- reading --------------------------------------------------------------------------------------------------


def test_it_is_asked_for_what_it_can(supplier: OcpiSupplier) -> None:
    for port in (
        ListsStations,
        ListsChanges,
        CarriesTariffs,
        ReportsStatus,
        StartsCharging,
        ListsRecords,
        CanBePinged,
    ):
        assert isinstance(supplier, port)


def test_one_bad_evse_loses_neither_the_location_nor_the_page(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    bad = location("BAD", evses=[evse("1"), "no object", evse("2", connectors="none"), evse("1"), evse("3")])
    cpo.lists["locations"] = [location("A"), bad, "nonsense", {"name": "no id"}, location("B")]
    good, refused = stations(supplier)
    assert [one.external_id for one in good] == ["BEBEC:A", "BEBEC:BAD", "BEBEC:B"]
    assert [gun.ref.connector_id for gun in good[1].connectors] == ["BE*BEC*E1", "BE*BEC*E3"]
    assert sorted(one.reason for one in refused) == [
        "duplicate_id",
        "missing_id",
        "missing_id",
        "unreadable",
        "unreadable",
    ]
    assert all(one.raw for one in refused)


def test_a_location_that_cannot_be_used_is_refused_alone(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    nowhere = location("N", coordinates={"latitude": "0", "longitude": "0"})
    gone = location("G", evses=[evse("1", status="REMOVED")])
    cpo.lists["locations"] = [nowhere, location("X", coordinates=None), gone, location("A")]
    good, refused = stations(supplier)
    assert [one.external_id for one in good] == ["BEBEC:A"]
    assert [(one.external_id, one.reason) for one in refused] == [
        ("BEBEC:N", "bad_coordinates"),
        ("BEBEC:X", "unreadable"),
    ]


def test_prices_come_with_the_stations(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["tariffs"] = [tariff("night", 0.40)]  # ids are compared without case
    cpo.lists["locations"] = [location("A")]
    good, _ = stations(supplier)
    found = supplier.tariffs()[str(good[0].connectors[0].tariff_id)]
    assert found.prices_at(NOON)[Dimension.ENERGY].price == Decimal("0.484")
    assert good[0].connectors[0].price_seen_at == NOON


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"status_code": 3000, "data": [], "timestamp": "2026-11-23T12:00:00Z"}', 200),
        (b'{"detail": "Not authenticated"}', 200),
        (b'{"data": [{"id": "A", ', 200),
        (b"Internal Server Error", 200),
        (b'{"detail": [{"loc": ["query"]}]}', 422),
        (b"[]", 200),
        (b"\xff\xfe", 200),
    ],
)
def test_what_is_no_answer_is_not_an_empty_list(
    cpo: ScriptedCpo, supplier: OcpiSupplier, body: bytes, status: int
) -> None:
    cpo.raw_body, cpo.status = body, status
    with pytest.raises(SupplierUnavailable):
        list(supplier.stations())


def test_a_list_that_breaks_off_is_an_error(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["locations"], cpo.most_rows = [location(f"P{n}") for n in range(6)], 2

    def breaks_off() -> None:
        cpo.silent = cpo.asked.count(("GET", "locations")) >= 2

    cpo.before_answer = breaks_off
    read = []
    with pytest.raises(SupplierUnavailable):
        read.extend(supplier.stations())
    assert ours_newest(supplier) is None


def ours_newest(supplier: OcpiSupplier) -> object:
    known = supplier.house.partners.get("cpo")
    assert known is not None
    return known.connection.newest_pulled


def test_states_come_by_a_delta_that_overlaps(ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["locations"] = [location("A"), location("B")]
    load(ours, supplier)
    ours.clock.advance(minutes=5)
    late = changed(location("B"), last_updated=stamp(-65))  # dated before the newest we have seen
    late["evses"][0] |= {"status": "OUTOFORDER"}
    cpo.lists["locations"] = [location("A"), late]
    # Nothing stands behind B's older date but our overlap; it is older than what we hold, so it changes nothing.
    assert states(supplier, "BEBEC:B") == [ConnectorStatus.FREE, ConnectorStatus.CHARGING]
    late["last_updated"] = stamp(2)
    assert states(supplier, "BEBEC:B", "BEBEC:A") == [
        ConnectorStatus.FREE,
        ConnectorStatus.CHARGING,
        ConnectorStatus.FAULT,
        ConnectorStatus.CHARGING,
    ]
    reports = list(supplier.statuses(["BEBEC:A"]))
    assert all(isinstance(one, StatusReport) and one.at == ours.clock.now() for one in reports)
    assert list(supplier.statuses([])) == []
    assert list(supplier.statuses(["BEBEC:NOWHERE"])) == []


def test_a_push_that_overtook_the_list_stands(ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["locations"] = [location("A")]
    load(ours, supplier)
    pushed = changed(location("A"), name="New name", last_updated=stamp(1))
    supplier.holding.take("locations", {"BEBEC:A": pushed})
    ours.clock.advance(minutes=2)
    good, _ = stations(supplier)
    assert [one.name for one in good] == ["New name"]


def test_changes_since(ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["locations"] = [location("OLD", last_updated=stamp(-500)), location("NEW")]
    assert [one.external_id for one in supplier.changes(NOON - timedelta(hours=2))] == ["BEBEC:NEW"]


def test_changes_bring_the_tariffs_of_all_their_pages(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["tariffs"] = [tariff("A", 0.40), tariff("B", 0.50)]
    cpo.lists["locations"] = [
        location(name, evses=[evse(name, connectors=[connector(tariff_ids=[name])])]) for name in ("A", "B")
    ]
    cpo.most_rows = 1
    found = [one for one in supplier.changes(NOON - timedelta(hours=2)) if isinstance(one, Station)]
    assert {one.connectors[0].tariff_id for one in found} == set(supplier.tariffs())
    assert len(supplier.tariffs()) == 2


def test_a_push_does_not_hide_a_change_we_were_never_told(
    ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier
) -> None:
    cpo.lists["locations"] = [location("A"), location("B")]
    load(ours, supplier)
    cpo.lists["locations"][1] = changed(location("B"), name="Unsaid", last_updated=stamp(-50))
    states(supplier, "BEBEC:B")  # a pull of states says nothing of names
    # The newest change in the catalogue is a push of a later moment.
    assert [getattr(one, "name", "") for one in supplier.changes(NOON)] == ["Place A", "Unsaid"]


def test_a_location_that_a_push_spoke_of_is_asked_for(
    ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier
) -> None:
    cpo.lists["locations"] = [location("Old", last_updated=stamp(-900))]
    caller = Caller(ours.web.test_client())
    for name in ("Old", "Nowhere"):
        change = {"status": "CHARGING", "last_updated": stamp()}
        caller("PATCH", f"locations/BE/BEC/{name}/{name}-1", change, code=2003, status=404)
    assert [getattr(one, "external_id", one) for one in supplier.changes(NOON)] == ["BEBEC:OLD"]
    assert list(supplier.changes(NOON)) == []  # once is enough


def test_one_station(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cpo.lists["locations"] = [location("A")]
    for cpo.wraps in (False, True):
        found = supplier.location("a")
        assert isinstance(found, Station)
        assert found.external_id == "BEBEC:A"
    with pytest.raises(SupplierUnavailable):
        supplier.location("B")


def test_a_station_of_ours_is_asked_for_by_our_own_name_for_it(cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    unknown = supplier.station("BEBEC:A")
    assert isinstance(unknown, Rejected)
    assert unknown.reason == "removed"
    cpo.lists["locations"] = [location("A")]
    assert [one.external_id for one in supplier.stations() if isinstance(one, Station)] == ["BEBEC:A"]
    found = supplier.station("BEBEC:A")
    assert isinstance(found, Station)
    assert found.external_id == "BEBEC:A"


def test_records(ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier) -> None:
    cdr = {
        "id": "C1",
        "start_date_time": stamp(-60),
        "end_date_time": stamp(-5),
        "cdr_token": {"uid": "somebody"},
        "cdr_location": {"id": "A", "evse_uid": "A-1", "evse_id": "BE*BEC*EA-1", "connector_id": "1"},
        "currency": "EUR",
        "total_cost": {"excl_vat": 10, "incl_vat": 12.10},
        "total_energy": 20.5,
        "last_updated": stamp(),
    }
    credit = cdr | {"id": "C2", "credit": True, "credit_reference_id": "C1", "total_cost": {"excl_vat": -10}}
    cpo.lists["cdrs"] = [PARTY | cdr, PARTY | credit, PARTY | cdr | {"id": "C3", "total_energy": None}]
    first, second, refused = supplier.records(NOON - timedelta(days=1))
    assert isinstance(first, ChargeRecord)
    assert (first.total_cost, first.energy_kwh, first.start_seq) == (Decimal("12.1"), Decimal("20.5"), "")
    assert first.ref == GUN
    assert isinstance(second, ChargeRecord)
    assert (second.credit_of, second.total_cost) == ("C1", Decimal(-10))
    assert isinstance(refused, Rejected)
    assert "total_energy" in refused.detail


# --- charging -------------------------------------------------------------------------------------------------


def test_a_start_that_never_left_us_is_free_to_be_tried_again(
    ours: OurSide, cpo: ScriptedCpo, loaded: OcpiSupplier
) -> None:
    cpo.endpoints_elsewhere = {"commands": "http://127.0.0.1:1/commands"}
    reply = ours.registered(cpo).start(GUN, start_seq="SEQ-1")
    assert (reply.outcome, reply.reason) == (Outcome.UNKNOWN, "not_sent")
    cpo.endpoints_elsewhere = {}
    assert ours.registered(cpo).start(GUN, start_seq="SEQ-1").outcome is Outcome.ACCEPTED
    assert len(cpo.posted) == 1


def test_nobody_registered_is_asked(ours: OurSide) -> None:
    reply = ours.supplier.start(GUN, start_seq="SEQ-1")
    assert (reply.outcome, reply.reason) == (Outcome.UNKNOWN, "not_sent")
    with pytest.raises(SupplierUnavailable, match="not registered"):
        ours.supplier.ping()


@pytest.fixture
def loaded(ours: OurSide, cpo: ScriptedCpo, supplier: OcpiSupplier) -> OcpiSupplier:
    cpo.lists["locations"] = [
        location("A", evses=[evse("A-1"), evse("A-2", connectors=[connector(1), connector(2)])])
    ]
    load(ours, supplier)
    return supplier


def test_what_a_start_says(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    second_plug = ConnectorRef("BEBEC", "BE*BEC*EA-2:2")
    assert loaded.start(second_plug, start_seq="SEQ-1").outcome is Outcome.ACCEPTED
    path, body = cpo.posted[0]
    assert path == "commands/START_SESSION"
    assert (body["location_id"], body["evse_uid"], body["connector_id"]) == ("A", "A-2", "2")
    assert body["token"]["uid"] == body["authorization_reference"] == "SEQ-1"
    assert (body["token"]["type"], body["token"]["country_code"], body["token"]["party_id"]) == (
        "APP_USER",
        "DE",
        "KWT",
    )
    assert body["response_url"].startswith(f"{loaded.house.public_url}/ocpi/2.2.1/commands/START_SESSION/")


def test_the_same_number_starts_once(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    first = loaded.start(GUN, start_seq="SEQ-1")
    assert loaded.start(GUN, start_seq="SEQ-1") == loaded.start(GUN, start_seq="seq-1") == first
    assert len(cpo.posted) == 1
    loaded.start(GUN, start_seq="SEQ-2")
    addresses = {body["response_url"] for _, body in cpo.posted}
    assert len(addresses) == 2


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ({"result": "REJECTED"}, Outcome.REJECTED, "other"),
        ({"result": "NOT_SUPPORTED"}, Outcome.REJECTED, "other"),
        ({"result": "EVSE_OCCUPIED"}, Outcome.REJECTED, "gun_busy"),
        ({"result": "TIMEOUT"}, Outcome.UNKNOWN, ""),
        ({"result": "SOMETHING_NEW"}, Outcome.UNKNOWN, ""),
        ({}, Outcome.UNKNOWN, ""),
        (None, Outcome.UNKNOWN, ""),
    ],
)
def test_answers_to_a_start(
    cpo: ScriptedCpo, loaded: OcpiSupplier, answer: object, outcome: Outcome, reason: str
) -> None:
    cpo.command_answer = answer
    reply = loaded.start(GUN, start_seq="SEQ-1")
    assert (reply.outcome, reply.reason) == (outcome, reason)


def test_a_command_answer_in_a_list(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    cpo.wraps = True
    assert loaded.start(GUN, start_seq="SEQ-1").outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("code", "status", "outcome", "reason"),
    [
        (2003, 200, Outcome.REJECTED, "no_such_gun"),
        (2001, 400, Outcome.REJECTED, "other"),
        (3000, 200, Outcome.UNKNOWN, ""),
        (1000, 503, Outcome.UNKNOWN, ""),
    ],
)
def test_failures_of_a_start(
    cpo: ScriptedCpo, loaded: OcpiSupplier, code: int, status: int, outcome: Outcome, reason: str
) -> None:
    cpo.code, cpo.status = code, status
    reply = loaded.start(GUN, start_seq="SEQ-1")
    assert (reply.outcome, reply.reason) == (outcome, reason)
    # Whatever it was, it is not sent twice.
    loaded.start(GUN, start_seq="SEQ-1")
    assert len(cpo.posted) == 1


def test_half_an_answer_to_a_start_is_unknown(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    cpo.raw_body = b'{"data": {"result": "ACC'
    assert loaded.start(GUN, start_seq="SEQ-1").outcome is Outcome.UNKNOWN
    assert loaded.start(GUN, start_seq="SEQ-1").outcome is Outcome.UNKNOWN


def test_a_gun_we_do_not_know_is_not_asked_for(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    reply = loaded.start(ConnectorRef("BEBEC", "BE*BEC*NOWHERE"), start_seq="SEQ-1")
    assert (reply.outcome, reply.reason, cpo.posted) == (Outcome.REJECTED, "no_such_gun", [])


def test_commands_that_are_not_listed_are_beside_the_others(ours: OurSide, cpo: ScriptedCpo) -> None:
    listed = cpo.details()
    listed["endpoints"] = [one for one in listed["endpoints"] if one["identifier"] != "commands"]
    cpo.details = lambda: listed  # type: ignore[method-assign]
    supplier = ours.registered(cpo)
    cpo.lists["locations"] = [location("A")]
    load(ours, supplier)
    assert supplier.start(GUN, start_seq="SEQ-1").outcome is Outcome.ACCEPTED


def test_a_session_is_found_by_what_it_names(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    assert loaded.session("SEQ-1") is None
    loaded.start(GUN, start_seq="SEQ-1")
    assert loaded.session("SEQ-1") is None
    others = session("S0", "ACTIVE", cdr_token={"uid": "somebody"})
    for mark in ({"authorization_reference": "seq-1"}, {"cdr_token": {"uid": "SEQ-1"}}, {"auth_id": "Seq-1"}):
        ours = session("S1", "ACTIVE", **mark, total_cost={"excl_vat": 1, "incl_vat": 1.21})
        cpo.lists["sessions"] = [others, ours]
        found = loaded.session("SEQ-1")
        assert found is not None
        assert (found.start_seq, found.ref, found.state) == ("SEQ-1", GUN, ChargingState.CHARGING)
        assert (found.supplier_session_id, found.cost, found.energy_kwh) == ("S1", Decimal("1.21"), Decimal("3.5"))


def test_stopping(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    assert loaded.stop(GUN, start_seq="SEQ-1").reason == "no_such_session"
    loaded.start(GUN, start_seq="SEQ-1")
    cpo.lists["sessions"] = [session("S1", "ACTIVE", authorization_reference="SEQ-1")]
    assert loaded.stop(GUN, start_seq="SEQ-1").outcome is Outcome.ACCEPTED
    path, body = cpo.posted[-1]
    assert (path, body["session_id"]) == ("commands/STOP_SESSION", "S1")
    cpo.command_answer = {"result": "UNKNOWN_SESSION"}
    assert loaded.stop(GUN, start_seq="SEQ-1").reason == "no_such_session"
    cpo.lists["sessions"] = [session("S1", "COMPLETED", authorization_reference="SEQ-1", last_updated=stamp(9))]
    loaded.session("SEQ-1")
    assert loaded.stop(GUN, start_seq="SEQ-1").reason == "already_ended"


def test_silence_at_a_stop_is_unknown(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    loaded.start(GUN, start_seq="SEQ-1")
    cpo.silent = True
    assert loaded.stop(GUN, start_seq="SEQ-1").outcome is Outcome.UNKNOWN
    with pytest.raises(SupplierUnavailable):
        loaded.session("SEQ-1")


def test_a_token_is_told_in_advance(cpo: ScriptedCpo, loaded: OcpiSupplier) -> None:
    loaded.push_token("SEQ-1")
    path, body = cpo.posted[0]
    assert (path, body["uid"], body["valid"]) == ("tokens/DE/KWT/SEQ-1", "SEQ-1", True)


def test_the_gun_of_a_session_at_a_place_we_do_not_hold() -> None:
    assert gun_of(None, "BEBEC:X", "BEBEC", "U1", "1") == ConnectorRef("BEBEC", "BEBEC:X:U1")
    assert gun_of(None, "BEBEC:X", "BEBEC", "U1", "1", "BE*BEC*E9") == ConnectorRef("BEBEC", "BE*BEC*E9")
