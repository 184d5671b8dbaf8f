"""Random lives at the real service: a short run here, a long one under soak."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.charging_machine import ChargingMachine

SHORT = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,  # the same lives each time: chance belongs into the soak
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_random_lives_keep_every_invariant(sqlite_url: str) -> None:
    ChargingMachine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    run_state_machine_as_test(ChargingMachine, settings=SHORT)
