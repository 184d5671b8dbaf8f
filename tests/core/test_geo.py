"""Datums: the known answers, the inverses, the border, and what is not on Earth."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import UserError
from core.geo import Datum, Point, distance_m, in_mainland_china, parse_point
from tests.shared import vectors

IN_CHINA = {
    "Futian": (22.541, 114.058), "Shekou": (22.48, 113.92), "Luohu": (22.5335, 114.117), "Yantian": (22.58, 114.27),
    "Zhuhai": (22.27, 113.57), "Hengqin": (22.12, 113.53), "Xiamen": (24.48, 118.10), "Sanya": (18.25, 109.50),
    "Dandong": (40.13, 124.38), "Heihe": (50.24, 127.50), "Hunchun": (42.86, 130.36), "Manzhouli": (49.59, 117.43),
    "Erenhot": (43.65, 111.98), "Khorgos": (44.21, 80.41), "Kashgar": (39.47, 75.99), "Tashkurgan": (37.77, 75.23),
    "Ruili": (24.01, 97.85), "Hekou": (22.53, 103.96), "Pingxiang": (22.10, 106.76), "Dongxing": (21.55, 107.97),
    "Lhasa": (29.65, 91.10), "Urumqi": (43.80, 87.60), "Mohe": (53.48, 122.36), "Shanghai": (31.20, 121.50),
    "Fuyuan": (48.36, 134.30), "Yadong": (27.48, 88.90), "Haikou": (20.04, 110.30), "Pingtan": (25.50, 119.79),
}  # fmt: skip
OUTSIDE = {
    "Almaty": (43.24, 76.90), "Delhi": (28.60, 77.20), "Bangkok": (13.75, 100.50), "Seoul": (37.56, 127.00),
    "Ulaanbaatar": (47.90, 106.90), "Hanoi": (21.03, 105.85), "Vladivostok": (43.10, 131.90),
    "Singapore": (1.35, 103.80), "Novosibirsk": (55.03, 82.90), "Taipei": (25.03, 121.56),
    "Hong Kong": (22.30, 114.17), "Sheung Shui": (22.501, 114.128), "Macau": (22.19, 113.545),
    "Sinuiju": (40.095, 124.40), "Blagoveshchensk": (50.29, 127.54), "Khabarovsk": (48.48, 135.07),
    "Kinmen": (24.43, 118.32), "Lao Cai": (22.485, 103.97), "Kathmandu": (27.70, 85.30), "Berlin": (52.52, 13.40),
}  # fmt: skip
mainland = st.tuples(st.floats(18.2, 53.4), st.floats(74.0, 134.5)).filter(lambda p: in_mainland_china(*p))


def metres_apart(a: Point, b: tuple[float, float]) -> float:
    return distance_m(Point(a.lat, a.lng), Point(*b))


def test_the_known_answers() -> None:
    """Every published coordinate, within the tolerance that was measured for it."""
    known = vectors("cec.json")["coordinates"]
    limit = known["tolerances_m"]
    for vector in known["good"]:
        wgs = Point(*vector["wgs84"])
        gcj = Point(*vector["gcj02"], Datum.GCJ02)
        assert metres_apart(wgs.to(Datum.GCJ02), vector["gcj02"]) <= limit["wgs_to_gcj_formula_vs_fixture"], vector[
            "id"
        ]
        assert metres_apart(gcj.wgs84, vector["wgs84"]) <= limit["wgs_to_gcj_formula_vs_fixture"], vector["id"]
        if vector["bd09"]:
            bd = Point(*vector["bd09"], Datum.BD09)
            assert metres_apart(gcj.to(Datum.BD09), vector["bd09"]) <= limit["gcj_to_bd_vs_fixture"], vector["id"]
            assert metres_apart(bd.to(Datum.GCJ02), vector["gcj02"]) <= limit["gcj_to_bd_vs_fixture"], vector["id"]


def test_points_published_with_a_wrong_constant_stay_wrong() -> None:
    """Agreeing with these would mean having the bug they encode."""
    bad = vectors("cec.json")["coordinates"]["bad_published_points"]
    for point in bad["points"]:
        found = Point(*point["bd09"], Datum.BD09).wgs84
        assert metres_apart(found, point["claimed_wgs84"]) == pytest.approx(point["error_m"], abs=1.5)


@given(mainland)
def test_shifts_can_be_undone(place: tuple[float, float]) -> None:
    here = Point(*place)
    for datum in (Datum.GCJ02, Datum.BD09):
        there = here.to(datum)
        # A few hundred metres from the border two true points can share one shifted point.
        assume(_far_from_border(*place))
        assert 30 < metres_apart(there, place) < 1800
        assert metres_apart(there.wgs84, place) < 0.005


def _far_from_border(lat: float, lng: float) -> bool:
    step = 0.02
    around = [(lat + dy, lng + dx) for dy in (-step, 0, step) for dx in (-step, 0, step)]
    return all(in_mainland_china(*one) for one in around)


@given(st.floats(-89, 89), st.floats(-179, 179))
def test_a_point_outside_china_is_never_moved(lat: float, lng: float) -> None:
    assume(not any(in_mainland_china(lat + dy, lng + dx) for dy in (-0.02, 0, 0.02) for dx in (-0.02, 0, 0.02)))
    for datum in Datum:
        assert (Point(lat, lng).to(datum).lat, Point(lat, lng).to(datum).lng) == (lat, lng)
        back = Point(lat, lng, datum).wgs84
        assert (back.lat, back.lng) == (lat, lng)


@pytest.mark.parametrize("name", IN_CHINA)
def test_border_towns_are_shifted(name: str) -> None:
    assert in_mainland_china(*IN_CHINA[name])


@pytest.mark.parametrize("name", OUTSIDE)
def test_neighbours_are_not(name: str) -> None:
    assert not in_mainland_china(*OUTSIDE[name])


def test_mixing_datums_is_a_street_block() -> None:
    """Why every point names its datum."""
    futian = Point(22.5410, 114.0580)
    assert 400 < metres_apart(futian.to(Datum.GCJ02), (futian.lat, futian.lng)) < 700


@pytest.mark.parametrize(
    ("lat", "lng", "code"),
    [
        (114.0580, 22.5410, "swapped_coordinates"),
        (91, 0, "swapped_coordinates"),
        (0, 181, "bad_coordinates"),
        (math.nan, 1, "bad_coordinates"),
        (1, math.inf, "bad_coordinates"),
        (999, 999, "bad_coordinates"),
    ],
)
def test_places_not_on_earth(lat: float, lng: float, code: str) -> None:
    with pytest.raises(UserError) as problem:
        Point(lat, lng)
    assert problem.value.code == code


@pytest.mark.parametrize(
    "text",
    ["22.5410, 114.0580", "22.5410,114.0580", " 22.5410  114.0580 ", "(22.5410, 114.0580)", "22.5410，114.0580"],
)
def test_typed_coordinates(text: str) -> None:
    assert parse_point(text) == Point(22.5410, 114.0580)


@pytest.mark.parametrize("text", ["Futian", "22.5", "22.5, 114.0, 3", "22 rue de la Paix", "+86 755 1234", ""])
def test_other_text_is_not_coordinates(text: str) -> None:
    assert parse_point(text) is None
