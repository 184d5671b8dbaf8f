"""The API over HTTP: paging by id, the key, and what happens when it breaks off."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import SupplierUnavailable
from tests.adapters.openchargemap.test_importer import poi
from tests.adapters.registers.publisher import Server, body
from tests.adapters.registers.reading import read

KEY = "not-a-real-key"


class OcmServer(Server):
    """Serves records by ascending id, fewer at a time than it is asked for."""

    def __init__(self, records: list[dict[str, Any]], page: int = 2) -> None:
        super().__init__()
        self._records, self._page = records, page
        self.answers["/v3/poi"] = self._poi

    def _poi(self, request: http.server.BaseHTTPRequestHandler) -> None:
        after = int(parse_qs(urlsplit(request.path).query)["greaterthanid"][0])
        newer = [one for one in self._records if one["ID"] > after]
        body(json.dumps(newer[: self._page]).encode())(request)


@pytest.fixture
def server() -> Iterator[OcmServer]:
    running = OcmServer([poi(ID=number) for number in (3, 5, 8, 13, 21)])
    yield running
    running.close()


def test_all_pages_once(server: OcmServer) -> None:
    found = read("ocm", f"{server.url}/v3/poi?countrycode=GB", api_key=KEY)
    assert [one.external_id for one in found.stations] == ["3", "5", "8", "13", "21"]
    assert found.rejected == []
    queries = [parse_qs(urlsplit(path).query) for path, _ in server.asked]
    # Two passes over the data, one over the network.
    assert [query["greaterthanid"] for query in queries] == [["0"], ["5"], ["13"], ["21"]]
    assert {query["countrycode"][0] for query in queries} == {"GB"}
    assert {query["opendata"][0] for query in queries} == {"true"}
    assert all(int(query["maxresults"][0]) > 0 for query in queries)
    assert all(headers["user-agent"].startswith("Kilowatch/") for _, headers in server.asked)


def test_the_key_is_in_a_header_and_nowhere_else(server: OcmServer) -> None:
    read("ocm", f"{server.url}/v3/poi?key={KEY}")
    assert all(headers["x-api-key"] == KEY for _, headers in server.asked)
    assert not any(KEY in path for path, _ in server.asked)


def test_a_refusal_does_not_show_the_key(server: OcmServer) -> None:
    server.answers["/v3/poi"] = lambda request: request.send_error(403)
    with pytest.raises(SupplierUnavailable, match="HTTP 403") as error:
        read("ocm", f"{server.url}/v3/poi", api_key=KEY)
    assert KEY not in str(error.value)


def test_an_answer_that_is_no_list(server: OcmServer) -> None:
    server.answers["/v3/poi"] = body(b'{"error": "no"}')
    with pytest.raises(SupplierUnavailable, match="not a list"):
        read("ocm", f"{server.url}/v3/poi", api_key=KEY)


def test_a_file_at_an_address_is_a_file(server: OcmServer) -> None:
    server.answers["/mirror/poi.json"] = body(json.dumps([poi()]).encode())
    assert read("ocm", f"{server.url}/mirror/poi.json", api_key=KEY).only.external_id == "42"
    assert "x-api-key" not in server.asked[0][1]
