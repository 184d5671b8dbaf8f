"""Many calls at the same moment, on both databases: nothing is lost, nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.charging import Outcome
from core.services.catalogue import CatalogueService
from core.station import ConnectorRef
from storage.redis_stream import NoChangeStream
from tests.adapters.ocpi.conftest import Caller, OurSide, our_side
from tests.adapters.ocpi.partner import ScriptedCpo, evse, location, stamp

EVSES = 8


@pytest.fixture
def ours(database_url: str) -> Iterator[OurSide]:
    with our_side(database_url) as one:
        yield one


def test_parts_of_one_location_changed_at_once(ours: OurSide) -> None:
    ours.knows()
    caller = Caller(ours.web.test_client())
    caller("PUT", "locations/BE/BEC/A", location("A", evses=[evse(str(n)) for n in range(EVSES)]))

    def change(number: int) -> None:
        for minute in (1, 2, 3):
            body = {"floor_level": f"{minute}", "last_updated": stamp(minute)}
            Caller(ours.web.test_client())("PATCH", f"locations/BE/BEC/A/{number}", body)

    with ThreadPoolExecutor(EVSES) as pool:
        list(pool.map(change, range(EVSES)))
    held = caller("GET", "locations/BE/BEC/A")
    assert [one["floor_level"] for one in held["evses"]] == ["3"] * EVSES
    assert held["last_updated"] == stamp(3)


def test_one_number_started_by_many_at_once(ours: OurSide, cpo: ScriptedCpo) -> None:
    supplier = ours.registered(cpo)
    cpo.lists["locations"] = [location("A")]
    CatalogueService(ours.database, NoChangeStream(), ours.clock).load(supplier, doubt_shrinking=False)

    def start(_: int) -> Outcome:
        return supplier.start(ConnectorRef("BEBEC", "BE*BEC*EA-1"), start_seq="SEQ-1").outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(start, range(6)))
    assert len(cpo.posted) == 1
    # Who asks before the partner has answered is not told yes.
    assert outcomes.count(Outcome.ACCEPTED) >= 1
    assert set(outcomes) <= {Outcome.ACCEPTED, Outcome.UNKNOWN}


def test_the_same_record_from_many_at_once(ours: OurSide) -> None:
    ours.knows()
    cdr = {"country_code": "BE", "party_id": "BEC", "id": "C1", "currency": "EUR", "last_updated": stamp()}
    cdr |= {"start_date_time": stamp(-60), "end_date_time": stamp(-5), "total_energy": 10}
    cdr |= {"total_cost": {"excl_vat": 4, "incl_vat": 5}, "cdr_location": {"id": "A", "evse_id": "BE*BEC*EA-1"}}

    def post(_: int) -> int:
        reply = ours.web.test_client().post(
            "/ocpi/2.2.1/cdrs", json=cdr, headers=Caller(ours.web.test_client()).headers
        )
        return reply.status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(post, range(6)))
    assert statuses == [200] * 5 + [201]
