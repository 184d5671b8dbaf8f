"""Each partner's spelling and units, there and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.cec import json_text, messages
from adapters.cec.dialects import CEC_2016, DIALECTS, HMCS, STARCHARGE, SUPERVISION, XIAOJU, Dialect
from core.opening import ALWAYS
from core.station import Rejected, Station
from core.tariff import Dimension
from tests.adapters.cec.test_messages import CONFIG, ROW

OURS = {
    "StationID": "S1",
    "StationIDs": ["S1"],
    "ConnectorID": "G1",
    "ElecMoney": Decimal("12.34"),
    "ServiceMoney": Decimal("5.60"),
    "TotalServiceMoney": Decimal("5.60"),
    "Total": 2,
    "TotalPower": Decimal("20.05"),
    "Soc": Decimal("55.5"),
    "VoltageA": Decimal("400.1"),
    "StationLng": Decimal("114.057868"),
    "ChargeDetails": [{"ServicePrice": Decimal("0.4000"), "DetailServiceMoney": Decimal("5.60")}],
    "BusinessHours": "24小时",
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("interface", ["", "query_equip_charge_status", "notification_user_order_info"])
def test_there_and_back(dialect: Dialect, interface: str) -> None:
    wire = json_text.read(json_text.write(dialect.write(OURS, interface)))
    back = dialect.read(wire)
    assert {name: int(part) if name == "Total" else part for name, part in back.items()} == OURS


def keys(dialect: Dialect, interface: str = "") -> set[str]:
    return set(dialect.write(OURS, interface))


def test_the_standard_misspells() -> None:
    assert keys(CEC_2016) >= {"SeviceMoney", "TotalSeviceMoney", "BusineHours"}
    assert CEC_2016.write(OURS)["ChargeDetails"][0].keys() == {"SevicePrice", "DetailSeviceMoney"}


def test_xiaoju_spells_right_but_for_two_places() -> None:
    assert keys(XIAOJU) >= {"ServiceMoney", "TotalServiceMoney", "ElecMoney"}
    assert keys(XIAOJU, "query_equip_charge_status") >= {"ServiceMoney", "ElectMoney"}
    assert keys(XIAOJU, "notification_equip_charge_status") >= {"ServiceMoney", "ElecMoney"}
    assert keys(XIAOJU, "notification_user_order_info") >= {"TotalSeviceMoney"}
    assert XIAOJU.write({"Total": 3}) == {"Total": "3"}


def test_hmcs_writes_whole_numbers_in_camel_case() -> None:
    assert HMCS.write(OURS) == {
        "stationId": "S1", "stationIds": ["S1"], "connectorId": "G1", "elecMoney": 12_340_000,
        "serviceMoney": 5_600_000, "totalServiceMoney": 5_600_000, "total": 2, "totalPower": 2005, "soc": 5550,
        "voltageA": 4001, "stationLng": 114_057_868, "businessHours": "24小时",
        "chargeDetails": [{"servicePrice": 400_000, "detailServiceMoney": 5_600_000}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wire", "ours"),
    [
        ({"connectorID": "G1", "SubPeriod": 1}, {"ConnectorID": "G1", "SumPeriod": 1}),  # omind
        ({"equipAuthSeq": "x", "CONNECTORID": "y"}, {"EquipAuthSeq": "x", "ConnectorID": "y"}),  # Beijing 2016
        ({"ServiceMoney": 1, "SeviceMoney": 2}, {"ServiceMoney": 1}),  # the right word counts
        ({"Strange": [{"Odd": 1}]}, {"Strange": [{"Odd": 1}]}),
    ],
)
def test_reads_with_mercy(wire: dict[str, Any], ours: dict[str, Any]) -> None:
    assert CEC_2016.read(wire) == ours


@pytest.mark.parametrize("value", ["text", None, True, [1], {"a": 1}, ""])
def test_a_scaled_field_that_is_no_number_is_left_alone(value: Any) -> None:
    assert HMCS.read({"totalMoney": value}) == {"TotalMoney": [Decimal("0.000001")] if value == [1] else value}


FEES: list[dict[str, Any]] = [
    {"StartTime": "00:00", "EndTime": "08:00", "ElectricityFee": Decimal("0.3"), "ServiceFee": Decimal("0.4"),
     "PvType": 4},
    {"StartTime": "08:00", "EndTime": "24:00", "ElectricityFee": "1.2", "ServiceFee": "0.4", "PvType": 1},
]  # fmt: skip


class TestStarCharge:
    CONFIG = replace(CONFIG, dialect=STARCHARGE)

    def test_the_list_carries_the_prices(self) -> None:
        tariff = messages.read_listed_prices(ROW | {"StationFeeDetail": FEES}, self.CONFIG)
        assert tariff is not None
        assert not isinstance(tariff, Rejected)
        at_three, at_nine = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (19, 1))  # 03:00 and 09:00 there
        assert tariff.prices_at(at_three)[Dimension.ENERGY].price == Decimal("0.7")
        assert tariff.prices_at(at_nine)[Dimension.ENERGY].price == Decimal("1.6")
        [station] = messages.read_station(ROW, self.CONFIG)
        assert isinstance(station, Station)
        priced = messages.priced(station, tariff, at_nine)
        assert [(gun.tariff_id, gun.price_seen_at, gun.no_price) for gun in priced.connectors] == [
            (tariff.id, at_nine, None)
        ]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"EndTime": "07:00"}, "tariff_gap"),
            ({"EndTime": "09:00"}, "tariff_gap"),
            ({"StartTime": "late"}, "bad_tariff"),
            ({"ElectricityFee": 120}, "implausible_price"),
            ({"ElectricityFee": 0, "ServiceFee": 0}, "implausible_price"),
            ({"ElectricityFee": None}, "bad_tariff"),
        ],
    )
    def test_bad_prices(self, change: dict[str, Any], reason: str) -> None:
        wire = ROW | {"StationFeeDetail": [FEES[0] | change, FEES[1]]}
        found = messages.read_listed_prices(wire, self.CONFIG)
        assert isinstance(found, Rejected)
        assert (found.external_id, found.reason) == ("S1", reason)

    def test_other_partners_and_stations_without(self) -> None:
        wire = ROW | {"StationFeeDetail": FEES}
        assert messages.read_listed_prices(wire, CONFIG) is None
        assert messages.read_listed_prices(ROW, self.CONFIG) is None
        assert messages.read_listed_prices(None, self.CONFIG) is None


class TestSupervision:
    CONFIG = replace(CONFIG, dialect=SUPERVISION)

    @pytest.mark.parametrize(("kind", "in_2016", "in_2021"), [(1, True, True), (2, True, False), (3, True, False),
                                                               (50, False, True), (100, False, True)])  # fmt: skip
    def test_the_same_number_means_another_kind(self, kind: int, in_2016: bool, in_2021: bool) -> None:
        row = ROW | {"StationType": kind}
        for config, public in ((CONFIG, in_2016), (self.CONFIG, in_2021)):
            [station] = messages.read_station(row, config)
            assert isinstance(station, Station)
            assert station.public is public

    @pytest.mark.parametrize(
        ("hours", "always"),
        [
            ({"OpenAllDay": 1}, True),
            ({"OpenAllDay": 0}, False),
            ({"OpenAllDay": 1, "BusineHours": "08:00-20:00"}, False),
        ],
    )
    def test_open_all_day(self, hours: dict[str, Any], always: bool) -> None:
        [station] = messages.read_station(ROW | {"BusineHours": ""} | hours, self.CONFIG)
        assert isinstance(station, Station)
        assert (station.hours == ALWAYS) is always
