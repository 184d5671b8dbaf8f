"""Scans with their evidence, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.scan import Choice, Scan, ScanSource, ScanState
from core.station import ConnectorRef
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes

REF = ConnectorRef("OP1", "枪 1")


def scan(number: int, **more: Any) -> Scan:
    plain = Scan(f"s{number}", "lin", NOON + minutes(number), ScanSource.TYPED, "text", ScanState.REFUSED)
    return replace(plain, **more)


def add(database: SqlDatabase, *found: Scan) -> None:
    with database.write() as unit:
        for one in found:
            unit.scans.add(one)


def test_a_scan_comes_back_as_it_went_in(database: SqlDatabase) -> None:
    whole = Scan(
        id="s1",
        user_id="lin",
        at=NOON,
        source=ScanSource.PHOTO,
        text="<b>扫码</b> 🔌",
        state=ScanState.WHICH_GUN,
        reasons=("no_position", "guess"),
        problem="scan_which_gun",
        ref=REF,
        station_id="station",
        supplier_id="lotus",
        choices=(Choice(REF, "station"), Choice(ConnectorRef("", "2"), "other")),
        tries=2,
        passed_at=NOON + minutes(1),
        quote_id="q1",
        photo_ref="telegram:abc",
        reported_at=NOON + minutes(2),
        report="pasted over",
    )
    add(database, whole, scan(2))
    with database.write() as unit:
        assert unit.scans.get("s1") == whole
        assert unit.scans.get("s2") == scan(2)
        assert unit.scans.get("s3") is None
        changed = scan(2, state=ScanState.PASSED, ref=REF, passed_at=NOON, tries=1)
        unit.scans.save(replace(changed, user_id="wei", text="another", source=ScanSource.LINK))
        assert unit.scans.get("s2") == changed  # whose it is and what it says was settled once and for all
        with pytest.raises(LookupError):
            unit.scans.save(scan(9))


def test_what_a_person_scanned_lately(database: SqlDatabase) -> None:
    passed = scan(2, state=ScanState.PASSED, tries=2)
    add(database, scan(1, tries=3), passed, scan(3), scan(4, user_id="lin2"), scan(5, user_id="wei"))
    both = ["lin", "lin2"]
    with database.read() as unit:
        newest, last_passed = unit.scans.newest(both), unit.scans.last_passed(both)
        assert newest is not None
        assert newest.id == "s4"
        assert last_passed == passed
        assert unit.scans.newest(["chen"]) is None
        assert unit.scans.last_passed(["wei"]) is None
        assert unit.scans.count(both, NOON) == 4
        assert unit.scans.count(both, NOON + minutes(2), refused=True) == 2
        assert unit.scans.tries(both, NOON) == 5
        assert unit.scans.tries(both, NOON + minutes(2)) == 2
        assert unit.scans.tries(["chen"], NOON) == 0
        assert [one.id for one in unit.scans.latest(2)] == ["s5", "s4"]


def test_evidence_stays(database: SqlDatabase) -> None:
    add(database, scan(1, reported_at=NOON + minutes(9)), scan(2), scan(3, reported_at=NOON + minutes(8)))
    with database.write() as unit:
        unit.scans.keep_photo("s1", b"first \x00\xff", NOON)
        unit.scans.keep_photo("s1", b"second", NOON)
    with database.write() as unit:
        assert [one.id for one in unit.scans.reported(9)] == ["s1", "s3"]
        assert [one.id for one in unit.scans.reported(1)] == ["s1"]
        assert unit.scans.purge(NOON + timedelta(days=400)) == 1
        assert unit.scans.photo("s1") == b"second"
        assert unit.scans.photo("s3") is None
        assert unit.scans.photos(["lin"], NOON) == 1
        assert unit.scans.photos(["lin"], NOON + minutes(1)) == unit.scans.photos(["wei"], NOON) == 0
        assert unit.scans.get("s2") is None
        assert unit.scans.reports(["lin", "wei"], NOON + minutes(9)) == 1
        assert unit.scans.reports(["lin"], NOON) == 2


def test_of_many_taps_at_once_each_sees_what_the_one_before_made_of_it(database: SqlDatabase) -> None:
    add(database, scan(1))

    def tap(_: int) -> None:
        with database.write() as unit:
            current = unit.scans.get("s1")
            assert current is not None
            unit.scans.save(replace(current, tries=current.tries + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tap, range(12)))
    with database.read() as unit:
        assert unit.scans.tries(["lin"], NOON) == 12
