"""A garage whose books are checked when a test is over: on SQLite, or on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.unit_of_work import SqlDatabase
from tests.core.services.charging.garage import Garage, quick_database


@pytest.fixture
def garage(sqlite_url: str) -> Iterator[Garage]:
    database = quick_database(Path(sqlite_url.removeprefix("sqlite:///")))
    garage = Garage(database)
    yield garage
    garage.check()
    database.close()


@pytest.fixture
def either(database: SqlDatabase) -> Iterator[Garage]:
    """For what the database has a say in."""
    garage = Garage(database)
    yield garage
    garage.check()
