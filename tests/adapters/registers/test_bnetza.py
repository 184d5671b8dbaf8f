"""The German register: two plugs per EVSE, hours by day, no prices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from core.opening import Period
from core.station import ConnectorRef, ConnectorStatus, NoPrice, Plug
from tests.adapters.registers.reading import read, write_json, write_lines


def column(**changes: Any) -> dict[str, Any]:
    row = {
        "id": 77,
        "coordinates": {"latitude": 52.52, "longitude": 13.405},
        "street": "Musterstraße",
        "house_no": "5",
        "postal_code": "10178",
        "city": "Berlin",
        "operator": {"companyName": "Beispielwerke AG", "displayName": "Beispielstrom"},
        "status": {"operational": "In Betrieb"},
        "opening_hours_specification": "Keine Angabe",
        "opening_days": [],
        "evses": [
            {
                "connectors": [
                    {"connector_type": "AC Typ 2 Steckdose", "max_electric_power_connector": 22},
                    {"connector_type": "AC Schuko", "max_electric_power_connector": 22},
                ]
            },
            {
                "evse_id": "DE*BSP*E77*2",
                "connectors": [
                    {
                        "connector_type": "DC Fahrzeugkupplung Typ Combo 2 (CCS)",
                        "max_electric_power_connector": 150,
                    }
                ],
            },
        ],
    }
    return row | changes


def test_a_station(tmp_path: Path) -> None:
    station = read("bnetza", write_lines(tmp_path / "rows.jsonl.gz", [column()])).only
    assert station.name == "Beispielstrom, Musterstraße 5"
    assert station.address == "Musterstraße 5, 10178 Berlin"
    assert (station.country, station.time_zone, station.licence) == ("DE", "Europe/Berlin", "CC BY 4.0")
    assert "Bundesnetzagentur" in station.attribution
    type2, schuko, ccs = station.connectors
    assert (type2.plug, type2.power_kw, type2.pile) == (Plug.TYPE2, Decimal("22.0"), "77:1")
    assert (schuko.plug, schuko.power_kw, schuko.pile) == (Plug.DOMESTIC, None, "77:1")
    assert ccs.ref == ConnectorRef("DEBSP", "DE*BSP*E77*2")
    assert {one.no_price for one in station.connectors} == {NoPrice.NOT_PUBLISHED}


def test_hours(tmp_path: Path) -> None:
    days = [{"weekday": "Montag", "open_from": "06:00", "open_to": "22:00"}]
    rows = [
        column(id=1, opening_hours_specification="247"),
        column(id=2, opening_days=days),
        column(id=3),
        column(id=4, opening_days=[{"weekday": "Feiertag", "open_from": "06:00", "open_to": "22:00"}]),
    ]
    always, monday, unknown, odd = (
        one.hours for one in read("bnetza", write_json(tmp_path / "a.json", rows)).stations
    )
    assert always.always
    assert monday.periods == (Period(0, 360, 1320),)
    assert not unknown.known
    assert not odd.known


def test_states(tmp_path: Path) -> None:
    rows = [
        column(id=1, status={"operational": "In Wartung"}),
        column(id=2, status={"operational": "In Planung"}),
        column(id=3, status={"operational": "Stillgelegt"}),
    ]
    found = read("bnetza", write_json(tmp_path / "a.json", rows))
    assert {one.status for one in found.only.connectors} == {ConnectorStatus.FAULT}
    assert found.reasons == {"planned": 1, "removed": 1}


def test_bad_rows_do_not_stop_the_rest(tmp_path: Path) -> None:
    rows = [
        column(id=None),
        column(id=1, coordinates=None),
        column(id=2, coordinates={"latitude": 13.405, "longitude": 52.52}),
        column(id=3, coordinates={"latitude": 48.85, "longitude": 2.35}),
        column(id=4, evses=[]),
        column(id=5, evses=[{"connectors": "two"}]),
        column(id=6),
        column(id=6, street="Andere Straße"),
    ]
    found = read("bnetza", write_lines(tmp_path / "rows.jsonl", rows))
    assert found.only.external_id == "6"
    assert "Musterstraße" in found.only.name
    assert found.reasons == {
        "missing_id": 1,
        "bad_coordinates": 1,
        "swapped_coordinates": 1,
        "outside_country": 1,
        "no_connectors": 1,
        "unreadable": 1,
        "duplicate_id": 1,
    }
    assert next(one for one in found.rejected if one.reason == "swapped_coordinates").external_id == "2"
    assert all(one.raw for one in found.rejected)
