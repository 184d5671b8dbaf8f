"""The migrations make the tables that the code expects, from any start, however many run them at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, CheckConstraint, inspect, text

from storage import migrate
from storage.engine import open_engine
from storage.tables import metadata
from storage.unit_of_work import SqlDatabase
from tests import postgres
from tests.storage import children

# SQLAlchemy reads no collations of indexes, so what has one stands in the migration alone.
BY_BYTES = "ix_connectors_connector_id_bytes"
BY_BYTES_MADE = (
    f'CREATE INDEX {BY_BYTES} ON public.connectors USING btree (connector_id COLLATE "C")'  # as PostgreSQL tells it
)


def test_migrations_and_tables_agree(database: SqlDatabase) -> None:
    with database.engine.begin() as db:
        context = MigrationContext.configure(
            db,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: (kind, name) != ("index", BY_BYTES),
            },
        )
        assert compare_metadata(context, metadata) == []
        if db.dialect.name == "postgresql":
            told = text("SELECT indexdef FROM pg_indexes WHERE indexname = :name")
            assert db.execute(told, {"name": BY_BYTES}).scalars().all() == [BY_BYTES_MADE]
        # Alembic does not compare these.
        found = {
            one["name"]
            for table in metadata.tables
            for one in inspect(db).get_check_constraints(table)
            if one["name"]
        }
    checks = [one for table in metadata.tables.values() for one in table.constraints]
    assert found == {one.name for one in checks if isinstance(one, CheckConstraint)}


def test_nothing_is_pending_after_an_upgrade(database_url: str) -> None:
    assert not migrate.pending(database_url)
    migrate.upgrade(database_url)
    assert not migrate.pending(database_url)


def test_the_newest_file_is_the_only_head(database: SqlDatabase) -> None:
    with database.engine.begin() as db:
        scripts = ScriptDirectory.from_config(migrate._config(db))
    assert scripts.get_heads() == [migrate.head()]


def test_an_older_database_is_pending(database_url: str, database: SqlDatabase) -> None:
    with database.engine.begin() as db:
        command.downgrade(migrate._config(db), "-1")
    assert migrate.pending(database_url)


def test_a_new_file_is_made_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/new/folder/kilowatch.db"
    assert migrate.pending(url)
    assert not (tmp_path / "new").exists()
    migrate.upgrade(url)
    assert not migrate.pending(url)
    SqlDatabase(open_engine(url)).ping()


def test_back_to_nothing_and_up_again(database_url: str, database: SqlDatabase) -> None:
    with database.engine.begin() as db:
        command.downgrade(migrate._config(db), "base")
    with database.engine.begin() as db:
        assert inspect(db).get_table_names() == ["alembic_version"]
    assert migrate.pending(database_url)
    migrate.upgrade(database_url)
    database.ping()


@pytest.mark.process
def test_processes_that_start_at_once_on_sqlite(tmp_path: Path) -> None:
    _start_at_once(f"sqlite:///{tmp_path}/new.db")


@pytest.mark.process
@pytest.mark.postgres
def test_processes_that_start_at_once_on_postgres(postgres_server: URL) -> None:
    url = postgres.create_database(postgres_server)
    try:
        _start_at_once(url.render_as_string(hide_password=False))
    finally:
        postgres.drop_database(postgres_server, url)


def _start_at_once(url: str) -> None:
    starting = [children.start("migrate", url) for _ in range(3)]
    try:
        for one in starting:
            one.communicate(timeout=60)
            assert one.returncode == 0
    finally:
        children.end(one for one in starting if one.poll() is None)
    assert not migrate.pending(url)
    SqlDatabase(open_engine(url)).ping()
