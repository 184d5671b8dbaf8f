"""UrbanEV, ST-EVCDP and CHARGED: GCJ-02, hourly series into tariffs, nonsense prices kept off the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.registers.daily_prices import HourPrice, day_tariff, last_full_days
from core.errors import UserError
from core.geo import Datum
from core.station import NoPrice, Plug
from core.tariff import Dimension
from tests.adapters.registers.reading import read, write_csv

DAY = datetime(2023, 3, 1)  # noqa: DTZ001  a local day


def hours(
    series: str, day: datetime, *, energy: str = "0.60", service: str = "0.40", only: int = 24
) -> list[HourPrice]:
    return [HourPrice(series, day + timedelta(hours=hour), energy, service) for hour in range(only)]


def test_the_last_full_day_counts() -> None:
    rows = hours("z", DAY, energy="1") + hours("z", DAY + timedelta(days=1), energy="2")
    rows += hours("z", DAY + timedelta(days=2), energy="3", only=5)
    day = last_full_days(rows)["z"]
    assert {energy for energy, _ in day.hours} == {"2"}
    assert day.last_at == DAY + timedelta(days=2, hours=4)


def test_the_order_of_rows_does_not_matter_much() -> None:
    rows = hours("z", DAY, energy="1") + hours("z", DAY + timedelta(days=1), energy="2")
    assert last_full_days(reversed(rows)) == last_full_days(rows)


def test_a_series_without_a_full_day_has_no_price() -> None:
    assert last_full_days(hours("z", DAY, only=23)) == {}


def test_hours_become_periods() -> None:
    rows = hours("z", DAY)
    rows[8:10] = [HourPrice("z", row.at, "1.20", "0.40") for row in rows[8:10]]
    tariff, no_price = day_tariff(last_full_days(rows)["z"], "CNY", "Asia/Shanghai")
    assert no_price is None
    assert tariff is not None
    assert len(tariff.elements) == 2
    at_nine = tariff.prices_at(datetime(2023, 3, 5, 1, 0, tzinfo=UTC))[Dimension.ENERGY]
    assert (at_nine.price, at_nine.service) == (Decimal("1.60"), Decimal("0.40"))


@pytest.mark.parametrize(
    ("energy", "no_price"),
    [
        ("0", NoPrice.NOT_PUBLISHED),
        ("", NoPrice.NOT_PUBLISHED),
        ("-1", NoPrice.NOT_PUBLISHED),
        ("144", NoPrice.IMPLAUSIBLE),
    ],
)
def test_days_that_are_no_price(energy: str, no_price: NoPrice) -> None:
    rows = hours("z", DAY, service="0")
    rows[3] = HourPrice("z", rows[3].at, energy)
    assert day_tariff(last_full_days(rows)["z"], "BRL", "America/Sao_Paulo") == (None, no_price)


def urban(**changes: Any) -> dict[str, Any]:
    return {
        "station_id": "1",
        "longitude_gcj02": "114.0580",
        "latitude_gcj02": "22.5410",
        "pile_count": "6",
        "zone_id": "7",
    } | changes


def zone_prices(folder: Path, zone: str) -> None:
    rows = [
        {
            "zone_id": zone,
            "time": f"2023-02-28T{hour:02}:00+08:00",
            "e_price_cny_kwh": "1.10" if 8 <= hour < 22 else "0.50",
            "s_price_cny_kwh": "0.60",
        }
        for hour in range(24)
    ]
    write_csv(folder / "zone_price_hourly.csv.gz", rows)


def test_urbanev_with_prices_beside_it(tmp_path: Path) -> None:
    zone_prices(tmp_path, "7")
    found = read("urbanev", write_csv(tmp_path / "stations.csv", [urban(), urban(station_id="2", zone_id="8")]))
    priced, unpriced = found.stations
    assert found.supplier.id == "urbanev-shenzhen"
    assert found.supplier.datum is priced.source_datum is Datum.GCJ02
    assert priced.point.datum is Datum.WGS84
    assert priced.point.lat > 22.543  # moved by the shift
    gun = priced.connectors[0]
    assert (gun.plug, gun.power_kw, gun.count) == (Plug.UNKNOWN, None, 6)
    assert gun.price_seen_at == datetime(2023, 2, 28, 15, tzinfo=UTC)
    assert found.tariff(priced).time_zone == "Asia/Shanghai"
    noon = datetime(2023, 3, 10, 4, tzinfo=UTC)
    assert found.tariff(priced).prices_at(noon)[Dimension.ENERGY].price == Decimal("1.70")
    assert unpriced.connectors[0].no_price is NoPrice.NOT_PUBLISHED


def test_the_datum_can_be_chosen(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "stations.csv", [urban()])
    station = read("urbanev", path, datum=Datum.WGS84, supplier_id="mine").only
    assert (station.point.lat, station.point.lng) == (22.5410, 114.0580)
    assert (station.source_datum, station.supplier_id) == (Datum.WGS84, "mine")


def test_urbanev_refusals(tmp_path: Path) -> None:
    rows = [
        urban(latitude_gcj02="114.0580", longitude_gcj02="22.5410"),
        urban(station_id="2", pile_count="0"),
        urban(station_id="3", latitude_gcj02="52.5", longitude_gcj02="13.4"),
    ]
    assert read("urbanev", write_csv(tmp_path / "stations.csv", rows)).reasons == {
        "swapped_coordinates": 1,
        "no_connectors": 1,
        "outside_country": 1,
    }


def test_st_evcdp_counts_fast_and_slow(tmp_path: Path) -> None:
    row = {"station_id": "E1", "longitude": "114.0580", "latitude": "22.5410", "fast": "2", "slow": "3", "count": "5"}
    found = read(
        "st-evcdp", write_csv(tmp_path / "s.csv", [row, row | {"station_id": "E2", "fast": "0", "slow": "0"}])
    )
    assert [(one.label, one.count, one.plug) for one in found.only.connectors] == [
        ("fast", 2, Plug.UNKNOWN),
        ("slow", 3, Plug.UNKNOWN),
    ]
    assert found.only.point.lat > 22.543
    assert found.reasons == {"no_connectors": 1}


def charged(tmp_path: Path, folder: str, lat: str, lng: str, prices: dict[str, str] | None = None) -> Path:
    """Two stations, of which "1" is 0.01 degrees further north; three piles."""
    home = tmp_path / folder
    home.mkdir()
    stations = [
        {"station_id": "0", "longitude": lng, "latitude": lat, "pile_num": "2", "avg_power_kw": "11.0"},
        {
            "station_id": "1",
            "longitude": lng,
            "latitude": str(float(lat) + 0.01),
            "pile_num": "1",
            "avg_power_kw": "0.0",
        },
    ]
    piles = [("a", "0", "22.0"), ("b", "0", "0.0"), ("c", "1", "7.4")]
    write_csv(home / "stations.csv", stations)
    write_csv(home / "piles.csv", [{"pile_id": p, "station_id": s, "avg_power_kw": kw} for p, s, kw in piles])
    if prices:
        rows = [
            {"station_id": station, "time_local": f"2023-09-30T{hour:02}:00:00", "e_price": price, "busy_hours": "0"}
            for station, price in prices.items()
            for hour in range(24)
        ]
        write_csv(home / "price_occupancy_hourly.csv.gz", rows)
    return home


def test_charged_piles(tmp_path: Path) -> None:
    found = read("charged", charged(tmp_path, "charged-amsterdam", "52.37", "4.90"))
    assert found.supplier.id == "charged-amsterdam"
    assert found.supplier.datum is Datum.WGS84
    first, second = found.stations
    assert (first.name, first.country, first.time_zone) == ("Amsterdam 0", "NL", "Europe/Amsterdam")
    assert [(one.pile, one.power_kw) for one in first.connectors] == [("a", Decimal("22.0")), ("b", None)]
    assert [(one.pile, one.power_kw) for one in second.connectors] == [("c", Decimal("7.4"))]


def test_charged_without_piles(tmp_path: Path) -> None:
    home = charged(tmp_path, "shenzhen", "22.5410", "114.0580")
    path = (home / "stations.csv").rename(home / "charged_stations_2023.csv")
    found = read("charged", path)
    assert found.supplier.id == "charged-shenzhen"
    assert found.supplier.datum is Datum.GCJ02
    assert found.stations[0].point.lat > 22.543
    # The piles in the folder belong to another file.
    assert [(one.count, one.power_kw) for one in found.stations[0].connectors] == [(2, Decimal("11.0"))]
    assert found.stations[1].connectors[0].power_kw is None


def test_charged_prices(tmp_path: Path) -> None:
    home = charged(tmp_path, "charged-sao-paulo", "-23.60", "-46.67", {"0": "1.9", "1": "144"})
    found = read("charged", home)
    good, bad = found.stations
    assert found.tariff(good).currency == "BRL"
    assert good.connectors[0].price_seen_at == datetime(2023, 10, 1, 2, tzinfo=UTC)
    assert {one.no_price for one in bad.connectors} == {NoPrice.IMPLAUSIBLE}
    assert [(one.external_id, one.reason, one.detail) for one in found.rejected] == [
        ("1", "implausible_price", "144 BRL/kWh")
    ]


def test_charged_at_zero_is_unknown(tmp_path: Path) -> None:
    found = read("charged", charged(tmp_path, "charged-sao-paulo", "-23.60", "-46.67", {"0": "0", "1": "0"}))
    assert {gun.no_price for one in found.stations for gun in one.connectors} == {NoPrice.NOT_PUBLISHED}
    assert found.rejected == []


def test_charged_of_a_city_we_do_not_know(tmp_path: Path) -> None:
    abroad = read("charged", charged(tmp_path, "charged-oslo", "59.91", "10.75", {"0": "1.9", "1": "1.9"}))
    assert abroad.supplier.id == "charged-oslo"
    assert abroad.supplier.datum is Datum.WGS84
    # Without its currency a number is no price.
    assert abroad.stations[0].connectors[0].no_price is NoPrice.NOT_PUBLISHED
    inside = read("charged", charged(tmp_path, "charged-guangzhou", "23.13", "113.26"))
    assert inside.supplier.datum is Datum.GCJ02


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "stations.csv", [urban()])
    for kind in ("charged", "st-evcdp", "bnetza", "ocm", "uk-ncr", "irve", "ocpi-json"):
        with pytest.raises(UserError, match="wrong_file"):
            read(kind, path)
    with pytest.raises(UserError, match="unknown_kind"):
        read("gas-stations", path)
    with pytest.raises(UserError, match="no_such_file"):
        read("urbanev", tmp_path / "nothing")
