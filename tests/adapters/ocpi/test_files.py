"""OCPI location lists as files: shapes, statuses, one EVSE with two plugs, the tariff list beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.opening import Period
from core.station import ConnectorRef, ConnectorStatus, Facility, NoPrice, Plug
from core.tariff import flat_tariff
from tests.adapters.ocpi.test_tariffs import component, element, tariff
from tests.adapters.registers.reading import Read, read, write_json, write_lines


@dataclass(frozen=True)
class Fixed:
    """A clock that stands still."""

    moment: datetime = datetime(2025, 3, 3, 11, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def plug(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["T1"],
    } | changes


def evse(uid: str = "u1", **changes: Any) -> dict[str, Any]:
    return {
        "uid": uid,
        "evse_id": f"NL*LIN*E{uid}",
        "status": "AVAILABLE",
        "connectors": [plug()],
        "last_updated": "2025-03-03T10:55:00Z",
    } | changes


def location(**changes: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "LIN",
        "id": "L1",
        "publish": True,
        "name": "Marktplein",
        "address": "Marktplein 1",
        "city": "Utrecht",
        "postal_code": "3511 AB",
        "country": "NLD",
        "coordinates": {"latitude": "52.0907", "longitude": "5.1214"},
        "evses": [evse()],
        "operator": {"name": "Lin Laadt"},
        "time_zone": "Europe/Amsterdam",
        "last_updated": "2025-03-03T10:00:00Z",
    } | changes


def of(tmp_path: Path, *locations: dict[str, Any], tariffs: list[dict[str, Any]] | None = None) -> Read:
    beside = {"tariffs": str(write_json(tmp_path / "tariffs.json", tariffs))} if tariffs is not None else {}
    return read("ocpi-json", write_json(tmp_path / "locations.json", list(locations)), clock=Fixed(), **beside)


def test_a_location(tmp_path: Path) -> None:
    station = of(tmp_path, location(facilities=["CAFE", "WIFI", "AIRPORT"])).only
    assert station.external_id == "NLLIN:L1"
    assert (station.name, station.address) == ("Marktplein", "Marktplein 1, 3511 AB Utrecht")
    assert (station.country, station.time_zone) == ("NL", "Europe/Amsterdam")
    assert (station.operator_id, station.operator_name) == ("NLLIN", "Lin Laadt")
    assert station.facilities == {Facility.FOOD, Facility.WIFI}
    gun = station.connectors[0]
    assert gun.ref == ConnectorRef("NLLIN", "NL*LIN*Eu1")
    assert (gun.plug, gun.power_kw, gun.pile) == (Plug.TYPE2, Decimal("22.1"), "u1")
    assert (gun.status, gun.status_at) == (ConnectorStatus.FREE, datetime(2025, 3, 3, 10, 55, tzinfo=UTC))
    assert gun.no_price is NoPrice.NOT_PUBLISHED


@pytest.mark.parametrize(
    "wrap", [lambda one: [one], lambda one: {"data": [one], "status_code": 1000}, lambda one: one]
)
def test_lists_envelopes_and_single_objects(tmp_path: Path, wrap: Any) -> None:
    found = read("ocpi-json", write_json(tmp_path / "l.json.gz", wrap(location())))
    assert found.only.external_id == "NLLIN:L1"
    assert read("ocpi-json", write_lines(tmp_path / "l.jsonl", [location()])).stations == found.stations


def test_one_evse_with_two_plugs_is_one_pile(tmp_path: Path) -> None:
    plugs = [plug(), plug(id="2", standard="CHADEMO", power_type="DC", max_electric_power=50_000)]
    type2, chademo = of(tmp_path, location(evses=[evse(connectors=plugs)])).only.connectors
    assert (type2.ref.connector_id, chademo.ref.connector_id) == ("NL*LIN*Eu1:1", "NL*LIN*Eu1:2")
    assert type2.pile == chademo.pile == "u1"
    assert (chademo.plug, chademo.power_kw) == (Plug.CHADEMO, Decimal("50.0"))


def test_statuses(tmp_path: Path) -> None:
    wanted = {
        "AVAILABLE": ConnectorStatus.FREE,
        "BLOCKED": ConnectorStatus.OCCUPIED,
        "CHARGING": ConnectorStatus.CHARGING,
        "INOPERATIVE": ConnectorStatus.OFFLINE,
        "OUTOFORDER": ConnectorStatus.FAULT,
        "RESERVED": ConnectorStatus.RESERVED,
        "UNKNOWN": ConnectorStatus.UNKNOWN,
        "SOMETHING_NEW": ConnectorStatus.UNKNOWN,
    }
    more = [evse("planned", status="PLANNED"), evse("removed", status="REMOVED")]
    station = of(tmp_path, location(evses=[evse(word, status=word) for word in wanted] + more)).only
    assert {gun.pile: gun.status for gun in station.connectors} == wanted
    assert [gun.pile for gun in station.connectors if gun.bay_blocked] == ["BLOCKED"]


def test_the_newest_of_equal_ids_counts_whatever_the_case(tmp_path: Path) -> None:
    newer = location(id="l1", name="Newer", last_updated="2025-03-03 10:30:00+00:00")
    found = of(tmp_path, location(), newer, location(last_updated="2024-01-01T00:00:00Z"), location(party_id="WEI"))
    assert [one.name for one in found.stations] == ["Newer", "Marktplein"]
    assert found.reasons == {"duplicate_id": 2}


def test_what_must_not_be_shown(tmp_path: Path) -> None:
    assert not of(tmp_path, location(publish=False)).only.public


def test_hours(tmp_path: Path) -> None:
    regular = {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "18:00"}],
    }
    assert of(tmp_path, location(opening_times=regular)).only.hours.periods == (Period(0, 420, 1080),)
    assert of(tmp_path, location(opening_times={"twentyfourseven": True})).only.hours.always
    assert not of(tmp_path, location()).only.hours.known


def test_2_1_1(tmp_path: Path) -> None:
    old = plug(voltage=230, amperage=16, tariff_id="T1")
    for name in ("max_voltage", "max_amperage", "tariff_ids"):
        del old[name]
    place = location(evses=[evse(connectors=[old])])
    for name in ("country_code", "party_id", "publish"):
        del place[name]
    bare = tariff(element(component("ENERGY", 0.25, 0)))
    del bare["country_code"], bare["party_id"]
    found = of(tmp_path, place, tariffs=[bare])
    assert found.only.public
    assert found.only.connectors[0].ref.operator_id == "ocpi-json"
    assert found.only.connectors[0].power_kw == Decimal("11.0")
    assert found.tariff(found.only) == flat_tariff("EUR", Decimal("0.25"))


def test_refusals(tmp_path: Path) -> None:
    rows = [
        location(id=None),
        location(id="L2", coordinates={"latitude": "5.1214", "longitude": "52.0907"}),
        location(id="L3", coordinates={"latitude": "48.85", "longitude": "2.35"}),
        location(id="L4", coordinates=None),
        location(id="L5", evses=[evse(status="REMOVED")]),
        location(id="L6", evses=[]),
        location(id="L7", evses=[{"uid": "x", "connectors": 5}]),
        location(),
    ]
    found = of(tmp_path, *rows)
    assert found.only.external_id == "NLLIN:L1"
    assert found.reasons == {
        "missing_id": 1,
        "swapped_coordinates": 1,
        "outside_country": 1,
        "not_a_location": 1,
        "removed": 1,
        "no_connectors": 1,
        "unreadable": 1,
    }


def test_the_tariff_list(tmp_path: Path) -> None:
    listed = tariff(element(component("ENERGY", 0.25, 20)), last_updated="2025-02-01T00:00:00Z")
    found = of(tmp_path, location(), tariffs=[listed])
    assert found.tariff(found.only) == flat_tariff("EUR", Decimal("0.30"))
    assert found.only.connectors[0].price_seen_at == datetime(2025, 2, 1, tzinfo=UTC)
    assert of(tmp_path, location(), tariffs=[listed | {"id": "other"}]).only.connectors[0].tariff_id is None


def test_the_tariffs_of_another_party_are_not_ours(tmp_path: Path) -> None:
    other = tariff(element(component("ENERGY", 0.25, 20)), party_id="WEI")
    assert of(tmp_path, location(), tariffs=[other]).only.connectors[0].no_price is NoPrice.NOT_PUBLISHED


def test_a_tariff_we_cannot_express_is_a_text_and_is_told(tmp_path: Path) -> None:
    alt = [{"language": "nl", "text": "2 euro p/uur"}, {"language": "en", "text": "2 euro per hour"}]
    listed = tariff(element(component("TIME", 2), max_age=900), tariff_alt_text=alt)
    found = of(tmp_path, location(), location(id="L2"), tariffs=[listed])
    assert [one.price_text for one in found.stations] == ["2 euro per hour", "2 euro per hour"]
    assert {one.connectors[0].no_price for one in found.stations} == {NoPrice.TEXT_ONLY}
    assert [(one.external_id, one.reason, one.detail) for one in found.rejected] == [
        ("tariff NLLIN:T1", "unsupported_tariff", "restriction max_age")
    ]
    silent = of(tmp_path, location(), tariffs=[listed | {"tariff_alt_text": None}])
    assert silent.only.connectors[0].no_price is NoPrice.NOT_PUBLISHED


def test_an_impossible_price_is_not_shown(tmp_path: Path) -> None:
    found = of(tmp_path, location(), tariffs=[tariff(element(component("ENERGY", 25, 0)))])
    assert found.only.connectors[0].no_price is NoPrice.IMPLAUSIBLE
    assert found.reasons == {"implausible_price": 1}


def test_several_tariffs_that_differ_leave_the_price_open(tmp_path: Path) -> None:
    both = location(evses=[evse(connectors=[plug(tariff_ids=["T1", "T2"])])])
    cheap, dear = element(component("ENERGY", 0.25, 0)), element(component("ENERGY", 0.50, 0))
    differing = of(tmp_path, both, tariffs=[tariff(cheap), tariff(dear, id="T2")])
    assert differing.only.connectors[0].no_price is NoPrice.NOT_PUBLISHED
    equal = of(tmp_path, both, tariffs=[tariff(cheap), tariff(cheap, id="T2")])
    assert equal.tariff(equal.only) == flat_tariff("EUR", Decimal("0.25"))
    ad_hoc = of(tmp_path, both, tariffs=[tariff(cheap), tariff(dear, id="T2", type="AD_HOC_PAYMENT")])
    assert ad_hoc.tariff(ad_hoc.only) == flat_tariff("EUR", Decimal("0.50"))


def test_the_newest_tariff_counts_and_odd_ones_are_told(tmp_path: Path) -> None:
    old = tariff(element(component("ENERGY", 0.25, 0)), last_updated="2024-01-01T00:00:00Z")
    new = tariff(element(component("ENERGY", 0.35, 0)), last_updated="2025-01-01T00:00:00Z")
    found = of(tmp_path, location(), tariffs=[new, old, {"id": "x"}])
    assert found.tariff(found.only) == flat_tariff("EUR", Decimal("0.35"))
    assert found.reasons == {"not_a_tariff": 1}


def test_the_dutch_pair_is_found_by_its_names(tmp_path: Path) -> None:
    write_json(tmp_path / "charging_point_tariffs_ocpi.json.gz", [tariff(element(component("ENERGY", 0.25, 0)))])
    path = write_json(tmp_path / "charging_point_locations_ocpi.json.gz", [location()])
    found = read("ocpi-json", path, clock=Fixed())
    assert found.tariff(found.only) == flat_tariff("EUR", Decimal("0.25"))


def test_a_tariff_file_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no_such_file"):
        read("ocpi-json", write_json(tmp_path / "l.json", [location()]), tariffs=str(tmp_path / "none.json"))
