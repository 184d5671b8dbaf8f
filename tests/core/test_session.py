"""The table of moves, and the times of looking."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import session
from core.session import BUSY, LIVE, MOVES, Event, SessionState, move, next_look_after

S, E = SessionState, Event


def test_what_is_live_and_what_is_busy() -> None:
    assert {S.AWAIT_RECORD} == LIVE - BUSY
    assert {S.HELD, S.STARTING, S.START_UNKNOWN, S.CHARGING, S.STOPPING, S.STOP_UNKNOWN} == BUSY


def test_every_event_is_in_the_table_and_every_state_can_be_reached() -> None:
    assert set(MOVES) == set(Event)
    reached = {to for moves in MOVES.values() for to in moves.values()}
    assert reached == set(SessionState) - {S.HELD}


# The drawing of docs/money.md, a line for each arrow; what ends a session from anywhere is tested below.
DRAWN = """
held          start_sent     starting
held          not_sent       start_failed
starting      start_refused  start_failed
starting      start_silent   start_unknown
starting      charges        charging
start_unknown charges        charging
start_unknown never_started  start_failed
start_unknown no_answer      provisional
charging      stop_asked     stopping
stop_unknown  stop_asked     stopping
stopping      stop_silent    stop_unknown
starting      ended          await_record
start_unknown ended          await_record
charging      ended          await_record
stopping      ended          await_record
stop_unknown  ended          await_record
start_failed  record_in_doubt review
provisional   forgotten      closed
settled       credit         credited
review        credit         credited
review        decided        settled
"""
FROM_ANYWHERE = {E.RECORD, E.RECORD_IN_DOUBT, E.NO_RECORD}


def test_the_table_is_the_drawing() -> None:
    drawn = {tuple(line.split()) for line in DRAWN.strip().splitlines()}
    table = {
        (str(state), str(event), str(to))
        for event, moves in MOVES.items()
        for state, to in moves.items()
        if event not in FROM_ANYWHERE or state is S.START_FAILED
    }
    assert table == drawn
    assert set(MOVES[E.RECORD]) == LIVE | {S.PROVISIONAL, S.CREDITED, S.CLOSED}
    assert set(MOVES[E.RECORD_IN_DOUBT]) == set(MOVES[E.RECORD]) | {S.START_FAILED}
    assert set(MOVES[E.NO_RECORD]) == LIVE


def test_the_times_that_were_promised() -> None:
    assert timedelta(hours=24) == session.START_UNKNOWN_FOR_AT_MOST
    assert timedelta(hours=48) == session.RECORD_WITHIN
    assert timedelta(hours=72) == session.NOTHING_HELD_BEYOND
    assert timedelta(days=30) == session.RECORD_FORGOTTEN_AFTER
    assert (timedelta(minutes=5), timedelta(minutes=2)) == (session.QUOTE_HOLDS_FOR, session.START_EXPIRES_AFTER)
    assert (timedelta(seconds=60), 3) == (session.ASKED_TWICE_APART, session.STOP_TRIES)
    assert str(session.STOP_AT_SHARE_OF_HOLD) == "0.9"


def test_no_money_is_stuck() -> None:
    """From every live state one of the deadlines leads out, and so does a record."""
    for state in LIVE:
        assert move(state, E.NO_RECORD) is S.PROVISIONAL
        assert move(state, E.RECORD) is S.SETTLED
        assert move(state, E.RECORD_IN_DOUBT) is S.REVIEW


@pytest.mark.parametrize("event", [E.NEVER_STARTED, E.START_REFUSED, E.NOT_SENT])
def test_a_start_that_was_seen_alive_cannot_fail(event: Event) -> None:
    for state in (S.CHARGING, S.STOPPING, S.STOP_UNKNOWN, S.AWAIT_RECORD, S.SETTLED):
        assert move(state, event) is None


def test_silence_never_fails_a_start() -> None:
    assert MOVES[E.START_SILENT] == {S.STARTING: S.START_UNKNOWN}
    assert MOVES[E.STOP_SILENT] == {S.STOPPING: S.STOP_UNKNOWN}
    assert MOVES[E.NO_ANSWER] == {S.START_UNKNOWN: S.PROVISIONAL}


def test_a_failed_start_is_never_settled_by_a_machine() -> None:
    assert [event for event in Event if move(S.START_FAILED, event)] == [E.RECORD_IN_DOUBT]


def test_what_is_settled_changes_by_a_credit_alone() -> None:
    assert {event: move(S.SETTLED, event) for event in Event if move(S.SETTLED, event)} == {E.CREDIT: S.CREDITED}
    assert {event for event in Event if move(S.CREDITED, event)} == {E.RECORD, E.RECORD_IN_DOUBT}
    assert {event for event in Event if move(S.REVIEW, event)} == {E.CREDIT, E.DECIDED}


def seconds(state: SessionState, looks: int) -> float:
    return next_look_after(state, looks) / timedelta(seconds=1)


def test_a_start_in_doubt_is_asked_for_often_and_then_less() -> None:
    assert [seconds(S.START_UNKNOWN, looks) for looks in (0, 7, 8, 37, 38)] == [15, 15, 60, 60, 600]
    assert [seconds(S.CHARGING, looks) for looks in (0, 29, 30)] == [20, 20, 60]
    assert [seconds(S.STARTING, looks) for looks in (0, 3, 4, 30)] == [5, 5, 20, 60]
    for state in (S.HELD, S.STOPPING, S.STOP_UNKNOWN):
        assert [seconds(state, looks) for looks in (0, 29, 30)] == [20, 20, 60]
    assert seconds(S.AWAIT_RECORD, 0) == 600
    assert seconds(S.PROVISIONAL, 0) == seconds(S.CREDITED, 5) == 6 * 3600
