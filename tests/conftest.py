"""Databases for all tests: each test that asks for one gets its own, empty and migrated, on both engines."""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from storage.engine import open_engine
from storage.migrate import upgrade
from storage.unit_of_work import SqlDatabase
from tests import postgres
from tests.databases import database_in

IN_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 * 1024**3  # a run leaves about 300 MB there, PostgreSQL included


def pytest_configure() -> None:
    """Keep databases and files in memory where there is room: thousands of commits that need not wait for a disk.

    TMPDIR, where set, is obeyed. Bytecode is kept in any case: what each worker and each of the many processes
    of a run imports is compiled once. The workers of a parallel run inherit what is set here.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "TMPDIR" not in os.environ and _has_room(IN_MEMORY):
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None  # asked anew


def pytest_collection_finish() -> None:
    """What has been imported stays to the end: garbage is looked for in what tests make."""
    gc.collect()
    gc.freeze()


def _has_room(folder: Path) -> bool:
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize >= ENOUGH_BYTES and not there.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes or browsers go first: they take longest, and one begun last holds up the end."""
    slow = {one.path for one in items if one.get_closest_marker("process") or one.get_closest_marker("browser")}
    items.sort(key=lambda one: one.path not in slow)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command run inside a test sets up the logs of a process; the next test has its own again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    try:
        with postgres.running_server() as url:
            yield url
    except postgres.NoPostgres as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: URL) -> Iterator[URL]:
    url = postgres.create_database(postgres_server)
    upgrade(url.render_as_string(hide_password=False))
    yield url
    postgres.drop_database(postgres_server, url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A migrated SQLite database in a file."""
    return database_in(tmp_path)


@pytest.fixture
def postgres_url(postgres_server: URL, _postgres_template: URL) -> Iterator[str]:
    """A migrated database on a real PostgreSQL server."""
    url = postgres.create_database(postgres_server, str(_postgres_template.database))
    yield url.render_as_string(hide_password=False)
    postgres.drop_database(postgres_server, url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[SqlDatabase]:
    """The storage of one test, once on each engine."""
    database = SqlDatabase(open_engine(database_url))
    yield database
    database.close()
