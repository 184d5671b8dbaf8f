"""`kilowatch replay prices`: any hourly record, as a person and as a script read it."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import commands
from tests.shared import shared
from tests.test_cli import Terminal

START = datetime(2026, 1, 5)  # noqa: DTZ001  # the record has no zone


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, ["replay", "prices", *args])


def report(path: Path, *args: str) -> dict:
    done = run(str(path), "--json", *args)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def record(days: int, header: str = "station_id,time,price_cny_kwh") -> str:
    hours = (START + timedelta(hours=hour) for hour in range(24 * days))
    return "\n".join([header, *(f"A,{at.isoformat()},{'0.80' if at.hour < 7 else '1.50'}" for at in hours)]) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(record(35), encoding="utf-8")
    return path


def test_the_prices_of_shenzhen() -> None:
    found = report(shared("data", "shenzhen", "zone_price_hourly.csv.gz"))
    assert {name: found[name] for name in ("readings", "series", "currency", "skipped")} == {
        "readings": 156_384, "series": 36, "currency": "CNY", "skipped": 0,
    }  # fmt: skip
    # As the README of the data counts them.
    assert [found[name] for name in ("changes", "drops", "drops_5pct", "drops_30pct")] == [14_694, 7_283, 3_096, 181]
    assert found["gate"]["held"] == 0
    rates, truth = found["alerts_per_series_day"], found["truth"]
    assert rates["any_drop"] > 1
    assert rates["ours"] < 0.02
    assert truth["ours"]["lower_next_day"] > 0.6 > 0.2 > truth["drop_5pct"]["lower_next_day"]


def test_the_absurd_prices_of_sao_paulo_alert_nobody(tmp_path: Path) -> None:
    path = shared("data", "charged-sao-paulo", "price_occupancy_hourly.csv.gz")
    some = tmp_path / "some.csv"
    with gzip.open(path, "rt", encoding="utf-8") as text:
        # Station 8 is the one with 0, 0.0133 and 13.6 among its 150.
        some.write_text("".join(line for line in islice(text, 40_000) if line[:2] in ("st", "8,", "9,")))
    found = report(some)
    assert (found["series"], found["changes"], found["currency"]) == (2, 22, None)
    assert (found["alerts"]["ours"], found["absurd_alerts"]) == (0, 0)
    assert found["gate"]["held"] > 4_000
    # As centavos they are prices, but for the zeros and what they rise from.
    cents = tmp_path / "cents.csv"
    lines = some.read_text().splitlines()
    cents.write_text("\n".join([lines[0], *(_hundredth(line) for line in lines[1:])]))
    found = report(cents, "--currency", "brl", "--tz", "America/Sao_Paulo")
    assert (found["alerts"]["ours"], found["absurd_alerts"], found["currency"]) == (0, 0, "BRL")


def _hundredth(line: str) -> str:
    station, at, price, busy = line.split(",")
    return f"{station},{at},{price}e-2,{busy}"


def test_as_a_person_reads_it(file: Path, tmp_path: Path) -> None:
    text = Terminal(tmp_path / "home")("replay", "prices", str(file), "--inject", "1")
    assert "prices.csv: 1 series, 840 readings, 0 lines skipped" in text
    assert "69 changes; 34 drops, 34 of 5 % or more, 34 of 30 % or more" in text
    assert "any_drop           7   1.0060" in text
    assert "ours               0   0.0000" in text


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    header = "id,e_price_eur_kwh,TIMESTAMP,service_price_eur_kwh,volume\n"
    path.write_text(
        header + "A,0.20,2026-01-05T00:00Z,0.05,1\nA,0.20,2026-01-05T01:00Z,0.03,1\n", encoding="utf-8-sig"
    )
    found = report(path)
    assert (found["currency"], found["changes"], found["drops_5pct"]) == ("EUR", 1, 1)
    path.write_text("time,price\n2026-01-05T00:00Z,1\n\nnever,1\n2026-01-05T02:00Z,\n2026-01-05T03:00Z,NaN\n")
    found = report(path)
    assert (found["series"], found["readings"], found["skipped"]) == (1, 1, 4)
    path.write_text(record(1).replace("0.80", "1e999999"), encoding="utf-8")
    assert report(path)["skipped"] == 7


def test_changes_put_into_it(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(record(60), encoding="utf-8")
    found = report(path, "--inject", "1", "--seed", "3")["injected"]
    assert found["promotion"]["recall"] == 1.0
    assert found["typo"]["false_alarms"] == found["unit_error"]["false_alarms"] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "no column with a time and a price among: a, b"),
        ("", "no column with a time and a price among: "),
        ("time,price\n", "no line with a time and a price"),
        ("time,price\n2026-01-05T03:00,1\n2026-01-05T02:00,2\n", "after a later one"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(content, encoding="utf-8")
    done = run(str(path))
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, file: Path) -> None:
    packed = tmp_path / "prices.csv.gz"
    packed.write_bytes(b"\x1f\x8b nothing")
    assert "prices.csv.gz cannot be read" in run(str(packed)).stderr
    assert "no time zone Nowhere" in run(str(file), "--tz", "Nowhere").stderr


def test_a_series_as_a_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    done = run(str(file), "--picture", str(picture), "--series", "A", "--days", "7", "--lang", "en")
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused = run(str(file), "--picture", str(picture), "--series", "B")
    assert refused.exit_code == 2
    assert "no series B; there are: A" in refused.output
