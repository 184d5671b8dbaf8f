"""Every location and tariff example of the OCPI 2.2.1 specification is read, or refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.ocpi.tariffs import Unsupported, is_tariff, to_tariff
from core.station import ConnectorStatus
from core.tariff import Dimension
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
# Consumer prices with VAT at a Monday noon, worked out by hand from the examples; a text is the reason for none.
TARIFFS: dict[str, dict[Dimension, str] | str] = {
    "tariff_1_simple_2hour.json": "step size 60 of time",
    "tariff_2_alt_text.json": "step size 300 of time",
    "tariff_3_alt_url.json": "step size 100 of energy",
    "tariff_4_complex.json": "step size 900 of time",
    "tariff_5_free_of_charge.json": {Dimension.FLAT: "0"},
    "tariff_6_025kwh_start_max_price.json": "max_price",
    "tariff_8_simple_025kwh.json": {Dimension.ENERGY: "0.275"},
    "tariff_9_025kwh_start.json": {Dimension.FLAT: "0.6", Dimension.ENERGY: "0.275"},
    "tariff_10_025kwh_parking_start.json": "step size 900 of parking_time",
    "tariff_11_not_possible_alt_text.json": "step size 300 of time",
    "tariff_12_025kwh_min_price.json": "min_price",
    "tariff_13_simple_3hour_5parking.json": "step size 60 of time",
    "tariff_14_step_size.json": "step size 1800 of time",
    "tariff_15_reservation_5_euro_per_hour.json": {Dimension.FLAT: "0.6", Dimension.ENERGY: "0.275"},
    "tariff_16_reservation_2_euro_fee_5_euro_per_hour.json": {Dimension.FLAT: "0.6", Dimension.ENERGY: "0.275"},
    "tariff_17_reservation_with_expire_fee.json": {Dimension.FLAT: "0.6", Dimension.ENERGY: "0.275"},
    "tariff_18_reservation_with_expire_time.json": {Dimension.FLAT: "0.6", Dimension.ENERGY: "0.275"},
    "tariff_put_example.json": "step size 300 of time",
    "tariffrestriction_example_max_duration.json": "restriction max_duration",
    "tariffrestriction_example_max_power.json": "restriction max_power",
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
    if isinstance(expected, str):
        with pytest.raises(Unsupported, match=expected):
            to_tariff(document, "DE", "Europe/Berlin")
        return
    noon = datetime(2025, 3, 3, 11, tzinfo=UTC)
    prices = to_tariff(document, "DE", "Europe/Berlin").prices_at(noon)
    assert {dimension: one.price for dimension, one in prices.items()} == {
        dimension: Decimal(price) for dimension, price in expected.items()
    }
