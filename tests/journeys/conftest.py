"""One sandbox for all journeys, reached over one protocol after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.sandbox import city as sandbox_city
from tests.adapters.sandbox.process import SandboxProcess
from tests.journeys.trip import Trip, over_cec, over_ocpi


@pytest.fixture(scope="session")
def journeys_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()


@pytest.fixture(scope="module", params=[over_cec, over_ocpi], ids=["cec", "ocpi"])
def connected(
    request: pytest.FixtureRequest, journeys_sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trip]:
    with request.param(journeys_sandbox, sandbox_city.build(), tmp_path_factory.mktemp("trip")) as trip:
        yield trip


@pytest.fixture
def trip(connected: Trip) -> Iterator[Trip]:
    connected.begin()
    yield connected
    connected.check()
