"""Numbers are written with the scale that acceptance tools look for, and read exactly."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from adapters.cec import json_text


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        ("ElecPrice", "0.5", "0.5000"),
        ("SevicePrice", "1", "1.0000"),
        ("TotalPower", "95.4", "95.40"),
        ("TotalMoney", "1E+2", "100.00"),
        ("DetailSeviceMoney", "0.005", "0.01"),
        ("Power", "60", "60.0"),
        ("Soc", "12.34", "12.3"),
        ("StationLng", "114.05", "114.050000"),
        ("Other", "1.230", "1.230"),
    ],
)
def test_the_scale_of_each_field(field: str, value: str, written: str) -> None:
    assert json_text.write({field: Decimal(value)}) == f'{{"{field}":{written}}}'
    assert str(json_text.read(f'{{"{field}": {written}}}')[field]) == written


def test_writes_json_that_others_read() -> None:
    message = {"a": [1, True, None, 'say "hi"\n', {"b": "充电"}], "c": {}, "d": []}
    assert json.loads(json_text.write(message)) == message


def test_numbers_in_lists_keep_the_scale_of_their_field() -> None:
    assert json_text.write({"ElecPrice": [Decimal("0.5")]}) == '{"ElecPrice":[0.5000]}'


@pytest.mark.parametrize("value", [1.5, object(), {1}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_text.write({"ElecPrice": value})


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        json_text.write({"ElecPrice": Decimal(value)})


@pytest.mark.parametrize("text", ["{", "NaN", "[" * 100_000, b"\xff"])
def test_reading_what_is_not_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|not JSON|deeply|decode"):
        json_text.read(text)
