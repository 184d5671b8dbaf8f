"""Sessions and charge records as suppliers tell them, and suppliers whose word is not taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.charging import ChargeRecord, ChargingState, RecordPeriod, SessionUpdate
from core.ports import Freeze, RecordVerdict
from core.station import ConnectorRef
from storage.unit_of_work import SqlDatabase

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
GUN = ConnectorRef("ACME00001", "11000001")
UPDATE = SessionUpdate(
    "S1", GUN, ChargingState.CHARGING, NOON, "theirs-7", NOON - timedelta(minutes=9), Decimal("4.2"), Decimal(60)
)
PERIOD = RecordPeriod(NOON, NOON + timedelta(hours=1), Decimal("30.5"), Decimal("1.2"), Decimal("0.8"))
RECORD = ChargeRecord(
    "R1",
    "S1",
    GUN,
    NOON,
    NOON + timedelta(hours=1),
    Decimal("30.50"),
    Decimal("61.00"),
    "CNY",
    energy_cost=Decimal("36.6"),
    periods=(PERIOD,),
    raw='{"StartChargeSeq": "S1"}',
)


def told(database: SqlDatabase, update: SessionUpdate, *, at: datetime = NOON + timedelta(hours=2)) -> SessionUpdate:
    """What is known of the session after this word."""
    with database.write() as unit:
        unit.records.save_session("acme", update, at)
    with database.read() as unit:
        known = unit.records.session("acme", update.start_seq)
    assert known is not None
    return known


def test_a_session_is_kept_as_it_was_told(database: SqlDatabase) -> None:
    assert told(database, UPDATE) == UPDATE
    with database.read() as unit:
        assert unit.records.session("other", "S1") is None


def test_the_newest_word_wins(database: SqlDatabase) -> None:
    told(database, UPDATE)
    later = replace(UPDATE, at=NOON + timedelta(minutes=1), energy_kwh=Decimal("5.2"))
    assert told(database, later).energy_kwh == Decimal("5.2")
    assert told(database, UPDATE) == later


def test_repeating_a_word_changes_nothing(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.records.save_session("acme", UPDATE, NOON)
        assert not unit.records.save_session("acme", UPDATE, NOON + timedelta(minutes=1))


def test_an_end_is_final_whenever_it_is_heard_of(database: SqlDatabase) -> None:
    told(database, UPDATE)
    ended = replace(UPDATE, state=ChargingState.ENDED, at=NOON - timedelta(seconds=30))
    assert told(database, ended).state is ChargingState.ENDED
    assert told(database, replace(UPDATE, at=NOON + timedelta(hours=1))).state is ChargingState.ENDED


def test_a_failed_start_may_still_become_a_session(database: SqlDatabase) -> None:
    told(database, replace(UPDATE, state=ChargingState.INVALID))
    assert told(database, replace(UPDATE, at=NOON + timedelta(minutes=1))).state is ChargingState.CHARGING


def test_what_the_newer_word_leaves_out_stays(database: SqlDatabase) -> None:
    told(database, UPDATE)
    bare = SessionUpdate("S1", GUN, ChargingState.STOPPING, NOON + timedelta(minutes=5))
    known = told(database, bare)
    assert (known.state, known.energy_kwh, known.supplier_session_id) == (
        ChargingState.STOPPING,
        Decimal("4.2"),
        "theirs-7",
    )


def test_a_clock_that_is_ahead_does_not_make_a_session_deaf(database: SqlDatabase) -> None:
    told(database, replace(UPDATE, at=NOON + timedelta(days=1)), at=NOON)
    later = replace(UPDATE, at=NOON + timedelta(minutes=1), energy_kwh=Decimal(9))
    assert told(database, later, at=NOON + timedelta(minutes=1)).energy_kwh == 9


def test_a_record_is_kept_whole(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.records.add_record("acme", RECORD, NOON) is RecordVerdict.NEW
    with database.read() as unit:
        assert unit.records.record("acme", "R1") == RECORD
        assert unit.records.records_of("acme", "S1") == [RECORD]
        assert unit.records.record("other", "R1") is None


SAME = [replace(RECORD, energy_kwh=Decimal("30.5")), replace(RECORD, raw='{ "StartChargeSeq":"S1" }')]
OTHER = [
    replace(RECORD, total_cost=Decimal("61.01")),
    replace(RECORD, start_seq="S2"),
    replace(RECORD, ref=ConnectorRef("ACME00001", "11000002")),
    replace(RECORD, periods=()),
    replace(RECORD, currency="EUR"),
]


@pytest.mark.parametrize("again", SAME, ids=["trailing zero", "other bytes"])
def test_the_same_record_again_is_a_repetition(database: SqlDatabase, again: ChargeRecord) -> None:
    with database.write() as unit:
        unit.records.add_record("acme", RECORD, NOON)
        assert unit.records.add_record("acme", again, NOON) is RecordVerdict.REPEATED


@pytest.mark.parametrize("other", OTHER, ids=["cost", "session", "gun", "periods", "currency"])
def test_another_body_under_the_same_id_is_a_conflict(database: SqlDatabase, other: ChargeRecord) -> None:
    with database.write() as unit:
        unit.records.add_record("acme", RECORD, NOON)
        assert unit.records.add_record("acme", other, NOON) is RecordVerdict.CONFLICT
        assert unit.records.add_record("elsewhere", other, NOON) is RecordVerdict.NEW
    with database.read() as unit:
        assert unit.records.record("acme", "R1") == RECORD


def test_a_freeze_keeps_its_first_reason_until_it_is_thawed(database: SqlDatabase) -> None:
    frozen = Freeze("acme", "half of its stations gone", "kilowatch", NOON)
    with database.write() as unit:
        assert unit.freezes.freeze(frozen)
        assert not unit.freezes.freeze(replace(frozen, reason="another"))
    with database.write() as unit:
        assert (unit.freezes.get("acme"), unit.freezes.all()) == (frozen, [frozen])
        assert unit.freezes.thaw("acme", "Lin", NOON)
        assert not unit.freezes.thaw("acme", "Lin", NOON)
    with database.write() as unit:
        assert (unit.freezes.get("acme"), unit.freezes.all()) == (None, [])
        assert unit.freezes.believed("acme")
        assert not unit.freezes.believed("other")
        assert unit.freezes.freeze(frozen)  # it can freeze again before a list has come
        assert not unit.freezes.believed("acme")


def test_a_thaw_is_used_up_by_the_list_it_was_for(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.freezes.freeze(Freeze("acme", "why", "kilowatch", NOON))
        unit.freezes.forget_thaw("acme")
        assert unit.freezes.get("acme")  # a freeze is no thaw
        unit.freezes.thaw("acme", "Lin", NOON)
        unit.freezes.forget_thaw("acme")
        assert not unit.freezes.believed("acme")
