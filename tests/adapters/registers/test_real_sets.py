"""Every real station set beside the repository: rows in, stations out, what was refused and why."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import UserError
from core.geo import Point, distance_m
from core.station import ConnectorStatus, NoPrice, Plug
from core.tariff import Dimension
from tests.adapters.registers.reading import Read, read
from tests.shared import shared


@dataclass(frozen=True)
class Set:
    """What one set holds. `beside` are reasons that come in addition to the station instead of in its place."""

    kind: str
    path: str
    supplier_id: str
    rows: int
    stations: int
    guns: int
    priced: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


SETS = (
    Set("bnetza", "bnetza/charging_stations.jsonl.gz", "bnetza", 485, 485, 1073),
    Set(
        "ocm", "ocm/poi.jsonl.gz", "ocm", 2626, 2601, 8029, 326,
        {"bad_coordinates": 11, "planned": 11, "outside_country": 2, "no_connectors": 1},
    ),
    Set(
        "irve", "france-irve/stations_idf_2021-12-05.csv", "irve", 672, 612, 4762, 31,
        {"missing_id": 56, "duplicate_id": 2, "swapped_coordinates": 2},
    ),
    Set("irve", "france-irve/stations_idf_2022-12-05.csv", "irve", 1556, 1547, 10895, 11, {"not_for_cars": 9}),
    Set("irve", "france-irve/exemple-valide-statique.csv", "irve", 2, 2, 4, 2),
    Set(
        "uk-ncr", "uk-ncr/national-charge-point-registry-2022-05.csv.gz", "uk-ncr", 3968, 3958, 7683, 1508,
        {"broken_line": 4, "planned": 4, "outside_country": 2},
    ),
    Set("urbanev", "shenzhen/stations.csv", "urbanev-shenzhen", 1099, 1099, 14146, 176),
    Set(
        "st-evcdp", "shenzhen/st_evcdp_stations_2022-06.csv", "st-evcdp", 1373, 1329, 18855, 0, {"no_connectors": 44},
    ),
    Set("charged", "shenzhen/charged_stations_2023.csv", "charged-shenzhen", 1162, 1162, 1775),
    Set(
        "charged", "charged-sao-paulo", "charged-sao-paulo", 47, 47, 50, 0, {"implausible_price": 37},
        beside=("implausible_price",),
    ),
    Set("charged", "charged-los-angeles/stations.csv", "charged-los-angeles", 229, 229, 506),
    Set("charged", "charged-amsterdam", "charged-amsterdam", 2449, 2449, 3526),
)  # fmt: skip


@pytest.fixture(scope="module")
def sets() -> dict[str, Read]:
    """Each set is read once for all tests that look at it."""
    return {}


def of(sets: dict[str, Read], kind: str, path: str) -> Read:
    if path not in sets:
        sets[path] = read(kind, shared("data", *path.split("/")))
    return sets[path]


@pytest.mark.parametrize("known", SETS, ids=lambda one: one.path)
def test_counts(sets: dict[str, Read], known: Set) -> None:
    found = of(sets, known.kind, known.path)
    assert found.supplier.id == known.supplier_id
    assert found.reasons == known.rejected
    assert len(found.stations) == len({one.id for one in found.stations}) == known.stations
    assert sum(one.guns for one in found.stations) == known.guns
    assert sum(any(gun.tariff_id for gun in one.connectors) for one in found.stations) == known.priced
    instead = sum(count for reason, count in known.rejected.items() if reason not in known.beside)
    assert known.rows == known.stations + instead
    assert known.rows == rows_in(shared("data", *known.path.split("/")))


def rows_in(path: Path) -> int:
    """Records by another way than ours."""
    path = path / "stations.csv" if path.is_dir() else path
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    if ".jsonl" in path.name:
        return len(text.splitlines())
    return sum(1 for _ in csv.reader(text.splitlines(keepends=True))) - 1


@pytest.mark.parametrize("known", SETS, ids=lambda one: one.path)
def test_what_every_station_has(sets: dict[str, Read], known: Set) -> None:
    found = of(sets, known.kind, known.path)
    refs = Counter(gun.ref for one in found.stations for gun in one.connectors)
    assert max(refs.values()) == 1
    for one in found.stations:
        assert one.name
        assert one.licence
        assert one.attribution
        assert len(one.country) == 2
        assert "/" in one.time_zone
        assert not one.time_zone.startswith("Etc/")
        for gun in one.connectors:
            assert (gun.tariff_id is None) == (gun.no_price is not None)
            assert gun.tariff_id is None or gun.tariff_id in found.tariffs
    assert all(one.raw and one.external_id for one in found.rejected)


def test_importing_twice_gives_the_same(sets: dict[str, Read]) -> None:
    path = "france-irve/stations_idf_2022-12-05.csv"
    assert of(sets, "irve", path) == read("irve", shared("data", *path.split("/")))


# Each distinct text of a real set that became a number, read by eye.
UNDERSTOOD = {
    ("ocm", "GB", "FREE", "0 GBP"): 1,
    ("ocm", "GB", "Free", "0 GBP"): 81,  # 106 more are free for members only
    ("ocm", "IE", "Free", "0 EUR"): 10,
    ("ocm", "CA", "Free", "0 CAD"): 137,
    ("ocm", "US", "FREE", "0 USD"): 2,
    ("ocm", "US", "Free", "0 USD"): 89,
    ("ocm", "US", "free", "0 USD"): 5,
    ("ocm", "US", "$0.20/kWh", "0.2 USD"): 1,
    ("uk-ncr", "GB", "", "0 GBP"): 1479,  # no payment and no subscription required
    ("uk-ncr", "GB", "Free to use", "0 GBP"): 10,
    ("uk-ncr", "GB", "12p/per kWh", "0.12 GBP"): 1,
    ("uk-ncr", "GB", "15p per kWh", "0.15 GBP"): 11,
    ("uk-ncr", "GB", "25p per kWh", "0.25 GBP"): 6,
    ("uk-ncr", "GB", "25p per kwh", "0.25 GBP"): 1,
    ("irve", "FR", "0.40€ / kwh", "0.4 EUR"): 2,
}


def test_the_texts_that_became_prices(sets: dict[str, Read]) -> None:
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for kind, path in (
        ("ocm", "ocm/poi.jsonl.gz"),
        ("uk-ncr", "uk-ncr/national-charge-point-registry-2022-05.csv.gz"),
        ("irve", "france-irve/exemple-valide-statique.csv"),
    ):
        found = of(sets, kind, path)
        for one in found.stations:
            if one.connectors[0].tariff_id:
                tariff = found.tariff(one)
                (component,) = tariff.elements[0].components
                price = f"{component.price.normalize():f} {tariff.currency}"
                seen[(kind, one.country, one.price_text, price)] += 1
    assert seen == UNDERSTOOD


def test_texts_that_did_not(sets: dict[str, Read]) -> None:
    found = of(sets, "ocm", "ocm/poi.jsonl.gz")
    texts = [one for one in found.stations if one.price_text]
    understood = sum(one.connectors[0].no_price is None for one in texts)
    assert (len(texts), understood) == (762, 326)
    assert {one.connectors[0].no_price for one in texts} == {None, NoPrice.TEXT_ONLY, NoPrice.MEMBERS}


def test_uk_texts_are_repaired(sets: dict[str, Read]) -> None:
    found = of(sets, "uk-ncr", "uk-ncr/national-charge-point-registry-2022-05.csv.gz")
    words = [f"{one.price_text} {one.guide} {one.parking.text}" for one in found.stations]
    assert not any("Â" in text or "â€" in text or "<br" in text for text in words)
    assert any("£1.70 Per Hour If PAYG" in text for text in words)
    broken = [one for one in found.rejected if one.reason == "broken_line"]
    assert [one.detail for one in broken] == [
        "line 993: 52 fields instead of 158",
        "line 994: 107 fields instead of 158",
        "line 996: 52 fields instead of 158",
        "line 997: 107 fields instead of 158",
    ]
    assert broken[0].raw.startswith("0df94ca5d0479fab1af38bc25e84e0bf,3229,London Road Car Park")
    assert sum(one.public for one in found.stations) == 3820
    faults = sum(gun.status is ConnectorStatus.FAULT for one in found.stations for gun in one.connectors)
    assert faults == 323  # 317 guns out of service, and more of which only the device says so


def test_swapped_stations_of_paris(sets: dict[str, Read]) -> None:
    found = of(sets, "irve", "france-irve/stations_idf_2021-12-05.csv")
    swapped = {one.external_id for one in found.rejected if one.reason == "swapped_coordinates"}
    assert swapped == {"FRBSCP75019000000245", "FRBSPP78000000000428"}


def test_both_dates_of_france_share_ids(sets: dict[str, Read]) -> None:
    older = of(sets, "irve", "france-irve/stations_idf_2021-12-05.csv")
    newer = of(sets, "irve", "france-irve/stations_idf_2022-12-05.csv")
    both = {one.id for one in older.stations} & {one.id for one in newer.stations}
    assert len(both) == 238


def test_our_columns_are_those_of_the_official_schema() -> None:
    schema = json.loads(shared("data", "france-irve", "schema-statique.json").read_text(encoding="utf-8"))
    example = shared("data", "france-irve", "exemple-valide-statique.csv")
    header = next(csv.reader(example.read_text(encoding="utf-8").splitlines()))
    assert header == [one["name"] for one in schema["fields"]]
    station = read("irve", example).stations[0]
    assert [gun.plug for gun in station.connectors] == [Plug.TYPE2, Plug.DOMESTIC]
    assert len(station.hours.periods) == 11
    with pytest.raises(UserError, match="wrong_file"):
        read("irve", shared("data", "france-irve", "exemple-valide-dynamique.csv"))


def test_shenzhen_prices_are_those_of_the_last_day(sets: dict[str, Read]) -> None:
    found = of(sets, "urbanev", "shenzhen/stations.csv")
    priced = [one for one in found.stations if one.connectors[0].tariff_id]
    assert {one.connectors[0].price_seen_at for one in priced} == {datetime(2023, 2, 28, 15, tzinfo=UTC)}
    series = gzip.decompress(shared("data", "shenzhen", "zone_price_hourly.csv.gz").read_bytes()).decode()
    rows = csv.DictReader(series.splitlines())
    wanted = {row["time"]: row for row in rows if row["zone_id"] == "516" and row["time"].startswith("2023-02-28")}
    zones = csv.DictReader(shared("data", "shenzhen", "stations.csv").read_text(encoding="utf-8").splitlines())
    in_zone = {row["station_id"] for row in zones if row["zone_id"] == "516"}
    one = next(one for one in priced if one.external_id in in_zone)
    for text, row in wanted.items():
        price = found.tariff(one).prices_at(datetime.fromisoformat(text))[Dimension.ENERGY]
        assert str(price.price) == f"{float(row['e_price_cny_kwh']) + float(row['s_price_cny_kwh']):.4f}"
        assert str(price.service) == row["s_price_cny_kwh"]


def test_the_three_surveys_of_shenzhen_meet_in_wgs84(sets: dict[str, Read]) -> None:
    """Equal GCJ-02 points stay equal, and they lie where the shift puts them."""
    urban = {one.point for one in of(sets, "urbanev", "shenzhen/stations.csv").stations}
    older = {one.point for one in of(sets, "st-evcdp", "shenzhen/st_evcdp_stations_2022-06.csv").stations}
    assert len(urban & older) > 1000
    first = of(sets, "urbanev", "shenzhen/stations.csv").stations[0]
    raw = Point(22.7259, 113.785002)
    assert 400 < distance_m(first.point, raw) < 700


def test_sao_paulo_shows_no_nonsense(sets: dict[str, Read]) -> None:
    found = of(sets, "charged", "charged-sao-paulo")
    reasons = Counter(gun.no_price for one in found.stations for gun in one.connectors[:1])
    assert reasons == {NoPrice.IMPLAUSIBLE: 37, NoPrice.NOT_PUBLISHED: 10}
    assert {"800 BRL/kWh", "300 BRL/kWh", "144 BRL/kWh"} <= {one.detail for one in found.rejected}
