"""One sandbox server for all tests of this folder that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()
