"""The checks every row passes: coordinates, countries, texts, numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters import checks
from adapters.checks import Refused
from adapters.text import clean, decimal, evse_key, flag, number, power_kw, repaired, slug, utc, whole
from adapters.timezones import country_at, in_or_near, is_time_zone, time_zone_at
from core.geo import Datum
from core.station import Connector, ConnectorRef, Plug


def reason(*args: object) -> str:
    with pytest.raises(Refused) as refusal:
        checks.place(*args)  # type: ignore[arg-type]
    return refusal.value.reason


def test_a_good_point() -> None:
    point = checks.place("51,5", "-0.12", Datum.WGS84, "GB")
    assert (point.lat, point.lng) == (51.5, -0.12)


def test_gcj02_becomes_wgs84() -> None:
    point = checks.place(22.5410, 114.0580, Datum.GCJ02, "CN")
    assert point.datum is Datum.WGS84
    assert 0.002 < point.lat - 22.5410 < 0.004
    assert 0.004 < 114.0580 - point.lng < 0.006


@pytest.mark.parametrize(
    ("lat", "lng"),
    [(None, 1), ("", ""), ("x", "1"), (0, 0), (0.0, "0.0"), ("nan", 2), (float("inf"), 2), (95, 190), (True, 1)],
)
def test_no_coordinates(lat: object, lng: object) -> None:
    assert reason(lat, lng, Datum.WGS84, "FR") == "bad_coordinates"


def test_swapped() -> None:
    assert reason(2.374063, 48.884949, Datum.WGS84, "FR") == "swapped_coordinates"
    assert reason(114.058, 22.541, Datum.WGS84, "CN") == "swapped_coordinates"
    assert reason(-118.3, 34.0, Datum.WGS84, "") == "swapped_coordinates"


def test_outside_the_country() -> None:
    assert reason(40.416288, -3.703373, Datum.WGS84, "GB") == "outside_country"
    # Beyond the pole, and exchanged in another country: not a mix-up of this set.
    assert reason(114.058, 22.541, Datum.WGS84, "FR") == "bad_coordinates"


def test_without_a_known_country_nothing_is_compared() -> None:
    assert checks.place(40.4, -3.7, Datum.WGS84, "").lat == 40.4
    assert checks.place(40.4, -3.7, Datum.WGS84, "ZZ").lat == 40.4


def test_borders_coasts_and_overseas_places_are_inside() -> None:
    assert in_or_near(47.5900, 7.5890, "DE")  # Weil am Rhein, where three countries meet
    assert in_or_near(50.7360, -1.0000, "GB")  # off the coast of Hampshire
    assert in_or_near(-20.88, 55.45, "FR")  # Réunion
    assert not in_or_near(48.85, 2.35, "DE")


def test_countries_and_zones() -> None:
    assert country_at(52.37, 4.90) == "NL"
    assert country_at(40.0, -40.0) is None
    assert time_zone_at(22.54, 114.05) == "Asia/Shanghai"
    assert time_zone_at(40.0, -40.0, "PT") == "Europe/Lisbon"
    assert time_zone_at(40.0, -40.0) == "UTC"
    assert is_time_zone("Europe/Paris")
    assert not is_time_zone("Europe/Nowhere")
    assert not is_time_zone(None)


def gun(plug: Plug = Plug.TYPE2, power: str = "22", count: int = 1) -> Connector:
    return Connector(ConnectorRef("x", "1"), plug, Decimal(power), count=count)


def test_guns() -> None:
    with pytest.raises(Refused, match="no_connectors"):
        checks.guns([])
    with pytest.raises(Refused, match="implausible_count"):
        checks.guns([gun(count=5000)])
    assert checks.guns([gun()]) == (gun(),)


def test_a_household_socket_has_no_22_kw() -> None:
    assert checks.guns([gun(Plug.DOMESTIC)])[0].power_kw is None
    assert checks.guns([gun(Plug.DOMESTIC, "3.7")])[0].power_kw == Decimal("3.7")


def test_texts_lose_markup_and_control_characters() -> None:
    assert clean("Car park<br> A &amp; B\x00\u202e\n C") == "Car park A & B C"
    assert clean("<script>x</script>") == clean("&lt;script&gt;x&lt;/script&gt;") == "x"
    assert clean("over 50kW <60kW; >=60kW") == "over 50kW <60kW; >=60kW"
    assert clean("深圳 充电站 🔌") == "深圳 充电站 🔌"
    assert clean("a" * 300, 200) == "a" * 199 + "…"
    assert clean(None) == ""


def test_double_encoding_is_undone_and_nothing_else() -> None:
    assert repaired("Â£1.50, centreâ€™s, £3") == "£1.50, centre’s, £3"
    assert repaired("Âge Ångström £6") == "Âge Ångström £6"


def test_numbers() -> None:
    assert number("48,5") == 48.5
    assert number("1,234.5") is None
    assert decimal("0.30") == Decimal("0.30")
    assert decimal("NaN") is None
    assert whole("4.0") == 4
    assert whole("4.5") is None
    assert power_kw("0.0") is None
    assert power_kw(22000) is None
    assert power_kw("3.68") == Decimal("3.7")
    assert power_kw("0.01") is None
    assert (flag("TRUE"), flag("0"), flag(""), flag(True)) == (True, False, None, True)


def test_ids_and_times() -> None:
    assert evse_key(" fr*SOD *P1 ") == "FRSODP1"
    assert slug("Réseau de recharge (ABC) Ltd.") == "reseau-de-recharge-abc-ltd"
    assert utc("2022-10-18T12:35:49+0200") == datetime(2022, 10, 18, 10, 35, 49, tzinfo=UTC)
    assert utc("2022-10-18 12:35:49") == datetime(2022, 10, 18, 12, 35, 49, tzinfo=UTC)
    assert utc("0000-00-00 00:00:00") is None
    assert utc("soon") is None
