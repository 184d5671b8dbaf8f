"""The page without a script: what the first answer holds, that supplier text stays text, and both languages."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

import web
from bots.miniapp import strings
from bots.miniapp.assets import assets
from bots.miniapp.tiles import Tiles, read_tiles
from core.errors import ConfigurationError
from core.geo import Datum
from core.station import Station
from tests.bots.miniapp.served import HOSTILE, equip
from tests.world import World

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Reader(HTMLParser):
    """The elements and the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.hidden = tag if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def read(client: FlaskClient, path: str, status: int = 200, **headers: str) -> tuple[Reader, str]:
    answer = client.get(path, headers=HTML | headers)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    reader = Reader()
    reader.feed(source := answer.get_data(as_text=True))
    return reader, source


def test_the_first_answer_holds_the_list(client: FlaskClient, city: dict[str, Station]):
    page, _ = read(client, "/?lat=22.5410&lng=114.0580&lang=en&sort=price")
    assert "Bagualing Depot" in page.text
    assert "¥27.60 for 30 kWh" in page.text
    assert "Testing Power, open data" in page.text
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert f"/?station={city['Bagualing Depot'].id}&lang=en" in links
    assert any(link and link.startswith("/?") and "cursor=" in link and "sort=price" in link for link in links)


def test_the_form_without_a_script_starts_from_what_was_asked(client: FlaskClient, city: dict[str, Station]):
    def chosen(path: str) -> set[str | None]:
        page, _ = read(client, path)
        return {
            attributes["value"] for tag, attributes in page.elements if tag == "option" and "selected" in attributes
        }

    assert chosen("/") == {"balanced"}
    assert chosen("/?q=Huaqiang&mode=hurry&sort=price") == {"hurry", "price"}


def test_a_typed_place_works_without_a_script(client: FlaskClient, city: dict[str, Station]):
    page, _ = read(client, "/?q=Huaqiang&kwh=20&mode=cheap&sort=distance&lang=zh-CN")
    assert "Huaqiang North Garage" in page.text
    assert "充 20 度" in page.text


def test_a_station_link_shows_the_station(client: FlaskClient, world: World, city: dict[str, Station]):
    station = equip(world, city["Lotus Road Fast Charging"])
    page, _ = read(client, f"/?station={station.id}")
    assert "Lotus Road Fast Charging" in page.text
    assert "0755-8888 0000" in page.text
    assert any(tag == "a" and "uri.amap.com" in (attributes.get("href") or "") for tag, attributes in page.elements)


@pytest.mark.parametrize("path", ["/?lat=22.5410&lng=114.0580", "/?station={id}"])
def test_supplier_text_never_becomes_markup(client: FlaskClient, city: dict[str, Station], path: str):
    page, source = read(client, path.format(id=city[HOSTILE].id))
    assert '<img src=x onerror="window.hacked=1">{n} %s' in page.text
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "\u202e" not in source


def test_what_the_driver_types_never_becomes_markup(client: FlaskClient, city: dict[str, Station]):
    page, source = read(client, "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", 400)
    assert "<script>alert" not in source
    assert "We found no place" in page.text
    assert [attributes["value"] for tag, attributes in page.elements if attributes.get("id") == "q"] == [
        '"><script>alert(1)</script>'
    ]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: FlaskClient, city: dict[str, Station]):
    page, source = read(client, "/?lat=22.5410&lng=114.0580")
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        if tag == "script":
            assert attributes.get("src", "").startswith("/assets/") or attributes["type"] == "application/json"
    assert "<style" not in source
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "https://web.telegram.org" in policy


def test_the_page_and_its_assets_may_be_kept_as_they_should(client: FlaskClient, city: dict[str, Station]):
    page = client.get("/?lat=22.5410&lng=114.0580")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for asset in assets().values():
        answer = client.get(f"/assets/{asset.name}")
        assert answer.status_code == 200
        assert answer.data == asset.body
        assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/assets/page-000000000000.js").status_code == 404


def test_the_page_is_small(client: FlaskClient, city: dict[str, Station]):
    parts = [assets()[kind].body for kind in ("js", "css")]
    assert sum(map(len, parts)) < 60_000
    assert len(client.get("/?lat=22.5410&lng=114.0580&lang=en").data) < 60_000


def test_a_wrong_address_leads_back_to_the_search(client: FlaskClient):
    page, _ = read(client, "/somewhere", 404, **{"Accept-Language": "en"})
    assert "There is nothing at this address." in page.text
    assert any(attributes.get("id") == "locate" for _, attributes in page.elements)


@pytest.mark.parametrize(
    ("path", "text"),
    [("/?lat=x&lng=1", "These coordinates are not on Earth"), ("/?station=gone", "no longer listed"),
     ("/?q=Atlantis", "We found no place called “Atlantis”"),
     ("/?q=Huaqiang&kwh=9999", "Choose between 1 and 200 kWh")],
)  # fmt: skip
def test_mistakes_are_a_sentence_on_the_page(client: FlaskClient, city: dict[str, Station], path: str, text: str):
    answer = client.get(path, headers=HTML)
    assert answer.status_code in (400, 404)
    assert text in answer.get_data(as_text=True)


def test_the_page_speaks_the_browsers_language(client: FlaskClient):
    page, source = read(client, "/", **{"Accept-Language": "zh-Hans-CN,zh;q=0.9"})
    assert '<html lang="zh-CN">' in source
    assert "使用我的位置" in page.text
    assert "English" in page.text
    page, source = read(client, "/?lang=en", **{"Accept-Language": "zh"})
    assert "Use my position" in page.text
    assert "中文" in page.text


def test_every_sentence_is_translated():
    english, chinese = strings.page_strings()["en"], strings.page_strings()["zh-CN"]
    assert set(english) == set(chinese)
    same = {key for key in english if english[key] == chinese[key]}
    assert all(re.fullmatch(r"(plug|accurate).*", key) for key in same), same
    gaps = re.compile(r"{\w+}")
    assert {key: set(gaps.findall(english[key])) for key in english} == {
        key: set(gaps.findall(chinese[key])) for key in chinese
    }


def test_the_script_knows_only_sentences_that_exist():
    script = assets()["js"].body.decode()
    keys = set(re.findall(r'\bt\("([\w.]+)"[,)]', script)) | set(re.findall(r'"(geo_\w+)"', script))
    assert keys
    assert keys <= set(strings.page_strings()["en"])


def test_the_start_block_cannot_break_out_of_its_element(client: FlaskClient, world: World):
    world.station("</script><script>alert(1)</script>", 22.5410, 114.0580, price="1")
    _, source = read(client, "/?lat=22.5410&lng=114.0580")
    assert "<script>alert" not in source
    (block,) = re.findall(r'<script type="application/json" id="start">(.*?)</script>', source, re.S)
    assert json.loads(block)["list"]["stations"][0]["name"] == "</script><script>alert(1)</script>"


# --- the map ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "tiles"),
    [
        ("", None),
        ("https://t.example/{z}/{x}/{y}.png", Tiles("https://t.example/{z}/{x}/{y}.png", Datum.WGS84, "")),
        ("gcj02:https://t.example:8443/a?x={x}&y={y}&z={z} | © Map makers",
         Tiles("https://t.example:8443/a?x={x}&y={y}&z={z}", Datum.GCJ02, "© Map makers")),
    ],
)  # fmt: skip
def test_tiles_are_read_with_their_datum(setting: str, tiles: Tiles | None):
    assert read_tiles(setting) == tiles


@pytest.mark.parametrize(
    "setting", ["t.example", "https://t.example/", "ftp://t.example/{z}/{x}/{y}", "https://a b;c/{z}/{x}/{y}"]
)
def test_tiles_that_cannot_work_stop_the_start(setting: str):
    with pytest.raises(ConfigurationError):
        read_tiles(setting)


def test_only_the_configured_tiles_are_let_in(world: World):
    client = web.create_app(world.services, map_tiles_url="https://t.example/{z}/{x}/{y}.png").test_client()
    answer = client.get("/")
    assert "img-src 'self' data: https://t.example;" in answer.headers["Content-Security-Policy"]
    assert '"tiles": {"attribution": ""' in answer.get_data(as_text=True)
