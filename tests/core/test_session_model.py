"""The search of the session machine: nothing wrong in the real one, and each planted bug found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.session import MOVES, Event, SessionState
from core.settlement import Settlement, settle
from tests.core.session_model import Report, Rules, search

S, E = SessionState, Event


def with_moves(event: Event, **moves: SessionState) -> Rules:
    changed = MOVES[event] | {SessionState(state): to for state, to in moves.items()}
    return Rules(moves={**MOVES, event: changed})


def without_min(hold: int, total: int, ours: int | None = None, periods: int = 1) -> Settlement:
    right = settle(hold, total, ours, periods)
    return replace(right, captured=total, released=hold - total, overrun=0)


@pytest.mark.parametrize("honest", [True, False], ids=["honest", "lying"])
def test_no_order_of_events_leads_to_wrong_money(honest: bool) -> None:
    report = search(Rules(honest=honest))
    print(f"{'honest' if honest else 'lying'} supplier: {report}")
    assert not report.wrong, str(report)
    assert report.states > 200
    assert report.ends > 20


PLANTED = {
    "capture without min": (Rules(settle=without_min), "the driver pays beyond the hold"),
    "void on timeout": (
        with_moves(E.START_SILENT, starting=S.START_FAILED),
        "delivered and told, and not billed to the driver",
    ),
    "record booked twice": (
        Rules(remembers_records=False),
        "the supplier is owed other than its record says",
    ),
    "start failed while charging": (
        with_moves(E.NEVER_STARTED, charging=S.START_FAILED),
        "delivered and told, and not billed to the driver",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    rules, wrong = PLANTED[bug]
    report: Report = search(rules)
    print(f"{bug}: {report}")
    assert report.wrong == wrong, str(report)
    assert 0 < len(report.trace) <= 9
