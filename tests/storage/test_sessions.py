"""Sessions: what is kept of them, who clashes with whom, and which charge record was booked for which."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from core.charging import ChargeRecord
from core.frozen import quote_from_text, quote_to_text
from core.money import Money
from core.payments import Topup, TopupState
from core.ports import Booking, BookingState, HistoryFilter, SessionClash
from core.session import BUSY, LIVE, ChargingSession, Event, SessionEvent, SessionState
from core.station import ConnectorRef
from storage.unit_of_work import SqlDatabase
from tests.storage.money_samples import add, quote, session, stored, yuan
from tests.storage.samples import NOON, minutes

RICH = session(
    state=SessionState.CHARGING,
    seen_at=NOON + minutes(3),
    started_at=NOON + minutes(1),
    ended_at=NOON + minutes(9),
    energy_kwh=Decimal("1.2500"),
    power_kw=Decimal("60.5"),
    soc_percent=Decimal(81),
    seen_cost=Decimal("1.875"),
    charged=yuan("1.88"),
    stop_wanted_at=NOON + minutes(8),
    stop_reason="user",
    failure="gun_fault",
    looks=7,
    unknown_since=NOON + minutes(2),
    next_look_at=NOON + minutes(4),
    grow_to=yuan("80"),
)


def test_a_quote_is_kept_to_the_letter(database: SqlDatabase) -> None:
    frozen = quote(power_kw=Decimal("60.0"), price_seen_at=None)
    with database.write() as unit:
        unit.sessions.save_quote(frozen, "signed")
    with database.read() as unit:
        assert unit.sessions.quote(frozen.id) == (frozen, "signed")
        assert unit.sessions.quote("other") is None
    assert quote_to_text(quote_from_text(quote_to_text(frozen))) == quote_to_text(frozen)


def test_quotes_that_led_to_nothing_are_forgotten(database: SqlDatabase) -> None:
    add(database, session(1))
    late = quote(3, at=NOON + minutes(1))
    with database.write() as unit:
        unit.sessions.save_quote(quote(2), "signed")
        unit.sessions.save_quote(late, "signed")
        promised = Topup(
            "T1", "lin", "k", "sandbox", yuan("40"), TopupState.CREATED, NOON, NOON + minutes(9), quote_id="quote-4"
        )
        unit.sessions.save_quote(quote(4), "signed")
        unit.payments.add_topup(promised)
    with database.write() as unit:
        assert unit.sessions.purge_quotes(late.expires_at) == 1
        kept = [n for n in (1, 2, 3, 4) if unit.sessions.quote(f"quote-{n}") is not None]
    assert kept == [1, 3, 4]


@pytest.mark.parametrize("one", [session(), RICH], ids=["new", "with everything"])
def test_a_session_is_kept_whole(database: SqlDatabase, one: ChargingSession) -> None:
    add(database, one)
    with database.read() as unit:
        assert unit.sessions.get(one.id) == one
        assert unit.sessions.by_client_key("lin", one.client_key) == one
        assert unit.sessions.by_start_seq("lotus", one.start_seq) == one
        assert unit.sessions.get("other") is None
        assert unit.sessions.by_client_key("wei", one.client_key) is None
        assert unit.sessions.by_start_seq("other", one.start_seq) is None


def test_saving_changes_what_may_change_and_nothing_else(database: SqlDatabase) -> None:
    add(database, session())
    wished = replace(RICH, user_id="wei", gun_key="other", start_seq="OTHER", created_at=NOON + minutes(99))
    with database.write() as unit:
        unit.sessions.save(wished)
    assert stored(database, RICH.id) == RICH
    with pytest.raises(LookupError), database.write() as unit:
        unit.sessions.save(session("nobody"))


def test_a_session_has_one_currency(database: SqlDatabase) -> None:
    with pytest.raises(ValueError, match="one currency"):
        add(database, session(charged=Money(1, "EUR")))
    with database.read() as unit:
        assert unit.sessions.quote("quote-1") is None  # rolled back with it


CLASHES = [
    ({"user_id": "wei", "gun_key": "OP1:GUN-1"}, SessionClash.GUN_BUSY),
    ({}, SessionClash.USER_BUSY),
    ({"client_key": "key-1"}, SessionClash.SAME_KEY),
    ({"user_id": "wei", "start_seq": "SEQ1"}, SessionClash.SAME_NUMBER),
]


@pytest.mark.parametrize(("more", "clash"), CLASHES, ids=[str(clash) for _, clash in CLASHES])
def test_a_clash_is_told_and_the_transaction_goes_on(
    database: SqlDatabase, more: dict[str, str], clash: SessionClash
) -> None:
    add(database, session())
    with database.write() as unit:
        second = session(2, **more)
        unit.sessions.save_quote(second.quote, "signature")
        assert unit.sessions.add(second) is clash
        unit.sessions.note(SessionEvent("session-1", NOON, Event.STOP_ASKED, SessionState.HELD, None))
    with database.read() as unit:
        assert unit.sessions.get("session-2") is None
        assert len(unit.sessions.diary("session-1")) == 1


@pytest.mark.parametrize("state", SessionState)
def test_gun_and_driver_are_busy_as_long_as_energy_may_flow(database: SqlDatabase, state: SessionState) -> None:
    add(database, session(state=state))
    with database.write() as unit:
        unit.sessions.save_quote(quote(2, user_id="wei"), "signature")
        unit.sessions.save_quote(quote(3), "signature")
        on_its_gun = unit.sessions.add(session(2, user_id="wei", gun_key="OP1:GUN-1"))
        by_its_driver = unit.sessions.add(session(3))
    expected = (SessionClash.GUN_BUSY, SessionClash.USER_BUSY) if state in BUSY else (None, None)
    assert (on_its_gun, by_its_driver) == expected
    with database.read() as unit:
        busy = unit.sessions.busy_of("lin")
    assert busy is not None
    assert busy.id == ("session-1" if state in BUSY else "session-3")


def test_of_many_who_want_one_gun_one_has_it(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number in range(8):
            unit.sessions.save_quote(quote(number, user_id=f"user-{number}"), "signature")
    together = threading.Barrier(4)

    def start(number: int) -> SessionClash | None:
        together.wait(10)
        with database.write() as unit:
            return unit.sessions.add(session(number, user_id=f"user-{number}", gun_key="THE GUN"))

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(start, range(8)))
    assert outcomes.count(None) == 1
    assert outcomes.count(SessionClash.GUN_BUSY) == 7


def test_a_session_that_was_read_to_be_changed_is_nobody_elses(database: SqlDatabase) -> None:
    add(database, session())

    def look(_: int) -> None:
        with database.write() as unit:
            mine = unit.sessions.get("session-1")
            assert mine is not None
            unit.sessions.save(replace(mine, looks=mine.looks + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(20)))
    assert stored(database, "session-1").looks == 20


def test_who_is_asked_for_next(database: SqlDatabase) -> None:
    done = session(4, user_id="chen", state=SessionState.SETTLED)
    late = session(1, next_look_at=NOON + minutes(2))
    later = session(2, user_id="wei", next_look_at=NOON + minutes(3))
    early = session(3, user_id="mei", next_look_at=NOON)
    add(database, late, later, early, done)
    with database.read() as unit:
        assert unit.sessions.due(NOON + minutes(2), 10) == ["session-3", "session-1"]
        assert unit.sessions.due(NOON + minutes(9), 1) == ["session-3"]


def test_lists_of_sessions(database: SqlDatabase) -> None:
    first = session(1, state=SessionState.START_FAILED)
    second = session(2, state=SessionState.SETTLED, at=NOON + minutes(5))
    others = session(3, user_id="wei", at=NOON + minutes(6))
    third = session(4, state=SessionState.START_FAILED, at=NOON + minutes(9))
    add(database, first, second, others, third)
    with database.read() as unit:
        assert unit.sessions.of_user(["lin"]) == [third, second, first]
        assert unit.sessions.of_user(["lin", "wei"], before=third.created_at, limit=2) == [others, second]
        assert unit.sessions.in_states([SessionState.START_FAILED, SessionState.HELD], 2) == [first, others]
        assert unit.sessions.failed_starts("lin", NOON + minutes(9)) == 1
        assert unit.sessions.failed_starts("lin", NOON) == 2
        assert unit.sessions.failed_starts("wei", NOON) == 0


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (HistoryFilter(), "54321"),
        (HistoryFilter(since=NOON + minutes(2), until=NOON + minutes(4)), "32"),
        (HistoryFilter(states=frozenset({SessionState.SETTLED, SessionState.REVIEW})), "42"),
        (HistoryFilter(supplier_id="tulip"), "43"),
        (HistoryFilter(station="station-9"), "3"),
        (HistoryFilter(station="  ROAD lotus "), "51"),
        (HistoryFilter(station="人民 云快充"), "2"),
        (HistoryFilter(station="Ｉｎｎｓｔｒａｓｓｅ straße"), "4"),
        (HistoryFilter(station="straße", states=frozenset({SessionState.START_FAILED})), ""),
        (HistoryFilter(station="%"), ""),
    ],
)
def test_the_charges_that_are_asked_for(database: SqlDatabase, wanted: HistoryFilter, found: str) -> None:
    failed, settled, review = SessionState.START_FAILED, SessionState.SETTLED, SessionState.REVIEW
    in_china: dict[str, Any] = {"station_name": "人民广场", "operator_name": "云快充"}
    charges: list[tuple[SessionState, str, dict[str, Any]]] = [
        (failed, "lotus", {}),
        (settled, "lotus", in_china),
        (failed, "tulip", {"station_name": "Canal", "station_id": "station-9"}),
        (review, "tulip", {"station_name": "INNSTRASSE Straße"}),
        (failed, "lotus", {}),
    ]
    for number, (state, supplier_id, said) in enumerate(charges, 1):
        at = NOON + minutes(number)
        frozen = quote(number, at=at, **said)
        here = frozen.station_id
        add(database, session(number, at=at, state=state, supplier_id=supplier_id, station_id=here, quote=frozen))
    with database.read() as unit:
        listed = unit.sessions.of_user(["lin"], wanted=wanted)
        assert "".join(one.id[-1] for one in listed) == found
        paged = unit.sessions.of_user(["lin"], wanted=wanted, limit=1)
        if paged:
            paged += unit.sessions.of_user(["lin"], wanted=wanted, before=paged[-1].created_at)
        assert paged == listed


def test_sessions_that_a_record_may_come_for(database: SqlDatabase) -> None:
    each = [session(n, user_id=f"u{n}", state=state) for n, state in enumerate(SessionState)]
    add(database, *each)
    may = LIVE | {SessionState.PROVISIONAL, SessionState.CREDITED}
    with database.read() as unit:
        assert {one.state for one in unit.sessions.waiting_at("lotus")} == may
        assert unit.sessions.waiting_at("other") == []


def test_the_diary_keeps_its_order_and_is_never_rewritten(database: SqlDatabase) -> None:
    add(database, session())
    lines = [
        SessionEvent("session-1", NOON, Event.START_SENT, SessionState.HELD, SessionState.STARTING, "first"),
        SessionEvent("session-1", NOON, Event.CREDIT, SessionState.STARTING, None),
    ]
    with database.write() as unit:
        for line in lines:
            unit.sessions.note(line)
    with database.read() as unit:
        assert unit.sessions.diary("session-1") == lines
    with pytest.raises(IntegrityError), database.engine.begin() as db:
        db.exec_driver_sql("UPDATE session_events SET detail = 'it never happened'")


# --- charge records -------------------------------------------------------------------------------------------


def record(number: int, *, hour: int = 1) -> ChargeRecord:
    ended_at = NOON + timedelta(hours=hour)
    gun = ConnectorRef("OP1", "gun-1")
    return ChargeRecord(f"R{number}", f"SEQ{number}", gun, NOON, ended_at, Decimal(10), Decimal(15), "CNY")


def booking(number: int, state: BookingState = BookingState.APPLIED, session_id: str = "session-1") -> Booking:
    return Booking("lotus", f"R{number}", session_id, state, yuan("15"), yuan("12"), yuan("3"), NOON)


def test_a_record_is_unbooked_until_somebody_has_looked_at_it(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.records.add_record("lotus", record(2), NOON + minutes(1))
        unit.records.add_record("lotus", record(1), NOON)
        unit.records.add_record("bamboo", record(1), NOON + minutes(2))
    with database.write() as unit:
        assert unit.bookings.unbooked(2) == [("lotus", record(1)), ("lotus", record(2))]
        unit.bookings.save(booking(1))
        unit.bookings.save(booking(2, BookingState.ORPHAN, ""))
        assert unit.bookings.unbooked(9) == [("bamboo", record(1))]
        assert unit.bookings.orphans(9) == [booking(2, BookingState.ORPHAN, "")]


def test_a_booking_is_kept_and_may_change(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.bookings.save(booking(1))
        assert unit.bookings.get("lotus", "R1") == booking(1)
        assert unit.bookings.get("bamboo", "R1") is None
        assert unit.bookings.live("session-1") == booking(1)
        taken_back = replace(booking(1), state=BookingState.CREDITED)
        unit.bookings.save(taken_back)
        assert unit.bookings.get("lotus", "R1") == taken_back
        assert unit.bookings.live("session-1") is None
        unit.bookings.save(replace(booking(2), credit_of="R1", state=BookingState.CREDIT))
        unit.bookings.save(booking(3))
        assert unit.bookings.live("session-1") == booking(3)


def test_a_session_has_one_live_record(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.bookings.save(booking(1))
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.bookings.save(booking(2))


def test_records_of_a_time_and_what_became_of_them(database: SqlDatabase) -> None:
    with database.write() as unit:
        for number, hour in ((1, 1), (2, 2), (3, 3)):
            unit.records.add_record("lotus", record(number, hour=hour), NOON + timedelta(hours=hour))
        unit.records.add_record("bamboo", record(4), NOON + timedelta(hours=2))
        unit.bookings.save(booking(2))
    with database.read() as unit:
        found = unit.bookings.between("lotus", NOON + timedelta(hours=1), NOON + timedelta(hours=3))
    assert found == [(record(1), None), (record(2, hour=2), booking(2))]
