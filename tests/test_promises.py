"""Each promise about the driver's money is held by tests that exist; what nothing proves is not promised."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from bots.wording import promises, wording

ROOT = Path(__file__).resolve().parent.parent
CHARGE = "tests/core/services/charging/"
WALLET = "tests/core/services/wallet/"

# Promise: the tests that fail when it is broken.
HELD_BY = {
    "P1": (
        CHARGE + "test_settling.py::test_a_record_above_the_hold_costs_the_driver_the_hold",
        CHARGE + "test_settling.py::test_a_record_above_the_price_shown_costs_what_was_shown",
        CHARGE + "test_settling.py::test_a_late_record_never_takes_more_than_the_hold_was",
        CHARGE + "test_charge.py::test_a_charge_is_stopped_before_its_hold_is_used_up",
        "tests/storage/test_ledger.py::test_no_more_than_the_hold_is_captured",
        "tests/core/test_session_model.py::test_no_order_of_events_leads_to_wrong_money",
    ),
    "P2": (
        CHARGE + "test_charge.py::test_a_charge_from_the_yes_to_the_receipt",
        CHARGE + "test_settling.py::test_a_record_of_nothing_gives_everything_back",
        CHARGE + "test_crashes.py::test_killed_at_every_point",
        "tests/storage/test_ledger.py::test_a_hold_is_resolved_once",
    ),
    "P3": (
        CHARGE + "test_charge.py::test_a_refused_start_costs_nothing",
        CHARGE + "test_charge.py::test_a_start_that_is_never_sent_runs_out",
        CHARGE + "test_charge.py::test_a_failed_start_that_comes_to_life_is_stopped_and_never_charged",
        CHARGE + "test_settling.py::test_a_record_for_a_start_that_failed_is_not_paid_by_the_driver",
    ),
    "P4": (
        CHARGE + "test_charge.py::test_no_money_is_held_for_three_days_whatever_happens",
        CHARGE + "test_charge.py::test_nobody_answers_for_a_day_and_the_money_is_back",
        CHARGE + "test_charge.py::test_a_record_that_never_comes_is_settled_by_the_meter",
        "tests/storage/test_ledger.py::test_a_hold_may_be_three_days_old_and_no_older",
    ),
    "P5": (
        CHARGE + "test_starting.py::test_one_tap_one_charge",
        CHARGE + "test_starting.py::test_the_same_tap_many_times_at_once",
        CHARGE + "test_starting.py::test_a_start_whose_sender_died_is_asked_for_and_not_sent_again",
    ),
    "P6": (
        WALLET + "test_statement.py::test_every_line_has_its_reason",
        WALLET + "test_statement.py::test_a_receipt_says_who_pays_what",
        "tests/storage/test_ledger.py::test_no_table_of_money_is_emptied",
    ),
    "P7": (
        WALLET + "test_refunds.py::test_newest_first_each_back_where_it_came_from",
        WALLET + "test_refunds.py::test_a_provider_that_takes_its_time",
        WALLET + "test_refunds.py::test_a_refused_refund_is_in_the_wallet_again_and_somebody_looks",
    ),
    "P8": (
        CHARGE + "test_starting.py::test_nothing_starts_while_the_books_are_in_doubt",
        "tests/core/services/test_books.py::test_a_breach_halts_until_it_is_put_right",
    ),
}


@cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_no_promise_is_without_a_proof() -> None:
    assert list(HELD_BY) == list(promises.PROMISES) == [f"P{number}" for number in range(1, 9)]
    assert all(HELD_BY.values())


@pytest.mark.parametrize("proof", sorted({one for proofs in HELD_BY.values() for one in proofs}))
def test_every_proof_is_a_test(proof: str) -> None:
    path, _, name = proof.partition("::")
    assert name in _tests_in(path)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_promise_fits_a_phone(language: str) -> None:
    say = wording(language)
    lines = promises.lines(say)
    assert len(set(lines)) == 8
    assert max(map(len, lines)) <= 90
    if language == "zh-CN":
        assert not set(lines) & set(promises.PROMISES.values())


def test_the_document_says_the_same() -> None:
    """docs/money.md has the eight sentences in both languages, word for word."""
    document = " ".join((ROOT / "docs" / "money.md").read_text(encoding="utf-8").split())
    for language in ("en", "zh-CN"):
        missing = [line for line in promises.lines(wording(language)) if line not in document]
        assert missing == []
