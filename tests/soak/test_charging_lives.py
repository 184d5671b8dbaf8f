"""Random lives at the charging service, many and long."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.charging_machine import ChargingMachine

LONG = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_random_lives_keep_every_invariant(sqlite_url: str) -> None:
    ChargingMachine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    run_state_machine_as_test(ChargingMachine, settings=LONG)
