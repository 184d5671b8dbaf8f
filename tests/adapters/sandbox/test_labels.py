"""The sandbox's labels: what is printed is read again by our own decoder, and names the very gun."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import numpy as np
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from adapters.qr import read_codes
from adapters.sandbox import city, keys, labels
from adapters.sandbox.books import Books
from adapters.sandbox.city import Gun, Place
from adapters.sandbox.life import Bay, GunState, Status
from adapters.sandbox.ocpi_objects import COUNTRY, PARTY, evse_id
from adapters.sandbox.operator import Operator
from core.guncode import names_gun, parse
from core.station import ConnectorRef
from tests.adapters.sandbox.process import SandboxProcess

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
FORMS = sorted(labels.FORMS)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(city.build(), Books(tmp_path_factory.mktemp("labels") / "books.sqlite"), lambda: NOON)


@pytest.fixture(scope="module")
def client(operator: Operator) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(labels.blueprint(operator))
    return app.test_client()


@pytest.fixture
def place(operator: Operator) -> Place:
    return operator.city.places[0]


@pytest.fixture
def gun(place: Place) -> Gun:
    return next(place.guns)


def drawn(svg: str) -> bytes:
    """The picture that a browser makes of one of our codes: every run of dark modules as it is told."""
    size = int(re.search(r'viewBox="0 0 (\d+)', svg)[1])  # type: ignore[index]  # the test fails without it
    picture = np.full((size, size), 255, np.uint8)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1H\1z", svg):
        picture[int(y), int(x) : int(x) + int(width)] = 0
    file = io.BytesIO()
    Image.fromarray(picture.repeat(8, 0).repeat(8, 1)).save(file, "PNG")
    return file.getvalue()


def test_a_gun_that_nobody_can_plug_in_is_not_called_free_alone(
    client: FlaskClient, operator: Operator, place: Place, gun: Gun
) -> None:
    operator.set_state(gun.id, GunState(Status.FREE, Bay.TAKEN), seconds=60)
    first = client.get(f"/labels/{place.id}").get_data(as_text=True).split("</section>")[0]
    assert "bay blocked" in first
    assert "· free</b>" not in first


@pytest.mark.parametrize("form", FORMS)
def test_what_is_printed_and_what_is_downloaded_name_the_gun(
    client: FlaskClient, place: Place, gun: Gun, form: str
) -> None:
    page = client.get(f"/labels/{place.id}?form={form}").get_data(as_text=True)
    picture = client.get(f"/labels/{gun.id}.png?form={form}")
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    (text,) = read_codes(picture.data)
    assert read_codes(drawn(page[page.index("<svg") :].partition("</svg>")[0])) == [text]
    ours = ConnectorRef(keys.OPERATOR_ID, gun.id)
    theirs = ConnectorRef(f"{COUNTRY}{PARTY}", f"{evse_id(gun)}:1")
    assert names_gun(parse(text), ours if form == "cec" else theirs)


def test_a_station_has_a_label_for_each_gun_with_its_last_four_set_off(client: FlaskClient, place: Place) -> None:
    page = client.get(f"/labels/{place.id}").get_data(as_text=True)
    assert page.count("<svg") == len(list(place.guns))
    for gun in place.guns:
        assert f"{gun.id[:-4]}<b>{gun.id[-4:]}</b>" in page
        assert f'href="/labels/{gun.id}.png?form=cec"' in page
        assert gun.label in page
    assert "Sandbox Charging" in page


def test_stations_are_found_by_their_name(client: FlaskClient, place: Place) -> None:
    found = client.get("/labels", query_string={"q": place.name[-6:]}).get_data(as_text=True)
    assert f'href="/labels/{place.id}?form=cec"' in found
    nothing = client.get("/labels", query_string={"q": '"><script>alert(1)</script>'}).get_data(as_text=True)
    assert "/labels/" not in nothing
    assert "<script>" not in nothing


@pytest.mark.parametrize("path", ["/labels/nosuch", "/labels/nosuch.png", "/labels?form=other"])
def test_what_is_not_there_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.process
def test_the_server_has_them(sandbox: SandboxProcess) -> None:
    found = requests.get(f"{sandbox.url}/labels", timeout=10).text
    path = re.search(r'href="(/labels/\d+)', found)[1]  # type: ignore[index]  # the test fails without it
    assert "<svg" in requests.get(sandbox.url + path, timeout=10).text
