"""Tariffs in databases: what was written by earlier versions loads and keeps its id."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest

from core.tariff import Reservation, Tariff, flat_tariff, time_of_use_tariff
from tests.core.tariff.writing import element, limit, net, tariff

# As the first version stored them, with the ids it gave.
OLD = {
    "7576ad976da432418d75eb8e": '{"currency": "EUR", "time_zone": "UTC", "elements": [{"components": ['
    '{"dimension": "energy", "price": "0.49"}, {"dimension": "flat", "price": "0.5"}]}]}',
    "08c11f3583ff8c00ce1b258a": '{"currency": "CNY", "time_zone": "Asia/Shanghai", "elements": ['
    '{"components": [{"dimension": "energy", "price": "1.25", "service": "0.55"}],'
    ' "start": "08:00:00", "end": "10:30:00"}, '
    '{"components": [{"dimension": "energy", "price": "1.6", "service": "0.55"}],'
    ' "start": "10:30:00", "end": "22:00:00"}, '
    '{"components": [{"dimension": "energy", "price": "0.8", "service": "0.55"}],'
    ' "start": "22:00:00", "end": "08:00:00"}]}',
    "ca0f51df78b0a448ec4e6390": '{"currency": "EUR", "time_zone": "Europe/Berlin", "elements": ['
    '{"components": [{"dimension": "time", "price": "2.2"}, {"dimension": "parking_time", "price": "3"}], '
    '"start": null, "end": "20:00:00", "weekdays": [5, 6], "first_date": "2026-01-01", "last_date": "2027-01-01"}, '
    '{"components": [{"dimension": "flat", "price": "0"}]}]}',
}  # fmt: skip


@pytest.mark.parametrize("known_id", OLD)
def test_an_old_tariff_keeps_its_id_and_its_text(known_id: str) -> None:
    loaded = Tariff.from_json(json.loads(OLD[known_id]))
    assert loaded.id == known_id
    assert loaded.to_json() == json.loads(OLD[known_id])


def test_the_same_price_list_made_today_is_the_same_tariff() -> None:
    assert flat_tariff("EUR", Decimal("0.490"), session_fee=Decimal("0.5")).id == "7576ad976da432418d75eb8e"
    periods = ((time(22), "0.25"), (time(8), "0.70"), (time(10, 30), "1.05"))
    day = tuple((start, Decimal(price), Decimal("0.55")) for start, price in periods)
    assert time_of_use_tariff("CNY", "Asia/Shanghai", day).id == "08c11f3583ff8c00ce1b258a"


def test_everything_new_is_stored_and_tells_tariffs_apart() -> None:
    rich = tariff(
        element(
            net("energy", "0.250", "7.70", step=500), start=time(8),
            min_kwh=Decimal("1.50"), max_power_kw=Decimal(22), max_current_a=Decimal(32),
            min_duration_s=60, reservation=Reservation.EXPIRES,
        ),
        element(net("time", "1")),
        min_price=limit("0.50", "0.55"),
        max_price=limit(None, "9"),
    )  # fmt: skip
    doc = json.loads(json.dumps(rich.to_json()))
    assert Tariff.from_json(doc) == rich
    assert doc["elements"][0] == {
        "components": [{"dimension": "energy", "price": "0.25", "step": 500, "tax": "added", "vat": "7.7"}],
        "start": "08:00:00", "end": None, "min_kwh": "1.5", "max_power_kw": "22", "max_current_a": "32",
        "min_duration_s": 60, "reservation": "expires",
    }  # fmt: skip
    assert (doc["min_price"], doc["max_price"]) == ({"net": "0.5", "gross": "0.55"}, {"gross": "9"})
    others = (
        replace(rich, min_price=None),
        replace(rich, max_price=limit("1", None)),
        replace(rich, time_zone="EST"),
    )
    assert len({rich.id, *(other.id for other in others)}) == 4


def test_impossible_values_are_refused() -> None:
    for wrong in ("NaN", "-1", "1e999999", "1e-999999"):
        with pytest.raises(ValueError, match="not a price"):
            limit(wrong, None)
        with pytest.raises(ValueError, match="not restrictions"):
            element(net("energy", "1"), min_kwh=Decimal(wrong))
    with pytest.raises(ValueError, match="not a price limit"):
        limit(None, None)
    with pytest.raises(ValueError, match="not a step"):
        net("time", "1", step=-1)
    with pytest.raises(ValueError, match="not a rate"):
        net("time", "1", "-20")
