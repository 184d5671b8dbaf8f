"""Every test ends with sound books."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.unit_of_work import SqlDatabase
from tests.core.services.cases.bench import Bench


@pytest.fixture
def bench(database: SqlDatabase) -> Iterator[Bench]:
    bench = Bench(database)
    yield bench
    assert bench.breaches() == []
