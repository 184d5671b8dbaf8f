"""The UK registry: connectors in columns, prices and subscriptions in free text, broken lines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.opening import Period
from core.station import ConnectorStatus, NoPrice, Plug
from core.tariff import flat_tariff
from tests.adapters.registers.reading import Read, read, write_bytes, write_csv

FREE = flat_tariff("GBP", Decimal(0))


def device(**changes: Any) -> dict[str, Any]:
    row = {
        "chargeDeviceID": "d1",
        "reference": "R1",
        "name": "Market Square",
        "latitude": "51.50",
        "longitude": "-0.12",
        "buildingNumber": "5",
        "thoroughfare": "Market Street",
        "town": "London",
        "postcode": "SW1A 1AA",
        "deviceOwnerName": "Owner",
        "deviceControllerName": "*Controller",
        "chargeDeviceStatus": "In service",
        "dateCreated": "0000-00-00 00:00:00",
        "dateUpdated": "2016-07-01 12:00:00",
        "lastUpdated": "",
        "attribution": "Example Network",
        "paymentRequired": "0",
        "paymentRequiredDetails": "",
        "subscriptionRequired": "0",
        "subscriptionRequiredDetails": "",
        "parkingFeesFlag": "0",
        "parkingFeesDetails": "",
        "accessRestrictionFlag": "0",
        "accessRestrictionDetails": "",
        "physicalRestrictionText": "",
        "access24Hours": "",
        "accessMondayFrom": "",
        "accessMondayTo": "",
        "connector1ID": "901",
        "connector1Type": "Type 2 Mennekes (IEC62196)",
        "connector1RatedOutputKW": "7.0",
        "connector1Status": "In service",
        "connector2ID": "",
        "connector2Type": "",
        "connector2RatedOutputKW": "",
        "connector2Status": "",
    }
    return row | changes


def of(tmp_path: Path, *rows: dict[str, Any]) -> Read:
    return read("uk-ncr", write_csv(tmp_path / "ncr.csv.gz", rows))


def test_a_device(tmp_path: Path) -> None:
    second = {
        "connector2ID": "902",
        "connector2Type": "JEVS G105 (CHAdeMO) DC",
        "connector2RatedOutputKW": "50.0",
        "connector2Status": "Out of service",
    }
    found = of(tmp_path, device(**second))
    station = found.only
    assert (station.name, station.operator_name) == ("Market Square", "Controller")
    assert station.address == "5 Market Street, London, SW1A 1AA"
    type2, chademo = station.connectors
    assert (type2.plug, type2.power_kw, type2.status) == (Plug.TYPE2, Decimal("7.0"), ConnectorStatus.UNKNOWN)
    assert (chademo.plug, chademo.status) == (Plug.CHADEMO, ConnectorStatus.FAULT)
    assert chademo.status_at is not None
    assert chademo.status_at.isoformat() == "2016-07-01T11:00:00+00:00"  # British summer time
    assert "Open Government Licence" in station.attribution
    assert station.attribution.endswith("Example Network")
    assert found.tariff(station) == FREE


@pytest.mark.parametrize(
    ("columns", "no_price"),
    [
        ({"paymentRequired": "0"}, None),
        ({"paymentRequired": "0", "paymentRequiredDetails": "Free to use"}, None),
        ({"paymentRequired": "1", "paymentRequiredDetails": "25p per kWh "}, None),
        ({"paymentRequired": "0", "subscriptionRequired": "1"}, NoPrice.MEMBERS),
        ({"paymentRequired": "0", "subscriptionRequiredDetails": "£20 per annum"}, NoPrice.MEMBERS),
        ({"paymentRequired": "1", "subscriptionRequired": "1", "paymentRequiredDetails": "25p/kWh"}, NoPrice.MEMBERS),
        ({"paymentRequired": "0", "paymentRequiredDetails": "Tesla only charger"}, NoPrice.TEXT_ONLY),
        ({"paymentRequired": "0", "paymentRequiredDetails": "25p per kWh"}, NoPrice.TEXT_ONLY),
        ({"paymentRequired": "1", "paymentRequiredDetails": "Free to use"}, NoPrice.TEXT_ONLY),
        ({"paymentRequired": "1", "paymentRequiredDetails": "£6 for 30 minutes"}, NoPrice.TEXT_ONLY),
        ({"paymentRequired": "1"}, NoPrice.NOT_PUBLISHED),
        ({"paymentRequired": ""}, NoPrice.NOT_PUBLISHED),
        ({"paymentRequired": "1", "paymentRequiredDetails": "£30 per kWh"}, NoPrice.IMPLAUSIBLE),
    ],
)
def test_prices(tmp_path: Path, columns: dict[str, str], no_price: NoPrice | None) -> None:
    found = of(tmp_path, device(**columns))
    assert found.only.connectors[0].no_price is no_price
    assert found.reasons == ({"implausible_price": 1} if no_price is NoPrice.IMPLAUSIBLE else {})


def test_double_encoded_text_is_repaired(tmp_path: Path) -> None:
    found = of(tmp_path, device(paymentRequired="1", paymentRequiredDetails="Â£1.70 Per Hour If PAYG"))
    assert found.only.price_text == "£1.70 Per Hour If PAYG"
    assert found.only.connectors[0].no_price is NoPrice.TEXT_ONLY


def test_out_of_service_and_planned(tmp_path: Path) -> None:
    out = device(chargeDeviceID="d2", chargeDeviceStatus="Out of service")
    planned = device(chargeDeviceID="d3", chargeDeviceStatus="Planned")
    found = of(tmp_path, out, planned)
    assert found.only.connectors[0].status is ConnectorStatus.FAULT
    assert found.reasons == {"planned": 1}


def test_hours_from_columns(tmp_path: Path) -> None:
    named = device(access24Hours="0", accessMondayFrom="07:00", accessMondayTo="20:00")
    assert of(tmp_path, named).only.hours.periods == (Period(0, 420, 1200),)
    assert of(tmp_path, device(access24Hours="1")).only.hours.always
    half = device(access24Hours="0", accessMondayFrom="07:00")
    assert of(tmp_path, half).only.hours.text == "Monday 07:00-"
    assert not of(tmp_path, device(access24Hours="0")).only.hours.known


@pytest.mark.parametrize(
    ("words", "public"),
    [
        ("Parking for employees and visitors only ", False),
        ("Private Parking Only", False),
        ("Not available to the public - fleet only", False),
        ("Gates close 10pm", True),
        ("Staff only 8-18, available to members of the public at other times, no public access before", True),
    ],
)
def test_private_places_are_kept_but_not_shown(tmp_path: Path, words: str, public: bool) -> None:
    station = of(tmp_path, device(accessRestrictionFlag="1", accessRestrictionDetails=words)).only
    assert station.public is public
    assert station.guide == words.strip()


def test_parking_fees(tmp_path: Path) -> None:
    paid = of(tmp_path, device(parkingFeesFlag="1", parkingFeesDetails="Pay and Display")).only.parking
    assert (paid.free, paid.text) == (False, "Pay and Display")
    assert of(tmp_path, device(parkingFeesFlag="1", parkingFeesDetails="Free for 2 hours")).only.parking.free is None
    assert of(tmp_path, device()).only.parking.free is None


def test_lines_torn_in_two(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ncr.csv", [device(), device(chargeDeviceID="d2"), device(chargeDeviceID="d3")])
    header, first, second, third = path.read_text(encoding="utf-8").splitlines()
    torn = second.replace("Market Square,", "Market\n Square,")
    write_bytes(path, "\n".join([header, first, torn, third, ""]).encode())
    found = read("uk-ncr", path)
    assert [one.external_id for one in found.stations] == ["d1", "d3"]
    assert [(one.external_id, one.reason) for one in found.rejected] == [
        ("row 3", "broken_line"),
        ("row 4", "broken_line"),
    ]
    assert found.rejected[0].raw.startswith("d2,")
    assert "line 3:" in found.rejected[0].detail


def test_the_newest_line_of_a_device_counts(tmp_path: Path) -> None:
    older = device(name="Old", dateUpdated="2015-01-01 00:00:00")
    newer = device(name="New", lastUpdated="2017-01-01 00:00:00")
    found = of(tmp_path, older, newer, older)
    assert found.only.name == "New"
    assert found.reasons == {"duplicate_id": 2}
