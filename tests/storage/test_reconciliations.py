"""Reconciliations are kept, and each difference remembers when it was met first."""

from __future__ import annotations

from datetime import date, timedelta

from core.ports import Reconciliation
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes

SCOPE = "supplier:lotus"


def run(number: int, scope: str = SCOPE, differences: int = 0) -> Reconciliation:
    return Reconciliation(
        f"r{number}", scope, date(2026, 11, 22), NOON + minutes(number), differences, '{"o": "“x”"}'
    )


def test_the_latest_come_first_and_by_scope(database: SqlDatabase) -> None:
    with database.write() as unit:
        for one in (run(1, differences=2), run(3), run(2, "books")):
            unit.reconciliations.save(one)
    with database.read() as unit:
        assert unit.reconciliations.latest() == [run(3), run(2, "books"), run(1, differences=2)]
        assert unit.reconciliations.latest(1, scope=SCOPE) == [run(3)]
        assert unit.reconciliations.latest(scope="psp:sandbox") == []


def test_old_ones_are_forgotten(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number in (1, 2, 3):
            unit.reconciliations.save(run(number))
        assert unit.reconciliations.purge(NOON + minutes(3)) == 2
        assert unit.reconciliations.latest() == [run(3)]


def test_a_difference_keeps_the_moment_it_was_met_first_until_it_is_gone(database: SqlDatabase) -> None:
    later = NOON + timedelta(days=2)
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", NOON) == NOON
        assert unit.reconciliations.first_seen(SCOPE, "amount:A2", NOON) == NOON
        assert unit.reconciliations.first_seen("books", "amount:A1", later) == later
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", later) == NOON
        unit.reconciliations.gone(SCOPE, ["amount:A2", "never met"])
    with database.write() as unit:
        assert unit.reconciliations.first_seen(SCOPE, "amount:A1", later) == later
        assert unit.reconciliations.first_seen(SCOPE, "amount:A2", later) == NOON
        assert unit.reconciliations.first_seen("books", "amount:A1", later + minutes(1)) == later
