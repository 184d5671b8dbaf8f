"""What can be asked, and the sentence for what cannot."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.miniapp.query import PlaceQuery, StationsQuery, cursor, read_cursor
from core.errors import UserError
from core.geo import Datum, Point
from core.station import Facility, Plug
from core.wishes import Filters, Mode, Sort, Wishes


def asked(**values: object) -> StationsQuery:
    return StationsQuery.read(values)


def refusal(**values: object) -> UserError:
    def ask() -> None:
        query = StationsQuery.read(values)
        query.to_wishes()
        assert query.point is not None

    with pytest.raises(UserError) as caught:
        ask()
    return caught.value


def test_everything_reaches_the_wishes():
    query = asked(
        lat="22.5", lng="114.1", datum="gcj02", kwh="42.5", mode="hurry", sort="price", radius_m="3000",
        plug=["gbt_dc,ccs2", "nacs"], min_power_kw="60", price_cap="50", operator=["A, Inc", "B"], free_now="1",
        open_now="true", free_parking="on", facility="toilet,food",
    )  # fmt: skip
    assert query.point == Point(22.5, 114.1, Datum.GCJ02)
    assert query.to_wishes() == Wishes(
        energy_kwh=Decimal("42.5"),
        mode=Mode.HURRY,
        sort=Sort.PRICE,
        radius_m=3000,
        filters=Filters(
            plugs=frozenset({Plug.GBT_DC, Plug.CCS2, Plug.NACS}),
            min_power_kw=Decimal(60),
            price_cap=Decimal(50),
            operators=frozenset({"A, Inc", "B"}),
            free_now=True,
            open_now=True,
            free_parking=True,
            facilities=frozenset({Facility.TOILET, Facility.FOOD}),
        ),
    )


def test_empty_values_are_absent_as_a_form_without_script_sends_them():
    assert asked(lat="1", lng="2", kwh="", mode="", plug="", price_cap="").to_wishes() == Wishes()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"lat": "x", "lng": "1"}, "bad_coordinates"),
        ({"lat": "nan", "lng": "1"}, "bad_coordinates"),
        ({"lat": "inf", "lng": "1"}, "bad_coordinates"),
        ({"lat": "91", "lng": "181"}, "bad_coordinates"),
        ({"lat": "114.1", "lng": "22.5"}, "swapped_coordinates"),
        ({"lat": "22.5"}, "bad_coordinates"),
        ({"kwh": "lots"}, "bad_energy"),
        ({"kwh": "NaN"}, "bad_energy"),
        ({"kwh": "0.5"}, "bad_energy"),
        ({"kwh": "201"}, "bad_energy"),
        ({"radius_m": "far"}, "bad_radius"),
        ({"radius_m": "49"}, "bad_radius"),
        ({"limit": "0"}, "bad_value"),
        ({"limit": "101"}, "bad_value"),
        ({"price_cap": "-1"}, "bad_value"),
        ({"price_cap": "Infinity"}, "bad_value"),
        ({"free_now": "perhaps"}, "bad_value"),
        ({"operator": ["x"] * 31}, "bad_value"),
        ({"cursor": "!"}, "bad_page"),
    ],
)
def test_what_cannot_be_asked_is_named(values: dict[str, object], code: str):
    assert refusal(**values).code == code


@pytest.mark.parametrize("name", ["mode", "sort", "datum", "plug", "facility"])
def test_an_unknown_word_is_answered_with_the_known_ones(name: str):
    problem = refusal(**{name: "teleport" * 20})
    assert problem.code == "bad_value"
    assert problem.params["name"] == name
    assert len(str(problem.params["value"])) == 40
    assert ", " in str(problem.params["choices"])


def test_a_cursor_leads_into_the_same_circle():
    query = asked(lat=1, lng=2, cursor=cursor(20, 25_000))
    assert query.offset == 20
    assert query.to_wishes().radius_m == 25_000


def _forged(doc: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(doc).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "é", "=" * 8, "A" * 500, "a b", _forged({}), _forged([]), _forged("v"), _forged(None),
        _forged({"v": 2, "o": 0, "r": 5000}), _forged({"v": 1, "o": -1, "r": 5000}),
        _forged({"v": 1, "o": True, "r": 5000}), _forged({"v": 1, "o": 1e9, "r": 5000}),
        _forged({"v": 1, "o": 5, "r": 1}), _forged({"v": 1, "o": 99999, "r": 5000}),
    ],
)  # fmt: skip
def test_a_cursor_we_did_not_write_is_refused(text: str):
    with pytest.raises(UserError) as caught:
        read_cursor(text)
    assert caught.value.code == "bad_page"


@given(st.text(max_size=60))
def test_no_text_breaks_the_cursor(text: str):
    try:
        offset, radius_m = read_cursor(text)
    except UserError:
        return
    assert offset >= 0
    assert radius_m >= 50


@given(st.integers(0, 10_000), st.integers(50, 200_000))
def test_cursors_round_trip(offset: int, radius_m: int):
    assert read_cursor(cursor(offset, radius_m)) == (offset, radius_m)


def test_typed_coordinates_are_read_in_the_datum_asked_for():
    place = PlaceQuery.read({"q": "22.5, 114.1", "datum": "bd09"}).find(finder=None, language="en")  # type: ignore[arg-type]
    assert place.point == Point(22.5, 114.1, Datum.BD09)
