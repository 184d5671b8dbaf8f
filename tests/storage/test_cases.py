"""Cases for people, and halts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from core.ports import Case, CaseKind, Halt
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes


def case(number: int, *, subject: str = "", kind: CaseKind = CaseKind.REVIEW) -> Case:
    return Case(f"c{number}", kind, subject or f"session-{number}", "s", "lin", "why", NOON + minutes(number))


def decided(one: Case, minute: int) -> Case:
    return replace(one, decision="paid", who="Mei", why="it was so", decided_at=NOON + minutes(minute))


def test_there_is_one_open_case_per_kind_and_subject(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.cases.open(case(1, subject="s")) == case(1, subject="s")
        assert unit.cases.open(case(2, subject="s")).id == "c1"
        assert unit.cases.open(case(3, subject="s", kind=CaseKind.DISPUTE)).id == "c3"
        unit.cases.save(decided(case(1, subject="s"), 9))
        assert unit.cases.open(case(2, subject="s")).id == "c2"
    with database.read() as unit:
        assert unit.cases.get("c1") == decided(case(1, subject="s"), 9)
        assert unit.cases.get("c9") is None
        assert [one.id for one in unit.cases.about(CaseKind.REVIEW, "s")] == ["c2", "c1"]
        assert unit.cases.about(CaseKind.REVIEW, "other") == []


def test_of_many_who_open_a_case_one_does(database: SqlDatabase) -> None:
    def open_one(number: int) -> str:
        with database.write() as unit:
            return unit.cases.open(case(number, subject="s")).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(open_one, range(8)))) == 1


def test_open_cases_come_oldest_first_and_decided_ones_newest_first(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number in (3, 1, 2):
            unit.cases.open(case(number))
        unit.cases.open(case(4, kind=CaseKind.ORPHAN))
        for number, minute in ((5, 20), (6, 10)):
            unit.cases.open(case(number))
            unit.cases.save(decided(case(number), minute))
    with database.read() as unit:
        assert [one.id for one in unit.cases.listed(limit=3)] == ["c1", "c2", "c3"]
        assert [one.id for one in unit.cases.listed(kind=CaseKind.ORPHAN)] == ["c4"]
        assert [one.id for one in unit.cases.listed(decided=True)] == ["c5", "c6"]


def test_halts_are_set_and_lifted(database: SqlDatabase) -> None:
    halt = Halt("books", "I1: 5 CNY too many", "kilowatch", NOON)
    with database.write() as unit:
        assert unit.halts.all() == []
        unit.halts.set(halt)
        unit.halts.set(replace(halt, reason="worse"))
    with database.write() as unit:
        assert unit.halts.all() == [replace(halt, reason="worse")]
        assert unit.halts.lift("books")
        assert not unit.halts.lift("books")
        assert unit.halts.all() == []
