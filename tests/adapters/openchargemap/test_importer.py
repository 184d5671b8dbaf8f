"""Open Charge Map records: licences, plugs, powers, states, prices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.openchargemap.messages import licence_of
from core.station import ConnectorRef, ConnectorStatus, NoPrice, Plug
from core.tariff import flat_tariff
from tests.adapters.registers.reading import Read, read, write_json, write_lines

OCM = {
    "ID": 1,
    "Title": "Open Charge Map Contributors",
    "IsOpenDataLicensed": True,
    "License": "Licensed under Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0)",
}


def plug(**changes: Any) -> dict[str, Any]:
    return {"ID": 501, "ConnectionTypeID": 25, "PowerKW": 7.0, "Quantity": 2, "StatusTypeID": None} | changes


def poi(**changes: Any) -> dict[str, Any]:
    where = {
        "Title": "Market Square",
        "AddressLine1": "5 Market Street",
        "Town": "London",
        "Postcode": "SW1A 1AA",
        "Country": {"ISOCode": "GB"},
        "Latitude": 51.50,
        "Longitude": -0.12,
        "AccessComments": None,
    } | changes.pop("where", {})
    return {
        "ID": 42,
        "DataProvider": OCM,
        "OperatorInfo": {"ID": 3, "Title": "Example Network (UK)"},
        "UsageTypeID": 1,
        "UsageCost": "Free",
        "AddressInfo": where,
        "Connections": [plug()],
        "StatusTypeID": 50,
        "DateLastStatusUpdate": "2020-06-26T02:56:00Z",
    } | changes


def of(tmp_path: Path, *records: dict[str, Any]) -> Read:
    return read("ocm", write_lines(tmp_path / "poi.jsonl.gz", records))


def test_a_record(tmp_path: Path) -> None:
    found = of(tmp_path, poi())
    station = found.only
    assert (station.name, station.address) == ("Market Square", "5 Market Street, London, SW1A 1AA")
    assert (station.country, station.time_zone) == ("GB", "Europe/London")
    assert (station.operator_name, station.operator_id) == ("Example Network (UK)", "example-network-uk")
    assert station.licence == "CC BY-SA 4.0"
    assert station.attribution == "Open Charge Map Contributors, via Open Charge Map (CC BY-SA 4.0)"
    gun = station.connectors[0]
    assert (gun.ref, gun.plug, gun.power_kw, gun.count) == (
        ConnectorRef("ocm", "42:501"),
        Plug.TYPE2,
        Decimal("7.0"),
        2,
    )
    assert (gun.status, gun.status_at) == (ConnectorStatus.UNKNOWN, None)
    assert found.tariff(station) == flat_tariff("GBP", Decimal(0))
    assert gun.price_seen_at == station.updated_at
    assert station.price_text == "Free"


def test_arrays_and_lines_are_the_same(tmp_path: Path) -> None:
    assert read("ocm", write_json(tmp_path / "poi.json", [poi()])).stations == of(tmp_path, poi()).stations


@pytest.mark.parametrize(
    ("text", "flagged", "name"),
    [
        (OCM["License"], True, "CC BY-SA 4.0"),
        ("… and may be used for any purpose whatsoever.", True, "any purpose (NREL AFDC)"),
        ("licensed under the Open Government Licence v2.0.", True, "OGL v2.0"),
        ("a Creative Commons Attribution 4.0 International (CC BY 4.0) License.", True, "CC BY 4.0"),
        ("http://creativecommons.org/licenses/by/3.0", True, "CC BY 3.0"),
        (
            "under Attribution-NonCommercial-ShareAlike 3.0 : http://creativecommons.org/licenses/by-nc-sa/3.0/",
            True,
            None,
        ),
        ("Public Data redistributed by agreement", True, None),
        (OCM["License"], None, None),
        (None, True, None),
    ],
)
def test_licences(text: str | None, flagged: bool | None, name: str | None) -> None:
    licence = licence_of({"Title": "X", "IsOpenDataLicensed": flagged, "License": text})
    assert (licence.name if licence else None) == name


def test_a_record_without_an_open_licence_is_refused(tmp_path: Path) -> None:
    closed = {"ID": 8, "Title": "Closed", "IsOpenDataLicensed": None, "License": None}
    found = of(tmp_path, poi(DataProvider=closed), poi(ID=43, DataProvider=None))
    assert found.reasons == {"licence": 2}
    assert found.rejected[0].detail == "Closed: no licence"


def test_compact_records_take_names_from_the_reference_data(tmp_path: Path) -> None:
    compact = poi(
        DataProvider=None, DataProviderID=1, OperatorInfo=None, OperatorID=3, where={"Country": None, "CountryID": 1}
    )
    write_json(
        tmp_path / "reference.json",
        {
            "DataProviders": [OCM],
            "Operators": [{"ID": 3, "Title": "Example Network (UK)"}],
            "Countries": [{"ID": 1, "ISOCode": "GB"}],
        },
    )
    assert of(tmp_path, compact).stations == of(tmp_path, poi()).stations


def test_states(tmp_path: Path) -> None:
    wanted = {
        0: ConnectorStatus.UNKNOWN,
        10: ConnectorStatus.FREE,
        20: ConnectorStatus.CHARGING,
        30: ConnectorStatus.FAULT,
        50: ConnectorStatus.UNKNOWN,
        75: ConnectorStatus.UNKNOWN,
        100: ConnectorStatus.FAULT,
        None: ConnectorStatus.UNKNOWN,
    }
    found = of(tmp_path, *(poi(ID=n, StatusTypeID=code) for n, code in enumerate(wanted)))
    assert [one.connectors[0].status for one in found.stations] == list(wanted.values())
    dated = [one.connectors[0].status_at is not None for one in found.stations]
    assert dated == [status is not ConnectorStatus.UNKNOWN for status in wanted.values()]


def test_planned_and_removed_places_are_left_out(tmp_path: Path) -> None:
    found = of(tmp_path, *(poi(ID=n, StatusTypeID=code) for n, code in enumerate((150, 200, 210))))
    assert found.stations == []
    assert found.reasons == {"planned": 1, "removed": 2}


def test_guns_have_states_of_their_own(tmp_path: Path) -> None:
    plugs = [
        plug(ID=1, StatusTypeID=100),
        plug(ID=2, StatusTypeID=200),
        plug(ID=3, StatusTypeID=50),
        plug(ID=4, Quantity=0),
    ]
    guns = of(tmp_path, poi(Connections=plugs)).only.connectors
    assert [(gun.ref.connector_id, gun.status) for gun in guns] == [
        ("42:1", ConnectorStatus.FAULT),
        ("42:3", ConnectorStatus.UNKNOWN),
    ]
    closed = of(tmp_path, poi(Connections=plugs, StatusTypeID=100)).only.connectors
    assert {gun.status for gun in closed} == {ConnectorStatus.FAULT}
    assert of(tmp_path, poi(Connections=[plug(StatusTypeID=200)])).reasons == {"no_connectors": 1}


@pytest.mark.parametrize(
    ("columns", "power"),
    [
        ({"PowerKW": 43.0}, "43.0"),
        ({"PowerKW": None, "Amps": 32, "Voltage": 230, "CurrentTypeID": 10}, "7.4"),
        ({"PowerKW": None, "Amps": 32, "Voltage": 400, "CurrentTypeID": 20}, "22.2"),
        ({"PowerKW": None, "Amps": 32, "Voltage": 230, "CurrentTypeID": 20}, "22.1"),
        ({"PowerKW": None, "Amps": 125, "Voltage": 400, "CurrentTypeID": 30}, "50.0"),
        ({"PowerKW": None, "Amps": 125, "Voltage": None, "CurrentTypeID": 30}, None),
        ({"PowerKW": None, "Amps": 32, "Voltage": 230, "CurrentTypeID": None}, None),
        ({"PowerKW": 0.0}, None),
        ({"PowerKW": 50000.0}, None),
    ],
)
def test_power(tmp_path: Path, columns: dict[str, Any], power: str | None) -> None:
    gun = of(tmp_path, poi(Connections=[plug(**columns)])).only.connectors[0]
    assert gun.power_kw == (Decimal(power) if power else None)


def test_plugs(tmp_path: Path) -> None:
    kinds = {
        1: Plug.TYPE1,
        2: Plug.CHADEMO,
        3: Plug.DOMESTIC,
        27: Plug.OTHER,
        33: Plug.CCS2,
        0: Plug.UNKNOWN,
        9999: Plug.OTHER,
    }
    plugs = [plug(ID=kind, ConnectionTypeID=kind, PowerKW=3.0) for kind in kinds]
    assert [gun.plug for gun in of(tmp_path, poi(Connections=plugs)).only.connectors] == list(kinds.values())
    american = poi(
        Connections=[plug(ConnectionTypeID=27)],
        where={"Country": {"ISOCode": "US"}, "Latitude": 34.05, "Longitude": -118.25},
    )
    assert of(tmp_path, american).only.connectors[0].plug is Plug.NACS


def test_a_place_without_connections_has_guns_of_an_unknown_kind(tmp_path: Path) -> None:
    gun = of(tmp_path, poi(Connections=[], NumberOfPoints=3)).only.connectors[0]
    assert (gun.plug, gun.count) == (Plug.UNKNOWN, 3)
    assert of(tmp_path, poi(Connections=None)).only.guns == 1


def test_private_places_are_kept_but_not_shown(tmp_path: Path) -> None:
    usages = (0, 1, 2, 3, 4, 5, 6, 7, None)
    found = of(tmp_path, *(poi(ID=n, UsageTypeID=usage) for n, usage in enumerate(usages)))
    assert [usage for usage, one in zip(usages, found.stations, strict=True) if not one.public] == [2, 3, 6]


def test_prices(tmp_path: Path) -> None:
    texts = {
        "£0.30 per kWh": None,
        "£6 for 30 minutes": NoPrice.TEXT_ONLY,
        None: NoPrice.NOT_PUBLISHED,
        "£30/kWh": NoPrice.IMPLAUSIBLE,
    }
    found = of(tmp_path, *(poi(ID=n, UsageCost=text) for n, text in enumerate(texts)))
    assert [one.connectors[0].no_price for one in found.stations] == list(texts.values())
    assert [one.price_text for one in found.stations] == ["£0.30 per kWh", "£6 for 30 minutes", "", "£30/kWh"]
    assert found.reasons == {"implausible_price": 1}


def test_a_price_for_members_is_not_the_price_of_who_comes_by(tmp_path: Path) -> None:
    open_to_all = {"ID": 4, "IsMembershipRequired": False}
    members = {"ID": 5, "IsMembershipRequired": True}
    records = [
        poi(ID=1, UsageTypeID=4),
        poi(ID=2, UsageTypeID=4, UsageCost="£0.30 per kWh"),
        poi(ID=3, UsageTypeID=None, UsageType=members),
        poi(ID=4, UsageTypeID=4, UsageType=open_to_all),
        poi(ID=5, UsageTypeID=5),
    ]
    found = of(tmp_path, *records)
    guns = [one.connectors[0] for one in found.stations]
    assert [gun.no_price for gun in guns] == [NoPrice.MEMBERS] * 3 + [None] * 2
    assert [gun.tariff_id is None for gun in guns] == [True] * 3 + [False] * 2
    assert [one.price_text for one in found.stations[:2]] == ["Free", "£0.30 per kWh"], "the words are kept"


def test_access_comments_are_told_once(tmp_path: Path) -> None:
    comments = ["24 hours daily; pay lot", "Dealership business hours", "Ask at reception", "8am-5pm M-F", None]
    records = [poi(ID=n, where={"AccessComments": text}) for n, text in enumerate(comments)]
    always, dealer, desk, daytime, silent = of(tmp_path, *records).stations
    assert (always.hours.always, always.parking.free, always.guide) == (True, False, "")
    assert (dealer.hours.text, dealer.guide) == ("Dealership business hours", "")
    assert (desk.hours.text, desk.guide) == ("", "Ask at reception")
    assert daytime.hours.text == "8am-5pm M-F"
    assert not silent.hours.known


def test_bad_rows_do_not_stop_the_rest(tmp_path: Path) -> None:
    records = [
        poi(ID=None),
        poi(ID=1, where={"Latitude": 0.0, "Longitude": 0.0}),
        poi(ID=2, where={"Latitude": 1.0, "Longitude": 1.0}),
        poi(ID=3, AddressInfo="nowhere"),
        poi(ID=4, where={"Latitude": -0.12, "Longitude": 51.5}),
        poi(),
        poi(where={"Title": "Newer"}, DateLastStatusUpdate="2021-01-01T00:00:00Z"),
    ]
    found = of(tmp_path, *records)
    assert found.only.name == "Newer"
    assert found.reasons == {
        "missing_id": 1,
        "bad_coordinates": 1,
        "outside_country": 1,
        "unreadable": 1,
        "swapped_coordinates": 1,
        "duplicate_id": 1,
    }
