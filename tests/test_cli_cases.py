"""`kilowatch cases` and `kilowatch reconcile`, as the people who run it see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bootstrap
import cli
from core.payments import TopupState
from core.ports import CaseKind, Halt
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.core.services.cases.bench import Bench
from tests.storage.samples import LOTUS, ref, save, station, yuan

WHO = ("--who", "Mei", "--why", "as the supplier wrote")


@pytest.fixture
def bench(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("KILOWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    database = SqlDatabase(open_engine(sqlite_url))
    yield Bench(database)
    database.close()


def kilowatch(*words: str) -> Result:
    return CliRunner().invoke(cli.commands, list(words))


def test_a_review_from_the_list_to_the_decision(bench: Bench) -> None:
    assert kilowatch("cases").output == "Nothing waits for a decision.\n"
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "45")
    [listed] = json.loads(kilowatch("cases", "--json").stdout)
    assert (listed["kind"], listed["session_id"], listed["decided_at"]) == ("review", "session-1", None)
    assert listed["id"] in kilowatch("cases").output

    shown = json.loads(kilowatch("cases", "show", listed["id"], "--json").stdout)
    assert shown["session"]["state"] == "review"
    assert shown["hold"] == {"amount": "40.00 CNY", "captured": "40.00 CNY", "released": "0.00 CNY"}
    assert [one["id"] for one in shown["transfers"]] == ["hold:session-1", "cap:session-1", "over:session-1"]
    assert shown["records"][0]["ours"] == "5.00 CNY"
    assert "over:session-1" in kilowatch("cases", "show", listed["id"]).output

    gift = kilowatch("cases", "decide", listed["id"], "gift", "--amount", "2.50", "--keep-open", *WHO)
    assert gift.output == f"{listed['id']} stays open: gift (gift 2.50 CNY)\n"
    done = kilowatch("cases", "decide", listed["id"], "accept", *WHO)
    assert "is closed: gift (gift 2.50 CNY); accept" in done.output
    again = kilowatch("cases", "decide", listed["id"], "accept", *WHO)
    assert "decided by Mei" in str(again.exception)
    assert kilowatch("cases").output == "Nothing waits for a decision.\n"
    [decided] = json.loads(kilowatch("cases", "list", "--all", "--json").stdout)
    assert (decided["who"], decided["why"]) == ("Mei", "as the supplier wrote; as the supplier wrote")
    assert kilowatch("books").exit_code == 0


def test_wrong_words_are_said_and_change_nothing(bench: Bench) -> None:
    bench.order("50", 1, TopupState.PARKED)
    case = bench.opened(CaseKind.TOPUP, "T1")
    for words, says in (
        (("decide", case.id, "forget", *WHO), "say one of: noted, accept"),
        (("decide", case.id, "book", "--amount", "lots", *WHO), "lots"),
        (("decide", case.id, "book", "--who", "Mei"), "--why"),
        (("pay", "lotus", "5", "--batch", "b1", *WHO), "we owe lotus 0.00 CNY"),
        (("show", "C0"), "no case C0"),
    ):
        failed = kilowatch("cases", *words)
        assert failed.exit_code != 0
        assert says in failed.output + str(failed.exception)
    assert bench.balances() == {}


def test_a_complaint_becomes_a_case(bench: Bench) -> None:
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "30")
    opened = kilowatch("cases", "open", "session-1", "--who", "Mei", "--why", "the gun fell out")
    assert "waits for a decision: the gun fell out (Mei)" in opened.output
    assert "dispute" in kilowatch("cases").output


def test_money_by_hand_is_written_down(bench: Bench) -> None:
    topup = bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "30")
    assert "paid 12.50" in kilowatch("cases", "pay", "lotus", "12.50", "--batch", "b1", *WHO).output
    assert "received 60.00" in kilowatch("cases", "received", "sandbox", "60", "--reference", "W48", *WHO).output
    back = kilowatch("cases", "chargeback", topup.id, "--amount", "10", "--reference", "CB1", *WHO)
    assert "taken back 10.00" in back.output
    balances = {name: str(amount) for name, amount in bench.balances().items()}
    assert balances == {
        "bank": "-47.50",
        "psp:sandbox": "-30.00",
        "supplier:lotus:payable": "17.50",
        "user:lin:available": "60.00",
    }
    assert kilowatch("books").exit_code == 0


def test_reconcile_says_what_differs(bench: Bench) -> None:
    sound = kilowatch("reconcile", "--supplier", "sandbox", "--day", "2026-11-22")
    assert (sound.exit_code, sound.output) == (0, "supplier:sandbox on 2026-11-22: 0 compared, nothing differs\n")
    differs = kilowatch("reconcile", "--supplier", "sandbox", "--statement", "12.34")
    assert differs.exit_code == 1
    assert "statement CNY (12.34 CNY), new: they say 12.34, we owe 0.00" in differs.output
    told = kilowatch("reconcile", "--supplier", "sandbox", "--statement", "12.34", "--json")
    [document] = json.loads(told.stdout)
    assert (document["scope"], document["whole"], document["alarming"]) == ("supplier:sandbox", True, True)
    [difference] = document["differences"]
    assert (difference["what"], difference["about"]) == ("statement", {"amount_minor": 1234, "currency": "CNY"})
    [case] = json.loads(kilowatch("cases", "--json").stdout)
    assert (case["kind"], case["subject"]) == ("difference", "supplier:sandbox")


def test_the_doctor_says_what_waits_and_what_is_halted(bench: Bench) -> None:
    def money() -> str:
        return next(line for line in kilowatch("doctor").output.splitlines() if "money:" in line)

    assert money() == "ok   money: nothing waits for a decision"
    bench.opened(CaseKind.DISPUTE, "lotus:R1")
    assert money().startswith("ok   money: 1 cases wait for a decision, the oldest for")
    with bench.database.write() as unit:
        unit.halts.set(Halt("books", "I1: 5 too many", "kilowatch", bench.clock.now()))
    assert money() == "FAIL money: no charge can be started (kilowatch): I1: 5 too many"


def test_the_doctor_says_when_nobody_follows_prices(bench: Bench) -> None:
    prices = next(one for one in bootstrap.probes(bootstrap.settings_from_env()) if one.name == "prices")
    assert prices.look() == "followed; 0 alerts so far"
    since = datetime.now(UTC) - timedelta(minutes=30)
    save(bench.database, station(1), at=since)
    with bench.database.write() as unit:
        unit.catalogue.save_tariffs(LOTUS.id, [(ref(1), yuan("1.20"))], since)
    with pytest.raises(RuntimeError, match="nobody has followed them for 30 minutes: does `clock` run"):
        prices.look()


def test_reconcile_with_nobody(bench: Bench) -> None:
    unknown = kilowatch("reconcile", "--channel", "gold")
    assert unknown.exit_code == 2
    assert "there are: supplier:sandbox, psp:sandbox, books" in unknown.output
    assert kilowatch("reconcile", "--statement", "5").exit_code == 2
    assert kilowatch("reconcile", "--supplier", "sandbox", "--day", "yesterday").exit_code == 2
