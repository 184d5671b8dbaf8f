"""Rows as partners send them, good and bad, into our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from adapters.cec import messages
from adapters.cec.config import CecConfig
from core.geo import Datum, Point, distance_m
from core.station import (
    Connector,
    ConnectorRef,
    ConnectorStatus,
    NoPrice,
    Plug,
    Rejected,
    Station,
    StatusReport,
    station_key,
)
from core.tariff import Dimension, Tariff, time_of_use_tariff

PARTNER = "MA1234567"
CONFIG = CecConfig(
    supplier_id="acme",
    name="Acme Charging",
    base_url="https://acme.example",
    our_operator_id="KILOWATCH",
    their_operator_id=PARTNER,
    operator_secret="CANARY-operator",
    data_secret="CANARY-data-aes1",
    data_secret_iv="CANARY-data-iv01",
    sig_secret="CANARY-sig",
)
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
REF = ConnectorRef(PARTNER, "G1")

GUN = {"ConnectorID": "G1", "ConnectorName": "1号枪", "ConnectorType": 4, "Power": Decimal("120.0")}
PILE = {"EquipmentID": "E1", "EquipmentType": 1, "Power": Decimal("240.0"), "ConnectorInfos": [GUN]}
ROW = {
    "StationID": "S1", "OperatorID": PARTNER, "StationName": "福田站", "CountryCode": "CN",
    "Address": "福田区某路1号",
    "ServiceTel": "400", "StationType": 1, "StationStatus": 50, "StationLng": Decimal("114.057868"),
    "StationLat": Decimal("22.543099"), "BusineHours": "00:00-24:00", "ParkFee": "免费停车", "EquipmentInfos": [PILE],
}  # fmt: skip


def read(row: Any) -> list[Station | Rejected]:
    return list(messages.read_station(row, CONFIG))


def station(**changes: Any) -> Station:
    [found] = read(ROW | changes)
    assert isinstance(found, Station)
    return found


def gun(pile: dict[str, Any] | None = None, **changes: Any) -> Connector:
    [found] = station(EquipmentInfos=[PILE | {"ConnectorInfos": [GUN | changes]} | (pile or {})]).connectors
    return found


def refusal(row: Any) -> Rejected:
    [found] = read(row)
    assert isinstance(found, Rejected)
    return found


class TestStations:
    def test_a_whole_row(self) -> None:
        found = station()
        assert found.id == station_key("acme", "S1")
        assert (found.supplier_id, found.external_id, found.name) == ("acme", "S1", "福田站")
        assert (found.operator_id, found.operator_name) == (PARTNER, "Acme Charging")
        assert found.global_id == f"cec:{PARTNER}:S1"
        assert found.hours.always
        assert found.parking.free
        assert found.public
        assert found.connectors == (
            Connector(REF, Plug.GBT_DC, Decimal("120.0"), label="1号枪", pile="E1", no_price=NoPrice.NOT_PUBLISHED),
        )

    @pytest.mark.parametrize(
        ("sent", "read"),
        [
            (["hlht://G1.A/", "https://x.example/#/A%2fb "], ("hlht://G1.A/", "https://x.example/#/A%2fb ")),
            (["one", "one", "two"], ("one", "two")),
            ("only one", ("only one",)),
            (["x" * 500, "x" * 501, " ", "", "a\u202eb", "a\nb", None, 7, {"a": 1}, ["b"]], ("x" * 500,)),
            ([str(n) for n in range(100)], tuple(map(str, range(8)))),
            (None, ()),
            ({}, ()),
        ],
    )
    def test_what_is_printed_on_a_gun(self, sent: Any, read: tuple[str, ...]) -> None:
        for name in ("QrCodes", "qrCodes"):
            assert gun(**{name: sent}).qr_texts == read
        assert gun().qr_texts == ()

    def test_positions_are_gcj02_unless_the_partner_says_otherwise(self) -> None:
        found = station()
        assert (found.point.datum, found.source_datum) == (Datum.WGS84, Datum.GCJ02)
        assert distance_m(found.point, Point(22.543099, 114.057868)) > 400
        assert distance_m(found.point, Point(22.543099, 114.057868, Datum.GCJ02)) < 0.01

    def test_positions_may_be_text(self) -> None:
        assert station(StationLng="114.057868", StationLat="22.543099").point == station().point

    @pytest.mark.parametrize(
        ("lat", "lng", "reason"),
        [
            (Decimal(0), Decimal(0), "bad_coordinates"),
            (None, Decimal(114), "bad_coordinates"),
            ("", "", "bad_coordinates"),
            ("north", "east", "bad_coordinates"),
            (Decimal("1E+999999999"), Decimal(114), "bad_coordinates"),
            (Decimal(200), Decimal(300), "bad_coordinates"),
            (Decimal("114.05"), Decimal("22.54"), "swapped_coordinates"),
            (Decimal("87.61"), Decimal("43.82"), "swapped_coordinates"),  # Ürümqi the wrong way is still on Earth
        ],
    )
    def test_positions_that_cannot_be(self, lat: object, lng: object, reason: str) -> None:
        found = refusal(ROW | {"StationLat": lat, "StationLng": lng})
        assert (found.external_id, found.reason) == ("S1", reason)
        assert json.loads(found.raw)["StationName"] == "福田站"

    def test_hong_kong_is_not_taken_for_swapped(self) -> None:
        found = station(StationLat=Decimal("22.302711"), StationLng=Decimal("114.177216"))
        assert distance_m(found.point, Point(22.302711, 114.177216)) < 1

    @pytest.mark.parametrize("row", [None, "text", 5, []])
    def test_a_row_of_another_kind(self, row: object) -> None:
        assert refusal(row).reason == "bad_row"

    @pytest.mark.parametrize("station_id", [None, "", "  ", True, [], "x" * 100, "a\nb"])
    def test_a_row_without_a_usable_id(self, station_id: object) -> None:
        assert refusal(ROW | {"StationID": station_id}).reason == "missing_id"

    def test_an_id_may_be_a_number_and_is_kept_as_sent(self) -> None:
        assert station(StationID=12345).external_id == "12345"
        assert station(StationID="00aB").external_id == "00aB"

    @pytest.mark.parametrize(
        ("status", "public"),
        [(50, True), ("50", True), (0, False), (1, False), (5, False), (6, False), (None, False)],
    )
    def test_only_stations_in_use_are_shown(self, status: object, public: bool) -> None:
        assert station(StationStatus=status).public is public

    @pytest.mark.parametrize(("kind", "public"), [(1, True), (255, True), (50, False), (100, False), (101, False),
                                                  (102, False), (103, False), (None, True)])  # fmt: skip
    def test_stations_of_fleets_are_not_shown(self, kind: object, public: bool) -> None:
        assert station(StationType=kind).public is public

    def test_both_spellings_of_the_hours_are_read(self) -> None:
        row = {name: value for name, value in ROW.items() if name != "BusineHours"}
        [found] = messages.read_station(row | {"BusinessHours": "08:00-20:00"}, CONFIG)
        assert isinstance(found, Station)
        assert found.hours.periods

    def test_prices_in_words_are_shown_and_not_computed_with(self) -> None:
        found = station(ElectricityFee="电费1.2元", ServiceFee="服务费0.4元")
        assert found.price_text == "电费1.2元；服务费0.4元"
        assert found.connectors[0].no_price is NoPrice.TEXT_ONLY

    def test_text_is_cleaned_and_cut(self) -> None:
        assert station(StationName="A\x00B\nC").name == "A B C"
        assert len(station(SiteGuide="路" * 5000).guide) == 300
        assert station(StationName=None).name == "S1"


class TestGuns:
    @pytest.mark.parametrize(
        ("connector", "equipment", "plug"),
        [
            (1, 2, Plug.DOMESTIC), (2, 2, Plug.GBT_AC), (3, 2, Plug.GBT_AC), (4, 1, Plug.GBT_DC),
            (5, 4, Plug.WIRELESS),
            (6, 1, Plug.OTHER), (3, 1, Plug.GBT_AC), ("4", 3, Plug.GBT_DC),
            (None, 1, Plug.GBT_DC), (None, 2, Plug.GBT_AC), (99, 4, Plug.WIRELESS), (None, 3, Plug.UNKNOWN),
            (None, None, Plug.UNKNOWN),
        ],
    )  # fmt: skip
    def test_plugs(self, connector: object, equipment: object, plug: Plug) -> None:
        assert gun({"EquipmentType": equipment}, ConnectorType=connector).plug is plug

    @pytest.mark.parametrize(
        ("power", "expected"),
        [
            (Decimal("7.0"), "7"),
            ("60", "60"),
            (None, "240"),
            (Decimal(0), "240"),
            (Decimal(-5), "240"),
            (Decimal(60000), "240"),
        ],
    )
    def test_power(self, power: object, expected: str) -> None:
        assert gun(Power=power).power_kw == Decimal(expected)

    def test_a_shared_cabinet_says_nothing_about_one_gun(self) -> None:
        guns = [GUN | {"ConnectorID": name, "Power": None} for name in ("G1", "G2")]
        assert [one.power_kw for one in station(EquipmentInfos=[PILE | {"ConnectorInfos": guns}]).connectors] == [
            None
        ] * 2

    def test_a_broken_gun_leaves_its_neighbours(self) -> None:
        guns = [{"ConnectorType": 4}, "rubbish", GUN]
        *refused, found = read(ROW | {"EquipmentInfos": [PILE | {"ConnectorInfos": guns}, None]})
        assert isinstance(found, Station)
        assert [one.ref for one in found.connectors] == [REF]
        assert [(one.external_id, one.reason) for one in refused if isinstance(one, Rejected)] == [
            ("S1", "missing_id"), ("S1", "missing_id"), ("S1", "bad_row"),
        ]  # fmt: skip

    def test_a_gun_named_twice_is_one(self) -> None:
        assert len(station(EquipmentInfos=[PILE, PILE]).connectors) == 1

    def test_single_objects_stand_for_lists(self) -> None:
        assert station(EquipmentInfos=PILE | {"ConnectorInfos": GUN}).connectors == station().connectors

    @pytest.mark.parametrize("equipment", [None, [], "none"])
    def test_a_station_without_guns_stays(self, equipment: object) -> None:
        assert station(EquipmentInfos=equipment).connectors == ()


class TestStatuses:
    def report(self, **row: Any) -> StatusReport | Rejected:
        return messages.read_connector_status({"ConnectorID": "G1"} | row, PARTNER, AT)

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            (0, "offline"),
            (1, "free"),
            (2, "occupied"),
            (3, "charging"),
            (4, "reserved"),
            (255, "fault"),
            ("3", "charging"),
        ],
    )
    def test_codes(self, code: object, status: str) -> None:
        assert self.report(Status=code) == StatusReport(REF, ConnectorStatus(status), AT)

    @pytest.mark.parametrize("code", [None, 5, 100, "", "free", True])
    def test_unknown_codes_are_refused(self, code: object) -> None:
        found = self.report(Status=code)
        assert isinstance(found, Rejected)
        assert (found.external_id, found.reason) == ("G1", "bad_status")

    @pytest.mark.parametrize(
        ("status", "park", "blocked"),
        [
            (1, 50, True),
            (1, 10, False),
            (1, 0, None),
            (1, None, None),
            (3, 50, False),
            (2, 50, False),
            (255, 0, None),
        ],
    )
    def test_a_taken_bay_blocks_only_a_free_gun(self, status: int, park: object, blocked: bool | None) -> None:
        found = self.report(Status=status, ParkStatus=park)
        assert isinstance(found, StatusReport)
        assert found.bay_blocked is blocked

    def test_a_stations_guns_and_whose_they_are(self) -> None:
        guns = [{"ConnectorID": "G1", "Status": 1}, {"Status": 1}, {"ConnectorID": "G2", "Status": 77}, None]
        row = {"StationID": "S1", "ConnectorStatusInfos": guns}
        report, *refused = messages.read_station_status(row, CONFIG, AT)
        assert report == StatusReport(REF, ConnectorStatus.FREE, AT)
        assert [one.external_id for one in refused if isinstance(one, Rejected)] == ["S1", "G2", "S1"]
        [report] = messages.read_station_status(
            row | {"FullStationID": "OTHER0001S1", "ConnectorStatusInfos": guns[:1]}, CONFIG, AT
        )
        assert isinstance(report, StatusReport)
        assert report.ref == ConnectorRef("OTHER0001", "G1")
        [odd] = messages.read_station_status("rubbish", CONFIG, AT)
        assert isinstance(odd, Rejected)


def period(start: object, energy: str = "1.0", service: str = "0.5") -> dict[str, Any]:
    return {"StartTime": start, "ElecPrice": Decimal(energy), "SevicePrice": Decimal(service)}


class TestPrices:
    def read(self, *periods: Any, **more: Any) -> tuple[ConnectorRef, Tariff] | Rejected | None:
        answer = {"ConnectorID": "G1", "SuccStat": 0, "FailReason": 0, "PolicyInfos": list(periods)}
        return messages.read_policy(answer | more, REF, CONFIG)

    def tariff(self, *periods: Any, **more: Any) -> Tariff:
        found = self.read(*periods, **more)
        assert isinstance(found, tuple)
        assert found[0] == REF
        return found[1]

    def test_energy_and_service_make_the_price(self) -> None:
        component = self.tariff(period("000000")).prices_at(AT)[Dimension.ENERGY]
        assert (component.price, component.service) == (Decimal("1.5"), Decimal("0.5"))

    def test_periods_may_come_in_any_order_and_wrap(self) -> None:
        found = self.tariff(period("230000", "0.3"), period("070000", "0.9"), SumPeriod=5)
        assert found == time_of_use_tariff(
            "CNY", "Asia/Shanghai",
            ((time(7), Decimal("0.9"), Decimal("0.5")), (time(23), Decimal("0.3"), Decimal("0.5"))),
        )  # fmt: skip
        at_three = datetime(2026, 11, 22, 19, tzinfo=UTC)  # 03:00 in China, before the first start
        assert found.prices_at(at_three)[Dimension.ENERGY].price == Decimal("0.8")

    @pytest.mark.parametrize(
        ("start", "clock"),
        [
            (0, time(0)),
            ("0", time(0)),
            (73000, time(7, 30)),
            ("073000", time(7, 30)),
            ("07:30", time(7, 30)),
            ("07:30:00", time(7, 30)),
        ],
    )
    def test_start_times_that_lost_their_zeros(self, start: object, clock: time) -> None:
        found = self.tariff(period(start), period("120000", "2"))
        starts = {element.restrictions.start for element in found.elements}
        assert starts == {clock, time(12)}

    def test_the_other_spelling_is_read(self) -> None:
        row = {"StartTime": "000000", "ElecPrice": "1.0", "ServicePrice": "0.5"}
        assert self.tariff(row) == self.tariff(period("000000"))

    def test_a_period_sent_twice_is_one(self) -> None:
        assert self.tariff(period("000000"), period("000000")) == self.tariff(period("000000"))

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            ([period("000000"), period("000000", "2")], "bad_tariff"),
            ([period("250000")], "bad_tariff"),
            ([period("noon")], "bad_tariff"),
            ([period(None)], "bad_tariff"),
            ([period("")], "bad_tariff"),
            ([period(True)], "bad_tariff"),
            ([period("0000000")], "bad_tariff"),
            ([{"StartTime": "000000", "ElecPrice": Decimal(1)}], "bad_tariff"),
            (["rubbish"], "bad_tariff"),
            ([period(n) for n in range(200)], "bad_tariff"),
            ([period("000000", "-0.1")], "implausible_price"),
            ([period("000000", "120")], "implausible_price"),
            ([period("000000", "0", "0")], "implausible_price"),
            ([period("000000", "1E-999999")], "bad_tariff"),
        ],
    )
    def test_what_cannot_be_a_price(self, rows: list[Any], reason: str) -> None:
        found = self.read(*rows)
        assert isinstance(found, Rejected)
        assert (found.external_id, found.reason) == ("G1", reason)
        assert found.raw

    def test_no_policy_is_no_price_and_no_fault(self) -> None:
        assert self.read(SuccStat=1, FailReason=1) is None
        assert self.read() is None

    def test_other_failures_are_named(self) -> None:
        found = self.read(SuccStat=1, FailReason=77)
        assert isinstance(found, Rejected)
        assert (found.reason, found.detail) == ("no_policy", "FailReason 77")

    def test_an_answer_about_another_gun(self) -> None:
        found = self.read(period("000000"), ConnectorID="G2")
        assert isinstance(found, Rejected)
        assert found.reason == "wrong_connector"


class TestConfig:
    def test_secrets_do_not_show(self) -> None:
        assert "CANARY" not in repr(CONFIG)

    @pytest.mark.parametrize(
        "change",
        [{"our_operator_id": "short"}, {"their_operator_id": ""}, {"operator_secret": ""}, {"base_url": "ftp://x"},
         {"data_secret": "short"}, {"sig_secret": ""}],
    )  # fmt: skip
    def test_what_cannot_work_is_refused_without_showing_secrets(self, change: dict[str, str]) -> None:
        values = {name: getattr(CONFIG, name) for name in CONFIG.__slots__}
        with pytest.raises(ValueError, match=r"operator|base_url|data_secret|sig_secret") as error:
            CecConfig(**(values | change))
        assert "CANARY" not in str(error.value)
