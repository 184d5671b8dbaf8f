"""Typed places against a server that speaks Nominatim's interface over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.geocoder import NominatimGeocoder
from core.errors import SupplierUnavailable
from core.geo import Point

PLACES = {
    "Alexanderplatz": {"display_name": "Alexanderplatz, Berlin", "lat": "52.5219", "lon": "13.4132"},
    "Atlantis": {"display_name": "Atlantis", "lat": "999", "lon": "0"},
}


class Nominatim(ThreadingHTTPServer):
    asked: list[dict[str, list[str]]]
    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Nominatim

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.server.asked.append(query | {"agent": [self.headers["User-Agent"]]})
        place = PLACES.get(query["q"][0])
        body = json.dumps([place] if place else []).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def nominatim() -> Iterator[Nominatim]:
    server = Nominatim(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def geocoder(server: Nominatim) -> NominatimGeocoder:
    return NominatimGeocoder(f"http://127.0.0.1:{server.server_address[1]}")


def test_a_place_is_found_in_the_drivers_language(nominatim: Nominatim) -> None:
    place = geocoder(nominatim).find("Alexanderplatz", "de")
    assert place is not None
    assert (place.name, place.point) == ("Alexanderplatz, Berlin", Point(52.5219, 13.4132))
    assert nominatim.asked[0]["accept-language"] == ["de"]
    assert nominatim.asked[0]["agent"][0].startswith("kilowatch")


def test_answers_are_remembered(nominatim: Nominatim) -> None:
    ours = geocoder(nominatim)
    for text in ("Alexanderplatz", "Alexanderplatz"):
        ours.find(text, "en")
    assert len(nominatim.asked) == 1


def test_unknown_and_impossible_places_are_none(nominatim: Nominatim) -> None:
    assert geocoder(nominatim).find("Nowhere at all", "en") is None
    assert geocoder(nominatim).find("Atlantis", "en") is None


def test_a_failing_server_is_our_trouble_and_keeps_the_text_private(nominatim: Nominatim) -> None:
    nominatim.status = 500
    with pytest.raises(SupplierUnavailable) as trouble:
        geocoder(nominatim).find("my home street 7", "en")
    assert "my home street" not in str(trouble.value)
