"""Every location and tariff example of the OCPI 2.2.1 specification is read, or refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.ocpi.tariffs import Unsupported, is_tariff, to_tariff
from core.station import ConnectorStatus
from core.tariff import Tariff, quote
from tests.adapters.registers.reading import read, write_json
from tests.shared import shared

LOCATIONS = {
    "location_example.json": 3,
    "location_example_parking_garage_opening_hours.json": 1,
    "location_example_uc2_destination_charger.json": 1,
    "location_example_uc3_destination_charger_not_published.json": 1,
    "location_example_uc4_limited_visibility.json": 1,
    "location_example_uc5_home_charge_point.json": 1,
}
# What 20 kWh in two hours from a Monday noon cost a driver in Germany, with VAT, at 48 A over all phases, worked out
# by hand from the examples; a text is the reason for no price.
TARIFFS = {
    "tariff_1_simple_2hour.json": "4.40",  # 2 h x 2.20
    "tariff_2_alt_text.json": "3.9976",  # 2 h x 1.90 x 1.052; the text, "2.00 an hour", is not computed from
    "tariff_3_alt_url.json": "6.10",  # 0.60 + 20 x 0.275
    "tariff_4_complex.json": "7.675",  # 2.50 x 1.15 + 2 h x 2.40: more than 32 A on a weekday
    "tariff_5_free_of_charge.json": "0",
    "tariff_6_025kwh_start_max_price.json": "6.10",
    "tariff_8_simple_025kwh.json": "5.50",
    "tariff_9_025kwh_start.json": "6.10",
    "tariff_10_025kwh_parking_start.json": "6.10",
    "tariff_11_not_possible_alt_text.json": "4.4976",  # 0.40 x 1.25 + 2 h x 1.9988
    "tariff_12_025kwh_min_price.json": "5.50",
    "tariff_13_simple_3hour_5parking.json": "6.60",
    "tariff_14_step_size.json": "VAT not stated",
    "tariff_15_reservation_5_euro_per_hour.json": "6.10",
    "tariff_16_reservation_2_euro_fee_5_euro_per_hour.json": "6.10",
    "tariff_17_reservation_with_expire_fee.json": "6.10",
    "tariff_18_reservation_with_expire_time.json": "6.10",
    "tariff_put_example.json": "4.40",
    "tariffrestriction_example_max_duration.json": "6.30",  # 5 kWh free, 5 x 0.30, 10 x 0.48
    "tariffrestriction_example_max_power.json": "4.80",  # 10 kW is below 16: 20 x 0.24
}


def examples(start: str) -> list[Path]:
    return sorted(shared("data", "ocpi-examples-2.2.1").glob(f"{start}*.json"))


def test_every_location_file(tmp_path: Path) -> None:
    documents = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in examples("location")}
    assert len(documents) == 18
    for name, document in documents.items():
        # A part of a location is no location: alone it is another kind of file, in a list it is refused.
        whole = write_json(tmp_path / "all.json", [documents["location_example.json"] | {"id": "WHOLE"}, document])
        found = read("ocpi-json", whole)
        guns = [one.guns for one in found.stations if one.external_id != "BEBEC:WHOLE"]
        assert guns == ([LOCATIONS[name]] if name in LOCATIONS else []), name
        assert len(found.rejected) == (name not in LOCATIONS), name


def test_what_the_examples_say() -> None:
    folder = shared("data", "ocpi-examples-2.2.1")
    station = read("ocpi-json", folder / "location_example.json").only
    assert [gun.status for gun in station.connectors] == [
        ConnectorStatus.FREE,
        ConnectorStatus.FREE,
        ConnectorStatus.RESERVED,
    ]
    assert station.connectors[0].power_kw == Decimal("10.6")
    garage = read("ocpi-json", folder / "location_example_parking_garage_opening_hours.json").only
    assert len(garage.hours.periods) == 7
    for name in ("uc3_destination_charger_not_published", "uc4_limited_visibility", "uc5_home_charge_point"):
        assert not read("ocpi-json", folder / f"location_example_{name}.json").only.public


def test_every_tariff_file_is_known() -> None:
    assert {path.name for path in examples("tariff")} == TARIFFS.keys()


@pytest.mark.parametrize("name", TARIFFS)
def test_a_tariff(name: str) -> None:
    document = json.loads(shared("data", "ocpi-examples-2.2.1", name).read_text(encoding="utf-8"))
    assert is_tariff(document)
    expected = TARIFFS[name]
    if expected[0].isalpha():
        with pytest.raises(Unsupported, match=expected):
            to_tariff(document, "DE", "Europe/Berlin")
        return
    tariff = to_tariff(document, "DE", "Europe/Berlin")
    assert Tariff.from_json(json.loads(json.dumps(tariff.to_json()))) == tariff
    noon = datetime(2025, 3, 3, 11, tzinfo=UTC)
    found = quote(tariff, kwh=Decimal(20), minutes=Decimal(120), at=noon, current_a=Decimal(48))
    assert found.exact == Decimal(expected)
    assert sum(found.parts.values()) == found.exact
