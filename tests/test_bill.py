"""`kilowatch bill`: charge records of all versions made again from their tariffs, by file and at the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.ocpi.bills import recomputed
from bots.wording import phrases, wording
from core.errors import UserError
from tests.adapters.ocpi.test_cdrs import period, record
from tests.adapters.ocpi.test_tariffs import component, element, tariff
from tests.shared import shared

ROOT = Path(__file__).resolve().parent.parent
# 1.9 h of charging and 71 minutes parked on a Saturday afternoon, with 43 A.
SATURDAY = {
    "start_date_time": "2026-01-17T12:30:00Z", "end_date_time": "2026-01-17T15:35:00Z", "currency": "EUR",
    "country_code": "DE", "total_cost": {"excl_vat": 12.28, "incl_vat": 13.861},
    "charging_periods": [
        {"start_date_time": "2026-01-17T12:30:00Z",
         "dimensions": [{"type": "TIME", "volume": 1.9}, {"type": "MIN_CURRENT", "volume": 43}]},
        {"start_date_time": "2026-01-17T14:24:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 1.1833}]},
    ],
}  # fmt: skip


class Folder:
    """Files of a tariff and a record, and the bill of them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str, content: Any) -> str:
        path = self.path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    def bill(self, prices: Any, cdr: Any, **options: Any) -> dict[str, Any]:
        named = prices if prices == "-" else self.file("tariff.json", prices)
        return recomputed(named, self.file("cdr.json", cdr), **options).to_json()

    def problem(self, prices: Any, cdr: Any, **options: Any) -> str:
        """The sentence a person gets."""
        with pytest.raises(UserError) as raised:
            self.bill(prices, cdr, **options)
        return phrases.error(wording("en"), raised.value).replace(f"{self.path}/", "")


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def sides(net: str | None, gross: str | None) -> dict[str, str | None]:
    return {"excl_vat": net, "incl_vat": gross}


ENERGY = element(component("ENERGY", 0.25, 10))
CHARGED = record(period("12:00:00", TIME=2, ENERGY=20))


class TestVersions:
    def test_2_2_1(self, files: Folder) -> None:
        """20 kWh at 0.25, with 10 % VAT; the record asks 5.00 and 6.00."""
        assert files.bill(tariff(ENERGY), CHARGED) == {
            "total": sides("5.00", "5.50"),
            "dimensions": {"energy": sides("5.00", "5.50")},
            "cdr_total": sides("5.00", "6.00"),
            "difference": sides("0.00", "0.50"),
        }

    def test_2_1_1_knows_no_vat(self, files: Folder) -> None:
        prices = {"id": "1", "currency": "EUR", "elements": [element(component("ENERGY", 0.25, None))]}
        cdr = {
            "id": "C1", "start_date_time": "2026-01-12T12:00:00Z", "stop_date_time": "2026-01-12T14:00:00Z",
            "auth_id": "A1", "location": {"time_zone": "Europe/Berlin"}, "currency": "EUR", "tariffs": [prices],
            "charging_periods": [period("12:00:00", ENERGY=20)], "total_cost": 5.5, "total_energy": 20,
        }  # fmt: skip
        expected = {
            "total": sides("5.00", None),
            "dimensions": {"energy": sides("5.00", None)},
            "cdr_total": sides("5.50", None),
            "difference": sides("0.50", None),
        }
        assert files.bill(prices, cdr) == expected
        assert files.bill("-", cdr) == expected
        # The same taken as 2.2.1, where an omitted rate means that no VAT applies.
        assert files.bill(prices, cdr, version="2.2.1")["total"] == sides("5.00", "5.00")

    def test_2_3_0_with_taxes_on_top_and_included(self, files: Folder) -> None:
        cdr = CHARGED | {"total_cost": {"before_taxes": 5, "taxes": [{"name": "VAT", "amount": 0.5}]}}
        on_top = files.bill(tariff(ENERGY, tax_included="NO"), cdr)
        assert (on_top["total"], on_top["difference"]) == (sides("5.00", "5.50"), sides("0.00", "0.00"))
        included = files.bill(tariff(ENERGY, tax_included="YES"), cdr)
        # 5.00 with tax are 5.00 / 1.1 without.
        assert included["total"] == sides("4.545454545455", "5.00")
        untaxed = files.bill(tariff(element(component("ENERGY", 0.25, None)), tax_included="N/A"), cdr)
        assert untaxed["total"] == sides("5.00", "5.00")
        american = files.bill(tariff(element(component("ENERGY", 0.25, None)), tax_included="NO"), cdr)
        assert american["total"] == sides("5.00", None)
        limited = tariff(ENERGY, tax_included="NO", max_price={"before_taxes": 4, "after_taxes": 4.2})
        assert files.bill(limited, cdr)["dimensions"] == {
            "energy": sides("5.00", "5.50"), "price_limit": sides("-1.00", "-1.30"),
        }  # fmt: skip

    def test_a_tariff_of_another_version_keeps_its_own_rules(self, files: Folder) -> None:
        included = files.bill(tariff(element(component("ENERGY", 0.25, None)), tax_included="YES"), CHARGED)
        assert included["total"] == sides(None, "5.00")


class TestWhatIsBilled:
    def test_the_published_record(self, files: Folder) -> None:
        folder = shared("data", "ocpi-examples-2.2.1")
        for named in ("-", str(folder / "tariff_put_example.json")):
            found = recomputed(named, str(folder / "cdr_example.json")).to_json()
            # 1:58:23 in steps of five minutes are two hours.
            assert found["total"] == found["cdr_total"] == sides("4.00", "4.40")
            assert found["difference"] == sides("0.00", "0.00")

    def test_the_published_complex_tariff_as_misprinted(self, files: Folder) -> None:
        """The record asks what the specification prints; the tariff says 12.375 and 13.975."""
        path = shared("data", "ocpi-examples-2.2.1", "tariff_4_complex.json")
        found = recomputed(str(path), files.file("cdr.json", SATURDAY)).to_json()
        assert found["total"] == sides("12.375", "13.975")
        assert found["difference"] == sides("-0.095", "-0.114")

    def test_every_published_tariff_makes_a_bill(self, files: Folder) -> None:
        cdr = files.file("cdr.json", record(period("12:00:00", TIME=2, ENERGY=20, MAX_CURRENT=48), end="14:00:00"))
        for path in sorted(shared("data", "ocpi-examples-2.2.1").glob("tariff*.json")):
            found = recomputed(str(path), cdr).to_json()
            parts = [Decimal(one["incl_vat"]) for one in found["dimensions"].values()]
            assert sum(parts) == Decimal(found["total"]["incl_vat"]), path.name

    def test_the_time_zone(self, files: Folder) -> None:
        evening = element(component("ENERGY", 1, 0), start_time="14:00")
        # 12:00 to 14:00 in UTC is 13:00 to 15:00 in Berlin: half of it is dear.
        prices = tariff(evening, ENERGY)
        assert files.bill(prices, CHARGED)["total"]["excl_vat"] == "12.50"
        assert files.bill(prices, CHARGED, zone="UTC")["total"]["excl_vat"] == "5.00"

    def test_a_reservation_in_vain(self, files: Folder) -> None:
        prices = tariff(
            element(component("FLAT", 4, 20), reservation="RESERVATION_EXPIRES"),
            element(component("TIME", 2, 20, step_size=600), reservation="RESERVATION"),
            ENERGY,
        )
        cdr = record(period("12:00:00", RESERVATION_TIME=1), end="13:00:00")
        assert files.bill(prices, cdr)["dimensions"] == {"reservation": sides("6.00", "7.20")}

    def test_a_credit_record_turns_the_signs(self, files: Folder) -> None:
        credit = CHARGED | {"credit": True, "total_cost": {"excl_vat": -5, "incl_vat": -5.5}}
        found = files.bill(tariff(ENERGY), credit)
        assert (found["total"], found["difference"]) == (sides("-5.00", "-5.50"), sides("0.00", "0.00"))

    def test_a_driver_who_changed_the_profile(self, files: Folder) -> None:
        fast = tariff(element(component("ENERGY", 1, 10)), id="FAST")
        periods = (period("12:00:00", "t1", ENERGY=10), period("13:00:00", "fast", ENERGY=10))
        cdr = record(*periods, tariffs=[tariff(ENERGY), fast])
        assert files.bill("-", cdr)["total"] == sides("12.50", "13.75")
        assert files.bill([tariff(ENERGY), fast], cdr)["total"] == sides("12.50", "13.75")
        # A single tariff is meant for all of it.
        assert files.bill(tariff(ENERGY), cdr)["total"] == sides("5.00", "5.50")

    def test_answers_of_a_server_and_lists_of_one(self, files: Folder) -> None:
        plain = files.bill(tariff(ENERGY), CHARGED)
        wrapped = files.bill(
            {"data": [tariff(ENERGY)], "status_code": 1000}, {"data": [CHARGED], "status_code": 1000}
        )
        assert wrapped == plain

    def test_the_places_of_the_currency(self, files: Folder) -> None:
        yen = files.bill(tariff(element(component("ENERGY", 30, 10)), currency="JPY"), CHARGED)
        assert yen["total"] == sides("600", "660")


class TestProblems:
    def test_files(self, files: Folder) -> None:
        assert files.problem(tariff(ENERGY), "{").startswith("cdr.json is not JSON.")
        assert files.problem("[1, 2", CHARGED).startswith("tariff.json is not JSON.")
        with pytest.raises(UserError) as raised:
            recomputed(str(files.path / "none.json"), files.file("cdr.json", CHARGED))
        assert raised.value.code == "no_such_file"

    @pytest.mark.parametrize(
        ("prices", "reason"),
        [
            (tariff(element(component("LOVE", 1))), "component LOVE at 1"),
            (tariff(element(component("ENERGY", "1e999999"))), "not a price: 1E+999999 of which service 0"),
            (tariff(), "no elements"),
            ({"id": "1"}, "not a tariff: currency or elements are missing"),
            ([7], "tariffs are no list of objects"),
            ([], "there is no tariff in it"),
            ([tariff(ENERGY), tariff(ENERGY, id="T2")], "several tariffs, and no charging period names one of them"),
        ],
    )
    def test_tariffs(self, files: Folder, prices: Any, reason: str) -> None:
        assert files.problem(prices, CHARGED) == f"The tariff in tariff.json cannot be used: {reason}."

    def test_a_record_without_its_tariff(self, files: Folder) -> None:
        assert files.problem("-", CHARGED) == "The tariff in cdr.json cannot be used: there is no tariff in it."

    @pytest.mark.parametrize(
        ("cdr", "reason"),
        [
            ([CHARGED, CHARGED], "not one charge record"),
            (7, "not one charge record"),
            (CHARGED | {"charging_periods": []}, "0 charging periods"),
            (CHARGED | {"end_date_time": "2036-01-12T13:00:00Z", "charging_periods": [period("12:00:00", ENERGY=1)]},
             "a session lasts at most 92 days"),
        ],
    )  # fmt: skip
    def test_records(self, files: Folder, cdr: Any, reason: str) -> None:
        assert files.problem(tariff(ENERGY), cdr) == f"The charge record in cdr.json cannot be computed: {reason}."

    def test_a_current_nobody_measured(self, files: Folder) -> None:
        by_current = tariff(element(component("TIME", 1, 10), max_current=32))
        assert "depends on a power or current that is not known" in files.problem(by_current, CHARGED)

    def test_a_zone_that_does_not_exist(self, files: Folder) -> None:
        assert files.problem(tariff(ENERGY), CHARGED, zone="Mars/Base") == (
            "There is no time zone Mars/Base. Write it like Europe/Berlin."
        )


class TestTerminal:
    def run(self, *args: str, ok: bool = True, language: str = "en") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli", "bill", *args],
            cwd=ROOT, env={**os.environ, "LANG": language, "LC_ALL": language},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == (0 if ok else 1), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if ok else done.stderr

    def test_as_a_person_and_as_a_script_reads_it(self, files: Folder) -> None:
        named = files.file("tariff.json", tariff(ENERGY)), files.file("cdr.json", CHARGED)
        assert self.run(*named).splitlines() == [
            "               excl. VAT  incl. VAT",
            "energy              5.00       5.50",
            "total               5.00       5.50",
            "charge record       5.00       6.00",
            "difference          0.00       0.50",
            "all in EUR",
        ]
        found = json.loads(self.run(*named, "--tz", "Asia/Shanghai", "--version", "2.2.1", "--json"))
        assert list(found) == ["total", "dimensions", "cdr_total", "difference"]
        assert found["difference"] == sides("0.00", "0.50")

    def test_a_problem_is_one_sentence(self, files: Folder) -> None:
        named = files.file("tariff.json", tariff(ENERGY)), files.file("cdr.json", "nonsense")
        assert self.run(*named, ok=False).endswith("cdr.json is not JSON. Check which file it is.\n")
        assert "不是 JSON 文件" in self.run(*named, ok=False, language="zh_CN")
