"""A part of a transaction that may fail: what it costs, and what it does not."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from storage.engine import open_engine
from storage.errors import StorageUnavailable
from storage.tables import ticks
from storage.unit_of_work import SqlDatabase, SqlUnitOfWork
from tests.storage.samples import NOON, rows


def jobs(database: SqlDatabase) -> list[str]:
    return sorted(row.job for row in rows(database, ticks))


def ask_nonsense(unit: SqlUnitOfWork) -> None:
    """A statement that the database refuses."""
    unit.changes.db.exec_driver_sql("SELECT * FROM ticks WHERE there_is_no_such_column = 1")


def fail_inside(unit: SqlUnitOfWork, job: str) -> None:
    """Write something, and run into an error of the database."""
    with unit.attempt():
        assert unit.ticks.take(job, "1", NOON)
        ask_nonsense(unit)


def test_an_error_inside_costs_what_was_done_inside_and_no_more(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.ticks.take("before", "1", NOON)
        with pytest.raises(DBAPIError, match="there_is_no_such_column"):
            fail_inside(unit, "inside")
        assert unit.ticks.take("after", "1", NOON)
    assert jobs(database) == ["after", "before"]


def test_what_does_not_fail_is_kept_with_the_rest_and_goes_with_the_rest(database: SqlDatabase) -> None:
    def work(job: str, failure: Exception | None) -> None:
        with database.write() as unit:
            with unit.attempt():
                assert unit.ticks.take(job, "1", NOON)
            if failure is not None:
                raise failure

    work("kept", None)
    with pytest.raises(RuntimeError, match="later"):
        work("lost", RuntimeError("later"))
    assert jobs(database) == ["kept"]


def test_an_attempt_inside_an_attempt(database: SqlDatabase) -> None:
    with database.write() as unit:
        with unit.attempt():
            assert unit.ticks.take("outer", "1", NOON)
            with pytest.raises(DBAPIError):
                fail_inside(unit, "inner")
        assert unit.ticks.take("after", "1", NOON)
    assert jobs(database) == ["after", "outer"]


def test_a_reader_reads_on_and_still_cannot_write(database: SqlDatabase) -> None:
    with database.read() as unit:
        with pytest.raises(DBAPIError, match="there_is_no_such_column"), unit.attempt():
            ask_nonsense(unit)
        with pytest.raises(DBAPIError), unit.attempt():
            unit.ticks.take("job", "1", NOON)
        assert unit.catalogue.external_ids("lotus") == []
    assert jobs(database) == []


def give_it_all_up(unit: SqlUnitOfWork) -> None:
    """As SQLite does by itself on a full disk: the whole transaction is gone."""
    unit.changes.db.exec_driver_sql("INSERT OR ROLLBACK INTO ticks SELECT * FROM ticks")


def test_a_transaction_that_is_gone_writes_nothing_more(sqlite_url: str) -> None:
    database = SqlDatabase(open_engine(sqlite_url))

    def go_on_all_the_same(*, write: bool) -> None:
        with database.write() as unit:
            assert unit.ticks.take("before", "1", NOON)
            with pytest.raises(DBAPIError, match="UNIQUE"), unit.attempt():
                give_it_all_up(unit)
            if write:
                unit.ticks.take("after", "1", NOON)

    for write in (True, False):
        with pytest.raises(StorageUnavailable, match="halfway"):
            go_on_all_the_same(write=write)
        assert jobs(database) == []
    with database.write() as unit:
        assert unit.ticks.take("next", "1", NOON)
    assert jobs(database) == ["next"]
    database.close()


def test_a_connection_that_is_gone_is_said(postgres_url: str) -> None:
    database = SqlDatabase(open_engine(postgres_url))

    def go_on_all_the_same() -> None:
        with database.write() as unit:
            with pytest.raises(DBAPIError), unit.attempt():
                unit.changes.db.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
            unit.ticks.take("after", "1", NOON)

    with pytest.raises(StorageUnavailable, match="halfway"):
        go_on_all_the_same()
    assert jobs(database) == []
    database.close()
