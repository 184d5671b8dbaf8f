"""What buttons carry: it fits, comes back as it was, and garbage is an answer, not an accident."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram import buttons, choices
from bots.telegram.buttons import MOST_BYTES, MOST_PAGES, Act, Search, pack, unpack
from core.errors import UserError
from core.geo import Datum, Point, distance_m
from core.station import Plug, station_key
from core.user import LANGUAGES, User
from core.wishes import Filters, Mode, Sort
from tests.world import NOW

points = st.builds(
    Point,
    st.floats(-90, 90, allow_nan=False),
    st.floats(-180, 180, allow_nan=False),
    st.sampled_from([Datum.WGS84, Datum.GCJ02]),
)
searches = st.builds(Search, points, st.sampled_from(Sort), st.integers(0, MOST_PAGES - 1))
WITH_SEARCH = [act for act in Act if act not in buttons._WITHOUT_SEARCH]


def refusal(ask: Callable[[], object]) -> str | None:
    """The code of the UserError, None when there was none."""
    try:
        ask()
    except UserError as problem:
        return problem.code
    return None


@given(searches, st.sampled_from(WITH_SEARCH), st.text())
def test_a_search_comes_back_to_the_metre(search: Search, act: Act, external_id: str) -> None:
    station = station_key("test", external_id)
    data = pack(act, search, station)
    assert 1 <= len(data.encode()) <= MOST_BYTES
    button = unpack(data)
    assert button.search is not None
    assert (button.act, button.value) == (act, station)
    assert (button.search.sort, button.search.page) == (search.sort, search.page)
    assert button.search.point.datum is search.point.datum
    sent, back = search.point, button.search.point
    assert distance_m(Point(sent.lat, sent.lng), Point(back.lat, back.lng)) < 1
    assert pack(act, button.search, station) == data


@given(st.one_of(st.text(), st.text(alphabet="1LCFMPQS_-AB9z"), st.binary().map(lambda b: b.decode("latin-1"))))
def test_garbage_is_an_old_button(data: str) -> None:
    if (code := refusal(lambda: unpack(data))) is None:
        assert data.startswith("1" + unpack(data).act)
    else:
        assert code == "old_button"


@pytest.mark.parametrize("data", [None, "", "1", "0L", "2L", "L1", "1?", "1L" + "_" * 12])
def test_other_versions_are_old(data: str | None) -> None:
    with pytest.raises(UserError, match="old_button"):
        unpack(data)


def test_a_button_that_does_not_fit_is_our_mistake() -> None:
    here = Search(Point(0, 0))
    with pytest.raises(ValueError, match="do not fit"):
        pack(Act.CARD, here, "x" * 60)
    with pytest.raises(ValueError, match="belong together"):
        pack(Act.LIST)
    with pytest.raises(ValueError, match="belong together"):
        pack(Act.SETTING, here)


# --- what filter and setting buttons do -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "filters"),
    [
        (choices.switch("f", True), Filters(free_now=True)),
        (choices.switch("o", True), Filters(open_now=True)),
        (choices.switch("k", True), Filters(free_parking=True)),
        (choices.plug(Plug.CCS2, True), Filters(plugs=frozenset({Plug.CCS2}))),
        (choices.least_power(120), Filters(min_power_kw=Decimal(120))),
        (choices.cap(Decimal(39)), Filters(price_cap=Decimal(39))),
    ],
)
def test_a_filter_is_set_once_however_often_it_is_pressed(value: str, filters: Filters) -> None:
    once = choices.with_filter(Filters(), value)
    assert once == filters
    assert choices.with_filter(once, value) == once
    assert choices.with_filter(once, choices.CLEAR) == Filters()


def test_filters_are_taken_back() -> None:
    full = Filters(plugs=frozenset({Plug.CCS2}), min_power_kw=Decimal(60), price_cap=Decimal(9), free_now=True)
    for value in (choices.plug(Plug.CCS2, False), choices.least_power(None), choices.cap(None), "f0"):
        full = choices.with_filter(full, value)
    assert full == Filters()


def test_operators_of_any_name_fit_a_button() -> None:
    long = "运营商 & <b>" * 50
    value = choices.operator(long, True)
    assert len(pack(Act.OPERATORS, Search(Point(0, 0)), value).encode()) <= MOST_BYTES
    chosen = choices.with_operator(Filters(), value, [long, "other"])
    assert chosen.operators == {long}
    # It can be dropped where it is not near any more.
    assert choices.with_operator(chosen, choices.operator(long, False), []).operators == frozenset()
    with pytest.raises(UserError, match="old_button"):
        choices.with_operator(Filters(), value, ["other"])


@pytest.mark.parametrize(
    "value", ["f2", "q", "w-1", "wNaN", "w1e9", "cInfinity", "p=1", "pccs2", "pccs2=2", "c" + "9" * 40]
)
def test_unknown_filter_codes_are_old_buttons(value: str) -> None:
    with pytest.raises(UserError, match="old_button"):
        choices.with_filter(Filters(), value)


def test_settings() -> None:
    user = User("u", "en", NOW, filters=Filters(free_now=True))
    assert choices.with_setting(user, "e45").energy_kwh == 45
    assert choices.with_setting(user, "mc").mode is Mode.CHEAP
    assert [choices.with_setting(user, f"l{code}").language for code in LANGUAGES] == list(LANGUAGES)
    assert choices.with_setting(user, "x").filters == Filters()
    for value in ("", "e", "ex", "mq", "lfr", "z9"):
        with pytest.raises(UserError, match="old_button"):
            choices.with_setting(user, value)
    with pytest.raises(UserError, match="bad_energy"):
        choices.with_setting(user, "e5000")


@given(st.text(max_size=40))
def test_no_code_breaks_anything(value: str) -> None:
    user = User("u", "en", NOW)
    for carry_out in (
        lambda: choices.with_filter(Filters(), value),
        lambda: choices.with_operator(Filters(), value, ["a"]),
        lambda: choices.with_setting(user, value),
    ):
        assert refusal(carry_out) in {None, "old_button", "bad_energy"}
