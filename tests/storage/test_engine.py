"""What the two engines promise alike, and how they fail."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError

from core.errors import NotReady
from core.user import Channel, Identity
from storage.engine import database_url, open_engine
from storage.errors import StorageUnavailable
from storage.tables import metadata, stations, ticks
from storage.unit_of_work import SqlDatabase
from tests.storage import children
from tests.storage.samples import NOON, minutes, rows, save, station, stored


@pytest.fixture
def sqlite(sqlite_url: str) -> SqlDatabase:
    return SqlDatabase(open_engine(sqlite_url))


def test_urls() -> None:
    assert database_url("postgres://me@host/db").drivername == "postgresql+psycopg"
    assert database_url("postgresql://me@host/db").drivername == "postgresql+psycopg"
    assert database_url("sqlite:////tmp/x.db").database == "/tmp/x.db"
    for unusable in ("sqlite://", "sqlite:///:memory:", "mysql://host/db"):
        with pytest.raises(ValueError, match="database"):
            database_url(unusable)


def test_leaving_commits_and_an_exception_rolls_back(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.ticks.take("kept", "1", NOON)

    def work_and_fail() -> None:
        with database.write() as unit:
            assert unit.ticks.take("lost", "1", NOON)
            raise RuntimeError("oops")

    with pytest.raises(RuntimeError, match="oops"):
        work_and_fail()
    assert [row.job for row in rows(database, ticks)] == ["kept"]


def test_a_reader_cannot_write_but_a_writer_after_it_can(database: SqlDatabase) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match=r"read-only|reading"), database.read() as unit:
            unit.ticks.take("job", "1", NOON)
    with database.write() as unit:
        assert unit.ticks.take("job", "1", NOON)


def test_a_reader_sees_one_moment(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.read() as unit:
        before = unit.catalogue.external_ids("lotus")
        save(database, station(2))
        assert unit.catalogue.external_ids("lotus") == before == ["1"]


def test_times_are_aware_and_compare_as_times(database: SqlDatabase) -> None:
    save(database, station(1), at=NOON.replace(microsecond=1))
    with database.read() as unit:
        assert unit.catalogue.changed_since(NOON) == [station(1).id]
        assert unit.catalogue.changed_since(NOON.replace(microsecond=2)) == []
    with pytest.raises(Exception, match="no zone"), database.write() as unit:
        unit.catalogue.changed_since(datetime(2026, 1, 1))  # noqa: DTZ001 - what must be refused
    with pytest.raises(Exception, match="finite"):
        save(database, replace(station(2), connectors=(replace(station(2).connectors[0], power_kw=Decimal("NaN")),)))


def test_ping_says_what_is_wrong(database: SqlDatabase, tmp_path: Path) -> None:
    database.ping()
    with pytest.raises(StorageUnavailable, match="no tables yet"):
        SqlDatabase(open_engine(f"sqlite:///{tmp_path}/empty.db")).ping()
    (tmp_path / "text.db").write_text("this is not a database, and long enough to see that it is none " * 20)
    with pytest.raises(StorageUnavailable, match="not a database"):
        SqlDatabase(open_engine(f"sqlite:///{tmp_path}/text.db")).ping()
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        SqlDatabase(open_engine(f"sqlite:///{tmp_path}/no/folder.db")).ping()
    with pytest.raises(NotReady, match="does not answer"):
        SqlDatabase(open_engine(f"postgresql://nobody@/none?host={tmp_path}")).ping()


def test_values_stay_out_of_errors(database: SqlDatabase) -> None:
    save(database, station(1))
    with pytest.raises(IntegrityError) as failed, database.write() as unit:
        unit.catalogue.save_stations([station(2, name="secret name", external_id="1")], NOON)
    assert "secret name" not in str(failed.value)


def test_a_full_disk_is_said_and_nothing_is_half_written(sqlite: SqlDatabase) -> None:
    save(sqlite, station(1))
    with sqlite.engine.connect() as db:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
    sqlite.close()

    # The limit belongs to a connection: one connection, as if the disk had no more room.
    with sqlite.engine.connect() as db:
        db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = [station(number, name="long " * 200) for number in range(500)]
    with pytest.raises(StorageUnavailable, match="full"), sqlite.write() as unit:
        unit.catalogue.save_stations(many, NOON)
    assert stored(sqlite) == [station(1)]


def test_a_database_that_stays_locked_is_said(sqlite: SqlDatabase, sqlite_url: str) -> None:
    with sqlite.engine.connect() as db:  # its connection is the next one used
        db.exec_driver_sql("PRAGMA busy_timeout = 10")
    with open_engine(sqlite_url).begin():
        with sqlite.read() as unit:  # a reader does not wait for a writer
            assert unit.catalogue.external_ids("lotus") == []
        with pytest.raises(StorageUnavailable, match="locked"), sqlite.write():
            pytest.fail("two writers at once")


def test_sqlite_is_set_up_for_money(sqlite: SqlDatabase) -> None:
    with sqlite.engine.connect() as db:
        found = {
            name: db.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 20_000}


def test_sqlite_tables_are_strict(sqlite: SqlDatabase) -> None:
    names = set(inspect(sqlite.engine).get_table_names())
    assert names == set(metadata.tables) | {"alembic_version"}
    for table in metadata.tables.values():
        assert inspect(sqlite.engine).get_table_options(table.name).get("sqlite_strict"), table.name
    with (
        pytest.raises(IntegrityError, match="cannot store TEXT value in INTEGER column"),
        sqlite.engine.begin() as db,
    ):
        db.exec_driver_sql("INSERT INTO ticks (job, slot, taken_at) VALUES ('job', 'slot', 'today')")


def test_coordinates_are_checked_by_the_database(database: SqlDatabase) -> None:
    save(database, station(1))
    with pytest.raises(IntegrityError), database.engine.begin() as db:
        db.execute(stations.update().values(lat=91.0))
    with database.engine.begin() as db:
        assert db.execute(select(stations.c.lat)).scalar() == 22.54


@pytest.mark.process
def test_writing_processes_wait_for_each_other(database: SqlDatabase, database_url: str) -> None:
    with database.write() as unit:
        lin, _ = unit.users.register(Identity(Channel.TELEGRAM, "Lin"), "en", NOON)
    writers: list[subprocess.Popen[str]] = [children.start("eat", database_url, lin.id, "20") for _ in range(3)]
    try:
        for writer in writers:
            writer.communicate(timeout=90)
            assert writer.returncode == 0
    finally:
        children.end(one for one in writers if one.poll() is None)
    with database.read() as unit:
        after = unit.users.get(lin.id)
    assert after is not None
    assert after.energy_kwh == lin.energy_kwh + 60


def test_writers_of_the_same_stations_do_not_block_for_ever(database: SqlDatabase) -> None:
    """Everybody takes stations in one order, whatever order the lists have."""
    numbers = range(60)
    save(database, *(station(number) for number in numbers))

    def write(turn: int) -> None:
        order = list(numbers) if turn % 2 else list(reversed(numbers))
        with database.write() as unit:
            unit.catalogue.save_stations([station(n, name=f"turn {turn}") for n in order], NOON + minutes(turn))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert len({one.name for one in stored(database)}) == 1
