"""Open Charge Map live: all of it, then only what changed, at the pace its owners ask for."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.openchargemap.supplier import OcmConfig, OcmSupplier
from core.errors import SupplierUnavailable
from core.ports import CanBePinged, CarriesTariffs, ListsChanges, ListsStations
from core.station import Station
from tests.adapters.openchargemap.test_importer import poi
from tests.adapters.registers.publisher import Server, body
from tests.world import SetClock

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


class Ocm(Server):
    """Serves records by ascending id, only those changed since, when asked so."""

    def __init__(self) -> None:
        super().__init__()
        self.records = [poi(ID=n, DateLastStatusUpdate=f"2026-11-{n:02d}T00:00:00Z") for n in (3, 5, 22)]
        self.answers["/v3/poi"] = self._poi

    def _poi(self, request: http.server.BaseHTTPRequestHandler) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        found: list[dict[str, Any]] = [one for one in self.records if one["ID"] > int(query["greaterthanid"])]
        since = query.get("modifiedsince", "")
        found = [one for one in found if one["DateLastStatusUpdate"] >= since]
        body(json.dumps(found[: min(2, int(query["maxresults"]))]).encode())(request)

    def queries(self) -> list[dict[str, list[str]]]:
        return [parse_qs(urlsplit(path).query) for path, _ in self.asked]


@pytest.fixture
def server() -> Iterator[Ocm]:
    running = Ocm()
    yield running
    running.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def ocm(server: Ocm, clock: SetClock, pauses: list[float]) -> OcmSupplier:
    config = OcmConfig("ocm-gb", "not-a-real-key", ("GB", "IE"), server.url)
    return OcmSupplier(config, clock, pause=pauses.append)


def ids(found: Iterator[object]) -> list[str]:
    return [one.external_id for one in found if isinstance(one, Station)]


def test_it_keeps_its_promises(ocm: OcmSupplier) -> None:
    for promise in (ListsStations, ListsChanges, CarriesTariffs, CanBePinged):
        assert isinstance(ocm, promise)
    assert ocm.supplier.id == "ocm-gb"
    ocm.ping()


def test_all_of_it_with_a_pause_between_pages(ocm: OcmSupplier, server: Ocm, pauses: list[float]) -> None:
    assert ids(ocm.stations()) == ["3", "5", "22"]
    assert pauses == [1.0, 1.0]
    assert all(query["countrycode"] == ["GB,IE"] for query in server.queries())
    assert all(headers["x-api-key"] == "not-a-real-key" for _, headers in server.asked)
    assert not any("not-a-real-key" in path for path, _ in server.asked)


def test_the_second_list_is_a_fresh_one(ocm: OcmSupplier, server: Ocm) -> None:
    assert len(ids(ocm.stations())) == 3
    server.records.append(poi(ID=30, DateLastStatusUpdate="2026-11-23T00:00:00Z"))
    assert len(ids(ocm.stations())) == 4


def test_only_what_changed_with_an_overlap(ocm: OcmSupplier, server: Ocm) -> None:
    assert ids(ocm.changes(datetime(2026, 11, 22, 0, 10, tzinfo=UTC))) == ["22"]
    assert server.queries()[0]["modifiedsince"] == ["2026-11-21T23:55:00Z"]


def test_changes_are_not_asked_for_too_often(ocm: OcmSupplier, server: Ocm, clock: SetClock) -> None:
    since = NOW - timedelta(days=30)
    assert len(ids(ocm.changes(since))) == 3
    asked = len(server.asked)
    clock.advance(minutes=14)
    assert ids(ocm.changes(since)) == []
    assert len(server.asked) == asked
    clock.advance(minutes=1)
    assert len(ids(ocm.changes(since))) == 3


def test_a_refusal_is_an_outage_without_the_key(ocm: OcmSupplier, server: Ocm) -> None:
    server.answers["/v3/poi"] = lambda request: request.send_error(403)
    for ask in (ocm.ping, lambda: list(ocm.stations()), lambda: list(ocm.changes(NOW))):
        with pytest.raises(SupplierUnavailable) as trouble:
            ask()
        assert "not-a-real-key" not in str(trouble.value)


@pytest.mark.parametrize(("countries", "url"), [(("GBR",), "https://x.example"), ((), "ftp://x.example")])
def test_impossible_blocks(countries: tuple[str, ...], url: str) -> None:
    with pytest.raises(ValueError, match=r"two-letter|http"):
        OcmConfig("ocm", "", countries, url)


def test_the_key_is_not_in_the_text_of_the_block() -> None:
    assert "not-a-real-key" not in repr(OcmConfig("ocm", "not-a-real-key"))
