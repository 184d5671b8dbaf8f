"""The commands, as a person and as a script uses them: on an empty folder, without Redis or running processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.terminal import run_command

COLUMNS = [
    *("nom_operateur", "nom_enseigne", "id_station_itinerance", "nom_station", "adresse_station", "coordonneesXY"),
    *("nbre_pdc", "id_pdc_itinerance", "puissance_nominale", "prise_type_ef", "prise_type_2"),
    *("prise_type_combo_ccs", "prise_type_chademo", "prise_type_autre", "gratuit", "tarification"),
    *("condition_acces", "horaires", "station_deux_roues", "date_maj"),
]
ROWS = [
    "Volt|Volt|FRVOLP1|Gare|1 rue de la Gare, Paris|[2.3522,48.8566]|1|FRVOLE1|50|false|false|true|false|false|"
    "false|0,45 €/kWh|Accès libre|24/7|false|2026-01-01",
    "Volt|Volt|FRVOLP2|Mairie|2 place de la Mairie, Paris|[2.3600,48.8600]|1|FRVOLE2|22|false|true|false|false|false|"
    "true||Accès libre|24/7|false|2026-01-01",
    "Volt|Volt|FRVOLP3|Nulle part|3 rue|[0,0]|1|FRVOLE3|22|false|true|false|false|false|"
    "true||Accès libre|24/7|false|2026-01-01",
]
IRVE = "\n".join([",".join(COLUMNS), *(",".join(f'"{cell}"' for cell in row.split("|")) for row in ROWS), ""])


class Terminal:
    """Runs `kilowatch …` in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *args: str, ok: bool = True, **env: str) -> str:
        here = {"KILOWATCH_HOME": str(self.home), "LANG": "en", "LC_ALL": "en", "PORT": "18650"}
        done = run_command(args, {**os.environ, **here, **env})
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if ok else done.stderr + done.stdout


@pytest.fixture
def kilowatch(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def paris(kilowatch: Terminal, tmp_path: Path) -> Terminal:
    (tmp_path / "irve.csv").write_text(IRVE, encoding="utf-8")
    kilowatch("import", "irve", str(tmp_path / "irve.csv"))
    return kilowatch


def test_an_import_says_what_it_did_and_twice_changes_nothing(paris: Terminal, tmp_path: Path) -> None:
    again = json.loads(paris("import", "irve", str(tmp_path / "irve.csv"), "--json"))
    assert (again["rows"], again["stations"], again["unchanged"], again["quarantined"]) == (3, 2, 2, 1)
    assert (again["added"], again["changed"], again["removed"]) == (0, 0, 0)


def test_near_as_a_person_reads_it(paris: Terminal) -> None:
    text = paris("near", "48.8566", "2.3522", "--kwh", "20")
    assert "Gare · Volt" in text
    assert "€9.00 for 20 kWh (€0.45/kWh)" in text
    assert "Free of charge" in text
    chinese = paris("near", "48.8566", "2.3522", "--lang", "zh-CN")
    assert "充 30 度约 €13.50" in chinese


def test_near_as_a_script_reads_it(paris: Terminal) -> None:
    page = json.loads(paris("near", "48.8566", "2.3522", "--limit", "1", "--sort", "price", "--json"))
    assert [one["name"] for one in page["stations"]] == ["Mairie"]
    assert page["stations"][0]["price"]["total"] == {"amount_minor": 0, "currency": "EUR"}
    rest = json.loads(
        paris("near", "48.8566", "2.3522", "--limit", "1", "--sort", "price", "--json", "--cursor", page["next"])
    )
    assert [one["name"] for one in rest["stations"]] == ["Gare"]
    assert rest["next"] is None


def test_near_with_filters(paris: Terminal) -> None:
    page = json.loads(paris("near", "48.8566", "2.3522", "--plug", "ccs2", "--min-power-kw", "50", "--json"))
    assert [one["name"] for one in page["stations"]] == ["Gare"]
    assert page["hidden"] == 1


def test_near_on_an_empty_folder_migrates_and_says_there_is_nothing(kilowatch: Terminal) -> None:
    assert "No stations are known yet" in kilowatch("near", "22.5410", "114.0580")


def test_negative_numbers_are_coordinates(kilowatch: Terminal) -> None:
    assert "No stations are known yet" in kilowatch("near", "-23.55", "-46.63")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["near", "114.058", "22.541"], "look swapped"),
        (["near", "999", "999"], "not on Earth"),
        (["near", "north", "south"], "not a valid float"),
        (["near", "22.5", "114", "--kwh", "9999"], "between 1 and 200"),
        (["near", "22.5", "114", "--sort", "beauty"], "not possible for sort"),
        (["near", "22.5", "114", "--cursor", "garbage"], "no such page"),
        (["import", "magic", "file.csv"], "magic"),
        (["import", "irve", "/nowhere.csv"], "nowhere.csv"),
        (["sync", "nobody"], "no supplier nobody"),
        (["wechat-menu"], "WECHAT_APP_ID"),
    ],
)
def test_mistakes_become_one_sentence(kilowatch: Terminal, args: list[str], said: str) -> None:
    assert said in kilowatch(*args, ok=False)


def test_a_file_of_another_kind_is_refused_whole(kilowatch: Terminal, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "irve" in kilowatch("import", "irve", str(tmp_path / "other.csv"), ok=False)
    assert "Nothing is in quarantine" in kilowatch("quarantine")


def test_quarantine_shows_the_reason_and_the_row(paris: Terminal) -> None:
    text = paris("quarantine")
    assert "bad_coordinates" in text
    assert "Nulle part" in text
    assert json.loads(paris("quarantine", "irve", "--json"))["reason"] == "bad_coordinates"


@pytest.mark.process
def test_sync_brings_the_sandbox_up_for_itself(kilowatch: Terminal) -> None:
    assert "300 stations (300 added" in kilowatch("sync", PORT="18652")
    near = json.loads(kilowatch("near", "22.5410", "114.0580", "--json", "--free-now"))
    assert near["stations"]
    assert near["stations"][0]["price"]["total"]["currency"] == "CNY"


def test_the_doctor_says_one_line_each(kilowatch: Terminal) -> None:
    lines = kilowatch("doctor").splitlines()
    names = [line[5:].split(":")[0] for line in lines]
    assert names[:3] == ["Python", "database", "Redis"]
    assert {"QR decoder", "outbox", "money", "supplier sandbox", "Telegram", "WeChat", "geocoder"} <= set(names)


def test_the_doctor_fails_on_what_is_set_but_unreachable(kilowatch: Terminal) -> None:
    text = kilowatch(
        "doctor",
        ok=False,
        REDIS_URL="redis://127.0.0.1:1/0",
        TELEGRAM_BOT_TOKEN="123456:canary-token-canary-token-canary",
        TELEGRAM_API_BASE="http://127.0.0.1:1",
    )
    assert "FAIL Redis" in text
    assert "FAIL Telegram" in text
    assert "canary" not in text


AWAY = "postgresql://nobody:canary@127.0.0.1:1/kilowatch"


def test_a_database_that_is_away_is_one_line_of_the_doctor(kilowatch: Terminal) -> None:
    lines = kilowatch("doctor", ok=False, DATABASE_URL=AWAY).splitlines()
    assert "FAIL database: the database does not answer" in lines
    assert {"ok   Python", "--   Telegram", "--   supplier sandbox"} <= {line.split(":")[0] for line in lines}
    told = kilowatch("near", "22.5410", "114.0580", ok=False, DATABASE_URL=AWAY)
    assert told.strip() == "kilowatch: the database does not answer (see `kilowatch doctor`)"


def test_wrong_settings_are_all_named(kilowatch: Terminal) -> None:
    text = kilowatch("doctor", ok=False, PORT="x", TELEGRAM_MODE="smoke", DATABASE_URL="canary:no url")
    assert "PORT" in text
    assert "TELEGRAM_MODE" in text
    assert "DATABASE_URL: this is no URL" in text
    assert "canary" not in text
    assert "DATABASE_URL: mysql is not" in kilowatch("doctor", ok=False, DATABASE_URL="mysql://canary@host/name")


CITY = """station_id,longitude,latitude,fast,slow,count
E1,114.0500,22.5400,4,0,4
E2,114.0800,22.5600,10,0,10
"""
SAME_CITY = """station_id,longitude_gcj02,latitude_gcj02,pile_count,zone_id,zone_has_price_series
1001,114.0500,22.5400,4,102,0
1002,114.1500,22.6600,3,102,0
"""


def test_merged_places_are_listed_with_their_reasons_and_can_be_split(kilowatch: Terminal, tmp_path: Path) -> None:
    (tmp_path / "st_evcdp_stations.csv").write_text(CITY, encoding="utf-8")
    (tmp_path / "stations.csv").write_text(SAME_CITY, encoding="utf-8")
    kilowatch("import", "st-evcdp", str(tmp_path / "st_evcdp_stations.csv"))
    assert "No place is described by more than one supplier" in kilowatch("merges")
    kilowatch("import", "urbanev", str(tmp_path / "stations.csv"))
    (place,) = json.loads(kilowatch("merges", "--json"))["places"]
    assert {one["external_id"] for one in place["stations"]} == {"E1", "1001"}
    (evidence,) = place["evidence"]
    assert (evidence["method"], evidence["distance_m"], evidence["guns"]) == ("position", 0.0, [4, 4])
    text = kilowatch("merges", "--place", place["stations"][0]["id"])
    assert "by position, score 1.0, 0 m apart, 4 and 4 guns" in text
    near = json.loads(kilowatch("near", "22.5400", "114.0500", "--datum", "gcj02", "--limit", "20", "--json"))
    assert sorted(len(row["offers"]) for row in near["stations"]) == [1, 2]
    one, other = (one["id"] for one in place["stations"])
    assert "No place" in kilowatch("merges", "--split", one, other)
    kilowatch("import", "urbanev", str(tmp_path / "stations.csv"))
    assert json.loads(kilowatch("merges", "--json")) == {"places": [], "findings": []}
    assert len(json.loads(kilowatch("merges", "--join", other, one, "--json"))["places"]) == 1
    assert "have not been split" in kilowatch("merges", "--join", one, other, ok=False)
    assert "no longer listed" in kilowatch("merges", "--split", one, "nowhere", ok=False)
