"""Two drivers at one gun, and one driver who taps like mad: one charge, one hold, one start, and a clear word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contention import Contest
from tests.world import make_world

ROUNDS = int(os.environ.get("CONTEST_ROUNDS", "3"))


@pytest.fixture
def contest(database_url: str, tmp_path: Path) -> Iterator[Contest]:
    contest = Contest(make_world(tmp_path, database_url=database_url))
    yield contest
    contest.check()
    contest.world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


def test_two_drivers_one_gun(contest: Contest) -> None:
    for _ in range(ROUNDS):
        assert contest.two_at_one_gun() == (1, ["gun_busy"])


def test_twenty_taps_on_one_button(contest: Contest) -> None:
    for _ in range(max(ROUNDS // 10, 1)):
        assert contest.taps(20) == (1, [])
