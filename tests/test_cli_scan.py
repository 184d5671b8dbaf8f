"""`kilowatch scan` as a person and as a script use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_cli import Terminal

LOCATION = {
    "country_code": "DE",
    "party_id": "ABC",
    "id": "L1",
    "publish": True,
    "name": "Hof",
    "address": "Weg 1",
    "city": "Berlin",
    "country": "DEU",
    "coordinates": {"latitude": "52.5200", "longitude": "13.4050"},
    "time_zone": "Europe/Berlin",
    "last_updated": "2026-11-20T00:00:00Z",
    "evses": [
        {
            "uid": "1",
            "evse_id": "DE*ABC*E123*4",
            "status": "AVAILABLE",
            "physical_reference": "07",
            "last_updated": "2026-11-20T00:00:00Z",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2_COMBO",
                    "format": "CABLE",
                    "power_type": "DC",
                    "max_voltage": 400,
                    "max_amperage": 300,
                    "last_updated": "2026-11-20T00:00:00Z",
                }
            ],
        }
    ],
}


@pytest.fixture
def berlin(tmp_path: Path) -> Terminal:
    kilowatch = Terminal(tmp_path / "home")
    (tmp_path / "locations.json").write_text(json.dumps({"data": [LOCATION]}), encoding="utf-8")
    kilowatch("import", "ocpi-json", str(tmp_path / "locations.json"))
    return kilowatch


def test_a_code_as_a_person_reads_it(berlin: Terminal) -> None:
    text = berlin("scan", "https://m.intercharge.eu/qr?evseid=DE*ABC*E1234", "--at", "52.5201", "13.4050")
    assert "Hof · DEABC · Weg 1, Berlin" in text
    assert "07 · DE*ABC*E123*4 · CCS2 · 120 kW · free" in text
    assert "→" not in text  # nothing stands against it
    far = berlin("scan", "DE*ABC*E1234", "--at", "52.9", "13.4", "--lang", "zh-CN")
    assert "离您 42.3 公里" in far
    assert "asks for a payment" in berlin("scan", "weixin://wxpay/bizpayurl?pr=1")


def test_a_code_as_a_script_reads_it(berlin: Terminal) -> None:
    (code,) = json.loads(berlin("scan", "07", "--at", "52.5201", "13.4050", "--json"))["codes"]
    assert [gun["connector_id"] for gun in code["guns"]] == ["DE*ABC*E123*4"]
    assert (code["verdict"], code["reasons"], code["guess"]) == ("ask_station", ["guess"], True)
    assert code["problem"]["code"] == "scan_ask_station"
    (unknown,) = json.loads(berlin("scan", "hlht://1.395815801/x", "--json"))["codes"]
    assert (unknown["operator_id"], unknown["connector_id"], unknown["rest"]) == ("395815801", "1", "x")
    assert (unknown["guns"], unknown["problem"]["code"]) == ([], "no_such_gun")
