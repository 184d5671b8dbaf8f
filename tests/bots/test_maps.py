"""Each map gets the datum it draws in; a hostile name stays inside its parameter."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from bots.maps import TITLES, links
from core.geo import Datum, Point, distance_m

FUTIAN = Point(22.5410, 114.0580)
PARIS = Point(48.8566, 2.3522)


def query(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def test_each_map_in_mainland_china_gets_its_own_datum():
    found = links(FUTIAN, "Lotus Road")
    lng, lat = query(found["amap"])["position"].split(",")
    assert distance_m(Point(float(lat), float(lng), Datum.GCJ02), FUTIAN) < 1
    assert query(found["amap"])["coordinate"] == "gaode"
    lat, lng = query(found["baidu"])["location"].split(",")
    assert distance_m(Point(float(lat), float(lng), Datum.BD09), FUTIAN) < 1
    for name, parameter in (("apple", "ll"), ("google", "query")):
        lat, lng = query(found[name])[parameter].split(",")
        assert distance_m(Point(float(lat), float(lng), Datum.GCJ02), FUTIAN) < 1
    osm = query(found["osm"])
    assert (osm["mlat"], osm["mlon"]) == ("22.541000", "114.058000")


def test_a_point_given_in_another_datum_leads_to_the_same_place():
    assert links(FUTIAN.to(Datum.BD09), "A")["osm"] == links(FUTIAN, "A")["osm"]


def test_the_map_drivers_use_comes_first():
    assert next(iter(links(FUTIAN, "A"))) == "amap"
    assert next(iter(links(PARIS, "A"))) == "google"
    assert set(links(PARIS, "A")) == set(links(FUTIAN, "A")) == set(TITLES)


@pytest.mark.parametrize("name", ['A&position=0,0"><script>#', "名" * 500, "\x00\ud800", ""])
def test_a_hostile_name_stays_in_its_parameter(name: str):
    found = links(FUTIAN, name)
    assert query(found["amap"])["position"] == query(links(FUTIAN, "A")["amap"])["position"]
    for link in found.values():
        link.encode("ascii")
        assert len(link) < 1500
        assert not set(link) & set('<>" \n')
